//! ΔW between two checkpoints: magnitude, histogram, spectrum, rounding-aware rank, editor signature, receipt.
//!
//! Invariant: no editing method's code is known here, and no file is opened.
//!
//! ```text
//! step                                                       file
//! which tensor before is which one after                     pairing, pattern
//! bytes first; where they differ, sums and counts in f64     pass, windows
//! from sums to norms, quantiles, cosine                      change
//! singular values of the most changed matrices               spectra
//! the pair in one table                                      compare, outcome
//! level and reasons                                          verdict, mismatch, calibration
//! expectations of the caller                                 receipt
//! kind of editor                                             signature, trace, low_rank
//! ```
//!
//! Definitions of the numbers stand with their fields: [`Change`], [`Spectrum`], [`Summary`]. The trace of a
//! changed matrix, the first of these that fits, and who is known to leave it:
//!
//! ```text
//! trace      told by                                                  left by
//! rounding   no singular value above the rounding edge                a cast to another dtype
//! low rank   rank 1, or at most a quarter of the shorter side; at     one matrix: ROME, EMMET; some layers:
//!            the counting cap: 90 % of the energy in what is counted  MEMIT; many modules: LoRA, MEND
//! bounded    90th percentile of |Δ| within 1/64 of the largest        fine-tuning with a bound (FT-L)
//! masked     at most 75 % of the elements moved, and at least twice   RECT
//!            as many stayed as rounding would hold
//! dense      none of these                                            fine-tuning, merging
//! ```

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
mod streamed;
mod trace;
mod verdict;
mod windows;

pub use compare::{DeltasError, Plan, SpectrumPlan, compare};
pub use histogram::{Bucket, Histogram, histogram};
pub use outcome::*;
pub use pass::Progress;
pub use pattern::{NamePattern, PatternError};
pub use receipt::{Receipt, check};
pub use signature::signature;
pub use verdict::verdict;

pub use crate::stats::Calibration;
