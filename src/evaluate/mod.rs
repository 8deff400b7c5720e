//! How well a model still does: perplexity.
//!
//! Invariant: never changes a weight.

mod error;
mod paired;
mod perplexity;
mod windows;

pub use crate::stats::{Inference, Interval};
pub use error::EvaluateError;
pub use paired::{Paired, compare, same_protocol};
pub use perplexity::{Perplexity, Protocol, Scoring, Summary, TextScore, Unscored, perplexity, score};
