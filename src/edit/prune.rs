//! PRUNE: large singular values of everything that a sequence of edits changed are held back.
//!
//! ```text
//! ΔW = W_now − W₀ = U Σ Vᵀ        σ_max = σ₁(W₀)
//! σ̂ = σ_max + ln σ − ln σ_max     where σ > σ_max, else σ
//! intended    W = W₀ + U Σ̂ Vᵀ
//! as coded    W = W_now + U Σ̂ Vᵀ = W₀ + ΔW + U Σ̂ Vᵀ
//! ```
//!
//! σ̂ meets σ at that limit and stays above it. The code that is published applies the restrained update on top of the
//! update itself (`evaluate.py` of jianghoucheng/AlphaEdit, f5248d3); what its paper means is the other form. Source: Ma et al.,
//! Perturbation-Restrained Sequential Model Editing (2024), with the natural logarithm of the code.

use ndarray::{Array2, ArrayView2};

use super::update::round;
use super::{Change, EditError, Update};
use crate::compute::{Svd, singular_values, thin_svd};
use crate::model::Model;
use crate::tensor::Matrix;

/// Which of PRUNE's forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PruneForm {
    /// The restrained update takes the place of the update.
    Intended,
    /// The restrained update is added to a matrix that holds the update already.
    AsCoded,
}

/// A matrix whose update was restrained.
#[derive(Clone, Debug)]
pub struct Pruned {
    /// W, `(d, f)`, before it is rounded.
    pub weight: Matrix,
    /// σ₁(W₀).
    pub limit: f64,
    /// The largest singular value of ΔW before.
    pub largest: f64,
    /// The same after: σ̂ of it.
    pub largest_after: f64,
    /// How many singular values were above the limit.
    pub restrained: usize,
}

/// Restrains what changed from W₀, `before`, to the matrix as it is, `now`; both `(d, f)`.
///
/// In the intended form what is not restrained is not touched: without a value above the limit, the matrix stays as it is. A singular
/// value is off by some 2⁻⁵³ σ₁. Degenerate: W₀ = 0 has no limit to hold to, and the matrices stay as they are.
///
/// # Errors
/// Where the extents differ, an element is not finite, or the decomposition does not settle.
pub fn prune(
    before: ArrayView2<'_, f32>,
    now: ArrayView2<'_, f32>,
    form: PruneForm,
) -> Result<Pruned, EditError> {
    super::update::check_extents(before.dim(), now.dim())?;
    let (before, now) = (before.mapv(f64::from), now.mapv(f64::from));
    let limit = singular_values(&before)?.first().copied().unwrap_or(0.0);
    let Svd { u, s, vt } = thin_svd(&(&now - &before))?;
    let restrained = if limit > 0.0 { s.iter().filter(|sigma| **sigma > limit).count() } else { 0 };
    // Only what exceeds the limit is worked out again: the rest of ΔW stays as exact as it is.
    let mut excess = Matrix::zeros(now.dim());
    for (sigma, (left, right)) in s.iter().take(restrained).zip(u.columns().into_iter().zip(vt.rows())) {
        let over = sigma - restrained_value(*sigma, limit);
        for (mut row, left) in excess.rows_mut().into_iter().zip(left) {
            row.scaled_add(over * left, &right);
        }
    }
    let pruned = &now - &excess;
    let weight = match form {
        PruneForm::Intended => pruned,
        PruneForm::AsCoded => &now + &(pruned - &before),
    };
    let largest = s.first().copied().unwrap_or(0.0);
    let largest_after = if restrained > 0 { restrained_value(largest, limit) } else { largest };
    Ok(Pruned { weight, limit, largest, largest_after, restrained })
}

/// σ̂.
fn restrained_value(sigma: f64, limit: f64) -> f64 {
    if sigma > limit { limit + sigma.ln() - limit.ln() } else { sigma }
}

impl Pruned {
    /// The change that puts the matrix into a layer of a model, rounded as its checkpoint stores it.
    ///
    /// # Errors
    /// Where the model has no such layer.
    pub fn update(&self, model: &Model, layer: usize) -> Result<Update, EditError> {
        let dtype = model.down_projection_entries(layer)?.0.dtype;
        let weight: Array2<f32> = self.weight.mapv(|w| round(w, dtype));
        Ok(Update { layer, change: Change::Whole { weight, bias: None } })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use ndarray::array;

    use super::*;

    /// W₀ with a largest singular value of 4, and an update with the singular values 8 and `second`.
    fn pair(second: f32) -> (Array2<f32>, Array2<f32>) {
        let before = array![[4.0_f32, 0.0, 0.0], [0.0, 1.0, 0.0]];
        let now = &before + &array![[0.0, 8.0, 0.0], [second, 0.0, 0.0]];
        (before, now)
    }

    #[test]
    fn values_above_the_limit_grow_by_their_logarithm_and_others_stay() {
        let (before, now) = pair(3.0);
        let pruned = prune(before.view(), now.view(), PruneForm::Intended).unwrap();
        let restrained = 4.0 + 2.0_f64.ln();
        let expected = array![[4.0, restrained, 0.0], [3.0, 1.0, 0.0]];
        assert!((&pruned.weight - &expected).iter().all(|x| x.abs() < 1e-14), "{}", pruned.weight);
        assert_eq!((pruned.restrained, pruned.limit), (1, 4.0));
        assert!((pruned.largest_after - restrained).abs() < 1e-14);
        let coded = prune(before.view(), now.view(), PruneForm::AsCoded).unwrap().weight;
        let expected = array![[4.0, 8.0 + restrained, 0.0], [6.0, 1.0, 0.0]];
        assert!((&coded - &expected).iter().all(|x| x.abs() < 1e-14), "{coded}");
    }

    #[test]
    fn the_restraint_begins_continuously_at_the_largest_value_before() {
        assert_eq!(restrained_value(4.0, 4.0), 4.0);
        assert_eq!(restrained_value(3.9, 4.0), 3.9);
        for step in [1e-3, 1e-6, 1e-9] {
            let above = restrained_value(4.0 + step, 4.0);
            assert!((above - 4.0 - step / 4.0).abs() < step * step + 1e-15, "{above}");
        }
    }

    #[test]
    fn an_update_below_the_limit_is_left_alone_to_the_last_bit() {
        let before = array![[4.0_f32, 0.1], [0.2, 1.0]];
        let now = array![[4.1_f32, 0.3], [0.1, 0.7]];
        let pruned = prune(before.view(), now.view(), PruneForm::Intended).unwrap();
        assert_eq!((pruned.weight, pruned.restrained), (now.mapv(f64::from), 0));
    }

    #[test]
    fn a_matrix_that_is_not_finite_is_refused() {
        let (before, mut now) = pair(1.0);
        now.iter_mut().for_each(|w| *w = f32::NAN);
        assert!(matches!(prune(before.view(), now.view(), PruneForm::Intended), Err(EditError::Solve(_))));
    }
}
