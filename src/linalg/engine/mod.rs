//! Dense factorisations in f64 by one of two engines: faer, or LAPACK through ndarray-linalg.
//!
//! faer is always compiled and is what a build without system libraries uses. The feature `lapack`, where
//! the build found `OpenBLAS`, puts LAPACK in its place; the tests then hold the two to each other.
//!
//! ```text
//!                    faer                                  LAPACK
//! singular values    bidiagonal form, divide and conquer   dgesdd   O(m n min(m, n))
//! eigenvalues        tridiagonal form, divide and conquer  dsyev    O(n³)
//! Cholesky factor    blocked, lower triangle               dpotrf   n³/6 multiply-adds
//! solve              two triangular solves                 dpotrs   n² multiply-adds a column
//! Gram update        triangular product                    faer's   k n²/2 multiply-adds
//! ```
//!
//! Both are backward stable: a computed singular value is off by at most p·2⁻⁵³·σ₁ with p a modest function
//! of the shape (LAPACK Users' Guide, 3rd edition, section 4.9). That is absolute in σ₁, so values near
//! 10⁻¹⁵ σ₁ are rounding of the arithmetic. The two engines agree to such bounds and not to the last bit.

use crate::tensor::Matrix;

#[cfg_attr(all(lapack, not(test)), expect(dead_code, reason = "LAPACK factors in its place"))]
mod faer;
#[cfg(lapack)]
mod lapack;

#[cfg(not(lapack))]
use self::faer as chosen;
#[cfg(lapack)]
use self::lapack as chosen;

/// The engine of this build, as `diagnose doctor` names it.
pub const NAME: &str = if cfg!(lapack) { "lapack (ndarray-linalg)" } else { "faer" };

/// Why a factorisation or a solve could not be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// Only a square matrix has a Cholesky factor.
    #[error("matrix is {rows} × {cols}, a square one is needed")]
    NotSquare {
        /// Rows found.
        rows: usize,
        /// Columns found.
        cols: usize,
    },
    /// The right-hand side does not fit the matrix.
    #[error("right-hand side is {rows} × {cols}, the matrix is {order} × {order}")]
    ShapeMismatch {
        /// Rows of the right-hand side.
        rows: usize,
        /// Columns of the right-hand side.
        cols: usize,
        /// Order of the matrix.
        order: usize,
    },
    /// Elimination met a pivot that is not positive.
    #[error("matrix is not positive definite: pivot {pivot} is not positive")]
    NotPositiveDefinite {
        /// Index of the pivot, from 0.
        pivot: usize,
    },
    /// An element is NaN or infinite.
    #[error("element ({row}, {col}) of the matrix is not finite")]
    NotFinite {
        /// Its row.
        row: usize,
        /// Its column.
        col: usize,
    },
    /// The iteration behind singular values or eigenvalues did not settle.
    #[error("singular values or eigenvalues of a {rows} × {cols} matrix did not converge")]
    NotConverged {
        /// Rows.
        rows: usize,
        /// Columns.
        cols: usize,
    },
}

/// A thin singular value decomposition `A = U diag(s) Vᵀ`.
///
/// Shapes: A is `(m, n)`, k = min(m, n); `u` is `(m, k)`, `s` is `(k)` in descending order, `vt` is `(k, n)`.
#[derive(Clone, Debug)]
pub struct Svd {
    /// Left singular vectors, one a column.
    pub u: Matrix,
    /// Singular values, descending.
    pub s: Vec<f64>,
    /// Right singular vectors, one a row.
    pub vt: Matrix,
}

/// All min(m, n) singular values of an `(m, n)` matrix, in descending order.
///
/// Degenerate: a matrix without elements has none; a zero matrix has zeros.
///
/// # Errors
/// [`EngineError::NotFinite`] with the first such element; [`EngineError::NotConverged`].
pub fn singular_values(a: &Matrix) -> Result<Vec<f64>, EngineError> {
    require_finite(a)?;
    if a.is_empty() {
        return Ok(Vec::new());
    }
    chosen::singular_values(a)
}

/// The thin singular value decomposition of an `(m, n)` matrix.
///
/// Degenerate: a matrix without elements gives factors with k = 0.
///
/// The signs of a pair of vectors are the engine's choice, and so is the basis of a subspace whose singular
/// values agree; what both engines share is the product `U diag(s) Vᵀ`.
///
/// # Errors
/// As [`singular_values`].
pub fn thin_svd(a: &Matrix) -> Result<Svd, EngineError> {
    require_finite(a)?;
    if a.is_empty() {
        let (m, n) = a.dim();
        return Ok(Svd { u: Matrix::zeros((m, 0)), s: Vec::new(), vt: Matrix::zeros((0, n)) });
    }
    chosen::thin_svd(a)
}

