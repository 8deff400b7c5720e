//! Why an edit cannot be made.

use crate::compute::EngineError;
use crate::keys::AdjustmentError;
use crate::model::ModelError;
use crate::tensor::Dtype;

/// Why an edit cannot be made; the model is then as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are what the messages say of them")]
pub enum EditError {
    /// The model cannot be run.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The second moment cannot be solved with.
    #[error(transparent)]
    Adjustment(#[from] AdjustmentError),
    /// The equation of an update cannot be solved.
    #[error("the update could not be worked out: {0}")]
    Solve(#[from] EngineError),
    /// A request that cannot be edited: a stable word, and what is wrong with it.
    #[error("case {case_id}: {reason}")]
    Request { case_id: String, kind: &'static str, reason: String },
    /// A tensor whose dtype cannot take an update.
    #[error("{tensor} is stored as {dtype}; F32, BF16 and F16 can be edited")]
    UnsupportedDtype { tensor: String, dtype: Dtype },
    /// A method that needs a second moment of a layer, and has none.
    #[error("{method} needs the second moment of layer {layer}")]
    NoMoment { method: &'static str, layer: usize },
    /// A hyper-parameter that makes no sense on this model.
    #[error("hyper-parameter `{name}`: {found}, needed is {needed}")]
    Hparam { name: &'static str, found: String, needed: String },
    /// A method that cannot run as it was asked to.
    #[error("{method} {why}")]
    Unsupported { method: &'static str, why: String },
}

impl EditError {
    /// A stable word for the cause, for scripts.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Model(error) => error.kind(),
            Self::Adjustment(_) => "moment",
            Self::Solve(_) => "solve",
            Self::Request { kind, .. } => kind,
            Self::UnsupportedDtype { .. } => "dtype",
            Self::NoMoment { .. } => "no-moment",
            Self::Hparam { .. } => "hparams",
            Self::Unsupported { .. } => "unsupported",
        }
    }
}
