//! RECT and PRUNE against `NumPy`, and what the tests of other equations read of the same file.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

use std::path::Path;

use ndarray::Array2;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{PruneForm, RectKind, prune, rect};
use crate::keys::Adjustment;
use crate::reader::SecondMoment;
use crate::tensor::Matrix;

/// A part of what `fixtures/make/edits_expected.py` wrote.
pub(super) fn expected(part: &str) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/edits/expected.json");
    let all: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    all[part].clone()
}

/// A matrix as the fixture has it.
pub(super) fn matrix<T: DeserializeOwned + Clone>(value: &Value) -> Array2<T> {
    let rows: Vec<Vec<T>> = serde_json::from_value(value.clone()).unwrap();
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
}

/// C, ready to solve with.
pub(super) fn moment(c: Matrix) -> Adjustment {
    let source = String::new();
    let moment = SecondMoment { sum: c * 100.0, count: 100, documents: None, module: None, source };
    Adjustment::new(moment, 0.0).unwrap()
}

/// Holds every entry to `bound` of the largest.
#[track_caller]
pub(super) fn assert_near(found: &Matrix, expected: &Matrix, bound: f64) {
    let scale = expected.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
    assert_eq!(found.dim(), expected.dim());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= bound * scale, "{found} is not {expected}");
    }
}

#[test]
fn both_masks_of_rect_keep_what_argpartition_and_kthvalue_keep() {
    let all = expected("rect");
    let (weight, delta): (Array2<f32>, Matrix) = (matrix(&all["weight"]), matrix(&all["delta"]));
    for mask in all["masks"].as_array().unwrap() {
        let share = mask["share"].as_f64().unwrap();
        for (name, kind) in [("relative", RectKind::Relative(share)), ("shifted", RectKind::Shifted(share))] {
            let wanted: Vec<f64> = serde_json::from_value(mask[name].clone()).unwrap();
            let mut found = delta.clone();
            let kept = rect::keep(&mut found, weight.view(), kind);
            assert_eq!(kept as f64, wanted.iter().sum::<f64>(), "{kind:?}");
            let masked = delta.iter().zip(&wanted).map(|(delta, keep)| delta * keep);
            assert!(found.iter().copied().eq(masked), "{kind:?}");
        }
    }
}

#[test]
fn both_forms_of_prune_are_those_of_numpy() {
    let all = expected("prune");
    let (before, now): (Array2<f32>, Array2<f32>) = (matrix(&all["before"]), matrix(&all["now"]));
    for (name, form) in [("intended", PruneForm::Intended), ("as_coded", PruneForm::AsCoded)] {
        let found = prune(before.view(), now.view(), form).unwrap();
        assert_near(&found.weight, &matrix(&all[name]), 1e-13);
        assert_eq!(found.restrained as u64, all["restrained"].as_u64().unwrap());
        assert!((found.limit / all["limit"].as_f64().unwrap() - 1.0).abs() < 1e-13);
        assert!((found.largest / all["singular_values"][0].as_f64().unwrap() - 1.0).abs() < 1e-13);
    }
}
