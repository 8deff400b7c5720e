//! The table of families: one constant each, adding one is adding a constant and a line in [`FAMILIES`].

use super::names::MatrixKind::{self, Attention, Embedding, MlpDown, MlpUp, Norm};
use super::names::Orientation::{self, KeyMajor, ValueMajor};

/// How one family of models names its tensors. Names are without the known prefixes.
pub(super) struct Family {
    /// What the family may put before all of its names; empty for none.
    pub(super) root: &'static str,
    /// The text before a block's number, and what a module's name begins with in that stack.
    pub(super) stacks: &'static [(&'static str, &'static str)],
    /// Modules inside a block.
    pub(super) modules: &'static [(&'static str, MatrixKind)],
    /// Tensors inside a block that are no parameters.
    pub(super) buffers: &'static [&'static str],
    /// Modules outside the blocks.
    pub(super) outside: &'static [(&'static str, MatrixKind)],
    /// How the projections inside a block are stored.
    pub(super) orientation: Orientation,
}

/// Every known family. Where two share a name they give it the same role.
pub(super) const FAMILIES: [Family; 6] = [GPT2, GPTJ, NEOX, LLAMA, T5, BERT];

/// Modules of kind `Embedding` that project a hidden state onto the vocabulary.
pub(super) const UNEMBEDDINGS: [&str; 3] = ["lm_head", "embed_out", "cls.predictions.decoder"];

/// `transformer.h.N.…`; the hub's own files leave `transformer.` out. All projections are `Conv1D`.
const GPT2: Family = Family {
    root: "",
    stacks: &[("h.", "")],
    modules: &[
        ("attn.c_attn", Attention),
        ("attn.c_proj", Attention),
        ("mlp.c_fc", MlpUp),
        ("mlp.c_proj", MlpDown),
        ("ln_1", Norm),
        ("ln_2", Norm),
    ],
    buffers: &["attn.bias", "attn.masked_bias"],
    outside: &[("wte", Embedding), ("wpe", Embedding), ("ln_f", Norm), ("lm_head", Embedding)],
    orientation: KeyMajor,
};

/// `transformer.h.N.…` with projections of its own names.
const GPTJ: Family = Family {
    root: "",
    stacks: &[("h.", "")],
    modules: &[
        ("attn.q_proj", Attention),
        ("attn.k_proj", Attention),
        ("attn.v_proj", Attention),
        ("attn.out_proj", Attention),
        ("mlp.fc_in", MlpUp),
        ("mlp.fc_out", MlpDown),
        ("ln_1", Norm),
    ],
    buffers: &["attn.bias", "attn.masked_bias", "attn.embed_positions"],
    outside: &[("wte", Embedding), ("ln_f", Norm), ("lm_head", Embedding)],
    orientation: ValueMajor,
};

/// `gpt_neox.layers.N.…`: GPT-NeoX-20B, Pythia.
const NEOX: Family = Family {
    root: "gpt_neox.",
    stacks: &[("layers.", "")],
    modules: &[
        ("attention.query_key_value", Attention),
        ("attention.dense", Attention),
        ("mlp.dense_h_to_4h", MlpUp),
        ("mlp.dense_4h_to_h", MlpDown),
        ("input_layernorm", Norm),
        ("post_attention_layernorm", Norm),
    ],
    buffers: &["attention.bias", "attention.masked_bias", "attention.rotary_emb.inv_freq"],
    outside: &[("embed_in", Embedding), ("embed_out", Embedding), ("final_layer_norm", Norm)],
    orientation: ValueMajor,
};

/// `model.layers.N.…`: Llama, Mistral, Qwen 2 and 3, Gemma.
const LLAMA: Family = Family {
    root: "",
    stacks: &[("layers.", "")],
    modules: &[
        ("self_attn.q_proj", Attention),
        ("self_attn.k_proj", Attention),
        ("self_attn.v_proj", Attention),
        ("self_attn.o_proj", Attention),
        ("self_attn.q_norm", Norm),
        ("self_attn.k_norm", Norm),
        ("mlp.gate_proj", MlpUp),
        ("mlp.up_proj", MlpUp),
        ("mlp.down_proj", MlpDown),
        ("input_layernorm", Norm),
        ("post_attention_layernorm", Norm),
        ("pre_feedforward_layernorm", Norm),
        ("post_feedforward_layernorm", Norm),
    ],
    buffers: &["self_attn.rotary_emb.inv_freq"],
    outside: &[("embed_tokens", Embedding), ("norm", Norm), ("lm_head", Embedding)],
    orientation: ValueMajor,
};

/// `encoder.block.N.layer.M.…` and `decoder.block.N.layer.M.…`.
const T5: Family = Family {
    root: "",
    stacks: &[("encoder.block.", "encoder."), ("decoder.block.", "decoder.")],
    modules: &[
        ("layer.0.SelfAttention.q", Attention),
        ("layer.0.SelfAttention.k", Attention),
        ("layer.0.SelfAttention.v", Attention),
        ("layer.0.SelfAttention.o", Attention),
        ("layer.0.SelfAttention.relative_attention_bias", Embedding),
        ("layer.0.layer_norm", Norm),
        ("layer.1.EncDecAttention.q", Attention),
        ("layer.1.EncDecAttention.k", Attention),
        ("layer.1.EncDecAttention.v", Attention),
        ("layer.1.EncDecAttention.o", Attention),
        ("layer.1.EncDecAttention.relative_attention_bias", Embedding),
        ("layer.1.DenseReluDense.wi", MlpUp),
        ("layer.1.DenseReluDense.wi_0", MlpUp),
        ("layer.1.DenseReluDense.wi_1", MlpUp),
        ("layer.1.DenseReluDense.wo", MlpDown),
        ("layer.1.layer_norm", Norm),
        ("layer.2.DenseReluDense.wi", MlpUp),
        ("layer.2.DenseReluDense.wi_0", MlpUp),
        ("layer.2.DenseReluDense.wi_1", MlpUp),
        ("layer.2.DenseReluDense.wo", MlpDown),
        ("layer.2.layer_norm", Norm),
    ],
    buffers: &[],
    outside: &[
        ("shared", Embedding),
        ("encoder.embed_tokens", Embedding),
        ("decoder.embed_tokens", Embedding),
        ("encoder.final_layer_norm", Norm),
        ("decoder.final_layer_norm", Norm),
        ("lm_head", Embedding),
    ],
    orientation: ValueMajor,
};

/// `bert.encoder.layer.N.…`; norms of early conversions are `gamma` and `beta`.
const BERT: Family = Family {
    root: "bert.",
    stacks: &[("encoder.layer.", "")],
    modules: &[
        ("attention.self.query", Attention),
        ("attention.self.key", Attention),
        ("attention.self.value", Attention),
        ("attention.output.dense", Attention),
        ("attention.output.LayerNorm", Norm),
        ("intermediate.dense", MlpUp),
        ("output.dense", MlpDown),
        ("output.LayerNorm", Norm),
    ],
    buffers: &[],
    outside: &[
        ("embeddings.word_embeddings", Embedding),
        ("embeddings.position_embeddings", Embedding),
        ("embeddings.token_type_embeddings", Embedding),
        ("embeddings.LayerNorm", Norm),
        ("cls.predictions.decoder", Embedding),
        ("cls.predictions.transform.LayerNorm", Norm),
    ],
    orientation: ValueMajor,
};
