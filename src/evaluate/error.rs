//! Why a measure could not be taken.

use std::path::PathBuf;

use crate::model::ModelError;

/// Why a measure could not be taken.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of a variant explains it and its fields")]
pub enum EvaluateError {
    /// The model could not be run.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Every text has fewer than two tokens.
    #[error("{}: none of {texts} texts has a token to score: a text needs two tokens, or one and --bos", .path.display())]
    NothingScored { path: PathBuf, texts: usize },
    /// The tokenizer names no token to begin a text with.
    #[error("{}: the tokenizer names no token that begins a text, so there is none to add", .path.display())]
    NoBos { path: PathBuf },
    /// A window in which no token can be scored, or that the model cannot take.
    #[error("{}: a window of {window} tokens, the model takes 2 to {longest}", .path.display())]
    Window { path: PathBuf, window: usize, longest: usize },
    /// Windows that leave tokens without context between them.
    #[error(
        "a stride of {stride} tokens in windows of {window}: it is at least 1 and shorter than the window"
    )]
    Stride { stride: usize, window: usize },
    /// A model without a longest input, and no window given.
    #[error("{}: the model has no longest input, so a stride needs a window", .path.display())]
    NoWindow { path: PathBuf },
    /// Perplexities under two protocols say nothing about each other.
    #[error("{} and {} cannot be compared: {what}", .first.display(), .second.display())]
    ProtocolsDiffer { first: PathBuf, second: PathBuf, what: String },
}
