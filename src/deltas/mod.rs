//! ΔW between two checkpoints: magnitude, histogram, spectrum, rounding-aware rank, editor signature, receipt.
//!
//! Invariant: no editing method's code is known here, and no file is opened.

mod calibration;
mod change;
mod compare;
mod histogram;
mod low_rank;
mod mismatch;
mod outcome;
mod pairing;
mod pass;
mod pattern;
mod receipt;
#[cfg(test)]
mod sample;
mod signature;
mod spectra;
mod trace;
mod verdict;
mod windows;
mod wording;

pub use compare::{DeltasError, Plan, SpectrumPlan, compare};
pub use histogram::{Bucket, Histogram, histogram};
pub use outcome::*;
pub use pass::Progress;
pub use pattern::{NamePattern, PatternError};
pub use receipt::{Receipt, check};
pub use signature::signature;
pub use verdict::verdict;
