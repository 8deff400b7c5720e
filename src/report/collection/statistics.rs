//! Records about results: sequences of edits, correlations, regressions.

use serde_json::Value;

use super::column::table;
use super::outline::Outline;
use crate::report::field::{count, described, items, number, or_nan, text};
use crate::report::number::{count as grouped, counted, significant};
use crate::report::paint::Tone;

/// Reasons that stand above a table which has all of them.
const REASONS: usize = 8;

pub(super) fn sequence(record: &Value) -> Outline {
    let runs = items(record, "runs");
    let level = text(record, "level");
    let tone = match level {
        "stable" => Tone::Good,
        "gradual" | "warning" => Tone::Warn,
        "collapse" => Tone::Bad,
        _ => Tone::Strong,
    };
    let headline = match runs {
        [run] => format!("{level}: {}", text(run, "summary")),
        runs => format!("{level}: the worst of {}", counted(runs.len(), "run")),
    };
    let several = runs.iter().filter(|_| runs.len() > 1);
    Outline::new(tone, headline)
        .notes(several.map(|run| format!("{}: {}", text(run, "source"), text(run, "summary"))))
        .notes(runs.iter().flat_map(|run| items(run, "notes")).filter_map(Value::as_str).map(str::to_owned))
        .table(table("Runs", runs, &RUN))
        .table(each(runs, "series", "Series", &SERIES))
        .table(each(runs, "growth", "Growth of the distance", &GROWTH))
        .table(each(runs, "disabling_edits", "Disabling edits", &JUMP))
        .table(each(runs, "phases", "Phases of all series together", &PHASE))
}

const RUN: [(&str, &str); 11] = [
    ("run", "source"),
    ("kind", "kind"),
    ("level", "level"),
    ("edits", "edits"),
    ("onset", "onset.edit"),
    ("from", "onset.low"),
    ("to", "onset.high"),
    ("found by", "onset.method"),
    ("early warning", "early_warning.edit"),
    ("edits ahead", "early_warning.edits_ahead"),
    ("half-life", "forgetting.half_life"),
];
const SERIES: [(&str, &str); 7] = [
    ("run", "run"),
    ("series", "name"),
    ("measure", "measure"),
    ("onset", "course.onset.edit"),
    ("from", "course.onset.low"),
    ("to", "course.onset.high"),
    ("no course", "reason"),
];
const GROWTH: [(&str, &str); 8] = [
    ("run", "run"),
    ("layer", "layer"),
    ("exponent", "exponent"),
    ("95 % from", "ci_low"),
    ("to", "ci_high"),
    ("from edit", "from_edit"),
    ("to edit", "to_edit"),
    ("not fitted", "reason"),
];
const JUMP: [(&str, &str); 7] = [
    ("run", "run"),
    ("edit", "edit"),
    ("case", "case_id"),
    ("layer", "layer"),
    ("distance ratio", "ratio"),
    ("step over median", "update_ratio"),
    ("z", "z"),
];
const PHASE: [(&str, &str); 4] =
    [("run", "run"), ("phase", "name"), ("from edit", "from_edit"), ("to edit", "to_edit")];

/// The items of a list of each run in one table, with the run's name.
fn each(
    runs: &[Value],
    list: &str,
    title: &str,
    columns: &[(&'static str, &'static str)],
) -> Option<crate::report::html::Table> {
    let rows: Vec<Value> = runs
        .iter()
        .flat_map(|run| {
            items(run, list).iter().map(|item| {
                let mut fields = item.as_object().cloned().unwrap_or_default();
                fields.insert("run".to_owned(), Value::String(text(run, "source").to_owned()));
                Value::Object(fields)
            })
        })
        .collect();
    table(title, &rows, columns)
}

