//! Intervals around a coefficient: by Fisher's transformation, and by a bootstrap.

use rayon::prelude::*;
use statrs::distribution::{ContinuousCDF as _, Normal};

use super::coefficient::{Association, Measure};
use super::stream::Stream;
use crate::stats::Interval;
use crate::stats::paired::{OUTSIDE, bca};

/// Groups that are left out in turn for the acceleration of the bootstrap; fewer pairs are left out one by one.
const GROUPS: usize = 256;
/// Of the resamples at most one in so many may have no coefficient.
const LOST: usize = 20;

impl Association {
    /// A 95 % interval by Fisher's z: tanh(atanh c ± 1.96 · standard error).
    ///
    /// | | standard error of atanh | |
    /// |---|---|---|
    /// | r | √(1 / (n − 3)) | Fisher 1921 |
    /// | ρ | √((1 + ρ²/2) / (n − 3)) | Bonett & Wright, Psychometrika 65, 2000 |
    /// | τ | √(0.437 / (n − 4)) | Fieller, Hartley & Pearson, Biometrika 44, 1957 |
    ///
    /// Right for pairs from a continuous distribution that is near normal; with many ties prefer the bootstrap.
    ///
    /// Degenerate: `None` for a coefficient of 1 or −1, and for at most three pairs (four for τ).
    pub fn fisher_interval(&self) -> Option<Interval> {
        let c = self.coefficient();
        let (spread, least) = match self.measure {
            Measure::Spearman => (1.0 + c * c / 2.0, 3),
            Measure::Kendall => (0.437, 4),
            Measure::Pearson => (1.0, 3),
        };
        let degrees = self.n().checked_sub(least).filter(|&degrees| degrees > 0)? as f64;
        let reach = Normal::standard().inverse_cdf(1.0 - OUTSIDE / 2.0) * (spread / degrees).sqrt();
        let z = Some(c.atanh()).filter(|z| z.is_finite())?;
        Some(Interval { low: (z - reach).tanh(), high: (z + reach).tanh() })
    }

    /// A 95 % interval by the bias-corrected and accelerated bootstrap of pairs (Efron 1987).
    ///
    /// Resample i is the i-th stream of the seed, so that the result does not depend on threads. The acceleration is from the
    /// jackknife, of more than 256 pairs by leaving out every 256th together.
    ///
    /// Degenerate: a resample whose x or y never varies has no coefficient and is left out; `None` where that is more than one
    /// in twenty, and where all coefficients are equal, as of pairs that rise without exception.
    pub fn bootstrap_interval(&self, resamples: usize, seed: u64) -> Option<Interval> {
        let n = self.n();
        let found: Vec<f64> = (0..resamples as u64)
            .into_par_iter()
            .filter_map(|number| self.of_rows(&Stream::new(seed, number).draw(n)))
            .collect();
        if (resamples - found.len()) * LOST > resamples
            || found.windows(2).all(|pair| pair.first() == pair.last())
        {
            return None;
        }
        bca(&found, self.coefficient(), self.acceleration()?)
    }

    /// a = Σ (m − cᵢ)³ / 6 (Σ (m − cᵢ)²)^1.5, cᵢ without group i, m their mean; 0 where they are all equal.
    fn acceleration(&self) -> Option<f64> {
        let n = self.n();
        let groups = n.min(GROUPS);
        let without = |group: usize| {
            let rows: Vec<usize> = (0..n).filter(|row| row % groups != group).collect();
            self.of_rows(&rows)
        };
        let left: Vec<f64> = (0..groups).into_par_iter().map(without).collect::<Option<_>>()?;
        let mean = left.iter().sum::<f64>() / groups as f64;
        let moment = |power| left.iter().map(|c| (mean - c).powi(power)).sum::<f64>();
        let squares = moment(2);
        Some(if squares > 0.0 { moment(3) / (6.0 * squares.powf(1.5)) } else { 0.0 })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    const X: [f64; 12] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0];
    const Y: [f64; 12] = [2.0, 1.0, 4.0, 3.0, 7.0, 5.0, 6.0, 12.0, 8.0, 11.0, 9.0, 10.0];

    fn pairs(measure: Measure, x: &[f64], y: &[f64]) -> Association {
        Association::new(measure, x, y).unwrap()
    }

    #[test]
    fn fishers_interval_is_symmetric_in_z_and_shrinks_with_n() {
        for (measure, spread) in [(Measure::Pearson, 1.0 / 9.0), (Measure::Kendall, 0.437 / 8.0)] {
            let found = pairs(measure, &X, &Y);
            let Interval { low, high } = found.fisher_interval().unwrap();
            assert!((f64::midpoint(low.atanh(), high.atanh()) - found.coefficient().atanh()).abs() < 1e-12);
            let width: f64 = 2.0 * 1.959_963_984_540_054 * f64::sqrt(spread);
            assert!((high.atanh() - low.atanh() - width).abs() < 1e-12, "{measure:?}");
        }
    }

    #[test]
    fn pairs_that_rise_without_exception_and_too_few_have_no_interval() {
        let rising = pairs(Measure::Spearman, &X, &X);
        assert_eq!([rising.fisher_interval(), rising.bootstrap_interval(200, 1)], [None; 2]);
        assert_eq!(pairs(Measure::Spearman, &X[..3], &Y[..3]).fisher_interval(), None);
        assert_eq!(pairs(Measure::Kendall, &X[..4], &Y[..4]).fisher_interval(), None);
        assert!(pairs(Measure::Spearman, &X[..4], &Y[..4]).fisher_interval().is_some());
        // One pair in four is apart: without it nothing varies.
        let apart = pairs(Measure::Spearman, &[0.0, 0.0, 0.0, 1.0], &[0.0, 0.0, 1.0, 1.0]);
        assert_eq!(apart.bootstrap_interval(200, 1), None);
    }

    #[test]
    fn a_seed_decides_the_bootstrap_and_threads_do_not() {
        let found = pairs(Measure::Spearman, &X, &Y);
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| found.bootstrap_interval(500, 9))
        };
        assert_eq!(run(1), run(3));
        assert_ne!(found.bootstrap_interval(500, 9), found.bootstrap_interval(500, 10));
    }
}
