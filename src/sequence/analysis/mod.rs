//! What a run of many edits did to a model: how fast the weights walk away, which edits jump, where scores break, what is forgotten.
//!
//! Invariant: every estimate has its interval, or the reason why there is none; nothing is drawn by chance.
//!
//! ```text
//! what is found                                            outcome
//! distances from ledgers and from checkpoints              drift, checkpoints
//! growth exponents and the early warning                   growth
//! single steps that are far longer than the others         disabling
//! where a score declines and where it breaks               course
//! one course from all                                      together
//! edits that later ones undo                               forgetting
//! all of it                                                analyse
//! ```

mod analyse;
mod checkpoints;
mod course;
mod disabling;
mod drift;
mod forgetting;
mod growth;
mod outcome;
mod together;

pub use analyse::{AnalysisPlan, analyse};
pub use checkpoints::checkpoint_run;
pub use course::{FALL, GRADUAL, course};
pub use disabling::{JUMP, OUTLIER};
pub use drift::ledger_run;
pub use forgetting::forgetting;
pub use growth::{WALK_EXPONENT, WARNING_CONFIDENCE, early_warning, growth};
pub use outcome::{
    Course, Disabling, Forgetting, ForgettingPoint, Growth, HalfLife, Level, Onset, OnsetMethod, Phase,
    PhaseKind, RunAnalysis, Warning,
};
