//! The condition number of a symmetric positive definite matrix whose Cholesky factor is there.
//!
//! ```text
//! κ₂(A) = λ_max(A) · λ_max(A⁻¹)
//! ```
//!
//! Each of the two by Lanczos with full reorthogonalisation (Golub & Van Loan, Matrix Computations, §10.1): the
//! largest eigenvalue of the small tridiagonal T never exceeds that of the matrix. A second moment has few large
//! eigenvalues far from the rest, so some tens of products settle them, where all eigenvalues would take n³.
//! Cost: 2 n² multiply-adds a step for each of the two, and 2 n k² for the k vectors of the basis.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};
use rayon::prelude::*;

use super::engine::{Cholesky, EngineError, thin_svd};
use crate::tensor::Matrix;

/// Steps after which the iteration stops whatever it has.
const MOST_STEPS: usize = 96;
/// Error of an eigenvalue, relative to it, at which the iteration stops.
const TOLERANCE: f64 = 1e-6;
/// Seed of the start vector: any will do that is not orthogonal to the wanted eigenvector.
const SEED: u64 = 0x5eed;

/// κ₂ of a symmetric positive definite `(n, n)` matrix: largest over smallest eigenvalue.
///
/// `factor` is the factor of that matrix. The value is a lower bound; relative error 2·10⁻⁶ where both iterations
/// settle within 96 steps, and n·κ₂·2⁻⁵³ from the solves, so beyond 10¹⁴ only its magnitude means something.
///
/// Degenerate: order 0 gives 1.
///
/// # Errors
/// [`EngineError::NotSquare`]; those of [`Cholesky::solve`], where the factor is of another order or a product is not finite.
pub fn condition_number(matrix: &Matrix, factor: &Cholesky) -> Result<f64, EngineError> {
    let (rows, cols) = matrix.dim();
    if rows != cols {
        return Err(EngineError::NotSquare { rows, cols });
    }
    if rows == 0 {
        return Ok(1.0);
    }
    let largest = largest_eigenvalue(rows, |vector| {
        let vector = ndarray::aview1(vector);
        Ok((0..rows).into_par_iter().map(|row| matrix.row(row).dot(&vector)).collect())
    })?;
    let inverse_of_smallest = largest_eigenvalue(rows, |vector| {
        let column = Matrix::from_shape_fn((rows, 1), |(row, _)| vector.get(row).copied().unwrap_or(0.0));
        Ok(factor.solve(&column)?.into_iter().collect())
    })?;
    Ok(largest * inverse_of_smallest)
}

/// The largest eigenvalue of a symmetric positive semidefinite operator of that order.
fn largest_eigenvalue(
    order: usize,
    mut apply: impl FnMut(&[f64]) -> Result<Vec<f64>, EngineError>,
) -> Result<f64, EngineError> {
    let steps = order.min(MOST_STEPS);
    let (mut basis, mut diagonal, mut beside) = (vec![start(order)], Vec::new(), Vec::new());
    loop {
        let Some(newest) = basis.last() else { return Ok(0.0) };
        let mut image = apply(newest)?;
        diagonal.push(dot(newest, &image));
        // Twice: one round leaves what rounding against the taken part amounts to.
        for vector in basis.iter().chain(&basis) {
            let along = dot(vector, &image);
            for (component, direction) in image.iter_mut().zip(vector) {
                *component -= along * direction;
            }
        }
        let beyond = dot(&image, &image).sqrt();
        let done = diagonal.len() == steps;
        if done || diagonal.len() % 4 == 0 || beyond == 0.0 {
            let (value, last_component) = ritz(&diagonal, &beside)?;
            if done || beyond * last_component <= TOLERANCE * value {
                return Ok(value);
            }
        }
        beside.push(beyond);
        basis.push(image.iter().map(|component| component / beyond).collect());
    }
}

/// The largest eigenvalue of the tridiagonal matrix, and the size of the last component of its vector.
///
/// T is positive semidefinite, so its singular values are its eigenvalues.
fn ritz(diagonal: &[f64], beside: &[f64]) -> Result<(f64, f64), EngineError> {
    let order = diagonal.len();
    let mut t = Matrix::from_diag(&ndarray::aview1(diagonal));
    for (row, &value) in beside.iter().enumerate() {
        for place in [(row, row + 1), (row + 1, row)] {
            if let Some(slot) = t.get_mut(place) {
                *slot = value;
            }
        }
    }
    let svd = thin_svd(&t)?;
    let last = svd.u.get((order.saturating_sub(1), 0)).copied().unwrap_or(0.0);
    Ok((svd.s.first().copied().unwrap_or(0.0), last.abs()))
}

/// A random unit vector.
fn start(order: usize) -> Vec<f64> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(SEED);
    let vector: Vec<f64> =
        (0..order).map(|_| (random.next_u64() >> 11) as f64 / (1_u64 << 52) as f64 - 1.0).collect();
    let length = dot(&vector, &vector).sqrt();
    vector.iter().map(|component| component / length).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]
mod tests {
    use ndarray::Array1;

    use super::*;

    fn condition(matrix: &Matrix) -> f64 {
        condition_number(matrix, &Cholesky::factor(matrix).unwrap()).unwrap()
    }

    #[track_caller]
    fn assert_relative(found: f64, expected: f64, error: f64) {
        assert!((found / expected - 1.0).abs() <= error, "{found} is not {expected}");
    }

    #[test]
    fn the_condition_of_a_diagonal_is_the_ratio_of_its_ends() {
        assert_relative(
            condition(&Matrix::from_diag(&ndarray::array![2.0, 500.0, 0.25, 7.0])),
            2000.0,
            1e-12,
        );
        assert_relative(condition(&Matrix::from_diag(&ndarray::array![3.0])), 1.0, 1e-15);
        assert_relative(condition(&(Matrix::eye(40) * 9.0)), 1.0, 1e-12);
        assert_eq!(condition(&Matrix::zeros((0, 0))), 1.0);
    }

    #[test]
    fn the_hilbert_matrix_of_order_eight_has_its_published_condition() {
        let hilbert = Matrix::from_shape_fn((8, 8), |(i, j)| 1.0 / (i + j + 1) as f64);
        assert_relative(condition(&hilbert), 1.525_757_553_8e10, 1e-5);
    }

    #[test]
    fn a_spectrum_of_four_hundred_values_ends_where_it_was_planted() {
        // Orthogonal H = I − 2 v vᵀ of a random v turns the diagonal: eigenvalues from 1 down to 10⁻⁶, evenly in the logarithm.
        let n = 400;
        let v = Array1::from(start(n));
        let values = Array1::from_shape_fn(n, |i| 10_f64.powf(-6.0 * i as f64 / (n - 1) as f64));
        let outer = Matrix::from_shape_fn((n, n), |(i, j)| v[i] * v[j]);
        let h = Matrix::eye(n) - 2.0 * outer;
        let a = h.dot(&Matrix::from_diag(&values)).dot(&h);
        assert_relative(condition(&a), 1e6, 1e-6);
    }

    #[test]
    fn a_factor_of_another_matrix_is_refused() {
        let factor = Cholesky::factor(&Matrix::eye(2)).unwrap();
        assert!(matches!(
            condition_number(&Matrix::eye(3), &factor),
            Err(EngineError::ShapeMismatch { rows: 3, cols: 1, order: 2 })
        ));
        assert!(condition_number(&Matrix::zeros((2, 3)), &factor).is_err());
    }
}
