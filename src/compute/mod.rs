//! One function an operation; the only place that chooses where it runs.
//!
//! Invariant: nothing is computed here. Today every operation runs on the CPU; a kernel joins here, and
//! no caller changes.

pub use crate::linalg::{
    Boundaries, CHUNK, ChunkPair, ChunkStats, Scratch, Totals, key_lower_edge, key_of, pair_stats, position_of,
};
