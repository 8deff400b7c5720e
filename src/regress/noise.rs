//! How much a metric varies from run to run of one model, and what that allows.

use std::collections::BTreeMap;

use super::error::RegressError;
use crate::stats::student_quantile;

/// Spread by metric.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Noise(BTreeMap<String, Spread>);

/// How runs of one model scatter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Runs with a finite value; at least two.
    pub runs: usize,
    /// s, with runs − 1 in it.
    pub standard_deviation: f64,
}

impl Noise {
    /// The spread of each metric over runs; values that are not finite, and metrics with fewer than two others, have none.
    ///
    /// # Errors
    /// [`RegressError::NoSpread`], where no metric has one; `path` is what the runs are called.
    pub fn of_runs(runs: &BTreeMap<String, Vec<f64>>, path: &str) -> Result<Self, RegressError> {
        let spreads = runs.iter().filter_map(|(metric, values)| {
            let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
            let spread = crate::stats::standard_error(&finite)?;
            let runs = finite.len();
            Some((metric.clone(), Spread { runs, standard_deviation: spread * (runs as f64).sqrt() }))
        });
        let spreads: BTreeMap<String, Spread> = spreads.collect();
        if spreads.is_empty() {
            Err(RegressError::NoSpread { path: path.to_owned() })
        } else {
            Ok(Self(spreads))
        }
    }

    /// The spread of a metric.
    pub fn spread(&self, metric: &str) -> Option<Spread> {
        self.0.get(metric).copied()
    }
}

impl Spread {
    /// How far two single runs of one model are apart at most, but for one time in 1 / `alpha`.
    ///
    /// ```text
    /// t(1 − α/2; runs − 1) · √2 · s
    /// ```
    ///
    /// t is Student's quantile: with few runs s itself is uncertain, and the factor grows (12.7 for two runs, 4.3 for three, 2.3
    /// for ten, at α = 0.05). √2 because baseline and current scatter both. Assumes that runs are independent and near normal.
    ///
    /// Degenerate: 0 where all runs agree.
    pub fn tolerance(self, alpha: f64) -> f64 {
        if self.standard_deviation == 0.0 {
            return 0.0;
        }
        let factor = student_quantile(self.runs as f64 - 1.0, alpha / 2.0);
        factor * std::f64::consts::SQRT_2 * self.standard_deviation
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    #[test]
    fn few_runs_allow_more_by_students_factor() {
        let runs = BTreeMap::from([
            ("a".to_owned(), vec![1.0, 2.0, 3.0, f64::NAN]),
            ("same".to_owned(), vec![5.0; 4]),
            ("once".to_owned(), vec![5.0]),
        ]);
        let noise = Noise::of_runs(&runs, "runs").unwrap();
        let spread = noise.spread("a").unwrap();
        assert_eq!((spread.runs, noise.spread("once")), (3, None));
        assert!((spread.standard_deviation - 1.0).abs() < 1e-15);
        // scipy.stats.t.ppf(0.975, 2) * 2 ** 0.5, SciPy 1.17.1.
        assert!((spread.tolerance(0.05) - 6.084_869_844_593_32).abs() < 1e-9, "{}", spread.tolerance(0.05));
        assert_eq!(noise.spread("same").unwrap().tolerance(0.05), 0.0);
        assert_eq!(Noise::of_runs(&BTreeMap::new(), "runs").unwrap_err().kind(), "no-spread");
    }
}
