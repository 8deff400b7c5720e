//! The architectures that run: a file for each, which turns `config.json` into a blueprint.
//!
//! A blueprint is data: extents, switches and the names of tensors. One block runs them all. A further architecture is
//! one more file here, its line in [`KNOWN`] and its name in [`Architecture`](super::Architecture).

mod bert;
mod gpt2;
mod gpt_neox;
mod gptj;
mod llama;
mod rope;
mod t5;

use super::ops::{Activation, Frequencies, Heads, NormKind, Pairing};
use super::settings::Settings;
use super::{Config, ModelError, Orientation};

/// What reads a configuration.
type Reader = fn(&Settings) -> Result<Blueprint, ModelError>;

/// `model_type` of each architecture that runs, and what reads its configuration.
const KNOWN: [(&str, Reader); 9] = [
    ("gpt2", gpt2::read),
    ("gptj", gptj::read),
    ("gpt_neox", gpt_neox::read),
    ("llama", llama::llama),
    ("mistral", llama::mistral),
    ("qwen2", llama::qwen2),
    ("qwen3", llama::qwen3),
    ("t5", t5::read),
    ("bert", bert::read),
];

/// The blueprint of the model that `config.json` describes.
pub(super) fn blueprint(settings: &Settings) -> Result<Blueprint, ModelError> {
    let found = settings.text("model_type")?;
    match KNOWN.iter().find(|(name, _)| *name == found) {
        Some((_, read)) => read(settings),
        None => Err(settings.unknown_architecture(found, KNOWN.iter().map(|(name, _)| *name).collect())),
    }
}

/// All that is needed to load and run a model of some architecture.
#[derive(Clone, Debug)]
pub(super) struct Blueprint {
    /// The extents that others may see.
    pub(super) config: Config,
    /// Heads of attention.
    pub(super) heads: Heads,
    /// What attention's scores are multiplied by.
    pub(super) scale: f64,
    /// How many tokens a token sees, itself counted; `None` for all.
    pub(super) window: Option<usize>,
    /// Norms: which, and their ε.
    pub(super) norm: (NormKind, f64),
    /// Where the norms stand.
    pub(super) order: Order,
    /// The MLP's function.
    pub(super) activation: Activation,
    /// How a token's position is told.
    pub(super) positions: Positions,
    /// How the projections are stored.
    pub(super) orientation: Orientation,
    /// Names of tensors.
    pub(super) names: Names,
}

/// How a token's position is told.
#[derive(Clone, Debug)]
pub(super) enum Positions {
    /// A vector for each position is added to the embedding: the tensor's name, and how many there are.
    Learned(&'static str, usize),
    /// Queries and keys are turned.
    Rotary(Frequencies, Pairing),
    /// The distance of two tokens adds to their score: the tensor's name, numbers for distances, and the distance from
    /// which on all are alike.
    Relative(&'static str, usize, usize),
}

/// Where the norms of a block stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// `x + attention(norm₁ x)`, then `x + mlp(norm₂ x)`.
    Sequential,
    /// `x + attention(norm₁ x) + mlp(norm₂ x)`; norm₂ is norm₁ where the block has only one.
    Parallel,
    /// `norm₁(x + attention x)`, then `norm₂(x + mlp x)`.
    Behind,
}

/// A projection's name, and whether it has a bias.
#[derive(Clone, Copy, Debug)]
pub(super) struct Projection {
    /// Name inside the block, without `.weight`.
    pub(super) name: &'static str,
    /// Whether it has a bias.
    pub(super) bias: bool,
}

/// How queries, keys and values are projected.
#[derive(Clone, Copy, Debug)]
pub(super) enum Packed {
    /// One matrix for all: outputs are all queries, then all keys, then all values.
    Together(Projection),
    /// One matrix for all: outputs are a head's query, key and value, head by head.
    ByHead(Projection),
    /// A matrix for the queries, one for the keys and one for the values.
    Apart([Projection; 3]),
}

/// How the MLP widens.
#[derive(Clone, Copy, Debug)]
pub(super) enum Widening {
    /// `act(x W)`.
    Plain(Projection),
    /// `act(x G) ∘ (x W)`: the gate, and then the other.
    Gated([Projection; 2]),
}

/// Names of tensors, without known prefixes and the root.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// What the architecture may put before all names.
    pub(super) root: &'static str,
    /// The text before and behind a block's number.
    pub(super) block: (&'static str, &'static str),
    /// Token embedding, without `.weight`.
    pub(super) tokens: &'static str,
    /// Token type embedding, of which row 0 is added to every token, and how many rows it has.
    pub(super) token_types: Option<(&'static str, usize)>,
    /// Norm of the embeddings' sum.
    pub(super) embedding_norm: Option<&'static str>,
    /// Queries, keys and values.
    pub(super) packed: Packed,
    /// Norms of each head's query and key.
    pub(super) head_norms: Option<(&'static str, &'static str)>,
    /// Output of attention.
    pub(super) attention_output: Projection,
    /// The MLP's first matrix or matrices.
    pub(super) widening: Widening,
    /// The MLP's second matrix.
    pub(super) down: Projection,
    /// Norms of the block; a parallel block may have one.
    pub(super) norms: (&'static str, Option<&'static str>),
    /// Norm behind the last block.
    pub(super) final_norm: Option<&'static str>,
    /// Projection onto the vocabulary; `None` where it is the token embedding.
    pub(super) head: Option<Projection>,
}

/// Splits the hidden size into heads of one length.
fn head_size(
    settings: &Settings,
    hidden: usize,
    heads: usize,
    key: &'static str,
) -> Result<usize, ModelError> {
    if hidden.is_multiple_of(heads) {
        return Ok(hidden / heads);
    }
    Err(settings.refused(key, heads, "a divisor of the hidden size"))
}

/// The function of an MLP by the name that `config.json` uses.
fn activation(settings: &Settings, key: &'static str, absent: &str) -> Result<Activation, ModelError> {
    match settings.maybe_text(key)?.unwrap_or(absent) {
        "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" | "gelu_accurate" => Ok(Activation::GeluTanh),
        "gelu" | "gelu_python" => Ok(Activation::GeluErf),
        "silu" | "swish" => Ok(Activation::Silu),
        "relu" => Ok(Activation::Relu),
        other => Err(settings.refused(key, other, "one of gelu, gelu_new, gelu_pytorch_tanh, silu, relu")),
    }
}

/// Refuses a switch whose other position does not run here.
fn must_be(settings: &Settings, key: &'static str, needed: bool) -> Result<(), ModelError> {
    if settings.flag(key, needed)? == needed {
        return Ok(());
    }
    Err(settings.refused(key, !needed, if needed { "true" } else { "false" }))
}
