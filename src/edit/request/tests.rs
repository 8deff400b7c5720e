//! Requests and rows on the trained model, and every way in which a case cannot be edited.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

use std::path::Path;

use super::*;
use crate::reader::{IoMode, Limits};

fn model() -> Model {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/oracle");
    Model::open(&folder, &Limits::default(), IoMode::Auto).unwrap()
}

fn case(prompt: &str, subject: &str, target: Option<&str>) -> Case {
    Case {
        case_id: "7".to_owned(),
        prompt: prompt.to_owned(),
        subject: subject.to_owned(),
        target_new: target.map(ToOwned::to_owned),
        ..Case::default()
    }
}

fn kind(prompt: &str, subject: &str, target: Option<&str>) -> (&'static str, String) {
    let error = Request::of(&case(prompt, subject, target), &model()).unwrap_err();
    (error.kind(), error.to_string())
}

#[test]
fn a_target_has_one_leading_space_whatever_the_record_has() {
    let model = model();
    let of = |target| Request::of(&case("{} makes", "Kolpisoft", Some(target)), &model).unwrap();
    for target in ["lamps", " lamps", "   lamps"] {
        assert_eq!(of(target).target, " lamps");
        assert_eq!(of(target).target_tokens, model.tokenizer().unwrap().encode(" lamps").unwrap());
    }
}

#[test]
fn a_prompt_that_names_its_subject_gets_a_slot() {
    let request = Request::of(&case("The maker of Kolpisoft is", "Kolpisoft", Some("x")), &model()).unwrap();
    assert_eq!(request.prompt, "The maker of {} is");
}

#[test]
fn what_cannot_be_edited_is_refused_with_its_reason() {
    let reason = |prompt, subject, target| kind(prompt, subject, target).0;
    assert_eq!(reason("It makes", "Kolpisoft", Some("lamps")), "subject-absent");
    assert_eq!(reason("Kolpisoft and Kolpisoft make", "Kolpisoft", Some("lamps")), "subject-repeated");
    assert_eq!(reason("{} and {} make", "Kolpisoft", Some("lamps")), "several-slots");
    assert_eq!(reason("{} makes", " ", Some("lamps")), "empty-subject");
    assert_eq!(
        kind("{} makes", "Kolpisoft", None),
        ("no-target", "case 7: the case has no `target_new`".to_owned())
    );
    for target in ["", "  ", "\n"] {
        let (kind, message) = kind("{} makes", "Kolpisoft", Some(target));
        assert_eq!(
            (kind, message.as_str()),
            ("empty-target", "case 7: the target ` ` has no token of its own")
        );
    }
}

#[test]
fn rows_hold_the_target_but_its_last_token_behind_every_template() {
    let model = model();
    let request = Request::of(&case("{} makes", "Kolpisoft", Some("lamps and boats")), &model).unwrap();
    let templates = ["{}".to_owned(), "The city is old. {}".to_owned()];
    let rows = super::super::Rows::of(&model, &request, &templates).unwrap();
    let tokenizer = model.tokenizer().unwrap();
    for (row, text) in rows.tokens.iter().zip(["Kolpisoft makes", "The city is old. Kolpisoft makes"]) {
        let whole = tokenizer.encode(&format!("{text} lamps and boats")).unwrap();
        assert_eq!(row[..], whole[..whole.len() - 1]);
    }
    assert!(request.target_tokens.len() > 1);
    assert_eq!(rows.lookup, [0, tokenizer.encode("The city is old. Kolpisoft").unwrap().len() - 1]);
}

#[test]
fn a_row_that_does_not_fit_into_the_context_is_refused() {
    let model = model();
    let request = Request::of(&case("{} makes", "Kolpisoft", Some("lamps")), &model).unwrap();
    let long = format!("{}{{}}", "city ".repeat(48));
    let error = super::super::Rows::of(&model, &request, &["{}".to_owned(), long]).unwrap_err();
    assert_eq!(error.kind(), "too-long");
    assert!(error.to_string().contains("behind template 1, the context of the model holds 48"), "{error}");
}
