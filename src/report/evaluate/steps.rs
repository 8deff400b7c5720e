//! The steps of a ledger in the record `diagnose.evaluate/1`, as rows of CSV and as a table.

use std::io::Write;

use serde::Serialize;

use super::record::Named;
use crate::evaluate::{CASE_METRICS, Measure, PromptKind, StepEvaluation, Walk};
use crate::report::escape::{number, plain};
use crate::report::json::NonFiniteFields;
use crate::report::number::{count, significant};
use crate::report::sheet::Grid;

/// The model after one step.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct StepRecord<'a> {
    /// Its number, from 0; null for the base, which comes first.
    index: Option<usize>,
    method: Option<&'a str>,
    case_ids: &'a [String],
    /// ‖ΔW‖_F over the layers of the step.
    update_norm: Option<f64>,
    /// Means over the step's own cases, under the names of `metrics`; over all edited cases for the base.
    #[serde(flatten)]
    values: Named<Option<f64>>,
    /// Of the texts; null where none were given, as the next.
    perplexity: Option<f64>,
    mean_of_text_perplexities: Option<f64>,
    /// Of each task file, in the order in which they were given.
    accuracies: &'a [Option<f64>],
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

impl<'a> From<&'a StepEvaluation> for StepRecord<'a> {
    fn from(step: &'a StepEvaluation) -> Self {
        let mut nonfinite = NonFiniteFields::default();
        let values = CASE_METRICS.iter().filter_map(|(kind, measure, name, _)| {
            Some((*name, nonfinite.keep(name, step.quality.metric(*kind, *measure)?.mean)))
        });
        Self {
            index: step.index,
            method: step.index.map(|_| step.method.as_str()),
            case_ids: &step.case_ids,
            values: Named(values.collect()),
            update_norm: nonfinite.keep("update_norm", step.update_norm),
            perplexity: step.texts.as_ref().and_then(|texts| nonfinite.keep("perplexity", texts.perplexity)),
            mean_of_text_perplexities: step.texts.as_ref().and_then(|texts| {
                nonfinite.keep("mean_of_text_perplexities", texts.mean_of_text_perplexities)
            }),
            accuracies: &step.accuracies,
            nonfinite,
        }
    }
}

/// A row a step, the base first with an empty index.
pub(super) fn rows(walk: &Walk, file: &mut csv::Writer<&mut dyn Write>) -> csv::Result<()> {
    let metrics = CASE_METRICS.iter().map(|(.., name, _)| (*name).to_owned());
    let head = ["index", "method", "case_ids", "update_norm", "perplexity", "mean_of_text_perplexities"];
    let tasks = walk.tasks.iter().map(|task| plain(&format!("accuracy of {task}")));
    file.write_record(head.iter().map(|name| (*name).to_owned()).chain(metrics).chain(tasks))?;
    for step in &walk.steps {
        let texts = step.texts.as_ref();
        let cells = [
            step.index.map(|index| index.to_string()).unwrap_or_default(),
            plain(&step.method),
            plain(&step.case_ids.join(" ")),
            number(step.update_norm),
            texts.map(|texts| number(texts.perplexity)).unwrap_or_default(),
            texts.map(|texts| number(texts.mean_of_text_perplexities)).unwrap_or_default(),
        ];
        let values = CASE_METRICS.iter().map(|(kind, measure, ..)| {
            step.quality.metric(*kind, *measure).map(|spread| number(spread.mean)).unwrap_or_default()
        });
        let accuracies = step.accuracies.iter().map(|accuracy| accuracy.map(number).unwrap_or_default());
        file.write_record(cells.into_iter().chain(values).chain(accuracies))?;
    }
    Ok(())
}

/// The base and the steps, those of the largest perplexity first where there is one.
pub(super) fn grid(walk: &Walk, top: usize) -> Grid {
    let mut order: Vec<&StepEvaluation> = walk.steps.iter().skip(1).collect();
    let broken = |step: &StepEvaluation| {
        let nll = step.texts.as_ref().map_or(0.0, |texts| texts.mean_nll);
        if nll.is_nan() { f64::INFINITY } else { nll }
    };
    order.sort_by(|a, b| broken(b).total_cmp(&broken(a)));
    let percent = |x: Option<f64>| x.map_or("–".to_owned(), |x| format!("{:.1}%", x * 100.0));
    let row = |step: &StepEvaluation| {
        let success = |kind| percent(step.quality.metric(kind, Measure::Success).map(|spread| spread.mean));
        let perplexity =
            step.texts.as_ref().map_or("–".to_owned(), |texts| significant(texts.perplexity, 4));
        vec![
            step.index.map_or_else(|| "before".to_owned(), |index| index.to_string()),
            step.case_ids.first().cloned().unwrap_or_default(),
            significant(step.update_norm, 4),
            success(PromptKind::Rewrite),
            success(PromptKind::Paraphrase),
            success(PromptKind::Neighborhood),
            perplexity,
            percent(step.accuracies.first().copied().flatten()),
        ]
    };
    let more = order.len().saturating_sub(top);
    let more = if more > 0 {
        format!(" ({} more in json, jsonl and csv)", count(more as u64))
    } else {
        String::new()
    };
    let how = if walk.sequential { "each on top of those before" } else { "each from the original" };
    Grid {
        title: format!("Steps, {how}, those of the largest perplexity first{more}"),
        headers: vec!["step", "case", "‖Δ‖", "efficacy", "generaliz.", "specificity", "perplexity", "task 1"],
        text_columns: 2,
        rows: walk.steps.iter().take(1).chain(order.into_iter().take(top)).map(row).collect(),
    }
}
