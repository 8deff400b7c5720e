//! `AlphaEdit`'s null space: an update that only acts on directions which preserved keys hardly have.
//!
//! ```text
//! C = U Λ Uᵀ,  P = Û Ûᵀ                Û: the eigenvectors whose eigenvalue is below the threshold, as it stands
//! (P (K Kᵀ + M) + L2 · I) A = P K      ΔW = R Aᵀ, M = Σ K Kᵀ of earlier batches
//! ```
//!
//! A lies in the span of Û, so with A = Û Y the solve is symmetric and positive definite, whatever the product with P looks like:
//!
//! ```text
//! (G Gᵀ + L2 · I) Y = Ûᵀ K             G = Ûᵀ [K, past keys], (r, n + m)          r equations
//! Y = G (Gᵀ G + L2 · I)⁻¹ E            E: the first n columns of the identity     n + m equations
//! ```
//!
//! and the smaller of the two is solved. The threshold is absolute, as published: it depends on the scale of the keys, so the
//! rank and the eigenvalues on both sides of it are reported. Source: Fang et al., `AlphaEdit` (2025), and `AlphaEdit_main.py` of
//! jianghoucheng/AlphaEdit at f5248d3, which solves in f32.

use ndarray::{Axis, concatenate, s};

use super::EditError;
use crate::compute::{Cholesky, Eigen, EngineError, symmetric_eigen};
use crate::keys::Adjustment;
use crate::tensor::Matrix;

/// The projector of a layer, as an orthonormal basis; built once and used for every edit.
#[derive(Clone, Debug)]
pub struct NullSpace {
    /// Û, `(f, r)`.
    basis: Matrix,
    facts: NullSpaceFacts,
}

/// Where the threshold cuts the spectrum of C.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NullSpaceFacts {
    /// Eigenvalues below it span the null space.
    pub threshold: f64,
    /// How many there are.
    pub rank: usize,
    /// Length f of a key.
    pub dimension: usize,
    /// The largest eigenvalue below the threshold.
    pub below: f64,
    /// The smallest at or above it; none where the null space is everything.
    pub above: Option<f64>,
    /// The largest of all.
    pub largest: f64,
}

impl NullSpace {
    /// The null space of C. Cost: one eigendecomposition, O(f³).
    ///
    /// # Errors
    /// [`EditError::Unsupported`] where C = I; [`EditError::Hparam`] where no eigenvalue is below the threshold, so that
    /// every update would be zero; where the decomposition fails.
    pub fn of(moment: &Adjustment, threshold: f64) -> Result<Self, EditError> {
        let matrix = moment.matrix().ok_or_else(|| EditError::Unsupported {
            method: "the null-space projection",
            why: "needs a second moment: without one no direction is preserved".to_owned(),
        })?;
        let Eigen { values, vectors } = symmetric_eigen(matrix)?;
        let rank = values.partition_point(|value| *value < threshold);
        let smallest = values.first().copied().unwrap_or(f64::NAN);
        let Some(&below) = rank.checked_sub(1).and_then(|last| values.get(last)) else {
            return Err(EditError::Hparam {
                name: "nullspace_threshold",
                found: format!("{threshold}, and the smallest eigenvalue of C is {smallest:.4e}"),
                needed: "a threshold above it".to_owned(),
            });
        };
        let facts = NullSpaceFacts {
            threshold,
            rank,
            dimension: values.len(),
            below,
            above: values.get(rank).copied(),
            largest: values.last().copied().unwrap_or(f64::NAN),
        };
        Ok(Self { basis: vectors.slice(s![.., ..rank]).to_owned(), facts })
    }

    /// Where the threshold cuts.
    pub fn facts(&self) -> &NullSpaceFacts {
        &self.facts
    }

    /// P X of columns `(f, k)`: for the right factor of an update L Rᵀ of any method, L (P R)ᵀ = L Rᵀ P.
    pub fn project(&self, columns: &Matrix) -> Matrix {
        self.basis.dot(&self.basis.t().dot(columns))
    }

    /// A, `(f, n)`, of keys `(f, n)`; `past` are earlier keys side by side, `(f, m)`, whose M = `past` `past`ᵀ.
    ///
    /// # Errors
    /// Where keys have another length than C, or one is not finite; `ridge` must be above 0.
    pub(super) fn adjusted_keys(
        &self,
        keys: &Matrix,
        past: Option<&Matrix>,
        ridge: f64,
    ) -> Result<Matrix, EditError> {
        for found in [Some(keys), past].into_iter().flatten().map(Matrix::nrows) {
            super::update::check_extents((self.facts.dimension, 0), (found, 0))?;
        }
        let count = keys.ncols();
        let own = self.basis.t().dot(keys);
        let all = match past {
            Some(past) => beside(&own, &self.basis.t().dot(past)),
            None => own.clone(),
        };
        let inside = if all.ncols() <= self.facts.rank {
            let first =
                Matrix::from_shape_fn((all.ncols(), count), |(row, col)| f64::from(u8::from(row == col)));
            all.dot(&Cholesky::factor(&lifted(all.t().dot(&all), ridge))?.solve(&first)?)
        } else {
            Cholesky::factor(&lifted(all.dot(&all.t()), ridge))?.solve(&own)?
        };
        Ok(self.basis.dot(&inside))
    }
}

