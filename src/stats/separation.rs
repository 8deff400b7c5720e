//! How well a number tells two groups apart.

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
}
