//! Whether two lists that belong together element by element differ on average.
//!
//! Works on the differences alone. Two intervals for their mean are given: Student's, right where differences are near
//! normal, and a bootstrap that follows their skewness (`BCa`: Efron, J. Amer. Statist. Assoc. 82, 1987; in the words of
//! Efron & Tibshirani, An Introduction to the Bootstrap, 1993, section 14.3).

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore as _, SeedableRng as _};
use statrs::distribution::{ContinuousCDF as _, Normal};

use super::quantile::{mean, quantile};
use super::student::student_quantile;
use super::student_ln_p;

/// Resamples that a 95 % interval takes by default: its ends then move by about 1 % of its width with the seed.
pub const RESAMPLES: usize = 10_000;

/// What lies outside an interval, both sides together.
pub(super) const OUTSIDE: f64 = 0.05;

/// A 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// What differences say about their mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Paired {
    /// Number of differences.
    pub pairs: usize,
    /// Their mean; NaN or infinite where one of them is.
    pub mean: f64,
    /// The rest; `None` for fewer than two differences, or where one is not finite.
    pub inference: Option<Inference>,
}

/// Intervals and the probability under "no difference".
#[derive(Clone, Debug, PartialEq)]
pub struct Inference {
    /// Standard error of the mean: s / √n with n − 1 in s.
    pub standard_error: f64,
    /// mean ± t₀.₉₇₅(n − 1) · standard error.
    pub student: Interval,
    /// Bias-corrected and accelerated bootstrap.
    pub bootstrap: Interval,
    /// Two-sided, of Student's t with n − 1 degrees of freedom.
    pub p_value: f64,
}

/// Compares pairs by their differences.
///
/// `resamples` and `seed` are those of the bootstrap (xoshiro256++); the same arguments give the same bits.
///
/// Degenerate: no differences have the mean 0 and no inference; differences that are all one number d have intervals of
/// that one point, and p = 0, or 1 where d = 0. p loses nothing in the tail and is 0 below about 10⁻³⁰⁸.
pub fn compare_pairs(differences: &[f64], resamples: usize, seed: u64) -> Paired {
    let pairs = differences.len();
    let average = mean(differences).unwrap_or(0.0);
    let known = pairs >= 2 && differences.iter().all(|d| d.is_finite());
    let inference = if known { infer(differences, average, resamples, seed) } else { None };
    Paired { pairs, mean: average, inference }
}

fn infer(differences: &[f64], average: f64, resamples: usize, seed: u64) -> Option<Inference> {
    let n = differences.len() as f64;
    let squares: f64 = differences.iter().map(|d| (d - average).powi(2)).sum();
    let constant = differences.windows(2).all(|pair| pair.first() == pair.last());
    if constant {
        let point = Interval { low: average, high: average };
        let p_value = if average == 0.0 { 1.0 } else { 0.0 };
        return Some(Inference { standard_error: 0.0, student: point, bootstrap: point, p_value });
    }
    let standard_error = (squares / (n - 1.0) / n).sqrt();
    let reach = student_quantile(n - 1.0, OUTSIDE / 2.0) * standard_error;
    Some(Inference {
        standard_error,
        student: Interval { low: average - reach, high: average + reach },
        bootstrap: bootstrap(differences, average, resamples, seed)?,
        p_value: student_ln_p(average / standard_error, n - 1.0).exp(),
    })
}

/// For a mean, m̄ − mᵢ is proportional to dᵢ − d̄, so the jackknife needs no second pass.
fn bootstrap(differences: &[f64], average: f64, resamples: usize, seed: u64) -> Option<Interval> {
    let means = resampled_means(differences, resamples, seed);
    let scale = differences.iter().fold(0.0_f64, |scale, d| scale.max((d - average).abs()));
    let moment = |power| differences.iter().map(|d| ((d - average) / scale).powi(power)).sum::<f64>();
    bca(&means, average, moment(3) / (6.0 * moment(2).powf(1.5)))
}

/// The 95 % interval around an estimate, from estimates of resamples.
///
/// ```text
/// z₀ = Φ⁻¹(share of resampled estimates below the estimate, ties half)          bias
/// a  = Σ (m̄ − mᵢ)³ / 6 (Σ (m̄ − mᵢ)²)^1.5,  mᵢ without element i                acceleration
/// ends: the quantiles Φ(z₀ + (z₀ + z) / (1 − a (z₀ + z))) of the resampled estimates, z = ±1.96
/// ```
///
/// `None` without resamples.
pub(super) fn bca(resampled: &[f64], estimate: f64, acceleration: f64) -> Option<Interval> {
    let normal = Normal::standard();
    let below =
        resampled.iter().map(|&m| if m < estimate { 1.0 } else { f64::from(u8::from(m == estimate)) / 2.0 });
    let resamples = resampled.len().max(1) as f64;
    // Half a resample away from 0 and 1, where the bias would be infinite.
    let edge = 0.5 / resamples;
    let share = (below.sum::<f64>() / resamples).clamp(edge, 1.0 - edge);
    let bias = normal.inverse_cdf(share);
    let end = |tail: f64| {
        let shifted = bias + normal.inverse_cdf(tail);
        quantile(resampled, normal.cdf(bias + shifted / (1.0 - acceleration * shifted)))
    };
    Some(Interval { low: end(OUTSIDE / 2.0)?, high: end(1.0 - OUTSIDE / 2.0)? })
}

