//! The pair in a few labelled lines, for the formats that people read.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::words;
use crate::deltas::{Calibration, Deltas, Level, Side, Status, Summary};
use crate::report::number::{bytes, count, counted, significant};
use crate::report::text;
use crate::tensor::{Dtype, Printable};

/// Names of one kind that are listed before `… and N more`.
const LISTED: usize = 5;
/// Columns that a listed name may take.
const NAME_COLUMNS: usize = 60;

/// A label and what there is to say under it; names and paths are escaped.
pub(super) type Fact = (&'static str, String);

/// The verdict in one sentence.
pub(super) fn headline(deltas: &Deltas) -> String {
    let Summary { tensors_compared, .. } = deltas.summary;
    match deltas.verdict.level {
        level if tensors_compared == 0 => {
            format!("{}: no tensor stands on both sides with one shape", words::level(level))
        }
        Level::Identical if tensors_compared == 1 => {
            "identical: the one tensor compared holds the same values".to_owned()
        }
        Level::Identical => {
            format!("identical: all {} compared hold the same values", counted(tensors_compared, "tensor"))
        }
        level => format!("{}: {}", words::level(level), words::level_meaning(level)),
    }
}

/// What the thresholds of the verdict rest on.
fn calibration(Calibration { calibrated, basis }: &Calibration) -> String {
    format!("{}: {}", if *calibrated { "calibrated" } else { "heuristic" }, Printable(basis))
}

/// Everything but the verdict, the expectations and the tensors one by one.
pub(super) fn facts(deltas: &Deltas) -> Vec<Fact> {
    let mut facts = Vec::new();
    if deltas.summary.tensors_changed > 0 {
        facts.push(("signature", words::signature(&deltas.signature)));
        facts.extend(deltas.signature.reasons.iter().map(|reason| ("", Printable(reason).to_string())));
        facts.push(("thresholds", calibration(&deltas.verdict.calibration)));
    }
    facts.push(("before", side(&deltas.before)));
    facts.push(("after", side(&deltas.after)));
    facts.extend(hashes(deltas));
    facts.push(("changed", changed(&deltas.summary)));
    facts.extend(size_of_change(&deltas.summary));
    facts.extend(structure(deltas));
    facts
}

fn side(side: &Side) -> String {
    let path = side.path.to_string_lossy();
    let tensors = counted(side.tensors, "tensor");
    let files = if side.files == 1 { String::new() } else { format!(", {}", counted(side.files, "file")) };
    let (parameters, size) = (count(side.parameters), bytes(side.bytes));
    format!("{}: {tensors}, {parameters} parameters, {size}{files}", Printable(&path))
}

fn hashes(deltas: &Deltas) -> Vec<Fact> {
    let sides = [("hash before", &deltas.before), ("hash after", &deltas.after)];
    let listed = sides.into_iter().filter(|(_, side)| !side.sha256.is_empty());
    listed
        .map(|(label, side)| {
            let files =
                side.sha256.iter().map(|(file, hash)| format!("{hash} {}", text::name(file, NAME_COLUMNS)));
            (label, list(files, side.sha256.len()))
        })
        .collect()
}

fn changed(summary: &Summary) -> String {
    format!(
        "{} of {} compared, {} identical",
        count(summary.tensors_changed as u64),
        counted(summary.tensors_compared, "tensor"),
        count(summary.tensors_identical as u64),
    )
}

fn size_of_change(summary: &Summary) -> Vec<Fact> {
    let mut facts = Vec::new();
    if summary.tensors_changed > 0 {
        let [ratio, delta, before] =
            [summary.relative_delta, summary.delta_norm, summary.before_norm].map(|x| significant(x, 4));
        facts.push(("relative Δ", format!("{ratio} (‖Δ‖ {delta} / ‖W‖ {before})")));
    }
    if summary.new_nonfinite > 0 {
        let elements = count(summary.new_nonfinite);
        facts.push((
            "non-finite",
            format!("{elements} elements were finite before and are NaN or infinite after"),
        ));
    }
    facts
}

/// What differs in names, shapes and dtypes.
fn structure(deltas: &Deltas) -> Vec<Fact> {
    let summary = &deltas.summary;
    let mut facts = Vec::new();
    if let Some(renamed) = &summary.renamed_prefix {
        let side = if renamed.on_before { "before" } else { "after" };
        facts.push((
            "names",
            format!("paired without the prefix {} of the {side} side", Printable(&renamed.prefix)),
        ));
    }
    for (label, names) in [("added", &summary.added), ("removed", &summary.removed)] {
        if !names.is_empty() {
            let shown = names.iter().map(|name| text::name(name, NAME_COLUMNS));
            facts.push((label, format!("{}: {}", counted(names.len(), "tensor"), list(shown, names.len()))));
        }
    }
    let reshaped = deltas.tensors.iter().filter(|tensor| tensor.status == Status::Reshaped);
    let reshaped: Vec<String> = reshaped
        .map(|tensor| {
            let after = tensor.shape_after.as_ref().map_or_else(String::new, |shape| format!(" → {shape}"));
            format!("{} {}{after}", text::name(&tensor.name, NAME_COLUMNS), tensor.shape)
        })
        .collect();
    if !reshaped.is_empty() {
        let n = reshaped.len();
        facts.push(("reshaped", format!("{}: {}", counted(n, "tensor"), list(reshaped.into_iter(), n))));
    }
    facts.extend(retyped(deltas));
    facts
}

/// Changes of dtype, counted by pair: a cast touches every tensor.
fn retyped(deltas: &Deltas) -> Option<Fact> {
    let mut pairs: BTreeMap<(Dtype, Dtype), usize> = BTreeMap::new();
    for tensor in &deltas.tensors {
        if let (Some(before), Some(after)) = (tensor.dtype_before, tensor.dtype_after)
            && before != after
        {
            *pairs.entry((before, after)).or_default() += 1;
        }
    }
    let shown =
        pairs.iter().map(|((before, after), &n)| format!("{} {before} → {after}", counted(n, "tensor")));
    (!pairs.is_empty()).then(|| ("retyped", shown.collect::<Vec<_>>().join(", ")))
}

/// The first few of `total` items.
fn list(items: impl Iterator<Item = String>, total: usize) -> String {
    let mut text = items.take(LISTED).collect::<Vec<_>>().join(", ");
    if total > LISTED {
        let _ = write!(text, ", … and {} more", count((total - LISTED) as u64));
    }
    text
}
