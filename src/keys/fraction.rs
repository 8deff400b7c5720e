//! The fraction of a ROME update: how large what is divided is, and by what.
//!
//! ```text
//! Δ = (v* − W k) (C⁻¹k̄)ᵀ / ((C⁻¹k̄)ᵀ k)       k = kᵘ as published, k = k̄ in C-ROME and r-ROME
//!     numerator             denominator
//! ```
//!
//! With k = k̄ the denominator is k̄ᵀC⁻¹k̄, positive wherever C is positive definite. With k = kᵘ it is a product of two
//! different vectors, and where the subject is the first token of its prompt they may be all but orthogonal: the
//! denominator then is a small rest of large terms that cancel, its sign is chance, and Δ is enormous. Source: Yang et
//! al., The Fall of ROME (2024); C-ROME is its cure; `compute_u.py` and `compute_v.py` of kmeng01/rome at 0874014.
//!
//! Error: with κ the condition number of C and ρ the residual of the solve, `denominator` is off by at most
//! κ·(ρ + 2⁻⁵³)·‖C⁻¹k̄‖·‖kᵘ‖, whatever its own size: of a denominator near zero the size is known, not the digits.

use ndarray::ArrayView1;

use super::{Adjustment, AdjustmentError, KeyMeans};
use crate::compute::{FractionSums, fraction_sums};
use crate::tensor::Matrix;

/// The numbers of one case. Those that rest on something which was not there are `None`.
#[derive(Clone, Debug, PartialEq)]
pub struct Fraction {
    /// ‖kᵘ‖.
    pub unprefixed_key_norm: f64,
    /// ‖k̄‖.
    pub mean_prefixed_key_norm: f64,
    /// Root mean square distance of the prefixed keys from their own mean.
    pub prefixed_key_spread: Option<f64>,
    /// cos(kᵘ, k̄); NaN where either is zero.
    pub key_cosine: f64,
    /// ‖kᵘ − k̄‖.
    pub key_distance: f64,
    /// √((kᵘ − k̄)ᵀ C⁻¹ (kᵘ − k̄)); none where C = I.
    pub key_mahalanobis: Option<f64>,
    /// ‖C⁻¹k̄‖.
    pub adjusted_key_norm: f64,
    /// (C⁻¹k̄)ᵀ kᵘ, signed: a negative one turns the update round.
    pub denominator: f64,
    /// `denominator / ‖C⁻¹k̄‖`: what published code divides by, and prints (there as an absolute value).
    pub unit_denominator: f64,
    /// (C⁻¹k̄)ᵀ k̄: the same with one key in both places.
    pub consistent_denominator: f64,
    /// `consistent_denominator / ‖C⁻¹k̄‖`.
    pub consistent_unit_denominator: f64,
    /// `denominator / consistent_denominator`: 1 where the keys agree. NaN where k̄ is zero.
    pub denominator_ratio: f64,
    /// ‖W kᵘ + b‖.
    pub value_norm: Option<f64>,
    /// `value_norm` over the mean of the prefixed templates' value norms.
    pub value_norm_ratio: Option<f64>,
    /// clamp · `value_norm` / |`unit_denominator`|: the Frobenius norm that the update cannot pass.
    pub delta_norm_bound: Option<f64>,
    /// ‖v* − v‖, where a value vector is given.
    pub numerator_norm: Option<f64>,
    /// ‖Δ‖, where a value vector or an edited checkpoint is given.
    pub update_norm: Option<f64>,
    /// ‖C r − k̄‖ / ‖k̄‖ of the solve; 0 where C = I or C⁻¹k̄ was given.
    pub residual: f64,
}

