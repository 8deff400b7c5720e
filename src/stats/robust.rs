//! Middle of a list and scale of its upper half, which outliers do not move.

use super::quantile;

/// What makes the distance from median to upper quartile of normal numbers their standard deviation: 1 / Φ⁻¹(3/4).
const NORMAL: f64 = 1.482_602_218_505_602;

/// Median, and how far the upper half spreads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UpperSpread {
    /// The median.
    pub median: f64,
    /// 1.4826 (Q₃ − median), which is 1.4826 times the median absolute deviation of the half above the median: the standard
    /// deviation where numbers are normal.
    pub scale: f64,
}

impl UpperSpread {
    /// Of a list; `None` of nothing, and where either is not finite. A quarter of the list may be anything before the scale moves
    /// far, half of it before the median does (Hampel, J. Amer. Statist. Assoc. 69, 1974). Of both halves only the upper one
    /// is used, for numbers that have outliers or noise below: their spread there says nothing of what is large.
    ///
    /// Degenerate: the scale is 0 where median and upper quartile are one number.
    pub fn of(values: &[f64]) -> Option<Self> {
        let median = quantile(values, 0.5)?;
        let scale = NORMAL * (quantile(values, 0.75)? - median);
        (median.is_finite() && scale.is_finite()).then_some(Self { median, scale })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outliers_on_both_sides_move_neither() {
        let found = UpperSpread::of(&[-1e9, 1.0, 2.0, 3.5, 4.0, 5.0, 1e9]);
        assert_eq!(found, Some(UpperSpread { median: 3.5, scale: NORMAL }));
        assert_eq!(UpperSpread::of(&[2.0; 4]), Some(UpperSpread { median: 2.0, scale: 0.0 }));
        assert_eq!(
            [UpperSpread::of(&[]), UpperSpread::of(&[f64::NAN]), UpperSpread::of(&[f64::NEG_INFINITY; 3])],
            [None; 3]
        );
    }
}
