//! What `config.json` says about a model, in one vocabulary for every architecture.

/// An architecture that can be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Architecture {
    /// GPT-2 and its kin (`gpt2`).
    Gpt2,
    /// GPT-J (`gptj`).
    GptJ,
    /// GPT-NeoX and Pythia (`gpt_neox`).
    GptNeoX,
    /// Llama 2 and 3 (`llama`).
    Llama,
    /// Mistral (`mistral`).
    Mistral,
    /// Qwen 2 (`qwen2`).
    Qwen2,
    /// Qwen 3 (`qwen3`).
    Qwen3,
    /// The encoder of T5 (`t5`).
    T5Encoder,
    /// BERT (`bert`).
    Bert,
}

impl Architecture {
    /// Its name, as `config.json` has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gpt2 => "gpt2",
            Self::GptJ => "gptj",
            Self::GptNeoX => "gpt_neox",
            Self::Llama => "llama",
            Self::Mistral => "mistral",
            Self::Qwen2 => "qwen2",
            Self::Qwen3 => "qwen3",
            Self::T5Encoder => "t5",
            Self::Bert => "bert",
        }
    }

    /// Whether positions have embeddings of their own, which [`super::Patch::PositionEmbedding`] puts in place of one another.
    pub const fn learns_positions(self) -> bool {
        matches!(self, Self::Gpt2 | Self::Bert)
    }
}

/// The extents of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Which architecture.
    pub architecture: Architecture,
    /// Number of blocks.
    pub layers: usize,
    /// Hidden size d: the length of a value.
    pub hidden_size: usize,
    /// Inner size f of the MLP: the length of a key.
    pub intermediate_size: usize,
    /// Attention heads.
    pub heads: usize,
    /// Longest input; `None` where positions are relative only (T5).
    pub context_length: Option<usize>,
    /// Rows of the token embedding.
    pub vocabulary: usize,
    /// Whether a token sees only those before it.
    pub causal: bool,
}
