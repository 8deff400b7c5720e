//! The keys and values of a layer: context templates, capture, second moment, the fraction that ROME divides by.
//!
//! Invariant: no edit is made, no file is opened.
//!
//! ```text
//! step                                                        file
//! C from a stored sum, C⁻¹ k̄ with condition and residual      adjustment
//! k̄ and kᵘ of one case from its rows of keys                  means
//! numerator, denominator and what goes with them              fraction
//! safe, at risk or collapse, with reasons                     verdict, calibration
//! ```

mod adjustment;
mod calibration;
mod fraction;
mod means;
mod verdict;

pub use adjustment::{Adjusted, Adjustment, AdjustmentError, MomentFacts};
pub use fraction::{Fraction, PUBLISHED_CLAMP, fractions, of_adjusted};
pub use means::{KeyMeans, MeanOver, MeansError, WeightedTemplates};
pub use verdict::{Calibration, Level, Setting, Verdict, verdict};
