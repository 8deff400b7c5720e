//! ΔW between two checkpoints: magnitude, histogram, spectrum, rounding-aware rank, editor signature, receipt.
//!
//! Invariant: no editing method's code is known here, and no file is opened.

mod outcome;

pub use outcome::*;
