//! EMMET: many facts at once, each exactly, as ROME puts in one.
//!
//! ```text
//! C' = λ C + μ I        M = Kᵀ C'⁻¹ K, and + α I where there are several facts
//! A = C'⁻¹ K M⁻¹        ΔW = R Aᵀ
//! ```
//!
//! One fact alone is an equality: ΔW k = r, C-ROME's equation with MEMIT's keys. With α > 0 it is MEMIT with the weight λα on one
//! layer, by pushing K through the inverse. M is singular where keys of a batch depend on each other; its pseudo-inverse
//! then gives the smallest solution of the least squares. Source: Gupta et al., A Unified Framework for Model Editing (2024), and
//! `emmet_main.py` of scalable-model-editing/unified-model-editing, which leaves α away for one fact; `EasyEdit` never does.

use super::null_space::lifted;
use super::{EditError, Hparams};
use crate::compute::{Cholesky, EngineError, Svd, condition_number, thin_svd};
use crate::keys::Adjustment;
use crate::tensor::Matrix;

/// A of a layer, and how it came about.
pub(super) struct Solved {
    /// A, `(f, n)`.
    pub(super) keys: Matrix,
    /// Whether M was singular to working precision.
    pub(super) pseudo_inverse: bool,
}

/// A of keys `(f, n)`.
pub(super) fn adjusted_keys(
    keys: &Matrix,
    moment: &Adjustment,
    hparams: &Hparams,
) -> Result<Solved, EditError> {
    let solved = preserving(keys, moment, hparams)?;
    let ridge = if keys.ncols() > 1 { hparams.emmet_lambda } else { 0.0 };
    let gram = lifted(keys.t().dot(&solved), ridge);
    // X M = solved, with M symmetric.
    let solved = solved.reversed_axes();
    Ok(match regular(&gram)? {
        Some(factor) => Solved { keys: factor.solve(&solved)?.reversed_axes(), pseudo_inverse: false },
        None => Solved { keys: pseudo_inverse(&gram)?.dot(&solved).reversed_axes(), pseudo_inverse: true },
    })
}

/// C'⁻¹ K. With μ = 0 the factor of C that is there already serves; else one of order f is made.
fn preserving(keys: &Matrix, moment: &Adjustment, hparams: &Hparams) -> Result<Matrix, EditError> {
    let (lambda, mu) = (hparams.mom2_update_weight, hparams.update_norm_lambda);
    match moment.matrix() {
        Some(matrix) if mu != 0.0 => Ok(Cholesky::factor(&lifted(matrix * lambda, mu))?.solve(keys)?),
        Some(_) => Ok(moment.adjust(keys)?.keys / lambda),
        None => Ok(moment.adjust(keys)?.keys / (lambda + mu)),
    }
}

/// The factor of M, unless a solve with it would have no digit left.
fn regular(gram: &Matrix) -> Result<Option<Cholesky>, EngineError> {
    match Cholesky::factor(gram) {
        Ok(factor) => {
            let noise = condition_number(gram, &factor)? * gram.nrows() as f64 * f64::EPSILON;
            Ok((noise < 1.0).then_some(factor))
        }
        Err(EngineError::NotPositiveDefinite { .. }) => Ok(None),
        Err(other) => Err(other),
    }
}

/// M⁺, singular values below n·2⁻⁵²·σ₁ taken for zero.
fn pseudo_inverse(gram: &Matrix) -> Result<Matrix, EngineError> {
    let Svd { mut u, s, vt } = thin_svd(gram)?;
    let least = s.first().copied().unwrap_or(0.0) * gram.nrows() as f64 * f64::EPSILON;
    for (mut column, sigma) in u.columns_mut().into_iter().zip(s) {
        column *= if sigma > least { 1.0 / sigma } else { 0.0 };
    }
    Ok(u.dot(&vt).reversed_axes())
}
