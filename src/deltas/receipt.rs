//! What was expected of an edit, and whether it holds.

use super::{Expectation, NamePattern, Summary, TensorDelta};

/// What the caller expects of a pair of checkpoints.
#[derive(Clone, Debug, Default)]
pub struct Receipt {
    /// Tensors that have to change.
    pub expect: Vec<NamePattern>,
    /// The numerical rank that every changed matrix has to have.
    pub expect_rank: Option<usize>,
    /// No tensor outside `expect` may differ.
    pub forbid_others: bool,
    /// At least one value has to differ.
    pub expect_changed: bool,
    /// Nothing may differ.
    pub expect_identical: bool,
}

/// Holds a comparison against a receipt: one expectation for each thing that was asked for, in the order of the flags.
pub fn check(_receipt: &Receipt, _summary: &Summary, _tensors: &[TensorDelta]) -> Vec<Expectation> {
    Vec::new()
}
