//! Smoothing as Gupta et al. (2024) plot it: means of buckets, then a moving average over buckets.

use super::mean;

/// Means of so many values each, one bucket after the other; values that fill no bucket are left out, as published.
///
/// `(x, y)` give the last x and the mean y of each bucket. Degenerate: a bucket of 0 is one of 1.
pub fn buckets(points: &[(f64, f64)], size: usize) -> Vec<(f64, f64)> {
    let whole = points.chunks_exact(size.max(1));
    whole.filter_map(|bucket| Some((bucket.last()?.0, mean_y(bucket)?))).collect()
}

/// The mean of each value and those before it, at most so many together; the first ones have fewer.
pub fn moving_average(points: &[(f64, f64)], size: usize) -> Vec<(f64, f64)> {
    let window = |at: usize| points.get((at + 1).saturating_sub(size.max(1))..=at);
    let smooth = points.iter().enumerate().filter_map(|(at, (x, _))| Some((*x, mean_y(window(at)?)?)));
    smooth.collect()
}

fn mean_y(points: &[(f64, f64)]) -> Option<f64> {
    mean(&points.iter().map(|(_, y)| *y).collect::<Vec<_>>())
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test may fail")]
mod tests {
    use super::*;

    #[test]
    fn buckets_drop_their_rest_and_averages_trail() {
        let points: Vec<(f64, f64)> = (1..=7).map(|n| (f64::from(n), f64::from(n * n))).collect();
        assert_eq!(buckets(&points, 3), [(3.0, 14.0 / 3.0), (6.0, 77.0 / 3.0)]);
        assert_eq!(moving_average(&points[..3], 2), [(1.0, 1.0), (2.0, 2.5), (3.0, 6.5)]);
        assert_eq!((buckets(&[], 5), moving_average(&[], 0)), (vec![], vec![]));
    }
}
