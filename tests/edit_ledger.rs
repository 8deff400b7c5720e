//! Ledgers: made again bit for bit, held against checkpoints, and refused where they are not what was written.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use collapse_diagnostics::edit::{Change, Hparams, KeyChoice, Method, RectKind, Update};
use collapse_diagnostics::keys::{ContextFacts, MeanOver};
use collapse_diagnostics::model::{Architecture, Model};
use collapse_diagnostics::reader::{
    Checkpoint, IoMode, LayerLine, Ledger, LedgerError, LedgerLine, Limits, LineKind, PassLine, ReadError,
    RequestLine, ScheduleKind, ValueLine, sha256_of,
};
use collapse_diagnostics::report::LedgerWriter;
use collapse_diagnostics::sequence::{Extent, RunFacts, Step, base_tensors, replay};
use collapse_diagnostics::tensor::{Dtype, Source as _, encode};
use ndarray::Array2;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::edit_runs::{Desk, json_of, world};

fn open(path: &Path) -> Model {
    Model::open(path, &Limits::default(), IoMode::Auto).unwrap()
}

/// A run of edits that this test makes up.
fn facts(model: &Model, layers: &[usize]) -> RunFacts {
    RunFacts {
        model: model.path().to_owned(),
        architecture: Architecture::Gpt2,
        base: base_tensors(model, layers).unwrap(),
        method: Method::Rome(KeyChoice::Rome),
        hparams: Hparams { layers: layers.to_vec(), ..Hparams::default() },
        hparams_source: "made up".into(),
        rect: None,
        null_space: false,
        null_spaces: Vec::new(),
        prune: None,
        contexts: ContextFacts {
            count: 1,
            prefixed: 0,
            hash: "0".into(),
            source: "none".into(),
            over: MeanOver::Every,
        },
        moments: Vec::new(),
        schedule: ScheduleKind::Sequential,
        batch: 1,
        guard: None,
        cases: "none".into(),
        records: 0,
        cases_sha256: "0".into(),
    }
}

fn line(index: usize, layers: Vec<LayerLine>) -> LedgerLine {
    LedgerLine {
        kind: LineKind::Edit,
        index,
        method: "rome".into(),
        requests: Vec::new(),
        refused: Vec::new(),
        layers,
        factors_sha256: None,
    }
}

fn layer(layer: usize, tensor: &str) -> LayerLine {
    LayerLine {
        layer,
        tensor: tensor.to_owned(),
        update_norm: 1.0,
        stored_update_norm: 1.0,
        weight_norm: 2.0,
        relative_update: 0.5,
        residual_norm: None,
        pseudo_inverse: false,
        rect: None,
        kept_entries: None,
        sha256: String::new(),
        bias: None,
    }
}

fn step(line: LedgerLine, updates: Vec<Update>) -> Step {
    Step { line, updates, remembered: Vec::new() }
}

/// Applies an update and writes its line.
fn apply(model: &mut Model, update: Update, index: usize, ledger: &mut LedgerWriter) {
    let (facts, _) = update.apply(model).unwrap();
    let biased = matches!(update.change, Change::Whole { bias: Some(_), .. });
    let bias = if biased { model.stored_bias(update.layer).unwrap() } else { None };
    let sha256 = sha256_of(&model.stored_weight(update.layer).unwrap().bytes);
    let bias = bias.map(|bias| (bias.name, sha256_of(&bias.bytes)));
    let layer = LayerLine { sha256, bias, ..layer(update.layer, &facts.tensor) };
    ledger.append(&mut step(line(index, vec![layer]), vec![update])).unwrap();
}

/// From -1 to 1, with more digits than an f32 has.
fn numbers(random: &mut Xoshiro256PlusPlus, shape: (usize, usize)) -> Array2<f64> {
    Array2::from_shape_simple_fn(shape, || (random.next_u64() >> 11) as f64 / 2_f64.powi(52) - 1.0)
}

/// A model with every float rounded to another dtype.
fn stored_as(dtype: Dtype, from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    fs::copy(from.join("config.json"), to.join("config.json")).unwrap();
    let model = Checkpoint::open(from, &Limits::default(), IoMode::Auto).unwrap();
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for entry in model.entries().values() {
        let (mut scratch, begin) = (Vec::new(), data.len());
        let bytes = model.read(entry, 0, usize::try_from(entry.bytes).unwrap(), &mut scratch).unwrap();
        assert_eq!(entry.dtype, Dtype::F32, "{}", entry.name);
        let numbers = bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        data.extend(encode(dtype, numbers).unwrap());
        let value =
            json!({"dtype": dtype.name(), "shape": entry.shape.0, "data_offsets": [begin, data.len()]});
        header.insert(entry.name.clone(), value);
    }
    let header = Value::Object(header).to_string();
    let length = (header.len() as u64).to_le_bytes();
    fs::write(to.join("model.safetensors"), [&length[..], header.as_bytes(), &data].concat()).unwrap();
}

