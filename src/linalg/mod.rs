//! The CPU truth in f64: dense factorisations, and the spectrum of a change that is never materialised.
//!
//! Invariant: nothing here touches a GPU or a file; every sum has one order, whatever the number of threads.

pub mod engine;

mod basis;
mod change;
mod lanczos;
mod operator;
mod rounding;
mod simd;
mod spectrum;
mod stored;

pub use change::{ChangeSpectrum, spectrum_of_change};
pub use operator::RowSource;
pub use rounding::rounding_noise_edge;
pub use spectrum::{LeadingSpectrum, SpectrumError, SpectrumOptions, leading_singular_values, spectral_norm};
pub use stored::{StoredDelta, StoredMatrix, difference, widen};
