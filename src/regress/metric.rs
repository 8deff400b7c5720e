//! Metrics of one measurement, whatever file they came from.

use std::collections::BTreeMap;

/// Everything one side of a comparison measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    /// The file or folder, as typed.
    pub path: String,
    /// What it is: `diagnose.evaluate/1`, `lm-evaluation-harness`, `table`.
    pub kind: String,
    /// No name stands twice.
    pub rows: Vec<Metric>,
    /// What could not be read and is in no metric.
    pub notes: Vec<String>,
}

/// One number with what is known of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metric {
    /// Such as `hellaswag/acc_norm` or `perplexity/mean_nll`; a slash goes before the metric's own name.
    pub name: String,
    /// May be NaN or infinite.
    pub value: f64,
    /// Of the value; finite and not negative.
    pub standard_error: Option<f64>,
    /// Items that the value is over.
    pub n: Option<u64>,
    /// Which way is better, where the source says.
    pub direction: Option<Direction>,
    /// How it was measured. Two values of different protocols are not compared.
    pub protocol: Option<String>,
    /// A number an item, whose mean is `value`; empty where there are none.
    pub samples: BTreeMap<String, f64>,
}

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
}

impl Direction {
    /// How much better `current` is than `baseline`, in the metric's own units; negative is worse.
    pub fn gain(self, baseline: f64, current: f64) -> f64 {
        match self {
            Self::Higher => current - baseline,
            Self::Lower => baseline - current,
        }
    }
}

impl Metric {
    /// A number of which nothing else is known.
    pub fn bare(name: impl Into<String>, value: f64) -> Self {
        Self { name: name.into(), value, ..Self::default() }
    }

    /// The samples, where they are what the value is made of: their mean is the value, to a part in 10⁶.
    ///
    /// A score that is no mean of what its samples show (F1, a correlation, exp of a mean) cannot be tested by them.
    #[must_use]
    pub fn with_samples(self, samples: BTreeMap<String, f64>) -> Self {
        let mean = samples.values().sum::<f64>() / samples.len() as f64;
        let same = (mean - self.value).abs() <= 1e-6 * self.value.abs().max(1.0);
        if same || (!mean.is_finite() && !self.value.is_finite()) { Self { samples, ..self } } else { self }
    }
}
