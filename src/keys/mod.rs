//! The keys and values of a layer: context templates, capture, second moment, the fraction that ROME divides by.
//!
//! Invariant: no edit is made, no file is opened.

mod contexts;
pub mod first_token;
mod moments;
mod screen;

pub use contexts::{ContextStyle, ContextsError, draw_contexts, in_context};
pub use moments::{LayerMoment, MomentError, MomentPlan, Moments};
pub use screen::{ScreenRefusal, ScreenRow, ScreenSummary, Screened, SubjectPosition, screen};