#[test]
fn on_every_architecture_and_in_every_dtype_a_replay_gives_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/architectures");
    let mut paths: Vec<PathBuf> = fs::read_dir(&all).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.is_dir());
    for (name, dtype) in [("gpt2", Dtype::BF16), ("llama-tied", Dtype::BF16), ("gpt2", Dtype::F16)] {
        paths.push(folder.path().join(format!("{name}-{dtype}")));
        stored_as(dtype, &all.join(name), paths.last().unwrap());
    }
    let mut dtypes = BTreeSet::new();
    for path in paths {
        let mut model = open(&path);
        dtypes.insert(model.down_projection_entries(1).unwrap().0.dtype.name());
        let place = folder.path().join(format!("{}.jsonl", path.file_name().unwrap().display()));
        let mut ledger = LedgerWriter::begin(&place, &facts(&model, &[0, 1])).unwrap();
        let (weight, bias) = model.down_projection_weight(1).unwrap();
        let (d, f) = weight.dim();
        for (index, rank) in [1, 3].into_iter().enumerate() {
            let (left, right) = (numbers(&mut random, (d, rank)), numbers(&mut random, (f, rank)));
            apply(
                &mut model,
                Update { layer: index, change: Change::Factors { left, right, kept: None } },
                index,
                &mut ledger,
            );
        }
        // As fine-tuning leaves it: the whole matrix, and the bias where there is one.
        let bias = bias.map(|bias| bias.iter().map(|x| x * 2.0).collect());
        apply(
            &mut model,
            Update { layer: 1, change: Change::Whole { weight: weight * 0.5, bias } },
            2,
            &mut ledger,
        );
        drop(ledger);
        let ledger = Ledger::read(&place).unwrap();
        let mut again = open(&path);
        let changed = replay(&mut again, &ledger, Extent::All, &Limits::default(), &mut || {}).unwrap();
        let stored = changed.tensors(&again).unwrap();
        assert_eq!(stored, changed.tensors(&model).unwrap(), "{}", path.display());
        assert!(stored.len() >= 2);
    }
    assert_eq!(dtypes, BTreeSet::from(["BF16", "F16", "F32"]));
}

#[test]
fn factors_are_rounded_before_they_are_applied_so_that_f32_keeps_them() {
    let mut model = open(&world("model"));
    let (weight, _) = model.down_projection_weight(0).unwrap();
    let mut random = Xoshiro256PlusPlus::seed_from_u64(2);
    let (left, right) = (numbers(&mut random, (64, 1)), numbers(&mut random, (256, 1)));
    #[expect(clippy::cast_possible_truncation, reason = "rounding is meant")]
    let round = |factor: &Array2<f64>| factor.mapv(|x| f64::from(x as f32));
    #[expect(clippy::cast_possible_truncation, reason = "rounding is meant")]
    let expected = (weight.mapv(f64::from) + round(&left).dot(&round(&right).t())).mapv(|x| x as f32);
    Update { layer: 0, change: Change::Factors { left, right, kept: None } }.apply(&mut model).unwrap();
    assert_eq!(model.down_projection_weight(0).unwrap().0, expected);
}

#[test]
fn what_is_written_of_a_step_is_read_again_whatever_its_numbers_are() {
    let folder = tempfile::tempdir().unwrap();
    let model = open(&world("model"));
    let place = folder.path().join("a.jsonl");
    let mut ledger = LedgerWriter::begin(&place, &facts(&model, &[0])).unwrap();
    let pass =
        PassLine { total: f64::NAN, nll: f64::INFINITY, kl: f64::NEG_INFINITY, weight_decay: 0.1 + 0.2 };
    let mut written = line(0, Vec::new());
    written.requests.push(RequestLine {
        record: 7,
        case_id: "a \"b\"\n".into(),
        value: ValueLine {
            passes: vec![pass],
            initial_norm: Some(f64::MIN_POSITIVE),
            target_norm: None,
            offset_norm: Some(f64::INFINITY),
            clamped: true,
            stopped_early: false,
        },
        division: None,
        guard: None,
    });
    let mut written = step(written, Vec::new());
    ledger.append(&mut written).unwrap();
    drop(ledger);
    let read = Ledger::read(&place).unwrap();
    // NaN is not equal to itself; its text is.
    assert_eq!(format!("{:?}", read.lines), format!("{:?}", [written.line]));
    assert!(!fs::read_to_string(&place).unwrap().to_lowercase().contains(":nan"));
}

