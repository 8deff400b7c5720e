//! `diagnose keys --screen` from outside: what it finds on the oracle's cases, in every format, and what it makes of bad input.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::runner::{Ran, diagnose};

fn fixture(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(path).to_str().unwrap().to_owned()
}

/// Screens cases with one of the small tokenizers.
fn screened(tokenizer: &str, cases: &str, more: &[&str]) -> Ran {
    let model = fixture(tokenizer);
    diagnose(&[&["keys", "--model", &model, "--screen", cases], more].concat())
}

fn oracle(more: &[&str]) -> Ran {
    screened("oracle", &fixture("oracle/cases.json"), more)
}

/// A file of cases; the folder lives as long as the first of the two.
fn file(name: &str, text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    (folder, path)
}

const MIXED: &str = r#"[
    {"case_id": "first", "prompt": "{} is the capital of", "subject": "Paris"},
    {"case_id": "named", "prompt": "Danielle Darrieux spoke", "subject": "Danielle Darrieux"},
    {"case_id": "later", "prompt": "The capital of {} is", "subject": "Italy"},
    {"case_id": "absent", "prompt": "The capital of", "subject": "Italy"},
    {"case_id": "twice", "prompt": "{} and {}", "subject": "Italy"}]"#;

/// The report with the folders of this machine taken out.
fn told(ran: &Ran) -> String {
    let (fixtures, temporary) = (fixture(""), std::env::temp_dir());
    let folder = format!("{}/.tmp", temporary.to_str().unwrap());
    let mut text = ran.stdout.replace(&fixtures, "");
    while let Some(at) = text.find(&folder) {
        let end = at + text[at..].find("/cases.json").unwrap();
        text.replace_range(at..=end, "");
    }
    text
}

#[test]
fn the_oracle_s_collapse_cases_are_those_at_risk() {
    let ran = oracle(&["--format", "json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["schema"], "diagnose.screen/1");
    let summary = &report["summary"];
    assert_eq!(summary["cases"], 72);
    assert_eq!((&summary["at_risk"], &summary["refused"]), (&24.into(), &0.into()));
    for case in report["cases"].as_array().unwrap() {
        let collapses = case["case_id"].as_str().unwrap().starts_with("collapse");
        assert_eq!(case["at_risk"], collapses, "{case}");
    }
}

#[test]
fn a_person_is_told_how_many_why_and_which() {
    let (_folder, path) = file("cases.json", MIXED);
    let ran = screened("tokenizers/byte-level", path.to_str().unwrap(), &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    insta::assert_snapshot!("screen_table", told(&ran));
}

#[test]
fn behind_a_bos_token_a_person_is_told_that_it_takes_the_first_position() {
    let (_folder, path) = file("cases.json", MIXED);
    let ran = screened("tokenizers/byte-level-bos", path.to_str().unwrap(), &["--format", "markdown"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    insta::assert_snapshot!("screen_markdown", told(&ran));
}

#[test]
fn programs_get_every_case_in_each_of_their_formats() {
    let (_folder, path) = file("cases.json", MIXED);
    let of = |format| {
        let ran =
            screened("tokenizers/byte-level", path.to_str().unwrap(), &["--format", format, "--top", "1"]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        told(&ran).replace(env!("CARGO_PKG_VERSION"), "VERSION")
    };
    insta::assert_snapshot!("screen_csv", of("csv"));
    insta::assert_snapshot!("screen_jsonl", of("jsonl"));
}

#[test]
fn the_check_fails_where_a_subject_is_at_risk_and_only_where_it_was_asked_for() {
    assert_eq!(oracle(&[]).code, Some(0));
    let failed = oracle(&["--fail-on", "at-risk"]);
    assert_eq!(failed.code, Some(1));
    assert_eq!(
        failed.stderr,
        "check failed: --fail-on at-risk: 24 of the subjects are read at the first position\n"
    );
    assert_eq!(oracle(&["--fail-on", "at-risk", "--quiet"]).stderr, "");
    let (_folder, path) = file("cases.json", MIXED);
    let behind_bos = screened("tokenizers/byte-level-bos", path.to_str().unwrap(), &["--fail-on", "at-risk"]);
    assert_eq!(behind_bos.code, Some(0), "the BOS token is first");
}

#[test]
fn threads_change_no_byte() {
    let [one, two] = ["1", "2"].map(|threads| oracle(&["--format", "jsonl", "--threads", threads]).stdout);
    assert!(one == two && one.lines().count() == 73);
}

#[test]
fn cases_come_over_stdin_too() {
    let model = fixture("tokenizers/byte-level");
    let mut command =
        crate::runner::program(&["keys", "--model", &model, "--screen", "-", "--format", "csv"]);
    let (_folder, path) = file("cases.jsonl", "{\"prompt\": \"{} is\", \"subject\": \"Paris\"}\n");
    let ran = crate::runner::finish(command.stdin(fs::File::open(path).unwrap()));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ran.stdout.lines().nth(1), Some("0,0,screened,{} is,Paris,1,0,0,true,false,true,,"));
}

#[test]
fn a_record_that_is_no_case_is_a_row_and_a_failed_check() {
    let (_folder, path) =
        file("cases.json", r#"[{"prompt": "{} is", "subject": "Paris"}, {"prompt": "x"}, 3]"#);
    let ran = screened("tokenizers/byte-level", path.to_str().unwrap(), &["--format", "json"]);
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.stderr, "check failed: 2 of 3 records are no cases\n");
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["summary"]["refused_by_reason"], serde_json::json!({"bad-record": 2}));
    assert_eq!(report["cases"][1]["refused"]["reason"], "record 1: no `subject`");
}

#[test]
fn what_cannot_be_screened_at_all_says_why() {
    let (folder, path) = file("cases.json", r#"[{"prompt": "x", "subject": "y"}]"#);
    let path = path.to_str().unwrap();
    let kind = |ran: Ran| {
        assert_eq!(ran.code, Some(2), "{}", ran.stdout);
        let error: Value = serde_json::from_str(ran.stderr.trim()).unwrap();
        error["error"]["kind"].as_str().unwrap().to_owned()
    };
    let json = ["--format", "json"];
    assert_eq!(kind(screened("tokenizers/byte-level", path, &json)), "nothing-screened");
    assert_eq!(kind(screened("tokenizers/absent", path, &json)), "not-found");
    assert_eq!(kind(screened("deltas", path, &json)), "no-tokenizer");
    assert_eq!(kind(screened("tokenizers/byte-level", "absent.json", &json)), "not-found");
    fs::write(folder.path().join("cases.json"), "case_id,prompt\n").unwrap();
    assert_eq!(kind(screened("tokenizers/byte-level", path, &json)), "dataset-not-json");
    assert_eq!(
        kind(screened("tokenizers/byte-level", path, &[&json[..], &["--fail-on", "collapse"]].concat())),
        "usage"
    );
    assert_eq!(
        kind(screened("tokenizers/byte-level", path, &[&json[..], &["--layer", "3"]].concat())),
        "usage"
    );
}
