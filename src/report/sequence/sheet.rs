//! The report for people: what happened first, then what it rests on.

use super::words::{place, step, summary, worst};
use super::write::SequenceReport;
use crate::reader::RunSeries;
use crate::report::number::{count, counted, significant};
use crate::report::paint::Tone;
use crate::report::sheet::{Grid, Sheet};
use crate::sequence::analysis::{Course, Level, PhaseKind, RunAnalysis};

/// The whole page; of long tables only the first rows.
pub(super) fn sheet(report: &SequenceReport<'_>, top: usize) -> Sheet {
    let level = worst(report.runs);
    let headline = match report.runs {
        [run] => format!("{}: {}", level.name(), summary(run)),
        runs => format!("{}: the worst of {}", level.name(), counted(runs.len(), "run")),
    };
    Sheet {
        command: "sequence",
        tone: match level {
            Level::Stable => Tone::Good,
            Level::Gradual | Level::Warning => Tone::Warn,
            Level::Collapse => Tone::Bad,
        },
        headline,
        notes: notes(report),
        facts: report.runs.iter().flat_map(|run| facts(run, report)).collect(),
        grids: report.runs.iter().flat_map(|run| grids(run, report.runs.len() > 1, top)).collect(),
    }
}

fn shown(x: f64) -> String {
    significant(x, 3)
}

fn notes(report: &SequenceReport<'_>) -> Vec<String> {
    let several = report.runs.len() > 1;
    let mut notes = Vec::new();
    for found in report.runs {
        let source = found.run.path.display();
        let of = if several { format!("{source}: ") } else { String::new() };
        if several {
            notes.push(format!("{of}{}", summary(found)));
        }
        notes.extend(found.run.notes.iter().map(|note| format!("{of}{note}")));
        if let Some(first) = found.run.bad.first() {
            notes.push(format!(
                "{of}{} could not be used, the first: {first}",
                counted(found.run.bad.len(), "record")
            ));
        }
        let onset = found.onset.as_ref().err().map(|reason| format!("{of}no onset: {reason}"));
        let warning =
            found.warning.as_ref().err().map(|reason| format!("{of}no early warning possible: {reason}"));
        let jumps = found
            .disabling
            .as_ref()
            .err()
            .map(|reason| format!("{of}disabling edits not looked for: {reason}"));
        notes.extend([onset, warning, jumps].into_iter().flatten());
    }
    notes
}

fn facts(found: &RunAnalysis, report: &SequenceReport<'_>) -> Vec<(&'static str, String)> {
    let run = &found.run;
    let mut facts = vec![(
        "run",
        format!(
            "{} ({}): {}, {}",
            run.path.display(),
            run.kind.name(),
            counted(usize::try_from(run.edits()).unwrap_or(usize::MAX), "edit"),
            format_args!("{} series", run.series.len())
        ),
    )];
    if report.runs.len() == 1 {
        facts.push((
            "warning",
            format!("exponent above {}, 0.5 for a random walk", report.plan.warn_exponent),
        ));
    }
    if let Ok(forgetting) = &found.forgetting {
        let half = match forgetting.half_life.edits {
            Some(edits) => format!(
                "half of them last {} edits [{}, {}]",
                shown(edits),
                shown(forgetting.half_life.interval.low),
                shown(forgetting.half_life.interval.high)
            ),
            None => "less than half were lost".to_owned(),
        };
        let (forgotten, learnt) = (forgetting.forgotten, forgetting.learnt);
        facts.push(("forgetting", format!("{forgotten} of {learnt} learnt edits were lost later; {half}")));
    }
    facts
}

fn grids(found: &RunAnalysis, several: bool, top: usize) -> Vec<Grid> {
    let of = if several { format!(" of {}", found.run.path.display()) } else { String::new() };
    let all = [
        courses(found, &of),
        disabling(found, &of, top),
        growth(found, &of, top),
        forgetting(found, &of, top),
    ];
    all.into_iter().collect()
}

/// A title with what a table leaves out.
fn titled(title: &str, of: &str, rows: usize, top: usize) -> String {
    match rows.saturating_sub(top) {
        0 => format!("{title}{of}"),
        more => format!("{title}{of} ({} more in json and jsonl)", count(more as u64)),
    }
}

fn courses(found: &RunAnalysis, of: &str) -> Grid {
    let row = |(series, course): (&RunSeries, &Result<Course, String>)| {
        let course = course.as_ref().ok()?;
        let from = |kind| course.phases.iter().find(|phase| phase.kind == kind);
        let edit = |kind| from(kind).map_or("–".to_owned(), |phase| count(phase.from_edit));
        let (first, last) = (series.points.first()?.1, series.points.last()?.1);
        let onset = course.onset.as_ref().map_or("–".to_owned(), place);
        let end = course.phases.last()?.kind.name().to_owned();
        Some(vec![series.name.clone(), end, shown(first), shown(last), edit(PhaseKind::Gradual), onset])
    };
    Grid {
        title: format!("Scores{of}, and the edit from which they decline and break"),
        headers: vec!["series", "at the end", "first", "last", "gradual from", "catastrophic at"],
        text_columns: 2,
        rows: found.run.series.iter().zip(&found.courses).filter_map(row).collect(),
    }
}

fn disabling(found: &RunAnalysis, of: &str, top: usize) -> Grid {
    let jumps = found.disabling.as_deref().unwrap_or_default();
    let rows = jumps.iter().take(top).map(|jump| {
        let name = jump.name.clone().unwrap_or_default();
        vec![jump.layer.clone(), name, step(jump), shown(jump.ratio), shown(jump.update_ratio), shown(jump.z)]
    });
    Grid {
        title: titled("Disabling edits", of, jumps.len(), top),
        headers: vec!["layer", "case", "edit", "distance ×", "update ×", "z"],
        text_columns: 2,
        rows: rows.collect(),
    }
}

fn growth(found: &RunAnalysis, of: &str, top: usize) -> Grid {
    let rows = found.growth.iter().take(top).map(|growth| {
        let range = format!("{} … {}", count(growth.from_edit), count(growth.to_edit));
        match &growth.fit {
            Ok((law, interval)) => vec![
                growth.layer.clone(),
                range,
                shown(law.exponent),
                format!("{} … {}", shown(interval.low), shown(interval.high)),
                count(law.points as u64),
            ],
            Err(reason) => vec![growth.layer.clone(), range, "–".to_owned(), reason.clone(), String::new()],
        }
    });
    Grid {
        title: titled("Growth of distances (0.5 is a random walk)", of, found.growth.len(), top),
        headers: vec!["layer", "edits", "exponent", "95 % interval", "points"],
        text_columns: 1,
        rows: rows.collect(),
    }
}

fn forgetting(found: &RunAnalysis, of: &str, top: usize) -> Grid {
    let curve = found.forgetting.as_ref().map_or(&[][..], |forgetting| &forgetting.curve);
    let rows = curve.iter().take(top).map(|point| {
        let percent = |share: f64| format!("{:.1}%", 100.0 * share);
        vec![
            count(point.edit),
            count(point.learnt as u64),
            count(point.forgotten as u64),
            percent(point.share),
            percent(point.share_of_all),
        ]
    });
    Grid {
        title: titled("Earlier edits found lost", of, curve.len(), top),
        headers: vec!["after edits", "learnt", "forgotten", "of learnt", "of all"],
        text_columns: 0,
        rows: rows.collect(),
    }
}
