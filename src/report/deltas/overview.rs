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
            format!("{}: no tensor stands on both sides with one shape", words::level_name(level))
        }
        Level::Identical if tensors_compared == 1 => {
            "identical: the one tensor compared holds the same values".to_owned()
        }
        Level::Identical => {
            format!("identical: all {} compared hold the same values", counted(tensors_compared, "tensor"))
        }
        level => format!("{}: {}", words::level_name(level), words::level_meaning(level)),
    }
}

/// What the thresholds of the verdict rest on, in its first clause; the records have all of it.
fn calibration(Calibration { calibrated, basis }: &Calibration) -> String {
    let status = if *calibrated { "calibrated" } else { "heuristic" };
    let basis = basis.strip_prefix(status).map_or(basis.as_str(), |rest| rest.trim_start_matches([':', ' ']));
    let end = [": ", "; ", ". "].into_iter().filter_map(|mark| basis.find(mark)).min();
    match end.map(|end| basis.split_at(end)) {
        Some((clause, _)) => format!("{status}: {}; all of it with --format json", Printable(clause)),
        None if basis.is_empty() => status.to_owned(),
        None => format!("{status}: {}", Printable(basis)),
    }
}

/// Everything but the verdict, the expectations and the tensors one by one.
pub(super) fn facts(deltas: &Deltas) -> Vec<Fact> {
    let mut facts = Vec::new();
    if deltas.summary.tensors_changed > 0 {
        facts.push(("signature", words::signature(&deltas.signature)));
        facts.extend(deltas.signature.reasons.iter().map(|reason| ("", Printable(reason).to_string())));
    }
    facts.push(("before", side(&deltas.before)));
    facts.push(("after", side(&deltas.after)));
    facts.extend(hashes(deltas));
    facts.push(("changed", changed(&deltas.summary)));
    facts.extend(size_of_change(&deltas.summary));
    facts.extend(structure(deltas));
    if deltas.summary.tensors_changed > 0 {
        facts.push(("thresholds", calibration(&deltas.verdict.calibration)));
    }
    facts
}

/// Path and counts; a number is not parted from its unit.
fn side(side: &Side) -> String {
    let mut counts = vec![
        counted(side.tensors, "tensor"),
        format!("{} parameters", count(side.parameters)),
        bytes(side.bytes),
    ];
    if side.files != 1 {
        counts.push(counted(side.files, "file"));
    }
    let counts: Vec<String> = counts.into_iter().map(|part| part.replace(' ', text::UNBREAKABLE)).collect();
    format!("{}: {}", Printable(&side.path.to_string_lossy()), counts.join(", "))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_thresholds_rest_on_is_cut_to_its_first_clause_and_named_once() {
        let said = |calibrated, basis: &str| calibration(&Calibration { calibrated, basis: basis.into() });
        assert_eq!(said(true, "48 edits: 36 healthy"), "calibrated: 48 edits; all of it with --format json");
        assert_eq!(said(false, "heuristic: no labelled case"), "heuristic: no labelled case");
        assert_eq!(said(false, "heuristic"), "heuristic");
        assert_eq!(said(true, "no threshold was needed"), "calibrated: no threshold was needed");
    }

    #[test]
    fn a_long_list_is_cut_and_counted() {
        let names = || (0..7).map(|i| format!("t{i}"));
        assert_eq!(list(names(), 7), "t0, t1, t2, t3, t4, … and 2 more");
        assert_eq!(list(names().take(5), 5), "t0, t1, t2, t3, t4");
    }
}
