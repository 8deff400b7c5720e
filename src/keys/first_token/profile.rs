//! Block outputs position by position.

use ndarray::Array2;

use crate::compute::{Device, GpuError, PositionSummary, position_stats};

/// Positions that are told of: the anomaly is at the first, and what follows shows how fast it ends.
const POSITIONS: usize = 8;

/// The outputs of one block at the first positions of all texts, special tokens included.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// The block, from 0.
    pub layer: usize,
    /// From position 0 on.
    pub positions: Vec<PositionSummary>,
}

/// Summarises `vectors` `(tokens, d)`, the texts one behind the other; a span is where a text begins, and its length.
pub(super) fn profile(
    device: &Device,
    layer: usize,
    vectors: &Array2<f32>,
    spans: impl Iterator<Item = (usize, usize)>,
) -> Result<Profile, GpuError> {
    let width = vectors.ncols();
    let (mut activations, mut lengths) = (Vec::new(), Vec::new());
    for (begin, len) in spans {
        let shown = len.min(POSITIONS);
        for position in 0..shown {
            activations.extend(vectors.row(begin + position));
        }
        activations.resize(activations.len() + (POSITIONS - shown) * width, 0.0);
        lengths.push(u32::try_from(shown).unwrap_or(0));
    }
    let positions = lengths.iter().max().map_or(0, |&longest| longest as usize);
    let mut found = position_stats(device, &activations, &lengths, POSITIONS, width)?;
    found.truncate(positions);
    Ok(Profile { layer, positions: found })
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test that cannot go on has failed")]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::compute::CPU;

    #[test]
    fn positions_are_counted_from_the_beginning_of_each_text() {
        // Texts of 3, 10 and 1 tokens; component 0 is the position, component 1 the text.
        let spans = [(0, 3), (3, 10), (13, 1)];
        let mut vectors = Array2::zeros((14, 2));
        for (text, (begin, len)) in spans.into_iter().enumerate() {
            for position in 0..len {
                vectors[(begin + position, 0)] = position as f32 * 10.0;
                vectors[(begin + position, 1)] = text as f32;
            }
        }
        let found = profile(&CPU, 4, &vectors, spans.into_iter());
        let positions = found.map(|found| found.positions).unwrap_or_default();
        let shown: Vec<_> = positions.iter().map(|found| (found.vectors, found.largest)).collect();
        let expected =
            [(3, 2.0), (2, 10.0), (2, 20.0), (1, 30.0), (1, 40.0), (1, 50.0), (1, 60.0), (1, 70.0)];
        assert_eq!(shown, expected);
        let short = profile(&CPU, 0, &vectors, [(0, 2)].into_iter());
        assert_eq!(short.map_or(0, |found| found.positions.len()), 2);
    }
}
