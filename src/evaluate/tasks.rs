//! Tasks: how many items a model gets right, and how well it tells labels.
//!
//! | kind | the model's answer | right where |
//! |---|---|---|
//! | cloze | the most probable token, one after the other | it is the answer, token by token |
//! | choice | the choice of the smallest mean NLL a token; of equals the first | it is the right one |
//! | parsed | the first label found in what it writes, always taking the most probable token | it is the right one |
//!
//! What cannot be read as an answer (no label found, no likelihood that is a number) is invalid, label −1. Sources:
//! `glue_eval/` of Gupta et al. (Findings of ACL 2024), where text is searched, and of `unified-model-editing`, where answers
//! are compared by likelihood.

use std::collections::BTreeMap;

use super::EvaluateError;
use super::answers::{Answer, Question, Unanswerable, answer};
use super::joint::tokens;
use crate::model::Model;
use crate::reader::{BAD_RECORD, BadRecord, RefusedCase, Task, TaskKind};
use crate::stats;

/// Items whose rows are run together.
const ITEMS: usize = 256;
/// The label of an answer that cannot be read.
pub const INVALID: i64 = -1;

/// What a model made of one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its place among the records, from 0.
    pub index: usize,
    /// The right label; none in a cloze.
    pub answer: Option<i64>,
    /// The model's, −1 where it cannot be read; none in a cloze.
    pub predicted: Option<i64>,
    /// Whether it is right.
    pub correct: bool,
    /// Whether it can be read.
    pub valid: bool,
    /// What the model wrote, where labels were searched for in it.
    pub written: Option<String>,
}

/// One task file on a model.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskScores {
    /// `cloze`, `choice` or `parsed`; none where no record can be used.
    pub kind: Option<&'static str>,
    /// Items with an outcome.
    pub items: Vec<Item>,
    /// The others.
    pub refused: Vec<RefusedCase>,
    /// Share of the items that are right; none of nothing, as the next two.
    pub accuracy: Option<f64>,
    /// Weighted over the labels; none in a cloze.
    pub f1: Option<f64>,
    /// Correlation of right and predicted labels; none in a cloze.
    pub matthews: Option<f64>,
    /// Items whose answer cannot be read.
    pub invalid: usize,
}

/// Tests a model on the items of a file. `progress` hears of items that are done.
///
/// # Errors
/// Where the model cannot be run, has no tokenizer, or is an encoder. An item that does not fit is a row of its own.
pub fn test(
    model: &Model,
    records: &[Result<Task, BadRecord>],
    mut progress: impl FnMut(usize),
) -> Result<TaskScores, EvaluateError> {
    let mut found = Vec::with_capacity(records.len());
    let usable = |(index, record): (usize, &Result<Task, BadRecord>)| match record {
        Ok(_) => None,
        Err(bad) => Some(RefusedCase { index, case_id: None, kind: BAD_RECORD, reason: bad.to_string() }),
    };
    let mut refused: Vec<RefusedCase> = records.iter().enumerate().filter_map(usable).collect();
    let tasks: Vec<(usize, &Task)> = records
        .iter()
        .enumerate()
        .filter_map(|(index, record)| Some((index, record.as_ref().ok()?)))
        .collect();
    for chunk in tasks.chunks(ITEMS) {
        found.extend(by_likelihood(model, chunk)?);
        found.extend(by_writing(model, chunk)?);
        progress(chunk.len());
    }
    let mut items = Vec::with_capacity(found.len());
    for (index, outcome) in found {
        match outcome {
            Ok(item) => items.push(item),
            Err(cause) => {
                let (kind, reason) = (cause.kind(), cause.to_string());
                refused.push(RefusedCase { index, case_id: None, kind, reason });
            }
        }
    }
    items.sort_by_key(|item| item.index);
    refused.sort_by_key(|refusal| refusal.index);
    Ok(scored(tasks.first().map(|(_, task)| task.asked.name()), items, refused))
}

/// An item, or why it has no outcome, and its place among the records.
type Outcome = (usize, Result<Item, Unanswerable>);

/// Cloze and choice: answers that are given, scored behind their prompts.
fn by_likelihood(model: &Model, tasks: &[(usize, &Task)]) -> Result<Vec<Outcome>, EvaluateError> {
    let asked: Vec<(usize, &TaskKind, Question)> = tasks
        .iter()
        .filter_map(|(index, task)| {
            let answers = match &task.asked {
                TaskKind::Cloze { answer } => vec![answer.clone()],
                TaskKind::Choice { choices, .. } => choices.clone(),
                TaskKind::Parsed { .. } => return None,
            };
            Some((*index, &task.asked, Question { prompt: task.prompt.clone(), answers }))
        })
        .collect();
    let questions: Vec<Question> = asked.iter().map(|(.., question)| question.clone()).collect();
    let answers = answer(model, &questions)?;
    Ok(asked
        .into_iter()
        .zip(answers)
        .map(|((index, kind, _), answers)| (index, judged(index, kind, answers)))
        .collect())
}

fn judged(
    index: usize,
    kind: &TaskKind,
    answers: Vec<Result<Answer, Unanswerable>>,
) -> Result<Item, Unanswerable> {
    let answers = answers.into_iter().collect::<Result<Vec<Answer>, _>>()?;
    Ok(match kind {
        TaskKind::Choice { answer, .. } => {
            let predicted = likeliest(&answers).and_then(|at| i64::try_from(at).ok()).unwrap_or(INVALID);
            labelled(index, i64::try_from(*answer).unwrap_or(i64::MAX), predicted, None)
        }
        TaskKind::Cloze { .. } | TaskKind::Parsed { .. } => {
            let correct = answers.iter().all(Answer::is_greedy);
            let valid = answers.iter().all(|answer| answer.likeliest.iter().all(Option::is_some));
            Item { index, answer: None, predicted: None, correct, valid, written: None }
        }
    })
}

