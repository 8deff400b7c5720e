//! The command line from outside: exit codes, streams, files, and every refusal that arguments can earn.

use std::fs;
use std::io::Read as _;
use std::process::Stdio;

use serde_json::Value;

use crate::runner::{Bench, diagnose, finish, names};

const PAIR: [&str; 3] = ["deltas", "before.safetensors", "after.safetensors"];

fn pair(more: &[&'static str]) -> Vec<&'static str> {
    [&PAIR[..], more].concat()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn every_refusal_of_arguments_says_what_was_found_and_what_would_do() {
    let refused: [&[&str]; 21] = [
        &["delta", "a", "b"],
        &["deltas", "a"],
        &["deltas", "a", "b", "--spectrm", "3"],
        &["deltas", "a", "b", "--spectrum", "0"],
        &["deltas", "a", "b", "--threads", "0"],
        &["deltas", "a", "b", "--threads", "1025"],
        &["deltas", "a", "b", "--device", "gpu"],
        &["deltas", "a", "b", "--format", "yaml"],
        &["report", "runs", "-o", "report.json"],
        &["deltas", "a", "b", "-o", "report.yaml"],
        &["deltas", "a", "b", "-o", "/no/such/folder/report.json"],
        &["deltas", "a", "b", "-o", "/"],
        &["deltas", "a", "b", "--only", "["],
        &["deltas", "a", "b", "--forbid-others"],
        &["deltas", "a", "b", "--expect-changed", "--expect-identical"],
        &["deltas", "a", "b", "--histogram", "w", "--format", "csv"],
        &["deltas", "a", "b", "--fail-on", "healthy"],
        &["doctor", "--format", "csv"],
        &["doctor", "--color", "sometimes"],
        &["-q", "-v", "doctor"],
        &["deltas", "a\u{1b}[2J", "b", "c\nd"],
    ];
    let mut told = String::new();
    for args in refused {
        let ran = diagnose(args);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{args:?}");
        assert!(ran.stderr.lines().count() <= 3 && !ran.stderr.contains('\u{1b}'), "{}", ran.stderr);
        let asked: Vec<String> = args.iter().map(|arg| arg.escape_debug().to_string()).collect();
        told = told + "$ diagnose " + &asked.join(" ") + "\n" + &ran.stderr + "\n";
    }
    insta::assert_snapshot!("refusals", told);
}

#[test]
fn every_refusal_is_one_line_of_json_where_json_was_asked_for() {
    let refused: [&[&str]; 4] = [
        &["deltas", "a", "--format", "json"],
        &["--format=json", "deltas", "a", "b", "--top", "x"],
        &["deltas", "a", "b", "--format", "json", "-o", "/no/such/folder/report.json"],
        &["deltas", "/no/such/checkpoint", "b", "--format", "json"],
    ];
    let mut told = String::new();
    for args in refused {
        let ran = diagnose(args);
        assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.lines().count()), (Some(2), "", 1), "{args:?}");
        let error = &json(&ran.stderr)["error"];
        assert!(error["kind"].is_string() && error["message"].is_string(), "{error}");
        told.push_str(&ran.stderr);
    }
    insta::assert_snapshot!("refusals_json", told);
}

#[test]
fn exit_codes_tell_done_from_failed_from_impossible() {
    let bench = Bench::new();
    let code = |args: &[&str]| bench.diagnose(args).code;
    assert_eq!(code(&PAIR), Some(0));
    assert_eq!(
        code(&pair(&["--expect-changed", "--expect", "*.0.mlp.c_proj.weight", "--forbid-others"])),
        Some(0)
    );
    assert_eq!(code(&pair(&["--expect-identical"])), Some(1));
    assert_eq!(code(&pair(&["--expect", "*.1.mlp.*"])), Some(1));
    assert_eq!(code(&["deltas", "before.safetensors", "before.safetensors", "--expect-identical"]), Some(0));
    assert_eq!(code(&["deltas", "before.safetensors", "before.safetensors", "--expect-changed"]), Some(1));
    assert_eq!(code(&["deltas", "before.safetensors", "nothing.safetensors"]), Some(2));
    assert_eq!(code(&pair(&["--only", "nothing"])), Some(2));
    assert_eq!(code(&pair(&["--histogram", "nothing"])), Some(2));
    assert_eq!(
        (code(&["--help"]), code(&["--version"]), code(&["deltas", "--help"])),
        (Some(0), Some(0), Some(0))
    );
    assert_eq!(code(&[]), Some(2));
}

#[test]
fn a_verdict_at_the_threshold_fails_the_gate_and_a_milder_one_does_not() {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/oracle/");
    let run = |after: &str, level: &str| {
        let [before, after] = ["model", after].map(|name| format!("{fixtures}{name}.safetensors"));
        diagnose(&["deltas", &before, &after, "--fail-on", level])
    };
    let destroyed = run("after-rome-collapse", "collapsed");
    assert_eq!(destroyed.code, Some(1), "{}", destroyed.stdout);
    assert_eq!(destroyed.stderr, "check failed: --fail-on collapsed: the verdict is collapsed\n");
    assert!(destroyed.stdout.starts_with("collapsed: "), "{}", destroyed.stdout);
    let healthy = run("after-rome-normal", "suspect");
    assert_eq!((healthy.code, healthy.stderr.as_str()), (Some(0), ""), "{}", healthy.stdout);
}

#[test]
fn stdout_carries_the_report_and_stderr_what_failed() {
    let bench = Bench::new();
    let ran = bench.diagnose(&pair(&["--format", "json", "--expect-identical"]));
    let report = json(&ran.stdout);
    assert_eq!(report["schema"], "diagnose.deltas/1");
    assert_eq!(report["summary"]["tensors_changed"], 1);
    assert_eq!(report["expectations"][0]["held"], false);
    assert!(ran.stderr.starts_with("check failed: --expect-identical: "), "{}", ran.stderr);
    let quiet = bench.diagnose(&pair(&["--format", "json", "--expect-identical", "-q"]));
    assert_eq!((quiet.code, quiet.stderr.as_str()), (Some(1), ""));
    assert_eq!(quiet.stdout, ran.stdout);
}

#[test]
fn hashes_are_those_of_the_files() {
    let bench = Bench::new();
    let report = json(&bench.diagnose(&pair(&["--format", "json", "--hash"])).stdout);
    let sum = std::process::Command::new("sha256sum")
        .arg(bench.at("before.safetensors"))
        .output()
        .expect("coreutils");
    let sum = String::from_utf8(sum.stdout).expect("UTF-8");
    assert_eq!(report["before"]["sha256"][0]["sha256"].as_str(), sum.split(' ').next());
    assert_eq!(report["before"]["sha256"][0]["file"], "before.safetensors");
}

#[test]
fn the_number_of_threads_and_the_way_of_reading_change_no_byte() {
    let bench = Bench::new();
    let report =
        |threads, io| bench.diagnose(&pair(&["--format", "json", "--threads", threads, "--io", io])).stdout;
    let base = report("1", "mmap");
    assert!(base.len() > 100);
    for (threads, io) in [("2", "pread"), ("7", "auto"), ("1", "pread")] {
        assert_eq!(report(threads, io), base, "{threads} threads, {io}");
    }
}

#[test]
fn a_report_in_a_file_has_the_format_of_its_extension_and_leaves_nothing_beside_it() {
    let bench = Bench::new();
    for (file, start) in [
        ("report.json", "{\n  \"schema\": \"diagnose.deltas/1\""),
        ("report.jsonl", "{\"schema\":\"diagnose.deltas/1\""),
        ("report.csv", "name,status,shape"),
        ("report.md", "### "),
        ("report.txt", ""),
        ("report", ""),
    ] {
        let ran = bench.diagnose(&[&PAIR[..], &["-o", file]].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "{}", ran.stderr);
        let report = fs::read_to_string(bench.at(file)).expect("a report");
        assert!(report.starts_with(start) && report.len() > 100, "{file}: {report}");
    }
    let bench_files = bench.files();
    assert!(bench_files.iter().all(|name| !name.starts_with('.')), "{bench_files:?}");
    let ran = bench.diagnose(&pair(&["-o", "report.csv", "--format", "json"]));
    assert_eq!(ran.code, Some(0));
    assert!(fs::read_to_string(bench.at("report.csv")).expect("a report").starts_with('{'));
}

#[test]
fn a_run_that_fails_leaves_the_report_of_the_last_one() {
    let bench = Bench::new();
    fs::write(bench.at("report.json"), "the last one").expect("a writable directory");
    let ran = bench.diagnose(&["deltas", "before.safetensors", "nothing.safetensors", "-o", "report.json"]);
    assert_eq!(ran.code, Some(2));
    assert_eq!(fs::read_to_string(bench.at("report.json")).expect("a report"), "the last one");
    assert_eq!(bench.files(), ["after.safetensors", "before.safetensors", "report.json"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_and_not_a_short_report() {
    let bench = Bench::new();
    let full = || fs::File::options().write(true).open("/dev/full").expect("Linux has it");
    for args in [&PAIR[..], &["completions", "bash"], &["doctor"], &["--help"]] {
        let ran = finish(bench.program(args).stdout(full()));
        assert_eq!(ran.code, Some(2), "{args:?}");
        assert!(ran.stderr.contains("No space left on device"), "{args:?}: {}", ran.stderr);
    }
    let named = bench.diagnose(&pair(&["-o", "/dev/full", "--format", "json"]));
    assert_eq!(named.code, Some(2));
    assert!(
        json(&named.stderr)["error"]["message"].as_str().expect("text").contains("cannot write /dev/full")
    );
}

#[test]
fn a_reader_that_leaves_early_is_no_failure_but_a_failed_check_still_is_one() {
    let bench = Bench::new();
    for (args, code) in
        [(pair(&["--format", "json"]), 0), (pair(&["--expect-identical", "-q"]), 1), (vec!["--help"], 0)]
    {
        let mut child =
            bench.program(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
        drop(child.stdout.take());
        let mut stderr = String::new();
        child.stderr.take().expect("piped").read_to_string(&mut stderr).expect("UTF-8");
        let status = child.wait().expect("it ends");
        assert_eq!((status.code(), stderr.as_str()), (Some(code), ""), "{args:?}");
    }
}

#[test]
fn colours_come_when_called_and_never_into_a_pipe_by_themselves() {
    let bench = Bench::new();
    let coloured = |args: &[&str]| bench.diagnose(args).stdout.contains('\u{1b}');
    assert!(!coloured(&PAIR));
    assert!(coloured(&pair(&["--color", "always"])));
    assert!(!coloured(&pair(&["--color", "never"])));
    assert!(!coloured(&pair(&["--color", "always", "--format", "json"])));
}

#[test]
fn progress_in_lines_and_the_time_taken_go_to_stderr() {
    let bench = Bench::new();
    let ran = bench.diagnose(&pair(&["--progress", "always", "-v"]));
    assert!(ran.stderr.contains("100% of ") && ran.stderr.contains(" s on "), "{}", ran.stderr);
    assert_eq!(ran.stdout, bench.diagnose(&PAIR).stdout);
    assert_eq!(bench.diagnose(&pair(&["--progress", "always", "-q"])).stderr, "");
}

#[test]
fn a_device_that_cannot_do_it_is_refused_with_the_reason() {
    let bench = Bench::new();
    let ran = bench.diagnose(&pair(&["--device", "cuda:4096", "--format", "json"]));
    assert_eq!(ran.code, Some(2));
    let error = &json(&ran.stderr)["error"];
    assert_eq!(error["kind"], "device");
    assert!(error["message"].as_str().expect("text").starts_with("cannot compute on cuda:4096: "), "{error}");
}

#[test]
fn help_names_the_exit_codes_and_gives_examples() {
    for args in [&["--help"][..], &["deltas", "--help"]] {
        let help = diagnose(args).stdout;
        assert!(help.contains("Exit codes:") && help.contains("Examples:"), "{help}");
    }
    assert!(diagnose(&[]).stderr.contains("Usage: diagnose"));
}

#[test]
fn doctor_says_what_there_is_and_why_the_rest_is_not() {
    let table = diagnose(&["doctor"]);
    assert_eq!((table.code, table.stderr.as_str()), (Some(0), ""));
    let labels: Vec<&str> = table.stdout.lines().map(|line| line[..16].trim()).collect();
    let expected =
        ["diagnose", "linear algebra", "SIMD", "threads", "memory", "--io auto", "CUDA driver", "NVRTC"];
    assert_eq!(labels[..8], expected);
    let ran = diagnose(&["doctor", "--format", "json", "--threads", "3"]);
    let found = json(&ran.stdout);
    assert!(ran.stdout.starts_with("{\n  \"schema\": \"diagnose.doctor/1\""), "{}", ran.stdout);
    assert_eq!(found["threads"], 3);
    for part in ["driver", "nvrtc"] {
        let part = &found["cuda"][part];
        assert!(part["version"].is_string() != part["reason"].is_string(), "{part}");
    }
}

#[test]
fn every_shell_has_completions_and_every_command_a_page() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = diagnose(&["completions", shell]).stdout;
        assert!(script.contains("fail-on") && script.contains("doctor"), "{shell}: {script}");
    }
    assert!(diagnose(&["man"]).stdout.contains(".TH diagnose 1"));
    let bench = Bench::new();
    assert_eq!(bench.diagnose(&["man", "--dir", "man/man1"]).code, Some(0));
    let pages = names(&bench.at("man/man1"));
    for page in ["diagnose.1", "diagnose-deltas.1", "diagnose-doctor.1"] {
        assert!(pages.iter().any(|name| name == page), "{pages:?}");
    }
}
