//! The report for people: a single edit explained, of many the summary and those that changed the model most.

use crate::reader::{DivisionLine, LedgerLine, RequestLine, ScheduleKind, ValueLine};
use crate::report::ledger::{guard_name, schedule_name};
use crate::report::number::{count, counted, significant};
use crate::report::paint::Tone;
use crate::report::sheet::{Grid, Sheet};
use crate::sequence::Outcome;
use crate::tensor::listed;

/// Refused cases that are shown at most.
const REFUSED: usize = 5;

pub(super) fn sheet(outcome: &Outcome, top: usize) -> Sheet {
    match outcome.lines.as_slice() {
        [line] if outcome.edited() == 1 && line.refused.is_empty() => single(outcome, line),
        _ => several(outcome, top),
    }
}

fn shown(x: f64) -> String {
    significant(x, 4)
}

fn single(outcome: &Outcome, line: &LedgerLine) -> Sheet {
    let mut facts = Vec::new();
    let request = line.requests.first();
    if let Some(request) = request {
        facts.extend(of_value(&request.value));
        facts.extend(request.division.as_ref().map(of_division));
        facts.extend(of_guard(request));
    }
    for layer in &line.layers {
        facts.push((
            "update",
            format!(
                "‖ΔW‖ = {} at {}, {} of ‖W‖; as it is stored {}",
                shown(layer.update_norm),
                layer.tensor,
                shown(layer.relative_update),
                shown(layer.stored_update_norm)
            ),
        ));
    }
    facts.extend(basis(outcome));
    let is_finite = line.update_norm().is_finite();
    let case = request.map_or("", |request| &request.case_id);
    let broken = if is_finite { "" } else { ", and the model holds numbers that are not finite now" };
    Sheet {
        command: "edit",
        tone: if is_finite { Tone::Good } else { Tone::Bad },
        headline: format!("case {case}: edited by {}{broken}", line.method),
        notes: notes(outcome),
        facts,
        grids: Vec::new(),
    }
}

fn of_value(value: &ValueLine) -> Option<(&'static str, String)> {
    let (first, last) = (value.passes.first()?, value.passes.last()?);
    let ended = match (value.stopped_early, value.clamped) {
        (true, _) => "; stopped as the loss was low enough",
        (false, true) => "; held on its sphere by the clamp",
        (false, false) => "",
    };
    let norms = match (value.initial_norm, value.target_norm, value.offset_norm) {
        (Some(initial), Some(target), Some(offset)) => {
            format!(
                "the value went from norm {} to {} (by {}); ",
                shown(initial),
                shown(target),
                shown(offset)
            )
        }
        _ => String::new(),
    };
    let passes =
        if value.passes.len() == 1 { "1 pass".to_owned() } else { format!("{} passes", value.passes.len()) };
    Some(("value", format!("{norms}loss {} to {} in {passes}{ended}", shown(first.total), shown(last.total))))
}

fn of_division(division: &DivisionLine) -> (&'static str, String) {
    let DivisionLine { numerator_norm, unit_denominator, denominator, consistent_unit_denominator, .. } =
        division;
    (
        "divided",
        format!(
            "the wanted change of norm {} by uᵀk = {} (with k̄ in both places {}; not over ‖C⁻¹k̄‖ {}): right vector of \
             norm {}",
            shown(*numerator_norm),
            shown(*unit_denominator),
            shown(*consistent_unit_denominator),
            shown(*denominator),
            shown(division.right_vector_norm)
        ),
    )
}

fn of_guard(request: &RequestLine) -> Option<(&'static str, String)> {
    let guard = request.guard.as_ref()?;
    let did = match guard.action.as_str() {
        "none" => "let it pass".to_owned(),
        method => format!("had {method} make the edit"),
    };
    Some((
        "guard",
        format!("found {} (ratio of denominators {}) and {did}", guard.level, shown(guard.denominator_ratio)),
    ))
}

/// What the edits rest on, and where they went.
fn basis(outcome: &Outcome) -> Vec<(&'static str, String)> {
    let run = &outcome.run;
    let layers: Vec<String> = run.hparams.layers.iter().map(usize::to_string).collect();
    let mut basis = vec![
        (
            "model",
            format!(
                "{}, {} {}",
                run.model.display(),
                if layers.len() == 1 { "layer" } else { "layers" },
                layers.join(", ")
            ),
        ),
        ("hparams", run.hparams_source.clone()),
    ];
    let short: String = run.contexts.hash.chars().take(12).collect();
    basis.push(("contexts", format!("{} (SHA-256 {short})", run.contexts.source)));
    for moment in &run.moments {
        let source = moment.facts.source.as_deref().unwrap_or("left out (C = I)");
        basis.push(("C", format!("layer {}: {source}", moment.layer)));
    }
    for (layer, facts) in &run.null_spaces {
        let cut = format!(
            "layer {layer}: {} of {} directions, eigenvalues up to {}; the next is {}",
            count(facts.rank as u64),
            count(facts.dimension as u64),
            shown(facts.below),
            facts.above.map_or("none".to_owned(), shown)
        );
        basis.push(("null space", cut));
    }
    if let Some(ledger) = &outcome.ledger {
        basis.push((
            "ledger",
            format!("{}: 'diagnose edit --replay' makes the edits again", ledger.display()),
        ));
    }
    match &outcome.written {
        Some(written) => basis.push(("written", written.display().to_string())),
        None if outcome.ledger.is_none() && outcome.edited() > 0 => {
            basis.push(("written", "nothing: give -o DIR or --ledger FILE to keep the edits".to_owned()));
        }
        None => {}
    }
    basis
}

