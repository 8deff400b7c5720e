//! Why a model cannot be opened or run.

/// Why a model cannot be opened or run.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The forward pass is not there yet.
    #[error("the forward pass is not there yet")]
    NotYet,
}
