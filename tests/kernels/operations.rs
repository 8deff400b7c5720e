//! Operations of `compute/` on a device against the same on the processor: what users of `--device cuda` rely on.

use std::path::Path;
use std::sync::Arc;

use collapse_diagnostics::compute::{self, CPU, Choice, Device, GpuError, PairStreams, PositionSummary};
use collapse_diagnostics::deltas::{Deltas, Plan, SpectrumPlan, Status, compare};
use collapse_diagnostics::linalg::{SpectrumOptions, StoredMatrix, engine::add_gram};
use collapse_diagnostics::reader::{Checkpoint, IoMode, Limits};
use collapse_diagnostics::stats::{self, Measure};
use collapse_diagnostics::tensor::{Dtype, Matrix};
use ndarray::Array2;

use super::shim::{Shim, need_compiler};

fn device() -> Device {
    Device::on(Arc::new(Shim::new(3)))
}

#[track_caller]
fn assert_close(found: f64, expected: f64, what: &str) {
    let same = found == expected || (found.is_nan() && expected.is_nan());
    assert!(same || (found / expected - 1.0).abs() < 1e-12, "{what}: {found:e} is not {expected:e}");
}

/// The oracle's model against an edit of it.
fn compared(edit: &str, device: Device) -> Deltas {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/oracle");
    let open = |name: &str| Checkpoint::open(&folder.join(name), &Limits::default(), IoMode::Auto).unwrap();
    let plan = Plan { spectrum: SpectrumPlan::Every(4), norms: true, device, ..Plan::default() };
    compare(&open("model.safetensors"), &open(edit), &plan, &()).unwrap()
}

#[test]
fn checkpoints_compare_on_a_device_as_on_the_processor() {
    need_compiler!();
    for edit in ["after-rome-normal.safetensors", "after-rome-collapse.safetensors"] {
        let expected = compared(edit, Device::default());
        // One chunk at a time, and everything at once.
        for memory in [8 << 20, 1 << 30] {
            let found = compared(edit, device().with_memory(memory));
            assert_eq!(found.verdict.level, expected.verdict.level);
            assert!(expected.tensors.iter().any(|tensor| tensor.status == Status::Changed));
            for (found, expected) in found.tensors.iter().zip(&expected.tensors) {
                assert_eq!((&found.name, found.status), (&expected.name, expected.status));
                let (Some(found), Some(expected)) = (&found.change, &expected.change) else { continue };
                let exact = |of: &collapse_diagnostics::deltas::Change| {
                    (
                        of.changed_elements,
                        of.max_abs_delta,
                        of.max_abs_index.clone(),
                        of.abs_delta_quantiles,
                        of.new_nonfinite,
                    )
                };
                assert_eq!(exact(found), exact(expected));
                for (what, found, expected) in [
                    ("before", found.before_norm, expected.before_norm),
                    ("after", found.after_norm, expected.after_norm),
                    ("delta", found.delta_norm, expected.delta_norm),
                    ("mean", found.mean_abs_delta, expected.mean_abs_delta),
                ] {
                    assert_close(found, expected, what);
                }
                // A small cosine is the rest of large terms.
                assert!((found.cosine - expected.cosine).abs() < 1e-12);
            }
        }
    }
}

#[test]
fn spectra_on_a_device_are_those_of_the_processor() {
    need_compiler!();
    let (rows, cols) = (150, 611);
    let value = |row: usize, col: usize, seed: usize| {
        ((row * 7919 + col * 104_729 + seed) % 1009) as f32 / 504.0 - 1.0
    };
    let bytes = |edited: bool| -> Vec<u8> {
        let at = |at: usize| (at / cols, at % cols);
        let weight = |(row, col)| {
            let update =
                0.1 * value(row, 0, 5) * value(0, col, 7) + 0.02 * value(row, 1, 9) * value(1, col, 3);
            value(row, col, 1) + if edited { update } else { 0.0 }
        };
        (0..rows * cols).flat_map(|place| weight(at(place)).to_le_bytes()).collect()
    };
    let (before, after) = (bytes(false), bytes(true));
    let matrix = |bytes| StoredMatrix { dtype: Dtype::F32, bytes, rows, cols };
    let spectrum = |device: &Device| {
        compute::spectrum_of_change(device, matrix(&before), matrix(&after), &SpectrumOptions::default())
            .unwrap()
    };
    let (found, expected) = (spectrum(&device()), spectrum(&CPU));
    assert_eq!((found.spectrum.rank, expected.spectrum.rank), (2, 2));
    for (found, expected) in
        found.spectrum.singular_values.iter().zip(&expected.spectrum.singular_values).take(2)
    {
        assert!((found / expected - 1.0).abs() < 1e-10, "{found} {expected}");
    }
}

