//! The largest entries of the residual stream.

use ndarray::Array2;

/// An entry is massive above this size…
const SIZE: f32 = 100.0;
/// …and above so many times the median (Sun et al., 2024).
const TIMES_MEDIAN: f64 = 1000.0;
/// Dimensions that are named.
const NAMED: usize = 3;

/// Entries |x| of the outputs of one block.
#[derive(Clone, Debug, PartialEq)]
pub struct Massive {
    /// The block, from 0.
    pub layer: usize,
    /// Median of |x| over all tokens and dimensions; NaN where an entry is NaN or infinite.
    pub median: f64,
    /// Largest |x| at the first token.
    pub first_max: f64,
    /// Largest |x| at later tokens.
    pub later_max: f64,
    /// `first_max / median`.
    pub first_ratio: f64,
    /// `later_max / median`.
    pub later_ratio: f64,
    /// The dimensions with the largest |x| at the first token, largest first.
    pub dimensions: Vec<usize>,
    /// Whether the largest entry at the first token is above 100 and above 1,000 times the median.
    pub massive: bool,
}

/// Measures block outputs of first tokens `(n₀, d)` and later ones `(n, d)`.
///
/// Degenerate: a zero median gives infinite ratios, or NaN for 0 over 0.
pub(super) fn massive(layer: usize, first: &Array2<f32>, later: &Array2<f32>) -> Massive {
    let finite = first.iter().chain(later).all(|x| x.is_finite());
    let median = if finite { median_size(first.iter().chain(later)) } else { f64::NAN };
    let largest = |group: &Array2<f32>| group.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
    let (first_max, later_max) = (largest(first), largest(later));
    let first_ratio = f64::from(first_max) / median;
    let mut by_dimension: Vec<(usize, f32)> = first
        .columns()
        .into_iter()
        .map(|column| column.iter().fold(0.0_f32, |largest, x| largest.max(x.abs())))
        .enumerate()
        .collect();
    by_dimension.sort_by(|a, b| b.1.total_cmp(&a.1));
    Massive {
        layer,
        median,
        first_max: f64::from(first_max),
        later_max: f64::from(later_max),
        first_ratio,
        later_ratio: f64::from(later_max) / median,
        dimensions: by_dimension.into_iter().take(NAMED).map(|(dimension, _)| dimension).collect(),
        massive: first_max > SIZE && first_ratio > TIMES_MEDIAN,
    }
}

/// The median of sizes: the mean of the two in the middle where there is no single one.
fn median_size<'a>(values: impl Iterator<Item = &'a f32>) -> f64 {
    let mut sizes: Vec<f32> = values.map(|x| x.abs()).collect();
    if sizes.is_empty() {
        return f64::NAN;
    }
    let (middle, is_even) = (sizes.len() / 2, sizes.len().is_multiple_of(2));
    let (below, &mut upper, _) = sizes.select_nth_unstable_by(middle, f32::total_cmp);
    let lower = below.iter().copied().fold(0.0_f32, f32::max);
    if is_even { f64::midpoint(f64::from(lower), f64::from(upper)) } else { f64::from(upper) }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn the_largest_entry_its_dimension_and_the_median_are_found() {
        let found = massive(
            3,
            &array![[0.5, -4000.0, 2.0, 9.0]],
            &array![[1.0, -1.0, 1.5, 6.0], [0.0, 0.1, 0.2, 0.3]],
        );
        assert_eq!((found.layer, found.first_max, found.later_max), (3, 4000.0, 6.0));
        // Sizes in order: 0 0.1 0.2 0.3 0.5 1 | 1 1.5 2 6 9 4000.
        assert_eq!((found.median, found.first_ratio, found.later_ratio), (1.0, 4000.0, 6.0));
        assert_eq!((found.dimensions, found.massive), (vec![1, 3, 2], true));
    }

    #[test]
    fn large_beside_the_median_alone_is_not_massive_and_nan_has_no_median() {
        assert!(!massive(0, &array![[99.0, 0.001]], &array![[0.001, 0.001]]).massive);
        assert!(!massive(0, &array![[500.0, 1.0]], &array![[1.0, 1.0]]).massive);
        assert!(massive(0, &array![[f32::NAN]], &array![[1.0]]).median.is_nan());
    }
}
