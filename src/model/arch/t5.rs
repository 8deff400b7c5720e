//! The encoder of T5: RMS norms, no biases, unscaled scores with a number for each distance, a plain or gated MLP.

use super::{Blueprint, Names, Order, Packed, Positions, Projection, Widening};
use crate::model::ops::{Activation, Heads, NormKind};
use crate::model::settings::Settings;
use crate::model::{Architecture, Config, ModelError, Orientation};

pub(super) fn read(settings: &Settings) -> Result<Blueprint, ModelError> {
    let heads = settings.extent("num_heads")?;
    let size = settings.extent("d_kv")?;
    let buckets = settings.maybe_extent("relative_attention_num_buckets")?.unwrap_or(32);
    let distance = settings.maybe_extent("relative_attention_max_distance")?.unwrap_or(128);
    if buckets < 4 || !buckets.is_multiple_of(2) {
        return Err(settings.refused("relative_attention_num_buckets", buckets, "an even number from 4 on"));
    }
    if distance <= buckets / 4 {
        return Err(settings.refused(
            "relative_attention_max_distance",
            distance,
            "more than a quarter of the buckets",
        ));
    }
    let bare = |name| Projection { name, bias: false };
    let (activation, widening) = feed_forward(settings)?;
    Ok(Blueprint {
        config: Config {
            architecture: Architecture::T5Encoder,
            layers: settings.extent("num_layers")?,
            hidden_size: settings.extent("d_model")?,
            intermediate_size: settings.extent("d_ff")?,
            heads,
            context_length: None,
            vocabulary: settings.extent("vocab_size")?,
            causal: false,
        },
        heads: Heads { queries: heads, keys: heads, size },
        scale: 1.0,
        window: None,
        norm: (NormKind::RootMeanSquare, settings.maybe_number("layer_norm_epsilon")?.unwrap_or(1e-6)),
        order: Order::Sequential,
        activation,
        positions: Positions::Relative(
            "block.0.layer.0.SelfAttention.relative_attention_bias",
            buckets,
            distance,
        ),
        orientation: Orientation::ValueMajor,
        names: Names {
            root: "encoder.",
            block: ("block.", "."),
            tokens: "shared",
            token_types: None,
            embedding_norm: None,
            packed: Packed::Apart([
                bare("layer.0.SelfAttention.q"),
                bare("layer.0.SelfAttention.k"),
                bare("layer.0.SelfAttention.v"),
            ]),
            head_norms: None,
            attention_output: bare("layer.0.SelfAttention.o"),
            widening,
            down: bare("layer.1.DenseReluDense.wo"),
            norms: ("layer.0.layer_norm", Some("layer.1.layer_norm")),
            final_norm: Some("final_layer_norm"),
            head: None,
        },
    })
}

/// `feed_forward_proj` names the function, with `gated-` before it where there is a gate. T5 1.1's gelu is the tanh form.
fn feed_forward(settings: &Settings) -> Result<(Activation, Widening), ModelError> {
    let bare = |name| Projection { name, bias: false };
    let plain = Widening::Plain(bare("layer.1.DenseReluDense.wi"));
    let gated = Widening::Gated([bare("layer.1.DenseReluDense.wi_0"), bare("layer.1.DenseReluDense.wi_1")]);
    let key = "feed_forward_proj";
    match settings.maybe_text(key)?.unwrap_or("relu") {
        "relu" => Ok((Activation::Relu, plain)),
        "gelu" => Ok((Activation::GeluErf, plain)),
        "gelu_new" => Ok((Activation::GeluTanh, plain)),
        "gated-gelu" | "gated-gelu_new" => Ok((Activation::GeluTanh, gated)),
        "gated-silu" => Ok((Activation::Silu, gated)),
        "gated-relu" => Ok((Activation::Relu, gated)),
        other => Err(settings.refused(
            key,
            other,
            "one of relu, gelu, gelu_new, gated-gelu, gated-silu, gated-relu",
        )),
    }
}