/// Adds the keys of a batch, `(f, n)`, to those of earlier ones, of which only their sum of k kᵀ matters.
///
/// Beyond 2 f columns they become f that have the same sum: V √Λ of its eigendecomposition.
pub(super) fn remember(past: &mut Matrix, keys: &Matrix) -> Result<(), EngineError> {
    let all = if past.is_empty() { keys.clone() } else { beside(past, keys) };
    *past = if all.ncols() > 2 * all.nrows() { condensed(&all)? } else { all };
    Ok(())
}

/// As many columns as rows, with the same sum of k kᵀ.
fn condensed(columns: &Matrix) -> Result<Matrix, EngineError> {
    let Eigen { values, mut vectors } = symmetric_eigen(&columns.dot(&columns.t()))?;
    for (mut vector, value) in vectors.columns_mut().into_iter().zip(values) {
        vector *= value.max(0.0).sqrt();
    }
    Ok(vectors)
}

/// A + c · I.
pub(super) fn lifted(mut a: Matrix, by: f64) -> Matrix {
    a.diag_mut().iter_mut().for_each(|value| *value += by);
    a
}

/// Columns of two matrices of as many rows, side by side.
fn beside(left: &Matrix, right: &Matrix) -> Matrix {
    concatenate(Axis(1), &[left.view(), right.view()]).unwrap_or_else(|_| left.clone())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;
    use crate::edit::tests::{assert_near, moment};

    /// Numbers without a pattern, between −1 and 1.
    fn random(rows: usize, cols: usize, seed: u64) -> Matrix {
        let mut state = seed;
        Matrix::from_shape_simple_fn((rows, cols), || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
        })
    }

    /// C of keys that live in three directions of eight, and those keys.
    fn narrow() -> (Adjustment, Matrix) {
        let preserved = random(8, 3, 1).dot(&random(3, 20, 2));
        (moment(lifted(preserved.dot(&preserved.t()), 1e-6)), preserved)
    }

    #[test]
    fn keys_outside_the_null_space_keep_their_outputs() {
        let (moment, preserved) = narrow();
        let space = NullSpace::of(&moment, 1e-3).unwrap();
        assert_eq!((space.facts().rank, space.facts().dimension), (5, 8));
        assert!(space.facts().below < 1e-5 && space.facts().above.unwrap() > 1e-3);
        let (keys, residual) = (random(8, 2, 3), random(4, 2, 4));
        let update = residual.dot(&space.adjusted_keys(&keys, None, 1e-6).unwrap().t());
        let moved = update.dot(&preserved).iter().fold(0.0_f64, |most, x| most.max(x.abs()));
        assert!(moved < 1e-8, "{moved}");
        // And what was asked for comes about: the two keys are not of those three directions.
        assert_near(&update.dot(&keys), &residual, 1e-4);
        let projected = space.project(&preserved).iter().fold(0.0_f64, |most, x| most.max(x.abs()));
        assert!(projected < 1e-8, "{projected}");
        assert_near(&space.project(&space.project(&keys)), &space.project(&keys), 1e-13);
    }

    #[test]
    fn either_system_has_the_same_solution() {
        let (moment, _) = narrow();
        let space = NullSpace::of(&moment, 1e-3).unwrap();
        let (keys, past) = (random(8, 2, 5), random(8, 9, 6));
        // Eleven columns go by the five equations of the rank; their sum in eight columns does too, three of them do not.
        for past in [past.slice(s![.., ..3]).to_owned(), past.clone(), condensed(&past).unwrap()] {
            let found = space.adjusted_keys(&keys, Some(&past), 0.5).unwrap();
            let gram = keys.dot(&keys.t()) + past.dot(&past.t());
            let projector = space.project(&Matrix::eye(8));
            let left = lifted(projector.dot(&gram), 0.5);
            assert_near(&left.dot(&found), &space.project(&keys), 1e-12);
        }
    }

    #[test]
    fn past_keys_are_condensed_to_as_many_as_they_are_long_and_keep_their_sum() {
        let (mut past, mut gram) = (Matrix::default((0, 0)), Matrix::zeros((6, 6)));
        for seed in 0..20 {
            let keys = random(6, 1, seed);
            gram += &keys.dot(&keys.t());
            remember(&mut past, &keys).unwrap();
            assert!(past.ncols() <= 12, "{}", past.ncols());
        }
        assert_near(&past.dot(&past.t()), &gram, 1e-13);
    }

    #[test]
    fn a_threshold_below_the_spectrum_and_a_missing_moment_are_refused() {
        let refused = NullSpace::of(&moment(Matrix::eye(3)), 0.02).unwrap_err();
        let said = "hyper-parameter `nullspace_threshold`: 0.02, and the smallest eigenvalue of C is 1.0000e0, needed is";
        assert!(refused.to_string().starts_with(said), "{refused}");
        assert_eq!(NullSpace::of(&Adjustment::none(3), 0.02).unwrap_err().kind(), "unsupported");
        assert!(NullSpace::of(&moment(Matrix::eye(3)), 2.0).unwrap().facts().above.is_none());
    }
}
