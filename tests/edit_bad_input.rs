//! Facts, models, places and flags that no edit can be made with: what is said of each, and that nothing is written.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use collapse_diagnostics::reader::{Checkpoint, IoMode, Limits};
use collapse_diagnostics::tensor::Source as _;
use serde_json::{Value, json};

use crate::edit_runs::{Desk, json_of, world};
use crate::runner::names;

/// Kind and message of an edit that cannot be made; nothing may be left behind.
fn refusal(desk: &Desk, args: &[&str]) -> (String, String) {
    let before = names(&desk.at(""));
    let ran = desk.edit(&[args, &["-o", "edited", "--format", "json"]].concat());
    assert_eq!(ran.code, Some(2), "{args:?}: {}{}", ran.stdout, ran.stderr);
    assert_eq!(names(&desk.at("")), before, "{args:?}");
    let error: Value = serde_json::from_str(&ran.stderr).unwrap_or_else(|_| panic!("{}", ran.stderr));
    let text = |field: &str| error["error"][field].as_str().unwrap_or_default().to_owned();
    (text("kind"), format!("{}; {}", text("message"), text("hint")))
}

fn open_checkpoint(folder: &Path) -> Checkpoint {
    Checkpoint::open(folder, &Limits::default(), IoMode::Auto).unwrap()
}

fn case(fields: &Value) -> Value {
    let mut case = json!({"case_id": "x", "prompt": "{} has a capital city called", "subject": "Reany", "target_new": "Celton"});
    for (field, value) in fields.as_object().unwrap() {
        case[field] = value.clone();
    }
    case
}

#[test]
fn a_case_that_cannot_be_edited_is_an_error_that_says_why() {
    let desk = Desk::new();
    for (fields, wanted) in [
        (json!({"subject": "Granany", "prompt": "The capital of Reany is"}), "Granany"),
        (json!({"target_new": ""}), "target"),
        (json!({"target_new": "   "}), "target"),
        (json!({"target_new": null}), "target"),
        (json!({"prompt": "{} and {} are"}), "{}"),
        (json!({"subject": ""}), "subject"),
        (json!({"prompt": format!("{} {{}} is", "so ".repeat(60))}), "48"),
    ] {
        desk.write("cases.json", &json!([case(&fields)]));
        let (kind, message) = refusal(&desk, &[]);
        assert_eq!(kind, "nothing-edited", "{fields}: {message}");
        assert!(
            message.starts_with("cannot edit any of 1 cases; ") && message.contains(wanted),
            "{fields}: {message}"
        );
    }
}

#[test]
fn in_a_file_the_others_are_edited_and_each_that_is_not_is_a_row() {
    let desk = Desk::new();
    let cases = json!([
        3,
        case(&json!({})),
        case(&json!({"subject": "Nobody", "prompt": "Reany is"})),
        case(&json!({"case_id": "y", "target_new": ""}))
    ]);
    desk.write("cases.json", &cases);
    let ran = desk.edit(&["--sequential", "--ledger", "a.jsonl", "-o", "edited", "--format", "json"]);
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (Some(1), "check failed: 3 of 4 cases could not be edited\n")
    );
    let report = json_of(&ran);
    let refused: Vec<(u64, Option<&str>)> = report["edits"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|step| step["refused"].as_array().unwrap())
        .map(|row| (row["record"].as_u64().unwrap(), row["case_id"].as_str()))
        .collect();
    assert_eq!(refused, [(0, None), (2, Some("x")), (3, Some("y"))]);
    assert_eq!(report["summary"]["edited"], 1);
    assert!(desk.at("edited/model.safetensors").exists());
    assert_eq!(desk.against(&world("model"), "edited", "a.jsonl").0, Some(0));
}

