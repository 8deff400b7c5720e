//! What the change of one matrix looks like: rounding, low rank, bounded, masked or dense.

use std::f64::consts::FRAC_2_PI;

use super::{Change, Spectrum, SpectrumOutcome, TensorDelta};
use crate::tensor::{Dtype, NumberKind};

/// A rank is low up to this share of the shorter side: a batch edit of a few hundred facts in a matrix of 1,600
/// is, fine-tuning is not.
const LOW_RANK_SHARE: f64 = 0.25;
/// Where the count of singular values stopped at its cap, the counted ones have to hold this share of the energy
/// before the change is called low-rank: the leading values of a dense change hold much less.
const LOW_RANK_ENERGY: f64 = 0.9;
/// Share of changed elements up to which a mask is looked for: RECT keeps 20 or 40 %.
const MASK_MOVES_AT_MOST: f64 = 0.75;
/// A mask is proven where this many times more elements stayed than rounding would hold: the estimate is for
/// bell-shaped values, and products of two such (an update of low rank) have twice the mass near zero.
const ROUNDING_FACTOR: f64 = 2.0;
/// How near the 90th percentile of |Δ| has to be to the largest for a bound: two buckets of its histogram.
const BOUND_TOLERANCE: f64 = 1.0 / 64.0;
/// Elements below which quantiles say little about a bound.
const BOUND_ELEMENTS: u64 = 1000;

/// What the change of one tensor looks like.
pub(super) enum Trace<'a> {
    /// Nothing above what rounding to the stored dtype gives.
    Rounding,
    /// Few directions.
    LowRank(&'a Spectrum),
    /// Many elements moved by the same largest amount.
    Bounded,
    /// Many elements did not move, more than rounding explains.
    Masked {
        /// Share of elements that changed.
        moved: f64,
        /// Share that rounding may have held still.
        rounding_holds: f64,
    },
    /// Many directions.
    Dense {
        /// The two shares of `Masked`, where a mask is possible and so is rounding.
        perhaps_masked: Option<(f64, f64)>,
    },
    /// A matrix without a spectrum.
    Unknown,
    /// A vector, or a tensor of another rank.
    NoMatrix,
}

/// Looks at the change of one tensor. The order matters: a low-rank update of sparse factors also leaves elements
/// untouched, and a bound is told from the elements that reached it whatever the others did.
pub(super) fn trace_of(tensor: &TensorDelta) -> Trace<'_> {
    let (Some((rows, columns)), Some(change)) = (tensor.shape.matrix(), &tensor.change) else {
        return Trace::NoMatrix;
    };
    if rows.min(columns) <= 1 {
        return Trace::NoMatrix;
    }
    let SpectrumOutcome::Computed(spectrum) = &tensor.spectrum else {
        return Trace::Unknown;
    };
    if spectrum.numerical_rank == 0 {
        Trace::Rounding
    } else if is_low(spectrum, rows.min(columns)) {
        Trace::LowRank(spectrum)
    } else if is_bounded(tensor.elements, change) {
        Trace::Bounded
    } else {
        mask(tensor, change)
    }
}

/// Whether the rank is low against the shorter side. Rank one is low in any matrix.
fn is_low(spectrum: &Spectrum, shorter_side: u64) -> bool {
    if spectrum.numerical_rank_is_lower_bound {
        return spectrum.top_energy >= LOW_RANK_ENERGY;
    }
    spectrum.numerical_rank == 1 || spectrum.numerical_rank as f64 <= LOW_RANK_SHARE * shorter_side as f64
}

/// Whether a tenth of the elements reach the largest |Δ|, to the resolution of the quantiles.
///
/// Storing the edited weights in 16 bits blurs the bound beyond recognition; such a change counts as dense.
fn is_bounded(elements: u64, change: &Change) -> bool {
    let bound = change.max_abs_delta;
    elements >= BOUND_ELEMENTS
        && bound > 0.0
        && change.abs_delta_quantiles.p90 >= (1.0 - BOUND_TOLERANCE) * bound
}

/// Masked where more elements stayed than rounding explains, else dense.
fn mask<'a>(tensor: &TensorDelta, change: &Change) -> Trace<'a> {
    let moved = change.changed_elements as f64 / tensor.elements.max(1) as f64;
    if moved > MASK_MOVES_AT_MOST {
        return Trace::Dense { perhaps_masked: None };
    }
    let rounding_holds = held_by_rounding(tensor, change);
    if 1.0 - moved >= ROUNDING_FACTOR * rounding_holds {
        Trace::Masked { moved, rounding_holds }
    } else {
        Trace::Dense { perhaps_masked: Some((moved, rounding_holds)) }
    }
}

