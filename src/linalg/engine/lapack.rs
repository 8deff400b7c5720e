//! LAPACK, as ndarray-linalg calls it and `OpenBLAS` brings it.

use lax::error::Error as LapackError;
use ndarray::{Axis, OwnedRepr};
use ndarray_linalg::error::LinalgError;
use ndarray_linalg::{
    CholeskyFactorized, Eigh as _, FactorizeCInto as _, JobSvd, SVDDC as _, SolveC as _, UPLO,
};

use super::{Eigen, EngineError, Svd, mirror_lower};
use crate::tensor::Matrix;

pub(super) fn singular_values(a: &Matrix) -> Result<Vec<f64>, EngineError> {
    let (_, s, _) = a.svddc(JobSvd::None).map_err(|_| not_converged(a))?;
    Ok(s.to_vec())
}

pub(super) fn thin_svd(a: &Matrix) -> Result<Svd, EngineError> {
    match a.svddc(JobSvd::Some) {
        Ok((Some(u), s, Some(vt))) => Ok(Svd { u, s: s.to_vec(), vt }),
        _ => Err(not_converged(a)),
    }
}

pub(super) fn symmetric_eigen(a: &Matrix) -> Result<Eigen, EngineError> {
    // Of a row-major matrix ndarray-linalg hands on the other triangle than it is asked for, so both are made the same.
    let mut whole = a.clone();
    mirror_lower(&mut whole);
    let (values, vectors) = whole.eigh(UPLO::Lower).map_err(|_| not_converged(a))?;
    Ok(Eigen { values: values.to_vec(), vectors })
}

fn not_converged(a: &Matrix) -> EngineError {
    EngineError::NotConverged { rows: a.nrows(), cols: a.ncols() }
}

/// L of `A = L Lᵀ` as dpotrf leaves it.
pub(super) struct Factor(CholeskyFactorized<OwnedRepr<f64>>);

impl Factor {
    pub(super) fn new(a: &Matrix) -> Result<Self, EngineError> {
        a.clone().factorizec_into(UPLO::Lower).map(Self).map_err(|error| match error {
            // LAPACK counts the leading minors from 1.
            LinalgError::Lapack(LapackError::LapackComputationalFailure { return_code }) => {
                EngineError::NotPositiveDefinite { pivot: usize::try_from(return_code - 1).unwrap_or(0) }
            }
            _ => EngineError::NotSquare { rows: a.nrows(), cols: a.ncols() },
        })
    }

    /// One dpotrs a column: ndarray-linalg solves for one vector at a time.
    pub(super) fn solve(&self, rhs: &Matrix) -> Result<Matrix, EngineError> {
        let mut solution = rhs.clone();
        for mut column in solution.axis_iter_mut(Axis(1)) {
            let solved = self.0.solvec(&column).map_err(|_| shape_mismatch(&self.0, rhs))?;
            column.assign(&solved);
        }
        Ok(solution)
    }
}

fn shape_mismatch(factor: &CholeskyFactorized<OwnedRepr<f64>>, rhs: &Matrix) -> EngineError {
    EngineError::ShapeMismatch { rows: rhs.nrows(), cols: rhs.ncols(), order: factor.factor.nrows() }
}
