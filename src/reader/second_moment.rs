//! Second moments of keys as they are stored: the sum of k kᵀ and how many were summed.

use crate::tensor::Matrix;

/// A stored second moment: S = Σ k kᵀ over some tokens. C = S / count.
#[derive(Clone, Debug, PartialEq)]
pub struct SecondMoment {
    /// S, shape `(f, f)`; the sum, to be divided by `count` once.
    pub sum: Matrix,
    /// Tokens that were summed.
    pub count: u64,
    /// Documents that the tokens came from, where the file says.
    pub documents: Option<u64>,
    /// Module whose inputs were summed (`transformer.h.17.mlp.c_proj`), where the file says.
    pub module: Option<String>,
    /// The file, as it was named.
    pub source: String,
}
