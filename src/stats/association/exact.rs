//! The probability of a coefficient under every permutation of one of the lists.

use super::coefficient::{Association, Measure, PKind, PValue};
use super::concordance::Concordance;
use crate::stats::ranks::{centred_ranks, counts};

/// Most pairs whose permutations are gone through one by one: 10! is 3.6 million.
pub const MOST_TIED: usize = 10;
/// Most pairs without ties: for ρ the longest table, for τ the same.
pub const MOST_UNTIED: usize = 22;

/// Distributions of ρ, made by `fixtures/make/spearman_null.py`: n, then the lower half of the counts.
const SPEARMAN: &str = include_str!("spearman_null.txt");

impl Association {
    /// The share of the n! permutations of y whose coefficient is at least as far from 0.
    ///
    /// Sums of ranks and counts of pairs are integers, so that equal coefficients are equal here. Both sides together: with
    /// ties the distribution may be lopsided, and this is not twice a side.
    ///
    /// `None` for r, for more than [`MOST_TIED`] pairs where a value is tied, and for more than [`MOST_UNTIED`].
    pub fn exact_p(&self) -> Option<PValue> {
        let n = self.n();
        let tied = [&self.x, &self.y].iter().any(|list| counts(&list.levels).len() < n);
        let p = match self.measure {
            Measure::Spearman if tied || n <= MOST_TIED => enumerate_ranks(self)?,
            Measure::Spearman => spearman(self)?,
            Measure::Kendall if tied => enumerate_pairs(self)?,
            Measure::Kendall if n <= MOST_UNTIED => kendall(self),
            Measure::Kendall | Measure::Pearson => return None,
        };
        Some(PValue::of(p, PKind::Exact))
    }
}

/// ρ is far from 0 where Σ Rᵢ Sᵢ is, of ranks about their mean.
fn enumerate_ranks(pairs: &Association) -> Option<f64> {
    let [x, y] = [&pairs.x, &pairs.y].map(|list| centred_ranks(&list.levels));
    share(pairs.n(), &|chosen: &[usize]| match (
        x.get(chosen.len() - 1),
        chosen.last().and_then(|&at| y.get(at)),
    ) {
        (Some(x), Some(y)) => x * y,
        _ => 0.0,
    })
}

/// τ is far from 0 where C − D is: the pairs that a row makes with the rows before it.
fn enumerate_pairs(pairs: &Association) -> Option<f64> {
    let sign = |list: &[u32], a: usize, b: usize| match (list.get(a), list.get(b)) {
        (Some(a), Some(b)) => f64::from(i8::from(a > b) - i8::from(a < b)),
        _ => 0.0,
    };
    share(pairs.n(), &|chosen: &[usize]| {
        let Some((&own, before)) = chosen.split_last() else { return 0.0 };
        let with = |(row, &other): (usize, &usize)| {
            sign(&pairs.x.levels, before.len(), row) * sign(&pairs.y.levels, own, other)
        };
        before.iter().enumerate().map(with).sum()
    })
}

/// The share of permutations whose score is at least as far from 0 as that of the order as it is; `gain` is what the last
/// of the chosen adds. Scores are integers.
fn share(n: usize, gain: &impl Fn(&[usize]) -> f64) -> Option<f64> {
    if n > MOST_TIED {
        return None;
    }
    let given: Vec<usize> = (0..n).collect();
    let observed: f64 = (1..=n).filter_map(|end| given.get(..end)).map(gain).sum();
    let (mut extreme, mut all) = (0_u32, 0_u32);
    descend(n, &mut Vec::with_capacity(n), 0.0, gain, &mut |score| {
        all += 1;
        extreme += u32::from(score.abs() >= observed.abs());
    });
    Some(f64::from(extreme) / f64::from(all))
}

fn descend(
    n: usize,
    chosen: &mut Vec<usize>,
    score: f64,
    gain: &impl Fn(&[usize]) -> f64,
    leaf: &mut impl FnMut(f64),
) {
    if chosen.len() == n {
        return leaf(score);
    }
    for next in 0..n {
        if !chosen.contains(&next) {
            chosen.push(next);
            descend(n, chosen, score + gain(chosen), gain, leaf);
            chosen.pop();
        }
    }
}

/// From the table: Σ Rᵢ Sᵢ lies on every fourth integer from −(n³ − n) / 3 on.
fn spearman(pairs: &Association) -> Option<f64> {
    let n = pairs.n();
    let counts: Vec<u128> = SPEARMAN.lines().find_map(|line| {
        let mut numbers = line.split(' ');
        (numbers.next()?.parse() == Ok(n)).then(|| numbers.map_while(|number| number.parse().ok()).collect())
    })?;
    let [x, y] = [&pairs.x, &pairs.y].map(|list| centred_ranks(&list.levels));
    let sum: f64 = x.iter().zip(&y).map(|(x, y)| x * y).sum();
    let n = n as f64;
    let largest = (n * n * n - n) / 3.0;
    Some(two_sided(&counts, (largest - sum.abs()) / 4.0, largest / 2.0, n))
}

