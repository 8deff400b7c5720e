//! From sums to the numbers of a change.
//!
//! ```text
//! relative_delta   = ‖d‖ / ‖before‖           normalized_delta = ‖d‖ / n
//! rms_delta        = ‖d‖ / √n                 mean_abs_delta   = Σ|d| / n
//! ```
//!
//! over all n elements of the tensor, changed or not. Units are those of the stored weights, but for the
//! first, which has none. A NaN or an infinity in d goes through to each of them.

use super::{Change, NonFinite, Quantiles};
use crate::compute::{Largest, Totals};
use crate::tensor::Shape;

/// The numbers of one tensor's change.
pub(super) fn change(totals: &Totals, quantiles: Quantiles, shape: &Shape, largest: Largest) -> Change {
    let elements = totals.elements as f64;
    let (before_norm, delta_norm) = (totals.before_norm(), totals.delta_norm());
    Change {
        changed_elements: totals.changed,
        before_norm,
        after_norm: totals.after_norm(),
        delta_norm,
        relative_delta: relative(delta_norm, before_norm),
        normalized_delta: delta_norm / elements,
        max_abs_delta: largest.magnitude,
        max_abs_index: shape.index_of(largest.position),
        mean_abs_delta: totals.abs_delta() / elements,
        rms_delta: delta_norm / elements.sqrt(),
        cosine: totals.cosine(),
        abs_delta_quantiles: quantiles,
        nonfinite_before: nonfinite(totals.nonfinite_before),
        nonfinite_after: nonfinite(totals.nonfinite_after),
        new_nonfinite: totals.new_nonfinite,
    }
}

/// `delta / before`: 0 where nothing changed, infinite where a zero tensor did.
///
/// Where something did: NaN if either norm is NaN or both are infinite.
pub(super) fn relative(delta_norm: f64, before_norm: f64) -> f64 {
    if delta_norm == 0.0 { 0.0 } else { delta_norm / before_norm }
}

fn nonfinite([nan, pos_inf, neg_inf]: [u64; 3]) -> NonFinite {
    NonFinite { nan, pos_inf, neg_inf }
}
