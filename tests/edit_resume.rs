//! Runs that are killed: nothing is lost, nothing is done twice, and the bytes are those of a run that was let alone.

use std::fs;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore as _, SeedableRng as _};
use serde_json::Value;

use crate::edit_runs::{Desk, fingerprints, json_of};

/// Kills runs at seeded moments until one of them ends by itself, or has the last file in its place; gives how many were killed.
fn killed_until_done(desk: &Desk, args: &[&str], last: &str, random: &mut Xoshiro256PlusPlus) -> usize {
    for killed in 0..200 {
        let mut child = desk.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // The first runs are killed early, so that every part of a step is met; later ones live longer, so that the whole ends.
        sleep(Duration::from_millis(20 + random.next_u64() % (150 + 40 * killed)));
        if let Some(status) = child.try_wait().unwrap() {
            assert_eq!(status.code(), Some(0));
            return usize::try_from(killed).unwrap();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        if desk.at(last).exists() {
            return usize::try_from(killed).unwrap() + 1;
        }
    }
    panic!("it never ended");
}

#[test]
fn a_run_that_is_killed_again_and_again_gives_the_bytes_of_one_that_was_not() {
    let desk = Desk::new();
    desk.cases(24..34);
    desk.done(&["--sequential", "--ledger", "alone.jsonl", "-o", "alone"]);
    let mut random = Xoshiro256PlusPlus::seed_from_u64(4);
    let mut killed = 0;
    for round in 0..2 {
        let (ledger, folder) = (format!("{round}.jsonl"), format!("{round}"));
        let args = ["--sequential", "--ledger", &ledger, "--resume", "-o", &folder];
        killed += killed_until_done(&desk, &args, &folder, &mut random);
        assert!(
            fs::read(desk.at(&ledger)).unwrap() == fs::read(desk.at("alone.jsonl")).unwrap(),
            "round {round}"
        );
        for part in [folder.clone(), format!("{ledger}.factors")] {
            let alone = part.replacen(&folder, "alone", 1);
            assert_eq!(fingerprints(&desk.at(&part)), fingerprints(&desk.at(&alone)), "{part}");
        }
    }
    assert!(killed >= 2, "only {killed} runs were killed: the test shows nothing");
}

#[test]
fn edits_that_were_each_made_from_the_original_are_taken_up_too() {
    let desk = Desk::new();
    desk.cases(24..30);
    desk.done(&["--ledger", "alone.jsonl"]);
    let args = ["--ledger", "a.jsonl", "--resume"];
    killed_until_done(&desk, &args, "no such file", &mut Xoshiro256PlusPlus::seed_from_u64(5));
    assert!(fs::read(desk.at("a.jsonl")).unwrap() == fs::read(desk.at("alone.jsonl")).unwrap());
}

#[test]
fn a_torn_line_and_factors_without_a_line_are_cleaned_up_and_the_step_is_made_again() {
    let desk = Desk::new();
    desk.cases(24..28);
    desk.done(&["--sequential", "--ledger", "a.jsonl", "-o", "alone"]);
    let whole = fs::read(desk.at("a.jsonl")).unwrap();
    let ends: Vec<usize> = (0..whole.len()).filter(|&at| whole[at] == b'\n').map(|at| at + 1).collect();
    for (lines, kept) in [(1, ends[0]), (3, ends[2] + 1), (3, ends[3] - 1), (4, ends[3])] {
        fs::write(desk.at("a.jsonl"), &whole[..kept]).unwrap();
        fs::write(desk.at("a.jsonl.factors/.diagnose-x"), "half").unwrap();
        let out = format!("edited-{kept}");
        let report = json_of(&desk.done(&[
            "--sequential",
            "--ledger",
            "a.jsonl",
            "--resume",
            "-o",
            &out,
            "--format",
            "json",
        ]));
        assert_eq!(report["summary"]["resumed"], lines - 1, "{kept} bytes");
        assert!(fs::read(desk.at("a.jsonl")).unwrap() == whole, "{kept} bytes");
        assert_eq!(fingerprints(&desk.at(&out)), fingerprints(&desk.at("alone")), "{kept} bytes");
        assert_eq!(fs::read_dir(desk.at("a.jsonl.factors")).unwrap().count(), 4, "{kept} bytes");
    }
}

#[test]
fn the_report_of_a_run_that_was_taken_up_tells_of_every_edit() {
    let desk = Desk::new();
    desk.cases([24, 0, 25]);
    let alone = json_of(&desk.done(&["--sequential", "--ledger", "a.jsonl", "--format", "json"]));
    let again = json_of(&desk.done(&["--sequential", "--ledger", "a.jsonl", "--resume", "--format", "json"]));
    assert_eq!(again["edits"], alone["edits"]);
    assert_eq!(
        (again["summary"]["resumed"].as_u64(), alone["summary"]["resumed"].as_u64()),
        (Some(3), Some(0))
    );
}

#[test]
fn a_ledger_of_another_base_or_of_other_settings_is_not_taken_up() {
    let desk = Desk::new();
    desk.cases(24..26);
    desk.done(&["--sequential", "--ledger", "a.jsonl"]);
    let before = fs::read(desk.at("a.jsonl")).unwrap();
    desk.write(
        "other.json",
        &serde_json::json!({"layers": [0], "v_num_grad_steps": 3, "v_lr": 0.4, "v_weight_decay": 0.5}),
    );
    let resume = |more: &[&str]| {
        let args = [&["--sequential", "--ledger", "a.jsonl", "--resume", "--format", "json"], more].concat();
        let ran = desk.edit(&args);
        let error: Value = serde_json::from_str(&ran.stderr).unwrap_or_else(|_| panic!("{}", ran.stderr));
        assert_eq!(ran.code, Some(2));
        (
            error["error"]["kind"].as_str().unwrap().to_owned(),
            error["error"]["message"].as_str().unwrap().to_owned(),
        )
    };
    let (kind, message) = resume(&["--method", "c-rome"]);
    assert_eq!(kind, "other-settings");
    assert_eq!(
        message,
        "the ledger was begun with other settings: method is \"rome\" there and \"c-rome\" here"
    );
    let (_, message) = resume(&["--guard"]);
    assert!(message.ends_with("guard is null there and \"refuse\" here"), "{message}");
    let control = crate::edit_runs::world("control");
    let (kind, message) = resume(&["--model", control.to_str().unwrap()]);
    assert_eq!(kind, "other-base");
    assert!(message.contains("transformer.h.0.mlp.c_proj.weight has SHA-256 "), "{message}");
    desk.cases(24..27);
    let (_, message) = resume(&[]);
    assert!(message.contains("cases.records is 2 there and 3 here"), "{message}");
    desk.cases(24..26);
    fs::rename(desk.at("other.json"), desk.at("hparams.json")).unwrap();
    let (_, message) = resume(&[]);
    assert!(message.contains("hparams.v_lr is 0.3 there and 0.4 here"), "{message}");
    assert_eq!(fs::read(desk.at("a.jsonl")).unwrap(), before);
}

#[test]
fn a_ledger_that_is_there_is_not_overwritten() {
    let desk = Desk::new();
    desk.cases([24]);
    desk.done(&["--ledger", "a.jsonl"]);
    let ran = desk.edit(&["--ledger", "a.jsonl"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.starts_with("error: cannot write a.jsonl: it is there already\n"), "{}", ran.stderr);
    assert!(ran.stderr.contains("--resume"), "{}", ran.stderr);
    // With nothing there, --resume begins.
    desk.done(&["--ledger", "b.jsonl", "--resume"]);
    assert!(fs::read(desk.at("a.jsonl")).unwrap() == fs::read(desk.at("b.jsonl")).unwrap());
}
