//! Where the clean states of a model bring a fact back: tokens down, layers across.

use serde_json::Value;

use crate::report::field::{items, text};
use crate::report::html::{Figure, HeatMap};

/// Cases that are drawn one by one; of more the regions are.
const CASES: usize = 2;

pub(super) fn figures(record: &Value) -> Vec<Figure> {
    let cases = items(record, "cases");
    if cases.len() <= CASES { cases.iter().flat_map(case).collect() } else { regions(record) }
}

fn numbers(row: &Value) -> Vec<f64> {
    row.as_array().into_iter().flatten().map(|x| x.as_f64().unwrap_or(f64::NAN)).collect()
}

/// What is put back, in words.
fn kind_words(kind: &str) -> &str {
    match kind {
        "hidden" => "Hidden states",
        "mlp" => "MLPs",
        "attention" => "Attention",
        other => other,
    }
}

/// The largest number of all, for one scale of shades.
fn largest<'a>(lists: impl IntoIterator<Item = &'a Value>) -> f64 {
    let numbers = lists.into_iter().flat_map(numbers);
    numbers.filter(|x| x.is_finite()).fold(0.0, f64::max)
}

fn case(case: &Value) -> Vec<Figure> {
    let tokens: Vec<&str> = items(case, "tokens").iter().map(|token| text(token, "text")).collect();
    let answer = case.get("answer").map_or("", |answer| text(answer, "text")).trim();
    let kinds = items(case, "kinds");
    let most = largest(kinds.iter().flat_map(|kind| items(kind, "indirect_effect")));
    let draw = |kind: &Value| {
        let rows = tokens.iter().zip(items(kind, "indirect_effect"));
        HeatMap {
            title: format!("{}: what brings “{answer}” back", kind_words(text(kind, "kind"))),
            description: "Indirect effect by token and layer: how much probability of the answer the clean state of that token brings back."
                .to_owned(),
            columns: "layer".to_owned(),
            rows: rows.map(|(token, row)| ((*token).trim().to_owned(), numbers(row))).collect(),
            most,
        }
        .figure()
    };
    kinds.iter().filter_map(draw).collect()
}

fn regions(record: &Value) -> Vec<Figure> {
    let regions = record.get("summary").map_or(&[][..], |summary| items(summary, "regions"));
    let kinds: Vec<&str> = items(record, "kinds").iter().filter_map(Value::as_str).collect();
    let most = largest(regions.iter().filter_map(|region| region.get("indirect_effect")));
    let draw = |kind: &&str| {
        let own = regions.iter().filter(|region| text(region, "kind") == *kind);
        let row = |region: &Value| {
            let effects = region.get("indirect_effect").map(numbers).unwrap_or_default();
            (!effects.is_empty()).then(|| (text(region, "region").replace('-', " "), effects))
        };
        HeatMap {
            title: format!("{}: what brings answers back, on average", kind_words(kind)),
            description: "Indirect effect by place in the prompt and layer, a mean over cases.".to_owned(),
            columns: "layer".to_owned(),
            rows: own.filter_map(row).collect(),
            most,
        }
        .figure()
    };
    kinds.iter().filter_map(draw).collect()
}
