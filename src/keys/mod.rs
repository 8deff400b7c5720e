//! The keys and values of a layer: context templates, capture, second moment, the fraction that ROME divides by.
//!
//! Invariant: no edit is made, no file is opened.
//!
//! ```text
//! step                                                        file
//! which subjects stand where a key is unlike all others       screen
//! first tokens against later ones                             first_token
//! where published configurations edit a model                 published
//! texts that ROME puts before a prompt                        contexts
//! the second moment of keys over many texts                   moments
//! C from a stored sum, C⁻¹ k̄ with condition and residual      adjustment
//! k̄ and kᵘ of one case from its rows of keys                  means
//! numerator, denominator and what goes with them              fraction
//! safe, at risk or collapse, with reasons                     verdict, calibration
//! thousands of cases through a model, or out of a dump        scan, outcome
//! their keys in two dimensions                                projection
//! ```

mod adjustment;
mod calibration;
mod contexts;
pub mod first_token;
mod fraction;
mod means;
mod moments;
mod outcome;
mod projection;
mod published;
mod scan;
mod screen;
mod verdict;

pub use adjustment::{Adjusted, Adjustment, AdjustmentError, MomentFacts};
pub use calibration::Thresholds;
pub use contexts::{ContextStyle, ContextsError, draw_contexts, in_context};
pub use fraction::{Fraction, fractions, of_adjusted};
pub use means::{KeyMeans, MeanOver, MeansError, WeightedTemplates};
pub use moments::{LayerMoment, MomentError, MomentPlan, Moments};
pub use outcome::{CaseOutcome, ContextFacts, Diagnosis, Fact, KeptKeys, Origin, Scan, Summary};
pub use projection::{Plane, Projected, Projection, ProjectionError, ProjectionMethod, Role, plane, project};
pub use published::{published_clamp, published_layer};
pub use scan::{ScanError, ScanPlan, scan, scan_dump};
pub use screen::{ScreenRefusal, ScreenRow, ScreenSummary, Screened, SubjectPosition, screen};
pub use verdict::{Level, Setting, Verdict, verdict};

pub use crate::stats::Calibration;
