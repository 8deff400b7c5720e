//! What a ledger says: its header, and a line a step.
//!
//! Numbers that are not finite come as `null` with their name under `nonfinite`, as in every record; here they are themselves again.

use serde::Deserialize;
use serde_json::Value;

/// The first line.
#[derive(Clone, Debug, PartialEq)]
pub struct LedgerHeader {
    /// Version of the program that wrote it.
    pub version: String,
    /// The model that was edited, as it was typed.
    pub model: String,
    /// Its tensors that the run may change, as they were before.
    pub base: Vec<BaseTensor>,
    /// How edits follow one another.
    pub schedule: ScheduleKind,
    /// All that decides what the edits are: method, hyper-parameters, contexts, second moments, cases.
    pub settings: Value,
}

/// A tensor of the base.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct BaseTensor {
    /// Its name, as the checkpoint has it.
    pub name: String,
    /// Its dtype, as safetensors names it.
    pub dtype: String,
    /// Its extents as stored.
    pub shape: Vec<u64>,
    /// SHA-256 of its bytes.
    pub sha256: String,
}

/// How edits follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScheduleKind {
    /// Each alone, from the original model.
    Single,
    /// Each on top of those before.
    Sequential,
}

/// What a line tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LineKind {
    /// A step over some records.
    Edit,
    /// What PRUNE made of the whole sequence at its end.
    Prune,
}

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub struct LedgerLine {
    /// What it tells of.
    pub kind: LineKind,
    /// Its number, from 0.
    pub index: usize,
    /// The method that made the edit; with the guard it may be another than the one asked for.
    pub method: String,
    /// The cases that were edited; none where all were refused. Where they are there and no matrix is, the update was not finite
    /// and not made.
    pub requests: Vec<RequestLine>,
    /// The cases that were not, and why.
    pub refused: Vec<RefusedLine>,
    /// The matrices that changed.
    pub layers: Vec<LayerLine>,
    /// SHA-256 of the file of factors; none where nothing changed.
    pub factors_sha256: Option<String>,
}

impl LedgerLine {
    /// ‖ΔW‖_F over all layers of the step: the root of the sum of squares; 0 where nothing changed.
    pub fn update_norm(&self) -> f64 {
        self.layers.iter().map(|layer| layer.update_norm.powi(2)).sum::<f64>().sqrt()
    }

    /// ‖W' − W‖_F of what is stored, in the same way.
    pub fn stored_update_norm(&self) -> f64 {
        self.layers.iter().map(|layer| layer.stored_update_norm.powi(2)).sum::<f64>().sqrt()
    }

    /// The largest ‖ΔW‖_F / ‖W‖_F of its layers, NaN where one is; 0 where nothing changed.
    pub fn largest_relative_update(&self) -> f64 {
        let of_layers = self.layers.iter().map(|layer| layer.relative_update);
        of_layers
            .fold(0.0, |largest, x| if x.is_nan() || largest.is_nan() { f64::NAN } else { largest.max(x) })
    }
}

/// A case that could not be edited.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RefusedLine {
    /// Its place among the records, from 0.
    pub record: usize,
    /// Its name, where the record could be read.
    pub case_id: Option<String>,
    /// A stable word for the cause.
    pub kind: String,
    /// What is wrong with it.
    pub reason: String,
}

/// A case that was edited.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestLine {
    /// Its place among the records, from 0.
    pub record: usize,
    /// Its name.
    pub case_id: String,
    /// The optimisation of the value.
    pub value: ValueLine,
    /// The fraction of ROME and its variants.
    pub division: Option<DivisionLine>,
    /// What the guard found, where there was one.
    pub guard: Option<GuardLine>,
}

/// The optimisation of a value, or of weights.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueLine {
    /// Pass by pass.
    pub passes: Vec<PassLine>,
    /// ‖v0‖, ‖v*‖ and ‖v* − v0‖; none for fine-tuning.
    pub initial_norm: Option<f64>,
    /// ‖v*‖.
    pub target_norm: Option<f64>,
    /// ‖δ‖.
    pub offset_norm: Option<f64>,
    /// Whether δ ended on the sphere that it is clamped to.
    pub clamped: bool,
    /// Whether the loss fell below the early stop.
    pub stopped_early: bool,
}

/// The loss of one pass and its three parts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PassLine {
    /// Their sum.
    pub total: f64,
    /// Mean NLL of the target.
    pub nll: f64,
    /// Kullback–Leibler divergence.
    pub kl: f64,
    /// Weight decay.
    pub weight_decay: f64,
}

/// ROME's fraction: ΔW = (v* − o) uᵀ / (uᵀ k), u the unit vector along C⁻¹k̄.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DivisionLine {
    /// ‖v* − o‖: the published "Delta norm".
    pub numerator_norm: f64,
    /// uᵀk, signed.
    pub unit_denominator: f64,
    /// (C⁻¹k̄)ᵀk.
    pub denominator: f64,
    /// uᵀk̄.
    pub consistent_unit_denominator: f64,
    /// ‖C⁻¹k̄‖.
    pub adjusted_key_norm: f64,
    /// ‖v* − o‖ / |uᵀk|: the published "Right vector norm".
    pub right_vector_norm: f64,
    /// ‖C r − k̄‖ / ‖k̄‖ of the solve.
    pub residual: f64,
}

/// What the guard found and did.
#[derive(Clone, Debug, PartialEq)]
pub struct GuardLine {
    /// `safe`, `at-risk` or `collapse`.
    pub level: String,
    /// The ratio of the two denominators that it judges by.
    pub denominator_ratio: f64,
    /// `none`, or the method that was taken instead.
    pub action: String,
}

/// A matrix that changed.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerLine {
    /// Its layer.
    pub layer: usize,
    /// Its name in the checkpoint.
    pub tensor: String,
    /// ‖ΔW‖_F as the method gives it.
    pub update_norm: f64,
    /// ‖W' − W‖_F of what is stored.
    pub stored_update_norm: f64,
    /// ‖W‖_F before.
    pub weight_norm: f64,
    /// ‖ΔW‖_F / ‖W‖_F.
    pub relative_update: f64,
    /// Mean ‖z − h‖ over the requests, of MEMIT and its kin.
    pub residual_norm: Option<f64>,
    /// Whether a pseudo-inverse had to be taken (EMMET).
    pub pseudo_inverse: bool,
    /// RECT's mask.
    pub rect: Option<RectLine>,
    /// Entries of ΔW that it kept.
    pub kept_entries: Option<u64>,
    /// SHA-256 of W' as the checkpoint would store it.
    pub sha256: String,
    /// Name and SHA-256 of b', where it changed too.
    pub bias: Option<(String, String)>,
}

/// RECT's mask: which of the published forms, and the share that is kept.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct RectLine {
    /// `relative` or `shifted`.
    pub kind: String,
    /// The share of entries that is kept.
    pub share: f64,
}