/// The fractions of many cases, all solved for at once.
///
/// Shapes: keys of length f, C `(f, f)`. A case with a component that is not finite is kept out of the solve and gets
/// NaN where its numbers rest on it.
///
/// # Errors
/// [`AdjustmentError::WrongLength`] where a case has keys of another length; [`AdjustmentError::Engine`].
pub fn fractions(
    cases: &[KeyMeans],
    adjustment: &Adjustment,
    clamp: f64,
) -> Result<Vec<Fraction>, AdjustmentError> {
    let dimension = adjustment.facts().dimension;
    let wrong = |case: &&KeyMeans| case.mean.len() != dimension || case.unprefixed.len() != dimension;
    if let Some(case) = cases.iter().find(wrong) {
        return Err(AdjustmentError::WrongLength { keys: case.mean.len(), moment: dimension });
    }
    let sound: Vec<&KeyMeans> = cases.iter().filter(|case| case.is_finite()).collect();
    // Two columns a case: k̄, and kᵘ − k̄ for the Mahalanobis distance.
    let mut sides = Matrix::zeros((dimension, 2 * sound.len()));
    for (at, case) in sound.iter().enumerate() {
        sides.column_mut(2 * at).assign(&ArrayView1::from(&case.mean));
        let apart: Vec<f64> = case.unprefixed.iter().zip(&case.mean).map(|(u, m)| u - m).collect();
        sides.column_mut(2 * at + 1).assign(&ArrayView1::from(&apart));
    }
    let adjusted = adjustment.adjust(&sides)?;
    let keys: Vec<Vec<f64>> = (0..sound.len()).map(|at| adjusted.keys.column(2 * at).to_vec()).collect();
    let triples: Vec<[&[f64]; 3]> =
        sound.iter().zip(&keys).map(|(case, key)| [case.unprefixed.as_slice(), &case.mean, key]).collect();
    let of_device = fraction_sums(adjustment.device(), &triples);
    let sums = of_device.map_err(|error| AdjustmentError::Device(error.to_string()))?;
    let sums = sums.unwrap_or_else(|| triples.iter().map(|&triple| sums_of(triple)).collect());
    let mut solved = sums.into_iter().enumerate().map(|(at, sums)| {
        let distance = sides.column(2 * at + 1).dot(&adjusted.keys.column(2 * at + 1));
        let residual = adjusted.residuals.get(2 * at).copied().unwrap_or(f64::NAN);
        // Rounding may leave a distance of nothing a little below zero.
        (sums, distance.max(0.0).sqrt(), residual)
    });
    let unknown = vec![f64::NAN; dimension];
    let fraction = |case: &KeyMeans| {
        let without = || (sums_of([&case.unprefixed, &case.mean, &unknown]), f64::NAN, f64::NAN);
        let (sums, distance, residual) =
            if case.is_finite() { solved.next().unwrap_or_else(without) } else { without() };
        let mahalanobis = adjustment.facts().adjusted.then_some(distance);
        Fraction { key_mahalanobis: mahalanobis, residual, ..of_sums(case, &sums, clamp) }
    };
    Ok(cases.iter().map(fraction).collect())
}

/// The fraction of a case whose adjusted key C⁻¹k̄ is given, as dumps of published code have it.
///
/// No Mahalanobis distance comes out: that needs C itself.
pub fn of_adjusted(case: &KeyMeans, adjusted: &[f64], clamp: f64) -> Fraction {
    of_sums(case, &sums_of([&case.unprefixed, &case.mean, adjusted]), clamp)
}

fn of_sums(case: &KeyMeans, sums: &FractionSums, clamp: f64) -> Fraction {
    let FractionSums { denominator, consistent_denominator, .. } = *sums;
    let [unprefixed_key_norm, mean_prefixed_key_norm, adjusted_key_norm] =
        [sums.unprefixed, sums.mean, sums.adjusted].map(f64::sqrt);
    let unit_denominator = denominator / adjusted_key_norm;
    Fraction {
        unprefixed_key_norm,
        mean_prefixed_key_norm,
        prefixed_key_spread: case.spread,
        key_cosine: sums.unprefixed_mean / (unprefixed_key_norm * mean_prefixed_key_norm),
        key_distance: sums.apart.sqrt(),
        key_mahalanobis: None,
        adjusted_key_norm,
        denominator,
        unit_denominator,
        consistent_denominator,
        consistent_unit_denominator: consistent_denominator / adjusted_key_norm,
        denominator_ratio: denominator / consistent_denominator,
        value_norm: case.value_norm,
        value_norm_ratio: case.value_norm_ratio,
        delta_norm_bound: case.value_norm.map(|norm| clamp * norm / unit_denominator.abs()),
        numerator_norm: None,
        update_norm: None,
        residual: 0.0,
    }
}