#[test]
fn an_edit_of_gpt2_xl_takes_32_kilobytes_of_factors() {
    let folder = tempfile::tempdir().unwrap();
    let model = open(&world("model"));
    let place = folder.path().join("a.jsonl");
    let mut ledger = LedgerWriter::begin(&place, &facts(&model, &[0])).unwrap();
    let (left, right) = (Array2::ones((1600, 1)), Array2::ones((6400, 1)));
    let update = Update { layer: 17, change: Change::Factors { left, right, kept: None } };
    ledger.append(&mut step(line(0, vec![layer(17, "w")]), vec![update])).unwrap();
    let bytes = fs::metadata(folder.path().join("a.jsonl.factors/000000.safetensors")).unwrap().len();
    assert!((32_000..32_300).contains(&bytes), "{bytes}: 21,919 of them are {} bytes", 21_919 * bytes);
}

#[test]
fn a_ledger_that_another_run_has_open_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let model = open(&world("model"));
    let (place, facts) = (folder.path().join("a.jsonl"), facts(&model, &[0]));
    let first = LedgerWriter::begin(&place, &facts).unwrap();
    let read = Ledger::read(&place).unwrap();
    let refused = LedgerWriter::go_on(&read, &facts).unwrap_err().to_string();
    assert!(refused.ends_with("a.jsonl: another run is writing it"), "{refused}");
    drop(first);
    let mut second = LedgerWriter::go_on(&read, &facts).unwrap();
    second.append(&mut step(line(0, Vec::new()), Vec::new())).unwrap();
    drop(second);
    // What was read before that step must not cut it off.
    assert!(LedgerWriter::go_on(&read, &facts).is_err());
    assert_eq!(Ledger::read(&place).unwrap().lines.len(), 1);
}

