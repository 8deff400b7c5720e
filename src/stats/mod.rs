//! Numbers about lists of numbers: separation, quantiles, ranks, paired comparisons, labels that are told.
//!
//! Invariant: knows no tensor; chance comes in as a seed.

mod calibration;
mod classification;
mod paired;
mod quantile;
mod ranks;
mod separation;

pub use calibration::Calibration;
pub use classification::{matthews, weighted_f1};
pub use paired::{Inference, Interval, Paired, RESAMPLES, compare_pairs};
pub use quantile::{mean, quantile, standard_error};
pub use ranks::{Spearman, ranks, spearman};
pub use separation::auroc;
