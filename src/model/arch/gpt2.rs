//! GPT-2: learned positions, layer norms before attention and MLP, projections stored by inputs (`Conv1D`).

use super::{
    Blueprint, Names, Order, Packed, Positions, Projection, Widening, activation, head_size, must_be,
};
use crate::model::ops::{Heads, NormKind};
use crate::model::settings::Settings;
use crate::model::{Architecture, Config, ModelError, Orientation};

pub(super) fn read(settings: &Settings) -> Result<Blueprint, ModelError> {
    let hidden_size = settings.extent("n_embd")?;
    let heads = settings.extent("n_head")?;
    let context = match settings.maybe_extent("n_positions")? {
        Some(context) => context,
        None => settings.extent("n_ctx")?,
    };
    must_be(settings, "scale_attn_by_inverse_layer_idx", false)?;
    must_be(settings, "add_cross_attention", false)?;
    let size = head_size(settings, hidden_size, heads, "n_head")?;
    let is_scaled = settings.flag("scale_attn_weights", true)?;
    let is_tied = settings.flag("tie_word_embeddings", true)?;
    let projection = |name| Projection { name, bias: true };
    Ok(Blueprint {
        config: Config {
            architecture: Architecture::Gpt2,
            layers: settings.extent("n_layer")?,
            hidden_size,
            intermediate_size: settings.maybe_extent("n_inner")?.unwrap_or(hidden_size.saturating_mul(4)),
            heads,
            context_length: Some(context),
            vocabulary: settings.extent("vocab_size")?,
            causal: true,
        },
        heads: Heads { queries: heads, keys: heads, size },
        scale: if is_scaled { (size as f64).sqrt().recip() } else { 1.0 },
        window: None,
        norm: (NormKind::Layer, settings.maybe_number("layer_norm_epsilon")?.unwrap_or(1e-5)),
        order: Order::Sequential,
        activation: activation(settings, "activation_function", "gelu_new")?,
        positions: Positions::Learned("wpe", context),
        orientation: Orientation::KeyMajor,
        names: Names {
            root: "",
            block: ("h.", "."),
            tokens: "wte",
            token_types: None,
            embedding_norm: None,
            packed: Packed::Together(projection("attn.c_attn")),
            head_norms: None,
            attention_output: projection("attn.c_proj"),
            widening: Widening::Plain(projection("mlp.c_fc")),
            down: projection("mlp.c_proj"),
            norms: ("ln_1", Some("ln_2")),
            final_norm: Some("ln_f"),
            head: (!is_tied).then_some(Projection { name: "lm_head", bias: false }),
        },
    })
}
