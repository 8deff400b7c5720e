//! Spearman's ρ, Kendall's τ-b and Pearson's r of two lists.

use super::concordance::Concordance;
use super::tails::{normal_ln_p, student_ln_p};
use crate::stats::ranks::{centred_ranks, levels};

/// A measure of how far one list rises with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// ρ: Pearson's r of the ranks.
    Spearman,
    /// τ-b: pairs that agree less pairs that disagree, over those without a tie.
    Kendall,
    /// r: of the values as they are.
    Pearson,
}

/// How a p-value was come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PKind {
    /// From every permutation.
    Exact,
    /// From some permutations.
    Permutation,
    /// Student's t with n − 2 degrees of freedom.
    T,
    /// The normal distribution.
    Normal,
}

/// The probability, under permutations of one list, of a coefficient at least as far from 0; both sides together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PValue {
    /// It; 0 below about 10⁻³⁰⁸.
    pub p: f64,
    /// Its natural logarithm, which does not underflow; −∞ only of a coefficient of 1 or −1 by t.
    pub ln_p: f64,
    /// Where it is from.
    pub kind: PKind,
}

impl PValue {
    pub(super) fn of(p: f64, kind: PKind) -> Self {
        Self { p, ln_p: p.ln(), kind }
    }

    /// Of so many permutations at least as far from 0 as the data, which is one of them itself.
    pub fn of_permutations(extreme: u64, permutations: u64) -> Self {
        Self::of((1 + extreme) as f64 / (1 + permutations) as f64, PKind::Permutation)
    }

    fn of_ln(ln_p: f64, kind: PKind) -> Self {
        Self { p: ln_p.exp(), ln_p, kind }
    }
}

/// Two lists that belong together element by element, with a coefficient.
#[derive(Clone, Debug)]
pub struct Association {
    pub(super) measure: Measure,
    pub(super) x: List,
    pub(super) y: List,
    coefficient: f64,
}

/// One of the lists.
#[derive(Clone, Debug)]
pub(super) struct List {
    pub(super) values: Vec<f64>,
    pub(super) levels: Vec<u32>,
}

impl List {
    pub(super) fn new(values: &[f64]) -> Self {
        Self { values: values.to_vec(), levels: levels(values) }
    }

    fn take<'a>(&'a self, rows: &'a [usize]) -> (impl Iterator<Item = f64> + 'a, Vec<u32>) {
        let values = rows.iter().filter_map(|&row| self.values.get(row).copied());
        (values, rows.iter().filter_map(|&row| self.levels.get(row).copied()).collect())
    }
}

impl Association {
    /// The coefficient of two lists of one length.
    ///
    /// ```text
    /// ρ, r   Σ (xᵢ − x̄)(yᵢ − ȳ) / √(Σ (xᵢ − x̄)² Σ (yᵢ − ȳ)²)            ρ: of the ranks
    /// τ-b    (C − D) / √((n₀ − n₁)(n₀ − n₂)),  n₀ = n (n − 1) / 2         n₁, n₂: pairs tied in x, in y
    /// ```
    ///
    /// ρ and τ-b are sums of integers and exact but for the last division and root, for fewer than 200,000 pairs; r is good to
    /// about n · 2⁻⁵². Infinities have ranks like any number, and no r.
    ///
    /// Degenerate: `None` where there are fewer than two pairs or lengths differ, a list is constant, a value is NaN, or
    /// infinite where r is asked for.
    pub fn new(measure: Measure, x: &[f64], y: &[f64]) -> Option<Self> {
        if x.len() != y.len() || x.iter().chain(y).any(|value| value.is_nan()) {
            return None;
        }
        let (x, y) = (List::new(x), List::new(y));
        let own = coefficient(
            measure,
            (x.values.iter().copied(), &x.levels),
            (y.values.iter().copied(), &y.levels),
        )?;
        Some(Self { measure, x, y, coefficient: own })
    }

    /// From −1 to 1.
    pub fn coefficient(&self) -> f64 {
        self.coefficient
    }

    /// Pairs.
    pub fn n(&self) -> usize {
        self.x.values.len()
    }

    /// The p-value in the limit of many pairs.
    ///
    /// ```text
    /// ρ, r   t = r √((n − 2) / (1 − r²)), Student's t with n − 2 degrees of freedom
    /// τ-b    z = (C − D) / √(variance under permutations, with ties: Kendall, Rank Correlation Methods, 1970, ch. 4)
    /// ```
    ///
    /// `None` for fewer than three pairs. Below some 20 pairs prefer [`Association::exact_p`].
    pub fn limit_p(&self) -> Option<PValue> {
        if self.n() < 3 {
            return None;
        }
        if self.measure == Measure::Kendall {
            let z = Concordance::of(&self.x.levels, &self.y.levels).z();
            return Some(PValue::of_ln(normal_ln_p(z), PKind::Normal));
        }
        let r = self.coefficient;
        let degrees = self.n() as f64 - 2.0;
        let t = r * (degrees / ((1.0 - r) * (1.0 + r))).sqrt();
        Some(PValue::of_ln(student_ln_p(t, degrees), PKind::T))
    }

