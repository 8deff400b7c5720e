//! The spectrum of a rank-one update in 1600×6400 bf16 against the engine's full SVD of the same matrix.
//!
//! `cargo bench --bench spectrum [--features lapack]`; prints times and their ratio.

#![expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "a script that times")]

use std::time::Instant;

use collapse_diagnostics::linalg::{
    self, SpectrumOptions, StoredDelta, StoredMatrix, engine, leading_singular_values, rounding_noise_edge,
    spectrum_of_change,
};
use collapse_diagnostics::tensor::{Dtype, Matrix};

const ROWS: usize = 1600;
const COLS: usize = 6400;

fn main() {
    let mut random = Random(7);
    let base: Vec<f64> = (0..ROWS * COLS).map(|_| 0.02 * random.normal()).collect();
    for relative in [0.1, 0.01] {
        let (u, v): (Vec<f64>, Vec<f64>) =
            ((0..ROWS).map(|_| random.normal()).collect(), (0..COLS).map(|_| random.normal()).collect());
        let before: Vec<u8> = base.iter().flat_map(|&x| bf16(x)).collect();
        let after: Vec<u8> = base
            .iter()
            .enumerate()
            .flat_map(|(at, &x)| bf16(widen(bf16(x)) + 0.02 * relative * u[at / COLS] * v[at % COLS]))
            .collect();
        measure(relative, &before, &after);
    }
}

fn measure(relative: f64, before: &[u8], after: &[u8]) {
    let stored = |bytes| StoredMatrix { dtype: Dtype::BF16, bytes, rows: ROWS, cols: COLS };
    let (before, after) = (stored(before), stored(after));
    let delta = StoredDelta { before, after, products: None };
    println!("rank one at {relative}, {ROWS}×{COLS} bf16, {} threads", rayon::current_num_threads());
    let ours = best_of(7, || spectrum_of_change(before, after, None, &SpectrumOptions::default()));
    if let Ok(found) = spectrum_of_change(before, after, None, &SpectrumOptions::default()) {
        println!("  {found:?}");
    }
    println!("  spectrum of the change: {:.1} ms", ours * 1e3);
    let edge = best_of(7, || rounding_noise_edge((before.dtype, &before), (after.dtype, &after)));
    println!("  of it, the noise edge: {:.1} ms", edge * 1e3);
    let Ok(rounding_edge) = rounding_noise_edge((before.dtype, &before), (after.dtype, &after));
    {
        let options = SpectrumOptions { rounding_edge, ..Default::default() };
        let lanczos = best_of(7, || leading_singular_values(&delta, &options));
        println!("  of it, Lanczos on the change: {:.1} ms", lanczos * 1e3);
    }
    let norm = best_of(3, || linalg::spectral_norm(&before, 1));
    println!("  spectral norm of W: {:.1} ms", norm * 1e3);
    let mut matrix = Matrix::zeros((ROWS, COLS));
    if let Some(slots) = matrix.as_slice_mut() {
        linalg::difference((Dtype::BF16, before.bytes), (Dtype::BF16, after.bytes), slots);
    }
    let full = best_of(1, || engine::thin_svd(&matrix).map(|svd| svd.s[0]));
    println!("  full SVD, {}: {:.0} ms, {:.1} times as long", engine::NAME, full * 1e3, full / ours);
    let values = best_of(1, || engine::singular_values(&matrix).map(|s| s[0]));
    println!("  its values alone: {:.0} ms, {:.1} times as long", values * 1e3, values / ours);
}

/// Seconds of the fastest of some runs.
fn best_of<T>(runs: usize, mut work: impl FnMut() -> T) -> f64 {
    (0..runs)
        .map(|_| {
            let start = Instant::now();
            std::hint::black_box(work());
            start.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min)
}

fn bf16(x: f64) -> [u8; 2] {
    half::bf16::from_f32(x as f32).to_le_bytes()
}

fn widen(bytes: [u8; 2]) -> f64 {
    half::bf16::from_le_bytes(bytes).to_f64()
}

struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}
