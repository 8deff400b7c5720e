//! Why columns cannot be compared.

use crate::compute::GpuError;

/// What is wrong with the columns or the rule that were asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are what the messages say of them")]
pub enum CorrelateError {
    /// A column that the table has not.
    #[error("no column `{name}` (there are {})", listed(.known))]
    NoColumn { name: String, known: Vec<String> },
    /// No column has the name of a perplexity.
    #[error("no column is named like a perplexity (there are {})", listed(.known))]
    NoPerplexity { known: Vec<String> },
    /// Several columns could be meant.
    #[error("several columns are named like a perplexity: {}", listed(.found))]
    SeveralPerplexities { found: Vec<String> },
    /// A column without a single number.
    #[error("the column `{name}` holds no number")]
    NoNumbers { name: String },
    /// Nothing is left to compare x with.
    #[error("no other column than `{x}` holds numbers alone")]
    NothingToCompare { x: String },
    /// A rule that is none.
    #[error("`{rule}` is no rule: {reason}")]
    Rule { rule: String, reason: &'static str },
    /// Permutations that were asked of a device.
    #[error("{reason}")]
    Device { reason: String },
    /// A cell that does not say whether the row is a collapsed model.
    #[error("row {row} of the column `{column}` is `{text}`, which says neither yes nor no")]
    Label { column: String, row: usize, text: String },
}

impl CorrelateError {
    /// A stable word for the cause, for scripts.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NoColumn { .. } => "no-column",
            Self::NoPerplexity { .. } => "no-perplexity-column",
            Self::SeveralPerplexities { .. } => "several-perplexity-columns",
            Self::NoNumbers { .. } => "no-numbers",
            Self::NothingToCompare { .. } => "nothing-to-compare",
            Self::Rule { .. } => "collapsed-rule",
            Self::Device { .. } => "device",
            Self::Label { .. } => "collapsed-label",
        }
    }

    /// What would help.
    pub const fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoPerplexity { .. } | Self::SeveralPerplexities { .. } => {
                "name the one that is meant with --x COLUMN"
            }
            Self::NothingToCompare { .. } => "name the columns of the tasks with --y COLUMN",
            Self::Rule { .. } | Self::Label { .. } => {
                "a rule is a column of yes and no, or a comparison such as 'perplexity>=1000' or 'verdict.level=collapse'"
            }
            Self::Device { .. } => "run it on the processor with --device cpu",
            Self::NoColumn { .. } | Self::NoNumbers { .. } => return None,
        })
    }
}

impl From<GpuError> for CorrelateError {
    fn from(error: GpuError) -> Self {
        Self::Device { reason: error.to_string() }
    }
}

/// The first dozen names.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
