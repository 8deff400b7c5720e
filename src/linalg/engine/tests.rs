//! The engine against known factorisations, and against the other engine where both are there.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

use ndarray::{Array1, array};

use super::*;

fn random(rows: usize, cols: usize, seed: u64) -> Matrix {
    let mut state = seed;
    Matrix::from_shape_simple_fn((rows, cols), || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    })
}

/// Q of a random square matrix: its left singular vectors.
fn orthogonal(order: usize, seed: u64) -> Matrix {
    thin_svd(&random(order, order, seed)).unwrap().u
}

fn hilbert(order: usize) -> Matrix {
    Matrix::from_shape_fn((order, order), |(i, j)| 1.0 / (i + j + 1) as f64)
}

#[track_caller]
fn assert_close(found: &[f64], expected: &[f64], relative_to_largest: f64) {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(0.0_f64, |scale, value| scale.max(value.abs()));
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= relative_to_largest * scale, "{found} is not {expected}");
    }
}

fn largest(a: &Matrix) -> f64 {
    a.iter().fold(0.0, |largest, value| largest.max(value.abs()))
}

#[test]
fn singular_values_of_a_two_by_two_matrix_are_those_on_paper() {
    // AᵀA = [[25, 20], [20, 25]], with eigenvalues 45 and 5.
    let values = singular_values(&array![[3.0, 0.0], [4.0, 5.0]]).unwrap();
    assert_close(&values, &[45.0_f64.sqrt(), 5.0_f64.sqrt()], 1e-15);
}

#[test]
fn singular_values_of_a_diagonal_are_its_magnitudes_in_order() {
    let values = singular_values(&Matrix::from_diag(&array![1e-9, -7.0, 0.0, 2.5])).unwrap();
    assert_close(&values, &[7.0, 2.5, 1e-9, 0.0], 1e-15);
}

#[test]
fn an_ill_conditioned_hilbert_matrix_has_its_published_extremes() {
    // Order 10: σ₁ and σ₁₀ to the digits of an exact-arithmetic computation.
    let values = singular_values(&hilbert(10)).unwrap();
    assert!((values[0] - 1.751_919_670_265_178).abs() < 1e-14);
    assert!((values[9] - 1.093e-13).abs() < 1e-15);
}

#[test]
fn a_planted_spectrum_comes_back() {
    let planted: Vec<f64> = (0..40).map(|i| 10f64.powi(-i / 4)).collect();
    let a = orthogonal(40, 1).dot(&Matrix::from_diag(&Array1::from(planted.clone()))).dot(&orthogonal(40, 2));
    assert_close(&singular_values(&a).unwrap(), &planted, 1e-13);
}

#[test]
fn the_thin_decomposition_multiplies_back_with_orthonormal_factors() {
    for (rows, cols) in [(1, 7), (7, 1), (1, 1), (30, 80), (80, 30)] {
        let a = random(rows, cols, 3);
        let Svd { u, s, vt } = thin_svd(&a).unwrap();
        let k = rows.min(cols);
        assert_eq!((u.dim(), s.len(), vt.dim()), ((rows, k), k, (k, cols)));
        assert!(s.is_sorted_by(|a, b| a >= b));
        assert!(largest(&(u.dot(&Matrix::from_diag(&Array1::from(s.clone()))).dot(&vt) - &a)) < 1e-13);
        assert!(largest(&(u.t().dot(&u) - Matrix::eye(k))) < 1e-13);
        assert!(largest(&(vt.dot(&vt.t()) - Matrix::eye(k))) < 1e-13);
    }
}

#[test]
fn eigenvalues_keep_their_signs_and_multiply_back_with_their_vectors() {
    let paper = symmetric_eigen(&array![[2.0, 99.0], [2.0, -1.0]]).unwrap();
    assert_close(&paper.values, &[-2.0, 3.0], 1e-15);
    for order in [1, 2, 7, 60] {
        let vectors = orthogonal(order, 8);
        let planted: Vec<f64> = (0..order).map(|i| i as f64 - 3.0).collect();
        let a = vectors.dot(&Matrix::from_diag(&Array1::from(planted.clone()))).dot(&vectors.t());
        let found = symmetric_eigen(&a).unwrap();
        assert_close(&found.values, &planted, 1e-14);
        let again =
            found.vectors.dot(&Matrix::from_diag(&Array1::from(found.values))).dot(&found.vectors.t());
        assert!(largest(&(again - &a)) < 1e-12);
        assert!(largest(&(found.vectors.t().dot(&found.vectors) - Matrix::eye(order))) < 1e-13);
    }
    assert!(symmetric_eigen(&Matrix::zeros((0, 0))).unwrap().values.is_empty());
    assert!(matches!(
        symmetric_eigen(&Matrix::zeros((2, 3))),
        Err(EngineError::NotSquare { rows: 2, cols: 3 })
    ));
}

