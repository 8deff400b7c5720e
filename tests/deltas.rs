//! Every number of a comparison against `NumPy` and `SciPy` (`fixtures/make/deltas_expected.py`).

#![expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts of small fixtures")]

use std::path::{Path, PathBuf};

use collapse_diagnostics::deltas::{
    Change, Deltas, NonFinite, Plan, SpectrumOutcome, SpectrumPlan, Status, compare, histogram,
};
use collapse_diagnostics::reader::{Checkpoint, IoMode, Limits};
use collapse_diagnostics::tensor::NumberKind;
use serde_json::Value;

/// Sums: the bound that the project promises against float64.
const SUMS: f64 = 1e-10;
/// Leading singular values.
const LEADING: f64 = 1e-6;
/// Quantiles: one bucket.
const BUCKET: f64 = 1.0 / 128.0;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

fn expected() -> Value {
    let text = std::fs::read_to_string(fixtures().join("deltas/expected.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn found(pair: &Value, plan: &Plan, io: IoMode) -> Deltas {
    let open = |side: &str| {
        let path = fixtures().join(pair[side]["path"].as_str().unwrap());
        Checkpoint::open(&path, &Limits::default(), io).unwrap()
    };
    compare(&open("before"), &open("after"), plan, &()).unwrap()
}

fn with_norms() -> Plan {
    Plan { norms: true, spectrum: SpectrumPlan::Every(8), ..Plan::default() }
}

fn pairs() -> Vec<(String, Value)> {
    let pairs = expected()["pairs"].as_object().unwrap().clone();
    assert!(pairs.len() >= 12, "the fixtures lost a pair");
    pairs.into_iter().collect()
}

/// A number of the expected values, where the three that JSON lacks are strings.
fn number(value: &Value) -> f64 {
    match value.as_str() {
        Some("nan") => f64::NAN,
        Some("inf") => f64::INFINITY,
        Some("-inf") => f64::NEG_INFINITY,
        Some(other) => panic!("no number: {other}"),
        None => value.as_f64().unwrap(),
    }
}

#[track_caller]
fn close(what: &str, found: f64, expected: &Value, bound: f64) {
    let expected = number(expected);
    let same = found == expected || (found.is_nan() && expected.is_nan());
    let error = (found - expected).abs() / expected.abs();
    assert!(same || error <= bound, "{what}: found {found:e}, expected {expected:e}, off by {error:e}");
}

fn nonfinite(value: &Value) -> NonFinite {
    let count = |kind: &str| value[kind].as_u64().unwrap();
    NonFinite { nan: count("nan"), pos_inf: count("pos_inf"), neg_inf: count("neg_inf") }
}

#[test]
fn every_field_of_every_tensor_is_what_numpy_finds() {
    let mut compared = 0;
    for (name, pair) in pairs() {
        let deltas = found(&pair, &with_norms(), IoMode::Auto);
        let expected = pair["tensors"].as_object().unwrap();
        assert_eq!(deltas.tensors.len(), expected.len(), "{name}");
        for tensor in &deltas.tensors {
            let what = format!("{name} {}", tensor.name);
            let expected = &expected[&tensor.name];
            assert_eq!(status(tensor.status), expected["status"], "{what}");
            if let Some(shape) = expected["shape"].as_array() {
                let shape: Vec<u64> = shape.iter().map(|extent| extent.as_u64().unwrap()).collect();
                assert_eq!(tensor.shape.0, shape, "{what}");
            }
            assert_eq!(tensor.change.is_some(), expected["change"].is_object(), "{what}: change");
            if let Some(change) = &tensor.change {
                check_change(&what, change, &expected["change"]);
                compared += 1;
            }
        }
    }
    assert!(compared > 100, "only {compared} tensors were compared as numbers");
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Identical => "identical",
        Status::Changed => "changed",
        Status::Added => "added",
        Status::Removed => "removed",
        Status::Reshaped => "reshaped",
    }
}

fn check_change(what: &str, change: &Change, expected: &Value) {
    assert_eq!(change.changed_elements, expected["changed_elements"].as_u64().unwrap(), "{what}");
    for (field, found, bound) in [
        ("before_norm", change.before_norm, SUMS),
        ("after_norm", change.after_norm, SUMS),
        ("delta_norm", change.delta_norm, SUMS),
        ("relative_delta", change.relative_delta, SUMS),
        ("normalized_delta", change.normalized_delta, SUMS),
        ("max_abs_delta", change.max_abs_delta, 0.0),
        ("mean_abs_delta", change.mean_abs_delta, SUMS),
        ("rms_delta", change.rms_delta, SUMS),
    ] {
        close(&format!("{what} {field}"), found, &expected[field], bound);
    }
    let cosine = number(&expected["cosine"]);
    let same = change.cosine.is_nan() && cosine.is_nan();
    assert!(same || (change.cosine - cosine).abs() <= 1e-12, "{what} cosine {} {cosine}", change.cosine);
    let index: Vec<u64> =
        expected["max_abs_index"].as_array().unwrap().iter().map(|at| at.as_u64().unwrap()).collect();
    assert_eq!(change.max_abs_index, index, "{what} max_abs_index");
    let quantiles = &expected["abs_delta_quantiles"];
    for (field, found) in [
        ("p50", change.abs_delta_quantiles.p50),
        ("p90", change.abs_delta_quantiles.p90),
        ("p99", change.abs_delta_quantiles.p99),
        ("p999", change.abs_delta_quantiles.p999),
    ] {
        close(&format!("{what} {field}"), found, &quantiles[field], BUCKET);
    }
    assert_eq!(change.nonfinite_before, nonfinite(&expected["nonfinite_before"]), "{what}");
    assert_eq!(change.nonfinite_after, nonfinite(&expected["nonfinite_after"]), "{what}");
    assert_eq!(change.new_nonfinite, expected["new_nonfinite"].as_u64().unwrap(), "{what}");
}

#[test]
fn leading_singular_values_are_those_of_a_full_decomposition() {
    let mut compared = 0;
    for (name, pair) in pairs() {
        let deltas = found(&pair, &with_norms(), IoMode::Auto);
        for tensor in &deltas.tensors {
            let expected = &pair["tensors"][&tensor.name]["spectrum"];
            let SpectrumOutcome::Computed(spectrum) = &tensor.spectrum else {
                // A matrix of integers is a table, not an operator: it has none.
                let is_float =
                    tensor.dtype_before.is_some_and(|d| matches!(d.kind(), NumberKind::Float { .. }));
                assert!(!expected.is_object() || !is_float, "{name} {} has no spectrum", tensor.name);
                continue;
            };
            let what = format!("{name} {}", tensor.name);
            close(&format!("{what} σ₁"), spectrum.spectral_norm, &expected["spectral_norm"], LEADING);
            close(&format!("{what} stable rank"), spectrum.stable_rank, &expected["stable_rank"], LEADING);
            let relative = &expected["relative_spectral_norm"];
            close(&format!("{what} relative σ₁"), spectrum.relative_spectral_norm, relative, 1e-5);
            let first = number(&expected["spectral_norm"]);
            for (value, expected) in
                spectrum.singular_values.iter().zip(expected["singular_values"].as_array().unwrap())
            {
                // A value far below the first one is known to the same absolute precision.
                assert!((value - number(expected)).abs() <= LEADING * first, "{what}: {value:e} {expected}");
            }
            if let Some(rank) = pair["planted_rank"].as_u64() {
                assert_eq!(spectrum.numerical_rank as u64, rank, "{what}: {spectrum:?}");
            }
            compared += 1;
        }
    }
    assert!(compared >= 6, "only {compared} spectra were compared");
}

#[test]
fn the_summary_counts_what_changed_and_nothing_else() {
    for (name, pair) in pairs() {
        let deltas = found(&pair, &Plan { spectrum: SpectrumPlan::Skip, ..Plan::default() }, IoMode::Auto);
        let (summary, expected) = (&deltas.summary, &pair["summary"]);
        for (field, found) in [
            ("tensors_compared", summary.tensors_compared as u64),
            ("tensors_changed", summary.tensors_changed as u64),
            ("tensors_identical", summary.tensors_identical as u64),
            ("new_nonfinite", summary.new_nonfinite),
        ] {
            assert_eq!(found, expected[field].as_u64().unwrap(), "{name} {field}");
        }
        for (field, found) in [
            ("added", &summary.added),
            ("removed", &summary.removed),
            ("reshaped", &summary.reshaped),
            ("retyped", &summary.retyped),
        ] {
            assert_eq!(&serde_json::json!(found), &expected[field], "{name} {field}");
        }
        for (field, found) in [
            ("delta_norm", summary.delta_norm),
            ("before_norm", summary.before_norm),
            ("relative_delta", summary.relative_delta),
        ] {
            close(&format!("{name} {field}"), found, &expected[field], SUMS);
        }
        for side in [("before", &deltas.before), ("after", &deltas.after)] {
            let expected = &pair[side.0];
            let found = (side.1.files, side.1.tensors, side.1.parameters, side.1.bytes);
            let count = |field: &str| expected[field].as_u64().unwrap();
            let expected =
                (count("files") as usize, count("tensors") as usize, count("parameters"), count("bytes"));
            assert_eq!(found, expected, "{name} {}", side.0);
        }
    }
}

#[test]
fn threads_and_the_way_of_reading_change_no_bit() {
    for (name, pair) in pairs() {
        let run = |threads: usize, io: IoMode| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            format!("{:?}", pool.install(|| found(&pair, &with_norms(), io)))
        };
        let one = run(1, IoMode::Mmap);
        for (threads, io) in [(2, IoMode::Mmap), (5, IoMode::Pread), (1, IoMode::Pread)] {
            assert_eq!(run(threads, io), one, "{name} with {threads} threads, {io:?}");
        }
    }
}

