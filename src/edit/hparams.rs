//! The numbers that a method goes by, in the field names of kmeng01/rome, kmeng01/memit and those who built on them.
//!
//! A file is a JSON object. Fields of other concerns (module templates, data sets, devices) are passed over; one that is
//! known has to make sense. A number may stand as a string (`"5e-1"`), as YAML readers leave it behind.

use serde_json::{Map, Value};

mod field;
mod published;

use field::Field;

/// Why hyper-parameters cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
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

impl HparamsError {
    /// What would help.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Unpublished { .. } => {
                Some("give a file of them with --hparams: at least `layers`, the rest has defaults")
            }
            Self::Malformed { .. } | Self::Value { .. } => None,
        }
    }
}

/// Which predictions fine-tuning descends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FineTuneLoss {
    /// Every token of the target off the distribution behind the prompt, as published.
    #[default]
    PromptLast,
    /// Each token of the target behind those before it.
    TargetNew,
}

/// Hyper-parameters of all methods; each reads those that concern it. Where a file leaves one out, the default stands.
#[derive(Clone, Debug, PartialEq)]
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
    /// Whether C⁻¹ is applied at all; the ROME family alone asks.
    pub mom2_adjustment: bool,
    /// λ of MEMIT and EMMET.
    pub mom2_update_weight: f64,
    /// α of EMMET: what is added to the diagonal of KᵀC⁻¹K for batches.
    pub emmet_lambda: f64,
    /// What is added to the diagonal of λC (EMMET).
    pub update_norm_lambda: f64,
    /// Eigenvalues of C below this span the null space (`AlphaEdit`).
    pub nullspace_threshold: f64,
    /// Ridge of the projected solve (`AlphaEdit`), `L2` in files.
    pub l2: f64,
    /// Epochs of fine-tuning.
    pub num_steps: usize,
    /// Learning rate of fine-tuning.
    pub lr: f64,
    /// Weight decay of fine-tuning.
    pub weight_decay: f64,
    /// Largest change of a weight (FT-L); `false` in files where there is none.
    pub norm_constraint: Option<f64>,
    /// What fine-tuning descends on.
    pub objective_optimization: FineTuneLoss,
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
            objective_optimization: FineTuneLoss::PromptLast,
        }
    }
}

/// A hyper-parameter's value, for a record.
#[derive(Clone, Debug, PartialEq)]
pub enum HparamValue {
    /// A number.
    Number(f64),
    /// A count or a layer.
    Count(usize),
    /// Layers.
    Layers(Vec<usize>),
    /// Yes or no.
    Switch(bool),
    /// A word.
    Word(&'static str),
    /// None, where there need be none.
    Absent,
}

impl Hparams {
    /// Reads a JSON object; no bytes make it panic.
    ///
    /// Both `layer` and `layers` are understood. What is refused besides values out of range: a `fact_token` other than
    /// `subject_last`, where every published configuration reads its keys.
    ///
    /// # Errors
    /// [`HparamsError::Malformed`], [`HparamsError::Value`] with the field's name.
    pub fn parse(bytes: &[u8]) -> Result<Self, HparamsError> {
        let malformed = |reason: String| HparamsError::Malformed { reason };
        let object: Map<String, Value> =
            serde_json::from_slice(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes))
                .map_err(|error| malformed(error.to_string()))?;
        if object.contains_key("layer") && object.contains_key("layers") {
            return Err(malformed("it has both `layer` and `layers`".to_owned()));
        }
        let mut hparams = Self::default();
        let mut known = 0;
        for (name, value) in &object {
            known += usize::from(hparams.set(name, value)?);
        }
        if known == 0 {
            return Err(malformed("none of its fields is a hyper-parameter".to_owned()));
        }
        Ok(hparams)
    }

    /// Takes over one field; whether it is one of ours.
    fn set(&mut self, name: &str, value: &Value) -> Result<bool, HparamsError> {
        let field = |name| Field { name, value };
        match name {
            "layer" => self.layers = vec![field("layer").count(0)?],
            "layers" => self.layers = field("layers").layers()?,
            "v_num_grad_steps" => self.v_num_grad_steps = field("v_num_grad_steps").count(1)?,
            "v_lr" => self.v_lr = field("v_lr").above_zero()?,
            "v_loss_layer" => self.v_loss_layer = field("v_loss_layer").layer_or_none()?,
            "v_weight_decay" => self.v_weight_decay = field("v_weight_decay").zero_or_more()?,
            "clamp_norm_factor" => self.clamp_norm_factor = field("clamp_norm_factor").above_zero()?,
            "kl_factor" => self.kl_factor = field("kl_factor").zero_or_more()?,
            "early_stop_loss" => self.early_stop_loss = field("early_stop_loss").zero_or_more()?,
            "mom2_adjustment" => self.mom2_adjustment = field("mom2_adjustment").switch()?,
            "mom2_update_weight" => self.mom2_update_weight = field("mom2_update_weight").above_zero()?,
            "emmet_lambda" => self.emmet_lambda = field("emmet_lambda").zero_or_more()?,
            "update_norm_lambda" => self.update_norm_lambda = field("update_norm_lambda").zero_or_more()?,
            "nullspace_threshold" => self.nullspace_threshold = field("nullspace_threshold").above_zero()?,
            "L2" => self.l2 = field("L2").above_zero()?,
            "num_steps" => self.num_steps = field("num_steps").count(1)?,
            "lr" => self.lr = field("lr").above_zero()?,
            "weight_decay" => self.weight_decay = field("weight_decay").zero_or_more()?,
            "norm_constraint" => self.norm_constraint = field("norm_constraint").number_or_false()?,
            "objective_optimization" => {
                self.objective_optimization = field("objective_optimization").objective()?;
            }
            "fact_token" => field("fact_token").subject_last()?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Every value under its name in files, for a record.
    pub fn values(&self) -> Vec<(&'static str, HparamValue)> {
        use HparamValue::{Absent, Count, Layers, Number, Switch, Word};
        let objective = match self.objective_optimization {
            FineTuneLoss::PromptLast => field::PROMPT_LAST,
            FineTuneLoss::TargetNew => field::TARGET_NEW,
        };
        vec![
            ("layers", Layers(self.layers.clone())),
            ("v_num_grad_steps", Count(self.v_num_grad_steps)),
            ("v_lr", Number(self.v_lr)),
            ("v_loss_layer", self.v_loss_layer.map_or(Absent, Count)),
            ("v_weight_decay", Number(self.v_weight_decay)),
            ("clamp_norm_factor", Number(self.clamp_norm_factor)),
            ("kl_factor", Number(self.kl_factor)),
            ("early_stop_loss", Number(self.early_stop_loss)),
            ("mom2_adjustment", Switch(self.mom2_adjustment)),
            ("mom2_update_weight", Number(self.mom2_update_weight)),
            ("emmet_lambda", Number(self.emmet_lambda)),
            ("update_norm_lambda", Number(self.update_norm_lambda)),
            ("nullspace_threshold", Number(self.nullspace_threshold)),
            ("L2", Number(self.l2)),
            ("num_steps", Count(self.num_steps)),
            ("lr", Number(self.lr)),
            ("weight_decay", Number(self.weight_decay)),
            ("norm_constraint", self.norm_constraint.map_or(Absent, Number)),
            ("objective_optimization", Word(objective)),
        ]
    }
}

#[cfg(test)]
mod tests;