/// Means of as many draws with replacement as there are elements.
fn resampled_means(values: &[f64], resamples: usize, seed: u64) -> Vec<f64> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let n = values.len();
    // The upper half of a 64 × 64 bit product: uniform but for n parts in 2⁶⁴.
    let mut draw = || usize::try_from((u128::from(random.next_u64()) * n as u128) >> 64).unwrap_or(0);
    let mut total = || (0..n).filter_map(|_| values.get(draw())).sum::<f64>();
    (0..resamples).map(|_| total() / n as f64).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    /// Skewed on purpose, so that the two intervals differ.
    const SKEWED: [f64; 12] = [0.31, -0.2, 0.05, 4.1, 0.4, 0.02, -0.1, 1.7, 0.6, 0.15, 9.3, -0.05];

    fn inference(differences: &[f64]) -> Inference {
        compare_pairs(differences, RESAMPLES, 7).inference.unwrap()
    }

    #[test]
    fn the_t_interval_and_its_p_value_are_those_of_scipy() {
        // scipy.stats.ttest_1samp(SKEWED, 0) and its confidence_interval(), SciPy 1.17.1.
        let found = inference(&SKEWED);
        let close = |found: f64, expected: f64| assert!((found / expected - 1.0).abs() < 1e-10, "{found}");
        close(found.p_value, 0.118_617_131_479_822_06);
        close(found.student.low, -0.407_426_784_351_609_95);
        close(found.student.high, 3.120_760_117_684_943);
        close(found.standard_error, 0.801_501_747_038_052_8);
    }

    #[test]
    fn the_bootstrap_interval_is_that_of_scipy_within_its_own_noise() {
        // scipy.stats.bootstrap(..., numpy.mean, method="BCa", n_resamples=999_999, rng=1), SciPy 1.17.1.
        let Interval { low, high } = inference(&SKEWED).bootstrap;
        let (expected_low, expected_high) = (0.359_167, 4.002_5);
        let width = expected_high - expected_low;
        assert!((low - expected_low).abs() < 0.02 * width, "{low}");
        assert!((high - expected_high).abs() < 0.04 * width, "{high}");
    }

    #[test]
    fn a_seed_decides_every_bit_and_another_seed_some() {
        assert_eq!(compare_pairs(&SKEWED, 500, 1), compare_pairs(&SKEWED, 500, 1));
        assert_ne!(compare_pairs(&SKEWED, 500, 1), compare_pairs(&SKEWED, 500, 2));
    }

    #[test]
    fn a_tail_far_beyond_rounding_keeps_its_probability() {
        // scipy.stats.ttest_1samp, SciPy 1.17.1.
        let differences: Vec<f64> = (0..60).map(|i| 1.0 + f64::from(i % 3) / 2.0).collect();
        let p = inference(&differences).p_value;
        assert!((p / 5.879_076_601_912_39e-36 - 1.0).abs() < 1e-9, "{p}");
    }

    #[test]
    fn differences_that_never_vary_say_what_they_say() {
        let point = |d| Interval { low: d, high: d };
        let same = inference(&[0.0; 5]);
        assert_eq!((same.p_value, same.student, same.bootstrap), (1.0, point(0.0), point(0.0)));
        let shifted = inference(&[0.1; 5]);
        assert_eq!((shifted.p_value, shifted.standard_error), (0.0, 0.0));
    }

    #[test]
    fn one_pair_none_and_values_that_are_not_finite_are_told_without_inference() {
        assert_eq!(compare_pairs(&[], 10, 0), Paired { pairs: 0, mean: 0.0, inference: None });
        assert_eq!(compare_pairs(&[2.0], 10, 0), Paired { pairs: 1, mean: 2.0, inference: None });
        let broken = compare_pairs(&[1.0, f64::INFINITY], 10, 0);
        assert_eq!((broken.mean, broken.inference), (f64::INFINITY, None));
        assert!(compare_pairs(&[1.0, f64::NAN], 10, 0).mean.is_nan());
    }
}
