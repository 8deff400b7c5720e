//! What a comparison found.

use super::metric::Direction;
use super::noise::Spread;
pub use crate::stats::Interval;

/// Two measurements, metric by metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// By status, the worst first, then by name.
    pub rows: Vec<Row>,
    /// How many of each.
    pub summary: Summary,
    /// Tests that were taken together.
    pub tests: usize,
}

/// Metrics by status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named after its status")]
pub struct Summary {
    pub regressed: usize,
    pub missing: usize,
    pub improved: usize,
    pub ok: usize,
    pub new: usize,
}

/// One metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its name.
    pub metric: String,
    /// Before; none of a new metric.
    pub baseline: Option<f64>,
    /// After; none of a missing one.
    pub current: Option<f64>,
    /// Which way is better; none where nobody says.
    pub direction: Option<(Direction, DirectionFrom)>,
    /// How far it may get worse; none where a test decides, or nothing does.
    pub tolerance: Option<Tolerated>,
    /// How repeated runs scatter.
    pub noise: Option<Spread>,
    /// What samples or standard errors say; it decides where there is no tolerance.
    pub test: Option<Test>,
    /// The verdict.
    pub status: Status,
    /// Its reason.
    pub why: Why,
}

/// The verdict on one metric, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Worse than is allowed.
    Regressed,
    /// There before and not now, or measured in another way.
    Missing,
    /// Better by more than is allowed for worse.
    Improved,
    /// Neither.
    Ok,
    /// Not there before.
    New,
}

/// Who says which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirectionFrom {
    /// The caller.
    Told,
    /// The file of results.
    Reported,
    /// The table of well-known metrics.
    Known,
}

/// A tolerance as it was used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerated {
    /// In the metric's units.
    pub value: f64,
    /// Where it came from.
    pub from: ToleranceFrom,
}

/// Where a tolerance came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToleranceFrom {
    /// An absolute one was given.
    Absolute,
    /// A share of the baseline was given.
    Relative,
    /// Repeated runs.
    Noise,
}

/// The test of one metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Test {
    /// Which.
    pub kind: TestKind,
    /// Pairs; of an unpaired test the smaller number of items, where it is known.
    pub n: Option<u64>,
    /// Two-sided.
    pub p_value: f64,
    /// With the correction for all tests together; none where a tolerance decides.
    pub adjusted_p: Option<f64>,
    /// 95 % interval of the change.
    pub interval: Option<(Interval, IntervalKind)>,
    /// Change that would be found four times in five, by this test alone.
    pub detectable: Option<f64>,
    /// Items that were lost and won, where an item is right or wrong.
    pub flipped: Option<(u64, u64)>,
}

/// How a p-value was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestKind {
    /// `McNemar`'s, mid-p: the same items, right or wrong.
    McNemar,
    /// Wilcoxon's: the same items, any numbers.
    SignedRank,
    /// Student's on differences: as before, where ranks and mean point different ways.
    PairedT,
    /// Two shares of different items, or of items that are not known.
    PooledShares,
    /// Two means with standard errors.
    StandardErrors,
}

/// How an interval was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntervalKind {
    /// Bootstrap of the mean difference, bias-corrected and accelerated.
    Bootstrap,
    /// Newcombe's hybrid of two score intervals.
    Newcombe,
    /// Change ± 1.96 standard errors.
    Normal,
}

/// Why a metric has its status.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the fields are what the sentences say of them")]
pub enum Why {
    /// Nothing changed.
    Same,
    /// The change is within the tolerance.
    Tolerated,
    /// It is beyond the tolerance.
    BeyondTolerance,
    /// The test finds no change.
    NotShown,
    /// The test finds one.
    Shown,
    /// There is neither a tolerance nor anything to test.
    AnyChange,
    /// It changed by more than is allowed, and nobody says which way is better.
    NoDirection { shown: bool },
    /// It is no longer finite, or in another way.
    NotFinite,
    /// It is finite again.
    FiniteAgain,
    /// It was not finite before, and is the same now.
    NeverFinite,
    /// Not measured now.
    Absent,
    /// Measured in another way.
    OtherProtocol { baseline: String, current: String },
    /// Not measured before.
    Added,
}

impl Summary {
    /// Counts the rows.
    pub fn of(rows: &[Row]) -> Self {
        let count = |status| rows.iter().filter(|row| row.status == status).count();
        Self {
            regressed: count(Status::Regressed),
            missing: count(Status::Missing),
            improved: count(Status::Improved),
            ok: count(Status::Ok),
            new: count(Status::New),
        }
    }
}

impl Row {
    /// `current` − `baseline`.
    pub fn change(&self) -> Option<f64> {
        Some(self.current? - self.baseline?)
    }

    /// The change over the size of the baseline; of 0 it is infinite, or NaN where nothing changed.
    pub fn relative_change(&self) -> Option<f64> {
        Some(self.change()? / self.baseline?.abs())
    }
}
