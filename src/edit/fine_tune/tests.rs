//! Gradients by W and b against difference quotients in f64, and settings that make no sense.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::DType;

use super::*;
use crate::edit::NullSpace;
use crate::reader::{ContextTemplates, IoMode, Limits};

fn model(name: &str) -> Model {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/architectures").join(name);
    Model::open_in(&folder, &Limits::default(), IoMode::Auto, DType::F64).unwrap()
}

/// Two rows with three labels of two requests, as [`Objective::new`] makes them of text.
fn objective(model: &Model, layer: usize) -> Objective<'_> {
    let rows = [vec![3, 14, 15, 9, 2, 6], vec![5, 35, 8]];
    let tail = model.tail(&rows, &[0, 0], layer).unwrap();
    let places = [(0, 4), (0, 5), (1, 2)].map(|(row, at)| tail.place(row, at).unwrap()).to_vec();
    let goals = vec![(Goal::Token(7), 0.25), (Goal::Token(11), 0.25), (Goal::Token(1), 0.5)];
    let tap = Tap { layer, site: Site::Key };
    let keys = model.forward(&rows, &[tap], &[]).unwrap().taps.remove(0);
    let keys = Matrix::from_shape_vec(keys.dims2().unwrap(), doubles(&keys).unwrap()).unwrap();
    Objective { model, tail, keys, places, goals, labels: vec![2, 1], requests: 2 }
}

#[test]
fn the_gradient_by_weight_and_bias_is_the_difference_quotient() {
    for (name, layer) in
        [("gpt2", 0), ("gptj", 0), ("gpt-neox-parallel", 0), ("llama-grouped", 0), ("gpt2", 1)]
    {
        let model = model(name);
        let (weight, bias) = model.down_projection_weight(layer).unwrap();
        let start = Parameters::new(weight.view(), bias.as_deref());
        let mut change = start.zeros_like();
        change.numbers_mut().enumerate().for_each(|(at, x)| *x = 0.02 * (at as f64).sin());
        let mut objective = objective(&model, layer);
        let found = objective.at(&change).unwrap();
        let gradient = found.gradient(&objective.keys, &start).unwrap();
        let largest = gradient.numbers().fold(0.0_f64, |most, x| most.max(x.abs()));
        assert!(largest > 1e-4, "{name}: the gradient is nearly 0");
        let count = gradient.numbers().count();
        for at in (0..count).step_by(97).chain([count - 1]) {
            let mut value = |by: f64| {
                let mut change = change.clone();
                *change.numbers_mut().nth(at).unwrap() += by;
                objective.at(&change).unwrap().each.iter().sum::<f64>() / 2.0
            };
            let quotient = (value(1e-4) - value(-1e-4)) / 2e-4;
            let found = *gradient.numbers().nth(at).unwrap();
            assert!((found - quotient).abs() < 1e-6 * largest, "{name}, {at}: {found} for {quotient}");
        }
    }
}

#[test]
fn what_is_added_behind_the_block_is_what_the_changed_matrix_would_add() {
    let mut model = model("gpt2");
    let (weight, bias) = model.down_projection_weight(0).unwrap();
    let start = Parameters::new(weight.view(), bias.as_deref());
    let mut change = start.zeros_like();
    // Powers of two, so that W + ΔW is exact in f32.
    change.numbers_mut().enumerate().for_each(|(at, x)| *x = if at % 3 == 0 { 0.0 } else { 2_f64.powi(-6) });
    let mut before = objective(&model, 0);
    let each = before.at(&change).unwrap().each;
    let Change::Whole { weight, bias } = stored(&model, 0, &start, &change).unwrap() else { panic!() };
    model.set_down_projection(0, weight.view(), bias.as_deref()).unwrap();
    let set = objective(&model, 0).at(&start.zeros_like()).unwrap().each;
    for (added, set) in each.iter().zip(set) {
        // W' is rounded to f32.
        assert!((added - set).abs() < 1e-7 * set, "{added} for {set}");
    }
}

fn setup<'a>(
    hparams: &'a Hparams,
    method: Method,
    contexts: &'a ContextTemplates,
    moments: &'a BTreeMap<usize, crate::keys::Adjustment>,
) -> Setup<'a> {
    Setup { method, hparams, contexts, moments, rect: None, null_space: None }
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let model = model("gpt2");
    let (contexts, moments) = (ContextTemplates::new(vec![vec!["{}".to_owned()]]).unwrap(), BTreeMap::new());
    let refused = |layers: &[usize], method, null_space| {
        let hparams = Hparams { layers: layers.to_vec(), ..Hparams::default() };
        let setup = Setup { null_space, ..setup(&hparams, method, &contexts, &moments) };
        Plan::of(&model, &setup).err().unwrap().to_string()
    };
    for layers in [&[][..], &[0, 1], &[9]] {
        let said = refused(layers, Method::FineTune, None);
        assert_eq!(said, format!("hyper-parameter `layers`: {layers:?}, needed is one layer from 0 to 1"));
    }
    assert!(
        refused(&[0], Method::FineTuneConstrained, None)
            .starts_with("hyper-parameter `norm_constraint`: absent")
    );
    let spaces: BTreeMap<usize, NullSpace> = BTreeMap::new();
    assert!(
        refused(&[0], Method::FineTune, Some(&spaces))
            .starts_with("ft cannot be projected into a null space")
    );
}
