//! The engine without system libraries.
//!
//! faer keeps matrices by columns and ndarray here by rows, so each call copies its input once and its
//! result once: O(m n) beside the O(m n min(m, n)) of a decomposition.

use ::faer::diag::{Diag, DiagMut};
use ::faer::dyn_stack::{MemBuffer, MemStack};
use ::faer::linalg::cholesky::llt::factor::{
    LltError, LltRegularization, cholesky_in_place, cholesky_in_place_scratch,
};
use ::faer::linalg::cholesky::llt::solve::{solve_in_place, solve_in_place_scratch};
use ::faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use ::faer::linalg::matmul::triangular::{BlockStructure, matmul};
use ::faer::linalg::svd::{ComputeSvdVectors, svd, svd_scratch};
use ::faer::{Accum, Mat, MatMut, MatRef, Par, Spec};
use ndarray::ShapeBuilder as _;

use super::{Eigen, EngineError, Svd};
use crate::tensor::Matrix;

/// Up to this many elements one thread is faster than waiting for others.
const SEQUENTIAL_ELEMENTS: usize = 512 * 512;
/// Parts that a larger problem is cut into. The cut is in the last bits of the result, so it is fixed and
/// does not follow the number of threads.
const PARTS: usize = 8;

/// One thread for small problems, else [`PARTS`] parts that the pool's threads share, however many they are.
fn parallelism(elements: usize) -> Par {
    if elements <= SEQUENTIAL_ELEMENTS { Par::Seq } else { Par::rayon(PARTS) }
}

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

/// The decomposition itself; singular vectors are computed only where there is room for them.
fn decompose(
    a: &Matrix,
    s: DiagMut<'_, f64>,
    vectors: Option<(MatMut<'_, f64>, MatMut<'_, f64>)>,
) -> Result<(), EngineError> {
    let (rows, cols) = a.dim();
    let par = parallelism(a.len());
    let wanted = if vectors.is_some() { ComputeSvdVectors::Thin } else { ComputeSvdVectors::No };
    let (u, v) = vectors.unzip();
    let scratch = svd_scratch::<f64>(rows, cols, wanted, wanted, par, Spec::default());
    let mut memory = MemBuffer::new(scratch);
    let matrix = from_ndarray(a);
    svd(matrix.as_ref(), s, u, v, par, MemStack::new(&mut memory), Spec::default())
        .map_err(|_| EngineError::NotConverged { rows, cols })
}

pub(super) fn symmetric_eigen(a: &Matrix) -> Result<Eigen, EngineError> {
    let n = a.nrows();
    let par = parallelism(a.len());
    let (mut values, mut vectors) = (Diag::zeros(n), Mat::zeros(n, n));
    let scratch = self_adjoint_evd_scratch::<f64>(n, ComputeEigenvectors::Yes, par, Spec::default());
    let mut memory = MemBuffer::new(scratch);
    let (matrix, stack) = (from_ndarray(a), MemStack::new(&mut memory));
    self_adjoint_evd(matrix.as_ref(), values.as_mut(), Some(vectors.as_mut()), par, stack, Spec::default())
        .map_err(|_| EngineError::NotConverged { rows: n, cols: n })?;
    let values = values.column_vector().iter().copied().collect();
    Ok(Eigen { values, vectors: to_ndarray(vectors.as_ref()) })
}

/// L of `A = L Lᵀ` in the lower triangle; what stands above it is never read.
pub(super) struct Factor(Mat<f64>);

impl Factor {
    pub(super) fn new(a: &Matrix) -> Result<Self, EngineError> {
        let mut lower = from_ndarray(a);
        let par = parallelism(a.len());
        let mut memory = MemBuffer::new(cholesky_in_place_scratch::<f64>(a.nrows(), par, Spec::default()));
        let stack = MemStack::new(&mut memory);
        match cholesky_in_place(lower.as_mut(), LltRegularization::default(), par, stack, Spec::default()) {
            Ok(_) => Ok(Self(lower)),
            Err(LltError::NonPositivePivot { index }) => {
                Err(EngineError::NotPositiveDefinite { pivot: index })
            }
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "one signature for both engines")]
    pub(super) fn solve(&self, rhs: &Matrix) -> Result<Matrix, EngineError> {
        let mut solution = from_ndarray(rhs);
        let par = parallelism(self.0.nrows() * self.0.ncols());
        let mut memory = MemBuffer::new(solve_in_place_scratch::<f64>(self.0.nrows(), rhs.ncols(), par));
        solve_in_place(self.0.as_ref(), solution.as_mut(), par, MemStack::new(&mut memory));
        Ok(to_ndarray(solution.as_ref()))
    }
}

/// Row-major below the diagonal is column-major above it, and the product is symmetric: nothing is copied.
pub(super) fn add_gram(sum: &mut Matrix, rows: &Matrix) {
    let (order, par) = (sum.nrows(), parallelism(sum.len()));
    if rows.is_empty() {
        return;
    }
    let rows = rows.as_standard_layout();
    let Some(slice) = rows.as_slice() else { return };
    let by_rows = MatRef::from_row_major_slice(slice, rows.nrows(), order);
    let add = |target: MatMut<'_, f64>, part| {
        matmul(
            target,
            part,
            Accum::Add,
            by_rows.transpose(),
            BlockStructure::Rectangular,
            by_rows,
            BlockStructure::Rectangular,
            1.0,
            par,
        );
    };
    if let Some(slice) = sum.as_slice_mut() {
        let target = MatMut::from_column_major_slice_mut(slice, order, order);
        add(target, BlockStructure::TriangularUpper);
        return;
    }
    let mut target = from_ndarray(sum);
    add(target.as_mut(), BlockStructure::TriangularLower);
    sum.assign(&to_ndarray(target.as_ref()));
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