/// The answer of the smallest mean NLL, of equals the first; one that is NaN never is, and none where all are.
fn likeliest(answers: &[Answer]) -> Option<usize> {
    let mut best: Option<(usize, f64)> = None;
    for (at, nll) in answers.iter().map(Answer::mean_nll).enumerate() {
        if !nll.is_nan() && best.is_none_or(|(_, smallest)| nll < smallest) {
            best = Some((at, nll));
        }
    }
    best.map(|(at, _)| at)
}

fn labelled(index: usize, answer: i64, predicted: i64, written: Option<String>) -> Item {
    let (correct, valid) = (answer == predicted, predicted != INVALID);
    Item { index, answer: Some(answer), predicted: Some(predicted), correct, valid, written }
}

/// An item with its place among the records and the tokens of its prompt.
type Waiting<'a> = (usize, &'a Task, Vec<u32>);

/// Parsed: the model writes, and labels are searched for.
fn by_writing(model: &Model, tasks: &[(usize, &Task)]) -> Result<Vec<Outcome>, EvaluateError> {
    let mut found = Vec::new();
    // By the number of new tokens, as one call continues all its rows alike.
    let mut waiting: BTreeMap<usize, Vec<Waiting<'_>>> = BTreeMap::new();
    for (index, task) in tasks {
        let TaskKind::Parsed { new_tokens, .. } = &task.asked else { continue };
        let row = tokens(model.tokenizer()?, &task.prompt)?;
        let needed = row.len() + new_tokens - 1;
        let (prompt, context) = (task.prompt.clone(), model.config().context_length);
        match context.filter(|context| needed > *context) {
            Some(context) => {
                found.push((*index, Err(Unanswerable::TooLong { prompt, tokens: needed, context })));
            }
            None if row.is_empty() => {
                found.push((*index, Err(Unanswerable::NoPrompt { answer: "what it writes".to_owned() })));
            }
            None => waiting.entry(*new_tokens).or_default().push((*index, task, row)),
        }
    }
    for (new_tokens, waiting) in waiting {
        let rows: Vec<Vec<u32>> = waiting.iter().map(|(.., row)| row.clone()).collect();
        let written = model.generate(&rows, new_tokens, 1, 0)?;
        for ((index, task, row), new) in waiting.into_iter().zip(written) {
            if let TaskKind::Parsed { labels, answer, marker, ignore_case, .. } = &task.asked {
                let whole = model.tokenizer()?.decode(&[row, new.clone()].concat())?;
                let behind = marker.as_ref().and_then(|marker| Some(whole.rsplit_once(marker.as_str())?.1));
                let written =
                    behind.map_or_else(|| model.tokenizer()?.decode(&new), |text| Ok(text.to_owned()))?;
                let predicted = first_label(&written, labels, *ignore_case);
                found.push((index, Ok(labelled(index, i64::from(*answer), predicted, Some(written)))));
            }
        }
    }
    Ok(found)
}

/// The label of the first text in the list that stands anywhere in what was written; −1 where none does.
fn first_label(written: &str, labels: &[(String, u32)], ignore_case: bool) -> i64 {
    let fold = |text: &str| if ignore_case { text.to_lowercase() } else { text.to_owned() };
    let written = fold(written);
    let found = labels.iter().find(|(text, _)| written.contains(&fold(text)));
    found.map_or(INVALID, |(_, label)| i64::from(*label))
}

fn scored(kind: Option<&'static str>, items: Vec<Item>, refused: Vec<RefusedCase>) -> TaskScores {
    let pairs: Vec<(i64, i64)> =
        items.iter().filter_map(|item| Some((item.answer?, item.predicted?))).collect();
    let correct: Vec<f64> = items.iter().map(|item| f64::from(u8::from(item.correct))).collect();
    TaskScores {
        kind,
        accuracy: stats::mean(&correct),
        f1: stats::weighted_f1(&pairs),
        matthews: stats::matthews(&pairs),
        invalid: items.iter().filter(|item| !item.valid).count(),
        items,
        refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_nll(nll: f64) -> Answer {
        Answer { tokens: vec![1], nll: vec![nll], likeliest: vec![None], merged: false }
    }

    #[test]
    fn of_equal_choices_the_first_is_taken_and_one_without_a_number_never() {
        let of = |nll: &[f64]| likeliest(&nll.iter().map(|nll| of_nll(*nll)).collect::<Vec<_>>());
        assert_eq!(of(&[2.0, 1.0, 1.0]), Some(1));
        assert_eq!(of(&[f64::NAN, 5.0]), Some(1));
        assert_eq!(of(&[f64::INFINITY, f64::INFINITY]), Some(0));
        assert_eq!(of(&[f64::NAN, f64::NAN]), None);
    }

    #[test]
    fn labels_are_searched_for_in_their_order_and_case_counts_unless_it_is_ignored() {
        let labels = [("positive".to_owned(), 1), ("negative".to_owned(), 0)];
        assert_eq!(first_label(" negative, not positive", &labels, false), 1);
        assert_eq!(first_label(" Negative", &labels, false), INVALID);
        assert_eq!(first_label(" Negative", &labels, true), 0);
        assert_eq!(first_label("", &labels, true), INVALID);
    }
}