#[test]
fn a_matrix_without_elements_has_no_values() {
    assert!(singular_values(&Matrix::zeros((0, 3))).unwrap().is_empty());
    assert_eq!(thin_svd(&Matrix::zeros((3, 0))).unwrap().u.dim(), (3, 0));
}

#[test]
fn a_column_major_matrix_is_read_by_its_indices() {
    let a = random(3, 5, 4);
    let transposed_storage = a.t().as_standard_layout().into_owned().reversed_axes();
    assert_eq!(a, transposed_storage);
    assert_close(&singular_values(&transposed_storage).unwrap(), &singular_values(&a).unwrap(), 1e-14);
    let square = a.dot(&a.t()).reversed_axes();
    let solution =
        Cholesky::factor(&square).unwrap().solve(&random(3, 2, 5).reversed_axes().t().to_owned()).unwrap();
    assert!(largest(&(square.dot(&solution) - random(3, 2, 5))) < 1e-12);
}

#[test]
fn a_solve_leaves_a_residual_of_the_size_of_rounding() {
    let factor = random(60, 90, 5);
    let a = factor.dot(&factor.t());
    for cols in [0, 1, 3, 20] {
        let rhs = random(60, cols, 6);
        let solution = Cholesky::factor(&a).unwrap().solve(&rhs).unwrap();
        let residual = a.dot(&solution) - &rhs;
        assert!(largest(&residual) <= 1e-13 * largest(&a) * largest(&solution).max(1.0));
    }
}

#[test]
fn only_the_lower_triangle_is_read() {
    let mut a = array![[4.0, 99.0], [2.0, 5.0]];
    let rhs = array![[8.0], [9.0]];
    assert_close(
        Cholesky::factor(&a).unwrap().solve(&rhs).unwrap().as_slice().unwrap(),
        &[1.375, 1.25],
        1e-15,
    );
    a[(0, 1)] = -99.0;
    assert_close(
        Cholesky::factor(&a).unwrap().solve(&rhs).unwrap().as_slice().unwrap(),
        &[1.375, 1.25],
        1e-15,
    );
}

#[test]
fn what_cannot_be_factored_says_why() {
    let factor = |a: &Matrix| Cholesky::factor(a).err();
    assert_eq!(factor(&Matrix::zeros((2, 3))), Some(EngineError::NotSquare { rows: 2, cols: 3 }));
    let indefinite = Matrix::from_diag(&array![1.0, 4.0, -1.0, 2.0]);
    assert_eq!(factor(&indefinite), Some(EngineError::NotPositiveDefinite { pivot: 2 }));
    let mut nan = Matrix::eye(3);
    nan[(2, 1)] = f64::NAN;
    assert_eq!(factor(&nan), Some(EngineError::NotFinite { row: 2, col: 1 }));
    assert_eq!(singular_values(&nan), Err(EngineError::NotFinite { row: 2, col: 1 }));
}

#[test]
fn a_right_hand_side_that_does_not_fit_names_both_shapes() {
    let error = Cholesky::factor(&Matrix::eye(3)).unwrap().solve(&Matrix::zeros((2, 5))).unwrap_err();
    assert_eq!(error, EngineError::ShapeMismatch { rows: 2, cols: 5, order: 3 });
    assert_eq!(error.to_string(), "right-hand side is 2 × 5, the matrix is 3 × 3");
}

#[test]
fn no_bit_of_faer_depends_on_the_number_of_threads() {
    let (a, rhs) = (random(700, 600, 15), random(600, 9, 16));
    let gram = a.t().dot(&a);
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            (faer::thin_svd(&a).unwrap().u, faer::Factor::new(&gram).unwrap().solve(&rhs).unwrap())
        })
    };
    assert!(with(1) == with(2) && with(1) == with(5));
}

#[cfg(lapack)]
#[test]
fn both_engines_find_the_same_singular_values() {
    let deficient = random(50, 4, 7).dot(&random(4, 70, 8));
    let ill_conditioned = hilbert(12);
    for a in [
        random(60, 60, 9),
        random(120, 35, 10),
        random(1, 9, 11),
        random(9, 1, 12),
        deficient,
        ill_conditioned,
    ] {
        assert_close(&lapack::singular_values(&a).unwrap(), &faer::singular_values(&a).unwrap(), 1e-12);
        assert_close(&lapack::thin_svd(&a).unwrap().s, &faer::thin_svd(&a).unwrap().s, 1e-12);
    }
}

