//! Why a model cannot be opened or run.

use std::path::Path;

use super::TokenizerError;

/// Why a model cannot be opened or run.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The forward pass is not there yet.
    #[error("the forward pass is not there yet")]
    NotYet,
    /// Its tokenizer cannot be read or used.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

impl ModelError {
    /// A stable word for the cause, for scripts.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NotYet => "not-yet",
            Self::Tokenizer(error) => error.kind(),
        }
    }

    /// The file that it is about.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::NotYet => None,
            Self::Tokenizer(error) => error.path(),
        }
    }

    /// What would fix it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotYet => None,
            Self::Tokenizer(error) => error.hint(),
        }
    }
}
