//! The largest difference, exactly, and where it is.

use super::scalar::widened;
use super::{Boundaries, ChunkPair, Scratch, pair_stats};
use crate::linalg::difference;

/// The largest |d| of a chunk.
#[derive(Clone, Copy, Debug)]
pub struct Largest {
    /// |d| in f64; NaN where some d is NaN.
    pub magnitude: f64,
    /// Position of the first element that has it (of the first NaN, where there is one).
    pub position: u64,
}

impl Largest {
    /// NaN counts as the largest.
    pub fn exceeds(&self, other: &Self) -> bool {
        !other.magnitude.is_nan() && (self.magnitude.is_nan() || self.magnitude > other.magnitude)
    }
}

/// The largest |d| of a chunk, with `d` as in [`pair_stats`].
///
/// `pair_stats` keeps only the largest key, which costs a quarter of the exact value; of a whole tensor
/// one or two chunks have it and are read again here. Degenerate: an empty chunk gives 0 at 0.
/// A key never decreases where |d| grows, so what is without the largest key cannot hold the largest |d|: chunks of a tensor,
/// and pieces of a chunk.
pub fn largest_of(pair: &ChunkPair<'_>, scratch: &mut Scratch) -> Largest {
    let pieces: Vec<ChunkPair<'_>> = pieces(pair).collect();
    let keys: Vec<u16> =
        pieces.iter().map(|&piece| pair_stats(piece, &Boundaries::NONE, scratch).keys.largest).collect();
    let largest_key = keys.iter().max();
    let mut largest = Largest { magnitude: 0.0, position: 0 };
    for (at, (piece, key)) in pieces.iter().zip(&keys).enumerate() {
        if Some(key) == largest_key {
            let found = largest_of_piece(piece, scratch);
            if found.exceeds(&largest) {
                largest = Largest { position: (at * PIECE) as u64 + found.position, ..found };
            }
        }
    }
    largest
}

/// A chunk in pieces of [`PIECE`] elements.
fn pieces<'a>(pair: &ChunkPair<'a>) -> impl Iterator<Item = ChunkPair<'a>> + use<'a> {
    let pair = *pair;
    let [width, width_after] = [pair.dtype_before, pair.dtype_after].map(|dtype| dtype.bytes().unwrap_or(1));
    let sides = pair.before.chunks(PIECE * width).zip(pair.after.chunks(PIECE * width_after));
    sides.map(move |(before, after)| ChunkPair { before, after, ..pair })
}

fn largest_of_piece(piece: &ChunkPair<'_>, scratch: &mut Scratch) -> Largest {
    let width = piece.dtype_before.bytes().unwrap_or(1);
    let mut differences = [0.0; PIECE];
    let differences = &mut differences[..piece.before.len() / width];
    difference((piece.dtype_before, piece.before), (piece.dtype_after, piece.after), differences);
    let Some(magnitude) = largest_number(differences) else {
        // A NaN that stayed is no difference; here it looks like one.
        let elements = widened(piece, &mut scratch.before, &mut scratch.after);
        return first_largest(elements.map(|e| if e.same { 0.0 } else { e.after - e.before }));
    };
    let position = differences.iter().position(|difference| difference.abs() == magnitude);
    Largest { magnitude, position: position.unwrap_or(0) as u64 }
}

/// Elements of a piece: few enough that their differences stay in the first-level cache.
const PIECE: usize = 2048;

/// The largest magnitude, in lanes; `None` where some value is NaN.
fn largest_number(differences: &[f64]) -> Option<f64> {
    let (mut lanes, mut any_nan) = ([0.0_f64; 8], false);
    let (eights, rest) = differences.as_chunks::<8>();
    for eight in eights {
        for (lane, difference) in lanes.iter_mut().zip(eight) {
            let magnitude = difference.abs();
            any_nan |= magnitude.is_nan();
            *lane = if magnitude > *lane { magnitude } else { *lane };
        }
    }
    any_nan |= rest.iter().any(|difference| difference.is_nan());
    let magnitude = lanes.into_iter().chain(rest.iter().map(|d| d.abs())).fold(0.0, f64::max);
    (!any_nan).then_some(magnitude)
}

/// The same by single steps, for differences with NaN: the first NaN where there is one, else the first
/// largest.
fn first_largest(differences: impl Iterator<Item = f64>) -> Largest {
    let mut largest = Largest { magnitude: 0.0, position: 0 };
    for (position, difference) in differences.enumerate() {
        let found = Largest { magnitude: difference.abs(), position: position as u64 };
        if found.exceeds(&largest) {
            largest = found;
        }
    }
    largest
}
