//! What a device does first when nobody asked for it by name.

use crate::gpu::pair_stats::{BLOCK, DevicePair, PairDtype, Windows, pair_stats};
use crate::gpu::{GpuError, Machine, Memory};
use crate::linalg::{self, Boundaries, ChunkPair, Scratch};
use crate::tensor::Dtype;

/// Elements of the trial: part of a chunk, and no multiple of anything.
const ELEMENTS: usize = 10_007;
/// What sums may differ by, relative to them: the bounds of both sides together are below.
const TOLERANCE: f64 = 1e-12;

/// Whether a machine compiles and runs a kernel, and finds in a small pair what the processor finds.
///
/// A driver, a compiler and a card that do not go together show here, and not in a report.
///
/// # Errors
/// [`GpuError`] where it cannot do it at all.
pub(super) fn passes(machine: &dyn Machine) -> Result<bool, GpuError> {
    let dtype = Dtype::BF16;
    let Some(kind) = PairDtype::of(dtype) else { return Ok(false) };
    let sides = [1_u64, 2].map(|seed| {
        // Numbers from 2⁻⁷ to 1: the exponent is 0x78 to 0x7f.
        let number = |at: u64| (at + 1).wrapping_mul(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
        let bits = (0..ELEMENTS as u64).map(|at| u16::try_from(number(at)).unwrap_or(0) & 0x83ff | 0x3c00);
        bits.flat_map(u16::to_le_bytes).collect::<Vec<u8>>()
    });
    let [before, after] = &sides;
    let pair = ChunkPair { dtype_before: dtype, before, dtype_after: dtype, after };
    let expected = linalg::pair_stats(pair, &Boundaries::ALL, &mut Scratch::default());
    let (before, after) = (Memory::of(machine, before)?, Memory::of(machine, after)?);
    let pair =
        DevicePair { dtype: kind, elements: ELEMENTS as u64, before: (&before, 0), after: (&after, 0) };
    let found = pair_stats(pair, Windows::ALL, BLOCK)?;
    let [chunk] = &found.chunks[..] else { return Ok(false) };
    let near = |found: f64, expected: f64| (found - expected).abs() <= TOLERANCE * expected;
    let counted: u64 = expected.keys.counts.iter().map(|&(_, count)| u64::from(count)).sum();
    Ok(near(chunk.before_squares, expected.before_squares)
        && near(chunk.after_squares, expected.after_squares)
        && near(chunk.delta_squares, expected.delta_squares)
        && near(chunk.abs_delta, expected.abs_delta)
        && (chunk.changed, chunk.largest_key) == (expected.changed, expected.keys.largest)
        && found.key_counts.iter().sum::<u64>() == counted)
}
