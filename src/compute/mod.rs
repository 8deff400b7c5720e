//! One function an operation; the only place that chooses where it runs.
//!
//! Invariant: nothing is computed here. Today every operation runs on the CPU; a kernel joins here, and
//! no caller changes.

pub use crate::linalg::engine::{
    Cholesky, Eigen, EngineError, Svd, add_gram, mirror_lower, singular_values, symmetric_eigen, thin_svd,
};
pub use crate::linalg::{
    Boundaries, CHUNK, ChangeSpectrum, ChunkPair, ChunkStats, Largest, Scratch, SpectrumOptions,
    StoredMatrix, Totals, condition_number, difference, key_lower_edge, key_of, largest_of, pair_stats,
    spectral_norm, spectrum_of_change,
};
