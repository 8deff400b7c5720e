//! What a value can be optimised with, and what it is clamped to.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::path::Path;

use super::*;
use crate::reader::{IoMode, Limits};

fn model(name: &str) -> Model {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/architectures").join(name);
    Model::open(&folder, &Limits::default(), IoMode::Auto).unwrap()
}

#[test]
fn a_loss_layer_that_is_the_last_is_the_one_that_is_none() {
    let model = model("gpt2");
    let last = model.config().layers - 1;
    let none = ValueOptions::of(&Hparams::default(), 0, ValueSite::Block, &model).unwrap();
    assert_eq!(none.loss_layer, last);
}

#[test]
fn hyper_parameters_that_make_no_sense_are_refused_by_name() {
    let model = model("gpt2");
    let refused = |hparams: Hparams| {
        let error = ValueOptions::of(&hparams, 1, ValueSite::Value, &model).unwrap_err();
        (error.kind(), error.to_string())
    };
    let (kind, message) = refused(Hparams { v_loss_layer: Some(47), ..Hparams::default() });
    assert_eq!(kind, "hparams");
    assert_eq!(
        message,
        "hyper-parameter `v_loss_layer`: 47, needed is a block from the edited one on, 1 to 1"
    );
    assert!(refused(Hparams { v_loss_layer: Some(0), ..Hparams::default() }).1.contains("1 to 1"));
    assert!(refused(Hparams { v_num_grad_steps: 0, ..Hparams::default() }).1.contains("1 or more"));
    assert!(refused(Hparams { v_lr: f64::NAN, ..Hparams::default() }).1.contains("`v_lr`: NaN"));
    assert!(
        refused(Hparams { clamp_norm_factor: -1.0, ..Hparams::default() }).1.contains("clamp_norm_factor")
    );
}

#[test]
fn a_vector_is_clamped_to_the_sphere_and_no_further() {
    let mut vector = [3.0, 4.0];
    assert!(!clamp(&mut vector, 5.0));
    assert!(clamp(&mut vector, 1.0));
    assert!((vector[0] - 0.6).abs() < 1e-15 && (vector[1] - 0.8).abs() < 1e-15);
}
