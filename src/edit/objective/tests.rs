//! Gradients against difference quotients in f64.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

use std::path::Path;

use super::super::Hparams;
use super::*;
use crate::reader::{IoMode, Limits};

fn model(name: &str) -> Model {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/architectures").join(name);
    Model::open_in(&folder, &Limits::default(), IoMode::Auto, DType::F64).unwrap()
}

/// Two templates and the row of the divergence, for a target of two tokens.
fn rows() -> Rows {
    Rows {
        tokens: vec![vec![3, 14, 15, 9, 2, 6], vec![5, 35, 8, 14, 15, 9, 2, 6], vec![3, 14]],
        lookup: vec![1, 4, 1],
    }
}

fn options(model: &Model, loss_layer: usize) -> ValueOptions {
    let hparams = Hparams { v_loss_layer: Some(loss_layer), kl_factor: 2.0, ..Hparams::default() };
    ValueOptions::of(&hparams, 0, ValueSite::Value, model).unwrap()
}

#[test]
fn the_gradient_of_the_loss_is_its_difference_quotient() {
    for (name, loss_layer) in [("gpt2", 1), ("gpt2", 0), ("gptj", 1), ("llama-grouped", 1), ("qwen3", 0)] {
        let model = model(name);
        let options = options(&model, loss_layer);
        let mut objective = Objective::new(&model, &rows(), &[6, 11], &options).unwrap();
        let d = model.config().hidden_size;
        assert!(objective.at(&vec![0.0; d]).unwrap().kl.abs() < 1e-14, "{name}");
        let start: Vec<f64> = (0..d).map(|at| (at as f64).cos()).collect();
        let found = objective.at(&start).unwrap();
        assert!(found.kl > 1e-4, "{name}: {}", found.kl);
        let gradient = found.gradient().unwrap();
        let largest = gradient.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
        for (at, slope) in gradient.iter().enumerate() {
            let mut value = |by: f64| {
                let mut offset = start.clone();
                offset[at] += by;
                let found = objective.at(&offset).unwrap();
                found.nll + found.kl
            };
            let quotient = (value(1e-4) - value(-1e-4)) / 2e-4;
            assert!((slope - quotient).abs() < 1e-6 * largest, "{name}, {at}: {slope} for {quotient}");
        }
    }
}
