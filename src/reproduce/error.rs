//! Why a reproduction cannot be made.

use crate::edit::EditError;
use crate::evaluate::EvaluateError;
use crate::keys::{MeansError, ScanError};
use crate::model::ModelError;
use crate::sequence::SequenceError;

/// Why no experiment can be run.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what the messages say of them")]
pub enum ReproduceError {
    /// The model cannot be run.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The cases cannot be diagnosed.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// The templates have no mean.
    #[error(transparent)]
    Means(#[from] MeansError),
    /// An edit failed.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// A model could not be scored.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// A sequence of edits cannot go on.
    #[error(transparent)]
    Sequence(Box<SequenceError>),
    /// ROME edits one layer.
    #[error("ROME edits one layer, its hyper-parameters name {found}")]
    Layers { found: usize },
    /// No second moment of a layer.
    #[error("there is no second moment of layer {layer}")]
    NoMoment { layer: usize },
}

impl From<SequenceError> for ReproduceError {
    fn from(error: SequenceError) -> Self {
        Self::Sequence(Box::new(error))
    }
}
