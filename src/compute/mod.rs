//! One function an operation; the only place that chooses where it runs.
//!
//! Invariant: nothing is computed here. A [`Device`] says where an operation may run; what has no kernel runs on the processor.

mod device;
mod fractions;
mod pairs;
mod permute;
mod positions;
mod second_moment;
mod spectrum;
mod trial;

pub use device::{CPU, Choice, Device, Finder};

pub use fractions::fraction_sums;
pub use pairs::{PairStreams, StreamedPair};
pub use permute::permutation_p;
pub use positions::position_stats;
pub use second_moment::add_keys;
pub use spectrum::spectrum_of_change;

pub use crate::gpu::GpuError;
pub use crate::gpu::key_fraction::FractionSums;
pub use crate::gpu::pair_stream::StreamError;
pub use crate::linalg::engine::{
    Cholesky, Eigen, EngineError, Svd, add_gram, mirror_lower, singular_values, symmetric_eigen, thin_svd,
};
pub use crate::linalg::{
    Boundaries, CHUNK, ChangeSpectrum, ChunkPair, ChunkStats, Largest, PositionSummary, Scratch,
    SpectrumOptions, StoredMatrix, Totals, condition_number, difference, key_lower_edge, key_of, largest_of,
    pair_stats, spectral_norm,
};
