//! Llama and its kin (Mistral, Qwen 2 and 3): RMS norms, a gated MLP, rotary positions, keys shared by heads.

use super::{
    Blueprint, Names, Order, Packed, Positions, Projection, Widening, activation, head_size, must_be, rope,
};
use crate::model::ops::{Heads, NormKind, Pairing};
use crate::model::settings::Settings;
use crate::model::{Architecture, Config, ModelError, Orientation};

/// What the kin do differently.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
struct Kin {
    architecture: Architecture,
    /// Whether queries, keys and values have a bias.
    input_bias: bool,
    /// Whether attention's output has one.
    output_bias: bool,
    /// Whether the MLP's projections have one.
    mlp_bias: bool,
    /// Whether each head's query and key are normed.
    head_norms: bool,
    window: Option<usize>,
    /// Length of a head where `head_dim` is absent; the hidden size over the heads where this is too.
    head_size: Option<usize>,
}

pub(super) fn llama(settings: &Settings) -> Result<Blueprint, ModelError> {
    let bias = settings.flag("attention_bias", false)?;
    let kin = Kin {
        architecture: Architecture::Llama,
        input_bias: bias,
        output_bias: bias,
        mlp_bias: settings.flag("mlp_bias", false)?,
        head_norms: false,
        window: None,
        head_size: None,
    };
    read(settings, &kin)
}

pub(super) fn mistral(settings: &Settings) -> Result<Blueprint, ModelError> {
    let kin = Kin {
        architecture: Architecture::Mistral,
        input_bias: false,
        output_bias: false,
        mlp_bias: false,
        head_norms: false,
        window: settings.maybe_extent("sliding_window")?,
        head_size: None,
    };
    read(settings, &kin)
}

pub(super) fn qwen2(settings: &Settings) -> Result<Blueprint, ModelError> {
    must_be(settings, "use_sliding_window", false)?;
    let kin = Kin {
        architecture: Architecture::Qwen2,
        input_bias: true,
        output_bias: false,
        mlp_bias: false,
        head_norms: false,
        window: None,
        head_size: None,
    };
    read(settings, &kin)
}

pub(super) fn qwen3(settings: &Settings) -> Result<Blueprint, ModelError> {
    must_be(settings, "use_sliding_window", false)?;
    let bias = settings.flag("attention_bias", false)?;
    let kin = Kin {
        architecture: Architecture::Qwen3,
        input_bias: bias,
        output_bias: bias,
        mlp_bias: false,
        head_norms: true,
        window: None,
        head_size: Some(128),
    };
    read(settings, &kin)
}

fn read(settings: &Settings, kin: &Kin) -> Result<Blueprint, ModelError> {
    let hidden_size = settings.extent("hidden_size")?;
    let context = settings.extent("max_position_embeddings")?;
    let heads = heads(settings, hidden_size, kin.head_size)?;
    let is_tied = settings.flag("tie_word_embeddings", false)?;
    let input = |name| Projection { name, bias: kin.input_bias };
    let mlp = |name| Projection { name, bias: kin.mlp_bias };
    Ok(Blueprint {
        config: Config {
            architecture: kin.architecture,
            layers: settings.extent("num_hidden_layers")?,
            hidden_size,
            intermediate_size: settings.extent("intermediate_size")?,
            heads: heads.queries,
            context_length: Some(context),
            vocabulary: settings.extent("vocab_size")?,
            causal: true,
        },
        heads,
        scale: (heads.size as f64).sqrt().recip(),
        window: kin.window,
        norm: (NormKind::RootMeanSquare, settings.maybe_number("rms_norm_eps")?.unwrap_or(1e-6)),
        order: Order::Sequential,
        activation: activation(settings, "hidden_act", "silu")?,
        positions: Positions::Rotary(
            rope::frequencies(settings, heads.size, context, "rope_theta")?,
            Pairing::Halves,
        ),
        orientation: Orientation::ValueMajor,
        names: Names {
            root: "",
            block: ("layers.", "."),
            tokens: "embed_tokens",
            token_types: None,
            embedding_norm: None,
            packed: Packed::Apart([
                input("self_attn.q_proj"),
                input("self_attn.k_proj"),
                input("self_attn.v_proj"),
            ]),
            head_norms: kin.head_norms.then_some(("self_attn.q_norm", "self_attn.k_norm")),
            attention_output: Projection { name: "self_attn.o_proj", bias: kin.output_bias },
            widening: Widening::Gated([mlp("mlp.gate_proj"), mlp("mlp.up_proj")]),
            down: mlp("mlp.down_proj"),
            norms: ("input_layernorm", Some("post_attention_layernorm")),
            final_norm: Some("norm"),
            head: (!is_tied).then_some(Projection { name: "lm_head", bias: false }),
        },
    })
}

/// Heads, their sharing of keys and their length.
fn heads(settings: &Settings, hidden_size: usize, absent: Option<usize>) -> Result<Heads, ModelError> {
    let queries = settings.extent("num_attention_heads")?;
    let keys = settings.maybe_extent("num_key_value_heads")?.unwrap_or(queries);
    if !queries.is_multiple_of(keys) {
        return Err(settings.refused("num_key_value_heads", keys, "a divisor of num_attention_heads"));
    }
    let size = match settings.maybe_extent("head_dim")?.or(absent) {
        Some(size) => size,
        None => head_size(settings, hidden_size, queries, "num_attention_heads")?,
    };
    if !size.is_multiple_of(2) {
        return Err(settings.refused("head_dim", size, "an even number"));
    }
    Ok(Heads { queries, keys, size })
}
