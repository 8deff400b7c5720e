//! The CPU truth in f64: statistics of a pair of buffers, dense factorisations, and the spectrum of a
//! change that is never materialised.
//!
//! Invariant: nothing here touches a GPU or a file; every sum has one order, whatever the number of threads.

pub mod engine;

mod basis;
mod change;
mod condition;
mod lanczos;
mod operator;
mod pair_stats;
mod positions;
mod rounding;
mod simd;
mod spectrum;
mod stored;

pub use change::{ChangeSpectrum, spectrum_of_change};
pub use condition::condition_number;
pub use operator::{Block, Lanes, Products, RowSource};
pub use pair_stats::{
    Boundaries, CHUNK, ChunkPair, ChunkStats, KeyCounts, Largest, Scratch, SimdLevel, Totals, key_lower_edge,
    key_of, largest_of, pair_stats, pair_stats_on,
};
pub use positions::{PositionSummary, position_stats};
pub use rounding::rounding_noise_edge;
pub use spectrum::{LeadingSpectrum, SpectrumError, SpectrumOptions, leading_singular_values, spectral_norm};
pub use stored::{StoredDelta, StoredMatrix, difference, widen};