#[test]
fn a_sequence_is_rebuilt_at_any_of_its_steps_and_a_checkpoint_knows_its_step() {
    let desk = Desk::new();
    desk.cases([24, 25, 26]);
    desk.done(&["--sequential", "--ledger", "a.jsonl", "-o", "all"]);
    for (n, found) in [
        "it is the base, with none of the edits",
        "it is what the first 1 of 3 steps give",
        "it is what the first 2 of 3 steps give",
    ]
    .iter()
    .enumerate()
    {
        let (out, upto) = (format!("first-{n}"), n.to_string());
        desk.done(&["--replay", "a.jsonl", "-o", &out, "--upto", &upto]);
        assert_eq!(desk.against(&world("model"), &out, "a.jsonl"), (Some(1), (*found).to_owned()));
    }
    let report = json_of(&desk.done(&["--replay", "a.jsonl", "-o", "again", "--format", "json"]));
    assert_eq!((report["schema"].as_str(), report["steps"].as_u64()), (Some("diagnose.replay/1"), Some(3)));
    assert!(
        fs::read(desk.at("all/model.safetensors")).unwrap()
            == fs::read(desk.at("again/model.safetensors")).unwrap()
    );
    assert_eq!(
        desk.against(&world("model"), "again", "a.jsonl"),
        (Some(0), "it is what all 3 steps give".to_owned())
    );
    let ran = desk.edit(&["--replay", "a.jsonl", "-o", "second", "--only-step", "1"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("step 1 was never made alone"), "{}", ran.stderr);
    // The first edit of the sequence is the edit alone.
    desk.cases([24]);
    desk.done(&["-o", "one"]);
    assert!(
        fs::read(desk.at("one/model.safetensors")).unwrap()
            == fs::read(desk.at("first-1/model.safetensors")).unwrap()
    );
}

#[test]
fn of_edits_that_were_each_made_from_the_original_one_is_rebuilt() {
    let desk = Desk::new();
    desk.cases([24, 25]);
    desk.done(&["--ledger", "a.jsonl"]);
    let ran = desk.edit(&["--replay", "a.jsonl", "-o", "both"]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.starts_with("error: 2 edits were made, each from the original model"),
        "{}",
        ran.stderr
    );
    desk.done(&["--replay", "a.jsonl", "-o", "second", "--only-step", "1"]);
    desk.cases([25]);
    desk.done(&["-o", "alone"]);
    assert!(
        fs::read(desk.at("alone/model.safetensors")).unwrap()
            == fs::read(desk.at("second/model.safetensors")).unwrap()
    );
    let found = format!("it is what step 1 gives (case {})", case_id(25));
    assert_eq!(desk.against(&world("model"), "second", "a.jsonl"), (Some(0), found));
    let ran = desk.edit(&["--replay", "a.jsonl", "-o", "none", "--only-step", "2"]);
    assert!(ran.stderr.starts_with("error: the ledger has 2 steps, step 2 is asked for\n"), "{}", ran.stderr);
    assert!(!desk.at("none").exists());
}

fn case_id(number: usize) -> String {
    let all: Value = serde_json::from_slice(&fs::read(world("cases.json")).unwrap()).unwrap();
    all[number]["case_id"].as_str().unwrap().to_owned()
}

#[test]
fn a_checkpoint_that_differs_from_its_ledger_in_any_tensor_fails_the_check() {
    let desk = Desk::new();
    desk.cases([24]);
    desk.done(&["--ledger", "a.jsonl", "-o", "edited"]);
    let weights = desk.at("edited/model.safetensors");
    let sound = fs::read(&weights).unwrap();
    let model = open(&desk.at("edited"));
    let entries = model.checkpoint().entries();
    for (name, found) in [
        ("transformer.h.0.mlp.c_proj.weight", "it is what none of 1 step gives"),
        ("transformer.h.0.mlp.c_proj.bias", "it is what none of 1 step gives"),
        (
            "transformer.wpe.weight",
            "it is what step 0 gives (case normal-first-00), but tensors that it does not tell of differ too: transformer.wpe.weight",
        ),
    ] {
        let mut bytes = sound.clone();
        bytes[usize::try_from(entries[name].offset).unwrap()] ^= 1;
        fs::write(desk.at("edited/model.safetensors"), &bytes).unwrap();
        assert_eq!(desk.against(&world("model"), "edited", "a.jsonl"), (Some(1), found.to_owned()));
    }
    let control = world("control");
    let (code, found) = desk.against(&control, "edited", "a.jsonl");
    assert!(code == Some(1) && found.starts_with("the ledger is of another base: "), "{found}");
}

#[test]
fn factors_that_were_changed_swapped_or_lost_are_refused() {
    let desk = Desk::new();
    desk.cases([24, 25]);
    desk.done(&["--sequential", "--ledger", "a.jsonl"]);
    let file = |n: usize| desk.at(&format!("a.jsonl.factors/00000{n}.safetensors"));
    let sound = [fs::read(file(0)).unwrap(), fs::read(file(1)).unwrap()];
    let refusal = || {
        let ran = desk.edit(&["--replay", "a.jsonl", "-o", "again", "--format", "json"]);
        let error: Value = serde_json::from_str(&ran.stderr).unwrap();
        assert!(ran.code == Some(2) && !desk.at("again").exists());
        (
            error["error"]["kind"].as_str().unwrap().to_owned(),
            error["error"]["message"].as_str().unwrap().to_owned(),
        )
    };
    let mut bytes = sound[1].clone();
    *bytes.last_mut().unwrap() ^= 1;
    for other in [&bytes, &sound[0], &Vec::new()] {
        fs::write(file(1), other).unwrap();
        let (kind, message) = refusal();
        assert!(
            kind == "ledger-factors"
                && message.contains("the factors of step 1 are not those that were written"),
            "{message}"
        );
    }
    fs::remove_file(file(1)).unwrap();
    let (kind, message) = refusal();
    assert!(kind == "not-found" && message.contains("000001.safetensors"), "{message}");
}

#[test]
fn factors_of_another_result_or_of_other_extents_are_refused() {
    let desk = Desk::new();
    desk.cases([24]);
    desk.done(&["--ledger", "a.jsonl"]);
    let text = fs::read_to_string(desk.at("a.jsonl")).unwrap();
    let line: Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut line = line.clone();
        change(&mut line);
        fs::write(desk.at("a.jsonl"), format!("{}\n{line}\n", text.lines().next().unwrap())).unwrap();
        let ran = desk.edit(&["--replay", "a.jsonl", "-o", "again"]);
        assert!(ran.code == Some(2) && !desk.at("again").exists());
        ran.stderr
    };
    let error = with(&|line| line["layers"][0]["sha256"] = json!("00"));
    assert!(error.contains("step 0 gives another transformer.h.0.mlp.c_proj.weight than it gave"), "{error}");
    let error = with(&|line| line["layers"][0]["layer"] = json!(1));
    assert!(
        error.contains("the factors of step 0: there are neither layer.1.left and layer.1.right"),
        "{error}"
    );
    let error = with(&|line| line["layers"][0]["rect"] = json!({"kind": "none such", "share": 0.5}));
    assert!(error.contains("step 0 was masked by `none such`, which is no form of RECT"), "{error}");
    let factors = |shapes: [[usize; 2]; 2]| {
        let [left, right] = shapes;
        let ends = [left[0] * left[1] * 4, (left[0] * left[1] + right[0] * right[1]) * 4];
        let header = json!({
            "layer.0.left": {"dtype": "F32", "shape": left, "data_offsets": [0, ends[0]]},
            "layer.0.right": {"dtype": "F32", "shape": right, "data_offsets": ends},
        });
        let header = header.to_string();
        let bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &vec![0; ends[1]]].concat();
        fs::write(desk.at("a.jsonl.factors/000000.safetensors"), &bytes).unwrap();
        sha256_of(&bytes)
    };
    let hash = factors([[64, 1], [256, 2]]);
    let error = with(&|line| line["factors_sha256"] = json!(hash));
    assert!(error.contains("layer.0.left has 1 columns, its other factor has 2"), "{error}");
    let hash = factors([[256, 1], [64, 1]]);
    let error = with(&|line| line["factors_sha256"] = json!(hash));
    assert!(error.contains("extent of an update: 256 given, 64 needed"), "{error}");
}

