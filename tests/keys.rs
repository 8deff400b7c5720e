//! `diagnose keys` from outside: one case, many, a dump; every format; and bad input of every kind.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::runner::{Ran, diagnose, finish, program};

fn fixture(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/oracle").join(path).to_str().unwrap().to_owned()
}

/// Runs `keys` on the trained model with its contexts and its second moment, in its folder.
fn keys(case: &str, more: &[&str]) -> Ran {
    let fixed = ["keys", "--model", ".", "--layer", "0", "--contexts", "contexts.json"];
    let given = ["--moments", "second_moment.npz", "--case", case];
    finish(program(&[&fixed[..], &given, more].concat()).current_dir(fixture("")))
}

const COLLAPSE: &str =
    r#"{"case_id": "one", "prompt": "{} is a company that makes", "subject": "Kolpisoft"}"#;
const SAFE: &str = r#"{"case_id": "two", "prompt": "The headquarters of {} is in", "subject": "Rinbanix"}"#;

#[test]
fn one_case_explains_itself() {
    let ran = keys(COLLAPSE, &[]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!("collapse", ran.stdout);
    let ran = keys(SAFE, &[]);
    insta::assert_snapshot!("safe", ran.stdout);
}

#[test]
fn many_cases_are_summed_up_and_the_worst_shown() {
    let ran = keys(&fixture("cases.json"), &["--top", "4"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    insta::assert_snapshot!("many", ran.stdout);
}

#[test]
fn the_record_has_every_field_of_the_contract() {
    let ran = keys(COLLAPSE, &["--format", "json"]);
    let record: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(record["schema"], "diagnose.keys/1");
    let fields = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    insta::assert_snapshot!(
        "fields",
        format!(
            "top: {}\nmodel: {}\ncontexts: {}\nsecond_moment: {}\nsummary: {}\ncase: {}\nverdict: {}\n",
            fields(&record),
            fields(&record["model"]),
            fields(&record["contexts"]),
            fields(&record["second_moment"]),
            fields(&record["summary"]),
            fields(&record["cases"][0]),
            fields(&record["cases"][0]["verdict"]),
        )
    );
    assert_eq!(record["summary"]["collapse"], 1);
    assert_eq!(record["second_moment"]["adjusted"], true);
    assert_eq!(record["contexts"]["count"], 21);
}

#[test]
fn every_format_has_every_case() {
    let cases = fixture("cases.json");
    let lines = keys(&cases, &["--format", "jsonl"]).stdout;
    assert_eq!(lines.lines().count(), 73);
    assert!(lines.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
    assert_eq!(keys(&cases, &["--format", "csv"]).stdout.lines().count(), 73);
    assert!(keys(&cases, &["--format", "markdown"]).stdout.starts_with("### ❌ diagnose keys · collapse: "));
}

#[test]
fn fail_on_is_reached_by_a_case_that_is_as_bad_or_worse() {
    assert_eq!(keys(COLLAPSE, &["--fail-on", "at-risk"]).code, Some(1));
    let ran = keys(COLLAPSE, &["--fail-on", "collapse"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("check failed: --fail-on collapse: 1 of 1 cases"), "{}", ran.stderr);
    assert_eq!(keys(SAFE, &["--fail-on", "at-risk"]).code, Some(0));
}

#[test]
fn one_bad_case_never_stops_the_others_and_the_exit_code_tells() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cases.json");
    let long = "word ".repeat(60);
    let text = format!(
        r#"[{COLLAPSE}, {{"prompt": "no subject"}}, {{"case_id": "absent", "prompt": "Nobody is", "subject": "Kolpisoft"}},
        {{"case_id": "long", "prompt": "{long}{{}} is", "subject": "Kolpisoft"}}, {SAFE}]"#
    );
    fs::write(&path, text).unwrap();
    let ran = keys(path.to_str().unwrap(), &["--format", "json"]);
    assert_eq!(ran.code, Some(1), "a record that is no case fails a check");
    assert!(ran.stderr.contains("1 of 5 records are no cases"), "{}", ran.stderr);
    let record: Value = serde_json::from_str(&ran.stdout).unwrap();
    let ids: Vec<&str> =
        record["cases"].as_array().unwrap().iter().filter_map(|c| c["case_id"].as_str()).collect();
    assert_eq!(ids, ["one", "two"]);
    let kinds: Vec<&str> =
        record["refused"].as_array().unwrap().iter().filter_map(|c| c["kind"].as_str()).collect();
    assert_eq!(kinds, ["bad-record", "subject-absent", "too-long"]);
    assert_eq!(keys(r#"{"prompt": "Nobody is", "subject": "Kolpisoft"}"#, &[]).code, Some(2));
}

#[test]
fn what_is_missing_is_asked_for_with_what_would_help() {
    let (model, moments) = (fixture(""), fixture("second_moment.npz"));
    let refused = |args: &[&str], words: &[&str]| {
        let ran = diagnose(&[&["keys", "--model", &model, "--case", COLLAPSE], args].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{args:?}");
        assert!(words.iter().all(|word| ran.stderr.contains(word)), "{args:?}: {}", ran.stderr);
    };
    refused(&["--no-moments"], &["no layer is published", "--layer N"]);
    refused(&["--layer", "3", "--no-moments"], &["no layer 3: it has 3", "0 to 2"]);
    refused(&["--layer", "0"], &["second moment", "--no-moments"]);
    refused(&["--layer", "0", "--moments", &fixture("texts.txt")], &["texts.txt"]);
    refused(&["--layer", "0", "--moments", &moments, "--ridge=-1"], &["ridge"]);
    refused(&["--layer", "0", "--moments", &moments, "--plot", "a.jpg"], &[".svg or .png"]);
    let ran = diagnose(&["keys", "--model", &model, "--layer", "0", "--no-moments", "--case", "{nonsense"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("cannot read --case"), "{}", ran.stderr);
}

#[test]
fn a_moment_over_too_few_tokens_is_refused_with_the_ridge_as_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("few.safetensors");
    let header = r#"{"second_moment.sum":{"dtype":"F64","shape":[256,256],"data_offsets":[0,524288]},"second_moment.count":{"dtype":"I64","shape":[],"data_offsets":[524288,524296]}}"#;
    let mut bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
    // One key of ones: rank 1.
    bytes.extend((0..65_536).flat_map(|_| 1.0_f64.to_le_bytes()));
    bytes.extend(100_i64.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    let run = |more: &[&str]| {
        let fixed = ["keys", "--model", &fixture(""), "--layer", "0", "--case", SAFE, "--contexts"];
        let contexts = fixture("contexts.json");
        diagnose(&[&fixed[..], &[&contexts, "--moments", path.to_str().unwrap()], more].concat())
    };
    let ran = run(&[]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("100 tokens for keys of length 256, at least 156 more"), "{}", ran.stderr);
    assert!(ran.stderr.contains("--ridge"), "{}", ran.stderr);
    let ran = run(&["--ridge", "0.01", "--format", "json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let record: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(record["second_moment"]["ridge"], 0.01);
    assert_eq!(record["cases"][0]["verdict"]["calibration"]["status"], "heuristic");
}

#[test]
fn contexts_that_are_drawn_are_written_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let (model, path) = (fixture(""), folder.path().join("contexts.json"));
    let path = path.to_str().unwrap();
    let run = |more: &[&str]| {
        let fixed =
            ["keys", "--model", &model, "--layer", "0", "--no-moments", "--case", SAFE, "--format", "json"];
        let ran = diagnose(&[&fixed[..], more].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        serde_json::from_str::<Value>(&ran.stdout).unwrap()
    };
    let drawn = run(&["--seed", "3", "--contexts-out", path]);
    let read = run(&["--contexts", path]);
    assert_eq!(drawn["contexts"]["hash"], read["contexts"]["hash"]);
    assert_eq!(drawn["cases"], read["cases"]);
    assert_ne!(run(&["--seed", "4"])["contexts"]["hash"], read["contexts"]["hash"]);
    assert_eq!(run(&["--contexts", path, "--prefixed-only"])["contexts"]["mean_over"], "prefixed");
}

#[test]
fn a_plot_is_written_beside_the_report() {
    let folder = tempfile::tempdir().unwrap();
    for (name, start) in [("keys.svg", &b"<svg"[..]), ("keys.png", b"\x89PNG")] {
        let path = folder.path().join(name);
        let ran = keys(COLLAPSE, &["--plot", path.to_str().unwrap()]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(fs::read(&path).unwrap().starts_with(start));
    }
}

/// A dump of two edits of keys of length 2: the arrays by name.
fn dump(arrays: &[(&str, [f64; 4])]) -> (tempfile::TempDir, String) {
    let (mut entries, mut data) = (Vec::new(), Vec::new());
    for (name, values) in arrays {
        let begin = data.len();
        data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        let range = [begin, data.len()];
        entries.push(format!(r#""{name}":{{"dtype":"F64","shape":[2,2],"data_offsets":{range:?}}}"#));
    }
    let header = format!("{{{}}}", entries.join(","));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.safetensors");
    fs::write(&path, [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat()).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

const MEAN: (&str, [f64; 4]) = ("keys_with_prefix", [4.0, 3.0, 4.0, 3.0]);
const UNPREFIXED: (&str, [f64; 4]) = ("keys_without_prefix", [4.0, -1.3, 4.0, 3.0]);

#[test]
fn dumped_keys_need_no_model() {
    let (_folder, path) = dump(&[MEAN, ("C_keys_with_prefix", [1.0, 3.0, 1.0, 3.0]), UNPREFIXED]);
    let ran = diagnose(&["keys", "--activations", &path, "--format", "json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let record: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert!(record["model"].is_null() && record["contexts"].is_null() && record["second_moment"].is_null());
    assert!((record["cases"][0]["denominator"].as_f64().unwrap() - 0.1).abs() < 1e-12);
    assert_eq!(record["cases"][0]["verdict"]["level"], "collapse");
    assert!(record["cases"][0]["value_norm"].is_null() && record["cases"][0].get("prompt").is_none());
    assert_eq!(record["cases"][1]["verdict"]["level"], "safe");
}

#[test]
fn a_dump_without_the_adjusted_keys_asks_for_the_moment() {
    let (_folder, path) = dump(&[MEAN, UNPREFIXED]);
    let ran = diagnose(&["keys", "--activations", &path]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("C_keys_with_prefix") && ran.stderr.contains("--moments"), "{}", ran.stderr);
    let ran = diagnose(&["keys", "--activations", &path, "--no-moments", "--format", "json"]);
    let record: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(record["second_moment"]["adjusted"], false);
    assert_eq!(diagnose(&["keys", "--activations", &path, "--layer", "0"]).code, Some(2));
}

#[test]
fn threads_change_no_byte() {
    let cases = fixture("cases.json");
    let with = |threads: &str| keys(&cases, &["--format", "json", "--threads", threads]).stdout;
    assert!(with("1") == with("3"));
}
