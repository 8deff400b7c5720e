//! Block Lanczos against full decompositions and planted spectra.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

use super::*;
use crate::tensor::Matrix;

fn random(rows: usize, cols: usize, seed: u64) -> Matrix {
    let mut state = seed;
    Matrix::from_shape_simple_fn((rows, cols), || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    })
}

/// A matrix of those singular values between random orthonormal vectors.
fn planted(rows: usize, cols: usize, values: &[f64]) -> Matrix {
    let k = values.len();
    let u = engine::thin_svd(&random(rows, k, 1)).unwrap().u;
    let vt = engine::thin_svd(&random(k, cols, 2)).unwrap().vt;
    (u * &ndarray::Array1::from(values.to_vec())).dot(&vt)
}

fn spectrum(a: &Matrix, options: &SpectrumOptions) -> LeadingSpectrum {
    let spectrum = leading_singular_values(a, options).unwrap();
    assert!(spectrum.method.starts_with("block Lanczos"), "{}", spectrum.method);
    spectrum
}

#[track_caller]
fn assert_leading(found: &[f64], expected: &[f64], tolerance: f64) {
    assert!(!found.is_empty());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= tolerance * expected, "{found} is not {expected}");
    }
}

#[test]
fn leading_values_agree_with_a_full_decomposition() {
    for (rows, cols) in [(150, 400), (400, 150), (137, 263)] {
        let dense = random(rows, cols, 5);
        let found = spectrum(&dense, &SpectrumOptions::default());
        assert_leading(&found.singular_values, &engine::singular_values(&dense).unwrap(), 1e-7);
        assert!(found.residual < 1e-3);
    }
}

#[test]
fn decaying_and_clustered_spectra_come_back_to_eight_digits() {
    let decaying: Vec<f64> = (0..130).map(|i| 0.8_f64.powi(i)).collect();
    let clustered: Vec<f64> =
        (0..130).map(|i| if i < 5 { 1.0 + 1e-7 * f64::from(5 - i) } else { 0.3 }).collect();
    for values in [decaying, clustered] {
        let a = planted(200, 300, &values);
        let options = SpectrumOptions { rounding_edge: 0.05, ..Default::default() };
        let found = spectrum(&a, &options);
        assert_leading(&found.singular_values, &values, 1e-8);
        assert!(found.residual < 1e-4, "{}", found.residual);
    }
}

#[test]
fn the_rank_of_an_exactly_deficient_matrix_is_found_and_final() {
    for rank in [1, 2, 7, 8, 9, 40] {
        let values: Vec<f64> = (0..rank).map(|i| 2.0 - 0.01 * i as f64).collect();
        let found = spectrum(&planted(200, 300, &values), &SpectrumOptions::default());
        assert_eq!((found.rank, found.rank_is_lower_bound), (rank, false));
        assert_leading(&found.singular_values, &values, 1e-12);
        assert!((found.energy_above_edge / values.iter().map(|v| v * v).sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(found.residual < 1e-12);
    }
}

#[test]
fn a_value_that_occurs_more_often_than_a_block_is_wide_is_counted_each_time() {
    let found = spectrum(&planted(200, 300, &[3.0; 21]), &SpectrumOptions::default());
    assert_eq!((found.rank, found.rank_is_lower_bound), (21, false));
}

#[test]
fn values_eight_orders_below_the_first_are_still_seen() {
    let mut values = vec![1e-8; 130];
    values[0] = 1.0;
    values[1] = 3e-8;
    let options = SpectrumOptions { rounding_edge: 2e-8, ..Default::default() };
    let found = spectrum(&planted(200, 300, &values), &options);
    assert_eq!((found.rank, found.rank_is_lower_bound), (2, false));
    assert_leading(&found.singular_values[..2], &values, 1e-6);
}

#[test]
fn more_values_above_the_edge_than_the_cap_give_a_lower_bound() {
    let options = SpectrumOptions { rank_cap: 20, ..Default::default() };
    let found = spectrum(&random(200, 300, 3), &options);
    assert_eq!((found.rank, found.rank_is_lower_bound), (20, true));
}

#[test]
fn no_bit_depends_on_the_number_of_threads() {
    let a = random(700, 900, 4);
    let options = SpectrumOptions { rank_cap: 8, tolerance: 1e-3, ..Default::default() };
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| spectrum(&a, &options))
    };
    let one = with(1);
    for threads in [2, 3, 7] {
        assert_eq!(with(threads), one);
    }
}

#[test]
fn a_zero_matrix_has_zeros_and_rank_none() {
    let found = spectrum(&Matrix::zeros((200, 300)), &SpectrumOptions::default());
    assert_eq!((found.rank, found.rank_is_lower_bound, found.residual), (0, false, 0.0));
    assert_eq!(found.singular_values, [0.0; 8]);
    assert_eq!(spectral_norm(&Matrix::zeros((200, 300)), 1).unwrap(), 0.0);
}

#[test]
fn a_small_matrix_is_decomposed_as_a_whole() {
    for (rows, cols) in [(1, 1), (3, 50), (128, 300), (90, 128)] {
        let a = random(rows, cols, 6);
        let options = SpectrumOptions { rank_cap: 200, ..SpectrumOptions::default() };
        let found = leading_singular_values(&a, &options).unwrap();
        assert_eq!(found.method, "full SVD (engine)");
        assert_leading(&found.singular_values, &engine::singular_values(&a).unwrap(), 1e-14);
        assert_eq!((found.rank, found.rank_is_lower_bound), (rows.min(cols), false));
        assert!(found.residual < 1e-13);
    }
    let none = leading_singular_values(&Matrix::zeros((0, 5)), &SpectrumOptions::default()).unwrap();
    assert_eq!((none.singular_values, none.rank), (vec![], 0));
}

#[test]
fn the_spectral_norm_of_a_wide_matrix_with_few_rows_is_exact() {
    let a = random(12, 100_000, 7);
    let gram = a.dot(&a.t());
    let expected = engine::singular_values(&gram).unwrap()[0].sqrt();
    assert!((spectral_norm(&a, 1).unwrap() / expected - 1.0).abs() < 1e-9);
}

#[test]
fn a_source_that_fails_is_heard() {
    struct Failing;
    impl RowSource for Failing {
        type Error = &'static str;
        fn rows(&self) -> usize {
            200
        }
        fn cols(&self) -> usize {
            300
        }
        fn fill(&self, row: usize, _: usize, _: &mut [f64]) -> Result<(), &'static str> {
            if row == 77 { Err("row 77 is gone") } else { Ok(()) }
        }
    }
    let error = leading_singular_values(&Failing, &SpectrumOptions::default()).unwrap_err();
    assert_eq!(error, SpectrumError::Source("row 77 is gone"));
}

#[test]
fn a_matrix_that_is_not_finite_is_an_error_and_no_hang() {
    let mut a = random(200, 300, 8);
    a[(5, 5)] = f64::NAN;
    let error = leading_singular_values(&a, &SpectrumOptions::default()).unwrap_err();
    assert!(matches!(error, SpectrumError::Engine(EngineError::NotFinite { .. })));
}
