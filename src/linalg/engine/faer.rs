//! The engine without system libraries.

use ::faer::linalg::solvers::{Llt, LltError, Solve as _};
use ::faer::{Mat, MatRef, Side};
use ndarray::ShapeBuilder as _;

use super::{EngineError, Svd};
use crate::tensor::Matrix;

pub(super) fn singular_values(a: &Matrix) -> Result<Vec<f64>, EngineError> {
    let (rows, cols) = a.dim();
    from_ndarray(a).singular_values().map_err(|_| EngineError::NotConverged { rows, cols })
}

pub(super) fn thin_svd(a: &Matrix) -> Result<Svd, EngineError> {
    let (rows, cols) = a.dim();
    let svd = from_ndarray(a).thin_svd().map_err(|_| EngineError::NotConverged { rows, cols })?;
    Ok(Svd {
        u: to_ndarray(svd.U()),
        s: svd.S().column_vector().iter().copied().collect(),
        vt: to_ndarray(svd.V().transpose()),
    })
}

pub(super) struct Factor(Llt<f64>);

impl Factor {
    pub(super) fn new(a: &Matrix) -> Result<Self, EngineError> {
        let LltError::NonPositivePivot { index } = match from_ndarray(a).llt(Side::Lower) {
            Ok(factor) => return Ok(Self(factor)),
            Err(error) => error,
        };
        Err(EngineError::NotPositiveDefinite { pivot: index })
    }

    #[expect(clippy::unnecessary_wraps, reason = "one signature for both engines")]
    pub(super) fn solve(&self, rhs: &Matrix) -> Result<Matrix, EngineError> {
        Ok(to_ndarray(self.0.solve(from_ndarray(rhs)).as_ref()))
    }
}

fn from_ndarray(a: &Matrix) -> Mat<f64> {
    let (rows, cols) = a.dim();
    match a.as_slice() {
        Some(row_major) => MatRef::from_row_major_slice(row_major, rows, cols).to_owned(),
        None => Mat::from_fn(rows, cols, |row, col| a.get((row, col)).copied().unwrap_or(f64::NAN)),
    }
}

fn to_ndarray(a: MatRef<'_, f64>) -> Matrix {
    Matrix::from_shape_fn((a.nrows(), a.ncols()).set_f(false), |(row, col)| *a.get(row, col))
}