/// What is wrong with a text as a ledger.
fn cause(text: &str) -> LedgerError {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    fs::write(&path, text).unwrap();
    match Ledger::read(&path) {
        Err(ReadError::Ledger { cause, .. }) => cause,
        other => panic!("{text}: {other:?}"),
    }
}

const HEADER: &str = r#"{"schema":"diagnose.ledger/1","tool":{"name":"diagnose","version":"0"},"base":{"path":"m","tensors":[]},"schedule":"single","settings":{}}"#;
const LINE: &str = r#"{"kind":"edit","index":0,"method":"rome","requests":[],"refused":[],"layers":[]}"#;

#[test]
fn a_file_that_is_no_ledger_says_so() {
    for text in ["", "\n", "{}\n", "no json\n", "[1]\n", HEADER] {
        assert!(matches!(cause(text), LedgerError::Header { .. }), "{text}");
    }
    let other = HEADER.replace("ledger/1", "ledger/2");
    assert_eq!(
        cause(&format!("{other}\n")).to_string(),
        "not a ledger: its schema is diagnose.ledger/2, needed is diagnose.ledger/1"
    );
}

#[test]
fn a_line_that_cannot_be_read_or_stands_in_the_wrong_place_is_named() {
    let with = |line: &str| cause(&format!("{HEADER}\n{LINE}\n{line}\n")).to_string();
    assert!(with("{").starts_with("line 3: EOF"));
    assert!(with("").starts_with("line 3: EOF"));
    assert_eq!(with(LINE), "line 3 tells of step 0 where step 1 belongs");
    let second = LINE.replace("\"index\":0", "\"index\":1");
    let value = r#"{"passes":[{"nll":1,"kl":1,"weight_decay":1}],"clamped":false,"stopped_early":false}"#;
    let request = format!(r#"{{"record":0,"case_id":"a","value":{value}}}"#);
    let line = second.replace("\"requests\":[]", &format!("\"requests\":[{request}]"));
    assert_eq!(with(&line), "line 3: `total` is missing");
    let line = line.replace("\"nll\":1,", "\"nll\":1,\"nonfinite\":{\"total\":\"huge\"},");
    assert_eq!(with(&line), "line 3: `total` is said to be `huge`");
    let line = line.replace("huge", "nan");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    // A last line without its end is no part of it.
    fs::write(&path, format!("{HEADER}\n{LINE}\n{line}\n{{\"kind\":")).unwrap();
    let ledger = Ledger::read(&path).unwrap();
    assert_eq!((ledger.lines.len(), ledger.bytes - ledger.whole_bytes), (2, 8));
    assert!(ledger.lines[1].requests[0].value.passes[0].total.is_nan());
}

#[test]
fn rect_is_masked_again_as_it_was() {
    // The mask depends on W, and is not stored: it has to come out alike.
    let mut model = open(&world("model"));
    let mut random = Xoshiro256PlusPlus::seed_from_u64(3);
    let (left, right) = (numbers(&mut random, (64, 1)), numbers(&mut random, (256, 1)));
    let update =
        Update { layer: 0, change: Change::Factors { left, right, kept: Some(RectKind::Relative(0.4)) } };
    let (_, before) = update.apply(&mut model).unwrap();
    let first = model.stored_weight(0).unwrap();
    model.set_down_projection(0, before.weight.view(), None).unwrap();
    update.apply(&mut model).unwrap();
    assert_eq!(model.stored_weight(0).unwrap(), first);
}
