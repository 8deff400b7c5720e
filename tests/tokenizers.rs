//! Tokenizers of every kind, and the subject's position in each, against `fixtures/tokenizers/positions.json`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use collapse_diagnostics::model::{PlacedPrompt, Refused, Tokenizer, place, slot};
use serde::Deserialize;

const KINDS: [&str; 6] = ["byte-level", "byte-level-bos", "llama", "llama-legacy", "bert", "t5"];

#[derive(Deserialize)]
struct Position {
    prompt: String,
    subject: String,
    ids: Vec<u32>,
    subject_first: usize,
    subject_last: usize,
    first_token: bool,
    bos: bool,
    refused: Option<String>,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

fn tokenizer(kind: &str) -> Tokenizer {
    Tokenizer::open(&fixtures().join("tokenizers").join(kind)).unwrap()
}

fn refusal(kind: &str, template: &str, subject: &str) -> Refused {
    place(&tokenizer(kind), template, subject).unwrap_err()
}

#[test]
fn subjects_stand_where_the_published_rule_finds_them() {
    let text = fs::read_to_string(fixtures().join("tokenizers/positions.json")).unwrap();
    let expected: BTreeMap<String, Vec<Position>> = serde_json::from_str(&text).unwrap();
    assert_eq!(expected.len(), KINDS.len());
    let mut refused = 0;
    for kind in KINDS {
        let tokenizer = tokenizer(kind);
        for row in &expected[kind] {
            let found = place(&tokenizer, &row.prompt, &row.subject);
            let name = format!("{kind}: {} / {}", row.prompt, row.subject);
            if let Some(wanted) = &row.refused {
                assert_eq!(found.unwrap_err().kind(), wanted, "{name}");
                refused += 1;
                continue;
            }
            let wanted = PlacedPrompt {
                tokens: row.ids.clone(),
                subject_first: row.subject_first,
                subject_last: row.subject_last,
                bos: row.bos,
                first_token: row.first_token,
            };
            assert_eq!(found, Ok(wanted), "{name}");
        }
    }
    assert!(refused > 0, "no row of the fixture is one to refuse");
}

#[test]
fn the_oracle_s_cases_stand_where_transformers_found_them() {
    let oracle = fixtures().join("oracle");
    let json = |name: &str| -> serde_json::Value {
        serde_json::from_slice(&fs::read(oracle.join(name)).unwrap()).unwrap()
    };
    let (cases, expected) = (json("cases.json"), json("expected.json"));
    let (cases, expected) = (cases.as_array().unwrap(), expected["cases"].as_array().unwrap());
    let tokenizer = Tokenizer::open(&oracle).unwrap();
    assert_eq!(cases.len(), 72);
    for (case, wanted) in cases.iter().zip(expected) {
        let text = |field: &str| case[field].as_str().unwrap();
        let placed = place(&tokenizer, text("prompt"), text("subject")).unwrap();
        let found = serde_json::json!({
            "case_id": case["case_id"],
            "subject_last_index": placed.subject_last,
            "first_token": placed.first_token,
        });
        for (field, value) in found.as_object().unwrap() {
            assert_eq!(&wanted[field], value, "{field} of {}", case["case_id"]);
        }
    }
}

#[test]
fn special_tokens_stand_in_front_as_the_file_says() {
    let leading = |kind| tokenizer(kind).leading_special().len();
    assert_eq!(KINDS.map(leading), [0, 1, 1, 1, 1, 0]);
    for kind in KINDS {
        let tokenizer = tokenizer(kind);
        let (bare, whole) =
            (tokenizer.encode("Paris").unwrap(), tokenizer.encode_with_special("Paris").unwrap());
        let trailing = usize::from(matches!(kind, "bert" | "t5"));
        assert_eq!(whole[..whole.len() - trailing], [tokenizer.leading_special(), &bare].concat(), "{kind}");
    }
}

#[test]
fn tokens_become_the_text_again_and_special_ones_leave_it() {
    for kind in ["byte-level", "byte-level-bos", "llama", "llama-legacy", "t5"] {
        let tokenizer = tokenizer(kind);
        let text = "The capital of Italy is Rome.";
        assert_eq!(tokenizer.decode(&tokenizer.encode_with_special(text).unwrap()).unwrap(), text, "{kind}");
    }
}

#[test]
fn a_token_beyond_the_vocabulary_is_named() {
    let tokenizer = tokenizer("bert");
    let beyond = u32::try_from(tokenizer.vocabulary()).unwrap();
    let error = tokenizer.decode(&[5, beyond]).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("no token has the number {beyond}; the vocabulary ends at {beyond}")
    );
}

