//! One tensor in the record `diagnose.deltas/1`.
//!
//! ```text
//! status                       numbers of the change    spectrum
//! identical                    absent, but present      null
//!                              with two dtypes or
//!                              with `--norms`
//! changed, dtype has numbers   present                  of the most changed matrices of floats, else null
//! changed, opaque dtype        absent                   null
//! added, removed, reshaped     absent                   null
//! ```
//!
//! A spectrum that could have been computed and was not is null beside `spectrum_status` and
//! `spectrum_reason`.

use serde::Serialize;

use super::words;
use crate::deltas::{Change, NonFinite, Quantiles, Spectrum, SpectrumOutcome, TensorDelta};
use crate::model::Role;
use crate::report::json::NonFiniteFields;
use crate::tensor::Dtype;

/// One tensor of the pair.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct TensorRecord<'a> {
    /// Exactly as in the file, on the before side unless it was added.
    name: &'a str,
    /// Extents, outermost first; empty for a scalar.
    shape: &'a [u64],
    /// Absent unless reshaped.
    #[serde(skip_serializing_if = "Option::is_none")]
    shape_after: Option<&'a [u64]>,
    /// Null where added.
    dtype_before: Option<&'static str>,
    /// Null where removed.
    dtype_after: Option<&'static str>,
    status: &'static str,
    /// Null where the name belongs to no known family.
    role: Option<RoleRecord<'a>>,
    /// Product of the extents.
    elements: u64,
    /// Its fields stand beside the others; all are absent where there are no numbers.
    #[serde(flatten)]
    change: Option<ChangeRecord<'a>>,
    spectrum: Option<SpectrumRecord<'a>>,
    /// `skipped` where the spectrum could have been computed and was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    spectrum_status: Option<&'static str>,
    /// Why it was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    spectrum_reason: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RoleRecord<'a> {
    /// Null outside of the stack of layers (embeddings, the last norm).
    layer: Option<u32>,
    /// Such as `mlp.c_proj`.
    module: &'a str,
    /// What the matrix is for.
    kind: &'static str,
    /// Which way round a projection is stored: `key-major` or `value-major`.
    orientation: Option<&'static str>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ChangeRecord<'a> {
    /// Elements whose stored bits differ (values, where the dtypes do).
    changed_elements: u64,
    /// Frobenius, as the next two; null where not finite.
    before_norm: Option<f64>,
    /// Of the tensor after.
    after_norm: Option<f64>,
    /// Of the difference.
    delta_norm: Option<f64>,
    /// `delta_norm / before_norm`.
    relative_delta: Option<f64>,
    /// `delta_norm / elements`.
    normalized_delta: Option<f64>,
    /// Exact, unlike the quantiles; null and `nan` where some difference is NaN.
    max_abs_delta: Option<f64>,
    /// Row-major, from 0, as long as `shape`; the first of several.
    max_abs_index: &'a [u64],
    /// Over all elements.
    mean_abs_delta: Option<f64>,
    /// `delta_norm / √elements`.
    rms_delta: Option<f64>,
    /// Null and `nan` where either side is zero throughout.
    cosine: Option<f64>,
    /// Over all elements, zeros included; each the lower edge of a bucket 2⁻⁷ wide.
    abs_delta_quantiles: QuantilesRecord,
    /// Counts of elements that are no numbers, before.
    nonfinite_before: CountsRecord,
    /// The same after.
    nonfinite_after: CountsRecord,
    /// Finite before and not after: what an edit broke.
    new_nonfinite: u64,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct QuantilesRecord {
    /// The median.
    p50: Option<f64>,
    /// The 90th percentile.
    p90: Option<f64>,
    /// The 99th.
    p99: Option<f64>,
    /// The 99.9th.
    p999: Option<f64>,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CountsRecord {
    /// Not a number.
    nan: u64,
    /// +∞.
    pos_inf: u64,
    /// −∞.
    neg_inf: u64,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SpectrumRecord<'a> {
    /// Descending, at most as many as asked for; beyond σ₁ only those above the edge, but for small
    /// matrices.
    singular_values: Vec<Option<f64>>,
    /// σ₁(Δ).
    spectral_norm: Option<f64>,
    /// σ₁(Δ) / σ₁(before).
    relative_spectral_norm: Option<f64>,
    /// `delta_norm² / spectral_norm²`, between 1 and the rank.
    stable_rank: Option<f64>,
    /// Singular values above `rounding_edge`, of which `singular_values` may list fewer.
    numerical_rank: usize,
    /// Whether more may stand above the edge than were looked for.
    numerical_rank_is_lower_bound: bool,
    /// The largest singular value that rounding to the stored dtype alone would give.
    rounding_edge: Option<f64>,
    /// Share of `delta_norm²` in the values above the edge.
    top_energy: Option<f64>,
    /// How it was found.
    method: &'a str,
    /// Measured ‖Δv − σu‖ / σ₁, the largest over the values listed.
    residual: Option<f64>,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

impl<'a> From<&'a TensorDelta> for TensorRecord<'a> {
    fn from(tensor: &'a TensorDelta) -> Self {
        let (spectrum, reason) = match &tensor.spectrum {
            SpectrumOutcome::Computed(spectrum) => (Some(spectrum.into()), None),
            SpectrumOutcome::NotApplicable => (None, None),
            SpectrumOutcome::Skipped(reason) => (None, Some(reason.as_str())),
        };
        Self {
            name: &tensor.name,
            shape: &tensor.shape.0,
            shape_after: tensor.shape_after.as_ref().map(|shape| shape.0.as_slice()),
            dtype_before: tensor.dtype_before.map(Dtype::name),
            dtype_after: tensor.dtype_after.map(Dtype::name),
            status: words::status(tensor.status),
            role: tensor.role.as_ref().map(RoleRecord::from),
            elements: tensor.elements,
            change: tensor.change.as_ref().map(ChangeRecord::from),
            spectrum,
            spectrum_status: reason.map(|_| "skipped"),
            spectrum_reason: reason,
        }
    }
}

impl<'a> From<&'a Role> for RoleRecord<'a> {
    fn from(role: &'a Role) -> Self {
        Self {
            layer: role.layer,
            module: &role.module,
            kind: words::matrix_kind(role.kind),
            orientation: role.orientation.map(words::orientation),
        }
    }
}

impl<'a> From<&'a Change> for ChangeRecord<'a> {
    fn from(change: &'a Change) -> Self {
        let mut nonfinite = NonFiniteFields::default();
        let mut keep = |field, x| nonfinite.keep(field, x);
        Self {
            changed_elements: change.changed_elements,
            before_norm: keep("before_norm", change.before_norm),
            after_norm: keep("after_norm", change.after_norm),
            delta_norm: keep("delta_norm", change.delta_norm),
            relative_delta: keep("relative_delta", change.relative_delta),
            normalized_delta: keep("normalized_delta", change.normalized_delta),
            max_abs_delta: keep("max_abs_delta", change.max_abs_delta),
            max_abs_index: &change.max_abs_index,
            mean_abs_delta: keep("mean_abs_delta", change.mean_abs_delta),
            rms_delta: keep("rms_delta", change.rms_delta),
            cosine: keep("cosine", change.cosine),
            abs_delta_quantiles: change.abs_delta_quantiles.into(),
            nonfinite_before: change.nonfinite_before.into(),
            nonfinite_after: change.nonfinite_after.into(),
            new_nonfinite: change.new_nonfinite,
            nonfinite,
        }
    }
}

