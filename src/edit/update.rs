//! A change of one down-projection: its factors, and how it is applied.
//!
//! ```text
//! W' = round(W + f32(L) f32(R)ᵀ)        L (d, r), R (f, r); products and sums in f64, rounded once to the dtype that is stored
//! ```
//!
//! Factors are rounded to f32 before they are applied, 2⁻²⁴ of each entry, because a ledger keeps them in f32: what is replayed is
//! what was applied, in half the space.
//!
//! What runs afterwards are the rounded numbers, so that a model edited in memory is the one that is written and read again.

use half::{bf16, f16};
use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

use super::{Before, EditError, LayerFacts, RectKind};
use crate::model::{Model, ModelError};
use crate::tensor::{Dtype, Matrix};

/// A change of the down-projection of one layer.
#[derive(Clone, Debug)]
pub struct Update {
    /// The layer.
    pub layer: usize,
    /// What becomes of it.
    pub change: Change,
}

/// What becomes of a matrix.
#[derive(Clone, Debug)]
pub enum Change {
    /// ΔW = L Rᵀ, of which RECT may keep a part.
    Factors {
        /// L, `(d, r)`.
        left: Matrix,
        /// R, `(f, r)`.
        right: Matrix,
        /// Which entries of ΔW are kept; all where it is none.
        kept: Option<RectKind>,
    },
    /// The matrix as it is afterwards, rounded as it is stored, `(d, f)`, and the bias where it changes too.
    Whole {
        /// W'.
        weight: Array2<f32>,
        /// b'.
        bias: Option<Vec<f32>>,
    },
}

impl Update {
    /// Applies the change to a model and says what it did; gives back the matrix as it was.
    ///
    /// # Errors
    /// [`EditError::UnsupportedDtype`]; where the extents are others than the model's.
    pub fn apply(&self, model: &mut Model) -> Result<(LayerFacts, Before), EditError> {
        let (weight, bias) = model.down_projection_weight(self.layer)?;
        let (entry, _) = model.down_projection_entries(self.layer)?;
        let (dtype, tensor) = (entry.dtype, entry.name.clone());
        let supported = matches!(dtype, Dtype::F32 | Dtype::BF16 | Dtype::F16);
        if !supported {
            return Err(EditError::UnsupportedDtype { tensor, dtype });
        }
        let after = self.change.result(weight.view(), dtype)?;
        model.set_down_projection(self.layer, after.weight.view(), after.bias.as_deref())?;
        let facts = LayerFacts {
            layer: self.layer,
            tensor,
            update_norm: after.update_norm,
            stored_update_norm: distance(&after.weight, weight.view()),
            weight_norm: norm(weight.iter().copied().map(f64::from)),
            kept_entries: after.kept,
            residual_norm: None,
            pseudo_inverse: false,
        };
        Ok((facts, Before { layer: self.layer, weight, bias }))
    }
}

impl Change {
    /// W' and b' of a matrix that is stored in `dtype`, and ‖ΔW‖_F before rounding.
    fn result(&self, weight: ArrayView2<'_, f32>, dtype: Dtype) -> Result<Changed, EditError> {
        match self {
            Self::Whole { weight: after, bias } => {
                check_extents(weight.dim(), after.dim())?;
                let norm = distance(after, weight);
                Ok(Changed { weight: after.clone(), bias: bias.clone(), update_norm: norm, kept: None })
            }
            Self::Factors { left, right, kept } => {
                check_extents(weight.dim(), (left.nrows(), right.nrows()))?;
                let mut delta = product(&single(left), &single(right));
                let kept = kept.map(|kind| super::rect::keep(&mut delta, weight, kind));
                let update_norm = norm(delta.iter().copied());
                let mut after = weight.to_owned();
                after.iter_mut().zip(&delta).for_each(|(w, delta)| *w = round(f64::from(*w) + delta, dtype));
                Ok(Changed { weight: after, bias: None, update_norm, kept })
            }
        }
    }
}

/// A matrix after a change.
struct Changed {
    weight: Array2<f32>,
    bias: Option<Vec<f32>>,
    update_norm: f64,
    kept: Option<u64>,
}

/// Each entry as the nearest f32.
#[expect(clippy::cast_possible_truncation, reason = "rounding to the nearest is meant")]
fn single(factor: &Matrix) -> Matrix {
    factor.mapv(|x| f64::from(x as f32))
}

/// L Rᵀ. Each entry is summed in the order of the columns, without fused operations: the same bits on every machine.
pub(super) fn product(left: &Matrix, right: &Matrix) -> Matrix {
    let columns = right.t().as_standard_layout().into_owned();
    let mut out = Matrix::zeros((left.nrows(), right.nrows()));
    let rows = out.as_slice_mut().unwrap_or_default().par_chunks_mut(right.nrows().max(1));
    rows.zip(left.axis_iter(Axis(0)).collect::<Vec<_>>()).for_each(|(row, factors)| {
        for (factor, column) in factors.iter().zip(columns.rows()) {
            row.iter_mut().zip(column).for_each(|(sum, x)| *sum += factor * x);
        }
    });
    out
}

/// The nearest number of a dtype, ties to even. Whatever is no supported dtype rounds to f32.
pub(super) fn round(value: f64, dtype: Dtype) -> f32 {
    match dtype {
        Dtype::BF16 => bf16::from_f64(value).to_f32(),
        Dtype::F16 => f16::from_f64(value).to_f32(),
        #[expect(clippy::cast_possible_truncation, reason = "rounding to the nearest is meant")]
        _ => value as f32,
    }
}

/// ‖A − B‖_F.
fn distance(a: &Array2<f32>, b: ArrayView2<'_, f32>) -> f64 {
    norm(a.iter().zip(b).map(|(a, b)| f64::from(*a) - f64::from(*b)))
}

/// √ Σ x².
pub(super) fn norm(numbers: impl Iterator<Item = f64>) -> f64 {
    numbers.map(|x| x * x).sum::<f64>().sqrt()
}

/// Refuses extents that are not those needed.
pub(super) fn check_extents(needed: (usize, usize), found: (usize, usize)) -> Result<(), EditError> {
    for (needed, found) in [(needed.0, found.0), (needed.1, found.1)] {
        if needed != found {
            let mismatch = ModelError::Mismatch { what: "extent of an update", found, needed };
            return Err(mismatch.into());
        }
    }
    Ok(())
}
