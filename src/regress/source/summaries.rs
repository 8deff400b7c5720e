//! Records whose few numbers are in a summary: deltas, keys, correlations, sequences.

use std::collections::BTreeMap;

use serde_json::Value;

use super::record::{Lacks, bare, list, short};
use crate::reader::recorded_number;
use crate::regress::metric::{Direction, Metric};

/// Levels of a verdict on a change of weights, each a number higher than the one before.
const LEVELS: [&str; 5] = ["identical", "healthy", "suspect", "collapsed", "invalid"];

/// Size of the change, tensors that changed, new non-finite elements, and the verdict as a number: 0 identical, 1 healthy,
/// 2 suspect, 3 collapsed, 4 invalid.
pub(super) fn of_deltas(document: &Value) -> Result<Vec<Metric>, Lacks> {
    let summary = document.get("summary").ok_or(Lacks("summary"))?;
    let level =
        document.get("verdict").and_then(|verdict| verdict.get("level")?.as_str()).ok_or(Lacks("verdict"))?;
    let level = LEVELS.iter().position(|name| *name == level).ok_or(Lacks("known verdict"))?;
    let fields = ["relative_delta", "delta_norm", "tensors_changed", "new_nonfinite"];
    let mut rows: Vec<Metric> =
        fields.iter().filter_map(|field| bare(summary, field, format!("deltas/{field}"))).collect();
    rows.push(Metric::bare("deltas/verdict", level as f64));
    Ok(rows)
}

/// Shares of cases at risk or worse, and of collapse, with a sample a case; records that were refused.
pub(super) fn of_keys(document: &Value) -> Result<Vec<Metric>, Lacks> {
    let cases = list(document, "cases")?;
    let level = |case: &Value| case.get("verdict")?.get("level")?.as_str().map(str::to_owned);
    let share = |name: &str, levels: &[&str]| {
        let sample = |(index, case): (usize, &Value)| {
            let id = case.get("case_id").and_then(Value::as_str).unwrap_or_default();
            let bad = levels.contains(&level(case)?.as_str());
            Some((format!("{index}:{id}"), f64::from(u8::from(bad))))
        };
        let samples: BTreeMap<String, f64> = cases.iter().enumerate().filter_map(sample).collect();
        let mean = samples.values().sum::<f64>() / samples.len() as f64;
        Metric { n: Some(samples.len() as u64), ..Metric::bare(format!("keys/{name}"), mean) }
            .with_samples(samples)
    };
    let mut rows = Vec::new();
    if !cases.is_empty() {
        rows.extend([share("at_risk", &["at-risk", "collapse"]), share("collapse", &["collapse"])]);
    }
    let refused = list(document, "refused")?.len();
    rows.push(Metric::bare("keys/refused", refused as f64));
    Ok(rows)
}

/// A coefficient a group and pair of columns. Which way is better is for the caller to say.
pub(super) fn of_correlate(document: &Value) -> Result<Vec<Metric>, Lacks> {
    let mut rows = Vec::new();
    for group in list(document, "groups")? {
        let by = match group.get("by") {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(name)) => format!("{name}/"),
            Some(Value::Object(by)) if by.is_empty() => String::new(),
            Some(other) => format!("{}/", plain(other)),
        };
        for pair in list(group, "pairs")? {
            let of = |field: &str| pair.get(field).and_then(Value::as_str).unwrap_or("?");
            let name = format!("correlate/{by}{}~{}/{}", of("x"), of("y"), of("method"));
            let n = pair.get("n").and_then(Value::as_u64);
            rows.extend(bare(pair, "coefficient", name).map(|metric| Metric { n, ..metric }));
        }
    }
    Ok(rows)
}

/// Values of an object or of a list, in their order.
fn plain(value: &Value) -> String {
    match value {
        Value::Object(fields) => fields.values().map(plain).collect::<Vec<_>>().join(","),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(","),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Levels of a run of many edits, from the best.
const COURSES: [&str; 4] = ["stable", "gradual", "warning", "collapse"];

/// The level as a number (0 stable to 3 collapse), disabling edits, whether an onset was found, and how fast each layer's
/// distance grows.
pub(super) fn of_sequence(document: &Value) -> Result<Vec<Metric>, Lacks> {
    let runs = list(document, "runs")?;
    let mut rows = Vec::new();
    for run in runs {
        let source = run.get("source").and_then(Value::as_str).unwrap_or("run");
        let prefix =
            if runs.len() == 1 { "sequence".to_owned() } else { format!("sequence/{}", short(source)) };
        let lower = |name: &str, value: f64| Metric {
            direction: Some(Direction::Lower),
            ..Metric::bare(format!("{prefix}/{name}"), value)
        };
        rows.push(lower("disabling_edits", list(run, "disabling_edits")?.len() as f64));
        let level = run.get("level").and_then(Value::as_str);
        let level = level.and_then(|level| COURSES.iter().position(|course| *course == level));
        rows.extend(level.map(|level| lower("level", level as f64)));
        let found = run.get("onset").is_some_and(|onset| !onset.is_null());
        rows.push(lower("collapsed", f64::from(u8::from(found))));
        for growth in list(run, "growth")? {
            let layer = growth.get("layer").map_or_else(|| "all".to_owned(), plain);
            let exponent = bare(growth, "exponent", format!("{prefix}/layer {layer}/growth_exponent"));
            let standard_error = recorded_number(growth, "standard_error");
            rows.extend(exponent.map(|metric| Metric { standard_error, ..metric }));
        }
    }
    Ok(rows)
}
