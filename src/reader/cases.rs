//! Cases: facts to edit, in the layouts of COUNTERFACT, zsRE, `EasyEdit`/`KnowEdit` and our own.
//!
//! | layout | told by | prompt | subject | `target_new` | `target_true` |
//! |---|---|---|---|---|---|
//! | COUNTERFACT | `requested_rewrite` | `.prompt` | `.subject` | `.target_new.str` | `.target_true.str` |
//! | zsRE | `src` | `src` | `subject` | `alt`, else `answers[0]` | `answers[0]` |
//! | `EasyEdit`, `KnowEdit`, ours | `prompt` | `prompt` | `subject` | `target_new` | `target_true`, else `ground_truth` |
//!
//! Prompts are kept as they are written: with a `{}` for the subject in COUNTERFACT and ours, with the subject itself in
//! zsRE and `EasyEdit`.

use std::path::Path;

use serde_json::Value;

use super::records::{Fields, LONGEST_DATASET, Record, records};
use super::{BadRecord, DatasetError, ReadError, read_input};

/// Fields of any layout that are read; whatever else stands in a record is passed over.
const KNOWN: &[&str] = &[
    "case_id",
    "requested_rewrite",
    "prompt",
    "src",
    "subject",
    "target_new",
    "target_true",
    "ground_truth",
    "alt",
    "answers",
    "paraphrase_prompts",
    "rephrase_prompt",
    "rephrase",
    "neighborhood_prompts",
    "locality_prompt",
    "locality_ground_truth",
    "locality",
    "loc",
    "loc_ans",
    "generation_prompts",
    "reference_texts",
];

/// A fact and the edit that is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Case {
    /// As written; the place among the records, from 0, where there is none.
    pub case_id: String,
    /// The prompt, with `{}` for the subject or with the subject itself.
    pub prompt: String,
    /// What the fact is about.
    pub subject: String,
    /// What the model shall say.
    pub target_new: Option<String>,
    /// What it says, or should say, without the edit.
    pub target_true: Option<String>,
    /// Other wordings of the prompt.
    pub paraphrase_prompts: Vec<String>,
    /// Prompts about neighbouring facts, which the edit must leave alone.
    pub neighborhood_prompts: Vec<Neighbor>,
    /// Prompts from which the model writes on: COUNTERFACT's, or the record's own.
    pub generation_prompts: Vec<String>,
    /// Texts that are true of the new target, which what it writes is compared with. Our own layout alone has them;
    /// COUNTERFACT keeps them in a file of their own.
    pub reference_texts: Vec<String>,
}

/// A prompt about a neighbouring fact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Neighbor {
    /// The prompt.
    pub prompt: String,
    /// What should follow, where the record says it; in COUNTERFACT it is the case's `target_true`.
    pub target: Option<String>,
}

/// Every case of a file, or of standard input where the path is `-`.
///
/// # Errors
/// [`ReadError`], where the file cannot be read or is no dataset at all. A record that cannot be used is a row.
pub fn read_cases(path: &Path) -> Result<Vec<Result<Case, BadRecord>>, ReadError> {
    let refused = |cause| ReadError::Dataset { path: path.to_owned(), cause };
    parse_cases(&read_input(path, LONGEST_DATASET)?).map_err(refused)
}

/// Every case of a JSON array, of JSON lines, or of one JSON object.
///
/// # Errors
/// [`DatasetError`], where it is none of them; no bytes make it panic.
pub fn parse_cases(bytes: &[u8]) -> Result<Vec<Result<Case, BadRecord>>, DatasetError> {
    let rows = records(bytes, KNOWN)?.into_iter().enumerate();
    let case = |(index, row): (usize, Result<Record, BadRecord>)| match row? {
        Record::Fields(fields) => {
            case(&fields, index).map_err(|reason| BadRecord { index, line: None, reason })
        }
        Record::Text(_) => {
            Err(BadRecord { index, line: None, reason: "a string where an object should be".to_owned() })
        }
    };
    Ok(rows.map(case).collect())
}

/// One case; the error says which field is missing or wrong.
fn case(fields: &Fields, index: usize) -> Result<Case, String> {
    let case_id = match fields.get("case_id") {
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => index.to_string(),
        Some(_) => return Err("`case_id` is neither a number nor a string".to_owned()),
    };
    let get = |name: &str| fields.get(name);
    let found = match (get("requested_rewrite"), get("src")) {
        (Some(Value::Object(rewrite)), _) => counterfact(fields, &|name| rewrite.get(name))?,
        (Some(_), _) => return Err("`requested_rewrite` is no object".to_owned()),
        (None, Some(_)) => zsre(fields)?,
        (None, None) => flat(fields)?,
    };
    let [generation_prompts, reference_texts] =
        ["generation_prompts", "reference_texts"].map(|name| texts(fields.get(name)));
    Ok(Case { case_id, generation_prompts, reference_texts, ..found })
}

