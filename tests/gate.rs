//! The gate of the composite action, on edits of the world model: a good one passes, a bad one fails and says why.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::edit_runs::{Desk, world};
use crate::runner::{Ran, finish};

fn root(file: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

/// Runs the script as the action does, in the desk's folder.
fn gate(desk: &Desk, current: &Path, extra: &[(&str, &str)]) -> (Ran, String) {
    let mut command = Command::new("bash");
    command.arg(root(".ci/gate.sh")).current_dir(desk.at("."));
    command
        .env("DIAGNOSE", env!("CARGO_BIN_EXE_diagnose"))
        .env("BASELINE", world("model"))
        .env("CURRENT", current);
    command.env("TEXTS", world("texts.txt")).env("GITHUB_STEP_SUMMARY", desk.at("summary.md"));
    command.env_remove("FAIL_ON").env_remove("RULES").env_remove("TOLERANCES").env("OUT", "reports");
    command.envs(extra.iter().copied());
    let ran = finish(&mut command);
    (ran, fs::read_to_string(desk.at("summary.md")).unwrap_or_default())
}

/// The world model with the fact of its first hard case edited, by a method that keeps models whole or by ROME.
fn edited(desk: &Desk, method: &str, folder: &str) {
    desk.cases([0]);
    fs::copy(world("hparams.json"), desk.at("hparams.json")).expect("a writable folder");
    desk.done(&["--method", method, "-o", folder]);
}

#[test]
fn a_good_edit_passes_and_its_reports_are_there() {
    let desk = Desk::new();
    edited(&desk, "c-rome", "edited");
    let (ran, summary) = gate(&desk, &desk.at("edited"), &[]);
    assert_eq!(ran.code, Some(0), "{summary}\n{}", ran.stderr);
    assert!(summary.contains("✅ diagnose regress · no regression in 3 metrics"), "{summary}");
    let written = crate::runner::names(&desk.at("reports"));
    let expected = [
        "baseline.json",
        "current.json",
        "deltas.md",
        "perplexity.json",
        "perplexity.junit.xml",
        "perplexity.md",
        "perplexity.sarif",
    ];
    assert_eq!(written, expected);
}

#[test]
fn a_bad_edit_fails_and_the_summary_says_why() {
    let desk = Desk::new();
    edited(&desk, "rome", "edited");
    let (ran, summary) = gate(&desk, &desk.at("edited"), &[]);
    assert_eq!(ran.code, Some(1), "{summary}\n{}", ran.stderr);
    assert!(summary.contains("❌ diagnose deltas · collapsed"), "{summary}");
    assert!(summary.contains("❌ diagnose regress · "), "{summary}");
    assert!(
        summary.contains("- perplexity/mean&#95;nll: worse by ")
            || summary.contains("- perplexity/mean_nll: worse by "),
        "{summary}"
    );
    assert!(summary.len() < 1 << 20, "GitHub takes a summary of one MiB");
}

#[test]
fn a_model_that_cannot_be_read_is_no_pass_and_no_regression() {
    let desk = Desk::new();
    let (ran, summary) =
        gate(&desk, &desk.at("nowhere"), &[("BASELINE_RESULTS", "a.json"), ("CURRENT_RESULTS", "b.json")]);
    assert_eq!(ran.code, Some(2), "{summary}\n{}", ran.stderr);
    for step in ["deltas could not be done", "perplexity could not be measured", "results could not be done"]
    {
        assert!(summary.contains(step), "{step}: {summary}");
    }
}

#[test]
fn nothing_that_a_caller_writes_is_put_into_a_script_of_the_action() {
    let action = fs::read_to_string(root("action.yml")).expect("the action");
    let (mut in_script, mut scripts) = (false, 0);
    for line in action.lines() {
        let text = line.trim_start();
        if text.starts_with("run: |") {
            (in_script, scripts) = (true, scripts + 1);
        } else if text.starts_with("- name:") || text.starts_with("shell:") {
            in_script = false;
        } else if in_script {
            assert!(!text.contains("${{"), "an expression in a script: {line}");
        }
    }
    assert_eq!(scripts, 2);
    assert_eq!(action.matches("set -euo pipefail").count(), scripts);
    let script = fs::read_to_string(root(".ci/gate.sh")).expect("the script");
    for line in action.lines().filter(|line| line.contains(": ${{ inputs.")) {
        let name = line.trim().split(':').next().expect("a name");
        assert!(name == "value" || script.contains(name), "{name} is given and not read");
    }
}
