//! Why something is no run of edits.

use crate::reader::error::{Excerpt, Listing};

/// What is wrong with a whole run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are what the messages say of them")]
pub enum RunError {
    /// None of the kinds that are read.
    #[error("not a run of edits: {}", Excerpt(.found))]
    Unknown { found: String },
    /// A table without a column that counts edits.
    #[error("no column counts the edits (one of edit, edits, edit_num, n_edits, step; found {})", Listing(.found))]
    NoEdits { found: Vec<String> },
    /// Nothing over the number of edits.
    #[error("nothing in it can be used{}", .bad.as_ref().map_or_else(String::new, |(n, first)| format!(
        ": {n} bad records, the first: {}", Excerpt(first)
    )))]
    Empty { bad: Option<(usize, String)> },
    /// Edits that were each made from the original.
    #[error("its edits were each made from the original model: there is no order in which they add up")]
    Single,
    /// An evaluation of one model.
    #[error("an evaluation of one model, without the steps of a ledger")]
    NoSteps,
    /// More files than are read.
    #[error("more than {most} files")]
    TooMany { most: usize },
}

impl RunError {
    /// A stable word for the cause, for scripts.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "unknown-run",
            Self::NoEdits { .. } => "no-edits-column",
            Self::Empty { .. } => "empty-run",
            Self::Single => "single-edits",
            Self::NoSteps => "no-steps",
            Self::TooMany { .. } => "too-many-files",
        }
    }

    /// What would help.
    pub(in crate::reader) const fn hint(&self) -> &'static str {
        match self {
            Self::Unknown { .. } | Self::Empty { .. } => {
                "a run is a ledger of 'diagnose edit --sequential', a record of 'diagnose evaluate --ledger', a folder of \
                 case_*.json, a result file of gradual-catastrophic-forgetting, a table (CSV, JSON lines, Parquet) with a column \
                 'edit', or two or more checkpoints in order"
            }
            Self::NoEdits { .. } => "name the column that holds the number of edits done 'edit'",
            Self::Single => "make the edits with --sequential",
            Self::NoSteps => "evaluate with --ledger FILE, where the ledger is that of the run",
            Self::TooMany { .. } => "name the folder of one run",
        }
    }
}
