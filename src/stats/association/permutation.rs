//! The probability of a coefficient under some permutations, for many lists at once.
//!
//! Permutation i is the i-th [`Stream`] of the seed, applied to x. It is made once and held against every y: ranks are
//! computed once, and what is left is a product of a matrix of permuted x with the matrix of all y.

use rayon::prelude::*;

use super::coefficient::{List, Measure, PValue, deviations};
use super::concordance::Concordance;
use super::stream::Stream;
use crate::stats::ranks::centred_ranks;

/// Permutations that are multiplied together.
const LANES: usize = 8;
/// Rows after which the next y has its turn: eight permutations of them stay in a cache of the second level.
const ROWS: usize = 1024;
/// Values of r that are this near count as equal.
const NEAR: f64 = 1e-12;

/// p of each y against x, both sides together.
///
/// ```text
/// p = (1 + number of permutations whose |coefficient| is at least that of the data) / (1 + permutations)
/// ```
///
/// B. Phipson and G. Smyth, Stat. Appl. Genet. Mol. Biol. 9, 2010: the data is one of the permutations, and p is never 0.
/// The result does not depend on the number of threads, and that of a y not on the others.
///
/// ρ and τ are compared as integers, exact for fewer than 200,000 rows; r that differ by less than 10⁻¹² count as equal.
///
/// Degenerate: `None` for a y without a coefficient (see [`Association::new`](super::Association::new)), and for all where x
/// is constant or holds a NaN.
pub fn permutation_p(
    measure: Measure,
    x: &[f64],
    ys: &[&[f64]],
    permutations: u64,
    seed: u64,
) -> Vec<Option<PValue>> {
    let Some(scored) = scores(measure, x) else { return vec![None; ys.len()] };
    let known: Vec<Option<Scores>> =
        ys.iter().map(|y| scores(measure, y).filter(|_| y.len() == x.len())).collect();
    let usable: Vec<&Scores> = known.iter().flatten().collect();
    let mut counts = extremes(measure, &scored, &usable, permutations, seed).into_iter();
    let p = |extreme: u64| PValue::of_permutations(extreme, permutations);
    known.iter().map(|y| y.as_ref().and(counts.next()).map(p)).collect()
}

/// A list as it is multiplied, or as it is counted.
enum Scores {
    Products(Vec<f64>),
    Levels(Vec<u32>),
}

/// `None` where the list is constant, or holds what has no place in it.
fn scores(measure: Measure, values: &[f64]) -> Option<Scores> {
    if values.iter().any(|value| value.is_nan()) {
        return None;
    }
    if measure == Measure::Pearson {
        let deviations = deviations(values.to_vec())?;
        let norm = deviations.iter().map(|value| value * value).sum::<f64>().sqrt();
        return Some(Scores::Products(deviations.into_iter().map(|value| value / norm).collect()));
    }
    let List { levels, .. } = List::new(values);
    levels.iter().any(|&level| level > 0).then(|| match measure {
        Measure::Kendall => Scores::Levels(levels),
        _ => Scores::Products(centred_ranks(&levels)),
    })
}

/// How many permutations are at least as far from 0 as the data, for each y.
fn extremes(measure: Measure, x: &Scores, ys: &[&Scores], permutations: u64, seed: u64) -> Vec<u64> {
    let none = || vec![0; ys.len()];
    let add = |a: Vec<u64>, b: Vec<u64>| a.iter().zip(&b).map(|(a, b)| a + b).collect();
    match x {
        Scores::Products(x) => {
            let ys: Vec<&[f64]> = ys.iter().filter_map(|y| y.products()).collect();
            let near = if measure == Measure::Pearson { NEAR } else { 0.0 };
            let observed: Vec<f64> = ys.iter().map(|y| dot(x, y).abs() - near).collect();
            let blocks = permutations.div_ceil(LANES as u64);
            let of_block = |block: u64| {
                let first = block * LANES as u64;
                let sums = products(x, &ys, first, seed);
                let lanes = usize::try_from(permutations - first).unwrap_or(LANES).min(LANES);
                let extreme = |(sums, observed): (&[f64; LANES], &f64)| {
                    sums.iter().take(lanes).filter(|sum| sum.abs() >= *observed).count() as u64
                };
                sums.iter().zip(&observed).map(extreme).collect()
            };
            (0..blocks).into_par_iter().map(of_block).reduce(none, add)
        }
        Scores::Levels(x) => {
            let ys: Vec<&[u32]> = ys.iter().filter_map(|y| y.levels()).collect();
            let far = |x: &[u32], y: &[u32]| Concordance::of(x, y).score.unsigned_abs();
            let observed: Vec<u64> = ys.iter().map(|y| far(x, y)).collect();
            let of_one = |permutation: u64| {
                let mut permuted = x.clone();
                Stream::new(seed, permutation).shuffle(&mut permuted);
                ys.iter()
                    .zip(&observed)
                    .map(|(y, observed)| u64::from(far(&permuted, y) >= *observed))
                    .collect()
            };
            (0..permutations).into_par_iter().map(of_one).reduce(none, add)
        }
    }
}

