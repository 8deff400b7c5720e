//! Numbers about lists of numbers: separation, quantiles, paired comparisons.
//!
//! Invariant: knows no tensor; chance comes in as a seed.