    /// The coefficient of some of the pairs, each as often as it stands in `rows`.
    pub(super) fn of_rows(&self, rows: &[usize]) -> Option<f64> {
        let (x, x_levels) = self.x.take(rows);
        let (y, y_levels) = self.y.take(rows);
        coefficient(self.measure, (x, &x_levels), (y, &y_levels))
    }
}

fn coefficient(
    measure: Measure,
    (x, x_levels): (impl Iterator<Item = f64>, &[u32]),
    (y, y_levels): (impl Iterator<Item = f64>, &[u32]),
) -> Option<f64> {
    match measure {
        Measure::Spearman => cosine(&centred_ranks(x_levels), &centred_ranks(y_levels)),
        Measure::Kendall => Concordance::of(x_levels, y_levels).tau_b(),
        Measure::Pearson => cosine(&deviations(x.collect())?, &deviations(y.collect())?),
    }
}

/// Deviations from the mean in units of the largest; `None` of a constant list and of infinities.
pub(super) fn deviations(mut values: Vec<f64>) -> Option<Vec<f64>> {
    let first = *values.first()?;
    let largest = values.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    if largest.is_infinite() || values.iter().all(|&value| value == first) {
        return None;
    }
    for _ in 0..2 {
        // The second pass takes away what rounding left of the mean in the first.
        let scale = values.iter().fold(0.0_f64, |scale, value| scale.max(value.abs()));
        for value in &mut values {
            *value /= scale;
        }
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        for value in &mut values {
            *value -= mean;
        }
    }
    Some(values)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn cosine(a: &[f64], b: &[f64]) -> Option<f64> {
    let spread = dot(a, a) * dot(b, b);
    (a.len() >= 2 && spread > 0.0).then(|| (dot(a, b) / spread.sqrt()).clamp(-1.0, 1.0))
}

/// Rank correlation of two lists, with p by Student's t.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spearman {
    /// Pairs.
    pub n: usize,
    /// ρ, from −1 to 1.
    pub coefficient: f64,
    /// Two-sided, by Student's t with n − 2 degrees of freedom; `None` for fewer than three pairs.
    pub p_value: Option<f64>,
}

/// Spearman's ρ of two lists in which a NaN has the rank of a value above all others.
///
/// Pairs are those of the shorter list. Else as [`Association::new`] and [`Association::limit_p`].
///
/// Degenerate: `None` for fewer than two pairs, or where all values of a list are equal.
pub fn spearman(x: &[f64], y: &[f64]) -> Option<Spearman> {
    let n = x.len().min(y.len());
    let levels_of = |list: &[f64]| levels(list).into_iter().map(f64::from).collect::<Vec<_>>();
    let found = Association::new(Measure::Spearman, &levels_of(x.get(..n)?), &levels_of(y.get(..n)?))?;
    Some(Spearman { n, coefficient: found.coefficient, p_value: found.limit_p().map(|found| found.p) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(measure: Measure, x: &[f64], y: &[f64]) -> Option<f64> {
        Association::new(measure, x, y).map(|found| found.coefficient())
    }

    const ALL: [Measure; 3] = [Measure::Spearman, Measure::Kendall, Measure::Pearson];

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
        assert_eq!(spearman(&[1.0, f64::NAN], &[1.0, 2.0]).map(|found| found.coefficient), Some(1.0));
    }

    #[test]
    fn every_measure_is_one_of_a_list_and_itself_and_has_no_value_of_what_never_varies() {
        let x = [0.1, 7.0, -3.0, 0.1, 1e-30];
        for measure in ALL {
            assert_eq!(of(measure, &x, &x), Some(1.0), "{measure:?}");
            assert_eq!(of(measure, &x, &x.map(|x| -x)), Some(-1.0), "{measure:?}");
            assert_eq!([of(measure, &x, &[0.1; 5]), of(measure, &[0.3; 5], &x)], [None; 2], "{measure:?}");
            assert_eq!(
                [of(measure, &x, &x[..4]), of(measure, &[1.0], &[2.0]), of(measure, &[], &[])],
                [None; 3]
            );
            assert_eq!(of(measure, &x, &[1.0, 2.0, 3.0, 4.0, f64::NAN]), None, "{measure:?}");
        }
    }

    #[test]
    fn an_infinity_is_the_highest_rank_and_has_no_place_on_a_line() {
        let (x, y) = ([1.0, 2.0, f64::INFINITY, 3.0], [3.0, 2.0, 0.0, 1.0]);
        assert_eq!([Measure::Spearman, Measure::Kendall].map(|measure| of(measure, &x, &y)), [Some(-1.0); 2]);
        assert_eq!(of(Measure::Pearson, &x, &y), None);
    }

    #[test]
    fn values_at_the_edge_of_f64_neither_overflow_nor_vanish() {
        let large = [1e308, -1e308, 1.5e308, 0.0];
        let small = large.map(|x| x / 1e300 / 1e300);
        for other in [large, small] {
            assert!(
                of(Measure::Pearson, &large, &other).is_some_and(|r| (r - 1.0).abs() < 1e-9),
                "{other:?}"
            );
        }
        let near = [1e9 + 1.0, 1e9 + 2.0, 1e9 + 4.0];
        let far = near.map(|x| x - 1e9);
        assert!(of(Measure::Pearson, &near, &far).is_some_and(|r| (r - 1.0).abs() < 1e-15));
    }
}
