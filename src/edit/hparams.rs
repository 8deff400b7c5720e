//! The numbers that a method goes by, in the field names of kmeng01/rome, kmeng01/memit and those who built on them.

use serde::Deserialize;

/// Why hyper-parameters cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what the messages say of them")]
pub enum HparamsError {
    /// No JSON object with the fields that are needed.
    #[error("not a file of hyper-parameters: {reason}")]
    Malformed { reason: String },
    /// A value outside of what makes sense.
    #[error("hyper-parameter `{name}` is {found}, needed is {needed}")]
    Value { name: &'static str, found: String, needed: &'static str },
    /// Nobody has published any for this model and method.
    #[error("no hyper-parameters of {method} are published for this model")]
    Unpublished { method: &'static str },
}

/// Hyper-parameters of all methods; each reads those that concern it. Where a file leaves one out, the default stands.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default)]
pub struct Hparams {
    /// Layers to edit, from 0; ROME and fine-tuning take one.
    pub layers: Vec<usize>,
    /// Forward passes of the value optimisation.
    pub v_num_grad_steps: usize,
    /// Its learning rate.
    pub v_lr: f64,
    /// The block whose output the loss is read from; the last where it is none.
    pub v_loss_layer: Option<usize>,
    /// Weight of ‖δ‖ / ‖v0‖².
    pub v_weight_decay: f64,
    /// ‖δ‖ is kept below this many ‖v0‖.
    pub clamp_norm_factor: f64,
    /// Weight of the Kullback–Leibler divergence.
    pub kl_factor: f64,
    /// The optimisation ends below this loss.
    pub early_stop_loss: f64,
    /// Whether C⁻¹ is applied at all.
    pub mom2_adjustment: bool,
    /// λ of MEMIT and EMMET.
    pub mom2_update_weight: f64,
    /// α of EMMET: what is added to the diagonal of KᵀC⁻¹K for batches.
    pub emmet_lambda: f64,
    /// What is added to the diagonal of λC (EMMET, ENCORE).
    pub update_norm_lambda: f64,
    /// Eigenvalues of C below this span the null space (AlphaEdit).
    pub nullspace_threshold: f64,
    /// Ridge of the projected solve (AlphaEdit).
    #[serde(rename = "L2")]
    pub l2: f64,
    /// Epochs of fine-tuning.
    pub num_steps: usize,
    /// Learning rate of fine-tuning.
    pub lr: f64,
    /// Weight decay of fine-tuning.
    pub weight_decay: f64,
    /// Largest change of a weight (FT-L).
    pub norm_constraint: Option<f64>,
}

impl Default for Hparams {
    fn default() -> Self {
        Self {
            layers: Vec::new(),
            v_num_grad_steps: 20,
            v_lr: 0.5,
            v_loss_layer: None,
            v_weight_decay: 0.5,
            clamp_norm_factor: 4.0,
            kl_factor: 0.0625,
            early_stop_loss: 0.05,
            mom2_adjustment: true,
            mom2_update_weight: 15_000.0,
            emmet_lambda: 0.1,
            update_norm_lambda: 0.0,
            nullspace_threshold: 2e-2,
            l2: 10.0,
            num_steps: 25,
            lr: 5e-4,
            weight_decay: 0.0,
            norm_constraint: None,
        }
    }
}
