//! ΔW between two checkpoints: magnitude, histogram, spectrum, rounding-aware rank, editor signature, receipt.
//!
//! Invariant: no editing method's code is known here, and no file is opened.

mod compare;
mod outcome;

pub use compare::*;
pub use outcome::*;
