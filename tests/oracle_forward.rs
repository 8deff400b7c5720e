//! The forward pass against `transformers` in f64 on the oracle's model, and what it says of rows it cannot run.

use std::path::{Path, PathBuf};

use collapse_diagnostics::model::{At, Model, ModelError, Site, Tap};
use collapse_diagnostics::reader::{IoMode, Limits};
use serde_json::Value;

/// What f32 costs against f64 in a model of three layers.
const BOUND: f64 = 1e-5;

fn oracle() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/oracle")
}

fn model() -> Model {
    Model::open(&oracle(), &Limits::default(), IoMode::Auto).unwrap()
}

fn expected() -> Value {
    serde_json::from_str(&std::fs::read_to_string(oracle().join("expected.json")).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn tokens() -> Vec<u32> {
    let ids = &expected()["forward"]["text_token_ids"];
    ids.as_array().unwrap().iter().map(|id| u32::try_from(id.as_u64().unwrap()).unwrap()).collect()
}

fn texts(model: &Model) -> Vec<Vec<u32>> {
    let text = std::fs::read_to_string(oracle().join("texts.txt")).unwrap();
    text.lines().map(|line| model.tokenizer().unwrap().encode(line).unwrap()).collect()
}

#[track_caller]
fn close(what: &str, found: f64, expected: f64) {
    assert!((found - expected).abs() <= BOUND * expected.abs().max(1.0), "{what}: {found} for {expected}");
}

#[test]
fn keys_and_values_have_the_norms_of_the_reference() {
    let taps = [Tap { layer: 0, site: Site::Key }, Tap { layer: 0, site: Site::Value }];
    let found = model().capture(&[tokens()], At::EveryToken, &taps, &[]).unwrap();
    for (found, name) in found.iter().zip(["key_norms", "value_norms"]) {
        let norms = numbers(&expected()["forward"][name]);
        assert_eq!(found.nrows(), norms.len());
        for (row, norm) in found.outer_iter().zip(norms) {
            close(name, row.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt(), norm);
        }
    }
}

#[test]
fn differences_of_log_likelihoods_are_differences_of_the_reference_logits() {
    let logits = numbers(&expected()["forward"]["logits_last"]);
    let rows: Vec<Vec<u32>> =
        (0..logits.len()).map(|next| [tokens(), vec![u32::try_from(next).unwrap()]].concat()).collect();
    let nll = model().token_nll(&rows, &[]).unwrap();
    let last: Vec<f64> = nll.iter().map(|row| *row.last().unwrap()).collect();
    for (found, logit) in last.iter().zip(&logits) {
        close("logit", last[0] - found, logit - logits[0]);
    }
}

#[test]
fn every_held_out_text_has_the_mean_log_likelihood_of_the_reference() {
    let model = model();
    let found = model.token_nll(&texts(&model), &[]).unwrap();
    let perplexity = &expected()["perplexity"];
    for (found, mean) in found.iter().zip(numbers(&perplexity["mean_nll_per_text"])) {
        close("mean of a text", found.iter().sum::<f64>() / found.len() as f64, mean);
    }
    assert_eq!(found.concat().len() as u64, perplexity["tokens"].as_u64().unwrap());
}

#[test]
fn rows_that_cannot_run_are_refused_with_their_numbers() {
    let model = model();
    let refuse = |rows: &[Vec<u32>]| model.token_nll(rows, &[]).unwrap_err();
    assert!(matches!(refuse(&[vec![1], vec![]]), ModelError::EmptyRow { row: 1 }));
    assert_eq!(refuse(&[vec![1; 49]]).to_string(), "row 0 has 49 tokens, the context holds 48");
    assert_eq!(
        refuse(&[vec![1], vec![2, 1536]]).to_string(),
        "row 1 holds token 1536 at position 1, the vocabulary ends at 1536"
    );
    let key = [Tap { layer: 3, site: Site::Key }];
    let error = model.capture(&[vec![1]], At::EveryToken, &key, &[]).unwrap_err();
    assert_eq!(error.to_string(), "layer 3 is asked for, the model has 3");
    let key = [Tap { layer: 0, site: Site::Key }];
    assert!(model.capture(&[vec![1]], At::One(&[1]), &key, &[]).is_err());
    assert!(model.capture(&[vec![1]], At::One(&[]), &key, &[]).is_err());
    assert!(model.token_nll(&[], &[]).unwrap().is_empty());
    assert_eq!(model.token_nll(&[vec![1]], &[]).unwrap(), [Vec::<f64>::new()]);
}
