//! The report for people: what perplexity explains, how surely, and what it tells apart.

use super::words::{self, bracketed, coefficient, group_name, is_sure, reading, symbol};
use super::write::CorrelateReport;
use crate::correlate::{Correlations, Group, IntervalChoice, PChoice, Pair, Separation};
use crate::report::number::{count, counted, significant};
use crate::report::paint::Tone;
use crate::report::sheet::{Grid, Sheet};

pub(super) fn sheet(report: &CorrelateReport<'_>, top: usize) -> Sheet {
    let groups = &report.correlations.groups;
    let shown = groups.iter().take(top.max(1));
    Sheet {
        command: "correlate",
        tone: Tone::Strong,
        headline: headline(report),
        notes: notes(report, top),
        facts: facts(report),
        grids: shown.flat_map(|group| [pairs(group, report), separations(group, report)]).collect(),
    }
}

fn all<'a>(report: &CorrelateReport<'a>) -> impl Iterator<Item = &'a Pair> + Clone {
    report.correlations.groups.iter().flat_map(|group| &group.pairs)
}

/// The pair with the largest coefficient, the first of equals.
fn strongest<'a>(pairs: impl Iterator<Item = &'a Pair>) -> Option<&'a Pair> {
    let strength = |pair: &Pair| pair.found.map_or(-1.0, |found| found.coefficient.abs());
    pairs.reduce(|best, pair| if strength(pair) > strength(best) { pair } else { best })
}

/// The strongest of the pairs that chance does not explain, else of all.
pub(super) fn headline(report: &CorrelateReport<'_>) -> String {
    let sure = all(report).filter(|pair| is_sure(pair));
    let (of, found) = (all(report).count(), sure.clone().count());
    let line = strongest(sure)
        .or_else(|| strongest(all(report)))
        .map(|pair| reading(pair, report.plan.measure))
        .unwrap_or_default();
    match (of, found) {
        (1, _) => line,
        (_, 0) => format!(
            "{} explains none of {}; most of all: {line}",
            report.correlations.x,
            counted(of, "column")
        ),
        _ => format!("{line}; {found} of {} hold after Holm's correction", counted(of, "comparison")),
    }
}

fn notes(report: &CorrelateReport<'_>, top: usize) -> Vec<String> {
    let mut notes = Vec::new();
    for pair in all(report).filter(|pair| is_sure(pair) && pair.direction_ok == Some(false)) {
        notes.push(format!("{}: not what metrics of these names do", reading(pair, report.plan.measure)));
    }
    let worst = |of: fn(&Pair) -> usize| all(report).map(of).max().unwrap_or(0);
    for (rows, which, what) in [
        (worst(|pair| pair.nan), "NaN", "no rank, left out and counted as missing"),
        (worst(|pair| pair.infinite), "infinite", "a rank like any other, not left out"),
    ] {
        if rows > 0 {
            notes.push(format!("{which} in up to {} of a pair: {what}", counted(rows, "row")));
        }
    }
    if report.plan.p == PChoice::Exact {
        let without = all(report).filter(|pair| pair.found.is_ok_and(|found| found.p.is_none())).count();
        if without > 0 {
            let pairs = counted(without, "pair");
            notes.push(format!(
                "{pairs} without p: exact ones are for up to 22 rows without ties and 10 with"
            ));
        }
    }
    let Correlations { mixed, same_task, .. } = report.correlations;
    for (columns, why) in
        [(mixed, "texts stand among the numbers"), (same_task, "they measure the task that x measures")]
    {
        if !columns.is_empty() {
            notes.push(format!("not compared, because {why}: {} (--y names them)", columns.join(", ")));
        }
    }
    let more = report.correlations.groups.len().saturating_sub(top.max(1));
    if more > 0 {
        notes.push(format!("{} more in json, jsonl and csv (--top shows more)", counted(more, "group")));
    }
    notes
}

