//! Ranks, and how far one list rises with another.

use statrs::distribution::{ContinuousCDF as _, StudentsT};

/// Rank correlation of two lists.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spearman {
    /// Pairs.
    pub n: usize,
    /// ρ, from −1 to 1.
    pub coefficient: f64,
    /// Two-sided, by Student's t with n − 2 degrees of freedom; `None` for fewer than three pairs.
    pub p_value: Option<f64>,
}

/// The rank of each value among all, from 1; equal values share the mean of their ranks.
///
/// Infinities are ranked like any number. A NaN gets the rank of a value above all others: a broken model is not left out.
pub fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    let value = |at: &usize| values.get(*at).copied().unwrap_or(f64::NAN);
    let same = |a: &usize, b: &usize| value(a) == value(b) || (value(a).is_nan() && value(b).is_nan());
    order.sort_by(|a, b| {
        let (a, b) = (value(a), value(b));
        a.is_nan().cmp(&b.is_nan()).then(a.total_cmp(&b))
    });
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0.0;
    for tied in order.chunk_by(same) {
        let shared = before + f64::midpoint(1.0, tied.len() as f64);
        for at in tied {
            if let Some(rank) = ranks.get_mut(*at) {
                *rank = shared;
            }
        }
        before += tied.len() as f64;
    }
    ranks
}

/// Spearman's ρ: Pearson's correlation of the ranks.
///
/// ```text
/// ρ = Σ (Rᵢ − R̄)(Sᵢ − S̄) / √(Σ (Rᵢ − R̄)² Σ (Sᵢ − S̄)²)        t = ρ √((n − 2) / (1 − ρ²))
/// ```
///
/// Pairs are those of the shorter list. Ranks are halves of integers, so every sum is exact.
///
/// Degenerate: `None` for fewer than two pairs, or where all values of a list are equal.
pub fn spearman(x: &[f64], y: &[f64]) -> Option<Spearman> {
    let n = x.len().min(y.len());
    let (r, s) = (ranks(x.get(..n)?), ranks(y.get(..n)?));
    let mean = f64::midpoint(n as f64, 1.0);
    let sum = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>();
    let spread = sum(&r, &r) * sum(&s, &s);
    if n < 2 || spread == 0.0 {
        return None;
    }
    let coefficient = (sum(&r, &s) / spread.sqrt()).clamp(-1.0, 1.0);
    let degrees = n as f64 - 2.0;
    let p_value = StudentsT::new(0.0, 1.0, degrees).ok().map(|student| {
        let t = coefficient.abs() * (degrees / (1.0 - coefficient * coefficient)).sqrt();
        if t.is_finite() { 2.0 * student.sf(t) } else { 0.0 }
    });
    Some(Spearman { n, coefficient, p_value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_the_mean_of_their_ranks_and_nan_stands_above_infinity() {
        assert_eq!(
            ranks(&[3.0, 1.0, 3.0, f64::NAN, f64::INFINITY, -0.0, 0.0]),
            [4.5, 3.0, 4.5, 7.0, 6.0, 1.5, 1.5]
        );
        assert_eq!(ranks(&[f64::NAN, f64::NAN]), [1.5, 1.5]);
    }

    /// `scipy.stats.spearmanr`, `SciPy` 1.17.1.
    #[test]
    fn coefficient_and_p_are_those_of_scipy() {
        let x = [2.7, 2.8, 3067.0, 2.9, 222.7, 58140.0, 2.75, 4.2];
        let y = [1.0, 0.96, 0.01, 0.92, 0.01, 0.0, 1.0, 0.9];
        let found = spearman(&x, &y);
        assert!(
            found.is_some_and(|found| (found.coefficient - -0.988_023_520_059_353_8).abs() < 1e-14
                && found.p_value.is_some_and(|p| (p / 4.256_164_416_841_797e-6 - 1.0).abs() < 1e-10)),
            "{found:?}"
        );
    }

    #[test]
    fn it_is_one_for_any_rising_pair_and_nothing_where_there_is_nothing_to_rank() {
        let x = [1.0, 2.0, 3.0, 1e300];
        assert_eq!(
            spearman(&x, &x.map(f64::ln)).map(|found| (found.coefficient, found.p_value)),
            Some((1.0, Some(0.0)))
        );
        let falling = x.map(|x| -x);
        assert_eq!(spearman(&x, &falling).map(|found| found.coefficient), Some(-1.0));
        assert_eq!([spearman(&x, &[2.0; 4]), spearman(&[1.0], &[1.0]), spearman(&[], &[])], [None; 3]);
        assert_eq!(spearman(&x[..2], &x).map(|found| found.p_value), Some(None));
    }
}
