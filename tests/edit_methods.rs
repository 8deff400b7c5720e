//! Every method and modifier by the command: the checkpoint, the ledger, the replay and a run taken up half way are one and the same.

use std::fs;

use serde_json::{Value, json};

use crate::edit_runs::{Desk, fingerprints, json_of, world};

/// Runs four cases in order, with a ledger and a checkpoint; then makes the checkpoint again, and the second half of the run.
/// Gives the report.
fn every_way(args: &[&str]) -> Value {
    let desk = Desk::new();
    let hparams = json!({"layers": [0], "v_num_grad_steps": 3, "v_lr": 0.3, "mom2_update_weight": 150, "num_steps": 3,
        "nullspace_threshold": 0.2, "norm_constraint": 0.002});
    desk.write("hparams.json", &hparams);
    desk.cases([24, 25, 28, 29]);
    let [first, above] =
        ["model/second_moment.safetensors", "model/second_moments_above.safetensors"].map(world);
    let moments = ["--moments", first.to_str().unwrap(), above.to_str().unwrap()];
    let run = |more: &[&str]| desk.done(&[args, &moments, &["--sequential"], more].concat());
    let report = json_of(&run(&["--ledger", "a.jsonl", "-o", "edited", "--format", "json"]));
    desk.done(&["--replay", "a.jsonl", "-o", "again"]);
    let edited = fingerprints(&desk.at("edited"));
    assert_eq!(fingerprints(&desk.at("again")), edited, "{args:?}: replayed");
    assert_eq!(desk.against(&world("model"), "edited", "a.jsonl").0, Some(0));
    let (whole, factors) = (fs::read(desk.at("a.jsonl")).unwrap(), fingerprints(&desk.at("a.jsonl.factors")));
    let ends: Vec<usize> = (0..whole.len()).filter(|&at| whole[at] == b'\n').collect();
    let half = &whole[..=ends[ends.len() / 2]];
    assert!(half.len() < whole.len());
    fs::write(desk.at("a.jsonl"), half).unwrap();
    run(&["--ledger", "a.jsonl", "--resume", "-o", "resumed"]);
    assert_eq!(fingerprints(&desk.at("resumed")), edited, "{args:?}: taken up");
    assert!(fs::read(desk.at("a.jsonl")).unwrap() == whole, "{args:?}: the ledger taken up");
    assert_eq!(fingerprints(&desk.at("a.jsonl.factors")), factors);
    report
}

fn steps(report: &Value) -> &Vec<Value> {
    report["edits"].as_array().unwrap()
}

#[test]
fn the_variants_of_rome() {
    for method in ["c-rome", "p-rome"] {
        let report = every_way(&["--method", method]);
        assert_eq!(steps(&report)[0]["method"], method);
    }
}

#[test]
fn memit_edits_several_facts_and_layers_at_once() {
    let report = every_way(&["--method", "memit", "--batch", "2", "--layer", "0", "1"]);
    assert_eq!(steps(&report).len(), 2);
    for step in steps(&report) {
        assert_eq!(
            (step["requests"].as_array().unwrap().len(), step["layers"].as_array().unwrap().len()),
            (2, 2)
        );
        assert!(step["requests"][0]["division"].is_null() && step["layers"][0]["residual_norm"].is_number());
    }
    let moments = report["settings"]["second_moments"].as_array().unwrap();
    assert_eq!(moments.iter().map(|moment| moment["layer"].as_u64().unwrap()).collect::<Vec<_>>(), [0, 1]);
    // The file that names layer 1 comes before the one that names none.
    assert_ne!(moments[0]["sha256"], moments[1]["sha256"]);
}

#[test]
fn emmet_makes_a_batch_smaller_than_asked_for_where_the_records_end() {
    let report = every_way(&["--method", "emmet", "--batch", "3"]);
    let sizes: Vec<usize> =
        steps(&report).iter().map(|step| step["requests"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [3, 1]);
}

#[test]
fn the_null_space_remembers_keys_through_a_kill() {
    let report = every_way(&["--method", "memit", "--null-space"]);
    let space = &report["inputs"]["null_spaces"][0];
    assert!(space["below"].as_f64().unwrap() < 0.2 && space["above"].as_f64().unwrap() >= 0.2, "{space}");
    assert_eq!(report["settings"]["null_space"], true);
}

#[test]
fn fine_tuning_keeps_whole_matrices() {
    for method in ["ft", "ft-l"] {
        let report = every_way(&["--method", method]);
        let request = &steps(&report)[0]["requests"][0];
        assert!(
            request["value"]["target_norm"].is_null() && request["value"]["nonfinite"].is_null(),
            "{request}"
        );
    }
}

#[test]
fn rect_keeps_a_share_of_the_entries() {
    for kind in ["relative", "shifted"] {
        let report = every_way(&["--rect", "0.4", "--rect-kind", kind]);
        let layer = &steps(&report)[0]["layers"][0];
        assert_eq!(
            (layer["rect"]["kind"].as_str(), layer["rect"]["share"].as_f64()),
            (Some(kind), Some(0.4))
        );
        let kept = layer["kept_entries"].as_u64().unwrap();
        // The second form keeps what is at the threshold too.
        assert!(kept.abs_diff(64 * 256 * 2 / 5) <= 2, "{kept}");
    }
}

#[test]
fn prune_is_the_last_step_of_a_sequence() {
    for form in ["--prune", "--prune=as-coded"] {
        let report = every_way(&[form]);
        let kinds: Vec<&str> = steps(&report).iter().map(|step| step["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["edit", "edit", "edit", "edit", "prune"]);
        assert_eq!(report["summary"]["edited"], 4);
    }
}
