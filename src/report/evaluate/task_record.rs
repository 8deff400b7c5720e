//! Tasks and texts in the record `diagnose.evaluate/1`.

use serde::Serialize;

use crate::evaluate::{Item, TaskEvaluation, TaskScores, TextEvaluation};
use crate::report::json::NonFiniteFields;
use crate::report::refused::RefusedRecord;

/// One task file.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct TaskRecord<'a> {
    /// The file, as typed.
    source: &'a str,
    /// `cloze`, `choice` or `parsed`; null where no record can be used.
    kind: Option<&'static str>,
    /// `cloze-greedy`, `choice-mean-nll` or `parsed-substring`; null as `kind`.
    protocol: Option<&'static str>,
    #[serde(flatten)]
    scores: ScoresRecord,
    /// Items without an outcome.
    refused: Vec<RefusedRecord<'a>>,
    /// The same file on the baseline; null without one.
    baseline: Option<ScoresRecord>,
    /// Absent without `--detail`.
    #[serde(skip_serializing_if = "Option::is_none")]
    items_detail: Option<Vec<ItemRecord<'a>>>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ScoresRecord {
    /// Items with an outcome.
    items: usize,
    correct: usize,
    /// Neither right nor invalid.
    incorrect: usize,
    /// Answers that cannot be read; they are not right.
    invalid: usize,
    /// `correct` over `items`; null of nothing.
    accuracy: Option<f64>,
    /// Weighted over labels; null in a cloze, as the next.
    f1: Option<f64>,
    mcc: Option<f64>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ItemRecord<'a> {
    /// Its place among the records, from 0.
    index: usize,
    correct: bool,
    valid: bool,
    /// Labels; null in a cloze. −1 is an answer that cannot be read.
    answer: Option<i64>,
    predicted: Option<i64>,
    /// What the model wrote, where labels were searched for in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    written: Option<&'a str>,
}

/// Perplexity of the texts; `diagnose perplexity` says more.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct TextsRecord<'a> {
    /// The file, as typed.
    source: &'a str,
    /// How it was measured: no token is added, the first one of a text is not scored, a text is cut to the context.
    protocol: &'static str,
    /// Records that could not be used.
    bad_records: usize,
    /// Texts with a perplexity, and their scored tokens.
    texts: usize,
    tokens: usize,
    nonfinite_texts: usize,
    truncated_texts: usize,
    perplexity: Option<f64>,
    mean_nll: Option<f64>,
    mean_of_text_perplexities: Option<f64>,
    /// On the baseline; null without one, as the next two.
    baseline: Option<f64>,
    baseline_mean_of_text_perplexities: Option<f64>,
    /// ln of the ratio of `perplexity`, model over baseline.
    log_ratio: Option<f64>,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

impl<'a> TaskRecord<'a> {
    pub(super) fn new(task: &'a TaskEvaluation, detail: bool) -> Self {
        Self {
            source: &task.source,
            kind: task.scores.kind,
            protocol: task.scores.kind.map(protocol),
            scores: (&task.scores).into(),
            refused: task.scores.refused.iter().map(RefusedRecord::from).collect(),
            baseline: task.before.as_ref().map(ScoresRecord::from),
            items_detail: detail.then(|| task.scores.items.iter().map(ItemRecord::from).collect()),
        }
    }
}

fn protocol(kind: &'static str) -> &'static str {
    match kind {
        "cloze" => "cloze-greedy",
        "choice" => "choice-mean-nll",
        _ => "parsed-substring",
    }
}

impl From<&TaskScores> for ScoresRecord {
    fn from(scores: &TaskScores) -> Self {
        let correct = scores.items.iter().filter(|item| item.correct).count();
        Self {
            items: scores.items.len(),
            correct,
            incorrect: scores.items.len() - correct - scores.invalid,
            invalid: scores.invalid,
            accuracy: scores.accuracy,
            f1: scores.f1,
            mcc: scores.matthews,
        }
    }
}

impl<'a> From<&'a Item> for ItemRecord<'a> {
    fn from(item: &'a Item) -> Self {
        let Item { index, answer, predicted, correct, valid, written } = item;
        Self {
            index: *index,
            correct: *correct,
            valid: *valid,
            answer: *answer,
            predicted: *predicted,
            written: written.as_deref(),
        }
    }
}

impl<'a> From<&'a TextEvaluation> for TextsRecord<'a> {
    fn from(texts: &'a TextEvaluation) -> Self {
        let (summary, mut nonfinite) = (&texts.perplexity.summary, NonFiniteFields::default());
        let mut keep = |field: &str, x: f64| nonfinite.keep(field, x);
        let before = texts.before.as_ref();
        Self {
            source: &texts.source,
            protocol: "no-bos-first-token-unscored",
            bad_records: texts.bad_records,
            texts: summary.scored_texts,
            tokens: summary.tokens,
            nonfinite_texts: summary.nonfinite_texts,
            truncated_texts: summary.truncated_texts,
            perplexity: keep("perplexity", summary.perplexity),
            mean_nll: keep("mean_nll", summary.mean_nll),
            mean_of_text_perplexities: keep("mean_of_text_perplexities", summary.mean_of_text_perplexities),
            baseline: before.and_then(|(before, _)| keep("baseline", before.summary.perplexity)),
            baseline_mean_of_text_perplexities: before.and_then(|(before, _)| {
                keep("baseline_mean_of_text_perplexities", before.summary.mean_of_text_perplexities)
            }),
            log_ratio: before.and_then(|(_, paired)| keep("log_ratio", paired.log_ratio)),
            nonfinite,
        }
    }
}
