//! One `results_*.json`: `results[task]["metric,filter"]`, with standard errors, directions and sample counts around it.
//!
//! Python writes it, so that a score may be a bare `NaN` or `Infinity`: those are kept as what they are. A standard error of
//! `"N/A"` is none. Files of version 0.3 have no filter in their keys; it is then `none`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::reader::DatasetError;
use crate::reader::json::{Object, UniqueMap, with_quoted_nonfinite};
use crate::reader::records::without_mark;

/// Entries of a task that are about it and no score of it.
const NO_SCORES: [&str; 4] = ["alias", "name", "sample_len", "sample_count"];
/// The filter of scores that have none.
const NO_FILTER: &str = "none";
/// What the name of a standard error has after that of its metric.
const STANDARD_ERROR: &str = "_stderr";

/// What one file of results holds.
#[derive(Clone, Debug, PartialEq)]
pub struct LmEval {
    /// The file.
    pub path: PathBuf,
    /// The model, as the run named it; none where the file does not say.
    pub model: Option<String>,
    /// Every score, by task, metric and filter in the order of the alphabet.
    pub scores: Vec<LmEvalScore>,
    /// Scores that are no number (`task/metric,filter`): there is no value to compare.
    pub unreadable: Vec<String>,
}

/// A score of a task or of a group of tasks.
#[derive(Clone, Debug, PartialEq)]
pub struct LmEvalScore {
    /// The task, or the group.
    pub task: String,
    /// Such as `acc`.
    pub metric: String,
    /// Such as `none` or `strict-match`.
    pub filter: String,
    /// As reported; NaN and infinities are kept.
    pub value: f64,
    /// As reported; none where it is `"N/A"`, absent, or no finite number from 0.
    pub standard_error: Option<f64>,
    /// What the task says of its metric.
    pub higher_is_better: Option<bool>,
    /// Documents that were scored.
    pub samples: Option<u64>,
    /// Of the task's definition.
    pub version: Option<String>,
    /// Worked examples before each prompt.
    pub shots: Option<u64>,
    /// Whether it sums up other tasks.
    pub group: bool,
}

impl LmEvalScore {
    /// `task/metric`, and `task/metric,filter` where there is a filter.
    pub fn name(&self) -> String {
        let Self { task, metric, filter, .. } = self;
        if filter == NO_FILTER { format!("{task}/{metric}") } else { format!("{task}/{metric},{filter}") }
    }
}

/// The parts of the document that are read; the others are passed over.
#[derive(Deserialize)]
struct Document {
    results: UniqueMap<UniqueMap<Value>>,
    #[serde(default)]
    groups: Option<UniqueMap<UniqueMap<Value>>>,
    #[serde(default)]
    group_subtasks: Value,
    #[serde(default)]
    higher_is_better: Value,
    #[serde(default)]
    versions: Value,
    #[serde(default, rename = "n-shot")]
    shots: Value,
    #[serde(default, rename = "n-samples")]
    samples: Value,
    #[serde(default)]
    config: Value,
    #[serde(default)]
    model_name: Value,
}

