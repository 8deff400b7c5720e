//! The encoder of BERT: learned positions and token types under a norm, and norms behind attention and MLP.

use super::{Blueprint, Names, Order, Packed, Positions, Projection, Widening, activation, head_size};
use crate::model::ops::{Heads, NormKind};
use crate::model::settings::Settings;
use crate::model::{Architecture, Config, ModelError, Orientation};

pub(super) fn read(settings: &Settings) -> Result<Blueprint, ModelError> {
    let hidden_size = settings.extent("hidden_size")?;
    let heads = settings.extent("num_attention_heads")?;
    let context = settings.extent("max_position_embeddings")?;
    let size = head_size(settings, hidden_size, heads, "num_attention_heads")?;
    let kind = settings.maybe_text("position_embedding_type")?.unwrap_or("absolute");
    if kind != "absolute" {
        return Err(settings.refused("position_embedding_type", kind, "absolute"));
    }
    let projection = |name| Projection { name, bias: true };
    Ok(Blueprint {
        config: Config {
            architecture: Architecture::Bert,
            layers: settings.extent("num_hidden_layers")?,
            hidden_size,
            intermediate_size: settings.extent("intermediate_size")?,
            heads,
            context_length: Some(context),
            vocabulary: settings.extent("vocab_size")?,
            causal: false,
        },
        heads: Heads { queries: heads, keys: heads, size },
        scale: (size as f64).sqrt().recip(),
        window: None,
        norm: (NormKind::Layer, settings.maybe_number("layer_norm_eps")?.unwrap_or(1e-12)),
        order: Order::Behind,
        activation: activation(settings, "hidden_act", "gelu")?,
        positions: Positions::Learned("embeddings.position_embeddings", context),
        orientation: Orientation::ValueMajor,
        names: Names {
            root: "bert.",
            block: ("encoder.layer.", "."),
            tokens: "embeddings.word_embeddings",
            token_types: Some(("embeddings.token_type_embeddings", settings.extent("type_vocab_size")?)),
            embedding_norm: Some("embeddings.LayerNorm"),
            packed: Packed::Apart([
                projection("attention.self.query"),
                projection("attention.self.key"),
                projection("attention.self.value"),
            ]),
            head_norms: None,
            attention_output: projection("attention.output.dense"),
            widening: Widening::Plain(projection("intermediate.dense")),
            down: projection("output.dense"),
            norms: ("attention.output.LayerNorm", Some("output.LayerNorm")),
            final_norm: None,
            head: None,
        },
    })
}
