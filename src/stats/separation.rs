//! How well a number tells two groups apart, and where the line between them is best drawn.

use rayon::prelude::*;
use statrs::distribution::{ContinuousCDF as _, Normal};

use super::association::Stream;
use super::paired::{Interval, OUTSIDE};
use super::quantile::quantile;

/// Area under the ROC curve: the probability that a member of the first group scores above one of the second.
///
/// ```text
/// AUROC = (R − n₁ (n₁ + 1) / 2) / (n₁ n₂)
/// ```
///
/// R is the sum of the ranks of the `n₁` scores of the first group among all `n₁ + n₂`; equal scores share the mean
/// of their ranks, so that a tie counts one half. 1 and 0 are perfect separation, 0.5 is none. This is the U statistic
/// of Mann & Whitney over `n₁ n₂` (Hanley & `McNeil`, Radiology 143, 1982). Sums are of halves of integers and exact.
///
/// Degenerate: infinite scores are ranks like any others; `None` where a group is empty or a score is NaN.
pub fn auroc(first: &[f64], second: &[f64]) -> Option<f64> {
    if first.is_empty() || second.is_empty() || first.iter().chain(second).any(|score| score.is_nan()) {
        return None;
    }
    let mut scores: Vec<(f64, bool)> =
        first.iter().map(|&score| (score, true)).chain(second.iter().map(|&score| (score, false))).collect();
    scores.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut rank_sum = 0.0;
    let mut before = 0.0;
    for tied in scores.chunk_by(|a, b| a.0 == b.0) {
        let of_first = tied.iter().filter(|(_, is_first)| *is_first).count() as f64;
        let mean_rank = before + f64::midpoint(1.0, tied.len() as f64);
        rank_sum += of_first * mean_rank;
        before += tied.len() as f64;
    }
    let (n_first, n_second) = (first.len() as f64, second.len() as f64);
    Some((rank_sum - n_first * (n_first + 1.0) / 2.0) / (n_first * n_second))
}

/// A 95 % interval around an AUROC of `first` against `second` scores.
///
/// ```text
/// the θ for which |AUROC − θ| ≤ 1.96 √(θ (1 − θ) / (n₁ n₂) · (2 N − 1 − 3 (N − 1) / ((2 − θ)(1 + θ)))),   N = (n₁ + n₂) / 2
/// ```
///
/// Method 5 of R. Newcombe, Statistics in Medicine 25, 2006: the variance of Hanley & `McNeil`, taken at θ. It stays within
/// `[0, 1]`, and says of a perfect separation how little a few cases prove, where `DeLong`'s interval is a single point.
///
/// Degenerate: `None` for an AUROC outside `[0, 1]` and for an empty group.
pub fn auroc_interval(auroc: f64, first: usize, second: usize) -> Option<Interval> {
    if !(0.0..=1.0).contains(&auroc) || first == 0 || second == 0 {
        return None;
    }
    let (m, n) = (first as f64, second as f64);
    let mean = f64::midpoint(m, n);
    let z = Normal::standard().inverse_cdf(1.0 - OUTSIDE / 2.0);
    let reach = |theta: f64| {
        let shape = 2.0 * mean - 1.0 - 3.0 * (mean - 1.0) / ((2.0 - theta) * (1.0 + theta));
        z * (theta * (1.0 - theta) / (m * n) * shape).sqrt()
    };
    // Between the estimate, which is inside, and an end, which is outside or is the bound itself.
    let bound = |end: f64| {
        let (mut inside, mut outside) = (auroc, end);
        for _ in 0..100 {
            let middle = f64::midpoint(inside, outside);
            if (auroc - middle).abs() <= reach(middle) { inside = middle } else { outside = middle }
        }
        inside
    };
    Some(Interval { low: bound(0.0), high: bound(1.0) })
}

/// The line that best tells two groups apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// The score from which on the first group is told; a score of the data.
    pub value: f64,
    /// Whether the first group scores at or above it; else at or below.
    pub above: bool,
    /// Share of the first group on its side.
    pub sensitivity: f64,
    /// Share of the second group on the other.
    pub specificity: f64,
    /// Middle 95 % of the thresholds of resamples of both groups; `None` without resamples.
    pub interval: Option<Interval>,
}

