//! Runs of many edits: statistics against other implementations, files in the layouts of others, runs of the world model.

use std::fs;
use std::path::{Path, PathBuf};

use collapse_diagnostics::stats::{
    Lifetime, change_points, kaplan_meier, median_interval, median_lifetime, power_law,
};
use serde_json::{Value, json};

use crate::edit_runs::{Desk, json_of, world};
use crate::runner::{Ran, diagnose};

fn fixture(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/sequence").join(file)
}

fn statistics(kind: &str) -> Vec<Value> {
    let all: Value = serde_json::from_slice(&fs::read(fixture("statistics.json")).unwrap()).unwrap();
    all[kind].as_array().unwrap().clone()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn close(found: f64, expected: &Value, tolerance: f64, what: &str) {
    let expected = expected.as_f64().unwrap();
    assert!(
        (found - expected).abs() <= tolerance * expected.abs().max(1e-3),
        "{what}: {found} for {expected}"
    );
}

/// `diagnose sequence` as JSON, which has to end with that code.
fn sequence(paths: &[&Path], extra: &[&str], code: i32) -> (Value, Ran) {
    let paths: Vec<&str> = paths.iter().map(|path| path.to_str().unwrap()).collect();
    let ran = diagnose(&[&["sequence", "--format", "json"], &paths[..], extra].concat());
    assert_eq!(ran.code, Some(code), "{}", ran.stderr);
    (if code == 2 { Value::Null } else { json_of(&ran) }, ran)
}

fn series<'a>(run: &'a Value, name: &str) -> &'a Value {
    run["series"]
        .as_array()
        .unwrap()
        .iter()
        .find(|series| series["name"] == name)
        .unwrap_or_else(|| panic!("{name}"))
}

fn phases(of: &Value) -> Vec<&str> {
    of["phases"].as_array().unwrap().iter().map(|phase| phase["name"].as_str().unwrap()).collect()
}

#[test]
fn exponents_and_their_errors_are_those_of_moving_each_increment() {
    for walk in statistics("walks") {
        let points: Vec<(f64, f64)> = numbers(&walk["n"]).into_iter().zip(numbers(&walk["d"])).collect();
        let law = power_law(&points, walk["from"].as_f64().unwrap()).unwrap();
        let interval = law.interval(0.95);
        close(law.exponent, &walk["exponent"], 1e-10, "exponent");
        close(law.standard_error, &walk["standard_error"], 1e-4, "standard error");
        close(law.degrees, &walk["degrees"], 1e-3, "degrees");
        close(interval.low, &walk["low"], 1e-3, "low");
        close(interval.high, &walk["high"], 1e-3, "high");
        assert_eq!(law.points, walk["points"]);
    }
}

#[test]
fn changes_are_those_of_enumerating_every_partition() {
    for expected in statistics("series") {
        let points: Vec<(f64, f64)> =
            numbers(&expected["x"]).into_iter().zip(numbers(&expected["y"])).collect();
        let found = change_points(&points).unwrap();
        let at: Vec<usize> = found.changes.iter().map(|change| change.at).collect();
        assert_eq!(json!(at), expected["cuts"]);
        for (change, expected) in found.changes.iter().zip(expected["changes"].as_array().unwrap()) {
            close(change.statistic, &expected["statistic"], 1e-8, "likelihood ratio");
            assert!(change.low <= change.at && change.at <= change.high);
        }
    }
}

#[test]
fn half_lives_and_their_intervals_are_those_of_statsmodels() {
    for lives in statistics("lives") {
        let ended = lives["ended"].as_array().unwrap().iter().map(|ended| ended.as_bool().unwrap());
        let lifetimes: Vec<Lifetime> = numbers(&lives["times"])
            .into_iter()
            .zip(ended)
            .map(|(time, ended)| Lifetime { time, ended })
            .collect();
        let curve = kaplan_meier(&lifetimes);
        let median = median_lifetime(&curve);
        assert_eq!(median, lives["median"].as_f64());
        let interval = median_interval(&curve);
        assert_eq!(interval.low, lives["low"].as_f64().unwrap_or(f64::INFINITY));
        assert_eq!(interval.high, lives["high"].as_f64().unwrap_or(f64::INFINITY));
        let at = numbers(&lives["at"]);
        for (time, share) in at.iter().zip(numbers(&lives["survival"])) {
            let found = curve.iter().rev().find(|row| row.time <= *time).map_or(1.0, |row| row.share);
            assert!((found - share).abs() < 1e-12, "{found} for {share} at {time}");
        }
    }
}

