//! The keys and values of a layer: context templates, capture, second moment, the fraction that ROME divides by.
//!
//! Invariant: no edit is made, no file is opened.

pub mod first_token;
mod moments;

pub use moments::{LayerMoment, MomentError, MomentPlan, Moments};
