//! Settings of a file and of the environment: what goes before what, and what is refused with its line.

use std::fs;

use serde_json::Value;

use crate::runner::{Bench, Ran, finish};

const DELTAS: [&str; 3] = ["deltas", "before.safetensors", "after.safetensors"];

/// Runs a comparison where `diagnose.toml` says this.
fn with(settings: &str, more: &[&str]) -> Ran {
    let bench = Bench::new();
    fs::write(bench.at("diagnose.toml"), settings).unwrap();
    bench.diagnose(&[&DELTAS[..], more].concat())
}

#[track_caller]
fn refused(settings: &str, words: &[&str]) {
    let ran = with(settings, &[]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{settings}");
    assert!(words.iter().all(|word| ran.stderr.contains(word)), "{settings}: {}", ran.stderr);
    assert!(ran.stderr.lines().count() <= 3, "{}", ran.stderr);
}

#[test]
fn a_file_sets_options_of_every_command_and_of_one() {
    let ran = with("format = 'json'\n[deltas]\nexpect-identical = true\n[keys]\nlayer = 3\n", &[]);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, &report["expectations"][0]["held"]), (Some(1), &Value::Bool(false)));
    let several = with("format = 'json'\n[deltas]\nexpect = ['*.c_proj.*', 'nothing']\n", &[]);
    let report: Value = serde_json::from_str(&several.stdout).unwrap();
    let held: Vec<_> = report["expectations"].as_array().unwrap().iter().map(|each| &each["held"]).collect();
    assert_eq!(held, [true, false]);
}

#[test]
fn a_flag_goes_before_the_environment_and_that_before_the_file() {
    let bench = Bench::new();
    fs::write(bench.at("diagnose.toml"), "format = 'csv'").unwrap();
    let starts = |with: &[&str], environment: Option<&str>| {
        let mut program = bench.program(&[&DELTAS[..], with].concat());
        program.envs(environment.map(|format| ("DIAGNOSE_FORMAT", format)));
        let ran = finish(&mut program);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        ran.stdout.chars().next()
    };
    assert_eq!(starts(&[], None), Some('n'), "the header of CSV");
    assert_eq!(starts(&[], Some("json")), Some('{'));
    assert_eq!(starts(&["--format", "markdown"], Some("json")), Some('#'));
    // The table begins with its verdict.
    assert_eq!(starts(&["--config", "none"], None), Some('h'));
}

#[test]
fn a_flag_takes_the_place_of_a_setting_that_excludes_it() {
    let ran = with("[deltas]\nexpect-identical = true\n", &["--expect-changed"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let quiet = with("quiet = true\n[deltas]\nexpect-identical = true\n", &[]);
    assert_eq!((quiet.code, quiet.stderr.as_str()), (Some(1), ""));
    assert_eq!(with("quiet = true\n", &["-v"]).code, Some(0));
    // Groups exclude too: the model of the file does not stand beside dumped keys.
    let bench = Bench::new();
    fs::write(bench.at("diagnose.toml"), "[keys]\nmodel = 'base'\n").unwrap();
    let ran = bench.diagnose(&["keys", "--activations", "nowhere"]);
    assert!(ran.stderr.contains("nowhere: no such file"), "{}", ran.stderr);
}

#[test]
fn the_file_that_is_named_goes_before_the_one_that_is_found_and_verbose_says_which() {
    let bench = Bench::new();
    fs::write(bench.at("diagnose.toml"), "format = 'csv'").unwrap();
    fs::write(bench.at("other.toml"), "format = 'json'").unwrap();
    let ran = bench.diagnose(&[&DELTAS[..], &["--config", "other.toml", "-v"]].concat());
    assert!(ran.stdout.starts_with('{'), "{}", ran.stdout);
    assert!(ran.stderr.starts_with("settings from other.toml\n"), "{}", ran.stderr);
    let missing = bench.diagnose(&[&DELTAS[..], &["--config", "no.toml"]].concat());
    assert_eq!(missing.code, Some(2));
    assert!(missing.stderr.contains("cannot read no.toml: no such file"), "{}", missing.stderr);
    fs::remove_file(bench.at("diagnose.toml")).unwrap();
    fs::create_dir_all(bench.at("home/diagnose")).unwrap();
    fs::write(bench.at("home/diagnose/diagnose.toml"), "format = 'json'").unwrap();
    let mut program = bench.program(&DELTAS);
    let of_user = finish(program.env("XDG_CONFIG_HOME", bench.at("home")));
    assert!(of_user.stdout.starts_with('{'), "{}", of_user.stdout);
}

#[test]
fn what_no_option_takes_is_refused_with_file_and_line() {
    refused("format = \n", &["diagnose.toml, line 1: "]);
    refused("\nfrmat = 'json'\n", &["diagnose.toml, line 2: ", "no option", "frmat", "[deltas]"]);
    refused("[deltas]\nfail_on = 'suspect'\n", &["line 2: ", "no option that deltas has is called fail_on"]);
    refused("[delta]\ntop = 1\n", &["line 2: ", "no command is called delta"]);
    refused("[deltas]\ntop = 'many'\n", &["line 2: ", "top: invalid value 'many'"]);
    refused("[deltas]\nfail-on = 'healthy'\n", &["line 2: ", "healthy", "suspect, collapsed"]);
    refused("[deltas]\ntop = true\n", &["line 2: ", "top takes one text or number"]);
    refused("[deltas]\nnorms = 'yes'\n", &["line 2: ", "norms takes true or false"]);
    refused("[deltas]\ntop = [1, 2]\n", &["line 2: ", "top takes one text or number"]);
    refused("[deltas]\nbefore = 'x'\n", &["line 2: ", "no option that deltas has is called before"]);
    refused("threads = 0\n", &["line 1: ", "threads: invalid value '0'"]);
    // Tables of other commands are read as well.
    refused("[keys]\nnonsense = 1\n", &["line 2: ", "no option that keys has"]);
}

#[test]
fn a_file_decides_over_no_place_that_is_written_to() {
    for setting in ["output = 'x'", "config = 'y'", "[keys]\nplot = 'x.svg'", "[edit]\nledger = 'x'"] {
        refused(setting, &["cannot be set in a file"]);
    }
}

#[test]
fn refusals_are_json_where_the_file_or_the_environment_asks_for_json() {
    let ran = with("format = 'json'\n[deltas]\nforbid-others = true\n", &[]);
    assert_eq!(ran.code, Some(2));
    let error: Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!(error["error"]["kind"], "usage");
    assert!(
        error["error"]["hint"].as_str().unwrap().contains("arguments also come from diagnose.toml"),
        "{error}"
    );
    let bench = Bench::new();
    let mut program = bench.program(&["deltas", "a"]);
    let ran = finish(program.env("DIAGNOSE_FORMAT", "json"));
    assert!(ran.stderr.starts_with("{\"error\":"), "{}", ran.stderr);
    let ran = finish(bench.program(&DELTAS).env("DIAGNOSE_THREADS", "0"));
    assert!(ran.stderr.contains("also come from DIAGNOSE_THREADS"), "{}", ran.stderr);
}
