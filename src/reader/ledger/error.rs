//! Why a ledger cannot be believed.

use super::super::error::Excerpt;

/// What is wrong with a ledger or with the factors beside it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what the messages say of them")]
pub enum LedgerError {
    /// The first line is no header.
    #[error("not a ledger: {}", Excerpt(.reason))]
    Header { reason: String },
    /// A line that cannot be read.
    #[error("line {line}: {}", Excerpt(.reason))]
    Line { line: usize, reason: String },
    /// A step in the wrong place.
    #[error("line {line} tells of step {found} where step {needed} belongs")]
    Order { line: usize, found: usize, needed: usize },
    /// A file of factors that is not the one the line tells of.
    #[error(
        "the factors of step {index} are not those that were written: SHA-256 {found}, in the ledger {needed}"
    )]
    OtherFactors { index: usize, found: String, needed: String },
    /// A file of factors that lacks a tensor, or holds one that makes no sense.
    #[error("the factors of step {index}: {}", Excerpt(.reason))]
    Factors { index: usize, reason: String },
}

impl LedgerError {
    /// A stable word for the cause, for scripts.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Header { .. } => "not-a-ledger",
            Self::Line { .. } | Self::Order { .. } => "malformed-ledger",
            Self::OtherFactors { .. } | Self::Factors { .. } => "ledger-factors",
        }
    }

    /// What would help.
    pub(in crate::reader) fn hint(&self) -> &'static str {
        match self {
            Self::Header { .. } => "name a file that 'diagnose edit --ledger FILE' has written",
            Self::Line { .. } | Self::Order { .. } => {
                "the file was changed after it was written; take an unchanged copy, or make the edits again"
            }
            Self::OtherFactors { .. } | Self::Factors { .. } => {
                "a ledger and the folder FILE.factors beside it belong together; copy both"
            }
        }
    }
}