#[test]
fn permutations_on_a_device_give_the_same_p() {
    need_compiler!();
    let x: Vec<f64> = (0..60).map(|at| f64::from(at * 37 % 61)).collect();
    let y: Vec<f64> = x.iter().map(|x| (x / 9.0).floor() + x % 5.0).collect();
    let (broken, flat) = (vec![f64::NAN; 60], vec![1.0; 60]);
    for measure in [Measure::Spearman, Measure::Kendall, Measure::Pearson] {
        let ys: [&[f64]; 4] = [&y, &broken, &flat, &x];
        let found = compute::permutation_p(&device(), measure, &x, &ys, 199, 11).unwrap();
        assert_eq!(found, stats::permutation_p(measure, &x, &ys, 199, 11), "{measure:?}");
        assert!(found[0].is_some() && found[1..3] == [None, None]);
    }
}

#[test]
fn positions_on_a_device_are_those_of_the_processor() {
    need_compiler!();
    let (positions, length) = (5, 37);
    let mut values: Vec<f32> =
        (0..6 * positions * length).map(|at| (at * 7919 % 1009) as f32 / 100.0 - 5.0).collect();
    values[3 * positions * length + 2 * length + 4] = f32::NAN;
    values[7] = f32::NEG_INFINITY;
    let lengths = [5, 1, 0, 3, 9, 2];
    let summaries =
        |device: &Device| compute::position_stats(device, &values, &lengths, positions, length).unwrap();
    let (found, expected) = (summaries(&device()), summaries(&CPU));
    assert_eq!(found.len(), positions);
    for (found, expected) in found.iter().zip(&expected) {
        let exact = |of: &PositionSummary| (of.vectors, of.largest_component, of.nonfinite);
        assert_eq!(exact(found), exact(expected));
        for (what, found, expected) in [
            ("mean", found.mean, expected.mean),
            ("variance", found.variance, expected.variance),
            ("least", found.least, expected.least),
            ("largest", found.largest, expected.largest),
            ("size", found.largest_size, expected.largest_size),
            ("norms", found.mean_norm, expected.mean_norm),
            ("norm", found.largest_norm, expected.largest_norm),
        ] {
            assert_close(found, expected, what);
        }
    }
}

#[test]
fn second_moments_on_a_device_are_those_of_the_processor() {
    need_compiler!();
    let keys = Array2::from_shape_fn((70, 33), |(row, col)| ((row * 31 + col * 17) % 101) as f32 / 7.0 - 7.0);
    let skip: Vec<u8> = (0..70).map(|row| u8::from(row % 9 == 0)).collect();
    let mut found = Matrix::ones((33, 33));
    assert!(compute::add_keys(&device(), &mut found, keys.view(), &skip).unwrap());
    let kept: Vec<f64> = keys
        .rows()
        .into_iter()
        .zip(&skip)
        .filter(|(_, skip)| **skip == 0)
        .flat_map(|(row, _)| row.iter().map(|&x| f64::from(x)).collect::<Vec<_>>())
        .collect();
    let mut expected = Matrix::ones((33, 33));
    add_gram(&mut expected, &Matrix::from_shape_vec((kept.len() / 33, 33), kept).unwrap()).unwrap();
    for ((place, found), expected) in found.indexed_iter().zip(&expected) {
        assert!((found - expected).abs() <= 1e-11, "{place:?}: {found} {expected}");
    }
    assert!(!compute::add_keys(&CPU, &mut found, keys.view(), &skip).unwrap());
}

#[test]
fn a_device_that_is_not_there_is_told_of_and_auto_goes_without() {
    assert!(matches!(Device::choose(Choice::Cuda(4096)), Err(GpuError::Absent(_) | GpuError::Driver { .. })));
    let keys = Array2::zeros((2, 2));
    let auto = Device::choose(Choice::Auto).unwrap();
    assert!(!compute::add_keys(&auto, &mut Matrix::zeros((2, 2)), keys.view(), &[0, 0]).unwrap());
}

#[test]
fn auto_takes_a_device_for_much_work_once_it_has_passed_a_trial() {
    need_compiler!();
    let takes = |device: &Device, bytes| PairStreams::open(device, bytes).unwrap().is_some();
    let auto = |find| Device::auto(find).with_memory(8 << 20);
    let sound = auto(|| Ok(Arc::new(Shim::new(0))));
    assert!(!takes(&sound, 1 << 30));
    assert!(takes(&sound, 1 << 40));
    let wrong = auto(|| {
        let (from, to) = ("fabs(d);\n", "2.0 * fabs(d);\n");
        Ok(Arc::new(Shim::edited(0, "pair_stats", from, to)))
    });
    assert!(!takes(&wrong, 1 << 40));
    assert!(!takes(&auto(|| Err(GpuError::Absent("none".to_owned()))), 1 << 40));
}
