//! Statistics of a pair of buffers in one pass: the heart of `deltas`.
//!
//! [`pair_stats`] reads one chunk of two tensors and returns sums, extremes and counts. Three routines
//! compute it, for AVX-512, AVX2 and plain Rust ([`scalar`]); which one runs is decided at run time and
//! changes no bit of the result: all of them add into the same 16 f64 lanes in the same order.
//!
//! ```text
//! lane of element i of a chunk      F32, F16     i mod 16
//!                                   BF16         (i mod 32) div 2
//!                                   all others   i mod 16
//! order within a lane               ascending i, each square added by one fused multiply-add
//! total of a chunk                  lane 0 + lane 1 + … + lane 15
//! ```
//!
//! A step of a vector routine takes 32 elements. A 16-bit load of BF16 splits into even and odd elements
//! with one shift and one mask, as their bits are the upper halves of f32; hence its own lanes. Sixteen
//! lanes are two registers of AVX-512 or four of AVX2: the four sums then are at least eight independent
//! chains of additions, which hides a latency of four cycles at two additions a cycle. The plain routine
//! does by index what the others do by register, and `mul_add` rounds once on any processor. So the levels
//! agree because they do the same additions, and not because a tolerance forgives them.
//!
//! Accuracy: every element is widened to f64 before any arithmetic. Squares of F32, F16 and BF16 values
//! are exact there, so a sum over `n` elements of a chunk carries a relative error of at most
//! `(n / 16 + 16) · 2⁻⁵³`, below 10⁻¹² for a full chunk; chunks are added with compensation.

#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "lanes and windows are arrays of fixed length, keys are the upper halves of 32-bit words"
)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod keys;
mod largest;
mod scalar;
#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests index what they made and compare exactly"
)]
mod tests;
mod totals;

use std::fmt;

use half::f16;
use half::slice::HalfFloatSliceExt as _;

use crate::tensor::Dtype;

pub use keys::{Boundaries, KeyCounts, Scratch, key_lower_edge, key_of};
pub use largest::{Largest, largest_of};
pub use totals::Totals;

/// Elements that one call of [`pair_stats`] takes at most; chunks of a tensor start at its multiples.
///
/// Both sides in F32 take 1 MiB then, about a second-level cache.
pub const CHUNK: usize = 1 << 17;

/// What one chunk of a pair adds to the whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChunkStats {
    /// Elements in the chunk.
    pub elements: u64,
    /// Elements whose stored value differs.
    pub changed: u64,
    /// Σ before².
    pub before_squares: f64,
    /// Σ after².
    pub after_squares: f64,
    /// Σ d², d = after − before.
    pub delta_squares: f64,
    /// Σ |d|.
    pub abs_delta: f64,
    /// How |d| is distributed, as far as the boundaries ask.
    pub keys: KeyCounts,
    /// NaN, +∞, −∞ before.
    pub nonfinite_before: [u64; 3],
    /// NaN, +∞, −∞ after.
    pub nonfinite_after: [u64; 3],
    /// Finite before, not finite after.
    pub new_nonfinite: u64,
}

/// The instruction set that [`pair_stats`] runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SimdLevel {
    /// Plain Rust.
    Portable,
    /// AVX2, FMA and F16C.
    Avx2,
    /// AVX-512 F, BW, DQ, VL and VBMI2.
    Avx512,
}

impl SimdLevel {
    /// The best level that this processor has.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if avx512::is_available() {
                return Self::Avx512;
            }
            if avx2::is_available() {
                return Self::Avx2;
            }
        }
        Self::Portable
    }
}

impl fmt::Display for SimdLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Portable => "portable",
            Self::Avx2 => "AVX2",
            Self::Avx512 => "AVX-512",
        })
    }
}

/// One chunk of a tensor on both sides.
#[derive(Clone, Copy, Debug)]
pub struct ChunkPair<'a> {
    /// Dtype before.
    pub dtype_before: Dtype,
    /// Bytes before: whole elements, at most [`CHUNK`] of them.
    pub before: &'a [u8],
    /// Dtype after.
    pub dtype_after: Dtype,
    /// Bytes after: as many elements.
    pub after: &'a [u8],
}

/// Sums, extremes and counts of one chunk.
///
/// `d = after − before` in f64, and 0 wherever both sides hold the same bits (or, where the dtypes
/// differ, the same value; two NaN are the same). A non-finite value enters every sum it belongs to and
/// is counted. `boundaries` says which part of the distribution of |d| is counted key by key.
///
/// ```text
/// before_squares = Σ aᵢ²     after_squares = Σ bᵢ²     delta_squares = Σ dᵢ²     abs_delta = Σ |dᵢ|
/// ```
///
/// Shapes: both sides hold n ≤ [`CHUNK`] elements, row-major, whatever the rank of their tensor; of a longer
/// chunk keys would be dropped. Cost: each byte is read once; a chunk with a non-finite value, or of a dtype
/// other than F32, F16 and BF16, is read element by element.
///
/// Degenerate: an empty chunk gives zeros; an opaque dtype reads as zeros (ask
/// [`Dtype::kind`](crate::tensor::Dtype::kind) first).
pub fn pair_stats(pair: ChunkPair<'_>, boundaries: &Boundaries, scratch: &mut Scratch) -> ChunkStats {
    pair_stats_on(SimdLevel::detect(), pair, boundaries, scratch)
}

