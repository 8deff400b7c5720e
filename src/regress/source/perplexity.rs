//! `diagnose.perplexity/1`: two protocols, and two sets of texts, are never compared.

use std::collections::BTreeMap;

use serde_json::Value;

use super::record::{Lacks, bare, list};
use crate::reader::recorded_number;
use crate::regress::metric::Metric;

/// `perplexity/mean_nll`, `perplexity/mean_of_text_perplexities` and `perplexity/nonfinite_texts`; of several models with the
/// model's path behind the command.
pub(super) fn metrics(document: &Value) -> Result<Vec<Metric>, Lacks> {
    let models = list(document, "models")?;
    let mut rows = Vec::new();
    for model in models {
        let path = model.get("path").and_then(Value::as_str).unwrap_or_default();
        let prefix = if models.len() == 1 { "perplexity".to_owned() } else { format!("perplexity/{path}") };
        let protocol = protocol(model);
        let texts = model.get("texts_detail").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let mean_nll = bare(model, "mean_nll", format!("{prefix}/mean_nll")).ok_or(Lacks("mean_nll"))?;
        let of_texts =
            bare(model, "mean_of_text_perplexities", format!("{prefix}/mean_of_text_perplexities"));
        let of_texts = of_texts
            .map(|metric| Metric { standard_error: recorded_number(model, "standard_error"), ..metric });
        let measured = [
            Some(mean_nll.with_samples(weighted_nll(texts))),
            of_texts.map(|metric| metric.with_samples(by_text(texts, "perplexity"))),
            bare(model, "nonfinite_texts", format!("{prefix}/nonfinite_texts")),
        ];
        let n = model.get("scored_texts").and_then(Value::as_u64);
        rows.extend(measured.into_iter().flatten().map(|metric| Metric {
            n,
            protocol: Some(protocol.clone()),
            ..metric
        }));
    }
    Ok(rows)
}

/// Everything that a perplexity depends on but the weights: the protocol, and how much text there was.
fn protocol(model: &Value) -> String {
    let of = |field: &str| match model.get("protocol").and_then(|protocol| protocol.get(field)) {
        None | Some(Value::Null) => "none".to_owned(),
        Some(Value::String(text)) => text.chars().take(12).collect(),
        Some(other) => other.to_string(),
    };
    let count = |field: &str| model.get(field).and_then(Value::as_u64).unwrap_or(0);
    format!(
        "tokenizer {}, bos {}, window {}, stride {}, {} texts, {} tokens",
        of("tokenizer_hash"),
        of("bos"),
        of("window"),
        of("stride"),
        count("texts"),
        count("tokens")
    )
}

fn by_text(texts: &[Value], field: &str) -> BTreeMap<String, f64> {
    let sample = |text: &Value| Some((text.get("index")?.to_string(), recorded_number(text, field)?));
    texts.iter().filter_map(sample).collect()
}

/// What each text adds to the mean over tokens: its mean NLL times its tokens, over the mean number of tokens of a text.
fn weighted_nll(texts: &[Value]) -> BTreeMap<String, f64> {
    let tokens = |text: &Value| text.get("tokens").and_then(Value::as_u64).unwrap_or(0) as f64;
    let nll = by_text(texts, "mean_nll");
    let scored: Vec<&Value> = texts
        .iter()
        .filter(|text| text.get("index").is_some_and(|at| nll.contains_key(&at.to_string())))
        .collect();
    let mean = scored.iter().map(|text| tokens(text)).sum::<f64>() / scored.len() as f64;
    let sample = |text: &&Value| {
        let index = text.get("index")?.to_string();
        let nll = nll.get(&index)?;
        Some((index, nll * tokens(text) / mean))
    };
    scored.iter().filter_map(sample).collect()
}