/// Reads a document; `path` is what the result is called.
///
/// # Errors
/// [`DatasetError`], where it is no JSON, has no `results` of tasks, or no score in them; no bytes make it panic.
pub fn parse_lm_eval(path: &Path, bytes: &[u8]) -> Result<LmEval, DatasetError> {
    let json = with_quoted_nonfinite(without_mark(bytes));
    let Object(document): Object<Document> = serde_json::from_slice(&json).map_err(|error| {
        DatasetError::Json { reason: format!("{error} (in results of lm-evaluation-harness)") }
    })?;
    let (mut scores, mut unreadable, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    let groups = document.groups.iter().flat_map(|groups| &groups.0);
    for (task, entries) in document.results.0.iter().chain(groups) {
        if !seen.insert(task) {
            continue;
        }
        for (key, value) in &entries.0 {
            let (metric, filter) = key.split_once(',').unwrap_or((key, NO_FILTER));
            if NO_SCORES.contains(&metric) || metric.trim().is_empty() || metric.ends_with(STANDARD_ERROR) {
                continue;
            }
            match number(value) {
                Some(value) => scores.push(document.score(task, key, (metric, filter), value)),
                None => unreadable.push(format!("{task}/{key}")),
            }
        }
    }
    if scores.is_empty() {
        return Err(DatasetError::Layout {
            found: "not one score",
            wanted: "results of lm-evaluation-harness",
        });
    }
    scores.sort_by(|a, b| (&a.task, &a.metric, &a.filter).cmp(&(&b.task, &b.metric, &b.filter)));
    Ok(LmEval { path: path.to_owned(), model: document.model(), scores, unreadable })
}

impl Document {
    fn score(&self, task: &str, key: &str, (metric, filter): (&str, &str), value: f64) -> LmEvalScore {
        let error = match key.split_once(',') {
            Some(_) => format!("{metric}{STANDARD_ERROR},{filter}"),
            None => format!("{metric}{STANDARD_ERROR}"),
        };
        let entries = self.results.0.get(task).or_else(|| self.groups.as_ref()?.0.get(task));
        let standard_error = entries.and_then(|entries| entries.0.get(&error)).and_then(number);
        let samples = self.samples.get(task).and_then(|samples| samples.get("effective"));
        let samples = samples.or_else(|| entries?.0.get("sample_len"));
        let subtasks = self.group_subtasks.get(task).and_then(Value::as_array);
        LmEvalScore {
            task: task.to_owned(),
            metric: metric.to_owned(),
            filter: filter.to_owned(),
            value,
            standard_error: standard_error.filter(|error| error.is_finite() && *error >= 0.0),
            higher_is_better: self.higher_is_better.get(task).and_then(|of| of.get(metric)?.as_bool()),
            samples: samples.and_then(Value::as_u64),
            version: self.versions.get(task).and_then(scalar),
            shots: self.shots.get(task).and_then(Value::as_u64),
            group: subtasks.is_some_and(|subtasks| !subtasks.is_empty())
                || self.groups.as_ref().is_some_and(|groups| groups.0.contains_key(task)),
        }
    }

    /// `model_name`, else what `model_args` calls it, else the kind of model.
    fn model(&self) -> Option<String> {
        let named = |value: &Value| scalar(value).filter(|name| !name.is_empty());
        let args = self.config.get("model_args");
        let argument = |key: &str| match args? {
            Value::String(args) => args
                .split(',')
                .find_map(|pair| pair.trim().strip_prefix(key)?.strip_prefix('='))
                .map(str::to_owned),
            args => args.get(key).and_then(named),
        };
        named(&self.model_name)
            .or_else(|| {
                ["peft", "delta", "pretrained", "model", "path", "engine"].into_iter().find_map(argument)
            })
            .or_else(|| self.config.get("model").and_then(named))
    }
}

/// A number, or one of the words that stand for a number which is not finite.
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::Bool(truth) => Some(f64::from(u8::from(*truth))),
        Value::String(word) => match word.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

/// A string as it is, a number as its text.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]
mod tests {
    use super::*;

    fn parsed(json: &str) -> Result<LmEval, DatasetError> {
        parse_lm_eval(Path::new("r.json"), json.as_bytes())
    }

    #[test]
    fn scores_come_with_what_the_document_says_around_them() {
        let found = parsed(
            r#"{"results": {"hellaswag": {"alias": "hellaswag", " ": " ", "acc,none": 0.25, "acc_stderr,none": 0.01, "sample_len": 7,
                 "exact_match,strict": 1, "exact_match_stderr,strict": "N/A"}, "mmlu": {"acc,none": 0.5}},
                "groups": {"mmlu": {"acc,none": 0.5}, "all": {"acc,none": 0.75}},
                "group_subtasks": {"hellaswag": [], "mmlu": ["mmlu_law"]},
                "higher_is_better": {"hellaswag": {"acc": true, "exact_match": null}}, "versions": {"hellaswag": 1.0},
                "n-shot": {"hellaswag": 5}, "n-samples": {"mmlu": {"original": 9, "effective": 3}},
                "config": {"model": "hf", "model_args": "dtype=float32,pretrained=gpt2"}, "model_name": ""}"#,
        )
        .unwrap();
        assert_eq!(found.model.as_deref(), Some("gpt2"));
        let names: Vec<String> = found.scores.iter().map(LmEvalScore::name).collect();
        assert_eq!(names, ["all/acc", "hellaswag/acc", "hellaswag/exact_match,strict", "mmlu/acc"]);
        let acc = &found.scores[1];
        assert_eq!((acc.value, acc.standard_error, acc.higher_is_better), (0.25, Some(0.01), Some(true)));
        assert_eq!((acc.samples, acc.version.as_deref(), acc.shots), (Some(7), Some("1.0"), Some(5)));
        assert_eq!((found.scores[2].standard_error, found.scores[2].higher_is_better), (None, None));
        assert_eq!((found.scores[3].samples, found.scores[3].group, acc.group), (Some(3), true, false));
    }

    #[test]
    fn bare_nonfinite_scores_are_kept_and_scores_without_a_number_are_listed() {
        let found = parsed(
            r#"{"results": {"wiki": {"word_perplexity,none": Infinity, "bits_per_byte,none": NaN, "x,none": "N/A", "y,none": null}}}"#,
        )
        .unwrap();
        assert!(found.scores[0].value.is_nan());
        assert_eq!(found.scores[1].value, f64::INFINITY);
        assert_eq!(found.unreadable, ["wiki/x,none", "wiki/y,none"]);
    }

    #[test]
    fn keys_of_old_files_have_no_filter() {
        let found =
            parsed(r#"{"results": {"lambada": {"acc": 0.5, "acc_stderr": 0.1, "ppl": 9.0}}}"#).unwrap();
        let scores: Vec<_> = found.scores.iter().map(|score| (score.name(), score.standard_error)).collect();
        assert_eq!(scores, [("lambada/acc".to_owned(), Some(0.1)), ("lambada/ppl".to_owned(), None)]);
    }

    #[test]
    fn what_is_no_file_of_results_is_refused_with_the_reason() {
        let reason = |json: &str| parsed(json).unwrap_err().to_string();
        assert!(reason("[]").contains("results of lm-evaluation-harness"), "{}", reason("[]"));
        assert!(reason("{}").contains("missing field `results`"), "{}", reason("{}"));
        assert!(reason(r#"{"results": {"a": {"x": 1, "x": 2}}}"#).contains("duplicate key `x`"));
        assert_eq!(
            reason(r#"{"results": {"a": {"alias": "a"}}}"#),
            "not one score where results of lm-evaluation-harness should be"
        );
    }
}
