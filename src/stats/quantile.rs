//! Means and quantiles of a list.

/// Arithmetic mean, summed in the order of the list; `None` of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Standard error of the mean, s / √n with n − 1 in s; `None` for fewer than two values.
///
/// Computed in units of the largest deviation, so that it overflows only where it is itself beyond f64. Degenerate: NaN
/// where the mean is not finite.
pub fn standard_error(values: &[f64]) -> Option<f64> {
    let n = values.len() as f64;
    let largest = values.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
    let average = mean(values).filter(|_| values.len() >= 2)?;
    if largest == 0.0 || !average.is_finite() {
        return Some(average * 0.0);
    }
    let squares: f64 = values.iter().map(|x| ((x - average) / largest).powi(2)).sum();
    Some((squares / (n - 1.0) / n).sqrt() * largest)
}

/// The quantile `q` of a list, interpolated linearly between order statistics.
///
/// ```text
/// h = q (n − 1),   x₍⌊h⌋₎ + (h − ⌊h⌋) (x₍⌊h⌋₊₁₎ − x₍⌊h⌋₎)     positions from 0
/// ```
///
/// Definition 7 of Hyndman & Fan (American Statistician 50, 1996), which `NumPy` takes by default. `q` is held to
/// `[0, 1]`. A NaN counts as larger than every number, so that a list of broken values cannot have a small maximum.
///
/// Degenerate: `None` of nothing; between a number and an infinity, the infinity.
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.is_nan().cmp(&b.is_nan()).then(a.total_cmp(b)));
    let position = q.clamp(0.0, 1.0) * sorted.len().checked_sub(1)? as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 ≤ position < length")]
    let below = position.floor() as usize;
    let (low, high) = (*sorted.get(below)?, *sorted.get(below + 1).unwrap_or(sorted.get(below)?));
    let part = position - position.floor();
    Some(if part == 0.0 || low == high { low } else { low + part * (high - low) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_numpy() {
        let values = [9.0, 1.0, 4.0, 16.0];
        assert_eq!(quantile(&values, 0.5), Some(6.5));
        assert_eq!(quantile(&values, 0.99), Some(9.0 + 0.97 * 7.0));
        assert_eq!([quantile(&values, 0.0), quantile(&values, 1.0)], [Some(1.0), Some(16.0)]);
        assert_eq!(quantile(&[5.0], 0.3), Some(5.0));
    }

    #[test]
    fn infinities_and_nan_stand_at_the_upper_end() {
        let infinite = [1.0, f64::INFINITY, f64::INFINITY];
        assert_eq!(quantile(&infinite, 0.75), Some(f64::INFINITY));
        assert_eq!(quantile(&infinite, 0.25), Some(f64::INFINITY));
        assert!(quantile(&[-f64::NAN, 1.0, 2.0], 1.0).is_some_and(f64::is_nan));
        assert_eq!(quantile(&[f64::NAN, 1.0, 2.0], 0.5), Some(2.0));
    }

    #[test]
    fn a_standard_error_survives_squares_beyond_f64() {
        assert_eq!(standard_error(&[1.0, 3.0]), Some(1.0));
        assert_eq!(standard_error(&[1e300, 3e300]), Some(1e300));
        assert_eq!(
            [standard_error(&[]), standard_error(&[1.0]), standard_error(&[0.0, 0.0])],
            [None, None, Some(0.0)]
        );
        assert!(standard_error(&[1.0, f64::INFINITY]).is_some_and(f64::is_nan));
    }

    #[test]
    fn nothing_has_neither_mean_nor_quantile() {
        assert_eq!((mean(&[]), quantile(&[], 0.5)), (None, None));
        assert_eq!(mean(&[1.0, 2.0, 6.0]), Some(3.0));
    }
}
