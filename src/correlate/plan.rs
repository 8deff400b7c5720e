//! What is to be compared, and how.

use super::Rule;
use crate::compute::Device;
use crate::stats::Measure;

/// Where p-values come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PChoice {
    /// Exact where that is possible, else in the limit.
    Auto,
    /// Exact, or none.
    Exact,
    /// From permutations.
    Permutation,
    /// In the limit of many rows: Student's t, for τ the normal distribution.
    Limit,
}

/// Where intervals come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntervalChoice {
    /// Fisher's transformation.
    Fisher,
    /// The bias-corrected and accelerated bootstrap.
    Bootstrap,
}

/// The whole of what is asked.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// The column that explains; `None` looks for perplexity.
    pub x: Option<&'a str>,
    /// The columns to explain; none means every other that holds numbers alone, but for further
    /// measures of the task that x is one of (`wikitext/…` beside `wikitext/word_perplexity`).
    pub y: &'a [String],
    /// Columns whose cells make the groups.
    pub by: &'a [String],
    /// The measure of association.
    pub measure: Measure,
    /// Where p comes from.
    pub p: PChoice,
    /// Permutations, where p comes from them.
    pub permutations: u64,
    /// Where intervals come from.
    pub interval: IntervalChoice,
    /// Resamples of bootstraps.
    pub resamples: usize,
    /// Seed of permutations and bootstraps.
    pub seed: u64,
    /// Which rows are collapsed models, where that is asked.
    pub collapsed: Option<&'a Rule>,
    /// Where permutations are made.
    pub device: &'a Device,
    /// Whether higher is better, by a column's name; `None` where nobody knows.
    pub higher_is_better: fn(&str) -> Option<bool>,
}
