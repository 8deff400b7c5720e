//! Tasks that a model is tested on: JSON lines, or a JSON array, of one kind a file.
//!
//! | kind | told by | record |
//! |---|---|---|
//! | cloze | neither of the others | `{prompt, answer}`: the text that should follow |
//! | choice | `choices` | `{prompt, choices: […], answer}`: a number from 0, or the right choice's text |
//! | parsed | `labels` | `{prompt, labels, answer, marker?, new_tokens?, ignore_case?}`: what the model writes is searched for labels |
//!
//! `labels` is a list of texts, whose labels are their places from 0, or of pairs `["Yes", 1]`; they are searched for in
//! their order. `answer` is a label's number, or the text of a label.

use std::path::Path;

use serde_json::Value;

use super::records::{Fields, LONGEST_DATASET, Record, records};
use super::{BadRecord, DatasetError, ReadError, read_input};

/// Fields that are read; whatever else stands in a record is passed over.
const KNOWN: &[&str] = &["prompt", "answer", "choices", "labels", "marker", "new_tokens", "ignore_case"];

/// New tokens of a parsed task where the record does not say, as in the published code.
const NEW_TOKENS: usize = 3;
/// Most new tokens that a record may ask for.
const MOST_NEW_TOKENS: u64 = 4096;

/// One item of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// What the model is given.
    pub prompt: String,
    /// What is asked of it.
    pub asked: TaskKind,
}

/// What is asked in a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskKind {
    /// To go on with exactly this text.
    Cloze {
        /// The text.
        answer: String,
    },
    /// To find the right one of several texts likeliest.
    Choice {
        /// The texts; at least two.
        choices: Vec<String>,
        /// The right one, from 0.
        answer: usize,
    },
    /// To write something in which a label is found.
    Parsed {
        /// What is searched for, in this order, and the label that it means.
        labels: Vec<(String, u32)>,
        /// The right label.
        answer: u32,
        /// Only what follows the last occurrence of this text in prompt and continuation is searched.
        marker: Option<String>,
        /// Tokens that are written.
        new_tokens: usize,
        /// Whether case is ignored.
        ignore_case: bool,
    },
}

/// Every item of a file, or of standard input where the path is `-`.
///
/// # Errors
/// [`ReadError`], where the file cannot be read or holds no records at all. A record that cannot be used is a row; so is one
/// of another kind than the first that can.
pub fn read_tasks(path: &Path) -> Result<Vec<Result<Task, BadRecord>>, ReadError> {
    let refused = |cause| ReadError::Dataset { path: path.to_owned(), cause };
    parse_tasks(&read_input(path, LONGEST_DATASET)?).map_err(refused)
}

/// Every item of a JSON array, of JSON lines, or of one JSON object.
///
/// # Errors
/// [`DatasetError`], where it is none of them; no bytes make it panic.
pub fn parse_tasks(bytes: &[u8]) -> Result<Vec<Result<Task, BadRecord>>, DatasetError> {
    let mut kind: Option<&'static str> = None;
    let mut parse = |row: Result<Record, BadRecord>, index| {
        let bad = |reason: String| BadRecord { index, line: None, reason };
        let task = match row? {
            Record::Fields(fields) => task(&fields).map_err(bad)?,
            Record::Text(_) => return Err(bad("a string where an object should be".to_owned())),
        };
        let found = task.asked.name();
        match *kind.get_or_insert(found) {
            first if first == found => Ok(task),
            first => Err(bad(format!("a {found} task in a file of {first} tasks"))),
        }
    };
    let rows = records(bytes, KNOWN)?.into_iter().enumerate();
    Ok(rows.map(|(index, row)| parse(row, index)).collect())
}

impl TaskKind {
    /// `cloze`, `choice` or `parsed`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Cloze { .. } => "cloze",
            Self::Choice { .. } => "choice",
            Self::Parsed { .. } => "parsed",
        }
    }
}

fn task(fields: &Fields) -> Result<Task, String> {
    let prompt = text(fields, "prompt")?.ok_or("no `prompt`")?;
    let asked = match (fields.get("choices"), fields.get("labels")) {
        (Some(_), Some(_)) => return Err("both `choices` and `labels`".to_owned()),
        (Some(choices), None) => choice(choices, fields)?,
        (None, Some(labels)) => parsed(labels, fields)?,
        (None, None) => TaskKind::Cloze { answer: text(fields, "answer")?.ok_or("no `answer`")? },
    };
    Ok(Task { prompt, asked })
}

fn choice(choices: &Value, fields: &Fields) -> Result<TaskKind, String> {
    let list = choices.as_array().ok_or("`choices` is no list")?;
    let choices: Option<Vec<String>> = list.iter().map(|text| text.as_str().map(str::to_owned)).collect();
    let choices = choices.ok_or("one of the `choices` is no string")?;
    if choices.len() < 2 {
        return Err(format!("{} of `choices`, where two are the least", choices.len()));
    }
    let answer = match fields.get("answer") {
        Some(Value::Number(number)) => {
            let place = number.as_u64().and_then(|place| usize::try_from(place).ok());
            place.filter(|place| *place < choices.len())
        }
        Some(Value::String(text)) => choices.iter().position(|choice| choice == text),
        _ => None,
    };
    let answer = answer.ok_or_else(|| {
        format!("`answer` is neither a number below {} nor one of the `choices`", choices.len())
    })?;
    Ok(TaskKind::Choice { choices, answer })
}

