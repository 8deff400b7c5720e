//! Why a model cannot be opened or run: one variant a cause, with the file and the values in it.

use std::fmt;
use std::path::{Path, PathBuf};

use super::TokenizerError;
use crate::reader::ReadError;
use crate::tensor::{Dtype, Printable};

/// A path inside a message.
struct Shown<'a>(&'a Path);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Printable(&self.0.to_string_lossy()))
    }
}

/// Why a model cannot be opened or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are what the messages say of them")]
pub enum ModelError {
    /// A file of the model cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The tokenizer cannot be read or used.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// A file that is JSON by its name is none, or is no object.
    #[error("{}: {cause}", Shown(.path))]
    Malformed { path: PathBuf, cause: String },
    /// A key of `config.json` that the architecture needs is absent.
    #[error("{}: the key `{key}` is missing", Shown(.path))]
    MissingKey { path: PathBuf, key: &'static str },
    /// A key of `config.json` has a value that cannot be used.
    #[error("{}: `{key}` is {}, needed is {needed}", Shown(.path), Printable(.found))]
    BadKey { path: PathBuf, key: &'static str, found: String, needed: &'static str },
    /// An architecture that is not among those that run here.
    #[error("{}: the architecture `{}` is not one of those that run here: {}", Shown(.path), Printable(.found), .known.join(", "))]
    UnknownArchitecture { path: PathBuf, found: String, known: Vec<&'static str> },
    /// A tensor that the architecture needs is absent.
    #[error("{}: the tensor {tensor} is missing", Shown(.path))]
    MissingTensor { path: PathBuf, tensor: String },
    /// Two tensors are the same one once known prefixes are taken off.
    #[error("{}: {} and {} are both {tensor}", Shown(.path), Printable(.first), Printable(.second))]
    AmbiguousTensor { path: PathBuf, tensor: String, first: String, second: String },
    /// A tensor has another shape than the configuration gives it.
    #[error("{}: {} has the shape {found:?}, config.json asks for {needed:?}", Shown(.path), Printable(.tensor))]
    Shape { path: PathBuf, tensor: String, found: Vec<u64>, needed: Vec<usize> },
    /// A tensor whose numbers are no floats.
    #[error("{}: {} holds {dtype}, needed is a float", Shown(.path), Printable(.tensor))]
    NoFloat { path: PathBuf, tensor: String, dtype: Dtype },
    /// A tensor whose dtype is read and not written.
    #[error("{}: {} is stored as {dtype}, which is not written", Shown(.path), Printable(.tensor))]
    Unwritable { path: PathBuf, tensor: String, dtype: Dtype },
    /// The tokenizer knows more tokens than the model has embeddings.
    #[error("{}: the tokenizer has {tokens} tokens, the model embeds {embedded}", Shown(.path))]
    Vocabulary { path: PathBuf, tokens: usize, embedded: usize },
    /// A row without tokens.
    #[error("row {row} has no tokens")]
    EmptyRow { row: usize },
    /// A row that does not fit into the model's context.
    #[error("row {row} has {tokens} tokens, the context holds {context}")]
    TooLong { row: usize, tokens: usize, context: usize },
    /// A token that the model has no embedding for.
    #[error("row {row} holds token {token} at position {position}, the vocabulary ends at {vocabulary}")]
    UnknownToken { row: usize, position: usize, token: u32, vocabulary: usize },
    /// A layer that the model has not.
    #[error("layer {layer} is asked for, the model has {layers}")]
    NoLayer { layer: usize, layers: usize },
    /// Positions, states or vectors that do not fit to the rows or to the model.
    #[error("{what}: {found} given, {needed} needed")]
    Mismatch { what: &'static str, found: usize, needed: usize },
    /// Something that only a decoder can do, asked of an encoder.
    #[error("{}: an encoder gives no probabilities of next tokens", Shown(.path))]
    NoHead { path: PathBuf },
    /// The tensor library refused an operation.
    #[error("the forward pass failed: {0}")]
    Compute(#[from] candle_core::Error),
}

impl ModelError {
    /// A stable word for the cause, for scripts.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Read(cause) => cause.kind(),
            Self::Tokenizer(cause) => cause.kind(),
            Self::Malformed { .. } => "malformed-json",
            Self::MissingKey { .. } => "missing-key",
            Self::BadKey { .. } => "bad-key",
            Self::UnknownArchitecture { .. } => "unknown-architecture",
            Self::MissingTensor { .. } => "missing-tensor",
            Self::AmbiguousTensor { .. } => "ambiguous-tensor",
            Self::Shape { .. } => "shape",
            Self::NoFloat { .. } | Self::Unwritable { .. } => "dtype",
            Self::Vocabulary { .. } => "vocabulary",
            Self::EmptyRow { .. } => "empty-row",
            Self::TooLong { .. } => "row-too-long",
            Self::UnknownToken { .. } => "unknown-token",
            Self::NoLayer { .. } => "no-layer",
            Self::Mismatch { .. } => "mismatch",
            Self::NoHead { .. } => "no-head",
            Self::Compute(_) => "compute",
        }
    }

    /// The file or directory that the error is about.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Read(cause) => cause.path(),
            Self::Tokenizer(cause) => cause.path(),
            Self::Malformed { path, .. }
            | Self::MissingKey { path, .. }
            | Self::BadKey { path, .. }
            | Self::UnknownArchitecture { path, .. }
            | Self::MissingTensor { path, .. }
            | Self::AmbiguousTensor { path, .. }
            | Self::Shape { path, .. }
            | Self::NoFloat { path, .. }
            | Self::Unwritable { path, .. }
            | Self::Vocabulary { path, .. }
            | Self::NoHead { path } => Some(path),
            Self::EmptyRow { .. }
            | Self::TooLong { .. }
            | Self::UnknownToken { .. }
            | Self::NoLayer { .. }
            | Self::Mismatch { .. }
            | Self::Compute(_) => None,
        }
    }

    /// What would fix it, where that is known.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Read(cause) => return cause.hint(),
            Self::Tokenizer(cause) => return cause.hint(),
            Self::MissingTensor { .. } | Self::Shape { .. } => {
                "the weights and config.json must be of one model; download or save them together"
            }
            Self::AmbiguousTensor { .. } => "remove one of the two from the checkpoint",
            Self::Vocabulary { .. } => "tokenizer.json must be the one that the model was trained with",
            Self::TooLong { .. } => "cut the text to the context",
            Self::NoHead { .. } => "use a decoder: GPT-2, GPT-J, GPT-NeoX, Llama, Mistral or Qwen",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}
