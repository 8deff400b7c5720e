//! Numbers about lists of numbers: separation, quantiles, paired comparisons.
//!
//! Invariant: knows no tensor; chance comes in as a seed.

mod calibration;
mod paired;
mod quantile;
mod separation;

pub use calibration::Calibration;
pub use paired::{Inference, Interval, Paired, RESAMPLES, compare_pairs};
pub use quantile::{mean, quantile, standard_error};
pub use separation::auroc;