pub(super) fn correlate(record: &Value) -> Outline {
    let groups = items(record, "groups");
    let pairs = || groups.iter().flat_map(|group| items(group, "pairs"));
    let size = |pair: &Value| number(pair, "coefficient").map_or(-1.0, f64::abs);
    let strongest = pairs().max_by(|a, b| size(a).total_cmp(&size(b)));
    let headline = match strongest.filter(|pair| size(pair) >= 0.0) {
        Some(pair) => {
            let [coefficient, low, high] =
                ["coefficient", "ci_low", "ci_high"].map(|field| significant(or_nan(pair, field), 3));
            format!(
                "strongest: {} and {}, {} {coefficient} [{low}, {high}], n = {}",
                text(pair, "x"),
                text(pair, "y"),
                text(pair, "method"),
                grouped(count(pair, "n"))
            )
        }
        None => "no pair of columns has a coefficient".to_owned(),
    };
    let mut outline = Outline::new(Tone::Strong, headline)
        .notes(strongest.map(|pair| text(pair, "reading").to_owned()).filter(|reading| !reading.is_empty()))
        .notes(disagreeing(groups));
    for group in groups {
        let by = group.get("by").map(described).filter(|by| !by.is_empty());
        let of = by.map_or_else(String::new, |by| format!(": {by}"));
        outline = outline.table(table(format!("Pairs of columns{of}"), items(group, "pairs"), &PAIR));
        outline = outline.table(table(
            format!("As tests for collapse{of}"),
            items(group, "separation"),
            &SEPARATION,
        ));
    }
    outline
}

/// Pairs whose sign is not the one that metrics of these names have.
fn disagreeing(groups: &[Value]) -> Option<String> {
    let pairs = groups.iter().flat_map(|group| items(group, "pairs"));
    let n = pairs.filter(|pair| pair.get("direction_ok") == Some(&Value::Bool(false))).count();
    (n > 0).then(|| format!("{} against the direction that metrics of these names have", counted(n, "pair")))
}

const SEPARATION: [(&str, &str); 9] = [
    ("score", "score"),
    ("collapsed", "collapsed"),
    ("healthy", "healthy"),
    ("AUROC", "auroc"),
    ("95 % from", "ci_low"),
    ("to", "ci_high"),
    ("threshold", "threshold"),
    ("sensitivity", "sensitivity"),
    ("specificity", "specificity"),
];

const PAIR: [(&str, &str); 16] = [
    ("x", "x"),
    ("y", "y"),
    ("method", "method"),
    ("coefficient", "coefficient"),
    ("95 % from", "ci_low"),
    ("to", "ci_high"),
    ("by", "ci_method"),
    ("n", "n"),
    ("missing", "missing"),
    ("infinite", "infinite"),
    ("p", "p_value"),
    ("log₁₀ p", "log10_p"),
    ("p by", "p_method"),
    ("p (Holm)", "p_holm"),
    ("q", "q_value"),
    ("no coefficient", "status"),
];

pub(super) fn regress(record: &Value) -> Outline {
    let rows = items(record, "rows");
    let with = |status: &str| rows.iter().filter(|row| text(row, "status") == status).count();
    let [regressed, missing, improved] = ["regressed", "missing", "improved"].map(with);
    let all = counted(rows.len(), "metric");
    let (worst, headline) = match (regressed, missing) {
        (0, 0) => {
            (Tone::Good, format!("{all} held against the baseline: none regressed, {improved} improved"))
        }
        (0, missing) => (Tone::Bad, format!("{all} held against the baseline: {missing} missing")),
        (regressed, missing) => {
            (Tone::Bad, format!("{all} held against the baseline: {regressed} regressed, {missing} missing"))
        }
    };
    // What is missing may have been allowed to be.
    let closed = record.get("summary").and_then(|summary| summary.get("failed")).and_then(Value::as_bool);
    let tone = if closed == Some(false) && worst == Tone::Bad { Tone::Warn } else { worst };
    let reasons = rows.iter().filter(|row| matches!(text(row, "status"), "regressed" | "missing"));
    Outline::new(tone, headline)
        .notes(reasons.map(|row| format!("{}: {}", text(row, "metric"), text(row, "reason"))).take(REASONS))
        .fact("baseline", side(record, "baseline"))
        .fact("current", side(record, "current"))
        .table(table("Metrics", rows, &METRIC))
        .told(&["rows", "baseline.path", "current.path"])
}

fn side<'a>(record: &'a Value, field: &str) -> &'a str {
    record.get(field).map_or("", |side| text(side, "path"))
}

const METRIC: [(&str, &str); 14] = [
    ("metric", "metric"),
    ("status", "status"),
    ("baseline", "baseline"),
    ("current", "current"),
    ("change", "change"),
    ("relative", "relative_change"),
    ("better", "direction"),
    ("tolerance", "tolerance"),
    ("noise", "noise.standard_deviation"),
    ("test", "test.kind"),
    ("p", "test.p_value"),
    ("adjusted", "test.adjusted_p"),
    ("95 % from", "test.ci_low"),
    ("to", "test.ci_high"),
];
