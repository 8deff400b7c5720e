//! The largest difference, exactly, and where it is.

use super::scalar::widened;
use super::{ChunkPair, Scratch};
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

/// The largest |d| of a chunk, with `d` as in [`pair_stats`](super::pair_stats).
///
/// `pair_stats` keeps only the largest key, which costs a quarter of the exact value; of a whole tensor
/// one or two chunks have it and are read again here. Degenerate: an empty chunk gives 0 at 0.
pub fn largest_of(pair: &ChunkPair<'_>, scratch: &mut Scratch) -> Largest {
    let elements = pair.before.len() / pair.dtype_before.bytes().unwrap_or(1);
    scratch.before.clear();
    scratch.before.resize(elements, 0.0);
    difference((pair.dtype_before, pair.before), (pair.dtype_after, pair.after), &mut scratch.before);
    if let Some(largest) = largest_number(&scratch.before) {
        return largest;
    }
    // A NaN that stayed is no difference; here it looks like one.
    let elements = widened(pair, &mut scratch.before, &mut scratch.after);
    first_largest(elements.map(|e| if e.same { 0.0 } else { e.after - e.before }))
}

/// The largest magnitude, in lanes; `None` where some value is NaN.
fn largest_number(differences: &[f64]) -> Option<Largest> {
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
    let position = differences.iter().position(|difference| difference.abs() == magnitude);
    (!any_nan).then_some(Largest { magnitude, position: position.unwrap_or(0) as u64 })
}

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
