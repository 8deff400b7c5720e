//! Whether the first token of a text is like the others: the anomaly that ROME's denominator falls over.
//!
//! In a causal model the first position attends to itself alone, and large models park attention and huge activations
//! there (Xiao et al., "Efficient streaming language models with attention sinks", ICLR 2024; Sun et al., "Massive
//! activations in large language models", COLM 2024). A key read there lies far outside the distribution of all others
//! (Yang et al., "The fall of ROME", EMNLP Findings 2024).
//!
//! ```text
//! keys, values, block outputs of the first token against those of later tokens     separation
//! the largest entries of block outputs                                             massive
//! block outputs position by position                                               profile
//! all of it on a model: texts to rows, batches, swapped positions, attention       on_model
//! on arrays that somebody dumped                                                   dumped
//! in one sentence                                                                  verdict
//! ```

mod dumped;
mod massive;
mod on_model;
mod profile;
mod separation;
mod verdict;

pub use dumped::measure_dump;
pub use massive::Massive;
pub use on_model::{AttentionMass, FirstTokenPlan, Swap, measure};
pub use profile::Profile;
pub use separation::{Mahalanobis, Principal, Separation, Unmeasured};
pub use verdict::{Standing, Verdict};

use std::path::PathBuf;

use crate::model::Site;

/// One measurement: some vectors at one position against those of later tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// The layer, from 0; `None` for dumped arrays, which do not say.
    pub layer: Option<usize>,
    /// What was read; `None` for dumped arrays.
    pub site: Option<Site>,
    /// The name of the array, for dumped ones.
    pub array: Option<String>,
    /// The position whose vectors are compared, from 0.
    pub position: usize,
    /// Whether a special token stands there (`[CLS]`, BOS).
    pub special: bool,
    /// The position embedding that was replaced meanwhile.
    pub swap: Option<Swap>,
    /// What was found.
    pub found: Result<Separation, Unmeasured>,
}

/// Everything that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct FirstToken {
    /// The model or the dump.
    pub path: PathBuf,
    /// SHA-256 of the tokenizer; `None` for a dump.
    pub tokenizer_sha256: Option<String>,
    /// Special tokens before each text.
    pub leading_special: usize,
    /// Texts measured.
    pub texts: usize,
    /// Texts with too few tokens to have a first and a later one.
    pub short_texts: usize,
    /// Texts cut to the context.
    pub truncated_texts: usize,
    /// Tokens run.
    pub tokens: usize,
    /// Layer by layer, position by position.
    pub measurements: Vec<Measurement>,
    /// Block outputs, a layer each.
    pub massive: Vec<Massive>,
    /// Block outputs at the first positions, a layer each.
    pub profiles: Vec<Profile>,
    /// Attention to the first token, a layer each.
    pub attention: Vec<AttentionMass>,
    /// What it comes to.
    pub verdict: Verdict,
}

/// Why the first token cannot be measured.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of a variant explains it and its fields")]
pub enum FirstTokenError {
    /// The model could not be run.
    #[error(transparent)]
    Model(#[from] crate::model::ModelError),
    /// The device that was to make the profiles.
    #[error(transparent)]
    Device(crate::compute::GpuError),
    /// A layer that the model has not.
    #[error("{}: there is no layer {layer}; it has layers 0 to {last}", .model.display())]
    NoLayer { model: PathBuf, layer: usize, last: usize },
    /// A model whose positions are not learned vectors.
    #[error("{}: positions cannot be swapped, it has no learned position embeddings", .model.display())]
    NoPositions { model: PathBuf },
    /// Fewer than two texts with a first and a later token.
    #[error("{}: {usable} of {texts} texts have the {tokens} tokens that are needed; two such texts are the least", .path.display())]
    TooFewTexts { path: PathBuf, usable: usize, texts: usize, tokens: usize },
}
