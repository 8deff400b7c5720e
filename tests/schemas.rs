//! The schemas of `docs/schemas/` against what the program writes: every one is met by a real run, and by the records of
//! the other tests, which have everything in them that is not finite.
//!
//! Published schemas are open, for a later version may add a field. Here they are closed first: a field that a schema
//! does not tell of fails.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::edit_runs::{Desk, world};
use crate::reproduce::Run;
use crate::runner::{Bench, Ran, diagnose, names};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schemas")
}

/// No field but those that are named, wherever fields are named.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.contains_key("properties") && !fields.contains_key("additionalProperties") {
                fields.insert("unevaluatedProperties".to_owned(), json!(false));
            }
            fields.values_mut().for_each(close);
        }
        Value::Array(each) => each.iter_mut().for_each(close),
        _ => {}
    }
}

/// What a record breaks of the schema in a file, a line each.
fn broken(file: &str, record: &Value) -> Vec<String> {
    let text = fs::read_to_string(folder().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut schema: Value = serde_json::from_str(&text).unwrap();
    close(&mut schema);
    let validator = jsonschema::validator_for(&schema).unwrap();
    validator.iter_errors(record).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// Holds a record to the schema that it names, and gives the name of the file.
#[track_caller]
pub(crate) fn hold(record: &Value) -> String {
    let file = format!("{}.json", record["schema"].as_str().unwrap().replace('/', "."));
    let broken = broken(&file, record);
    assert!(broken.is_empty(), "{file}:\n{}", broken.join("\n"));
    file
}

#[track_caller]
fn record(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}\n{}", ran.stdout, ran.stderr))
}

/// The JSON that the program writes for these arguments.
#[track_caller]
fn run(args: &[&str]) -> Value {
    record(&diagnose(&[args, &["--format", "json"]].concat()))
}

/// Runs of commands on the world that end in a record, with every part of it that a flag asks for.
fn measurements(model: &str, texts: &str, cases: &str) -> Vec<Value> {
    let moments = world("model/second_moment.safetensors").display().to_string();
    let runs = |name: &str| world("../sequence").join(name).display().to_string();
    let [control, facts] = ["control", "tasks/facts.jsonl"].map(|name| world(name).display().to_string());
    vec![
        run(&["keys", "--model", model, "--case", cases, "--layer", "0", "--moments", &moments]),
        run(&["keys", "--model", model, "--screen", cases]),
        run(&["first-token", "--model", model, "--texts", texts, "--layer", "0", "--swap-positions"]),
        run(&["perplexity", "--model", model, "--texts", texts, "--baseline", &control, "--per-text"]),
        run(&["trace", "--model", model, "--case", cases]),
        run(&[
            "evaluate",
            "--model",
            model,
            "--baseline",
            &control,
            "--case",
            cases,
            "--texts",
            texts,
            "--tasks",
            &facts,
            "--detail",
            "--generate",
        ]),
        run(&["sequence", &runs("jump.csv"), &runs("run_000"), &runs("gcf-sample.json")]),
        run(&["doctor"]),
    ]
}

/// The records of edits: of two runs, of a replay, and of an evaluation that walks a ledger.
fn edits(desk: &Desk, model: &str) -> Vec<Value> {
    let edited = desk.done(&["--ledger", "ledger.jsonl", "--guard=fix", "--sequential", "--format", "json"]);
    let several = desk.done(&["--method", "memit", "--rect", "0.4", "--sequential", "--format", "json"]);
    let replayed = desk.done(&["--replay", "ledger.jsonl", "-o", "again", "--format", "json"]);
    let [ledger, cases] = ["ledger.jsonl", "cases.json"].map(|name| desk.at(name).display().to_string());
    let walked = run(&["evaluate", "--model", model, "--ledger", &ledger, "--case", &cases]);
    vec![record(&edited), record(&several), record(&replayed), walked]
}

#[test]
fn every_schema_is_met_by_a_real_run() {
    let (bench, desk) = (Bench::new(), Desk::new());
    desk.cases([0, 24]);
    let lines: Vec<String> =
        fs::read_to_string(world("texts.txt")).unwrap().lines().take(4).map(str::to_owned).collect();
    fs::write(desk.at("texts.txt"), lines.join("\n")).unwrap();
    let [texts, cases, sums] =
        ["texts.txt", "cases.json", "sums.safetensors"].map(|name| desk.at(name).display().to_string());
    let model = world("model").display().to_string();
    let compared = bench.diagnose(&[
        "deltas",
        "before.safetensors",
        "after.safetensors",
        "--hash",
        "--histogram",
        "transformer.h.0.mlp.c_proj.weight",
        "--expect-changed",
        "--format",
        "json",
    ]);
    let mut records = vec![record(&compared), Run::world().record()];
    records.extend(measurements(&model, &texts, &cases));
    records.push(run(&["moments", "--model", &model, "--texts", &texts, "--layer", "0", "-o", &sums]));
    records.extend(edits(&desk, &model));
    let table = folder().join("../reproduction/butterfly-f1.csv").display().to_string();
    records.push(run(&["correlate", &table, "--collapsed", "set=collapse"]));
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/regress/lm-eval");
    let [base, edited] = ["base", "edited"].map(|name| results.join(name).display().to_string());
    records.push(run(&["regress", &base, &edited, "--tolerance", "*/word_perplexity=2%"]));
    let edits = desk.at("edits.csv");
    fs::write(&edits, "ppl,acc,flat,m\n1,3,0,a\n2,2,0,a\ninf,1,0,b\n3,nan,0,b\n").unwrap();
    let edits = edits.display().to_string();
    records.push(run(&["correlate", &edits, "--by", "m", "--collapsed", "ppl>=3", "--p", "permutation"]));
    let mut met: BTreeSet<String> = records.iter().map(hold).collect();

    for line in fs::read_to_string(desk.at("ledger.jsonl")).unwrap().lines() {
        let found = broken("diagnose.ledger.1.json", &serde_json::from_str(line).unwrap());
        assert!(found.is_empty(), "{found:?}: {line}");
        met.insert("diagnose.ledger.1.json".to_owned());
    }
    let refused = diagnose(&["deltas", "/no/such/checkpoint", "b", "--format", "json"]);
    assert_eq!(broken("error.json", &serde_json::from_str(&refused.stderr).unwrap()), [""; 0]);
    met.insert("error.json".to_owned());
    let published: BTreeSet<String> = names(&folder()).into_iter().collect();
    assert_eq!(met, published, "a schema that no run here meets, or a record without one");
}

#[test]
fn a_record_of_another_shape_breaks_its_schema() {
    let bench = Bench::new();
    let compared = bench.diagnose(&["deltas", "before.safetensors", "after.safetensors", "--format", "json"]);
    let sound = record(&compared);
    hold(&sound);
    let breaks = |change: fn(&mut Value)| {
        let mut changed = sound.clone();
        change(&mut changed);
        !broken("diagnose.deltas.1.json", &changed).is_empty()
    };
    assert!(breaks(|record| record["schema"] = json!("diagnose.deltas/2")));
    assert!(breaks(|record| record["summary"]["delta_norm"] = json!("inf")));
    assert!(breaks(|record| record["summary"]["nonfinite"] = json!({"delta_norm": "huge"})));
    assert!(breaks(|record| record["tensors"][0]["relative"] = json!(1)));
    assert!(breaks(|record| drop(record["verdict"].as_object_mut().unwrap().remove("level"))));
}
