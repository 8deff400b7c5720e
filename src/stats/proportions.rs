//! Shares of successes: their intervals, the difference of two, and how large one must be to be seen.

use statrs::distribution::{ContinuousCDF as _, Normal};

use super::Interval;

/// Φ⁻¹(0.975).
const Z: f64 = 1.959_963_984_540_054;

/// A count of successes in a number of trials; never more of the one than of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    successes: u64,
    trials: u64,
}

impl Share {
    /// `None` without a trial, or for more successes than trials.
    pub fn new(successes: u64, trials: u64) -> Option<Self> {
        (trials > 0 && successes <= trials).then_some(Self { successes, trials })
    }

    /// Successes over trials.
    pub fn value(self) -> f64 {
        self.successes as f64 / self.trials as f64
    }

    /// The 95 % score interval.
    ///
    /// ```text
    /// (p̂ + z²/2n ± z √(p̂ (1 − p̂)/n + z²/4n²)) / (1 + z²/n)
    /// ```
    ///
    /// E. B. Wilson, J. Amer. Statist. Assoc. 22, 1927; without correction for continuity. Degenerate: no success has the lower
    /// end 0, nothing but successes the upper end 1, both exactly.
    pub fn wilson(self) -> Interval {
        let (n, p) = (self.trials as f64, self.value());
        let centre = p + Z * Z / (2.0 * n);
        let reach = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        let scale = 1.0 + Z * Z / n;
        let low = if self.successes == 0 { 0.0 } else { (centre - reach) / scale };
        let high = if self.successes == self.trials { 1.0 } else { (centre + reach) / scale };
        Interval { low, high }
    }

    /// The 95 % interval of how much larger the share of other trials is.
    ///
    /// ```text
    /// d − √((p₂ − l₂)² + (u₁ − p₁)²),   d + √((u₂ − p₂)² + (p₁ − l₁)²)
    /// ```
    ///
    /// l and u are the ends of [`Share::wilson`]: method 10 of R. G. Newcombe, Statist. Med. 17, 1998, 873–890. Assumes that
    /// the trials of the two are independent; where they are the same documents it is wider than it had to be.
    pub fn newcombe(self, later: Self) -> Interval {
        let ([p, q], [first, second]) = ([self, later].map(Self::value), [self, later].map(Self::wilson));
        let difference = q - p;
        Interval {
            low: difference - (q - second.low).hypot(first.high - p),
            high: difference + (second.high - q).hypot(p - first.low),
        }
    }

    /// Two-sided probability of a difference at least as large where there is none: the z test with a pooled share.
    ///
    /// Degenerate: 1 where both are nothing but failures, or nothing but successes. Independence as above.
    pub fn pooled_p_value(self, later: Self) -> f64 {
        let trials = [self, later].map(|share| share.trials as f64);
        let pooled = (self.successes as f64 + later.successes as f64) / (trials[0] + trials[1]);
        let spread = (pooled * (1.0 - pooled) * (1.0 / trials[0] + 1.0 / trials[1])).sqrt();
        two_sided(later.value() - self.value(), spread)
    }
}

/// Two-sided probability under a normal law of a difference at least this large, where there is none.
///
/// Degenerate: without any spread 1 for no difference and 0 for any other; NaN where one of the two is.
pub fn two_sided(difference: f64, standard_error: f64) -> f64 {
    if difference.is_nan() || standard_error.is_nan() {
        return f64::NAN;
    }
    if difference == 0.0 {
        return 1.0;
    }
    (2.0 * Normal::standard().sf((difference / standard_error).abs())).min(1.0)
}

/// The smallest difference that a two-sided test at level `alpha` finds with probability `power`.
///
/// ```text
/// (Φ⁻¹(1 − α/2) + Φ⁻¹(power)) · standard error of the difference
/// ```
///
/// The normal approximation, without the other tail (J. Cohen, Statistical Power Analysis, 1988, section 2). `alpha` and
/// `power` lie strictly between 0 and 1.
pub fn detectable(standard_error: f64, alpha: f64, power: f64) -> f64 {
    let normal = Normal::standard();
    (normal.inverse_cdf(1.0 - alpha / 2.0) + normal.inverse_cdf(power)) * standard_error
}
