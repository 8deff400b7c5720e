//! The three distances of the objective that ROME, MEMIT and EMMET share, and one equation written twice.
//!
//! ```text
//! preservation   mean ‖ΔW k₀‖ over keys k₀ of other texts
//! new edit       mean ‖ΔW k − r‖ over the facts of a batch: 0 where each is met exactly
//! old edit       mean ‖r‖: the same without an edit
//! ```
//!
//! r = z − h is what the block's output lacks, ΔW what is stored. Published code (`calculate_distances` of unified-model-editing)
//! holds outputs of the projection against z, an output of the block, so that its last two are not 0 for a perfect edit either.

use ndarray::{Array2, ArrayView1, Axis};

use super::{Plan, ReproduceError};
use crate::edit::{Change, Edit, EditError, KeyChoice, Method, Request, RomeCase, Rows, Update};
use crate::keys::{KeyMeans, WeightedTemplates};
use crate::model::{At, Model, Site, Tap};
use crate::tensor::Matrix;

/// Texts whose keys are to be preserved.
const TEXTS: usize = 40;
/// Keys that are kept of them at most.
const KEYS: usize = 1000;

/// The three.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Distances {
    pub(super) preservation: f64,
    pub(super) new_edit: f64,
    pub(super) old_edit: f64,
}

impl Distances {
    /// Of ΔW `(d, f)`, keys to preserve `(f, m)`, and keys `(f, n)` and residuals `(d, n)` of the facts.
    pub(super) fn of(change: &Matrix, preserved: &Matrix, keys: &Matrix, residuals: &Matrix) -> Self {
        Self {
            preservation: mean_norm(&change.dot(preserved)),
            new_edit: mean_norm(&(change.dot(keys) - residuals)),
            old_edit: mean_norm(residuals),
        }
    }
}

/// Mean length of the columns; NaN of none.
pub(super) fn mean_norm(columns: &Matrix) -> f64 {
    let norms = columns.columns().into_iter().map(|column| column.dot(&column).sqrt());
    norms.sum::<f64>() / columns.ncols() as f64
}

/// Keys of texts, every so many of them, `(f, m)`.
pub(super) fn preserved_keys(model: &Model, plan: &Plan<'_>, layer: usize) -> Result<Matrix, ReproduceError> {
    let tokenizer = model.tokenizer()?;
    let most = model.config().context_length.unwrap_or(usize::MAX);
    let mut rows = Vec::new();
    for text in plan.texts.iter().take(TEXTS) {
        let mut tokens = tokenizer.encode(text)?;
        tokens.truncate(most);
        if !tokens.is_empty() {
            rows.push(tokens);
        }
    }
    let captured = model.capture(&rows, At::EveryToken, &[Tap { layer, site: Site::Key }], &[])?;
    let captured = captured.into_iter().next().unwrap_or_default();
    let every: Vec<usize> = (0..captured.nrows()).step_by(captured.nrows().div_ceil(KEYS).max(1)).collect();
    Ok(captured.select(Axis(0), &every).t().mapv(f64::from))
}

/// MEMIT's mean key of each request, `(f, n)`.
pub(super) fn mean_keys(
    model: &Model,
    requests: &[Request],
    layer: usize,
    templates: &WeightedTemplates,
) -> Result<Matrix, ReproduceError> {
    let mut keys = Matrix::zeros((model.config().intermediate_size, requests.len()));
    for (request, mut column) in requests.iter().zip(keys.columns_mut()) {
        let rows = Rows::of(model, request, templates.templates())?;
        let tap = [Tap { layer, site: Site::Key }];
        let captured =
            model.capture(&rows.tokens, At::One(&rows.lookup), &tap, &[])?.pop().unwrap_or_default();
        column.assign(&ArrayView1::from(KeyMeans::of(captured.view(), None, templates).mean.as_slice()));
    }
    Ok(keys)
}

/// The two factors of an edit of one layer; none where none was made.
pub(super) fn factors(edit: &Edit) -> Option<(&Matrix, &Matrix)> {
    match edit.updates.as_slice() {
        [Update { change: Change::Factors { left, right, .. }, .. }] => Some((left, right)),
        _ => None,
    }
}

/// What an edit changed of its one layer, as it is stored, `(d, f)`.
pub(super) fn change(model: &Model, edit: &Edit) -> Result<Matrix, ReproduceError> {
    let Some(before) = edit.before.first() else { return Ok(Matrix::default((0, 0))) };
    let now: Array2<f32> = model.down_projection_weight(before.layer)?.0;
    Ok(now.mapv(f64::from) - before.weight.mapv(f64::from))
}

/// ‖ΔW − r uᵀ / (uᵀk̄)‖ / ‖r uᵀ / (uᵀk̄)‖ of an edit of one fact, with u and the division worked out by C-ROME's own code.
///
/// Both are r times a row, so that it is the relative difference of the rows.
pub(super) fn apart_from_c_rome(
    model: &Model,
    plan: &Plan<'_>,
    case: &RomeCase,
    edit: &Edit,
) -> Result<f64, ReproduceError> {
    let Some((_, right)) = factors(edit) else { return Ok(f64::NAN) };
    let method = Method::Rome(KeyChoice::CRome).name();
    let moment = plan.moments.get(&case.layer).ok_or(EditError::NoMoment { method, layer: case.layer })?;
    let c_rome = case.factors(model, KeyChoice::CRome, moment)?;
    let division = c_rome.division.unit_denominator;
    let expected: Vec<f64> = c_rome.right.iter().map(|u| u / division).collect();
    Ok(relative_difference(right.iter().copied(), &expected))
}

/// ‖a − b‖ / ‖b‖.
fn relative_difference(a: impl Iterator<Item = f64>, b: &[f64]) -> f64 {
    let apart: f64 = a.zip(b).map(|(a, b)| (a - b).powi(2)).sum();
    (apart / b.iter().map(|b| b * b).sum::<f64>()).sqrt()
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn distances_are_mean_lengths_of_what_is_moved_and_of_what_is_missed() {
        // One fact is met, of the other the edit does nothing.
        let change = array![[3.0, 0.0], [4.0, 0.0]];
        let keys = array![[1.0, 0.0], [0.0, 1.0]];
        let residuals = array![[3.0, 0.0], [4.0, 2.0]];
        let preserved = array![[2.0, 0.0, 0.0], [0.0, 7.0, 0.0]];
        let found = Distances::of(&change, &preserved, &keys, &residuals);
        assert_eq!(found, Distances { preservation: 10.0 / 3.0, new_edit: 1.0, old_edit: 3.5 });
    }

    #[test]
    fn a_difference_is_relative_to_what_is_expected() {
        assert_eq!(relative_difference([3.0, 5.0].into_iter(), &[3.0, 4.0]), 0.2);
    }
}
