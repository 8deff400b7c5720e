//! From a tensor's name to its layer, its module and the way its matrix is stored.

/// Prefixes that tools put before the names of one and the same tensor.
pub const KNOWN_PREFIXES: [&str; 5] =
    ["transformer.", "model.", "module.", "_orig_mod.", "base_model.model."];

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
    /// A buffer that is no parameter (GPT-2's causal mask).
    Buffer,
}

/// Where a tensor stands in its model.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Role {
    /// Index of the block; `None` outside the blocks.
    pub layer: Option<u32>,
    /// The module's name inside its block, as its family spells it (`mlp.c_proj`).
    pub module: String,
    /// What it does.
    pub kind: MatrixKind,
    /// Which way round a projection is stored; `None` where there is no key axis.
    pub orientation: Option<Orientation>,
}

/// The role of a tensor by its name, or `None` where no known family has such a name.
pub fn role_of(_name: &str) -> Option<Role> {
    None
}