impl Scores {
    fn products(&self) -> Option<&[f64]> {
        if let Self::Products(values) = self { Some(values) } else { None }
    }

    fn levels(&self) -> Option<&[u32]> {
        if let Self::Levels(levels) = self { Some(levels) } else { None }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Σ xₚ₍ᵢ₎ yᵢ for each y and the permutations from `first` on.
///
/// Permuted x lie side by side, row by row, so that one y is multiplied with all of them in one instruction after another.
fn products(x: &[f64], ys: &[&[f64]], first: u64, seed: u64) -> Vec<[f64; LANES]> {
    let mut permuted = vec![[0.0; LANES]; x.len()];
    let mut own = Vec::with_capacity(x.len());
    for (lane, permutation) in (first..).take(LANES).enumerate() {
        own.clear();
        own.extend_from_slice(x);
        Stream::new(seed, permutation).shuffle(&mut own);
        for (row, value) in permuted.iter_mut().zip(&own) {
            if let Some(place) = row.get_mut(lane) {
                *place = *value;
            }
        }
    }
    let mut sums = vec![[0.0; LANES]; ys.len()];
    for (tile, rows) in permuted.chunks(ROWS).enumerate() {
        for (y, sums) in ys.iter().zip(&mut sums) {
            let y = y.get(tile * ROWS..).unwrap_or_default();
            let mut own = *sums;
            for (row, y) in rows.iter().zip(y) {
                for (sum, x) in own.iter_mut().zip(row) {
                    *sum += x * y;
                }
            }
            *sums = own;
        }
    }
    sums
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may fail")]
mod tests {
    use super::super::coefficient::Association;
    use super::*;

    const ALL: [Measure; 3] = [Measure::Spearman, Measure::Kendall, Measure::Pearson];
    const X: [f64; 8] = [2.0, 3.5, 1.0, f64::MAX, 7.0, 7.0, 9.0, 0.5];
    const Y: [f64; 8] = [1.0, 4.0, 2.0, 8.0, 9.0, 3.0, 6.0, 0.5];
    const Z: [f64; 8] = [0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0];

    fn p(measure: Measure, ys: &[&[f64]], permutations: u64, seed: u64) -> Vec<f64> {
        permutation_p(measure, &X, ys, permutations, seed).into_iter().map(|found| found.unwrap().p).collect()
    }

    #[test]
    fn many_permutations_come_near_to_all_of_them() {
        for measure in [Measure::Spearman, Measure::Kendall] {
            for y in [&Y, &Z] {
                let exact = Association::new(measure, &X, y).unwrap().exact_p().unwrap().p;
                let [found] = p(measure, &[y], 40_000, 3)[..] else { panic!("one p of one list") };
                let error = 4.0 * (exact * (1.0 - exact) / 40_000.0).sqrt();
                assert!((found - exact).abs() < error, "{measure:?}: {found} {exact}");
            }
        }
    }

    #[test]
    fn a_list_has_its_p_whatever_stands_beside_it() {
        for measure in ALL {
            let both = p(measure, &[&Y, &Z], 1_003, 7);
            assert_eq!(
                both,
                [p(measure, &[&Y], 1_003, 7), p(measure, &[&Z], 1_003, 7)].concat(),
                "{measure:?}"
            );
            assert!(both != p(measure, &[&Y, &Z], 1_003, 8), "{measure:?}");
        }
    }

    #[test]
    fn threads_change_nothing() {
        let long: Vec<f64> = (0..3000).map(|at| f64::from(at * 7919 % 3001)).collect();
        let other: Vec<f64> = long.iter().map(|x| (x / 100.0).floor() + x % 7.0).collect();
        for measure in ALL {
            let run = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| permutation_p(measure, &long, &[&other], 100, 1))
            };
            assert_eq!(run(1), run(3), "{measure:?}");
        }
    }

    #[test]
    fn p_is_never_zero_and_a_list_without_a_coefficient_has_none() {
        let falling = X.map(|x| -x);
        for measure in [Measure::Spearman, Measure::Kendall] {
            let found = permutation_p(measure, &X, &[&falling, &[1.0; 8], &[f64::NAN; 8], &X[..3]], 9, 0);
            assert!(found[0].is_some_and(|found| found.p >= 0.1), "{measure:?}");
            assert_eq!(found[1..], [None; 3], "{measure:?}");
            assert_eq!(permutation_p(measure, &[1.0; 8], &[&X], 9, 0), [None]);
        }
        assert_eq!(permutation_p(Measure::Pearson, &X, &[&[f64::INFINITY; 8]], 9, 0), [None]);
        assert_eq!(p(Measure::Spearman, &[&Y], 0, 0), [1.0]);
    }
}