/// The threshold with the largest J = sensitivity + specificity − 1 (W. Youden, Cancer 3, 1950).
///
/// On the side on which the first group scores higher (by AUROC; above where it is 0.5). Of several best ones, that with the
/// fewest of either group on the side of the first. Resample i is the i-th stream of the seed, each group drawn by itself.
///
/// Degenerate: `None` where [`auroc`] is.
pub fn best_threshold(first: &[f64], second: &[f64], resamples: usize, seed: u64) -> Option<Threshold> {
    let above = auroc(first, second)? >= 0.5;
    let turned =
        |group: &[f64]| group.iter().map(|score| if above { *score } else { -score }).collect::<Vec<_>>();
    let groups = [turned(first), turned(second)];
    let [value, sensitivity, specificity] = youden(&groups)?;
    let resampled = (0..resamples as u64).into_par_iter().filter_map(|number| {
        let mut stream = Stream::new(seed, number);
        let drawn = groups.each_ref().map(|group| {
            (0..group.len())
                .filter_map(|_| group.get(stream.below(group.len())).copied())
                .collect::<Vec<f64>>()
        });
        youden(&drawn).map(|[value, ..]| if above { value } else { -value })
    });
    let resampled: Vec<f64> = resampled.collect();
    let end = |tail| quantile(&resampled, tail);
    let interval = end(OUTSIDE / 2.0).zip(end(1.0 - OUTSIDE / 2.0)).map(|(low, high)| Interval { low, high });
    let value = if above { value } else { -value };
    Some(Threshold { value, above, sensitivity, specificity, interval })
}

/// Threshold, sensitivity and specificity with the largest sum; the first group scores higher.
fn youden(groups: &[Vec<f64>; 2]) -> Option<[f64; 3]> {
    let [first, second] = groups;
    let mut scores: Vec<(f64, bool)> =
        first.iter().map(|&score| (score, true)).chain(second.iter().map(|&score| (score, false))).collect();
    scores.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut of_first, mut of_second) = (0_usize, 0_usize);
    let mut best: Option<[f64; 3]> = None;
    for tied in scores.chunk_by(|a, b| a.0 == b.0) {
        let own = tied.iter().filter(|(_, is_first)| *is_first).count();
        of_first += own;
        of_second += tied.len() - own;
        let sensitivity = of_first as f64 / first.len() as f64;
        let specificity = 1.0 - of_second as f64 / second.len() as f64;
        if best.is_none_or(|[_, a, b]| sensitivity + specificity > a + b) {
            best = tied.first().map(|(value, _)| [*value, sensitivity, specificity]);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_apart_are_separated_either_way_round() {
        assert_eq!(auroc(&[3.0, f64::INFINITY], &[1.0, -2.0, 2.0]), Some(1.0));
        assert_eq!(auroc(&[1.0, -2.0, 2.0], &[3.0, f64::INFINITY]), Some(0.0));
    }

    #[test]
    fn it_is_the_share_of_pairs_won_with_ties_as_halves() {
        let (a, b) = ([0.1, 0.4, 0.4, -0.0, 7.0, 2.0], [0.4, 0.0, 0.3, 2.0, 2.0]);
        let won = |x: f64, y: f64| if x > y { 1.0 } else { f64::from(u8::from(x == y)) / 2.0 };
        let pairs: f64 = a.iter().flat_map(|&x| b.iter().map(move |&y| won(x, y))).sum();
        assert_eq!(auroc(&a, &b), Some(pairs / 30.0));
        assert_eq!(auroc(&[1.0; 4], &[1.0; 9]), Some(0.5));
    }

    #[test]
    fn nothing_to_compare_and_nan_have_no_answer() {
        assert_eq!([auroc(&[], &[1.0]), auroc(&[1.0], &[]), auroc(&[1.0], &[f64::NAN])], [None; 3]);
    }

    #[test]
    fn a_perfect_separation_of_few_is_less_sure_than_one_of_many() {
        let low = |m, n| auroc_interval(1.0, m, n).map(|found| (found.low, found.high));
        let (few, many) = (low(3, 4), low(30, 40));
        assert!(
            few.zip(many).is_some_and(|(few, many)| few.0 < 0.7 && many.0 > 0.93 && few.1 == 1.0),
            "{few:?} {many:?}"
        );
        let mirrored = |auroc: f64| auroc_interval(auroc, 5, 9).map(|found| found.low + found.high);
        assert!(mirrored(0.5).is_some_and(|sum| (sum - 1.0).abs() < 1e-12));
        assert_eq!(
            [auroc_interval(1.1, 3, 4), auroc_interval(0.5, 0, 4), auroc_interval(f64::NAN, 3, 4)],
            [None; 3]
        );
    }

    #[test]
    fn the_best_line_is_on_the_side_of_the_first_group_and_a_score_of_the_data() {
        let (collapsed, healthy) = ([1e3, f64::INFINITY, 500.0], [40.0, 50.0, 60.0, 700.0]);
        let found = best_threshold(&collapsed, &healthy, 200, 1);
        assert!(
            found.is_some_and(|found| found.above
                && (found.value, found.sensitivity, found.specificity) == (500.0, 1.0, 0.75)
                && found
                    .interval
                    .is_some_and(|interval| 500.0 <= interval.low && interval.low <= interval.high)),
            "{found:?}"
        );
        let turned = best_threshold(&healthy, &collapsed, 0, 1);
        assert!(
            turned.is_some_and(|found| !found.above && found.value == 60.0 && found.interval.is_none()),
            "{turned:?}"
        );
        assert_eq!(best_threshold(&[], &healthy, 10, 1), None);
        assert_eq!(best_threshold(&collapsed, &healthy, 50, 4), best_threshold(&collapsed, &healthy, 50, 4));
    }
}
