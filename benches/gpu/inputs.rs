//! Numbers from a seed.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};
use rayon::prelude::*;

/// Numbers that a seed leads to.
pub(crate) struct Chance(Xoshiro256PlusPlus);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// From 0 to below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0.next_u64() % end
    }

    /// Roughly normal, with variance 1: the sum of twelve uniform ones less six.
    pub(crate) fn normal(&mut self) -> f64 {
        (0..12).map(|_| (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64).sum::<f64>() - 6.0
    }

    pub(crate) fn normals(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| self.normal()).collect()
    }
}

/// So many bytes of weights of N(0, 0.02²), and of the same with a change of a hundredth of that.
pub(crate) fn pair(
    bytes: usize,
    seed: u64,
    encode: impl Fn(f64, &mut [u8]) + Sync,
    width: usize,
) -> [Vec<u8>; 2] {
    const PIECE: usize = 1 << 20;
    let mut sides = [vec![0; bytes], vec![0; bytes]];
    let [before, after] = &mut sides;
    before.par_chunks_mut(PIECE).zip(after.par_chunks_mut(PIECE)).enumerate().for_each(
        |(piece, (before, after))| {
            let mut chance = Chance::new(seed ^ (piece as u64) << 32);
            // A piece repeats a stretch of numbers: what is timed and summed does not depend on how random they are.
            let stretch: Vec<(f64, f64)> =
                (0..4096).map(|_| (chance.normal() * 0.02, chance.normal() * 2e-4)).collect();
            let places = before.chunks_exact_mut(width).zip(after.chunks_exact_mut(width));
            for ((before, after), (weight, change)) in places.zip(stretch.iter().cycle()) {
                encode(*weight, before);
                encode(weight + change, after);
            }
        },
    );
    sides
}

/// A value as BF16, rounded to the nearest.
pub(crate) fn bf16(value: f64, to: &mut [u8]) {
    to.copy_from_slice(&half::bf16::from_f64(value).to_le_bytes());
}

/// A value as F32.
pub(crate) fn f32_bytes(value: f64, to: &mut [u8]) {
    to.copy_from_slice(&(value as f32).to_le_bytes());
}