/// The sums over the components of kᵘ, k̄ and C⁻¹k̄.
fn sums_of([unprefixed, mean, adjusted]: [&[f64]; 3]) -> FractionSums {
    FractionSums {
        unprefixed: dot(unprefixed, unprefixed),
        mean: dot(mean, mean),
        adjusted: dot(adjusted, adjusted),
        denominator: dot(adjusted, unprefixed),
        consistent_denominator: dot(adjusted, mean),
        unprefixed_mean: dot(unprefixed, mean),
        apart: unprefixed.iter().zip(mean).map(|(u, m)| (u - m).powi(2)).sum(),
        mahalanobis: None,
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]
mod tests {
    use ndarray::array;
    use proptest::prelude::*;

    use super::*;
    use crate::reader::SecondMoment;

    fn means(unprefixed: &[f64], mean: &[f64]) -> KeyMeans {
        KeyMeans {
            unprefixed: unprefixed.to_vec(),
            mean: mean.to_vec(),
            spread: None,
            value_norm: Some(3.0),
            value_norm_ratio: None,
        }
    }

    fn moment(matrix: Matrix) -> Adjustment {
        let record = SecondMoment {
            sum: matrix * 1000.0,
            count: 1000,
            documents: None,
            module: None,
            source: String::new(),
        };
        Adjustment::new(record, 0.0).unwrap()
    }

    #[track_caller]
    fn assert_close(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-12 * expected.abs().max(1.0), "{found} is not {expected}");
    }

    #[test]
    fn a_case_on_paper_has_its_numbers() {
        // C = diag(4, 1), k̄ = (4, 3), kᵘ = (4, −3): r = (1, 3), ‖r‖ = √10.
        let adjustment = moment(Matrix::from_diag(&array![4.0, 1.0]));
        let fraction = fractions(&[means(&[4.0, -3.0], &[4.0, 3.0])], &adjustment, 4.0).unwrap().remove(0);
        assert_close(fraction.unprefixed_key_norm, 5.0);
        assert_close(fraction.mean_prefixed_key_norm, 5.0);
        assert_close(fraction.key_cosine, 7.0 / 25.0);
        assert_close(fraction.key_distance, 6.0);
        assert_close(fraction.key_mahalanobis.unwrap(), 6.0);
        assert_close(fraction.adjusted_key_norm, 10.0_f64.sqrt());
        assert_close(fraction.denominator, -5.0);
        assert_close(fraction.unit_denominator, -5.0 / 10.0_f64.sqrt());
        assert_close(fraction.consistent_denominator, 13.0);
        assert_close(fraction.denominator_ratio, -5.0 / 13.0);
        assert_close(fraction.delta_norm_bound.unwrap(), 12.0 * 10.0_f64.sqrt() / 5.0);
    }

    #[test]
    fn orthogonal_keys_have_a_denominator_of_zero_and_no_bound() {
        let fraction =
            fractions(&[means(&[0.0, 2.0], &[2.0, 0.0])], &Adjustment::none(2), 4.0).unwrap().remove(0);
        assert_eq!((fraction.denominator, fraction.denominator_ratio), (0.0, 0.0));
        assert_eq!((fraction.delta_norm_bound, fraction.key_mahalanobis), (Some(f64::INFINITY), None));
    }

    #[test]
    fn a_key_that_is_zero_or_not_finite_spoils_its_own_case_only() {
        let cases = [
            means(&[1.0, 0.0], &[f64::NAN, 0.0]),
            means(&[1.0, 0.0], &[0.0, 0.0]),
            means(&[1.0, 1.0], &[1.0, 1.0]),
            means(&[f64::INFINITY, 0.0], &[1.0, 0.0]),
        ];
        let found = fractions(&cases, &moment(array![[2.0, 1.0], [1.0, 2.0]]), 4.0).unwrap();
        assert!(found[0].denominator_ratio.is_nan() && found[1].denominator_ratio.is_nan());
        assert_close(found[2].denominator_ratio, 1.0);
        assert!(found[3].denominator.is_nan());
        assert_eq!(found[3].unprefixed_key_norm, f64::INFINITY);
        assert!(fractions(&[], &Adjustment::none(2), 4.0).unwrap().is_empty());
    }

    #[test]
    fn keys_of_another_length_than_the_moment_are_refused() {
        let error = fractions(&[means(&[1.0], &[1.0])], &Adjustment::none(2), 4.0).unwrap_err();
        assert_eq!(error, AdjustmentError::WrongLength { keys: 1, moment: 2 });
    }

    proptest! {
        #[test]
        fn one_key_in_both_places_gives_a_positive_denominator_and_a_ratio_of_one(
            key in prop::collection::vec(-10.0..10.0_f64, 3), factor in prop::collection::vec(-2.0..2.0_f64, 9)
        ) {
            prop_assume!(key.iter().any(|x| x.abs() > 1e-3));
            let factor = Matrix::from_shape_vec((3, 3), factor).unwrap();
            let adjustment = moment(factor.dot(&factor.t()) + Matrix::eye(3) * 0.1);
            let fraction = fractions(&[means(&key, &key)], &adjustment, 4.0).unwrap().remove(0);
            prop_assert!(fraction.denominator > 0.0);
            prop_assert_eq!(fraction.denominator_ratio, 1.0);
            prop_assert!(fraction.key_mahalanobis.unwrap() == 0.0);
        }

        #[test]
        fn scaling_the_moment_changes_no_ratio_and_no_unit_denominator(scale in 1e-3..1e3_f64) {
            let c = array![[2.0, 0.5], [0.5, 1.0]];
            let case = [means(&[1.0, -2.0], &[3.0, 1.0])];
            let one = fractions(&case, &moment(c.clone()), 4.0).unwrap().remove(0);
            let scaled = fractions(&case, &moment(c * scale), 4.0).unwrap().remove(0);
            prop_assert!((one.denominator_ratio - scaled.denominator_ratio).abs() < 1e-12);
            prop_assert!((one.unit_denominator - scaled.unit_denominator).abs() < 1e-12);
            prop_assert!((one.denominator / scaled.denominator / scale - 1.0).abs() < 1e-12);
        }
    }
}
