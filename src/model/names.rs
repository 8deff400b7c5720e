//! From a tensor's name to its layer, its module and the way its matrix is stored.
//!
//! Everything here rests on the name alone. GPT-Neo, GPT-BigCode and nanoGPT spell their MLP as GPT-2 does and
//! store it the other way round: for them the layer and the kind are right and the orientation is GPT-2's.

mod families;

use families::{FAMILIES, Family};

/// Prefixes that tools put before the names of one and the same tensor.
///
/// None of them is the beginning of another, so a name has one way of losing them.
pub const KNOWN_PREFIXES: [&str; 5] =
    ["transformer.", "model.", "module.", "_orig_mod.", "base_model.model."];

/// What PEFT appends to a module's name for the tensors of an adapter.
const ADAPTER_PARTS: [&str; 6] =
    ["lora_A", "lora_B", "lora_embedding_A", "lora_embedding_B", "lora_magnitude_vector", "lora_bias"];

/// What PEFT puts between a module's name and the parameter it wraps.
const WRAPPED: &str = ".base_layer";

/// Which axis of a stored matrix runs over the keys (the inputs).
///
/// Inside the program W is `(d_v, d_k)`; GPT-2's `Conv1D` stores the transpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Orientation {
    /// Stored `(d_k, d_v)`: rows are inputs (GPT-2's `Conv1D`).
    KeyMajor,
    /// Stored `(d_v, d_k)`: rows are outputs (every `Linear`).
    ValueMajor,
}

/// What a matrix does, whatever its family calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MatrixKind {
    /// The second matrix of the MLP: the one that editors of facts write to.
    MlpDown,
    /// The first matrix of the MLP, or its gate.
    MlpUp,
    /// A projection of attention, in or out.
    Attention,
    /// Token or position embedding, or the unembedding.
    Embedding,
    /// A weight or bias of a norm.
    Norm,
    /// A bias of a projection.
    Bias,
    /// A part of an adapter (LoRA) that stands beside a module's own weight.
    Adapter,
    /// A buffer that is no parameter (GPT-2's causal mask).
    Buffer,
}

/// Where a tensor stands in its model.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Role {
    /// Index of the block; `None` outside the blocks.
    pub layer: Option<u32>,
    /// The module's name inside its block, as its family spells it (`mlp.c_proj`).
    ///
    /// Where a model has two stacks of blocks the name begins with the stack's
    /// (`encoder.layer.1.DenseReluDense.wo`), as both count their layers from 0.
    pub module: String,
    /// What it does.
    pub kind: MatrixKind,
    /// Which way round a projection is stored; `None` where there is no key axis.
    pub orientation: Option<Orientation>,
}

/// The role of a tensor by its name, or `None` where no known family has such a name.
///
/// Families: GPT-2, GPT-J, GPT-NeoX (Pythia), Llama (Mistral, Qwen 2 and 3, Gemma), T5, BERT. [`KNOWN_PREFIXES`]
/// may stand in front, in any number. A block's number is written as every tool writes it: digits without a
/// leading zero, below 2³².
pub fn role_of(name: &str) -> Option<Role> {
    let bare = strip_known_prefixes(name);
    if let Some((module, part)) = split_adapter(bare) {
        let role = FAMILIES.iter().find_map(|family| role_in(family, &format!("{module}.weight")))?;
        let module = format!("{}.{part}", role.module);
        return Some(Role { module, kind: MatrixKind::Adapter, orientation: None, ..role });
    }
    match bare.rsplit_once('.') {
        Some((module, parameter)) if module.ends_with(WRAPPED) => {
            let unwrapped = format!("{}.{parameter}", module.trim_end_matches(WRAPPED));
            FAMILIES.iter().find_map(|family| role_in(family, &unwrapped))
        }
        _ => FAMILIES.iter().find_map(|family| role_in(family, bare)),
    }
}

/// The name without any of the known prefixes, however many stand in front.
fn strip_known_prefixes(name: &str) -> &str {
    let mut bare = name;
    while let Some(shorter) = KNOWN_PREFIXES.iter().find_map(|prefix| bare.strip_prefix(prefix)) {
        bare = shorter;
    }
    bare
}

/// Module and adapter part of `….q_proj.lora_A.weight` or `….q_proj.lora_A.default.weight`.
fn split_adapter(bare: &str) -> Option<(&str, &str)> {
    ADAPTER_PARTS.iter().find_map(|part| {
        let (module, rest) = bare.split_once(&format!(".{part}"))?;
        (rest.is_empty() || rest.starts_with('.')).then_some((module.trim_end_matches(WRAPPED), *part))
    })
}

/// The role that one family gives to a name without known prefixes.
fn role_in(family: &Family, bare: &str) -> Option<Role> {
    let bare = bare.strip_prefix(family.root).unwrap_or(bare);
    for (head, stack) in family.stacks {
        if let Some((number, rest)) = bare.strip_prefix(head).and_then(|numbered| numbered.split_once('.')) {
            let role = role_of_parameter(family.modules, family.buffers, rest, family.orientation)?;
            let module = format!("{stack}{}", role.module);
            return Some(Role { layer: Some(layer_number(number)?), module, ..role });
        }
    }
    role_of_parameter(family.outside, &[], bare, Orientation::ValueMajor)
}

/// The role of `module.parameter` by a family's table, without its layer.
fn role_of_parameter(
    modules: &[(&str, MatrixKind)],
    buffers: &[&str],
    path: &str,
    stored: Orientation,
) -> Option<Role> {
    if buffers.contains(&path) {
        return Some(Role { layer: None, module: path.into(), kind: MatrixKind::Buffer, orientation: None });
    }
    let (module, parameter) = path.rsplit_once('.')?;
    let &(_, kind) = modules.iter().find(|(known, _)| *known == module)?;
    let kind = match (kind, parameter) {
        (MatrixKind::Norm, "weight" | "bias" | "gamma" | "beta") => MatrixKind::Norm,
        (MatrixKind::Norm, _) => return None,
        (kind, "weight") => kind,
        (_, "bias") => MatrixKind::Bias,
        _ => return None,
    };
    let projects = matches!(kind, MatrixKind::MlpDown | MatrixKind::MlpUp | MatrixKind::Attention)
        || (kind == MatrixKind::Embedding && families::UNEMBEDDINGS.contains(&module));
    Some(Role { layer: None, module: module.into(), kind, orientation: projects.then_some(stored) })
}

/// A block's number: digits only, no leading zero, no overflow.
fn layer_number(digits: &str) -> Option<u32> {
    let plain =
        digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    if plain { digits.parse().ok() } else { None }
}
