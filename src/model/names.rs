//! From a tensor's name to its layer, its module and the way its matrix is stored.
//!
//! Everything here rests on the name alone. GPT-Neo, GPT-BigCode and nanoGPT spell their MLP as GPT-2 does and
//! store it the other way round: for them the layer and the kind are right and the orientation is GPT-2's.

use super::families::{self, FAMILIES, Family};

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
    /// A part of a low-rank adapter that stands beside a module's own weight.
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
pub(super) fn strip_known_prefixes(name: &str) -> &str {
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::MatrixKind::{Adapter, Attention, Bias, Buffer, Embedding, MlpDown, MlpUp, Norm};
    use super::Orientation::{KeyMajor, ValueMajor};
    use super::*;

    /// Name, layer, module, kind, orientation: as they stand in the families' published checkpoints.
    type Row = (&'static str, Option<u32>, &'static str, MatrixKind, Option<Orientation>);

    fn assert_roles(rows: &[Row]) {
        for &(name, layer, module, kind, orientation) in rows {
            assert_eq!(
                role_of(name),
                Some(Role { layer, module: module.into(), kind, orientation }),
                "{name}"
            );
        }
    }

    #[test]
    fn gpt2_names_have_roles_with_and_without_the_prefix() {
        assert_roles(&[
            ("transformer.wte.weight", None, "wte", Embedding, None),
            ("wpe.weight", None, "wpe", Embedding, None),
            ("transformer.h.0.ln_1.weight", Some(0), "ln_1", Norm, None),
            ("h.11.ln_2.bias", Some(11), "ln_2", Norm, None),
            ("transformer.h.17.attn.c_attn.weight", Some(17), "attn.c_attn", Attention, Some(KeyMajor)),
            ("h.3.attn.c_proj.weight", Some(3), "attn.c_proj", Attention, Some(KeyMajor)),
            ("h.3.attn.c_proj.bias", Some(3), "attn.c_proj", Bias, None),
            ("transformer.h.47.mlp.c_fc.weight", Some(47), "mlp.c_fc", MlpUp, Some(KeyMajor)),
            ("transformer.h.17.mlp.c_proj.weight", Some(17), "mlp.c_proj", MlpDown, Some(KeyMajor)),
            ("transformer.h.17.mlp.c_proj.bias", Some(17), "mlp.c_proj", Bias, None),
            ("h.5.attn.bias", Some(5), "attn.bias", Buffer, None),
            ("transformer.h.5.attn.masked_bias", Some(5), "attn.masked_bias", Buffer, None),
            ("transformer.ln_f.bias", None, "ln_f", Norm, None),
            ("lm_head.weight", None, "lm_head", Embedding, Some(ValueMajor)),
        ]);
    }

    #[test]
    fn gptj_names_have_roles() {
        assert_roles(&[
            ("transformer.h.5.attn.q_proj.weight", Some(5), "attn.q_proj", Attention, Some(ValueMajor)),
            ("transformer.h.5.attn.out_proj.weight", Some(5), "attn.out_proj", Attention, Some(ValueMajor)),
            ("transformer.h.27.mlp.fc_in.weight", Some(27), "mlp.fc_in", MlpUp, Some(ValueMajor)),
            ("transformer.h.5.mlp.fc_out.weight", Some(5), "mlp.fc_out", MlpDown, Some(ValueMajor)),
            ("transformer.h.5.mlp.fc_out.bias", Some(5), "mlp.fc_out", Bias, None),
            ("lm_head.bias", None, "lm_head", Bias, None),
        ]);
    }

    #[test]
    fn gpt_neox_and_pythia_names_have_roles() {
        assert_roles(&[
            ("gpt_neox.embed_in.weight", None, "embed_in", Embedding, None),
            (
                "gpt_neox.layers.15.attention.query_key_value.weight",
                Some(15),
                "attention.query_key_value",
                Attention,
                Some(ValueMajor),
            ),
            ("gpt_neox.layers.0.attention.dense.bias", Some(0), "attention.dense", Bias, None),
            (
                "gpt_neox.layers.0.mlp.dense_h_to_4h.weight",
                Some(0),
                "mlp.dense_h_to_4h",
                MlpUp,
                Some(ValueMajor),
            ),
            (
                "gpt_neox.layers.15.mlp.dense_4h_to_h.weight",
                Some(15),
                "mlp.dense_4h_to_h",
                MlpDown,
                Some(ValueMajor),
            ),
            (
                "gpt_neox.layers.0.attention.rotary_emb.inv_freq",
                Some(0),
                "attention.rotary_emb.inv_freq",
                Buffer,
                None,
            ),
            ("gpt_neox.layers.0.attention.masked_bias", Some(0), "attention.masked_bias", Buffer, None),
            (
                "gpt_neox.layers.0.post_attention_layernorm.bias",
                Some(0),
                "post_attention_layernorm",
                Norm,
                None,
            ),
            ("gpt_neox.final_layer_norm.weight", None, "final_layer_norm", Norm, None),
            ("embed_out.weight", None, "embed_out", Embedding, Some(ValueMajor)),
        ]);
    }

    #[test]
    fn llama_mistral_and_qwen_names_have_roles() {
        assert_roles(&[
            ("model.embed_tokens.weight", None, "embed_tokens", Embedding, None),
            (
                "model.layers.31.self_attn.q_proj.weight",
                Some(31),
                "self_attn.q_proj",
                Attention,
                Some(ValueMajor),
            ),
            (
                "model.layers.31.self_attn.o_proj.weight",
                Some(31),
                "self_attn.o_proj",
                Attention,
                Some(ValueMajor),
            ),
            ("model.layers.0.self_attn.k_proj.bias", Some(0), "self_attn.k_proj", Bias, None),
            ("model.layers.0.self_attn.q_norm.weight", Some(0), "self_attn.q_norm", Norm, None),
            ("model.layers.5.mlp.gate_proj.weight", Some(5), "mlp.gate_proj", MlpUp, Some(ValueMajor)),
            ("model.layers.5.mlp.up_proj.weight", Some(5), "mlp.up_proj", MlpUp, Some(ValueMajor)),
            ("model.layers.5.mlp.down_proj.weight", Some(5), "mlp.down_proj", MlpDown, Some(ValueMajor)),
            ("layers.5.mlp.down_proj.weight", Some(5), "mlp.down_proj", MlpDown, Some(ValueMajor)),
            (
                "model.layers.0.self_attn.rotary_emb.inv_freq",
                Some(0),
                "self_attn.rotary_emb.inv_freq",
                Buffer,
                None,
            ),
            ("model.layers.0.input_layernorm.weight", Some(0), "input_layernorm", Norm, None),
            ("model.norm.weight", None, "norm", Norm, None),
        ]);
    }

    #[test]
    fn t5_names_tell_encoder_from_decoder() {
        let projection = |name, layer, module, kind| (name, Some(layer), module, kind, Some(ValueMajor));
        assert_roles(&[
            ("shared.weight", None, "shared", Embedding, None),
            projection(
                "encoder.block.23.layer.1.DenseReluDense.wo.weight",
                23,
                "encoder.layer.1.DenseReluDense.wo",
                MlpDown,
            ),
            projection(
                "decoder.block.23.layer.2.DenseReluDense.wo.weight",
                23,
                "decoder.layer.2.DenseReluDense.wo",
                MlpDown,
            ),
            projection(
                "encoder.block.0.layer.1.DenseReluDense.wi_0.weight",
                0,
                "encoder.layer.1.DenseReluDense.wi_0",
                MlpUp,
            ),
            projection(
                "encoder.block.0.layer.0.SelfAttention.k.weight",
                0,
                "encoder.layer.0.SelfAttention.k",
                Attention,
            ),
            projection(
                "decoder.block.1.layer.1.EncDecAttention.o.weight",
                1,
                "decoder.layer.1.EncDecAttention.o",
                Attention,
            ),
            (
                "decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
                Some(0),
                "decoder.layer.0.SelfAttention.relative_attention_bias",
                Embedding,
                None,
            ),
            ("encoder.block.0.layer.0.layer_norm.weight", Some(0), "encoder.layer.0.layer_norm", Norm, None),
            ("decoder.final_layer_norm.weight", None, "decoder.final_layer_norm", Norm, None),
        ]);
    }

    #[test]
    fn bert_names_have_roles_in_both_spellings_of_its_norms() {
        let projection = |name, module, kind| (name, Some(11), module, kind, Some(ValueMajor));
        assert_roles(&[
            ("bert.embeddings.word_embeddings.weight", None, "embeddings.word_embeddings", Embedding, None),
            ("embeddings.LayerNorm.gamma", None, "embeddings.LayerNorm", Norm, None),
            projection(
                "bert.encoder.layer.11.attention.self.query.weight",
                "attention.self.query",
                Attention,
            ),
            projection(
                "bert.encoder.layer.11.attention.output.dense.weight",
                "attention.output.dense",
                Attention,
            ),
            projection("encoder.layer.11.intermediate.dense.weight", "intermediate.dense", MlpUp),
            projection("bert.encoder.layer.11.output.dense.weight", "output.dense", MlpDown),
            ("bert.encoder.layer.0.output.LayerNorm.beta", Some(0), "output.LayerNorm", Norm, None),
            ("cls.predictions.decoder.weight", None, "cls.predictions.decoder", Embedding, Some(ValueMajor)),
        ]);
    }

    #[test]
    fn known_prefixes_may_stand_in_front_in_any_number() {
        let bare = role_of("h.17.mlp.c_proj.weight");
        for prefix in
            ["model.", "module.", "_orig_mod.", "module._orig_mod.transformer.", "base_model.model.model."]
        {
            assert_eq!(role_of(&format!("{prefix}h.17.mlp.c_proj.weight")), bare, "{prefix}");
        }
        assert_eq!(role_of(&format!("{}h.17.mlp.c_proj.weight", "model.".repeat(10_000))), bare);
    }

    #[test]
    fn an_adapter_has_the_place_of_its_module_and_a_kind_of_its_own() {
        let adapter = |module: &str| {
            Some(Role { layer: Some(3), module: module.into(), kind: Adapter, orientation: None })
        };
        let under = "base_model.model.model.layers.3.self_attn.q_proj";
        assert_eq!(role_of(&format!("{under}.lora_A.weight")), adapter("self_attn.q_proj.lora_A"));
        assert_eq!(role_of(&format!("{under}.lora_B.default.weight")), adapter("self_attn.q_proj.lora_B"));
        assert_eq!(
            role_of("base_model.model.transformer.h.3.attn.c_attn.lora_magnitude_vector"),
            adapter("attn.c_attn.lora_magnitude_vector")
        );
        let wrapped = role_of(&format!("{under}.base_layer.weight")).unwrap();
        assert_eq!((wrapped.module.as_str(), wrapped.kind), ("self_attn.q_proj", Attention));
        assert_eq!(role_of("base_model.model.model.layers.3.self_attn.z_proj.lora_A.weight"), None);
        assert_eq!(role_of(&format!("{under}.lora_Ample.weight")), None);
    }

    #[test]
    fn a_name_of_no_family_has_no_role() {
        for name in [
            "",
            ".",
            "..",
            "weight",
            "h",
            "h.",
            "h..mlp.c_proj.weight",
            "h.0",
            "h.0.",
            "h.0.mlp.c_proj",
            "h.0.mlp.c_proj.",
            "h.0.mlp.c_proj.weights",
            "h.0.mlp.c_proj.weight.extra",
            "H.0.mlp.c_proj.weight",
            "h.0.MLP.c_proj.weight",
            " h.0.mlp.c_proj.weight",
            "xh.0.mlp.c_proj.weight",
            "layers.0.mlp.c_proj.weight",
            "gpt_neox.h.0.mlp.c_proj.weight",
            "gpt_neox.layers.0.mlp.down_proj.weight.",
            "encoder.block.0.layer.9.DenseReluDense.wo.weight",
            "transformer.ln_f.gain",
            "bert.pooler.dense.weight",
            "model.",
            "transformer",
            "model.layers.0.mlp.experts.7.down_proj.weight",
            "lora_A.weight",
            ".lora_A",
        ] {
            assert_eq!(role_of(name), None, "{name:?}");
        }
    }

    #[test]
    fn a_layer_number_is_plain_digits_below_two_to_the_32() {
        let layer =
            |number: &str| role_of(&format!("h.{number}.mlp.c_proj.weight")).map(|role| role.layer.unwrap());
        assert_eq!(layer("0"), Some(0));
        assert_eq!(layer("4294967295"), Some(u32::MAX));
        for wrong in
            ["4294967296", "99999999999999999999999999", "01", "00", "+1", "-1", "1e3", "٣", "0x1", " 1"]
        {
            assert_eq!(layer(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn no_known_prefix_begins_another() {
        for prefix in KNOWN_PREFIXES {
            assert_eq!(
                KNOWN_PREFIXES.iter().filter(|other| other.starts_with(prefix)).count(),
                1,
                "{prefix}"
            );
        }
    }
}
