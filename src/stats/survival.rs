//! How long something lasts, where for some it is only known that it lasted so long.

use statrs::distribution::{ContinuousCDF as _, Normal};

use super::Interval;

/// A time, and whether it is that of the end; else of the last look, at which there was no end yet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lifetime {
    /// How long it lasted, or had lasted.
    pub time: f64,
    /// Whether it ended then.
    pub ended: bool,
}

/// The survival function just after a time at which something ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Survival {
    /// The time.
    pub time: f64,
    /// Share that lasts longer.
    pub share: f64,
    /// Σ d / (n (n − d)) up to here (Greenwood): the variance of ln share; infinite once the share is 0.
    pub variance: f64,
}

/// The product-limit estimate (Kaplan & Meier, J. Amer. Statist. Assoc. 53, 1958), a row a time at which something ended.
///
/// ```text
/// S(t) = Π_{tᵢ ≤ t} (1 − dᵢ / nᵢ)      dᵢ end at tᵢ, of nᵢ that had lasted until then
/// ```
///
/// Assumes that what ends the looking says nothing of how long the rest lasts. Of equal times, ends come before last looks.
/// Times that are NaN are left out by the caller. Nothing ends: no rows.
pub fn kaplan_meier(lifetimes: &[Lifetime]) -> Vec<Survival> {
    let mut sorted = lifetimes.to_vec();
    sorted.sort_by(|a, b| a.time.total_cmp(&b.time));
    let (mut left, mut share, mut variance) = (sorted.len() as f64, 1.0, 0.0);
    let mut rows = Vec::new();
    for same in sorted.chunk_by(|a, b| a.time == b.time) {
        let ends = same.iter().filter(|life| life.ended).count() as f64;
        if let Some(life) = same.first().filter(|_| ends > 0.0) {
            share *= 1.0 - ends / left;
            variance += ends / (left * (left - ends));
            rows.push(Survival { time: life.time, share, variance });
        }
        left -= same.len() as f64;
    }
    rows
}

/// The time by which half has ended: the first at which the share is 1/2 or less; `None` where it never is.
pub fn median_lifetime(curve: &[Survival]) -> Option<f64> {
    curve.iter().find(|row| row.share <= 0.5).map(|row| row.time)
}

/// The 95 % interval of that time (Brookmeyer & Crowley, Biometrics 38, 1982, with the variance of ln −ln S): from the first
/// time at which the share may be 1/2 to the first at which it may be no more; ends that are never reached are infinite.
pub fn median_interval(curve: &[Survival]) -> Interval {
    let z = Normal::standard().inverse_cdf(0.975);
    let at = |row: &Survival, z: f64| {
        let transformed = |s: f64| (-s.ln()).ln();
        let error = row.variance.sqrt() / row.share.ln().abs();
        (transformed(row.share) - transformed(0.5)) / error >= z
    };
    let first =
        |z| curve.iter().find(|row| row.share == 0.0 || at(row, z)).map_or(f64::INFINITY, |row| row.time);
    Interval { low: first(-z), high: first(z) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(time: f64, ended: bool) -> Lifetime {
        Lifetime { time, ended }
    }

    #[test]
    fn without_censoring_it_is_the_share_that_is_left() {
        let times = [3.0, 1.0, 2.0, 2.0].map(|time| life(time, true));
        let shares: Vec<(f64, f64)> = kaplan_meier(&times).iter().map(|row| (row.time, row.share)).collect();
        assert_eq!(shares, [(1.0, 0.75), (2.0, 0.25), (3.0, 0.0)]);
        assert_eq!(median_lifetime(&kaplan_meier(&times)), Some(2.0));
    }

    #[test]
    fn what_never_ends_has_no_half_life_and_nothing_is_nothing() {
        let curve = kaplan_meier(&[life(1.0, true), life(2.0, false), life(5.0, false)]);
        assert_eq!((median_lifetime(&curve), median_interval(&curve).high), (None, f64::INFINITY));
        assert_eq!(kaplan_meier(&[]), []);
    }
}
