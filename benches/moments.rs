//! The second moment of keys, its Cholesky factor and one solve, each timed by itself: the best of three, a JSON line each.
//!
//! ```text
//! cargo bench --bench moments -- 3072 8192        key length, number of keys
//! ```
//!
//! `benches/peers/models.sh` puts the same work by `NumPy` and `SciPy` beside it.

use std::error::Error;
use std::time::Instant;

use collapse_diagnostics::linalg::engine::{Cholesky, add_gram, mirror_lower};
use collapse_diagnostics::tensor::Matrix;
use ndarray::{Array2, Axis};

/// As `diagnose moments` adds them up.
const BLOCK: usize = 512;

fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<usize>().ok());
    let (length, rows) = (numbers.next().unwrap_or(3072), numbers.next().unwrap_or(8192));
    let keys = keys(rows, length);
    let (mut summed, mut solved) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..3 {
        let begin = Instant::now();
        let mut moment = second_moment(&keys)?;
        summed = summed.min(begin.elapsed().as_secs_f64());
        moment.diag_mut().map_inplace(|x| *x += rows as f64);
        let begin = Instant::now();
        let solution = Cholesky::factor(&moment)?.solve(&Matrix::ones((length, 1)))?;
        solved = solved.min(begin.elapsed().as_secs_f64());
        assert!(solution.iter().all(|x| x.is_finite()));
    }
    println!(r#"{{"way": "diagnose, second moment of {rows} keys", "seconds": {summed}, "units": {rows}}}"#);
    println!(r#"{{"way": "diagnose, Cholesky factor and one solve", "seconds": {solved}, "units": 1}}"#);
    Ok(())
}

/// Keys in f32 as a model gives them: fixed numbers that look like chance, of mean 0.
fn keys(rows: usize, length: usize) -> Array2<f32> {
    let mut state = 1_u64;
    Array2::from_shape_simple_fn((rows, length), || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    })
}

fn second_moment(keys: &Array2<f32>) -> Result<Matrix, Box<dyn Error>> {
    let mut sum = Matrix::zeros((keys.ncols(), keys.ncols()));
    for block in keys.axis_chunks_iter(Axis(0), BLOCK) {
        add_gram(&mut sum, &block.mapv(f64::from))?;
    }
    mirror_lower(&mut sum);
    Ok(sum)
}
