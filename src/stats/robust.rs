//! Middle and scale of a list that outliers do not move.

use super::quantile;

/// What makes the median absolute deviation of normal numbers their standard deviation: 1 / Φ⁻¹(3/4).
const NORMAL: f64 = 1.482_602_218_505_602;

/// Median and scaled median absolute deviation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Robust {
    /// The median.
    pub median: f64,
    /// 1.4826 times the median of |x − median|: the standard deviation where numbers are normal.
    pub scale: f64,
}

impl Robust {
    /// Of a list; `None` of nothing, and where a value is NaN. Half of the list may be anything before either moves far
    /// (Hampel, J. Amer. Statist. Assoc. 69, 1974).
    ///
    /// Degenerate: the scale is 0 where more than half of the values are one number.
    pub fn of(values: &[f64]) -> Option<Self> {
        let median = quantile(values, 0.5).filter(|_| !values.iter().any(|x| x.is_nan()))?;
        let deviations: Vec<f64> = values.iter().map(|x| (x - median).abs()).collect();
        Some(Self { median, scale: NORMAL * quantile(&deviations, 0.5)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outlier_moves_neither_and_the_scale_is_that_of_scipy() {
        // scipy.stats.median_abs_deviation(x, scale="normal"), SciPy 1.17.1.
        let found = Robust::of(&[1.0, 2.0, 3.5, 4.0, 1e9]);
        assert_eq!(found, Some(Robust { median: 3.5, scale: NORMAL * 1.5 }));
        assert!((NORMAL * 1.5 - 2.223_903_327_758_403).abs() < 1e-12);
        assert_eq!(Robust::of(&[2.0, 2.0, 2.0, 7.0]), Some(Robust { median: 2.0, scale: 0.0 }));
        assert_eq!([Robust::of(&[]), Robust::of(&[1.0, f64::NAN])], [None; 2]);
    }
}
