//! Why two measurements cannot be compared.

use std::path::PathBuf;

use crate::tensor::Printable;

/// Why there is nothing to compare.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what the messages say of them")]
pub enum RegressError {
    /// A record of a command that measures nothing comparable.
    #[error("{}: a record of 'diagnose {command}' has no metrics that are compared", Printable(&.path.to_string_lossy()))]
    NoMetrics { path: PathBuf, command: String },
    /// A record that lacks what its version should have.
    #[error("{}: not a whole record diagnose.{command}: {missing}", Printable(&.path.to_string_lossy()))]
    Incomplete { path: PathBuf, command: String, missing: String },
    /// A table in no layout that is understood.
    #[error("{}: {reason}", Printable(&.path.to_string_lossy()))]
    Layout { path: PathBuf, reason: String },
    /// A name that two rows have.
    #[error("{}: the metric `{}` stands twice", Printable(&.path.to_string_lossy()), Printable(.metric))]
    Twice { path: PathBuf, metric: String },
    /// A tolerance that is none.
    #[error("'{}' is no tolerance: {reason}", Printable(.text))]
    Tolerance { text: String, reason: &'static str },
    /// Both sides have metrics, and no name in common.
    #[error("the two have no metric in common: {} has {}, {} has {}", Printable(.baseline), Printable(.has), Printable(.current), Printable(.against))]
    NothingInCommon { baseline: String, has: String, current: String, against: String },
    /// Repeated runs of which none is repeated.
    #[error("{}: no metric has two finite runs, and one run has no spread", Printable(.path))]
    NoSpread { path: String },
}

impl RegressError {
    /// A stable word for the cause, for scripts.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NoMetrics { .. } => "no-metrics",
            Self::Incomplete { .. } => "incomplete-record",
            Self::Layout { .. } => "table-layout",
            Self::Twice { .. } => "duplicate-metric",
            Self::Tolerance { .. } => "tolerance",
            Self::NothingInCommon { .. } => "nothing-in-common",
            Self::NoSpread { .. } => "no-spread",
        }
    }

    /// What would fix it, where that is known.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoMetrics { .. } => {
                "compare records of perplexity, evaluate, deltas, keys, correlate or sequence, results of lm-evaluation-harness, or tables"
            }
            Self::Incomplete { .. } => "write it again with --format json, and keep it whole",
            Self::Layout { .. } => {
                "a table has columns metric and value (then stderr, n), or one row of numbers, or a column named by --key"
            }
            Self::Twice { .. } => "name the column that tells the rows apart with --key",
            Self::Tolerance { .. } => "write METRIC=0.01 or METRIC=2%, where METRIC is a name or a glob",
            Self::NothingInCommon { .. } => "compare two measurements of one kind, over the same tasks",
            Self::NoSpread { .. } => "give at least two runs of the same model: files, or rows of a table",
        })
    }
}
