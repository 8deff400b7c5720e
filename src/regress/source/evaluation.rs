//! `diagnose.evaluate/1`: metrics over cases with a sample a case, tasks with a sample an item, perplexity.

use std::collections::BTreeMap;

use serde_json::Value;

use super::record::{Lacks, bare, list, short};
use crate::reader::recorded_number;
use crate::regress::metric::Metric;

/// `evaluate/<metric>`, `evaluate/<task file>/accuracy` and their like, `evaluate/mean_nll`.
pub(super) fn metrics(document: &Value) -> Result<Vec<Metric>, Lacks> {
    let mut rows = of_cases(document)?;
    for task in list(document, "tasks")? {
        rows.extend(of_task(task));
    }
    if let Some(summary) = document.get("summary") {
        rows.extend(bare(summary, "nonfinite_prompts", "evaluate/nonfinite_prompts".to_owned()));
        rows.extend(bare(summary, "refused", "evaluate/refused".to_owned()));
    }
    if let Some(texts) = document.get("perplexity").filter(|texts| texts.is_object()) {
        let count = |field: &str| texts.get(field).and_then(Value::as_u64).unwrap_or(0);
        let tokenizer: String = document
            .get("tokenizer_hash")
            .and_then(Value::as_str)
            .unwrap_or("unknown")
            .chars()
            .take(12)
            .collect();
        let protocol = format!("tokenizer {tokenizer}, {} texts, {} tokens", count("texts"), count("tokens"));
        for field in ["mean_nll", "mean_of_text_perplexities", "nonfinite_texts"] {
            let metric = bare(texts, field, format!("evaluate/{field}"));
            rows.extend(metric.map(|metric| Metric { protocol: Some(protocol.clone()), ..metric }));
        }
    }
    Ok(rows)
}

fn of_cases(document: &Value) -> Result<Vec<Metric>, Lacks> {
    let metrics = document.get("metrics").and_then(Value::as_object).ok_or(Lacks("metrics"))?;
    let cases = list(document, "cases")?;
    let one = |(name, summary): (&String, &Value)| {
        let n = summary.get("cases").and_then(Value::as_u64);
        // The record has the deviation of a population: s / √n with n − 1 in s is this.
        let error = |n: u64| {
            Some(recorded_number(summary, "standard_deviation")? / (n.checked_sub(1)? as f64).sqrt())
        };
        let metric = Metric {
            protocol: summary.get("protocol").and_then(Value::as_str).map(str::to_owned),
            ..bare(summary, "mean", format!("evaluate/{name}"))?
        };
        // A score is one number over all cases and has no deviation of its own.
        if name.ends_with("score") {
            return Some(metric);
        }
        let standard_error = n.and_then(error).filter(|error| error.is_finite());
        Some(Metric { standard_error, n, ..metric }.with_samples(by_case(cases, name)))
    };
    Ok(metrics.iter().filter_map(one).collect())
}

/// What each case has of a metric. A case is known by its place and its name: two files of cases share none that differ.
fn by_case(cases: &[Value], name: &str) -> BTreeMap<String, f64> {
    let sample = |case: &Value| {
        let key = format!(
            "{}:{}",
            case.get("index")?,
            case.get("case_id").and_then(Value::as_str).unwrap_or_default()
        );
        let value = recorded_number(case, name).or_else(|| recorded_number(case.get("generated")?, name));
        Some((key, value?))
    };
    cases.iter().filter_map(sample).collect()
}

fn of_task(task: &Value) -> Vec<Metric> {
    let source = short(task.get("source").and_then(Value::as_str).unwrap_or("task"));
    let named = |field: &str| bare(task, field, format!("evaluate/{source}/{field}"));
    let n = task.get("items").and_then(Value::as_u64);
    let items = task.get("items_detail").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let sample = |item: &Value| {
        let correct = item.get("correct")?.as_bool()?;
        Some((item.get("index")?.to_string(), f64::from(u8::from(correct))))
    };
    let accuracy = named("accuracy").map(|metric| {
        let spread = |n: u64| (metric.value * (1.0 - metric.value) / n.checked_sub(1)? as f64).sqrt().into();
        let standard_error = n.and_then(spread).filter(|error: &f64| error.is_finite());
        Metric { standard_error, n, ..metric }.with_samples(items.iter().filter_map(sample).collect())
    });
    let protocol = task.get("protocol").and_then(Value::as_str).map(str::to_owned);
    let rows = [accuracy, named("f1"), named("mcc"), named("invalid")].into_iter().flatten();
    rows.map(|metric| Metric { protocol: protocol.clone(), ..metric }).collect()
}
