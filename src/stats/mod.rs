//! Numbers about lists of numbers: separation, quantiles, ranks, shares, comparisons of pairs, many tests at once, labels that are told.
//!
//! Invariant: knows no tensor; chance comes in as a seed.

mod calibration;
mod classification;
mod mcnemar;
mod multiplicity;
mod paired;
mod proportions;
mod quantile;
mod ranks;
mod separation;
mod signed_rank;

pub use calibration::Calibration;
pub use classification::{matthews, weighted_f1};
pub use mcnemar::{McNemar, mcnemar};
pub use multiplicity::{benjamini_hochberg, holm};
pub use paired::{Inference, Interval, Paired, RESAMPLES, compare_pairs};
pub use proportions::{Share, detectable, two_sided};
pub use quantile::{mean, quantile, standard_error};
pub use ranks::{Spearman, ranks, spearman};
pub use separation::auroc;
pub use signed_rank::{SignedRank, signed_rank};
