//! How well a model still does: perplexity.
//!
//! Invariant: never changes a weight.
