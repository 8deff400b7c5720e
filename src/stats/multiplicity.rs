//! Many tests at once: p-values that keep what they promise for all of them together.

use std::cmp::Ordering;

/// Holm's step-down adjustment: below α with it means a chance of at most α that any of the tests errs, however they depend
/// on each other.
///
/// ```text
/// p̃₍ᵢ₎ = min(1, max over j ≤ i of (m − j) p₍ⱼ₎)        p ascending, places from 0
/// ```
///
/// S. Holm, Scand. J. Statist. 6, 1979. The order of the list is kept. Degenerate: a NaN stays one, is counted in m, and is
/// taken for larger than every p.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let m = p_values.len();
    adjusted(p_values, ascending(p_values).into_iter(), |place, p| (m - place) as f64 * p, f64::max)
}

/// Benjamini & Hochberg's step-up adjustment: of the tests below α with it a share of at most α is expected to err, for tests
/// that are independent or positively dependent.
///
/// ```text
/// p̃₍ᵢ₎ = min(1, min over j ≥ i of m p₍ⱼ₎ / (j + 1))     p ascending, places from 0
/// ```
///
/// Y. Benjamini and Y. Hochberg, J. R. Statist. Soc. B 57, 1995. Order and NaN as in [`holm`].
pub fn benjamini_hochberg(p_values: &[f64]) -> Vec<f64> {
    let m = p_values.len() as f64;
    let order = ascending(p_values).into_iter().rev();
    adjusted(p_values, order, |place, p| m * p / (place as f64 + 1.0), f64::min)
}

/// Places of the values from the smallest to the largest, NaN last; each with its rank from 0.
fn ascending(p_values: &[f64]) -> Vec<(usize, usize)> {
    let mut order: Vec<(usize, f64)> = p_values.iter().copied().enumerate().collect();
    order.sort_by(|(_, a), (_, b)| match (a.is_nan(), b.is_nan()) {
        (false, false) => a.total_cmp(b),
        (a, b) => a.cmp(&b).then(Ordering::Equal),
    });
    order.into_iter().enumerate().map(|(rank, (at, _))| (rank, at)).collect()
}

/// Each value by its rank, carried on in that order by `keep`, the larger or the smaller of two.
fn adjusted(
    p_values: &[f64],
    order: impl Iterator<Item = (usize, usize)>,
    by_rank: impl Fn(usize, f64) -> f64,
    keep: impl Fn(f64, f64) -> f64,
) -> Vec<f64> {
    let mut result = p_values.to_vec();
    let mut carried: Option<f64> = None;
    for (rank, at) in order {
        let Some(place) = result.get_mut(at).filter(|p| !p.is_nan()) else { continue };
        let own = by_rank(rank, *place);
        let kept = carried.map_or(own, |carried| keep(carried, own)).min(1.0);
        carried = Some(kept);
        *place = kept;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worked_example_is_adjusted_as_by_hand() {
        // By hand: 5·0.001, then max with 4·0.008, 3·0.039, 2·0.041, 1·0.6.
        let close = |found: Vec<f64>, expected: [f64; 5]| {
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-15, "{found} and not {expected}");
            }
        };
        close(holm(&[0.041, 0.001, 0.6, 0.008, 0.039]), [0.117, 0.005, 0.6, 0.032, 0.117]);
        // By hand: 0.6, then min with 5·0.041/4 = 0.05125, 5·0.039/3 = 0.065, 5·0.008/2, 5·0.001.
        close(benjamini_hochberg(&[0.041, 0.001, 0.6, 0.008, 0.039]), [0.05125, 0.005, 0.6, 0.02, 0.05125]);
    }

    #[test]
    fn a_nan_stays_one_and_counts_as_a_test() {
        let found = holm(&[f64::NAN, 0.01]);
        assert!(found.first().is_some_and(|p| p.is_nan()));
        assert_eq!(found.get(1), Some(&0.02));
        assert_eq!((holm(&[]), benjamini_hochberg(&[])), (vec![], vec![]));
    }
}
