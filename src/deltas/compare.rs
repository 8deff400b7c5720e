//! Stand-in for the comparison until it is merged: every call is refused.

use globset::GlobSet;

use super::Deltas;
use crate::reader::Checkpoint;

/// What to compute of a pair, and what is expected of it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Only tensors with a matching name.
    pub only: Option<GlobSet>,
    /// Which spectra.
    pub spectrum: SpectrumPlan,
    /// Norms of identical tensors too.
    pub norms: bool,
    /// SHA-256 of every file.
    pub hash: bool,
    /// What is expected.
    pub expectations: Receipt,
}

/// Which spectra of a change to compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpectrumPlan {
    /// None.
    None,
    /// The leading values.
    Leading {
        /// How many.
        k: usize,
        /// Of every changed matrix, however many there are.
        all: bool,
    },
}

/// What is expected of the pair.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Globs, each of which must match a changed tensor.
    pub expect: Vec<String>,
    /// The rank that no change may exceed.
    pub expect_rank: Option<usize>,
    /// Nothing but the expected may have changed.
    pub forbid_others: bool,
    /// Something must have changed.
    pub expect_changed: bool,
    /// Nothing may have changed.
    pub expect_identical: bool,
}

/// Who hears how far a comparison is.
pub trait Progress: Sync {
    /// A stage begins that will go over that many bytes.
    fn begin(&self, stage: &str, total_bytes: u64);
    /// That many more bytes are done.
    fn advance(&self, bytes: u64);
    /// The stage is over.
    fn end(&self);
}

/// How |d| of one tensor is distributed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// Lower edge, upper edge and count; ascending, empty buckets left out.
    pub buckets: Vec<(f64, f64, u64)>,
    /// Elements that did not change.
    pub zeros: u64,
    /// Elements whose difference is no finite number.
    pub nonfinite: u64,
}

/// Why two checkpoints could not be compared.
#[derive(Debug, thiserror::Error)]
#[error("the comparison is not there yet")]
pub struct DeltasError;

/// Compares two checkpoints.
///
/// # Errors
/// Always, until the real one is merged.
pub fn compare(
    _before: &Checkpoint,
    _after: &Checkpoint,
    _plan: &Plan,
    _progress: &dyn Progress,
) -> Result<Deltas, DeltasError> {
    Err(DeltasError)
}

/// Distribution of |d| of one tensor.
///
/// # Errors
/// Always, until the real one is merged.
pub fn histogram(_before: &Checkpoint, _after: &Checkpoint, _name: &str) -> Result<Histogram, DeltasError> {
    Err(DeltasError)
}
