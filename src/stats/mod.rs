//! Numbers about lists of numbers: separation, quantiles, ranks, association, shares, comparisons of pairs, many tests at once, labels that are told, how series change.
//!
//! Invariant: knows no tensor; chance comes in as a seed.

mod association;
mod calibration;
mod change_points;
mod classification;
mod isotonic;
mod mcnemar;
mod multiplicity;
mod paired;
mod power_law;
mod proportions;
mod quantile;
mod ranks;
mod robust;
mod separation;
mod signed_rank;
#[cfg(test)]
pub(crate) mod simulate;
mod smooth;
mod student;
mod survival;

pub use association::{
    Association, MOST_TIED, MOST_UNTIED, Measure, PKind, PValue, Spearman, normal_ln_p, permutation_p,
    spearman, student_ln_p,
};
pub use calibration::Calibration;
pub use change_points::{Change, Line, MOST_POINTS, SHORTEST, Segmentation, change_points};
pub use classification::{matthews, weighted_f1};
pub use isotonic::monotone_trend;
pub use mcnemar::{McNemar, mcnemar};
pub use multiplicity::{benjamini_hochberg, holm};
pub use paired::{Inference, Interval, Paired, RESAMPLES, compare_pairs};
pub use power_law::{FEWEST_POINTS, PowerLaw, power_law};
pub use proportions::{Share, detectable, two_sided};
pub use quantile::{mean, quantile, standard_error};
pub use ranks::{ranks, tied, whole_ranks};
pub use robust::UpperSpread;
pub use separation::{Threshold, auroc, auroc_interval, best_threshold};
pub use signed_rank::{SignedRank, signed_rank};
pub use smooth::{buckets, moving_average};
pub use student::student_quantile;
pub use survival::{Lifetime, Survival, kaplan_meier, median_interval, median_lifetime};
