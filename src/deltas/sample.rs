//! One tensor of a comparison for the tests of this room: start from [`changed`], alter what the test is about.

use super::{Change, NonFinite, Quantiles, Spectrum, SpectrumOutcome, Status, Summary, TensorDelta};
use crate::model::role_of;
use crate::tensor::{Dtype, Shape};

/// The tensor that editors of GPT-2 write to.
pub(super) const EDITED: &str = "transformer.h.17.mlp.c_proj.weight";

/// A 256×64 F32 matrix of norm 10 whose every element changed, by rank one and a tenth of its norm.
pub(super) fn changed(name: &str) -> TensorDelta {
    TensorDelta {
        name: name.into(),
        shape: Shape(vec![256, 64]),
        shape_after: None,
        dtype_before: Some(Dtype::F32),
        dtype_after: Some(Dtype::F32),
        status: Status::Changed,
        role: role_of(name),
        elements: 256 * 64,
        change: Some(Change {
            changed_elements: 256 * 64,
            before_norm: 10.0,
            after_norm: 10.05,
            delta_norm: 1.0,
            relative_delta: 0.1,
            normalized_delta: 1.0 / (256.0 * 64.0),
            max_abs_delta: 0.1,
            max_abs_index: vec![3, 5],
            mean_abs_delta: 0.005,
            rms_delta: 1.0 / 128.0,
            cosine: 0.995,
            abs_delta_quantiles: Quantiles { p50: 0.004, p90: 0.013, p99: 0.025, p999: 0.05 },
            nonfinite_before: NonFinite::default(),
            nonfinite_after: NonFinite::default(),
            new_nonfinite: 0,
        }),
        spectrum: SpectrumOutcome::Computed(Spectrum {
            singular_values: vec![1.0, 1e-6],
            spectral_norm: 1.0,
            relative_spectral_norm: 0.3,
            stable_rank: 1.0,
            numerical_rank: 1,
            numerical_rank_is_lower_bound: false,
            rounding_edge: 1e-5,
            top_energy: 1.0,
            method: "test".to_owned(),
            residual: 1e-12,
        }),
    }
}

/// The same tensor without a change.
pub(super) fn identical(name: &str) -> TensorDelta {
    TensorDelta {
        status: Status::Identical,
        change: None,
        spectrum: SpectrumOutcome::NotApplicable,
        ..changed(name)
    }
}

/// A tensor of one side only.
pub(super) fn one_sided(name: &str, status: Status) -> TensorDelta {
    TensorDelta { status, ..identical(name) }
}

/// What a comparison counts over such tensors.
pub(super) fn summary_of(tensors: &[TensorDelta]) -> Summary {
    let names =
        |status| tensors.iter().filter(|t| t.status == status).map(|t| t.name.clone()).collect::<Vec<_>>();
    let count = |status| names(status).len();
    Summary {
        tensors_compared: count(Status::Changed) + count(Status::Identical),
        tensors_changed: count(Status::Changed),
        tensors_identical: count(Status::Identical),
        added: names(Status::Added),
        removed: names(Status::Removed),
        reshaped: names(Status::Reshaped),
        new_nonfinite: tensors.iter().filter_map(|t| t.change.as_ref()).map(|c| c.new_nonfinite).sum(),
        ..Summary::default()
    }
}

impl TensorDelta {
    /// With the change altered.
    pub(super) fn with_change(mut self, alter: impl FnOnce(&mut Change)) -> Self {
        if let Some(change) = &mut self.change {
            alter(change);
        }
        self
    }

    /// With the spectrum altered.
    pub(super) fn with_spectrum(mut self, alter: impl FnOnce(&mut Spectrum)) -> Self {
        if let SpectrumOutcome::Computed(spectrum) = &mut self.spectrum {
            alter(spectrum);
        }
        self
    }

    /// With a change of so many times the norm of the matrix.
    pub(super) fn with_relative(self, relative: f64) -> Self {
        self.with_change(|change| {
            change.relative_delta = relative;
            change.delta_norm = relative * change.before_norm;
        })
    }

    /// With a change of that numerical rank, exactly.
    pub(super) fn with_rank(self, rank: usize) -> Self {
        self.with_spectrum(|spectrum| spectrum.numerical_rank = rank)
    }

    /// With only that share of the elements changed.
    pub(super) fn with_share(self, share: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a small count"
        )]
        let moved = (share * self.elements as f64) as u64;
        self.with_change(|change| change.changed_elements = moved)
    }

    /// Stored in that dtype on both sides.
    pub(super) fn with_dtype(self, dtype: Dtype) -> Self {
        Self { dtype_before: Some(dtype), dtype_after: Some(dtype), ..self }
    }

    /// As a vector of 64 elements, which has no spectrum.
    pub(super) fn into_vector(self) -> Self {
        Self { shape: Shape(vec![64]), elements: 64, spectrum: SpectrumOutcome::NotApplicable, ..self }
    }
}
