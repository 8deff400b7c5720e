//! What a comparison of two checkpoints finds, as plain values.
//!
//! Nothing here is serialised: `report/` has records of its own and converts.

use std::path::PathBuf;

use crate::model::Role;
use crate::stats::Calibration;
use crate::tensor::{Dtype, Shape};

/// Everything `diagnose deltas` knows about a pair of checkpoints.
#[derive(Clone, Debug)]
pub struct Deltas {
    /// The checkpoint that was edited.
    pub before: Side,
    /// What the edit made of it.
    pub after: Side,
    /// The whole pair in a few numbers.
    pub summary: Summary,
    /// How the change is judged.
    pub verdict: Verdict,
    /// What was expected of the pair, and whether it held.
    pub expectations: Vec<Expectation>,
    /// Which kind of editor leaves such a change.
    pub signature: Signature,
    /// Every tensor of either side: by relative delta, largest first, then by name.
    pub tensors: Vec<TensorDelta>,
}

/// One checkpoint, counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// The path as it was given.
    pub path: PathBuf,
    /// Files that hold at least one of its tensors.
    pub files: usize,
    /// Tensors.
    pub tensors: usize,
    /// Elements over all tensors.
    pub parameters: u64,
    /// Bytes of tensor data.
    pub bytes: u64,
    /// File name and SHA-256 of each file, where hashes were asked for.
    pub sha256: Vec<(String, String)>,
}

/// The pair in a few numbers; norms are over the changed tensors (over all where norms were asked for).
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Tensors present on both sides with one shape.
    pub tensors_compared: usize,
    /// Those with at least one differing value.
    pub tensors_changed: usize,
    /// Those without.
    pub tensors_identical: usize,
    /// Names only on the after side.
    pub added: Vec<String>,
    /// Names only on the before side.
    pub removed: Vec<String>,
    /// Names whose shape differs.
    pub reshaped: Vec<String>,
    /// Names whose dtype differs.
    pub retyped: Vec<String>,
    /// Frobenius norm of all differences.
    pub delta_norm: f64,
    /// Frobenius norm of the before values that `delta_norm` covers.
    pub before_norm: f64,
    /// `delta_norm / before_norm`; 0 where nothing changed.
    pub relative_delta: f64,
    /// Elements that are finite before and not finite after.
    pub new_nonfinite: u64,
    /// The prefix that was stripped to pair the names.
    pub renamed_prefix: Option<RenamedPrefix>,
}

/// A prefix that one side's names carry and the other's do not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenamedPrefix {
    /// The prefix, with its dot.
    pub prefix: String,
    /// True where the names before the edit carry it.
    pub on_before: bool,
}

/// What became of one tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Same values (same bytes where the dtype is the same).
    Identical,
    /// At least one value differs.
    Changed,
    /// Only after.
    Added,
    /// Only before.
    Removed,
    /// On both sides with different shapes.
    Reshaped,
}

/// One tensor of the pair.
#[derive(Clone, Debug)]
pub struct TensorDelta {
    /// Name on the before side (on the after side where it was added).
    pub name: String,
    /// Shape (of the before side where it was reshaped).
    pub shape: Shape,
    /// Shape on the after side, where it differs.
    pub shape_after: Option<Shape>,
    /// Dtype before; `None` where it was added.
    pub dtype_before: Option<Dtype>,
    /// Dtype after; `None` where it was removed.
    pub dtype_after: Option<Dtype>,
    /// What became of it.
    pub status: Status,
    /// Layer and module, where the name belongs to a known architecture.
    pub role: Option<Role>,
    /// Number of elements.
    pub elements: u64,
    /// The numbers of the change; `None` where there are none to give.
    pub change: Option<Change>,
    /// Leading singular values of the change, or why there are none.
    pub spectrum: SpectrumOutcome,
}

/// The change of one tensor in numbers. Sums run over all elements in f64.
///
/// With `d = after − before`, and `d = 0` wherever the two are the same bits (a NaN that stayed is no
/// change). A non-finite `d` makes every norm it enters non-finite: it is a finding, never dropped.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Elements whose stored value differs.
    pub changed_elements: u64,
    /// ‖before‖, Frobenius.
    pub before_norm: f64,
    /// ‖after‖, Frobenius.
    pub after_norm: f64,
    /// ‖d‖, Frobenius.
    pub delta_norm: f64,
    /// ‖d‖ / ‖before‖; infinite where a zero tensor changed, 0 where nothing did.
    pub relative_delta: f64,
    /// ‖d‖ / elements: the distance of Gupta et al.
    pub normalized_delta: f64,
    /// Largest |d|; NaN where some d is NaN.
    pub max_abs_delta: f64,
    /// Where it is, first in row-major order.
    pub max_abs_index: Vec<u64>,
    /// Mean of |d|.
    pub mean_abs_delta: f64,
    /// √(mean of d²).
    pub rms_delta: f64,
    /// Cosine between before and after; NaN where either is zero.
    pub cosine: f64,
    /// Quantiles of |d| over all elements, zeros included.
    pub abs_delta_quantiles: Quantiles,
    /// Non-finite elements before.
    pub nonfinite_before: NonFinite,
    /// Non-finite elements after.
    pub nonfinite_after: NonFinite,
    /// Elements that are finite before and not finite after.
    pub new_nonfinite: u64,
}

