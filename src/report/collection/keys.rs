//! A record about keys: whether ROME would break the model, and why.

use serde_json::Value;

use super::column::{Column, table};
use super::outline::Outline;
use super::weights::{calibration, inner, refused, sentences};
use crate::report::field::{count, items, or_nan, text};
use crate::report::number::count as grouped;
use crate::report::paint::Tone;

pub(super) fn keys(record: &Value) -> Outline {
    let summary = inner(record, "summary");
    let [cases, safe, at_risk, collapse, first] =
        ["cases", "safe", "at_risk", "collapse", "first_token_cases"].map(|field| count(summary, field));
    let n = grouped;
    let (tone, headline) = match (cases, at_risk, collapse) {
        (0, ..) => (Tone::Warn, "no case could be diagnosed".to_owned()),
        (_, 0, 0) => {
            (Tone::Good, format!("safe: ROME can make the edits of all {} cases, one by one", n(cases)))
        }
        (_, _, 0) => (
            Tone::Warn,
            format!("at-risk: ROME may harm the model with {} of {} cases", n(at_risk), n(cases)),
        ),
        _ => (
            Tone::Bad,
            format!("collapse: ROME would break the model with {} of {} cases", n(collapse), n(cases)),
        ),
    };
    let model = inner(record, "model");
    let place = if model.is_object() {
        format!("{}, layer {}: {}", text(model, "path"), count(model, "layer"), text(model, "module"))
    } else {
        format!("{}, dumped by another program", text(record, "activations"))
    };
    let all = items(record, "cases");
    Outline::new(tone, headline)
        .notes([
            format!("{} collapse, {} at risk, {} safe", n(collapse), n(at_risk), n(safe)),
            format!("{} of {} read their key at the first token of the text", n(first), n(cases)),
        ])
        .notes(worst(all).into_iter().flat_map(|case| because(case, all.len() > 1)))
        .fact("keys of", place)
        .fact("thresholds", all.first().map(|case| calibration(inner(case, "verdict"))).unwrap_or_default())
        .table(table("Cases", all, &CASE))
        .table(refused(record))
        .told(&[
            "cases",
            "refused",
            "summary.cases",
            "summary.safe",
            "summary.at_risk",
            "summary.collapse",
            "summary.first_token_cases",
            "model.path",
            "model.layer",
            "model.module",
            "activations",
            "projection.points",
        ])
}

/// The case with the smallest ratio; one whose ratio is no number before all others.
fn worst(cases: &[Value]) -> Option<&Value> {
    let size = |case: &&Value| {
        let ratio = or_nan(case, "denominator_ratio").abs();
        if ratio.is_finite() { ratio } else { -1.0 }
    };
    cases.iter().min_by(|a, b| size(a).total_cmp(&size(b)))
}

/// Why a case is what it is; in its first sentence where it stands for others.
fn because(case: &Value, one_of_many: bool) -> Vec<String> {
    let reasons = sentences(inner(case, "verdict"), "reasons");
    if !one_of_many {
        return reasons;
    }
    let name = format!("{} {}", text(case, "case_id"), text(case, "subject"));
    reasons.first().map(|reason| format!("the worst, {}: {reason}", name.trim())).into_iter().collect()
}

const CASE: [Column; 11] = [
    ("case", "case_id"),
    ("subject", "subject"),
    ("level", "verdict.level"),
    ("first token", "first_token"),
    ("ratio", "denominator_ratio"),
    ("D", "unit_denominator"),
    ("D with k̄", "consistent_unit_denominator"),
    ("cos(kᵘ, k̄)", "key_cosine"),
    ("‖kᵘ − k̄‖", "key_distance"),
    ("‖v‖ ratio", "value_norm_ratio"),
    ("‖Δ‖ up to", "delta_norm_bound"),
];
