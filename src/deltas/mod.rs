//! ΔW between two checkpoints: magnitude, histogram, spectrum, rounding-aware rank, editor signature, receipt.
//!
//! Invariant: no editing method's code is known here, and no file is opened.

mod change;
mod outcome;
mod pass;
mod windows;

pub use outcome::*;
pub use pass::Progress;
