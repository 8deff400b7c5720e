//! The engine without system libraries.

use ::faer::diag::{Diag, DiagMut};
use ::faer::dyn_stack::{MemBuffer, MemStack};
use ::faer::linalg::solvers::{Llt, LltError, Solve as _};
use ::faer::linalg::svd::{ComputeSvdVectors, svd, svd_scratch};
use ::faer::{Mat, MatMut, MatRef, Par, Side, Spec, get_global_parallelism};
use ndarray::ShapeBuilder as _;

use super::{EngineError, Svd};
use crate::tensor::Matrix;

/// Up to this many elements one thread is faster than waiting for others.
const SEQUENTIAL_ELEMENTS: usize = 512 * 512;

pub(super) fn singular_values(a: &Matrix) -> Result<Vec<f64>, EngineError> {
    let mut s = Diag::zeros(a.nrows().min(a.ncols()));
    decompose(a, s.as_mut(), None)?;
    Ok(s.column_vector().iter().copied().collect())
}

pub(super) fn thin_svd(a: &Matrix) -> Result<Svd, EngineError> {
    let (rows, cols) = a.dim();
    let k = rows.min(cols);
    let (mut u, mut s, mut v) = (Mat::zeros(rows, k), Diag::zeros(k), Mat::zeros(cols, k));
    decompose(a, s.as_mut(), Some((u.as_mut(), v.as_mut())))?;
    Ok(Svd {
        u: to_ndarray(u.as_ref()),
        s: s.column_vector().iter().copied().collect(),
        vt: to_ndarray(v.transpose()),
    })
}

fn decompose(
    a: &Matrix,
    s: DiagMut<'_, f64>,
    vectors: Option<(MatMut<'_, f64>, MatMut<'_, f64>)>,
) -> Result<(), EngineError> {
    let (rows, cols) = a.dim();
    let par = if a.len() <= SEQUENTIAL_ELEMENTS { Par::Seq } else { get_global_parallelism() };
    let wanted = if vectors.is_some() { ComputeSvdVectors::Thin } else { ComputeSvdVectors::No };
    let (u, v) = vectors.unzip();
    let scratch = svd_scratch::<f64>(rows, cols, wanted, wanted, par, Spec::default());
    let mut memory = MemBuffer::new(scratch);
    let matrix = from_ndarray(a);
    svd(matrix.as_ref(), s, u, v, par, MemStack::new(&mut memory), Spec::default())
        .map_err(|_| EngineError::NotConverged { rows, cols })
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
