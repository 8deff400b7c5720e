//! The guard, and what the reports of `diagnose edit` say.

use std::fs;

use serde_json::Value;

use crate::edit_runs::{Desk, json_of};

/// Numbers of cases of the world: the first is one that ROME breaks the model with, the second is not.
const HARD: usize = 0;
const NORMAL: usize = 30;

#[test]
fn the_guard_refuses_what_would_break_the_model_and_lets_the_rest_pass() {
    let desk = Desk::new();
    desk.cases([HARD, NORMAL]);
    let ran = desk.edit(&["--guard", "--sequential", "-o", "edited", "--format", "json"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert_eq!(ran.stderr, "check failed: --guard refused 1 of 2 cases\n");
    let report = json_of(&ran);
    let [hard, normal] = [&report["edits"][0], &report["edits"][1]];
    assert_eq!(hard["refused"][0]["kind"], "guard");
    let reason = hard["refused"][0]["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("the guard: ROME would break the model with it: the denominator is "),
        "{reason}"
    );
    assert!(hard["layers"].as_array().unwrap().is_empty() && hard["factors"].is_null());
    assert_eq!(normal["requests"][0]["guard"]["action"], "none");
    assert_eq!(report["summary"]["refused_by_guard"], 1);
    desk.cases([NORMAL]);
    desk.done(&["-o", "alone"]);
    assert!(
        fs::read(desk.at("alone/model.safetensors")).unwrap()
            == fs::read(desk.at("edited/model.safetensors")).unwrap()
    );
}

#[test]
fn where_the_guard_refuses_all_nothing_is_written_and_the_code_is_1() {
    let desk = Desk::new();
    desk.cases([HARD]);
    let ran = desk.edit(&["--guard", "-o", "edited"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(!desk.at("edited").exists() && ran.stdout.starts_with("no case was edited\n"), "{}", ran.stdout);
}

#[test]
fn the_guard_that_fixes_has_c_rome_make_exactly_those_edits() {
    let desk = Desk::new();
    desk.cases([HARD, NORMAL]);
    let report = json_of(&desk.done(&["--guard=fix", "--sequential", "-o", "edited", "--format", "json"]));
    assert_eq!(
        (report["edits"][0]["method"].as_str(), report["edits"][1]["method"].as_str()),
        (Some("c-rome"), Some("rome"))
    );
    let guard = &report["edits"][0]["requests"][0]["guard"];
    assert_eq!((guard["level"].as_str(), guard["action"].as_str()), (Some("collapse"), Some("c-rome")));
    assert!(guard["denominator_ratio"].as_f64().unwrap().abs() < 0.08);
    assert_eq!(report["summary"]["switched_by_guard"], 1);
    desk.cases([HARD]);
    let fixed = json_of(&desk.done(&["--guard=fix", "-o", "fixed", "--format", "json"]));
    let asked = json_of(&desk.done(&["--method", "c-rome", "-o", "asked", "--format", "json"]));
    assert_eq!(fixed["edits"][0]["layers"], asked["edits"][0]["layers"]);
    assert!(
        fs::read(desk.at("fixed/model.safetensors")).unwrap()
            == fs::read(desk.at("asked/model.safetensors")).unwrap()
    );
    let unguarded = json_of(&desk.done(&["--format", "json"]));
    let size = |report: &Value| report["edits"][0]["layers"][0]["relative_update"].as_f64().unwrap();
    assert!(size(&unguarded) > 20.0 * size(&fixed), "{} and {}", size(&unguarded), size(&fixed));
}

#[test]
fn the_guard_is_for_rome_alone() {
    let desk = Desk::new();
    desk.cases([HARD]);
    let ran = desk.edit(&["--method", "c-rome", "--guard"]);
    assert_eq!(
        (ran.code, ran.stderr.lines().next()),
        (Some(2), Some("error: --guard is for rome, and the method is c-rome"))
    );
}

#[test]
fn a_single_edit_is_explained_in_a_few_lines() {
    let desk = Desk::new();
    desk.cases([NORMAL]);
    let text = desk.done(&[]).stdout;
    let labels: Vec<&str> = text.lines().map(|line| line.get(..12).unwrap_or(line).trim()).collect();
    assert!(text.starts_with("case normal-first-06: edited by rome\n"), "{text}");
    for label in ["value", "divided", "update", "model", "hparams", "contexts", "C", "written"] {
        assert!(labels.contains(&label), "{label}: {text}");
    }
    assert!(text.contains("nothing: give -o DIR or --ledger FILE"), "{text}");
}

#[test]
fn every_format_tells_of_every_case() {
    let desk = Desk::new();
    desk.cases([HARD, NORMAL, NORMAL + 1]);
    let run = |format: &str| desk.edit(&["--guard", "--format", format, "--top", "1"]).stdout;
    let json: Value = serde_json::from_str(&run("json")).unwrap();
    assert_eq!(json["schema"], "diagnose.edit/1");
    assert_eq!(json["settings"]["hparams"]["v_num_grad_steps"], 3);
    assert_eq!(json["settings"]["guard"], "refuse");
    assert_eq!(json["edits"][1]["requests"][0]["value"]["passes"].as_array().unwrap().len(), 3);
    let lines: Vec<Value> = run("jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        lines.iter().map(|line| line["record"].as_str().unwrap()).collect::<Vec<_>>(),
        ["summary", "edit", "edit", "edit"]
    );
    assert_eq!(lines[2]["layers"], json["edits"][1]["layers"]);
    let csv = run("csv");
    let mut rows = csv::Reader::from_reader(csv.as_bytes());
    let headers = rows.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = rows.records().map(Result::unwrap).collect();
    let cell = |row: usize, name: &str| &rows[row][headers.iter().position(|header| header == name).unwrap()];
    assert_eq!(rows.len(), 3);
    assert!(cell(0, "refused").starts_with("the guard: ") && cell(0, "update_norm").is_empty());
    for (name, value) in [
        ("unit_denominator", &json["edits"][1]["requests"][0]["division"]["unit_denominator"]),
        ("update_norm", &json["edits"][1]["layers"][0]["update_norm"]),
        ("last_loss", &json["edits"][1]["requests"][0]["value"]["passes"][2]["total"]),
    ] {
        assert_eq!(cell(1, name).parse::<f64>().unwrap(), value.as_f64().unwrap(), "{name}");
    }
    let markdown = run("markdown");
    assert!(
        markdown.starts_with(
            "### ⚠️ diagnose edit · 2 cases edited by rome, each from the original model; 1 refused\n"
        ),
        "{markdown}"
    );
    assert!(markdown.contains("**The 1 largest of 2 edits**"), "{markdown}");
}

#[test]
fn progress_tells_a_pace_and_never_stands_on_stdout() {
    let desk = Desk::new();
    desk.cases([NORMAL, NORMAL + 1]);
    let ran = desk.done(&["--progress", "always", "--format", "json"]);
    assert!(
        ran.stderr.contains("editing: 50% of 2 edits, ") && ran.stderr.contains(" edits/s, "),
        "{}",
        ran.stderr
    );
    json_of(&ran);
}

#[test]
fn the_report_is_the_same_for_any_number_of_threads() {
    let desk = Desk::new();
    desk.cases([HARD, NORMAL]);
    let run = |threads: &str| desk.done(&["--format", "json", "--threads", threads]).stdout;
    assert_eq!(run("1"), run("4"));
}
