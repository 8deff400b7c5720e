//! MEMIT's equation: many facts at once, each as far as its weight against the preserved keys lets it.
//!
//! ```text
//! A = (λ C + K Kᵀ)⁻¹ K        ΔW = R Aᵀ
//! ```
//!
//! For n ≤ f the solve is one of order n with the factor of C that is there: A = C⁻¹K (λ I + Kᵀ C⁻¹ K)⁻¹. One fact alone has the
//! denominator λ + kᵀC⁻¹k ≥ λ, so that nothing explodes, and the share q / (λ + q) of R comes about, q = kᵀC⁻¹k. `mom2_adjustment`
//! is not consulted, as published. Source: Meng et al., Mass-Editing Memory in a Transformer (2023).

use super::EditError;
use super::null_space::lifted;
use crate::compute::{Cholesky, add_gram};
use crate::keys::Adjustment;
use crate::tensor::Matrix;

/// A = (λ C + K Kᵀ)⁻¹ K of keys `(f, n)`, by whichever of the two solves is smaller.
///
/// # Errors
/// [`EditError::Hparam`] where λ is not above 0; those of the solve, where a key is not finite or has another length than C.
pub(super) fn adjusted_keys(keys: &Matrix, moment: &Adjustment, weight: f64) -> Result<Matrix, EditError> {
    if !(weight > 0.0 && weight.is_finite()) {
        let needed = "a finite number above 0".to_owned();
        return Err(EditError::Hparam { name: "mom2_update_weight", found: weight.to_string(), needed });
    }
    if keys.ncols() <= keys.nrows() {
        by_keys(keys, moment, weight)
    } else {
        by_components(keys, moment, weight)
    }
}

/// n equations: A = C⁻¹K (λ I + Kᵀ C⁻¹ K)⁻¹.
fn by_keys(keys: &Matrix, moment: &Adjustment, weight: f64) -> Result<Matrix, EditError> {
    let adjusted = moment.adjust(keys)?.keys;
    let factor = Cholesky::factor(&lifted(keys.t().dot(&adjusted), weight))?;
    Ok(factor.solve(&adjusted.reversed_axes())?.reversed_axes())
}

/// f equations, as the formula stands.
fn by_components(keys: &Matrix, moment: &Adjustment, weight: f64) -> Result<Matrix, EditError> {
    let mut left = match moment.matrix() {
        Some(matrix) => matrix * weight,
        None => Matrix::eye(keys.nrows()) * weight,
    };
    add_gram(&mut left, &keys.t().to_owned())?;
    Ok(Cholesky::factor(&left)?.solve(keys)?)
}

#[cfg(test)]
mod tests;