impl From<Quantiles> for QuantilesRecord {
    fn from(Quantiles { p50, p90, p99, p999 }: Quantiles) -> Self {
        let mut nonfinite = NonFiniteFields::default();
        Self {
            p50: nonfinite.keep("p50", p50),
            p90: nonfinite.keep("p90", p90),
            p99: nonfinite.keep("p99", p99),
            p999: nonfinite.keep("p999", p999),
            nonfinite,
        }
    }
}

impl From<NonFinite> for CountsRecord {
    fn from(NonFinite { nan, pos_inf, neg_inf }: NonFinite) -> Self {
        Self { nan, pos_inf, neg_inf }
    }
}

impl<'a> From<&'a Spectrum> for SpectrumRecord<'a> {
    fn from(spectrum: &'a Spectrum) -> Self {
        let mut nonfinite = NonFiniteFields::default();
        Self {
            singular_values: nonfinite.keep_all("singular_values", &spectrum.singular_values),
            spectral_norm: nonfinite.keep("spectral_norm", spectrum.spectral_norm),
            relative_spectral_norm: nonfinite.keep("relative_spectral_norm", spectrum.relative_spectral_norm),
            stable_rank: nonfinite.keep("stable_rank", spectrum.stable_rank),
            numerical_rank: spectrum.numerical_rank,
            numerical_rank_is_lower_bound: spectrum.numerical_rank_is_lower_bound,
            rounding_edge: nonfinite.keep("rounding_edge", spectrum.rounding_edge),
            top_energy: nonfinite.keep("top_energy", spectrum.top_energy),
            method: &spectrum.method,
            residual: nonfinite.keep("residual", spectrum.residual),
            nonfinite,
        }
    }
}
