//! Gradients through a whole model against difference quotients, in f64, where the two agree to many digits.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

use std::path::Path;

use candle_core::{DType, Device, Tensor, Var};

use crate::model::{Model, Patch, Site, Tap};
use crate::reader::{IoMode, Limits};

fn model(name: &str) -> Model {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/architectures").join(name);
    Model::open_in(&folder, &Limits::default(), IoMode::Auto, DType::F64).unwrap()
}

/// A fixed weighted sum of everything that two rows give: logits of a decoder, hidden states of an encoder.
fn loss(model: &Model, site: Site, vector: &Tensor) -> Tensor {
    let rows = [vec![3, 14, 15, 9, 2, 6], vec![5, 35, 8]];
    let patch =
        Patch::Add { tap: Tap { layer: 0, site }, positions: vec![Some(2), Some(0)], vector: vector.clone() };
    let x = model.forward(&rows, &[], &[patch]).unwrap().stream;
    let is_decoder = model.config().causal;
    let out = if is_decoder { model.logits(&x) } else { model.stack.hidden(&x) }.unwrap();
    let weights: Vec<f64> = (0..out.elem_count()).map(|at| (at as f64).sin()).collect();
    let weights = Tensor::from_vec(weights, out.shape(), &Device::Cpu).unwrap();
    (out * weights).unwrap().sum_all().unwrap()
}

fn shifted(vector: &[f64], at: usize, by: f64) -> Tensor {
    let mut vector = vector.to_vec();
    vector[at] += by;
    Tensor::new(vector, &Device::Cpu).unwrap()
}

/// A central difference of step h errs by h² f‴/6 and by rounding over h; with h = 1e-4 both stay below 1e-7 here.
#[track_caller]
fn check(name: &str, site: Site) {
    let model = model(name);
    let start: Vec<f64> = (0..model.config().hidden_size).map(|at| (at as f64).cos() / 2.0).collect();
    let var = Var::new(start.as_slice(), &Device::Cpu).unwrap();
    let gradients = loss(&model, site, var.as_tensor()).backward().unwrap();
    let gradient: Vec<f64> = gradients.get(&var).unwrap().to_vec1().unwrap();
    let largest = gradient.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
    assert!(largest > 1e-3, "{name}: the gradient is nearly 0");
    for (at, found) in gradient.iter().enumerate() {
        let value = |by| loss(&model, site, &shifted(&start, at, by)).to_scalar::<f64>().unwrap();
        let quotient = (value(1e-4) - value(-1e-4)) / 2e-4;
        assert!((found - quotient).abs() < 1e-6 * largest, "{name}, {site:?}, {at}: {found} for {quotient}");
    }
}

#[test]
fn gradients_of_a_vector_added_to_a_value_are_difference_quotients() {
    for name in
        ["gpt2", "gptj", "gpt-neox-parallel", "gpt-neox-sequential", "llama-grouped", "qwen3", "mistral"]
    {
        check(name, Site::Value);
    }
}

#[test]
fn gradients_reach_the_other_sites_and_pass_through_encoders() {
    check("gpt2", Site::Attention);
    check("gpt2", Site::Block);
    for name in ["t5-relu", "t5-gated", "bert"] {
        check(name, Site::Value);
    }
}
