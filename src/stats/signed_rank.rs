//! Wilcoxon's signed rank test: whether differences lie on one side of zero.

use super::proportions::two_sided;
use super::ranks::ranks;

/// Most differences whose law is enumerated; above, the normal one is off by less than 10⁻³ of p.
const EXACT: usize = 200;

/// What signed ranks say of differences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SignedRank {
    /// Differences that are not zero.
    pub n: usize,
    /// Differences that are, and say nothing.
    pub zeros: usize,
    /// Sum of the ranks of positive differences, less what it is where signs are chance: above 0 they tend to be positive.
    pub lean: f64,
    /// Two-sided.
    pub p_value: f64,
    /// Whether it was enumerated.
    pub exact: bool,
}

/// Ranks differences by size and asks whether the signs could be those of a fair coin.
///
/// ```text
/// W = Σ rank(|dᵢ|) over dᵢ > 0,   mean n (n + 1) / 4,   variance Σ rank² / 4
/// ```
///
/// F. Wilcoxon, Biometrics Bull. 1, 1945. Zeros are left out, equal sizes share the mean of their ranks, infinities are the
/// largest sizes. Up to 200 differences p is exact, with ties too: all 2ⁿ choices of signs are counted by the sum of their
/// ranks; above it is that of the normal law without correction for continuity, as in `SciPy`.
///
/// Degenerate: p = 1 where every difference is zero; `None` where one is NaN.
pub fn signed_rank(differences: &[f64]) -> Option<SignedRank> {
    if differences.iter().any(|d| d.is_nan()) {
        return None;
    }
    let moved: Vec<f64> = differences.iter().copied().filter(|d| *d != 0.0).collect();
    let sizes: Vec<f64> = moved.iter().map(|d| d.abs()).collect();
    let ranks = ranks(&sizes);
    let total: f64 = ranks.iter().sum();
    let positive: f64 = ranks.iter().zip(&moved).filter(|(_, d)| **d > 0.0).map(|(rank, _)| rank).sum();
    let lean = positive - total / 2.0;
    let (n, exact) = (moved.len(), moved.len() <= EXACT);
    let p_value = if exact {
        enumerated(&ranks, positive.min(total - positive))
    } else {
        two_sided(lean, (ranks.iter().map(|rank| rank * rank).sum::<f64>() / 4.0).sqrt())
    };
    Some(SignedRank { n, zeros: differences.len() - n, lean, p_value, exact })
}

/// 2 P(W ≤ `smaller`) under fair signs, at most 1.
///
/// Ranks are halves of integers, so that their doubles are places of a table; each rank moves half of every place's
/// probability up by itself.
fn enumerated(ranks: &[f64], smaller: f64) -> f64 {
    let doubled: Vec<usize> = ranks.iter().map(|rank| whole(2.0 * rank)).collect();
    let mut law = vec![0.0; doubled.iter().sum::<usize>() + 1];
    law.iter_mut().take(1).for_each(|p| *p = 1.0);
    let mut reached = 0;
    for rank in doubled {
        reached += rank;
        for place in (0..=reached).rev() {
            let from = place.checked_sub(rank).and_then(|from| law.get(from)).copied().unwrap_or(0.0);
            if let Some(p) = law.get_mut(place) {
                *p = f64::midpoint(*p, from);
            }
        }
    }
    let below: f64 = law.iter().take(whole(2.0 * smaller) + 1).sum();
    (2.0 * below).min(1.0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "twice a rank is a whole number from 0"
)]
fn whole(doubled: f64) -> usize {
    doubled.round() as usize
}