/// [`pair_stats`] on a chosen level; one that this processor lacks runs as [`SimdLevel::Portable`].
///
/// The result is the same to the last bit on every level.
///
/// It is there for the tests that hold the levels to each other.
pub fn pair_stats_on(
    level: SimdLevel,
    pair: ChunkPair<'_>,
    boundaries: &Boundaries,
    scratch: &mut Scratch,
) -> ChunkStats {
    scratch.begin();
    let vector = if pair.dtype_before == pair.dtype_after {
        vector_chunk(level, pair, boundaries, scratch)
    } else {
        mixed_chunk(level, pair, boundaries, scratch)
    };
    let mut stats = match vector {
        // A square of a finite F32, F16 or BF16 cannot overflow f64: these sums are finite exactly
        // where every element is. A chunk with a non-finite value is read again, element by element.
        Some(stats) if (stats.before_squares + stats.after_squares).is_finite() => stats,
        _ => {
            scratch.begin();
            scalar::chunk(pair, boundaries, scratch)
        }
    };
    stats.keys.counts = scratch.count(boundaries, stats.keys.largest);
    stats
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "this call picks the SIMD routine")]
fn vector_chunk(
    level: SimdLevel,
    pair: ChunkPair<'_>,
    boundaries: &Boundaries,
    scratch: &mut Scratch,
) -> Option<ChunkStats> {
    let level = level.min(SimdLevel::detect());
    match level {
        // SAFETY: `level` is at most what `detect` found on this processor.
        SimdLevel::Avx512 => unsafe { avx512::chunk(pair, boundaries, scratch) },
        // SAFETY: as above.
        SimdLevel::Avx2 => unsafe { avx2::chunk(pair, boundaries, scratch) },
        SimdLevel::Portable => None,
    }
}

/// Two dtypes that both fit into F32: widened first, then compared as F32.
///
/// `None` where either dtype does not fit.
///
/// F16 and BF16 are subsets of F32, so widening is exact, and a difference of two F32 that is taken in f64
/// and then rounded to f32 for its key is the one that F32 subtraction gives (53 ≥ 2 · 24 + 2 bits: Figueroa
/// 1995).
fn mixed_chunk(
    level: SimdLevel,
    pair: ChunkPair<'_>,
    boundaries: &Boundaries,
    scratch: &mut Scratch,
) -> Option<ChunkStats> {
    let [mut before, mut after] = std::mem::take(&mut scratch.singles);
    let fits = widen_to_f32(pair.dtype_before, pair.before, &mut before)
        && widen_to_f32(pair.dtype_after, pair.after, &mut after);
    let singles = ChunkPair {
        dtype_before: Dtype::F32,
        before: bytemuck::cast_slice(&before),
        dtype_after: Dtype::F32,
        after: bytemuck::cast_slice(&after),
    };
    let stats = if fits { vector_chunk(level, singles, boundaries, scratch) } else { None };
    scratch.singles = [before, after];
    stats
}

/// False where F32 cannot hold every value. Adding zero turns −0 into 0: across dtypes values count, not bits.
fn widen_to_f32(dtype: Dtype, bytes: &[u8], out: &mut Vec<f32>) -> bool {
    out.clear();
    match dtype {
        Dtype::F32 => out.extend(bytes.as_chunks().0.iter().map(|&x| f32::from_le_bytes(x) + 0.0)),
        Dtype::BF16 => out.extend(
            bytes.as_chunks().0.iter().map(|&x| f32::from_bits(u32::from(u16::from_le_bytes(x)) << 16) + 0.0),
        ),
        Dtype::F16 => {
            let halves: Vec<f16> = bytes.as_chunks().0.iter().map(|&x| f16::from_le_bytes(x)).collect();
            out.resize(halves.len(), 0.0);
            halves.convert_to_f32_slice(out);
            for x in out.iter_mut() {
                *x += 0.0;
            }
        }
        _ => return false,
    }
    true
}

#[cfg(not(target_arch = "x86_64"))]
fn vector_chunk(_: SimdLevel, _: ChunkPair<'_>, _: &Boundaries, _: &mut Scratch) -> Option<ChunkStats> {
    None
}

/// The dtypes that have vector routines, as constants that a copy of a loop is made for.
#[cfg(target_arch = "x86_64")]
const F32: u8 = 0;
#[cfg(target_arch = "x86_64")]
const F16: u8 = 1;
#[cfg(target_arch = "x86_64")]
const BF16: u8 = 2;

/// The last elements of a chunk as a whole step, with zeros behind them.
///
/// A padded element is 0 on both sides: it adds +0 to sums that are never negative zero, differs in no bit,
/// and has key 0, which is below every boundary, so nothing of it is left in the result.
#[cfg(target_arch = "x86_64")]
fn padded<const BYTES: usize>(rest: &[u8]) -> [u8; BYTES] {
    let mut step = [0; BYTES];
    step.iter_mut().zip(rest).for_each(|(slot, &byte)| *slot = byte);
    step
}

/// What the vector routines sum up: 16 lanes a sum, folded in lane order.
#[derive(Default)]
struct Lanes {
    before_squares: [f64; 16],
    after_squares: [f64; 16],
    delta_squares: [f64; 16],
    abs_delta: [f64; 16],
}

impl Lanes {
    /// Adds the lanes from the first to the last: a tree would be as exact, but the order has to be one.
    fn fold(&self, stats: &mut ChunkStats) {
        stats.before_squares = self.before_squares.iter().sum();
        stats.after_squares = self.after_squares.iter().sum();
        stats.delta_squares = self.delta_squares.iter().sum();
        stats.abs_delta = self.abs_delta.iter().sum();
    }
}
