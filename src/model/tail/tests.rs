//! A tail against whole forward passes, and its gradients against difference quotients in f64.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

use std::path::Path;

use candle_core::{DType, Device, Tensor, Var};

use crate::model::{Model, Patch, Site, Tap};
use crate::reader::{IoMode, Limits};

const DECODERS: [&str; 7] =
    ["gpt2", "gptj", "gpt-neox-parallel", "gpt-neox-sequential", "llama-grouped", "qwen3", "mistral"];

fn model(name: &str) -> Model {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/architectures").join(name);
    Model::open_in(&folder, &Limits::default(), IoMode::Auto, DType::F64).unwrap()
}

fn rows() -> [Vec<u32>; 3] {
    [vec![3, 14, 15, 9, 2, 6], vec![5, 35, 8], vec![7, 1, 8, 2]]
}

fn vector(model: &Model) -> Vec<f64> {
    (0..model.config().hidden_size).map(|at| (at as f64).cos() / 2.0).collect()
}

/// The vector at the tail's first place of each row, spread over all of its tokens.
fn spread(vector: &Tensor, tokens: usize, places: &[usize]) -> Tensor {
    let places: Vec<u32> = places.iter().map(|place| u32::try_from(*place).unwrap()).collect();
    let width = vector.elem_count();
    let zeros = Tensor::zeros((tokens, width), DType::F64, &Device::Cpu).unwrap();
    let vectors = vector.unsqueeze(0).unwrap().broadcast_as((places.len(), width)).unwrap();
    let vectors = vectors.contiguous().unwrap();
    zeros.index_add(&Tensor::new(places, &Device::Cpu).unwrap(), &vectors, 0).unwrap()
}

fn logits_of_tail(model: &Model, added: &Tensor) -> Tensor {
    let mut tail = model.tail(&rows(), &[2, 0, 3], 0).unwrap();
    let firsts = [tail.place(0, 2).unwrap(), tail.place(1, 0).unwrap(), tail.place(2, 3).unwrap()];
    let tokens = tail.states().dim(0).unwrap();
    let read = [tail.place(0, 5).unwrap(), tail.place(0, 3).unwrap(), tail.place(1, 2).unwrap()];
    let last = model.config().layers - 1;
    let stream = tail.run(&spread(added, tokens, &firsts), &read, last).unwrap();
    model.logits(&stream).unwrap()
}

#[test]
fn a_tail_gives_what_the_whole_rows_give() {
    for name in DECODERS {
        let model = model(name);
        let vector = Tensor::new(vector(&model), &Device::Cpu).unwrap();
        let found: Vec<Vec<f64>> = logits_of_tail(&model, &vector).to_vec2().unwrap();
        let patch = Patch::Add {
            tap: Tap { layer: 0, site: Site::Block },
            positions: vec![Some(2), Some(0), Some(3)],
            vector,
        };
        let stream = model.forward(&rows(), &[], &[patch]).unwrap().stream;
        let whole: Vec<Vec<f64>> = model.logits(&stream).unwrap().to_vec2().unwrap();
        for (found, place) in found.iter().zip([5, 3, 8]) {
            for (found, whole) in found.iter().zip(&whole[place]) {
                assert!((found - whole).abs() < 1e-11, "{name}: {found} for {whole}");
            }
        }
    }
}

#[test]
fn gradients_of_a_tail_are_difference_quotients() {
    for name in DECODERS {
        let model = model(name);
        let loss = |vector: &Tensor| {
            let out = logits_of_tail(&model, vector);
            let weights: Vec<f64> = (0..out.elem_count()).map(|at| (at as f64).sin()).collect();
            let weights = Tensor::from_vec(weights, out.shape(), &Device::Cpu).unwrap();
            (out * weights).unwrap().sum_all().unwrap()
        };
        let start = vector(&model);
        let var = Var::new(start.as_slice(), &Device::Cpu).unwrap();
        let gradients = loss(var.as_tensor()).backward().unwrap();
        let gradient: Vec<f64> = gradients.get(&var).unwrap().to_vec1().unwrap();
        let largest = gradient.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
        assert!(largest > 1e-3, "{name}: the gradient is nearly 0");
        for (at, found) in gradient.iter().enumerate() {
            let value = |by: f64| {
                let mut vector = start.clone();
                vector[at] += by;
                loss(&Tensor::new(vector, &Device::Cpu).unwrap()).to_scalar::<f64>().unwrap()
            };
            let quotient = (value(1e-4) - value(-1e-4)) / 2e-4;
            assert!((found - quotient).abs() < 1e-6 * largest, "{name}, {at}: {found} for {quotient}");
        }
    }
}

#[test]
fn a_tail_above_the_last_block_or_at_its_own_gives_the_states_themselves() {
    let model = model("gpt2");
    let last = model.config().layers - 1;
    let mut tail = model.tail(&rows(), &[2, 0, 3], last).unwrap();
    let added = tail.states().zeros_like().unwrap();
    let place = tail.place(1, 2).unwrap();
    let found: Vec<Vec<f64>> = tail.run(&added, &[place], last).unwrap().to_vec2().unwrap();
    let stream: Vec<Vec<f64>> = model.forward(&rows(), &[], &[]).unwrap().stream.to_vec2().unwrap();
    for (found, whole) in found[0].iter().zip(&stream[8]) {
        assert!((found - whole).abs() < 1e-12);
    }
    assert_eq!((tail.place(0, 1), tail.place(0, 6), tail.place(3, 0)), (None, None, None));
}

#[test]
fn what_does_not_fit_a_tail_is_refused() {
    let model = model("gpt2");
    assert!(model.tail(&rows(), &[2, 0], 0).is_err());
    assert!(model.tail(&rows(), &[6, 0, 0], 0).is_err());
    assert!(model.tail(&rows(), &[0, 0, 0], 99).is_err());
    let mut tail = model.tail(&rows(), &[0, 0, 0], 0).unwrap();
    let added = tail.states().zeros_like().unwrap();
    assert!(tail.run(&added, &[13], 0).is_err());
    assert!(tail.run(&added, &[0], 99).is_err());
}