fn counterfact<'a>(fields: &Fields, rewrite: &dyn Fn(&str) -> Option<&'a Value>) -> Result<Case, String> {
    let named = |name| rewrite(name).ok_or_else(|| format!("`requested_rewrite` has no `{name}`"));
    Ok(Case {
        prompt: string(named("prompt")?, "requested_rewrite.prompt")?,
        subject: string(named("subject")?, "requested_rewrite.subject")?,
        target_new: first_text(rewrite("target_new")),
        target_true: first_text(rewrite("target_true")),
        paraphrase_prompts: texts(fields.get("paraphrase_prompts")),
        neighborhood_prompts: neighbors(fields.get("neighborhood_prompts"), None),
        ..Case::default()
    })
}

fn zsre(fields: &Fields) -> Result<Case, String> {
    let answer = first_text(fields.get("answers"));
    let alternative = first_text(fields.get("alt")).filter(|text| !text.is_empty());
    Ok(Case {
        prompt: required(fields, "src")?,
        subject: required(fields, "subject")?,
        target_new: alternative.or_else(|| answer.clone()),
        target_true: answer,
        paraphrase_prompts: texts(fields.get("rephrase")),
        neighborhood_prompts: neighbors(fields.get("loc"), fields.get("loc_ans")),
        ..Case::default()
    })
}

fn flat(fields: &Fields) -> Result<Case, String> {
    let get = |name: &str| fields.get(name);
    let mut neighborhood_prompts = neighbors(get("neighborhood_prompts"), None);
    neighborhood_prompts.extend(neighbors(get("locality_prompt"), get("locality_ground_truth")));
    // EasyEdit and KnowEdit: {"Relation_Specificity": [{"prompt", "ground_truth"}], …}
    if let Some(Value::Object(kinds)) = get("locality") {
        neighborhood_prompts.extend(kinds.values().flat_map(|kind| neighbors(Some(kind), None)));
    }
    let paraphrases = ["paraphrase_prompts", "rephrase_prompt", "rephrase"].map(|name| texts(get(name)));
    Ok(Case {
        prompt: required(fields, "prompt")?,
        subject: required(fields, "subject")?,
        target_new: first_text(get("target_new")),
        target_true: first_text(get("target_true")).or_else(|| first_text(get("ground_truth"))),
        paraphrase_prompts: paraphrases.concat(),
        neighborhood_prompts,
        ..Case::default()
    })
}

fn required(fields: &Fields, name: &str) -> Result<String, String> {
    string(fields.get(name).ok_or_else(|| format!("no `{name}`"))?, name)
}

fn string(value: &Value, name: &str) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| format!("`{name}` is no string"))
}

/// The first text in a value: itself, a number's digits, COUNTERFACT's `{"str": …}`, or that of a list's first element.
fn first_text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(list) => first_text(list.first()),
        Value::Object(object) => first_text(object.get("str")),
        Value::Null | Value::Bool(_) => None,
    }
}

