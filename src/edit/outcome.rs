//! What came of an edit: the updates, and the numbers that published code prints, with ours beside them.

use ndarray::Array2;

use super::Update;
use crate::model::{Model, ModelError};

/// One edit.
#[derive(Clone, Debug)]
pub struct Edit {
    /// What was done to the model, in this order.
    pub updates: Vec<Update>,
    /// What each update did, in the same order.
    pub layers: Vec<LayerFacts>,
    /// What was found for each request.
    pub requests: Vec<RequestFacts>,
    /// The matrices as they were before, to undo it.
    pub before: Vec<Before>,
}

/// A down-projection as it was.
#[derive(Clone, Debug)]
pub struct Before {
    /// Its layer.
    pub layer: usize,
    /// W, `(d, f)`.
    pub weight: Array2<f32>,
    /// b, length d.
    pub bias: Option<Vec<f32>>,
}

/// What an update did to one matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerFacts {
    /// The layer.
    pub layer: usize,
    /// Name of the tensor in the checkpoint.
    pub tensor: String,
    /// ‖ΔW‖_F as the method gives it.
    pub update_norm: f64,
    /// ‖W' − W‖_F of what is stored: less where the dtype rounds parts of ΔW away.
    pub stored_update_norm: f64,
    /// ‖W‖_F before.
    pub weight_norm: f64,
    /// Entries of ΔW that RECT kept; none where it was not asked for.
    pub kept_entries: Option<u64>,
    /// Mean ‖z − h‖ over the requests at the last layer, where the method works towards block outputs (MEMIT and its kin).
    pub residual_norm: Option<f64>,
    /// Whether KᵀC⁻¹K was singular to working precision, and its pseudo-inverse taken (EMMET alone).
    pub pseudo_inverse: bool,
}

/// What was found for one request.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestFacts {
    /// The case.
    pub case_id: String,
    /// The optimisation.
    pub value: ValueFacts,
    /// The fraction of ROME's update; of no other method.
    pub division: Option<Division>,
}

/// An optimisation, pass by pass.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ValueFacts {
    /// The loss of each forward pass; of fine-tuning, of each epoch.
    pub passes: Vec<Pass>,
    /// ‖v0‖: the clean output that the optimisation starts from; NaN for fine-tuning.
    pub initial_norm: f64,
    /// ‖v*‖ = ‖v0 + δ‖; NaN for fine-tuning.
    pub target_norm: f64,
    /// ‖δ‖; NaN for fine-tuning.
    pub offset_norm: f64,
    /// Whether δ ended on the sphere that it is clamped to.
    pub clamped: bool,
    /// Whether the loss fell below the early stop.
    pub stopped_early: bool,
}

/// The loss of one pass.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pass {
    /// The sum of the three.
    pub total: f64,
    /// Mean NLL of the target.
    pub nll: f64,
    /// Weighted Kullback–Leibler divergence at the subject.
    pub kl: f64,
    /// Weight decay of δ.
    pub weight_decay: f64,
}

/// ROME's fraction. `u` is the unit vector along C⁻¹k̄ (C⁻¹kᵘ for p-ROME).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Division {
    /// ‖v* − o‖: the published "Delta norm" and "Norm of Numerator".
    pub numerator_norm: f64,
    /// uᵀk, signed: the published "Division Factor", and with its sign taken off "Absolute value of Denominator".
    pub unit_denominator: f64,
    /// (C⁻¹k̄)ᵀk: the paper's, not divided by ‖C⁻¹k̄‖.
    pub denominator: f64,
    /// uᵀk̄, as it would be with the prefixed key in both places.
    pub consistent_unit_denominator: f64,
    /// ‖C⁻¹k̄‖.
    pub adjusted_key_norm: f64,
    /// ‖v* − o‖ / |uᵀk|: the published "Right vector norm", which is ‖ΔW‖_F.
    pub right_vector_norm: f64,
    /// ‖C r − k̄‖ / ‖k̄‖ of the solve.
    pub residual: f64,
}

impl Edit {
    /// Puts the matrices back as they were.
    ///
    /// # Errors
    /// Where the model is another one.
    pub fn undo(&self, model: &mut Model) -> Result<(), ModelError> {
        self.before.iter().rev().try_for_each(|Before { layer, weight, bias }| {
            model.set_down_projection(*layer, weight.view(), bias.as_deref())
        })
    }
}
