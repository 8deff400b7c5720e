//! Records about weights: what changed, and what an edit did.

use serde_json::Value;

use super::column::{Column, table};
use super::outline::Outline;
use crate::deltas::Level;
use crate::report::deltas::{level_meaning, level_name, level_tone};
use crate::report::field::{count, items, or_nan, text};
use crate::report::number::{count as grouped, counted, significant};
use crate::report::paint::Tone;

const LEVELS: [Level; 5] =
    [Level::Identical, Level::Healthy, Level::Suspect, Level::Collapsed, Level::Invalid];

/// The object below a field; where there is none, nothing at all.
pub(super) fn inner<'a>(record: &'a Value, field: &str) -> &'a Value {
    record.get(field).unwrap_or(&Value::Null)
}

/// Sentences of a list.
pub(super) fn sentences(object: &Value, field: &str) -> Vec<String> {
    items(object, field).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// What the thresholds of a verdict rest on.
pub(super) fn calibration(verdict: &Value) -> String {
    let calibration = inner(verdict, "calibration");
    let (status, basis) = (text(calibration, "status"), text(calibration, "basis"));
    if basis.starts_with(status) { basis.to_owned() } else { format!("{status}: {basis}") }
}

pub(super) fn deltas(record: &Value) -> Outline {
    let (summary, verdict, signature) =
        (inner(record, "summary"), inner(record, "verdict"), inner(record, "signature"));
    let level = LEVELS.into_iter().find(|level| level_name(*level) == text(verdict, "level"));
    let (tone, headline) = match level {
        Some(level) => (level_tone(level), format!("{}: {}", level_name(level), level_meaning(level))),
        None => (Tone::Strong, text(verdict, "level").to_owned()),
    };
    let sizes =
        ["relative_delta", "delta_norm", "before_norm"].map(|field| significant(or_nan(summary, field), 4));
    let [ratio, delta, before] = sizes;
    let changed = items(record, "tensors").iter().filter(|tensor| text(tensor, "status") == "changed");
    Outline::new(tone, headline)
        .notes(sentences(verdict, "reasons"))
        .notes(sentences(signature, "reasons"))
        .fact("before", side(inner(record, "before")))
        .fact("after", side(inner(record, "after")))
        .fact(
            "changed",
            format!(
                "{} of {} tensors compared; relative Δ {ratio} (‖Δ‖ {delta} / ‖W‖ {before})",
                grouped(count(summary, "tensors_changed")),
                grouped(count(summary, "tensors_compared"))
            ),
        )
        .fact("left by", signed(signature))
        .fact("thresholds", calibration(verdict))
        .table(table(
            "Checks",
            items(record, "expectations"),
            &[("held", "held"), ("check", "expect"), ("found", "found")],
        ))
        .table(table("Changed tensors", changed, &TENSOR))
        .told(&DELTAS_TOLD)
}

fn side(side: &Value) -> String {
    format!(
        "{}: {} tensors, {} parameters",
        text(side, "path"),
        grouped(count(side, "tensors")),
        grouped(count(side, "parameters"))
    )
}

fn signed(signature: &Value) -> String {
    let layers: Vec<String> = items(signature, "layers").iter().map(ToString::to_string).collect();
    let noun = if layers.len() == 1 { "layer" } else { "layers" };
    let edits = signature.get("estimated_edits").and_then(Value::as_u64);
    let edits = edits.map_or_else(String::new, |n| {
        format!(", about {}", counted(usize::try_from(n).unwrap_or(0), "edit"))
    });
    let layers = if layers.is_empty() { String::new() } else { format!(", {noun} {}", layers.join(", ")) };
    format!("{}{layers}{edits}", text(signature, "kind"))
}

/// Records that nothing could be done with.
pub(super) fn refused(record: &Value) -> Option<crate::report::html::Table> {
    let columns = [("record", "index"), ("case", "case_id"), ("kind", "kind"), ("why", "reason")];
    table("Records that could not be used", items(record, "refused"), &columns)
}

pub(super) fn edit(record: &Value) -> Outline {
    let (summary, settings) = (inner(record, "summary"), inner(record, "settings"));
    let [edited, refused_cases] = ["edited", "refused"].map(|field| count(summary, field));
    let edits = items(record, "edits");
    let sizes: Vec<f64> = edits
        .iter()
        .flat_map(|edit| items(edit, "layers"))
        .map(|layer| or_nan(layer, "relative_update"))
        .collect();
    let broken = sizes.iter().any(|size| !size.is_finite());
    let tone = if broken {
        Tone::Bad
    } else if refused_cases > 0 || edited == 0 {
        Tone::Warn
    } else {
        Tone::Strong
    };
    let largest = sizes.iter().copied().reduce(f64::max).map_or_else(String::new, |largest| {
        format!("; the largest update is {} of ‖W‖", significant(largest, 4))
    });
    let cases = counted(usize::try_from(edited).unwrap_or(usize::MAX), "case");
    let refusals =
        if refused_cases > 0 { format!("; {} refused", grouped(refused_cases)) } else { String::new() };
    let flat: Vec<Value> = edits.iter().flat_map(one_a_request).collect();
    Outline::new(tone, format!("{cases} edited by {}{refusals}{largest}", text(settings, "method")))
        .fact("model", text(inner(record, "model"), "path"))
        .fact("written", record.get("written").and_then(Value::as_str).unwrap_or("nothing"))
        .table(table("Edits", &flat, &EDIT))
        .told(&["edits", "summary.edited", "summary.refused", "settings.method", "model.path", "written"])
}

/// The requests of an edit, each with the edit's number and first layer beside its own fields.
fn one_a_request(edit: &Value) -> Vec<Value> {
    let request = |request: &Value| {
        let mut fields = request.as_object().cloned().unwrap_or_default();
        for name in ["index", "method"] {
            fields.insert(name.to_owned(), edit.get(name).cloned().unwrap_or_default());
        }
        fields.insert("layer".to_owned(), items(edit, "layers").first().cloned().unwrap_or_default());
        Value::Object(fields)
    };
    items(edit, "requests").iter().map(request).collect()
}

const TENSOR: [Column; 11] = [
    ("tensor", "name"),
    ("layer", "role.layer"),
    ("dtype", "dtype_after"),
    ("shape", "shape"),
    ("‖Δ‖/‖W‖", "relative_delta"),
    ("σ₁Δ/σ₁W", "spectrum.relative_spectral_norm"),
    ("rank", "spectrum.numerical_rank"),
    ("stable rank", "spectrum.stable_rank"),
    ("max |Δ|", "max_abs_delta"),
    ("changed elements", "changed_elements"),
    ("of", "elements"),
];

const EDIT: [Column; 11] = [
    ("edit", "index"),
    ("case", "case_id"),
    ("method", "method"),
    ("numerator", "division.numerator_norm"),
    ("denominator", "division.unit_denominator"),
    ("with k̄", "division.consistent_unit_denominator"),
    ("‖v*‖", "value.target_norm"),
    ("clamped", "value.clamped"),
    ("guard", "guard.level"),
    ("‖ΔW‖", "layer.update_norm"),
    ("‖ΔW‖/‖W‖", "layer.relative_update"),
];

/// Fields of a comparison that its outline tells.
const DELTAS_TOLD: [&str; 18] = [
    "verdict.level",
    "verdict.reasons",
    "verdict.calibration.status",
    "verdict.calibration.basis",
    "signature.reasons",
    "signature.kind",
    "signature.estimated_edits",
    "signature.layers",
    "expectations",
    "tensors",
    "histogram.buckets",
    "before.path",
    "after.path",
    "summary.relative_delta",
    "summary.delta_norm",
    "summary.before_norm",
    "summary.tensors_changed",
    "summary.tensors_compared",
];
