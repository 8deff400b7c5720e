//! How far one list rises with another, how sure that is, and how likely by chance.
//!
//! ```text
//! the coefficient     Spearman's ρ, Kendall's τ-b, Pearson's r                       coefficient
//! pairs that agree    Kendall's count, in n log n                                    concordance
//! p, exactly          every permutation, the inversions, or the table of ρ           exact, spearman_null.txt
//! p, by chance        permutations from a counted stream                             permutation, stream
//! p, in the limit     tails of t and of the normal in logarithms                     tails
//! intervals           Fisher's z and a bootstrap                                     interval
//! ```

mod coefficient;
mod concordance;
mod exact;
mod interval;
mod permutation;
mod stream;
mod tails;

pub use coefficient::{Association, Measure, PKind, PValue, Spearman, spearman};
pub use exact::{MOST_TIED, MOST_UNTIED};
pub use permutation::permutation_p;
pub use tails::{normal_ln_p, student_ln_p};

pub(super) use stream::Stream;