#[test]
fn the_histogram_counts_each_element_once() {
    let pair = &expected()["pairs"]["oracle-rome-normal"];
    let open = |side: &str| {
        let path = fixtures().join(pair[side]["path"].as_str().unwrap());
        Checkpoint::open(&path, &Limits::default(), IoMode::Auto).unwrap()
    };
    let (before, after) = (open("before"), open("after"));
    let name = "transformer.h.0.mlp.c_proj".parse().unwrap();
    let histogram = histogram(&before, &after, &name).unwrap();
    let counted: u64 = histogram.buckets.iter().map(|bucket| bucket.count).sum();
    let tensor = &pair["tensors"]["transformer.h.0.mlp.c_proj.weight"];
    assert_eq!(counted + histogram.zeros + histogram.nonfinite, tensor["elements"].as_u64().unwrap());
    let largest = number(&tensor["change"]["max_abs_delta"]);
    let last = histogram.buckets.last().unwrap();
    assert!(last.lower <= largest && largest < last.upper, "{last:?} {largest}");
    assert!(histogram.buckets.windows(2).all(|two| two[0].upper == two[1].lower), "buckets have gaps");
}

#[test]
fn a_tensor_of_millions_of_elements_has_the_quantiles_of_a_full_sort() {
    // Above the size from which windows are sampled, with rows of very different scale, as a rank-one
    // change has, so that a poor sample would miss.
    let (rows, cols) = (900_usize, 700_usize);
    let folder = tempfile::tempdir().unwrap();
    let mut state = 5_u64;
    let mut uniform = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    let left: Vec<f32> = (0..rows).map(|_| uniform() * uniform()).collect();
    let right: Vec<f32> = (0..cols).map(|_| uniform()).collect();
    let before: Vec<f32> = (0..rows * cols).map(|_| uniform()).collect();
    let after: Vec<f32> =
        before.iter().enumerate().map(|(i, x)| x + left[i / cols] * right[i % cols]).collect();
    let mut sorted: Vec<f64> =
        before.iter().zip(&after).map(|(a, b)| (f64::from(*b) - f64::from(*a)).abs()).collect();
    sorted.sort_by(f64::total_cmp);
    let open = |name: &str, values: &[f32]| {
        let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![rows, cols], &bytes);
        let path = folder.path().join(name);
        safetensors::serialize_to_file([("w", view.unwrap())], None, &path).unwrap();
        Checkpoint::open(&path, &Limits::default(), IoMode::Auto).unwrap()
    };
    let deltas =
        compare(&open("a.safetensors", &before), &open("b.safetensors", &after), &Plan::default(), &());
    let change = deltas.unwrap().tensors[0].change.clone().unwrap();
    let quantiles = change.abs_delta_quantiles;
    for (quantile, found) in
        [(0.5, quantiles.p50), (0.9, quantiles.p90), (0.99, quantiles.p99), (0.999, quantiles.p999)]
    {
        let rank = (quantile * sorted.len() as f64).ceil() as usize;
        let exact = sorted[rank - 1];
        assert!((found - exact).abs() <= exact / 128.0, "p{quantile}: {found:e}, exactly {exact:e}");
    }
    assert_eq!(change.max_abs_delta, *sorted.last().unwrap());
}