/// Share of elements that an update of this size leaves where they are once it is rounded to the stored dtype.
///
/// ```text
/// P(|δ| < 2^-(m+1) |w|) = (2/π) · atan(2^-(m+1) / ρ),   ρ = ‖δ‖/‖w‖, m mantissa bits
/// ```
///
/// for δ and w independent, centred and bell-shaped (their ratio is a Cauchy variable of scale ρ); half a step of
/// the dtype is at most 2^-(m+1) |w|, so this is an upper end. Degenerate: 1 where the dtype is no float or ρ is not
/// a positive number (nothing is ruled out), 0 where w is zero everywhere (any update moves a zero).
fn held_by_rounding(tensor: &TensorDelta, change: &Change) -> f64 {
    match unit_roundoff(tensor) {
        Some(roundoff) if change.relative_delta > 0.0 => {
            FRAC_2_PI * (roundoff / change.relative_delta).atan()
        }
        _ => 1.0,
    }
}

/// Whether a vector moved by no more than one step of the coarser dtype, which is what a cast can do.
pub(super) fn within_rounding(tensor: &TensorDelta) -> bool {
    let step = unit_roundoff(tensor).map(|roundoff| 2.0 * roundoff);
    tensor.change.as_ref().zip(step).is_some_and(|(change, step)| change.relative_delta <= step)
}

/// Half a step of the coarser of the two dtypes, relative to the number; `None` where either is no float.
fn unit_roundoff(tensor: &TensorDelta) -> Option<f64> {
    let mantissa = |dtype: Option<Dtype>| match dtype?.kind() {
        NumberKind::Float { mantissa_bits } => Some(mantissa_bits),
        NumberKind::Integer | NumberKind::Opaque => None,
    };
    let bits = mantissa(tensor.dtype_before)?.min(mantissa(tensor.dtype_after)?);
    Some((-f64::from(bits) - 1.0).exp2())
}

#[cfg(test)]
mod tests {
    use super::super::sample::{EDITED, changed};
    use super::*;
    use half::{bf16, f16};

    /// Bell-shaped numbers from a fixed seed (a 64-bit linear congruence and twelve uniform numbers each).
    struct Bell(u64);

    impl Bell {
        fn next(&mut self) -> f64 {
            let mut uniform = || {
                self.0 =
                    self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (self.0 >> 11) as f64 / (1_u64 << 53) as f64
            };
            (0..12).map(|_| uniform()).sum::<f64>() - 6.0
        }
    }

    /// Share of elements that an update of that relative size leaves unmoved, by storing every one of them.
    fn share_held(size: f64, store: fn(f64) -> f64, update: impl Fn(&mut Bell) -> f64) -> f64 {
        let mut bell = Bell(7);
        let count = 40_000;
        let held = (0..count).filter(|_| {
            let before = store(bell.next());
            store(before + size * update(&mut bell)).to_bits() == before.to_bits()
        });
        held.count() as f64 / f64::from(count)
    }

    fn estimate(size: f64, dtype: Dtype) -> f64 {
        let tensor = changed(EDITED).with_dtype(dtype).with_relative(size);
        tensor.change.as_ref().map_or(0.0, |change| held_by_rounding(&tensor, change))
    }

    #[test]
    fn the_share_that_rounding_holds_is_an_upper_end_for_bell_shaped_updates() {
        for (dtype, store) in [
            (Dtype::BF16, (|x| bf16::from_f64(x).to_f64()) as fn(f64) -> f64),
            (Dtype::F16, |x| f16::from_f64(x).to_f64()),
        ] {
            for size in [0.001, 0.003, 0.01, 0.1] {
                let (held, estimated) = (share_held(size, store, Bell::next), estimate(size, dtype));
                assert!(
                    held <= estimated && held >= 0.6 * estimated,
                    "{dtype} {size}: {held} against {estimated}"
                );
            }
        }
    }

    #[test]
    fn a_rank_one_update_in_16_bits_is_never_mistaken_for_a_mask() {
        let store = |x| bf16::from_f64(x).to_f64();
        for size in [0.001, 0.003, 0.01, 0.03, 0.1, 1.0] {
            let held = share_held(size, store, |bell| bell.next() * bell.next());
            let tensor = changed(EDITED).with_dtype(Dtype::BF16).with_relative(size).with_share(1.0 - held);
            let trace = tensor.change.as_ref().map(|change| mask(&tensor, change));
            assert!(matches!(trace, Some(Trace::Dense { .. })), "{size}: {held} held still");
        }
    }

    #[test]
    fn zeros_that_stayed_are_never_explained_and_integers_always_are() {
        assert!(estimate(f64::INFINITY, Dtype::BF16).abs() < f64::EPSILON);
        assert!((estimate(0.1, Dtype::I8) - 1.0).abs() < f64::EPSILON);
        assert!((estimate(f64::NAN, Dtype::F32) - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_vector_is_within_rounding_up_to_one_step_of_the_coarser_dtype() {
        let vector = |size| TensorDelta {
            dtype_after: Some(Dtype::F16),
            ..changed("v").into_vector().with_relative(size)
        };
        assert!(within_rounding(&vector(2.0_f64.powi(-10))));
        assert!(!within_rounding(&vector(1.01 * 2.0_f64.powi(-10))));
    }
}