fn parsed(labels: &Value, fields: &Fields) -> Result<TaskKind, String> {
    let list = labels
        .as_array()
        .filter(|list| !list.is_empty())
        .ok_or("`labels` is no list with something in it")?;
    let mut found = Vec::with_capacity(list.len());
    for (place, label) in (0_u32..).zip(list) {
        found.push(match label {
            Value::String(text) => (text.clone(), place),
            Value::Array(pair) => match pair.as_slice() {
                [Value::String(text), Value::Number(label)] => {
                    let label = label.as_u64().and_then(|label| u32::try_from(label).ok());
                    (text.clone(), label.ok_or("a label is no whole number from 0")?)
                }
                _ => return Err("one of the `labels` is no pair of a text and a number".to_owned()),
            },
            _ => return Err("one of the `labels` is neither a text nor a pair".to_owned()),
        });
    }
    if found.iter().any(|(text, _)| text.is_empty()) {
        return Err("one of the `labels` is empty, and would be found in any text".to_owned());
    }
    let answer = match fields.get("answer") {
        Some(Value::Number(number)) => {
            let label = number.as_u64().and_then(|label| u32::try_from(label).ok());
            label.filter(|answer| found.iter().any(|(_, label)| label == answer))
        }
        Some(Value::String(answer)) => found.iter().find(|(text, _)| text == answer).map(|(_, label)| *label),
        _ => None,
    };
    let new_tokens = match fields.get("new_tokens") {
        None | Some(Value::Null) => Some(NEW_TOKENS),
        Some(value) => value
            .as_u64()
            .filter(|tokens| (1..=MOST_NEW_TOKENS).contains(tokens))
            .and_then(|tokens| usize::try_from(tokens).ok()),
    };
    let ignore_case = match fields.get("ignore_case") {
        None | Some(Value::Null) => false,
        Some(value) => value.as_bool().ok_or("`ignore_case` is no truth value")?,
    };
    Ok(TaskKind::Parsed {
        labels: found,
        answer: answer.ok_or("`answer` is none of the `labels`")?,
        marker: text(fields, "marker")?.filter(|marker| !marker.is_empty()),
        new_tokens: new_tokens.ok_or("`new_tokens` is no number from 1 to 4096")?,
        ignore_case,
    })
}

/// A text that may be missing.
fn text(fields: &Fields, name: &str) -> Result<Option<String>, String> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("`{name}` is no string")),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests take apart what they made")]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Result<TaskKind, String>> {
        let rows = parse_tasks(text.as_bytes()).unwrap().into_iter();
        rows.map(|row| row.map(|task| task.asked).map_err(|bad| bad.to_string())).collect()
    }

    fn only(text: &str) -> Result<TaskKind, String> {
        rows(text).remove(0)
    }

    #[test]
    fn each_kind_is_told_by_its_fields() {
        assert_eq!(
            only(r#"{"prompt": "p", "answer": "a", "source": 3}"#),
            Ok(TaskKind::Cloze { answer: "a".into() })
        );
        let choices = vec!["soup".to_owned(), "honey".to_owned()];
        for answer in ["1", r#""honey""#] {
            let json = format!(r#"{{"prompt": "p", "choices": ["soup", "honey"], "answer": {answer}}}"#);
            assert_eq!(only(&json), Ok(TaskKind::Choice { choices: choices.clone(), answer: 1 }));
        }
        let parsed = TaskKind::Parsed {
            labels: vec![("False".into(), 0), ("True".into(), 1)],
            answer: 1,
            marker: Some("answer:".into()),
            new_tokens: 3,
            ignore_case: false,
        };
        for (labels, answer) in
            [(r#"["False", "True"]"#, "1"), (r#"[["False", 0], ["True", 1]]"#, r#""True""#)]
        {
            let json =
                format!(r#"{{"prompt": "p", "labels": {labels}, "answer": {answer}, "marker": "answer:"}}"#);
            assert_eq!(only(&json), Ok(parsed.clone()));
        }
    }

    #[test]
    fn what_is_wrong_with_a_record_is_said_and_stops_no_other() {
        let found = rows(
            r#"[{"answer": "a"}, {"prompt": "p"}, {"prompt": "p", "answer": 3}, {"prompt": "p", "choices": ["a"], "answer": 0},
            {"prompt": "p", "choices": ["a", "b"], "answer": 2}, {"prompt": "p", "choices": ["a", 1], "answer": 0},
            {"prompt": "p", "labels": ["a", ""], "answer": 0}, {"prompt": "p", "labels": ["a"], "answer": "b"},
            {"prompt": "p", "labels": ["a"], "answer": 0, "new_tokens": 0}, {"prompt": "p", "labels": [], "answer": 0},
            {"prompt": "p", "labels": ["a"], "choices": [], "answer": 0}, "x", {"prompt": "p", "answer": "a"},
            {"prompt": "p", "choices": ["a", "b"], "answer": 0}]"#,
        );
        let said: Vec<String> =
            found.into_iter().map(|row| row.map_or_else(|bad| bad, |task| task.name().to_owned())).collect();
        let reasons = [
            "record 0: no `prompt`",
            "record 1: no `answer`",
            "record 2: `answer` is no string",
            "record 3: 1 of `choices`, where two are the least",
            "record 4: `answer` is neither a number below 2 nor one of the `choices`",
            "record 5: one of the `choices` is no string",
            "record 6: one of the `labels` is empty, and would be found in any text",
            "record 7: `answer` is none of the `labels`",
            "record 8: `new_tokens` is no number from 1 to 4096",
            "record 9: `labels` is no list with something in it",
            "record 10: both `choices` and `labels`",
            "record 11: a string where an object should be",
            "cloze",
            "record 13: a choice task in a file of cloze tasks",
        ];
        assert_eq!(said, reasons);
    }
}