/// The eigendecomposition `A = V diag(λ) Vᵀ` of a symmetric `(n, n)` matrix.
#[derive(Clone, Debug)]
pub struct Eigen {
    /// Eigenvalues, ascending.
    pub values: Vec<f64>,
    /// Orthonormal eigenvectors, one a column, `(n, n)`.
    pub vectors: Matrix,
}

/// The eigendecomposition of a symmetric `(n, n)` matrix; only its lower triangle is read.
///
/// A value is off by at most p·2⁻⁵³·‖A‖, p a modest function of n. Signs of vectors, and the basis of a subspace whose
/// values agree, are the engine's choice. Degenerate: n = 0 has none.
///
/// # Errors
/// [`EngineError::NotSquare`]; [`EngineError::NotFinite`]; [`EngineError::NotConverged`].
pub fn symmetric_eigen(a: &Matrix) -> Result<Eigen, EngineError> {
    let (rows, cols) = a.dim();
    if rows != cols {
        return Err(EngineError::NotSquare { rows, cols });
    }
    require_finite(a)?;
    if rows == 0 {
        return Ok(Eigen { values: Vec::new(), vectors: a.clone() });
    }
    chosen::symmetric_eigen(a)
}

/// The Cholesky factor `A = L Lᵀ` of a symmetric positive definite matrix, ready to solve with.
pub struct Cholesky {
    /// `None` for order 0, which LAPACK has no word for.
    factor: Option<chosen::Factor>,
    order: usize,
}

impl Cholesky {
    /// Factors the symmetric positive definite `(n, n)` matrix `a`; only its lower triangle is read. Degenerate: n = 0
    /// has a factor of nothing.
    ///
    /// # Errors
    /// [`EngineError::NotSquare`]; [`EngineError::NotFinite`]; [`EngineError::NotPositiveDefinite`] with the
    /// pivot at which elimination stopped.
    pub fn factor(a: &Matrix) -> Result<Self, EngineError> {
        let (rows, cols) = a.dim();
        if rows != cols {
            return Err(EngineError::NotSquare { rows, cols });
        }
        require_finite(a)?;
        let factor = if rows == 0 { None } else { Some(chosen::Factor::new(a)?) };
        Ok(Self { factor, order: rows })
    }

    /// The `(n, k)` solution X of `A X = rhs`.
    ///
    /// Forward and back substitution, a column at a time where LAPACK is the engine. The relative error of X
    /// grows with the condition number of A times 2⁻⁵³; nothing here estimates it. Degenerate: k = 0 gives
    /// `(n, 0)`.
    ///
    /// # Errors
    /// [`EngineError::ShapeMismatch`] where `rhs` does not have n rows; [`EngineError::NotFinite`].
    pub fn solve(&self, rhs: &Matrix) -> Result<Matrix, EngineError> {
        let (rows, cols) = rhs.dim();
        if rows != self.order {
            return Err(EngineError::ShapeMismatch { rows, cols, order: self.order });
        }
        require_finite(rhs)?;
        match &self.factor {
            Some(factor) if !rhs.is_empty() => factor.solve(rhs),
            _ => Ok(rhs.clone()),
        }
    }
}

/// Adds `rowsᵀ rows` to the lower triangle of a symmetric `(n, n)` matrix; `rows` is `(k, n)`.
///
/// ```text
/// sum[i, j] += Σ_r rows[r, i] · rows[r, j]      for j ≤ i
/// ```
///
/// What stands above the diagonal is left alone: [`mirror_lower`] copies it there once, at the end. Both engines use
/// faer here: BLAS has the operation (dsyrk), but the order of its sums follows its own number of threads, and these
/// are the same bits for any. Error of an element: at most k · 2⁻⁵³ · Σ |`rows[r, i]` `rows[r, j]`| over r. Values that are not
/// finite spread to the elements that they belong to. Degenerate: no rows add nothing.
///
/// # Errors
/// [`EngineError::NotSquare`]; [`EngineError::ShapeMismatch`] where a row is not as long as the matrix is wide.
pub fn add_gram(sum: &mut Matrix, rows: &Matrix) -> Result<(), EngineError> {
    let (order, cols) = sum.dim();
    if order != cols {
        return Err(EngineError::NotSquare { rows: order, cols });
    }
    if rows.ncols() != order {
        return Err(EngineError::ShapeMismatch { rows: rows.nrows(), cols: rows.ncols(), order });
    }
    faer::add_gram(sum, rows);
    Ok(())
}

/// Copies what stands below the diagonal of a square matrix above it.
pub fn mirror_lower(a: &mut Matrix) {
    let order = a.nrows().min(a.ncols());
    for row in 0..order {
        for col in 0..row {
            if let Some(&value) = a.get((row, col)) {
                a[(col, row)] = value;
            }
        }
    }
}

/// Both engines answer a NaN with whatever their loops make of it, so it is refused before.
fn require_finite(a: &Matrix) -> Result<(), EngineError> {
    match a.indexed_iter().find(|(_, value)| !value.is_finite()) {
        Some(((row, col), _)) => Err(EngineError::NotFinite { row, col }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
