//! Pairs of rows that agree in their order, and those that do not.
//!
//! Sorting by x and counting the exchanges that sorting by y then takes: W. Knight, J. Amer. Statist. Assoc. 61, 1966.

use crate::stats::ranks::counts;

/// What Kendall's τ is made of. Every count is exact below 2³¹ rows.
pub(super) struct Concordance {
    n: u64,
    /// Pairs that agree less pairs that disagree.
    pub(super) score: i64,
    x_ties: Ties,
    y_ties: Ties,
}

/// Sums over groups of t equal values.
struct Ties {
    /// t (t − 1) / 2
    pairs: u64,
    /// t (t − 1)(t − 2)
    triples: f64,
    /// t (t − 1)(2 t + 5)
    weighted: f64,
}

impl Ties {
    fn of(levels: &[u32]) -> Self {
        let mut ties = Self { pairs: 0, triples: 0.0, weighted: 0.0 };
        for count in counts(levels).into_iter().filter(|&count| count > 1) {
            let t = count as f64;
            ties.pairs += count as u64 * (count as u64 - 1) / 2;
            ties.triples += t * (t - 1.0) * (t - 2.0);
            ties.weighted += t * (t - 1.0) * (2.0 * t + 5.0);
        }
        ties
    }
}

impl Concordance {
    /// Of two lists of levels of one length.
    pub(super) fn of(x: &[u32], y: &[u32]) -> Self {
        let mut rows: Vec<(u32, u32)> = x.iter().copied().zip(y.iter().copied()).collect();
        rows.sort_unstable();
        let same = rows.chunk_by(|a, b| a == b).map(|tied| tied.len() as u64);
        let in_both: u64 = same.map(|t| t * (t - 1) / 2).sum();
        let mut sorted: Vec<u32> = rows.into_iter().map(|(_, y)| y).collect();
        let exchanges = exchanges(&mut sorted, &mut vec![0; x.len()]);
        let (x_ties, y_ties) = (Ties::of(x), Ties::of(y));
        let n = x.len() as u64;
        let untied = pairs(n) + in_both - x_ties.pairs - y_ties.pairs;
        Self { n, score: untied.cast_signed() - 2 * exchanges.cast_signed(), x_ties, y_ties }
    }

    /// τ-b; `None` where a list is constant.
    pub(super) fn tau_b(&self) -> Option<f64> {
        let [x, y] = [&self.x_ties, &self.y_ties].map(|ties| (pairs(self.n) - ties.pairs) as f64);
        let untied = (x * y).sqrt();
        (untied > 0.0).then(|| (self.score as f64 / untied).clamp(-1.0, 1.0))
    }

    /// The score over its standard deviation under permutations.
    pub(super) fn z(&self) -> f64 {
        let n = self.n as f64;
        let (x, y) = (&self.x_ties, &self.y_ties);
        let ordered = n * (n - 1.0);
        let plain = (ordered * (2.0 * n + 5.0) - x.weighted - y.weighted) / 18.0;
        let triples = x.triples * y.triples / (9.0 * ordered * (n - 2.0));
        let pairs = 2.0 * x.pairs as f64 * y.pairs as f64 / ordered;
        self.score as f64 / (plain + triples + pairs).sqrt()
    }
}

const fn pairs(n: u64) -> u64 {
    n * n.saturating_sub(1) / 2
}

/// Sorts by merging and counts the pairs that stood in the wrong order.
fn exchanges(values: &mut [u32], spare: &mut [u32]) -> u64 {
    let half = values.len() / 2;
    if half == 0 {
        return 0;
    }
    let (left, right) = values.split_at_mut(half);
    let (left_spare, right_spare) = spare.split_at_mut(half.min(spare.len()));
    let mut count = exchanges(left, left_spare) + exchanges(right, right_spare);
    let (mut left, mut right) = (left.iter().copied().peekable(), right.iter().copied().peekable());
    for place in spare.iter_mut() {
        let from_right = match (left.peek(), right.peek()) {
            (Some(a), Some(b)) => b < a,
            (None, _) => true,
            (Some(_), None) => false,
        };
        if from_right {
            count += left.len() as u64;
        }
        *place = if from_right { right.next() } else { left.next() }.unwrap_or_default();
    }
    values.copy_from_slice(spare);
    count
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test may fail")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every pair looked at.
    fn score(x: &[u32], y: &[u32]) -> i64 {
        let pairs = (0..x.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
        let sign = |list: &[u32], i: usize, j: usize| (i64::from(list[i]) - i64::from(list[j])).signum();
        pairs.map(|(i, j)| sign(x, i, j) * sign(y, i, j)).sum()
    }

    proptest! {
        #[test]
        fn the_score_is_that_of_every_pair_looked_at(rows in prop::collection::vec((0_u32..9, 0_u32..9), 0..40)) {
            let (x, y): (Vec<u32>, Vec<u32>) = rows.into_iter().unzip();
            prop_assert_eq!(Concordance::of(&x, &y).score, score(&x, &y));
        }
    }
}