/// Quantiles of |d|, each the lower edge of a bucket of relative width 2⁻⁷.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quantiles {
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 99th percentile.
    pub p99: f64,
    /// 99.9th percentile.
    pub p999: f64,
}

impl Quantiles {
    /// Of a distribution without elements.
    pub(super) const UNKNOWN: Self = Self { p50: f64::NAN, p90: f64::NAN, p99: f64::NAN, p999: f64::NAN };
}

/// Counts of values that are not numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NonFinite {
    /// NaN of any sign and payload.
    pub nan: u64,
    /// +∞.
    pub pos_inf: u64,
    /// −∞.
    pub neg_inf: u64,
}

impl NonFinite {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.nan + self.pos_inf + self.neg_inf
    }
}

/// Singular values of one change, or the reason why there are none.
#[derive(Clone, Debug, PartialEq)]
pub enum SpectrumOutcome {
    /// Computed.
    Computed(Spectrum),
    /// There is nothing to compute: no matrix, no change, or not asked for.
    NotApplicable,
    /// It could have been computed and was not; the reason says why.
    Skipped(String),
}

/// Leading singular values of Δ, the change of one matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrum {
    /// The largest, in descending order: those above `rounding_edge` (σ₁ where none is), at most as many as
    /// were asked for; a matrix that was decomposed as a whole has all of these.
    pub singular_values: Vec<f64>,
    /// σ₁.
    pub spectral_norm: f64,
    /// σ₁(Δ) / σ₁(before).
    pub relative_spectral_norm: f64,
    /// ‖Δ‖_F² / σ₁².
    pub stable_rank: f64,
    /// Singular values above `rounding_edge`.
    pub numerical_rank: usize,
    /// True where the count stopped at its cap: the rank is at least that.
    pub numerical_rank_is_lower_bound: bool,
    /// The largest singular value that rounding to the stored dtype alone would give.
    pub rounding_edge: f64,
    /// Share of ‖Δ‖_F² in the values above the edge.
    pub top_energy: f64,
    /// How the values were computed.
    pub method: String,
    /// Largest ‖Δv − σu‖ over the reported values, measured, relative to σ₁ (‖Δᵀu − σv‖ is zero by construction).
    pub residual: f64,
}

/// How a change is judged, mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// No value differs.
    Identical,
    /// A change of the size that healthy edits have.
    Healthy,
    /// Larger than healthy edits, or a change nobody asked for.
    Suspect,
    /// Of the size that destroyed models have.
    Collapsed,
    /// New non-finite values: the model cannot compute.
    Invalid,
}

/// The judgement with its reasons.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// How bad.
    pub level: Level,
    /// Sentences a person understands, the weightiest first.
    pub reasons: Vec<String>,
    /// What the thresholds rest on.
    pub calibration: Calibration,
}

/// One thing that was expected of the pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// What was expected, as on the command line.
    pub expect: String,
    /// Whether it held.
    pub held: bool,
    /// What was found.
    pub found: String,
}

/// Which kind of editor leaves such a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureKind {
    /// Nothing changed, or nothing beyond rounding, or not enough is known to tell: the reasons say which.
    None,
    /// One tensor, one rank (ROME and its variants).
    RankOne,
    /// Low rank in one or several layers (MEMIT, EMMET; adapters merged into many modules).
    LowRank,
    /// A mask: most elements untouched (RECT).
    Sparse,
    /// No element moved further than a bound that many reach (FT-L).
    Bounded,
    /// Every direction changed (fine-tuning, merging).
    Dense,
}

/// The guess and its reasons.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    /// The kind.
    pub kind: SignatureKind,
    /// Layers with changed matrices, ascending.
    pub layers: Vec<u32>,
    /// How many edits the rank speaks for, where it does.
    pub estimated_edits: Option<usize>,
    /// Why, and what cannot be told.
    pub reasons: Vec<String>,
}
