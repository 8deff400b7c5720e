//! Edits of the world model walked by their ledger: the same numbers as from the checkpoint of each, and what cannot be walked.

use std::fs;

use serde_json::Value;

use crate::edit_runs::{Desk, world};
use crate::runner::{Ran, diagnose};

/// `diagnose evaluate` on the desk's cases, with the texts and facts of the world.
fn evaluate(desk: &Desk, model: &str, extra: &[&str]) -> Ran {
    let cases = desk.at("cases.json").to_string_lossy().into_owned();
    let [texts, facts] =
        ["texts.txt", "tasks/facts.jsonl"].map(|path| world(path).to_string_lossy().into_owned());
    let args = ["evaluate", "--model", model, "--case", &cases, "--texts", &texts, "--tasks", &facts];
    diagnose(&[&args[..], extra].concat())
}

fn report(ran: &Ran) -> Value {
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap()
}

/// Holds a step to an evaluation of the checkpoint that a replay writes.
fn check(desk: &Desk, step: &Value, replayed: &[&str], case: &str) {
    let out = format!("checkpoint-{}", step["index"]);
    desk.done(&[&["--replay", "ledger.jsonl"], replayed, &["-o", &out]].concat());
    let base = world("model").to_string_lossy().into_owned();
    let model = desk.at(&out).to_string_lossy().into_owned();
    let expected = report(&evaluate(desk, &model, &["--baseline", &base, "--format", "json"]));
    let own = expected["cases"].as_array().unwrap().iter().find(|row| row["case_id"] == case).unwrap();
    for name in ["efficacy_success", "efficacy_magnitude", "generalization_correct", "locality_agreement"] {
        assert_eq!(step[name], own[name], "{name} of {case}");
    }
    assert_eq!(step["perplexity"], expected["perplexity"]["perplexity"]);
    assert_eq!(step["accuracies"][0], expected["tasks"][0]["accuracy"]);
    assert_eq!(step["case_ids"][0], case);
}

#[test]
fn single_edits_are_measured_as_their_checkpoints_would_be_and_only_the_hard_one_destroys_the_model() {
    let desk = Desk::new();
    // A hard case, and one of each normal group.
    desk.cases([0, 24, 48]);
    desk.done(&["--ledger", "ledger.jsonl"]);
    let base = world("model").to_string_lossy().into_owned();
    let ledger = desk.at("ledger.jsonl").to_string_lossy().into_owned();
    let ran = evaluate(&desk, &base, &["--ledger", &ledger, "--format", "json"]);
    let report = report(&ran);
    let steps = report["steps"].as_array().unwrap();
    assert_eq!((steps.len(), &steps[0]["index"]), (4, &Value::Null));
    assert!(steps[0]["accuracies"][0].as_f64().unwrap() >= 0.95);
    let perplexity = |step: &Value| step["perplexity"].as_f64().unwrap();
    let before = perplexity(&steps[0]);
    assert!(perplexity(&steps[1]) > 10.0 * before, "{}", perplexity(&steps[1]));
    assert!(perplexity(&steps[2]) < 2.5 * before && perplexity(&steps[3]) < 2.5 * before, "{steps:?}");
    assert_eq!(report["cases"].as_array().unwrap().len(), 3);
    assert_eq!(report["metrics"]["efficacy_success"]["baseline"], 0.0);
    check(&desk, &steps[1], &["--only-step", "0"], "hard-00");
    for format in ["table", "csv"] {
        let ran = evaluate(&desk, &base, &["--ledger", &ledger, "--format", format]);
        assert!(ran.code == Some(0) && ran.stdout.contains("hard-00"), "{format}: {}", ran.stderr);
    }
}

#[test]
fn edits_of_a_sequence_add_up() {
    let desk = Desk::new();
    desk.cases([24, 48]);
    desk.done(&["--ledger", "ledger.jsonl", "--sequential"]);
    let base = world("model").to_string_lossy().into_owned();
    let ledger = desk.at("ledger.jsonl").to_string_lossy().into_owned();
    let report = report(&evaluate(&desk, &base, &["--ledger", &ledger, "--format", "json"]));
    check(&desk, &report["steps"][2], &[], "normal-later-00");
}

#[test]
fn a_ledger_of_other_cases_or_another_base_is_refused() {
    let desk = Desk::new();
    desk.cases([24, 48]);
    desk.done(&["--ledger", "ledger.jsonl"]);
    let ledger = desk.at("ledger.jsonl").to_string_lossy().into_owned();
    let [base, control] = ["model", "control"].map(|path| world(path).to_string_lossy().into_owned());
    let other = evaluate(&desk, &control, &["--ledger", &ledger]);
    assert_eq!(other.code, Some(2));
    assert!(
        other.stderr.contains("another base") || other.stderr.contains("of another base"),
        "{}",
        other.stderr
    );
    desk.cases([48, 24]);
    let swapped = evaluate(&desk, &base, &["--ledger", &ledger]);
    assert_eq!(swapped.code, Some(2));
    assert!(swapped.stderr.contains("as record 0, which these cases have not"), "{}", swapped.stderr);
    let both = evaluate(&desk, &base, &["--ledger", &ledger, "--baseline", &base]);
    assert_eq!(both.code, Some(2));
    let factors = desk.at("ledger.jsonl.factors/000000.safetensors");
    fs::write(&factors, b"x").unwrap();
    desk.cases([24, 48]);
    let broken = evaluate(&desk, &base, &["--ledger", &ledger]);
    assert_eq!((broken.code, broken.stdout.as_str()), (Some(2), ""), "{}", broken.stderr);
}
