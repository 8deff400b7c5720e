//! GPT-J: attention and MLP side by side behind one norm, rotary positions on neighbouring numbers.

use super::{Blueprint, Names, Order, Packed, Positions, Projection, Widening, activation, head_size, rope};
use crate::model::ops::{Heads, NormKind, Pairing};
use crate::model::settings::Settings;
use crate::model::{Architecture, Config, ModelError, Orientation};

pub(super) fn read(settings: &Settings) -> Result<Blueprint, ModelError> {
    let hidden_size = settings.extent("n_embd")?;
    let heads = settings.extent("n_head")?;
    let context = settings.extent("n_positions")?;
    let size = head_size(settings, hidden_size, heads, "n_head")?;
    let turned = settings.maybe_extent("rotary_dim")?.unwrap_or(size);
    if turned > size || !turned.is_multiple_of(2) {
        return Err(settings.refused("rotary_dim", turned, "an even number, at most the length of a head"));
    }
    let is_tied = settings.flag("tie_word_embeddings", false)?;
    let bare = |name| Projection { name, bias: false };
    let with_bias = |name| Projection { name, bias: true };
    Ok(Blueprint {
        config: Config {
            architecture: Architecture::GptJ,
            layers: settings.extent("n_layer")?,
            hidden_size,
            intermediate_size: settings.maybe_extent("n_inner")?.unwrap_or(hidden_size.saturating_mul(4)),
            heads,
            context_length: Some(context),
            vocabulary: settings.extent("vocab_size")?,
            causal: true,
        },
        heads: Heads { queries: heads, keys: heads, size },
        scale: (size as f64).sqrt().recip(),
        window: None,
        norm: (NormKind::Layer, settings.maybe_number("layer_norm_epsilon")?.unwrap_or(1e-5)),
        order: Order::Parallel,
        activation: activation(settings, "activation_function", "gelu_new")?,
        positions: Positions::Rotary(
            rope::frequencies(settings, turned, context, "rope_theta")?,
            Pairing::Neighbours,
        ),
        orientation: Orientation::ValueMajor,
        names: Names {
            root: "",
            block: ("h.", "."),
            tokens: "wte",
            token_types: None,
            embedding_norm: None,
            packed: Packed::Apart([bare("attn.q_proj"), bare("attn.k_proj"), bare("attn.v_proj")]),
            head_norms: None,
            attention_output: bare("attn.out_proj"),
            widening: Widening::Plain(with_bias("mlp.fc_in")),
            down: with_bias("mlp.fc_out"),
            norms: ("ln_1", None),
            final_norm: Some("ln_f"),
            head: (!is_tied).then_some(with_bias("lm_head")),
        },
    })
}