/// From the number of permutations by their inversions (Kendall, Biometrika 30, 1938).
fn kendall(pairs: &Association) -> f64 {
    let score = Concordance::of(&pairs.x.levels, &pairs.y.levels).score as f64;
    let mut counts = vec![1_u128];
    for values in 2..=pairs.n() {
        // One more value adds 0 to `values - 1` inversions.
        let longer = counts.len() + values - 1;
        counts = (0..longer)
            .map(|at| counts.iter().skip((at + 1).saturating_sub(values)).take(values.min(at + 1)).sum())
            .collect();
    }
    let n = pairs.n() as f64;
    let most = n * (n - 1.0) / 2.0;
    two_sided(&counts, (most - score.abs()) / 2.0, most, n)
}

/// The share of what lies at most `place` steps from either end of a symmetric distribution of `steps + 1` values, of whose
/// counts, n! together, at least the lower half is given.
fn two_sided(counts: &[u128], place: f64, steps: f64, n: f64) -> f64 {
    if 2.0 * place >= steps {
        return 1.0;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an integer from 0 to `steps`"
    )]
    let below: u128 = counts.iter().take(place as usize + 1).sum();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "n is at most 22")]
    let all: u128 = (1..=n as u128).product();
    2.0 * (below as f64 / all as f64)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]
mod tests {
    use super::*;

    fn of(measure: Measure, y: &[f64]) -> Option<f64> {
        let x: Vec<f64> = (0..y.len()).map(|at| at as f64).collect();
        Association::new(measure, &x, y).unwrap().exact_p().map(|found| found.p)
    }

    fn table(n: usize) -> Vec<u128> {
        let line = SPEARMAN.lines().find(|line| line.starts_with(&format!("{n} "))).unwrap();
        line.split(' ').skip(1).map(|number| number.parse().unwrap()).collect()
    }

    #[test]
    fn the_table_has_every_permutation_and_the_moments_of_rho() {
        for n in 11..=MOST_UNTIED {
            let half = table(n);
            let steps = (n * n * n - n) / 6;
            assert_eq!(half.len(), steps / 2 + 1, "{n}");
            let whole: Vec<u128> = (0..=steps).map(|at| half[at.min(steps - at)]).collect();
            let all: u128 = (1..=n as u128).product();
            assert_eq!(whole.iter().sum::<u128>(), all, "{n}");
            // E ρ⁴ = 3 (25 n³ − 38 n² − 35 n + 72) / (25 n (n + 1)(n − 1)³): Kendall, Rank Correlation Methods, ch. 5.
            let n = n as f64;
            let moment = |power| {
                let rho = |at: usize| (2.0 * at as f64 / steps as f64 - 1.0).powi(power);
                whole.iter().enumerate().map(|(at, &count)| count as f64 / all as f64 * rho(at)).sum::<f64>()
            };
            let fourth = 3.0 * (25.0 * n.powi(3) - 38.0 * n * n - 35.0 * n + 72.0)
                / (25.0 * n * (n + 1.0) * (n - 1.0).powi(3));
            assert!((moment(2) * (n - 1.0) - 1.0).abs() < 1e-12, "{n}");
            assert!((moment(4) / fourth - 1.0).abs() < 1e-12, "{n}: {} {fourth}", moment(4));
        }
    }

    #[test]
    fn the_largest_coefficient_has_two_permutations_of_all() {
        for n in 2..=MOST_UNTIED {
            let rising: Vec<f64> = (0..n).map(|at| at as f64).collect();
            let all: f64 = (1..=n).map(|k| k as f64).product();
            for measure in [Measure::Spearman, Measure::Kendall] {
                let p = of(measure, &rising).unwrap();
                assert!((p * all / 2.0 - 1.0).abs() < 1e-14, "{measure:?} {n}: {p}");
            }
        }
    }

    #[test]
    fn the_recurrence_of_kendall_is_the_enumeration() {
        let y = [3.0, 1.0, 4.0, 0.0, 5.0, 9.0, 2.0];
        let x: Vec<f64> = (0..7).map(f64::from).collect();
        let pairs = Association::new(Measure::Kendall, &x, &y).unwrap();
        assert_eq!(enumerate_pairs(&pairs), Some(kendall(&pairs)));
    }

    #[test]
    fn too_many_pairs_have_no_exact_p_and_neither_has_r() {
        let rising = |n: u32| (0..n).map(f64::from).collect::<Vec<_>>();
        let tied = |n: u32| (0..n).map(|at| f64::from(at.max(1))).collect::<Vec<_>>();
        for measure in [Measure::Spearman, Measure::Kendall] {
            assert_eq!([of(measure, &rising(23)), of(measure, &tied(11))], [None; 2], "{measure:?}");
        }
        assert_eq!(of(Measure::Pearson, &rising(4)), None);
    }
}
