//! The plain routine: every dtype, every value, and the reference for the vector routines.
//!
//! What the vector routines do in registers is here one array index, [`accumulate`]'s `lane_of`. It is also
//! what counts NaN and infinities apart: the vector routines only notice that there are some, and the chunk
//! is done again here.

use half::f16;

use super::{Boundaries, ChunkPair, ChunkStats, Lanes, Scratch, key_of};
use crate::tensor::{Dtype, decode};

/// One element of a pair, widened.
pub(super) struct Element {
    pub(super) before: f64,
    pub(super) after: f64,
    /// The difference as the key sees it: rounded once, to f32.
    difference: f32,
    pub(super) same: bool,
}

/// Sums, extremes and counts of a chunk of any two dtypes.
///
/// Elements are compared as bits where the dtypes agree (so 0 → −0 is a change, and a NaN that kept its
/// payload is none), and as values where they do not. An opaque dtype decodes to zeros.
pub(super) fn chunk(pair: ChunkPair<'_>, boundaries: &Boundaries, scratch: &mut Scratch) -> ChunkStats {
    let same_dtype = pair.dtype_before == pair.dtype_after;
    match pair.dtype_before {
        Dtype::F32 if same_dtype => {
            let elements = pairs_of::<4>(pair).map(|(a, b)| single(a, b, f32::from_le_bytes));
            accumulate(elements, |i| i % 16, boundaries, scratch)
        }
        Dtype::F16 if same_dtype => {
            let elements = pairs_of::<2>(pair).map(|(a, b)| single(a, b, |x| f16::from_le_bytes(x).to_f32()));
            accumulate(elements, |i| i % 16, boundaries, scratch)
        }
        Dtype::BF16 if same_dtype => {
            let widen = |x| f32::from_bits(u32::from(u16::from_le_bytes(x)) << 16);
            let elements = pairs_of::<2>(pair).map(|(a, b)| single(a, b, widen));
            // The vector routines split 32 of them into even and odd ones.
            accumulate(elements, |i| (i % 32) / 2, boundaries, scratch)
        }
        _ => general(pair, boundaries, scratch),
    }
}

/// Any two numeric dtypes, through f64 buffers.
fn general(pair: ChunkPair<'_>, boundaries: &Boundaries, scratch: &mut Scratch) -> ChunkStats {
    let (mut before, mut after) = (std::mem::take(&mut scratch.before), std::mem::take(&mut scratch.after));
    let stats = accumulate(widened(&pair, &mut before, &mut after), |i| i % 16, boundaries, scratch);
    (scratch.before, scratch.after) = (before, after);
    stats
}

/// The elements of both sides, decoded into the buffers.
pub(super) fn widened<'a>(
    pair: &ChunkPair<'a>,
    before: &'a mut Vec<f64>,
    after: &'a mut Vec<f64>,
) -> impl Iterator<Item = Element> + use<'a> {
    let width = pair.dtype_before.bytes().unwrap_or(1);
    let width_after = pair.dtype_after.bytes().unwrap_or(1);
    for (dtype, bytes, width, values) in [
        (pair.dtype_before, pair.before, width, &mut *before),
        (pair.dtype_after, pair.after, width_after, &mut *after),
    ] {
        values.clear();
        values.resize(bytes.len() / width, 0.0);
        decode(dtype, bytes, values);
    }
    let same_dtype = pair.dtype_before == pair.dtype_after;
    let bytes = pair.before.chunks_exact(width).zip(pair.after.chunks_exact(width_after));
    before.iter().zip(after.iter()).zip(bytes).map(move |((&before, &after), (a, b))| {
        let same_value = before == after || (before.is_nan() && after.is_nan());
        let same = if same_dtype { a == b } else { same_value };
        Element { before, after, difference: (after - before) as f32, same }
    })
}

/// Both sides cut into elements of `N` bytes; what does not fill an element is left out.
fn pairs_of<const N: usize>(pair: ChunkPair<'_>) -> impl Iterator<Item = ([u8; N], [u8; N])> {
    let (before, after) = (pair.before.as_chunks::<N>().0, pair.after.as_chunks::<N>().0);
    before.iter().copied().zip(after.iter().copied())
}

/// An element of two values that f32 holds: the difference for the sums is taken in f64, that for the key in
/// f32.
fn single<const N: usize>(before: [u8; N], after: [u8; N], widen: impl Fn([u8; N]) -> f32) -> Element {
    let (a, b) = (widen(before), widen(after));
    Element { before: f64::from(a), after: f64::from(b), difference: b - a, same: before == after }
}

/// Adds elements into their lanes, with the operations and in the order of a vector routine.
///
/// A difference of equal elements is set to 0 rather than computed, or a NaN or an infinity that stayed
/// would count as a change of unknown size.
fn accumulate(
    elements: impl Iterator<Item = Element>,
    lane_of: impl Fn(usize) -> usize,
    boundaries: &Boundaries,
    scratch: &mut Scratch,
) -> ChunkStats {
    let mut stats = ChunkStats::default();
    let mut lanes = Lanes::default();
    for (i, element) in elements.enumerate() {
        let Element { before, after, .. } = element;
        let (delta, difference) =
            if element.same { (0.0, 0.0) } else { (after - before, element.difference) };
        let lane = lane_of(i) % 16;
        lanes.before_squares[lane] = before.mul_add(before, lanes.before_squares[lane]);
        lanes.after_squares[lane] = after.mul_add(after, lanes.after_squares[lane]);
        lanes.delta_squares[lane] = delta.mul_add(delta, lanes.delta_squares[lane]);
        lanes.abs_delta[lane] += delta.abs();
        stats.elements += 1;
        stats.changed += u64::from(!element.same);
        scratch.note(key_of(difference), boundaries, &mut stats.keys);
        if !before.is_finite() {
            count_nonfinite(before, &mut stats.nonfinite_before);
        }
        if !after.is_finite() {
            count_nonfinite(after, &mut stats.nonfinite_after);
            stats.new_nonfinite += u64::from(before.is_finite());
        }
    }
    lanes.fold(&mut stats);
    stats
}

/// Counts one value that is no number as NaN, +∞ or −∞, in that order.
fn count_nonfinite(value: f64, counts: &mut [u64; 3]) {
    let [nan, pos_inf, neg_inf] = counts;
    *if value.is_nan() {
        nan
    } else if value > 0.0 {
        pos_inf
    } else {
        neg_inf
    } += 1;
}