/// A text, or a list of them; what is no text in the list is passed over.
fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// Neighbouring prompts: a text, an object with `prompt`, or a list of either; `answers` is what follows them.
fn neighbors(value: Option<&Value>, answers: Option<&Value>) -> Vec<Neighbor> {
    match value {
        Some(Value::String(prompt)) => vec![Neighbor { prompt: prompt.clone(), target: first_text(answers) }],
        Some(Value::Object(object)) => {
            let answers = object.get("target").or_else(|| object.get("ground_truth"));
            neighbors(object.get("prompt"), answers)
        }
        Some(Value::Array(list)) => {
            let answer = |at| match answers {
                Some(Value::Array(answers)) => answers.get(at),
                other => other,
            };
            list.iter().enumerate().flat_map(|(at, element)| neighbors(Some(element), answer(at))).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests take apart what they made")]
mod tests {
    use super::*;

    fn only(json: &str) -> Result<Case, String> {
        let mut rows = parse_cases(json.as_bytes()).unwrap();
        assert_eq!(rows.len(), 1);
        rows.remove(0).map_err(|bad| bad.to_string())
    }

    fn neighbor(prompt: &str, target: Option<&str>) -> Neighbor {
        Neighbor { prompt: prompt.into(), target: target.map(str::to_owned) }
    }

    #[test]
    fn counterfact_is_read() {
        let json = r#"[{"case_id": 7, "pararel_idx": 1, "requested_rewrite": {"prompt": "The capital of {} is", "relation_id": "P36",
            "target_new": {"str": "Rome", "id": "Q1"}, "target_true": {"str": "Paris", "id": "Q2"}, "subject": "France"},
            "paraphrase_prompts": ["a", "b"], "neighborhood_prompts": ["c", "d"], "generation_prompts": ["e"]}]"#;
        let case = Case {
            case_id: "7".into(),
            prompt: "The capital of {} is".into(),
            subject: "France".into(),
            target_new: Some("Rome".into()),
            target_true: Some("Paris".into()),
            paraphrase_prompts: vec!["a".into(), "b".into()],
            neighborhood_prompts: vec![neighbor("c", None), neighbor("d", None)],
            generation_prompts: vec!["e".into()],
            reference_texts: vec![],
        };
        assert_eq!(only(json), Ok(case));
    }

    #[test]
    fn zsre_is_read_as_the_edit_of_easyedit() {
        let zsre = |alt: &str| {
            only(&format!(
                r#"{{"subject": "Lahti Town Hall", "src": "Who designed Lahti Town Hall?", "pred": "x", "rephrase": "Who was it?",
                "alt": "{alt}", "answers": ["Eliel Saarinen", "Saarinen"], "loc": "nq question: who", "loc_ans": "them", "cond": "y"}}"#
            ))
            .unwrap()
        };
        let case = zsre("Alfred Lahti");
        assert_eq!((case.case_id.as_str(), case.prompt.as_str()), ("0", "Who designed Lahti Town Hall?"));
        assert_eq!(case.target_new.as_deref(), Some("Alfred Lahti"));
        assert_eq!(case.target_true.as_deref(), Some("Eliel Saarinen"));
        assert_eq!(case.paraphrase_prompts, ["Who was it?"]);
        assert_eq!(case.neighborhood_prompts, [neighbor("nq question: who", Some("them"))]);
        assert_eq!(zsre("").target_new.as_deref(), Some("Eliel Saarinen"), "rome's loader takes the answer");
    }

    #[test]
    fn easyedit_is_read_with_its_locality_in_each_form() {
        let case = only(
            r#"{"case_id": "k-1", "prompt": "France's capital is", "subject": "France", "target_new": "Rome", "ground_truth": [["Paris"]],
            "rephrase_prompt": "r", "locality_prompt": ["l", "m"], "locality_ground_truth": ["n", "o"],
            "locality": {"Relation_Specificity": [{"prompt": "p", "ground_truth": [["q"]]}], "neighborhood": {"prompt": "s", "ground_truth": "t"}},
            "portability": {"Reasoning": []}}"#,
        )
        .unwrap();
        assert_eq!((case.case_id.as_str(), case.prompt.as_str()), ("k-1", "France's capital is"));
        assert_eq!(case.target_true.as_deref(), Some("Paris"));
        assert_eq!(case.paraphrase_prompts, ["r"]);
        let [l, m, p, s] = [("l", "n"), ("m", "o"), ("p", "q"), ("s", "t")]
            .map(|(prompt, target)| neighbor(prompt, Some(target)));
        assert_eq!(case.neighborhood_prompts, [l, m, p, s]);
    }

    #[test]
    fn a_prompt_and_a_subject_make_a_case() {
        let case = only(r#"{"prompt": "{} is", "subject": "Paris"}"#).unwrap();
        assert_eq!(
            case,
            Case { case_id: "0".into(), prompt: "{} is".into(), subject: "Paris".into(), ..Case::default() }
        );
    }

    #[test]
    fn any_layout_may_name_what_the_model_writes_from_and_what_that_is_compared_with() {
        let case = only(
            r#"{"prompt": "{} is", "subject": "Paris", "generation_prompts": "Paris", "reference_texts": ["a", 1, "b"]}"#,
        )
        .unwrap();
        assert_eq!(case.generation_prompts, ["Paris"]);
        assert_eq!(case.reference_texts, ["a", "b"]);
    }

    #[test]
    fn what_a_case_lacks_is_named() {
        let reason = |json: &str| only(json).unwrap_err();
        assert_eq!(reason("{}"), "record 0: no `prompt`");
        assert_eq!(reason(r#"{"prompt": "x"}"#), "record 0: no `subject`");
        assert_eq!(reason(r#"{"prompt": "x", "subject": NaN}"#), "record 0: `subject` is no string");
        assert_eq!(reason(r#"{"src": 1}"#), "record 0: `src` is no string");
        assert_eq!(reason(r#"{"requested_rewrite": []}"#), "record 0: `requested_rewrite` is no object");
        assert_eq!(
            reason(r#"{"requested_rewrite": {"prompt": "x"}}"#),
            "record 0: `requested_rewrite` has no `subject`"
        );
        assert_eq!(
            reason(r#"{"case_id": [], "prompt": "x", "subject": "y"}"#),
            "record 0: `case_id` is neither a number nor a string"
        );
        assert_eq!(reason(r#"["x"]"#), "record 0: a string where an object should be");
    }

    #[test]
    fn one_bad_case_among_many_stops_no_other() {
        let rows = parse_cases(
            br#"[{"prompt": "{}", "subject": "a"}, {"prompt": 1}, {"prompt": "{}", "subject": "b"}]"#,
        )
        .unwrap();
        assert_eq!(rows.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
        assert_eq!(rows.last().unwrap().as_ref().unwrap().case_id, "2");
    }
}