#[test]
fn the_end_of_text_token_is_the_one_that_the_configuration_names() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(
        fixtures().join("tokenizers/byte-level-bos/tokenizer.json"),
        folder.path().join("tokenizer.json"),
    )
    .unwrap();
    let end = || Tokenizer::open(folder.path()).unwrap().end_of_text();
    assert_eq!(end(), Some(1), "known by its name");
    let write = |text: &str| fs::write(folder.path().join("tokenizer_config.json"), text).unwrap();
    write(r#"{"eos_token": "<|begin_of_text|>"}"#);
    assert_eq!(end(), Some(0));
    write(r#"{"eos_token": {"content": "<|end_of_text|>", "lstrip": false}}"#);
    assert_eq!(end(), Some(1));
    write(r#"{"eos_token": "<absent>"}"#);
    assert_eq!(end(), None);
    write(r#"{"eos_token": null}"#);
    assert_eq!(end(), Some(1));
}

#[test]
fn truncation_and_padding_of_the_file_are_switched_off() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(fixtures().join("tokenizers/bert/tokenizer.json")).unwrap();
    let mut file: serde_json::Value = serde_json::from_str(&text).unwrap();
    file["truncation"] =
        serde_json::json!({"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0});
    file["padding"] = serde_json::json!({"strategy": {"Fixed": 30}, "direction": "Left", "pad_to_multiple_of": null,
        "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"});
    fs::write(folder.path().join("tokenizer.json"), file.to_string()).unwrap();
    let text = "the capital of france is paris";
    let altered = Tokenizer::open(folder.path()).unwrap().encode_with_special(text).unwrap();
    assert_eq!(altered, tokenizer("bert").encode_with_special(text).unwrap());
    assert!(altered.len() > 3);
}

#[test]
fn a_folder_without_a_tokenizer_and_a_tokenizer_that_is_none_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let error = Tokenizer::open(folder.path()).unwrap_err();
    assert_eq!(error.kind(), "no-tokenizer");
    assert!(error.hint().unwrap().contains("save_pretrained"));
    for text in ["", "{}", "[]", r#"{"version":"1.0"}"#, &"[".repeat(100_000)] {
        fs::write(folder.path().join("tokenizer.json"), text).unwrap();
        assert_eq!(Tokenizer::open(folder.path()).unwrap_err().kind(), "malformed-tokenizer", "{text:.20}");
    }
    let file = folder.path().join("tokenizer.json");
    assert_eq!(Tokenizer::open(&file).unwrap_err().kind(), "not-a-directory");
    assert_eq!(Tokenizer::open(&folder.path().join("absent")).unwrap_err().kind(), "not-found");
}

#[test]
fn a_template_needs_exactly_one_slot() {
    assert_eq!(refusal("byte-level", "Paris is", "Paris"), Refused::NoSlot);
    assert_eq!(refusal("byte-level", "{} and {}", "Paris"), Refused::SeveralSlots { slots: 2 });
}

#[test]
fn an_empty_subject_has_no_position() {
    for subject in ["", "  ", "\n"] {
        assert_eq!(refusal("byte-level", "{} is", subject), Refused::EmptySubject);
        assert_eq!(slot("{} is", subject), Err(Refused::EmptySubject));
    }
}

#[test]
fn a_token_that_joins_the_subject_to_a_neighbour_is_refused() {
    assert_eq!(
        refusal("byte-level", "D{} spoke", "anielle"),
        Refused::CrossesStart { token: "Danielle".into() }
    );
    assert_eq!(
        refusal("byte-level", "The {}le spoke", "Daniel"),
        Refused::CrossesEnd { token: " Danielle".into() }
    );
}

#[test]
fn a_position_that_depends_on_what_follows_is_refused() {
    let refused = refusal("byte-level", "{} is", "Paris ");
    assert_eq!(refused, Refused::Disagrees { by_offsets: 0, by_length: 1 });
    assert_eq!(
        refused.to_string(),
        "the subject's last token is number 0 in the whole prompt, and number 1 where the prompt ends with it: \
         what follows changes its tokens"
    );
}

#[test]
fn a_subject_that_the_tokenizer_drops_is_refused() {
    assert_eq!(
        refusal("bert", "{} is", "\u{200b}\u{0}"),
        Refused::NoToken { subject: "\u{200b}\u{0}".into() }
    );
}

#[test]
fn a_prompt_without_a_slot_gets_one_where_its_subject_stands_once() {
    assert_eq!(slot("The capital of {} is", "France").unwrap(), "The capital of {} is");
    assert_eq!(slot("The capital of France is", "France").unwrap(), "The capital of {} is");
    assert_eq!(slot("France, {}", "France").unwrap(), "France, {}", "the slot is what counts");
    let kind = |prompt| slot(prompt, "France").unwrap_err().kind();
    assert_eq!(kind("The capital of Italy is"), "subject-absent");
    assert_eq!(kind("France is in France"), "subject-repeated");
    assert_eq!(kind("{} is {}"), "several-slots");
}

#[test]
fn white_space_before_the_slot_does_not_make_it_later() {
    let placed = place(&tokenizer("byte-level"), " {} is", "Paris").unwrap();
    assert!(placed.first_token);
}