#[cfg(lapack)]
#[test]
fn both_engines_find_the_same_eigenvalues_in_the_lower_triangle() {
    for order in [1, 9, 60] {
        let a = random(order, order, 15);
        let [ours, theirs] = [faer::symmetric_eigen(&a).unwrap(), lapack::symmetric_eigen(&a).unwrap()];
        assert_close(&theirs.values, &ours.values, 1e-13);
        let symmetric = Matrix::from_shape_fn((order, order), |(i, j)| a[(i.max(j), i.min(j))]);
        let again =
            theirs.vectors.dot(&Matrix::from_diag(&Array1::from(theirs.values))).dot(&theirs.vectors.t());
        assert!(largest(&(again - symmetric)) < 1e-12);
    }
}

#[cfg(lapack)]
#[test]
fn both_engines_solve_and_refuse_alike() {
    let tall = random(80, 50, 13);
    let mut a = tall.t().dot(&tall);
    let rhs = random(50, 3, 14);
    let solutions =
        [faer::Factor::new(&a).unwrap().solve(&rhs), lapack::Factor::new(&a).unwrap().solve(&rhs)];
    for solution in solutions {
        assert!(largest(&(a.dot(&solution.unwrap()) - &rhs)) < 1e-11);
    }
    a[(30, 30)] = -1.0;
    let pivots = (faer::Factor::new(&a).err(), lapack::Factor::new(&a).err());
    assert_eq!(pivots, (Some(EngineError::NotPositiveDefinite { pivot: 30 }), pivots.0));
}

#[test]
fn a_gram_update_is_the_plain_triple_loop_below_the_diagonal_and_nothing_above() {
    // 700 is beyond what one thread does alone, 3 and 1 are smaller than any block.
    for (k, n) in [(5, 3), (1, 1), (33, 67), (20, 700)] {
        let (rows, before) = (random(k, n, 3), random(n, n, 4));
        let mut sum = before.clone();
        add_gram(&mut sum, &rows).unwrap();
        for ((i, j), &found) in sum.indexed_iter() {
            let terms = || (0..k).map(|r| rows[(r, i)] * rows[(r, j)]);
            let bound = (k + 1) as f64 * f64::EPSILON / 2.0
                * (terms().map(f64::abs).sum::<f64>() + before[(i, j)].abs());
            let expected = before[(i, j)] + if j <= i { terms().sum() } else { 0.0 };
            assert!((found - expected).abs() <= bound, "{k} × {n} at ({i}, {j}): {found} {expected}");
        }
    }
}

#[test]
fn a_gram_update_has_the_same_bits_for_any_number_of_threads() {
    let rows = random(300, 700, 9);
    let bits = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut sum = Matrix::zeros((700, 700));
            add_gram(&mut sum, &rows).unwrap();
            sum.iter().map(|x| x.to_bits()).collect::<Vec<_>>()
        })
    };
    let one = bits(1);
    assert!(bits(2) == one && bits(5) == one);
}

#[test]
fn a_gram_update_refuses_what_does_not_fit_and_takes_any_layout() {
    let mut sum = Matrix::zeros((2, 2));
    let refused = add_gram(&mut sum, &Matrix::zeros((4, 3)));
    assert_eq!(refused, Err(EngineError::ShapeMismatch { rows: 4, cols: 3, order: 2 }));
    assert!(add_gram(&mut Matrix::zeros((2, 3)), &Matrix::zeros((4, 3))).is_err());
    add_gram(&mut sum, &Matrix::zeros((0, 2))).unwrap();
    add_gram(&mut sum, &array![[1.0, 2.0], [3.0, 4.0]].reversed_axes()).unwrap();
    assert_eq!(sum, array![[5.0, 0.0], [11.0, 25.0]]);
    mirror_lower(&mut sum);
    assert_eq!(sum, array![[5.0, 11.0], [11.0, 25.0]]);
    let mut turned = Matrix::zeros((2, 2)).reversed_axes();
    add_gram(&mut turned, &array![[1.0, 3.0], [2.0, 4.0]]).unwrap();
    assert_eq!(turned, array![[5.0, 0.0], [11.0, 25.0]]);
}

#[test]
fn a_matrix_of_nothing_has_a_factor_and_solves_nothing() {
    let factor = Cholesky::factor(&Matrix::zeros((0, 0))).unwrap();
    assert_eq!(factor.solve(&Matrix::zeros((0, 2))).unwrap().dim(), (0, 2));
}