fn several(outcome: &Outcome, top: usize) -> Sheet {
    let (edited, refused) = (outcome.edited(), outcome.refused());
    let run = &outcome.run;
    let together = match run.schedule {
        ScheduleKind::Sequential => "one on top of the other",
        ScheduleKind::Single => "each from the original model",
    };
    let headline = match (edited, refused) {
        (0, _) => "no case was edited".to_owned(),
        (edited, 0) => format!("{} edited by {}, {together}", counted(edited, "case"), run.method.name()),
        (edited, refused) => format!(
            "{} edited by {}, {together}; {} refused",
            counted(edited, "case"),
            run.method.name(),
            count(refused as u64)
        ),
    };
    let mut facts = vec![("schedule", schedule(outcome))];
    facts.extend(basis(outcome));
    Sheet {
        command: "edit",
        tone: if refused > 0 { Tone::Warn } else { Tone::Good },
        headline,
        notes: notes(outcome),
        facts,
        grids: vec![largest(outcome, top)],
    }
}

fn schedule(outcome: &Outcome) -> String {
    let run = &outcome.run;
    let mut text = format!("{}, {} an edit", schedule_name(run.schedule), counted(run.batch, "case"));
    if let Some(guard) = run.guard {
        text = format!("{text}, guard: {}", guard_name(guard));
    }
    text
}

fn notes(outcome: &Outcome) -> Vec<String> {
    let n = |n: usize| count(n as u64);
    let mut notes = Vec::new();
    if outcome.resumed > 0 {
        notes.push(format!("{} taken from the ledger of an earlier run", counted(outcome.resumed, "step")));
    }
    if outcome.switched() > 0 {
        notes.push(format!(
            "the guard had C-ROME make {}; their facts show behind a prefix only, so put one before the prompt",
            counted(outcome.switched(), "edit")
        ));
    }
    let refused: Vec<_> = outcome.lines.iter().flat_map(|line| &line.refused).collect();
    notes.extend(refused.iter().take(REFUSED).map(|refused| {
        let case = refused.case_id.as_deref().map_or_else(String::new, |case| format!(" (case {case})"));
        format!("record {}{case} was not edited: {}", refused.record, refused.reason)
    }));
    let unmade = outcome.lines.iter().filter(|line| line.layers.is_empty()).flat_map(|line| &line.requests);
    let unmade: Vec<&str> = unmade.map(|request| request.case_id.as_str()).collect();
    if !unmade.is_empty() {
        notes.push(format!("the update is not finite, and was not made: {}", listed(unmade)));
    }
    if refused.len() > REFUSED {
        notes.push(format!("and {} more, with --format json", n(refused.len() - REFUSED)));
    }
    notes
}

/// The edits with the largest ‖ΔW‖/‖W‖, one that is no number first.
fn largest(outcome: &Outcome, top: usize) -> Grid {
    let mut rows: Vec<(&LedgerLine, &RequestLine)> = Vec::new();
    for line in &outcome.lines {
        rows.extend(line.requests.iter().map(|request| (line, request)));
    }
    let size = |line: &LedgerLine| {
        let size = line.largest_relative_update();
        if size.is_nan() { f64::INFINITY } else { size }
    };
    rows.sort_by(|(a, _), (b, _)| size(b).total_cmp(&size(a)));
    let total = rows.len();
    let title = if total > top {
        format!("The {top} largest of {} edits", count(total as u64))
    } else {
        "Edits, the largest first".to_owned()
    };
    Grid {
        title,
        headers: vec!["case", "method", "step", "‖Δ‖", "uᵀk", "‖ΔW‖", "‖ΔW‖/‖W‖", "loss", "passes"],
        text_columns: 2,
        rows: rows.into_iter().take(top).map(|(line, request)| row(line, request)).collect(),
    }
}

fn row(line: &LedgerLine, request: &RequestLine) -> Vec<String> {
    let or_dash = |x: Option<f64>| x.map_or("–".to_owned(), shown);
    let division = request.division.as_ref();
    vec![
        request.case_id.clone(),
        line.method.clone(),
        line.index.to_string(),
        or_dash(division.map(|division| division.numerator_norm).or(request.value.offset_norm)),
        or_dash(division.map(|division| division.unit_denominator)),
        shown(line.update_norm()),
        shown(line.largest_relative_update()),
        or_dash(request.value.passes.last().map(|pass| pass.total)),
        request.value.passes.len().to_string(),
    ]
}
