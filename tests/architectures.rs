//! Every architecture against `transformers`: a tiny random model each (`fixtures/make/architectures.py`).

use std::path::{Path, PathBuf};

use collapse_diagnostics::model::{At, Model, Site, Tap};
use collapse_diagnostics::reader::{IoMode, Limits};
use ndarray::Array2;
use serde_json::Value;

/// What f32 costs, relative to the largest number of a row.
const BOUND: f64 = 2e-5;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/architectures")
}

fn open(name: &str) -> Model {
    Model::open(&folder().join(name), &Limits::default(), IoMode::Auto).unwrap()
}

fn expected(name: &str) -> Value {
    let text = std::fs::read_to_string(folder().join(name).join("expected.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn rows(expected: &Value) -> Vec<Vec<u32>> {
    let id = |id: &Value| u32::try_from(id.as_u64().unwrap()).unwrap();
    let row = |row: &Value| row.as_array().unwrap().iter().map(id).collect();
    expected["rows"].as_array().unwrap().iter().map(row).collect()
}

/// Vectors of all tokens, rows one behind the other.
fn vectors(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().unwrap().iter().flat_map(|row| row.as_array().unwrap().iter().map(numbers)).collect()
}

#[track_caller]
fn agree(what: &str, found: &Array2<f32>, expected: &[Vec<f64>]) {
    assert_eq!(found.nrows(), expected.len(), "{what}");
    for (at, (found, expected)) in found.outer_iter().zip(expected).enumerate() {
        assert_eq!(found.len(), expected.len(), "{what}");
        let largest = expected.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
        for (found, expected) in found.iter().zip(expected) {
            let error = (f64::from(*found) - expected).abs();
            assert!(error <= BOUND * largest, "{what}, token {at}: {found} for {expected}");
        }
    }
}

/// Keys and values of every layer, and the hidden state.
fn check(name: &str) {
    let (model, expected) = (open(name), expected(name));
    let rows = rows(&expected);
    for (site, key) in [(Site::Key, "keys"), (Site::Value, "values")] {
        let layers = expected[key].as_array().unwrap();
        assert_eq!(layers.len(), model.config().layers);
        let taps: Vec<Tap> = (0..layers.len()).map(|layer| Tap { layer, site }).collect();
        let found = model.capture(&rows, At::EveryToken, &taps, &[]).unwrap();
        for (layer, (found, expected)) in found.iter().zip(layers).enumerate() {
            agree(&format!("{name}, {key} of layer {layer}"), found, &vectors(expected));
        }
    }
    agree(&format!("{name}, hidden"), &model.hidden(&rows, &[]).unwrap(), &vectors(&expected["hidden"]));
    if model.config().causal {
        check_likelihoods(name, &model, &rows, &expected);
    } else {
        assert_eq!(model.token_nll(&rows, &[]).unwrap_err().kind(), "no-head");
    }
}

/// `ln Σ exp z − z_target` of the reference's logits.
fn check_likelihoods(name: &str, model: &Model, rows: &[Vec<u32>], expected: &Value) {
    let logits = expected["logits"].as_array().unwrap();
    for ((row, found), logits) in rows.iter().zip(model.token_nll(rows, &[]).unwrap()).zip(logits) {
        let logits: Vec<Vec<f64>> = logits.as_array().unwrap().iter().map(numbers).collect();
        assert_eq!(found.len(), row.len() - 1);
        for ((found, logits), target) in found.iter().zip(&logits).zip(&row[1..]) {
            let sum: f64 = logits.iter().map(|z| z.exp()).sum();
            let nll = sum.ln() - logits[*target as usize];
            assert!((found - nll).abs() < 1e-4 * nll.max(1.0), "{name}: {found} for {nll}");
        }
    }
}

#[test]
fn every_architecture_agrees_with_transformers() {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() >= 15, "the fixtures lost an architecture: {names:?}");
    for name in &names {
        check(name);
    }
}

#[test]
fn one_position_of_a_row_is_what_it_is_among_all() {
    for name in ["gpt2", "gpt-neox-parallel", "llama-grouped", "bert", "t5-relu"] {
        let model = open(name);
        let rows = rows(&expected(name));
        let taps = [Site::Key, Site::Value, Site::Attention, Site::Block].map(|site| Tap { layer: 1, site });
        let positions: Vec<usize> = rows.iter().map(|row| row.len() / 2).collect();
        let one = model.capture(&rows, At::One(&positions), &taps, &[]).unwrap();
        let all = model.capture(&rows, At::EveryToken, &taps, &[]).unwrap();
        for (one, all) in one.iter().zip(&all) {
            let mut start = 0;
            for ((row, position), one) in rows.iter().zip(&positions).zip(one.outer_iter()) {
                for (one, all) in one.iter().zip(all.row(start + position)) {
                    assert!((one - all).abs() < 1e-5, "{name}: {one} for {all}");
                }
                start += row.len();
            }
        }
    }
}
