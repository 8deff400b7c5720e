//! How rows are put together for the forward pass, and how patches follow them.

use std::ops::Range;

use super::Patch;

/// Tokens that are run together: enough for the matrix products to be fast, few enough for the caches.
pub(super) const BATCH_TOKENS: usize = 1024;

/// Ranges of rows of at most that many tokens together, or of one row; in order. Depends on the lengths alone.
pub(super) fn ranges(lengths: &[usize], most: usize) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let (mut start, mut tokens) = (0, 0);
    for (row, length) in lengths.iter().enumerate() {
        if row > start && tokens + length > most {
            ranges.push(start..row);
            (start, tokens) = (row, 0);
        }
        tokens += length;
    }
    if start < lengths.len() {
        ranges.push(start..lengths.len());
    }
    ranges
}

/// The patches of some rows, counted from the first of them.
pub(super) fn patches_of(patches: &[Patch], rows: &Range<usize>) -> Vec<Patch> {
    let here = |row: usize| rows.contains(&row).then(|| row - rows.start);
    patches
        .iter()
        .map(|patch| match patch {
            Patch::Add { tap, positions, vector } => Patch::Add {
                tap: *tap,
                positions: positions.get(rows.clone()).unwrap_or_default().to_vec(),
                vector: vector.clone(),
            },
            Patch::Embedding { noise } => Patch::Embedding {
                noise: noise.iter().filter_map(|(row, at, v)| Some((here(*row)?, *at, v.clone()))).collect(),
            },
            Patch::Restore { tap, states } => Patch::Restore {
                tap: *tap,
                states: states
                    .iter()
                    .filter_map(|(row, at, v)| Some((here(*row)?, *at, v.clone())))
                    .collect(),
            },
            Patch::PositionEmbedding { .. } => patch.clone(),
        })
        .collect()
}
