//! A row a step of a ledger, else a row a case; without cases a row a task file, and without those a row of the perplexity.
//!
//! A value that is not there is an empty cell; a value that is not finite is `nan`, `inf` or `-inf`.

use std::io::{self, Write};

use super::steps;
use crate::evaluate::{CASE_METRICS, CaseEvaluation, Evaluation, TaskEvaluation, TextEvaluation, Written};
use crate::report::escape::{as_io, number, plain};

/// A header and the cell under it.
type Column<T> = (&'static str, fn(&T) -> Option<String>);

const WRITTEN: &[Column<Written>] = &[
    ("fluency", |written| written.fluency.map(number)),
    ("normalized_entropy", |written| written.normalized_entropy.map(number)),
    ("consistency", |written| written.consistency.map(number)),
];

const TASKS: &[Column<TaskEvaluation>] = &[
    ("source", |task| Some(plain(&task.source))),
    ("kind", |task| task.scores.kind.map(str::to_owned)),
    ("items", |task| Some(task.scores.items.len().to_string())),
    ("refused", |task| Some(task.scores.refused.len().to_string())),
    ("invalid", |task| Some(task.scores.invalid.to_string())),
    ("accuracy", |task| task.scores.accuracy.map(number)),
    ("f1", |task| task.scores.f1.map(number)),
    ("mcc", |task| task.scores.matthews.map(number)),
    ("baseline_accuracy", |task| task.before.as_ref()?.accuracy.map(number)),
    ("baseline_f1", |task| task.before.as_ref()?.f1.map(number)),
    ("baseline_mcc", |task| task.before.as_ref()?.matthews.map(number)),
];

const TEXTS: &[Column<TextEvaluation>] = &[
    ("source", |texts| Some(plain(&texts.source))),
    ("texts", |texts| Some(texts.perplexity.summary.scored_texts.to_string())),
    ("perplexity", |texts| Some(number(texts.perplexity.summary.perplexity))),
    ("mean_nll", |texts| Some(number(texts.perplexity.summary.mean_nll))),
    ("mean_of_text_perplexities", |texts| Some(number(texts.perplexity.summary.mean_of_text_perplexities))),
    ("baseline_perplexity", |texts| {
        texts.before.as_ref().map(|(before, _)| number(before.summary.perplexity))
    }),
    ("log_ratio", |texts| texts.before.as_ref().map(|(_, paired)| number(paired.log_ratio))),
];

pub(super) fn write(evaluation: &Evaluation, out: &mut dyn Write) -> io::Result<()> {
    let mut file = csv::Writer::from_writer(out);
    match (&evaluation.cases, evaluation.tasks.as_slice()) {
        _ if evaluation.walk.is_some() => {
            evaluation.walk.iter().try_for_each(|walk| steps::rows(walk, &mut file))
        }
        (Some(found), _) => cases(found, &mut file),
        (None, []) => rows(TEXTS, evaluation.texts.as_slice(), &mut file),
        (None, tasks) => rows(TASKS, tasks, &mut file),
    }
    .map_err(as_io)?;
    file.flush()
}

fn rows<T>(columns: &[Column<T>], all: &[T], file: &mut csv::Writer<&mut dyn Write>) -> csv::Result<()> {
    file.write_record(columns.iter().map(|(header, _)| header))?;
    for row in all {
        file.write_record(columns.iter().map(|(_, cell)| cell(row).unwrap_or_default()))?;
    }
    Ok(())
}

fn cases(found: &CaseEvaluation, file: &mut csv::Writer<&mut dyn Write>) -> csv::Result<()> {
    let metrics = CASE_METRICS.iter().map(|(.., name, _)| *name);
    let written = WRITTEN.iter().map(|(header, _)| *header);
    file.write_record(["index", "case_id"].into_iter().chain(metrics).chain(written).chain(["refused"]))?;
    for (at, case) in found.quality.cases.iter().enumerate() {
        let values = CASE_METRICS
            .iter()
            .map(|(kind, measure, ..)| case.measure(*kind, *measure).map(number).unwrap_or_default());
        let text = found.written.as_ref().and_then(|written| written.cases.get(at));
        let texts = WRITTEN.iter().map(|(_, cell)| text.and_then(cell).unwrap_or_default());
        let name = [case.index.to_string(), plain(&case.case_id)];
        file.write_record(name.into_iter().chain(values).chain(texts).chain([String::new()]))?;
    }
    for refused in &found.quality.refused {
        let name = [refused.index.to_string(), refused.case_id.as_deref().map(plain).unwrap_or_default()];
        let empty = std::iter::repeat_n(String::new(), CASE_METRICS.len() + WRITTEN.len());
        file.write_record(name.into_iter().chain(empty).chain([plain(&refused.reason)]))?;
    }
    Ok(())
}
