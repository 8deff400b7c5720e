//! GPT-NeoX and Pythia: queries, keys and values in one matrix head by head, rotary positions on part of each head.

use super::{Blueprint, Names, Order, Packed, Positions, Projection, Widening, activation, head_size, rope};
use crate::model::ops::{Heads, NormKind, Pairing};
use crate::model::settings::Settings;
use crate::model::{Architecture, Config, ModelError, Orientation};

pub(super) fn read(settings: &Settings) -> Result<Blueprint, ModelError> {
    let hidden_size = settings.extent("hidden_size")?;
    let heads = settings.extent("num_attention_heads")?;
    let context = settings.extent("max_position_embeddings")?;
    let size = head_size(settings, hidden_size, heads, "num_attention_heads")?;
    let is_parallel = settings.flag("use_parallel_residual", true)?;
    let is_tied = settings.flag("tie_word_embeddings", false)?;
    let in_attention = settings.flag("attention_bias", true)?;
    let with_bias = |name| Projection { name, bias: true };
    Ok(Blueprint {
        config: Config {
            architecture: Architecture::GptNeoX,
            layers: settings.extent("num_hidden_layers")?,
            hidden_size,
            intermediate_size: settings.extent("intermediate_size")?,
            heads,
            context_length: Some(context),
            vocabulary: settings.extent("vocab_size")?,
            causal: true,
        },
        heads: Heads { queries: heads, keys: heads, size },
        scale: (size as f64).sqrt().recip(),
        window: None,
        norm: (NormKind::Layer, settings.maybe_number("layer_norm_eps")?.unwrap_or(1e-5)),
        order: if is_parallel { Order::Parallel } else { Order::Sequential },
        activation: activation(settings, "hidden_act", "gelu")?,
        positions: Positions::Rotary(
            rope::frequencies(settings, turned(settings, size)?, context, "rotary_emb_base")?,
            Pairing::Halves,
        ),
        orientation: Orientation::ValueMajor,
        names: Names {
            root: "gpt_neox.",
            block: ("layers.", "."),
            tokens: "embed_in",
            token_types: None,
            embedding_norm: None,
            packed: Packed::ByHead(Projection { name: "attention.query_key_value", bias: in_attention }),
            head_norms: None,
            attention_output: Projection { name: "attention.dense", bias: in_attention },
            widening: Widening::Plain(with_bias("mlp.dense_h_to_4h")),
            down: with_bias("mlp.dense_4h_to_h"),
            norms: ("input_layernorm", Some("post_attention_layernorm")),
            final_norm: Some("final_layer_norm"),
            head: (!is_tied).then_some(Projection { name: "embed_out", bias: false }),
        },
    })
}

/// How many numbers of a head are turned: a share of them, a quarter where nothing is said.
fn turned(settings: &Settings, size: usize) -> Result<usize, ModelError> {
    let newer = settings.maybe_object("rope_parameters")?;
    let share = match &newer {
        Some(newer) => newer.maybe_number("partial_rotary_factor")?,
        None => None,
    };
    let share = share.or(settings.maybe_number("rotary_pct")?).unwrap_or(0.25);
    if !(0.0..=1.0).contains(&share) {
        return Err(settings.refused("rotary_pct", share, "a share between 0 and 1"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the size of a head"
    )]
    let turned = (size as f64 * share) as usize;
    Ok(turned)
}
