//! The noise edge against noise, and the grid against the formats themselves.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::cast_possible_truncation, reason = "rounding is what is tested")]

use half::{bf16, f16};

use super::*;
use crate::linalg::engine;
use crate::tensor::Matrix;

/// Sum of twelve uniform numbers: normal enough.
fn normal(rows: usize, cols: usize, seed: u64) -> Matrix {
    let mut state = seed;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    Matrix::from_shape_simple_fn((rows, cols), || (0..12).map(|_| uniform()).sum::<f64>() - 6.0)
}

fn stored(dtype: Dtype, value: f64) -> f64 {
    match dtype {
        Dtype::BF16 => f64::from(bf16::from_f32(value as f32)),
        Dtype::F16 => f64::from(f16::from_f32(value as f32)),
        Dtype::F32 => f64::from(value as f32),
        _ => value.round_ties_even(),
    }
}

const DTYPES: [Dtype; 4] = [Dtype::BF16, Dtype::F16, Dtype::F32, Dtype::I32];

#[test]
fn rounding_noise_alone_stays_below_the_edge_and_not_far_below() {
    for dtype in DTYPES {
        for (rows, cols) in [(300, 700), (256, 256), (600, 150)] {
            let exact = normal(rows, cols, 3) * if dtype == Dtype::I32 { 1e5 } else { 0.02 };
            let after = exact.mapv(|value| stored(dtype, value));
            let edge = rounding_noise_edge((Dtype::F64, &exact), (dtype, &after)).unwrap();
            let noise = engine::singular_values(&(&after - &exact)).unwrap();
            let ratio = noise.first().unwrap() / edge;
            assert!((0.8..1.0).contains(&ratio), "{dtype} {rows}×{cols}: {ratio}");
        }
    }
}

#[test]
fn noise_of_outlier_columns_stays_below_the_edge_within_a_factor_of_two() {
    let mut exact = normal(300, 700, 4) * 0.02;
    for col in [3, 90, 400] {
        exact.column_mut(col).mapv_inplace(|value| value * 30.0);
    }
    exact.row_mut(17).mapv_inplace(|value| value * 10.0);
    let after = exact.mapv(|value| stored(Dtype::BF16, value));
    let edge = rounding_noise_edge((Dtype::F64, &exact), (Dtype::BF16, &after)).unwrap();
    let noise = engine::singular_values(&(&after - &exact)).unwrap();
    let ratio = noise.first().unwrap() / edge;
    assert!((0.5..1.0).contains(&ratio), "{ratio}");
}

#[test]
fn equal_variances_give_sigma_times_the_two_roots() {
    let ones = Matrix::from_elem((50, 90), 1.0);
    let edge = rounding_noise_edge((Dtype::BF16, &ones), (Dtype::BF16, &ones)).unwrap();
    let sigma = 2f64.powi(-7) / 12f64.sqrt();
    assert!((edge / (sigma * (50f64.sqrt() + 90f64.sqrt())) - 1.0).abs() < 1e-14);
    let both = rounding_noise_edge((Dtype::F16, &ones), (Dtype::BF16, &ones)).unwrap();
    assert!((both / edge - (1.0 + 2f64.powi(-6)).sqrt()).abs() < 1e-14);
}

#[test]
fn the_edge_does_not_depend_on_the_number_of_threads() {
    let a = normal(333, 77, 5);
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| rounding_noise_edge((Dtype::BF16, &a), (Dtype::F16, &a)).unwrap())
    };
    assert_eq!(with(1).to_bits(), with(3).to_bits());
}

#[test]
fn nothing_and_opaque_bytes_have_no_noise() {
    let none = Matrix::zeros((0, 5));
    assert_eq!(rounding_noise_edge((Dtype::F32, &none), (Dtype::F32, &none)).unwrap(), 0.0);
    let some = Matrix::from_elem((2, 2), 1.0);
    assert_eq!(rounding_noise_edge((Dtype::F4, &some), (Dtype::F4, &some)).unwrap(), 0.0);
}

#[test]
fn the_grid_of_each_dtype_is_that_of_its_format() {
    let mut values: Vec<f64> = normal(40, 50, 6).into_iter().collect();
    values.extend([
        0.0,
        -0.0,
        1.0,
        -1.0,
        1.5,
        1e-9,
        -3e-7,
        6.1e-5,
        0.5 + 2f64.powi(-9),
        0.5 + 3.0 * 2f64.powi(-9),
    ]);
    for dtype in DTYPES {
        let grid = Grid::of(dtype).unwrap();
        for &value in &values {
            // f32 holds what is rounded further, as half's own conversions go through it.
            let value = f64::from(value as f32);
            assert_eq!(grid.nearest(value), stored(dtype, value), "{dtype} {value:e}");
            assert_eq!(grid.squared_step(value), rounding_step(dtype, value).powi(2), "{dtype} {value:e}");
        }
    }
    assert_eq!(Grid::of(Dtype::F64).unwrap().nearest(0.1), 0.1);
}
