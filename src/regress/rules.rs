//! What a comparison is told: tolerances, directions, level of the tests.

use std::str::FromStr;

use super::error::RegressError;
use super::metric::Direction;
use super::noise::Noise;
use crate::deltas::NamePattern;
use crate::stats;

/// Everything that decides beside the numbers.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What is said of metrics, the list that counts more first: what the first says of a metric, no other changes.
    pub said: Vec<Said>,
    /// Spread of repeated runs.
    pub noise: Noise,
    /// Chance of a false alarm that is accepted, over all tests together.
    pub alpha: f64,
    /// How tests are taken together.
    pub correction: Correction,
    /// Whether a metric that is missing passes.
    pub allow_missing: bool,
    /// Of the bootstrap intervals.
    pub resamples: usize,
    /// Of the bootstrap intervals.
    pub seed: u64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            said: Vec::new(),
            noise: Noise::default(),
            alpha: 0.05,
            correction: Correction::Holm,
            allow_missing: false,
            resamples: stats::RESAMPLES,
            seed: 0,
        }
    }
}

/// Tolerances and directions by pattern.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// How far metrics may get worse.
    pub tolerances: Vec<MetricTolerance>,
    /// Which way is better.
    pub directions: Vec<(NamePattern, Direction)>,
}

/// How p-values of many metrics are adjusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Correction {
    /// The chance of even one false alarm is at most α.
    Holm,
    /// Of the alarms a share of at most α is expected to be false.
    BenjaminiHochberg,
    /// Each test for itself.
    None,
}

/// How far a metric may get worse.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tolerance {
    /// In the metric's own units.
    Absolute(f64),
    /// A share of the baseline's size: 0.02 for `2%`.
    Relative(f64),
}

/// A tolerance for the metrics of a pattern.
#[derive(Clone, Debug)]
pub struct MetricTolerance {
    /// A name or a glob.
    pub pattern: NamePattern,
    /// How far.
    pub tolerance: Tolerance,
}

impl Rules {
    /// The tolerance of a metric: of the patterns that match, the name itself, else the longest, else the first.
    pub fn tolerance(&self, metric: &str) -> Option<&MetricTolerance> {
        self.said
            .iter()
            .find_map(|said| closest(said.tolerances.iter().map(|given| (&given.pattern, given)), metric))
    }

    /// The direction that was told of a metric, chosen in the same way.
    pub fn direction(&self, metric: &str) -> Option<Direction> {
        let of = |said: &Said| closest(said.directions.iter().map(|(pattern, to)| (pattern, *to)), metric);
        self.said.iter().find_map(of)
    }
}

/// What belongs to the pattern that says most about a name.
fn closest<'a, T>(patterns: impl Iterator<Item = (&'a NamePattern, T)>, name: &str) -> Option<T> {
    let mut best: Option<(bool, usize, T)> = None;
    for (pattern, value) in patterns.filter(|(pattern, _)| pattern.matches(name)) {
        let (itself, length) = (pattern.as_str() == name, pattern.as_str().len());
        if best
            .as_ref()
            .is_none_or(|(best_itself, best_length, _)| (itself, length) > (*best_itself, *best_length))
        {
            best = Some((itself, length, value));
        }
    }
    best.map(|(_, _, value)| value)
}

impl Tolerance {
    /// How far the value may get worse from there.
    pub fn absolute(self, baseline: f64) -> f64 {
        match self {
            Self::Absolute(tolerance) => tolerance,
            Self::Relative(share) => share * baseline.abs(),
        }
    }
}

impl FromStr for Tolerance {
    type Err = RegressError;

    /// `0.01`, or `2%` of the baseline.
    fn from_str(text: &str) -> Result<Self, RegressError> {
        let refused = |reason| RegressError::Tolerance { text: text.to_owned(), reason };
        let number = |text: &str| {
            let value: f64 =
                text.trim().parse().map_err(|_| refused("it is neither a number nor a number with %"))?;
            if value.is_finite() && value >= 0.0 {
                Ok(value)
            } else {
                Err(refused("it is negative or not finite"))
            }
        };
        match text.trim().strip_suffix('%') {
            Some(percent) => number(percent).map(|percent| Self::Relative(percent / 100.0)),
            None => number(text).map(Self::Absolute),
        }
    }
}

impl FromStr for MetricTolerance {
    type Err = RegressError;

    /// `METRIC=TOLERANCE`; the name may hold `=` itself.
    fn from_str(text: &str) -> Result<Self, RegressError> {
        let refused = |reason| RegressError::Tolerance { text: text.to_owned(), reason };
        let (pattern, tolerance) = text.rsplit_once('=').ok_or_else(|| refused("there is no `=` in it"))?;
        let pattern =
            pattern.parse().map_err(|_| refused("what stands before `=` is no name and no glob"))?;
        Ok(Self { pattern, tolerance: tolerance.parse()? })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    #[test]
    fn a_tolerance_is_absolute_or_a_share_of_the_baseline() {
        assert_eq!("0.5".parse::<Tolerance>().unwrap().absolute(-200.0), 0.5);
        assert_eq!("2%".parse::<Tolerance>().unwrap().absolute(-200.0), 4.0);
        let given: MetricTolerance = "a=b/acc=1e-3".parse().unwrap();
        assert_eq!((given.pattern.as_str(), given.tolerance), ("a=b/acc", Tolerance::Absolute(0.001)));
        for bad in ["acc", "acc=", "acc=-1", "acc=nan", "acc=2%%", "[=1"] {
            assert_eq!(bad.parse::<MetricTolerance>().unwrap_err().kind(), "tolerance", "{bad}");
        }
    }

    #[test]
    fn the_name_itself_beats_a_glob_and_a_longer_glob_a_shorter_one() {
        let said = |texts: &[&str]| Said {
            tolerances: texts.iter().map(|text| text.parse().unwrap()).collect(),
            directions: Vec::new(),
        };
        let said = vec![said(&["loss=9"]), said(&["*=3", "wiki/*=2", "wiki/ppl=1", "wiki/p*=4", "loss=1"])];
        let rules = Rules { said, ..Rules::default() };
        let found = |metric| rules.tolerance(metric).map(|given| given.tolerance);
        assert_eq!(found("wiki/ppl"), Some(Tolerance::Absolute(1.0)));
        assert_eq!(found("wiki/pp"), Some(Tolerance::Absolute(4.0)));
        assert_eq!(found("wiki/x"), Some(Tolerance::Absolute(2.0)));
        assert_eq!(found("x"), Some(Tolerance::Absolute(3.0)));
        assert_eq!(found("loss"), Some(Tolerance::Absolute(9.0)), "the first list counts more");
    }
}