#[test]
fn an_update_that_is_not_finite_is_told_of_and_not_made() {
    let desk = Desk::new();
    desk.cases([30]);
    desk.copy_of_the_model("broken");
    let model = open_checkpoint(&desk.at("broken"));
    let norm = &model.entries()["transformer.ln_f.weight"];
    let place = usize::try_from(norm.offset).unwrap();
    let mut bytes = fs::read(desk.at("broken/model.safetensors")).unwrap();
    bytes[place..place + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(desk.at("broken/model.safetensors"), bytes).unwrap();
    let (kind, message) = refusal(&desk, &["--model", "broken"]);
    let wanted = "cannot edit any of 1 cases; the update is not finite, and was not made";
    assert_eq!((kind.as_str(), message.as_str()), ("nothing-edited", wanted));
}

#[test]
fn flags_that_make_no_sense_together_are_refused_before_the_model_is_opened() {
    let desk = Desk::new();
    desk.cases([30, 31]);
    for (args, wanted) in [
        (&[][..], "2 edits from the original model each are no one checkpoint; add --sequential"),
        (&["--batch", "2"], "rome edits one case at a time"),
        (&["--sequential", "--method", "frome"], "frome"),
        (&["--sequential", "--rect", "0"], "not a share above 0 and at most 1"),
        (&["--sequential", "--rect", "1.5"], "not a share above 0 and at most 1"),
        (&["--sequential", "--rect-kind", "relative"], "--rect"),
        (&["--sequential", "--resume"], "--ledger"),
        (&["--sequential", "--upto", "1"], "--replay"),
        (&["--sequential", "--batch", "0"], "--batch"),
        (&["--sequential", "--no-moments"], "--moments"),
    ] {
        let (kind, message) = refusal(&desk, args);
        assert!(kind == "usage" && message.contains(wanted), "{args:?}: {kind}: {message}");
    }
}

#[test]
fn a_layer_out_of_range_a_missing_moment_and_bad_hyper_parameters_are_refused() {
    let desk = Desk::new();
    desk.cases([30]);
    let (kind, message) = refusal(&desk, &["--layer", "3"]);
    assert_eq!(
        (kind.as_str(), message.as_str()),
        ("usage", "the model has no layer 3: it has 3; name one from 0 to 2")
    );
    let above = world("model/second_moments_above.safetensors");
    let (kind, message) = refusal(&desk, &["--moments", above.to_str().unwrap()]);
    assert!(
        kind == "no-second-moment" && message.contains("no second moment of transformer.h.0.mlp.c_proj"),
        "{message}"
    );
    desk.write("hparams.json", &json!({"layers": "seventeen"}));
    assert_eq!(refusal(&desk, &[]).0, "hparams");
    desk.write("hparams.json", &json!([1]));
    assert_eq!(refusal(&desk, &[]).0, "hparams");
    let (kind, message) = refusal(&desk, &["--case", "none.json"]);
    assert!(kind == "not-found" && message.contains("none.json"), "{message}");
    desk.write("cases.json", &json!([]));
    assert_eq!(refusal(&desk, &["--layer", "0", "--case", "cases.json"]).0, "hparams");
}

#[test]
fn a_matrix_in_a_dtype_that_is_not_edited_is_refused() {
    let desk = Desk::new();
    desk.cases([30]);
    desk.copy_of_the_model("wide");
    // The edited matrix in F64: the same header with other offsets.
    let bytes = fs::read(desk.at("wide/model.safetensors")).unwrap();
    let length = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
    let mut header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let name = "transformer.h.0.mlp.c_proj.weight";
    let offset = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
    let [begin, end] = [0, 1].map(|at| offset(&header[name]["data_offsets"][at]));
    let data = &bytes[8 + length..];
    let wide: Vec<u8> = data[begin..end]
        .chunks(4)
        .flat_map(|number| f64::from(f32::from_le_bytes(number.try_into().unwrap())).to_le_bytes())
        .collect();
    let longer = wide.len() - (end - begin);
    for (tensor, entry) in header.as_object_mut().unwrap() {
        if tensor == "__metadata__" {
            continue;
        }
        let [from, to] = [0, 1].map(|at| offset(&entry["data_offsets"][at]));
        let moved = if from >= end { longer } else { 0 };
        entry["data_offsets"] = json!([from + moved, to + if from >= begin { longer } else { 0 }]);
    }
    header[name]["dtype"] = json!("F64");
    let header = header.to_string();
    let data = [&data[..begin], &wide, &data[end..]].concat();
    let file = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat();
    fs::write(desk.at("wide/model.safetensors"), file).unwrap();
    let (kind, message) = refusal(&desk, &["--model", "wide", "--ledger", "a.jsonl"]);
    assert_eq!(kind, "dtype");
    assert!(
        message.contains(&format!("{name} is stored as F64; F32, BF16 and F16 can be edited")),
        "{message}"
    );
}

#[test]
fn a_ledger_that_cannot_be_written_is_refused_before_the_work_and_on_a_full_disk_keeps_what_is_whole() {
    let desk = Desk::new();
    desk.cases(24..32);
    for (place, wanted) in [
        ("none/a.jsonl", "No such file"),
        ("/proc/a.jsonl", "cannot write /proc/a.jsonl"),
        ("/dev/full", "it is there already"),
    ] {
        let (kind, message) = refusal(&desk, &["--sequential", "--ledger", place]);
        assert!(kind == "output" && message.contains(wanted), "{message}");
    }
    // No file may grow beyond 8 KiB: some lines fit.
    let whole = desk.command(&["--sequential", "--ledger", "a.jsonl"]);
    let mut limited = std::process::Command::new("bash");
    limited.current_dir(desk.at("")).args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\""]);
    let ran =
        crate::runner::finish(limited.arg(whole.get_program()).args(whole.get_args()).stdin(Stdio::null()));
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("a.jsonl: File too large"), "{}", ran.stderr);
    let text = fs::read_to_string(desk.at("a.jsonl")).unwrap();
    assert!(text.ends_with('\n') && text.lines().count() > 1, "{text}");
    // With room again, it goes on as though nothing had been.
    desk.done(&["--sequential", "--ledger", "a.jsonl", "--resume"]);
    desk.done(&["--sequential", "--ledger", "b.jsonl"]);
    assert!(fs::read(desk.at("a.jsonl")).unwrap() == fs::read(desk.at("b.jsonl")).unwrap());
}

#[test]
fn a_replay_that_cannot_be_made_is_refused() {
    let desk = Desk::new();
    desk.cases([30]);
    desk.done(&["--ledger", "a.jsonl"]);
    let control = world("control");
    for (args, kind) in [
        (&["--replay", "a.jsonl", "--model", control.to_str().unwrap()][..], "other-base"),
        (&["--replay", "cases.json"], "not-a-ledger"),
        (&["--replay", "none.jsonl"], "not-found"),
        (&["--replay", "a.jsonl", "--upto", "2"], "usage"),
    ] {
        assert_eq!(refusal(&desk, args).0, kind, "{args:?}");
    }
    let ran = desk.edit(&["--replay", "a.jsonl"]);
    assert_eq!(ran.code, Some(2));
}