#[test]
fn a_table_with_a_disabling_edit_tells_the_edit_the_jump_and_the_onset() {
    let (report, _) = sequence(&[&fixture("jump.csv")], &[], 0);
    assert_eq!((&report["schema"], &report["level"]), (&json!("diagnose.sequence/1"), &json!("collapse")));
    let run = &report["runs"][0];
    assert_eq!((&run["kind"], &run["edits"]), (&json!("table"), &json!(120)));
    let [jump] = run["disabling_edits"].as_array().unwrap().as_slice() else {
        panic!("{}", run["disabling_edits"])
    };
    assert_eq!(
        (&jump["edit"], &jump["layer"], &jump["case_id"]),
        (&json!(61), &json!("5"), &json!("case-60"))
    );
    assert!(jump["ratio"].as_f64().unwrap() > 7.0 && jump["update_ratio"].as_f64().unwrap() > 50.0, "{jump}");
    let onset = &run["onset"];
    assert_eq!((&onset["edit"], &onset["method"]), (&json!(61), &json!("change-point")));
    assert!(onset["low"].as_u64().unwrap() <= 61 && onset["high"].as_u64().unwrap() >= 61, "{onset}");
    assert_eq!(phases(run).last(), Some(&"catastrophic"));
    let calm = run["growth"].as_array().unwrap().iter().find(|growth| growth["layer"] == "9").unwrap();
    let [low, high] = ["ci_low", "ci_high"].map(|end| calm[end].as_f64().unwrap());
    assert!(low <= 0.5 && 0.5 <= high && high - low < 0.5, "{calm}");
    assert_eq!(
        series(run, "perplexity")["nonfinite"].as_object().unwrap().values().next(),
        Some(&json!("inf"))
    );
    let [bad] = run["bad_records"].as_array().unwrap().as_slice() else { panic!("{}", run["bad_records"]) };
    assert_eq!(bad["index"], 29);
    assert_eq!(run["forgetting"], Value::Null);
    assert!(run["reasons"]["forgetting"].as_str().unwrap().contains("tested again"));
}

