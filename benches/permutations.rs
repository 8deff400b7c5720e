//! Permutation p-values of Spearman's ρ of one list against many, the best of three, as a JSON line.
//!
//! ```text
//! cargo bench --bench permutations -- 70000 20 1000        rows, lists, permutations
//! ```
//!
//! `benches/peers/permutations_scipy.py` puts the same work by `SciPy` and by `NumPy` beside it.

use std::time::Instant;

use collapse_diagnostics::stats::{Measure, permutation_p};

fn main() {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<usize>().ok());
    let mut next = |default| numbers.next().unwrap_or(default);
    let (rows, lists, permutations) = (next(70_000), next(20), next(1000));
    let mut state = 1_u64;
    let mut list = |levels: f64| -> Vec<f64> {
        let mut draw = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 40) as f64 / (1_u64 << 24) as f64 * levels).floor()
        };
        (0..rows).map(|_| draw()).collect()
    };
    // Perplexities are all different; scores of tasks stand on few levels.
    let x = list(1e12);
    let ys: Vec<Vec<f64>> = (0..lists).map(|at| list(2.0 + 50.0 * at as f64)).collect();
    let ys: Vec<&[f64]> = ys.iter().map(Vec::as_slice).collect();
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        let begin = Instant::now();
        let found = permutation_p(Measure::Spearman, &x, &ys, permutations as u64, 1);
        best = best.min(begin.elapsed().as_secs_f64());
        assert!(found.iter().all(Option::is_some));
    }
    println!(
        r#"{{"way": "diagnose, {permutations} permutations of {rows} rows against {lists} lists", "seconds": {best}, "units": {permutations}}}"#
    );
}
