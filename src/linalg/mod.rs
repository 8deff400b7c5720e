//! The CPU truth in f64.

mod pair_stats;

pub use pair_stats::{Boundaries, CHUNK, ChunkPair, ChunkStats, KeyCounts, Scratch, SimdLevel, Totals, key_lower_edge, key_of, pair_stats, pair_stats_on, position_of};