#[test]
fn every_format_says_what_happened_and_the_checks_have_their_exit_codes() {
    let path = fixture("jump.csv");
    let path = path.to_str().unwrap();
    for format in ["table", "markdown"] {
        let ran = diagnose(&["sequence", path, "--format", format]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(ran.stdout.contains("catastrophic at 61"), "{}", ran.stdout);
        assert!(ran.stdout.contains("case-60"), "{}", ran.stdout);
    }
    let lines = diagnose(&["sequence", path, path, "--format", "jsonl"]).stdout;
    let kinds: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["record"].take()).collect();
    assert_eq!(kinds, ["summary", "run", "run"]);
    let csv = diagnose(&["sequence", path, "--format", "csv"]).stdout;
    assert!(
        csv.starts_with("source,series,measure,layer,edit,value,phase\n")
            && csv.contains(",perplexity,perplexity,,61,inf,catastrophic"),
        "{csv}"
    );
    let check = |level: &str| diagnose(&["sequence", path, "--fail-on", level]);
    assert_eq!([check("warning").code, check("collapse").code], [Some(1), Some(1)]);
    assert!(check("collapse").stderr.contains("is collapse"));
    let folder = tempfile::tempdir().unwrap();
    for name in ["run.svg", "run.png"] {
        let plot = folder.path().join(name);
        let ran = diagnose(&["sequence", path, "--plot", plot.to_str().unwrap(), "-q"]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(fs::metadata(&plot).unwrap().len() > 10_000);
    }
}

#[test]
fn a_file_of_gradual_catastrophic_forgetting_is_gradual_then_catastrophic_with_a_warning_ahead() {
    let (report, _) = sequence(&[&fixture("gcf-sample.json")], &[], 0);
    let run = &report["runs"][0];
    assert_eq!((&run["kind"], &run["edits"]), (&json!("gradual-catastrophic-forgetting"), &json!(3_000)));
    assert_eq!(phases(run), ["stable", "gradual", "catastrophic"]);
    let onset = &run["onset"];
    assert!((2_000..=2_150).contains(&onset["edit"].as_u64().unwrap()), "{onset}");
    let warning = &run["early_warning"];
    assert!((1_550..2_000).contains(&warning["edit"].as_u64().unwrap()), "{warning}");
    assert_eq!(
        warning["edits_ahead"].as_u64().unwrap(),
        onset["edit"].as_u64().unwrap() - warning["edit"].as_u64().unwrap()
    );
    assert_eq!(series(run, "accuracy")["points"][0], json!([0, 773.0 / 872.0]));
    let [bad] = run["bad_records"].as_array().unwrap().as_slice() else { panic!("{}", run["bad_records"]) };
    assert!(bad["index"] == 7 && bad["reason"].as_str().unwrap().contains("element_num"), "{bad}");
    let strict = sequence(&[&fixture("gcf-sample.json")], &["--warn-exponent", "3"], 0).0;
    assert_eq!(strict["runs"][0]["early_warning"], Value::Null);
}

#[test]
fn a_folder_of_cases_is_put_into_the_order_of_its_histories() {
    let (report, _) = sequence(&[&fixture("run_000")], &[], 0);
    let run = &report["runs"][0];
    assert_eq!((&run["kind"], &run["edits"]), (&json!("case-folder"), &json!(24)));
    let efficacy = series(run, "efficacy_success");
    let values: Vec<(u64, f64)> = efficacy["points"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| (point[0].as_u64().unwrap(), point[1].as_f64().unwrap()))
        .collect();
    // The fourth case is torn; a NaN does not win.
    let expected: Vec<(u64, f64)> =
        (1..=24).filter(|edit| *edit != 4).map(|edit| (edit, f64::from(u8::from(edit <= 16)))).collect();
    assert_eq!(values, expected);
    assert_eq!(efficacy["course"]["onset"]["edit"], 17);
    assert_eq!(series(run, "generalization_success")["points"][0], json!([1, 0.5]));
    assert_eq!(series(run, "accuracy of sst")["points"][0], json!([0, 0.9]));
    let bad = run["bad_records"].as_array().unwrap();
    assert!(
        bad.len() == 1 && bad[0]["reason"].as_str().unwrap().contains("case_91.json: not JSON"),
        "{bad:?}"
    );
    let forgetting = &run["forgetting"];
    assert_eq!((&forgetting["learnt"], &forgetting["forgotten"]), (&json!(16), &json!(8)));
    let curve: Vec<(u64, u64, u64)> = forgetting["curve"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| ["edit", "learnt", "forgotten"].map(|name| row[name].as_u64().unwrap()).into())
        .collect();
    assert_eq!(curve, [(12, 12, 1), (24, 16, 8)]);
}

/// A sequence of cases of the world, its ledger, and its evaluation on a few texts.
fn edited(method: &str, cases: &[usize]) -> (Desk, PathBuf, PathBuf) {
    let desk = Desk::new();
    desk.cases(cases.iter().copied());
    desk.done(&["--sequential", "--ledger", "ledger.jsonl", "--method", method]);
    let texts = fs::read_to_string(world("texts.txt")).unwrap();
    fs::write(desk.at("texts.txt"), texts.lines().take(4).collect::<Vec<_>>().join("\n")).unwrap();
    let [cases, texts, ledger, out] =
        ["cases.json", "texts.txt", "ledger.jsonl", "evaluation.json"].map(|file| desk.at(file));
    let model = world("model");
    let paths = [&model, &cases, &texts, &ledger, &out].map(|path| path.to_str().unwrap());
    let [model, cases, texts, ledger, out] = paths;
    let ran = diagnose(&[
        "evaluate", "--model", model, "--case", cases, "--texts", texts, "--ledger", ledger, "-o", out,
    ]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let (ledger, out) = (PathBuf::from(ledger), PathBuf::from(out));
    (desk, ledger, out)
}

/// Normal cases, with a hard one at its place.
fn with_a_hard_one() -> Vec<usize> {
    let mut cases: Vec<usize> = (24..36).collect();
    cases.insert(9, 0);
    cases
}

#[test]
fn a_hard_case_of_the_world_disables_the_model_in_its_run_and_not_with_the_cure() {
    let (_desk, ledger, evaluation) = edited("rome", &with_a_hard_one());
    let (report, _) = sequence(&[&ledger, &evaluation], &["--fail-on", "collapse"], 1);
    let [run] = report["runs"].as_array().unwrap().as_slice() else {
        panic!("a ledger and its evaluation are one run")
    };
    let [jump] = run["disabling_edits"].as_array().unwrap().as_slice() else {
        panic!("{}", run["disabling_edits"])
    };
    assert_eq!((&jump["edit"], &jump["case_id"]), (&json!(10), &json!("hard-00")));
    assert!(jump["ratio"].as_f64().unwrap() > 3.0, "{jump}");
    let perplexity = &series(run, "perplexity")["course"];
    assert_eq!(perplexity["onset"]["edit"], 10, "{perplexity}");
    let (_desk, ledger, evaluation) = edited("c-rome", &with_a_hard_one());
    let (report, _) = sequence(&[&ledger, &evaluation], &["--fail-on", "collapse"], 0);
    let run = &report["runs"][0];
    assert_eq!((run["disabling_edits"].as_array().unwrap().len(), &run["onset"]), (0, &Value::Null), "{run}");
    assert_eq!(series(run, "perplexity")["course"]["onset"], Value::Null);
}

#[test]
fn distances_of_a_ledger_are_those_of_its_checkpoints() {
    let desk = Desk::new();
    desk.cases([24, 30, 48]);
    desk.done(&["--sequential", "--ledger", "ledger.jsonl"]);
    let mut checkpoints = vec![world("model")];
    for steps in ["1", "2", "3"] {
        let out = format!("step-{steps}");
        desk.done(&["--replay", "ledger.jsonl", "--upto", steps, "-o", &out]);
        checkpoints.push(desk.at(&out));
    }
    let of_ledger = sequence(&[&desk.at("ledger.jsonl")], &[], 0).0;
    let paths: Vec<&Path> = checkpoints.iter().map(PathBuf::as_path).collect();
    let of_checkpoints = sequence(&paths, &[], 0).0;
    let [ledger, checkpoints] = [&of_ledger["runs"][0], &of_checkpoints["runs"][0]];
    assert_eq!(checkpoints["kind"], "checkpoints");
    let summed = series(ledger, "distance of 0")["points"].as_array().unwrap();
    let measured = series(checkpoints, "distance of all tensors")["points"].as_array().unwrap();
    assert_eq!((summed.len(), measured.len()), (3, 3));
    for (summed, measured) in summed.iter().zip(measured) {
        assert_eq!(summed[0], measured[0]);
        // The checkpoint stores each update rounded to f32.
        close(summed[1].as_f64().unwrap(), &measured[1], 1e-5, "distance");
    }
}

#[test]
fn what_is_no_run_is_refused_with_what_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    fs::create_dir(folder.path().join("empty")).unwrap();
    let desk = Desk::new();
    desk.cases([24, 48]);
    desk.done(&["--ledger", "single.jsonl"]);
    for (path, kind) in [
        (at("a.csv", "case,score\n1,2\n"), "no-edits-column"),
        (at("b.csv", "edit,score\nx,2\n"), "empty-run"),
        (at("c.json", "{\"original_model\": {}, \"sample_0\": [{\"request\": \"x\"}]}"), "empty-run"),
        (at("d.json", "{\"schema\": \"diagnose.keys/1\", \"cases\": []}"), "unknown-run"),
        (at("e.json", "{\"schema\": \"diagnose.evaluate/1\", \"cases\": []}"), "no-steps"),
        (
            at("f.json", "{\"schema\": \"diagnose.evaluate/1\", \"schedule\": \"single\", \"steps\": []}"),
            "single-edits",
        ),
        (at("g.json", "{"), "table-not-json"),
        (at("h.csv", ""), "empty-table"),
        (at("i.jsonl", "{\"schema\":\"diagnose.ledger/1\"}\n"), "not-a-ledger"),
        (folder.path().join("empty"), "unknown-run"),
        (folder.path().join("none"), "not-found"),
        (world("model"), "one-checkpoint"),
        (desk.at("single.jsonl"), "single-edits"),
    ] {
        let (_, ran) = sequence(&[&path], &[], 2);
        let error: Value = serde_json::from_str(&ran.stderr).unwrap();
        assert_eq!(error["error"]["kind"], kind, "{}: {}", path.display(), ran.stderr);
        assert!(ran.stdout.is_empty());
    }
    assert_eq!(diagnose(&["sequence"]).code, Some(2));
    assert_eq!(diagnose(&["sequence", "x", "--warn-exponent", "0.1"]).code, Some(2));
}