fn facts(report: &CorrelateReport<'_>) -> Vec<(&'static str, String)> {
    let plan = report.plan;
    let tables: Vec<String> = report.tables.iter().map(|path| path.display().to_string()).collect();
    let rows: usize = report.correlations.groups.iter().map(|group| group.rows.len()).sum();
    let p = match plan.p {
        PChoice::Auto => "exact where possible, else in the limit".to_owned(),
        PChoice::Exact => "exact".to_owned(),
        PChoice::Permutation => format!("{} permutations, seed {}", count(plan.permutations), plan.seed),
        PChoice::Limit => "in the limit of many rows".to_owned(),
    };
    let interval = match plan.interval {
        IntervalChoice::Fisher => "95 % by Fisher's z".to_owned(),
        IntervalChoice::Bootstrap => format!("95 % by BCa, {} resamples", count(plan.resamples as u64)),
    };
    let method = words::measure(plan.measure);
    vec![
        ("tables", format!("{}: {}", tables.join(", "), counted(rows, "row"))),
        ("method", format!("{method} {}; p {p}; {interval}", symbol(plan.measure))),
    ]
}

fn title(what: &str, group: &Group, report: &CorrelateReport<'_>) -> String {
    let rows = counted(group.rows.len(), "row");
    match group_name(report.plan.by, group).as_str() {
        "" => format!("{what} ({rows})"),
        name => format!("{what}, {name} ({rows})"),
    }
}

fn pairs(group: &Group, report: &CorrelateReport<'_>) -> Grid {
    let none = || "–".to_owned();
    let row = |pair: &Pair| {
        let found = pair.found.ok();
        let own = found
            .map_or_else(|| words::status(&pair.found).to_owned(), |found| coefficient(found.coefficient));
        let interval = found.and_then(|found| found.interval).map_or_else(none, bracketed);
        let p = found.and_then(|found| found.p);
        let holm = found.and_then(|found| found.p_holm).map_or_else(none, |p| significant(p, 3));
        let method = p.map_or("–", |p| words::p_method(p.kind)).to_owned();
        let direction = pair.direction_ok.map_or("–", |ok| if ok { "ok" } else { "wrong" }).to_owned();
        let p = p.map_or_else(none, words::p);
        let [n, missing] = [pair.n, pair.missing].map(|rows| count(rows as u64));
        vec![pair.y.clone(), direction, own, interval, n, missing, p, method, holm]
    };
    Grid {
        title: title(&format!("{} against", report.correlations.x), group, report),
        headers: vec![
            "column",
            "sign",
            symbol(report.plan.measure),
            "95 %",
            "n",
            "missing",
            "p",
            "by",
            "p (Holm)",
        ],
        text_columns: 2,
        rows: group.pairs.iter().map(row).collect(),
    }
}

fn separations(group: &Group, report: &CorrelateReport<'_>) -> Grid {
    let none = || "–".to_owned();
    let number = |x: f64| significant(x, 4);
    let row = |found: &Separation| {
        let line = found.threshold;
        let sign = line.map_or("", |line| if line.above { "≥ " } else { "≤ " });
        let spread = line.and_then(|line| line.interval);
        vec![
            found.score.clone(),
            found.auroc.map_or_else(none, |auroc| format!("{auroc:.3}")),
            found.interval.map_or_else(none, bracketed),
            format!("{} / {}", count(found.collapsed as u64), count(found.healthy as u64)),
            line.map_or_else(none, |line| format!("{sign}{}", number(line.value))),
            spread.map_or_else(none, |spread| format!("{} … {}", number(spread.low), number(spread.high))),
            line.map_or_else(none, |line| format!("{:.2} / {:.2}", line.sensitivity, line.specificity)),
        ]
    };
    let rule = report.plan.collapsed.map(ToString::to_string).unwrap_or_default();
    Grid {
        title: title(&format!("Telling collapsed models ({rule}) from others"), group, report),
        headers: vec!["column", "AUROC", "95 %", "collapsed / other", "line", "95 %", "sens. / spec."],
        text_columns: 1,
        rows: group.separations.iter().map(row).collect(),
    }
}
