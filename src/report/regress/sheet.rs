//! The report for people: does the gate hold, which metrics close it and why, and every metric in a row.

use std::io::{self, Write};

use super::words::{self, shown};
use super::write::RegressReport;
use crate::regress::{Correction, Direction, Metrics, Row, Status};
use crate::report::number::{count, counted, significant};
use crate::report::paint::Tone;
use crate::report::sheet::{Grid, Sheet};
use crate::report::text;

/// Columns that the name of a metric may take.
const NAME: usize = 80;
/// Bytes of Markdown: GitHub takes 65,536 characters in a comment, and something may stand above.
const MOST_BYTES: usize = 60_000;

/// How much is shown.
pub(super) struct Shown {
    rows: usize,
    reasons: usize,
}

impl Default for Shown {
    fn default() -> Self {
        Self { rows: 200, reasons: 20 }
    }
}

/// The sheet as Markdown, with fewer rows and reasons until it is short enough.
pub(super) fn markdown(report: &RegressReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut shown = Shown::default();
    loop {
        let mut page = Vec::new();
        sheet(report, &shown).write_markdown(&mut page)?;
        if page.len() <= MOST_BYTES || (shown.rows == 0 && shown.reasons == 0) {
            return out.write_all(&page);
        }
        shown = Shown { rows: shown.rows / 2, reasons: shown.reasons / 2 };
    }
}

pub(super) fn sheet(report: &RegressReport<'_>, shown: &Shown) -> Sheet {
    let (tone, headline) = headline(report);
    Sheet {
        command: "regress",
        tone,
        headline,
        notes: notes(report, shown.reasons),
        facts: facts(report),
        grids: vec![metrics(report, shown.rows)],
    }
}

fn headline(report: &RegressReport<'_>) -> (Tone, String) {
    let summary = report.comparison.summary;
    let compared = summary.regressed + summary.improved + summary.ok;
    let missing = match summary.missing {
        0 => String::new(),
        n => format!(", {n} missing"),
    };
    let improved = match summary.improved {
        0 => String::new(),
        n => format!(", {n} improved"),
    };
    let compared = counted(compared, "metric");
    match (summary.regressed, report.failed().is_empty()) {
        (0, true) => (Tone::Good, format!("no regression in {compared}{missing}{improved}")),
        (0, false) => (Tone::Bad, format!("no regression in {compared}, but {} missing", summary.missing)),
        (n, _) => (Tone::Bad, format!("{} of {compared} regressed{missing}{improved}", count(n as u64))),
    }
}

fn notes(report: &RegressReport<'_>, most: usize) -> Vec<String> {
    let bad = || report.comparison.rows.iter().filter(|row| row.status <= Status::Missing);
    let name = |row: &Row| text::name(&row.metric, NAME);
    let mut notes: Vec<String> =
        bad().take(most).map(|row| format!("{}: {}", name(row), words::reason(row))).collect();
    let more = bad().count().saturating_sub(most);
    if more > 0 {
        notes.push(format!("and {} more", counted(more, "metric")));
    }
    for Metrics { path, notes: of_side, .. } in [report.baseline, report.current] {
        notes.extend(of_side.first().map(|first| match of_side.len() {
            1 => format!("{path}: {first}"),
            n => format!("{path}: {first}, and {} more notes", n - 1),
        }));
    }
    notes
}

fn facts(report: &RegressReport<'_>) -> Vec<(&'static str, String)> {
    let side =
        |side: &Metrics| format!("{} ({}, {})", side.path, side.kind, counted(side.rows.len(), "metric"));
    let rules = report.rules;
    let level = rules.alpha;
    let tests = counted(report.comparison.tests, "test");
    let together = match rules.correction {
        Correction::Holm => format!("{tests}, false alarm in any of them below {level} (Holm)"),
        Correction::BenjaminiHochberg => {
            format!("{tests}, share of false alarms below {level} (Benjamini–Hochberg)")
        }
        Correction::None => format!("{tests}, each at {level}"),
    };
    let mut facts = vec![("baseline", side(report.baseline)), ("current", side(report.current))];
    if report.comparison.tests > 0 {
        facts.push(("tests", together));
    }
    facts
}

fn metrics(report: &RegressReport<'_>, most: usize) -> Grid {
    let rows = &report.comparison.rows;
    let more = match rows.len().saturating_sub(most) {
        0 => String::new(),
        more => format!(" ({} more in json, jsonl and csv)", counted(more, "metric")),
    };
    Grid {
        title: format!("Metrics, ↑ more is better, ↓ less is better{more}"),
        headers: vec![
            "status",
            "metric",
            "",
            "baseline",
            "current",
            "change",
            "95 % interval",
            "p",
            "tolerance",
        ],
        text_columns: 3,
        rows: rows.iter().take(most).map(cells).collect(),
    }
}

fn cells(row: &Row) -> Vec<String> {
    let value = |x: Option<f64>| x.map_or("–".to_owned(), shown);
    let signed = |x: f64| if x > 0.0 { format!("+{}", shown(x)) } else { shown(x) };
    let arrow = match row.direction {
        Some((Direction::Higher, _)) => "↑",
        Some((Direction::Lower, _)) => "↓",
        None if row.change().is_some() => "?",
        None => "",
    };
    let interval = row.test.and_then(|test| test.interval);
    let short = |x: f64| significant(x, 3);
    vec![
        words::status(row.status).to_owned(),
        text::name(&row.metric, NAME),
        arrow.to_owned(),
        value(row.baseline),
        value(row.current),
        row.change().map_or("–".to_owned(), signed),
        interval.map_or("–".to_owned(), |(interval, _)| {
            format!("{} … {}", short(interval.low), short(interval.high))
        }),
        value(row.test.map(|test| test.adjusted_p.unwrap_or(test.p_value))),
        row.tolerance.map_or("–".to_owned(), |tolerance| format!("±{}", shown(tolerance.value))),
    ]
}
