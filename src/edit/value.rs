//! The value optimisation: which vector, in the place of a layer's output at the subject, makes the model say the new object.
//!
//! ```text
//! δ minimises  mean over templates of −1/m Σ ln p(Tⱼ)            so that the target follows
//!            + κ · KL(p now ‖ p before) behind "subject"         so that the subject stays what it is
//!            + ω · ‖δ‖ / ‖v0‖²                                   gradient 0 at δ = 0
//! v* = v0 + δ        ‖δ‖ ≤ clamp · ‖v0‖ after every step
//! ```
//!
//! Adam on δ alone. Of N passes at most N − 1 step: the last one only measures, as does one whose loss is below the early stop.
//! δ is added at the subject's last token of every row, the one of the divergence included. ROME adds it to the output of the MLP
//! ([`ValueSite::Value`]), MEMIT and its kin to that of the whole block ([`ValueSite::Block`]); in the pre-norm blocks that run here
//! the two are one place, and differ in v0 alone.
//!
//! Source: `rome/compute_v.py` of kmeng01/rome at 0874014, `memit/compute_z.py` of kmeng01/memit at 80426fd.

use super::adam::Adam;
use super::objective::Objective;
use super::{EditError, Hparams, Pass, Request, Rows, ValueFacts};
use crate::keys::WeightedTemplates;
use crate::model::Model;

/// The prompt of the divergence, which is read at the subject's last token.
const STAY: &str = "{} is a";

/// What δ is added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueSite {
    /// The output of the MLP: v* of ROME.
    Value,
    /// The output of the block: z of MEMIT.
    Block,
}

/// How a value is optimised.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueOptions {
    /// The layer, from 0.
    pub layer: usize,
    /// What δ is added to.
    pub site: ValueSite,
    /// The block whose output, through the last norm and the head, gives the probabilities of the target.
    pub loss_layer: usize,
    /// Forward passes, 1 or more.
    pub passes: usize,
    /// Learning rate of Adam.
    pub learning_rate: f64,
    /// ω.
    pub weight_decay: f64,
    /// Largest ‖δ‖ / ‖v0‖.
    pub clamp: f64,
    /// κ.
    pub kl_factor: f64,
    /// The optimisation ends below this loss.
    pub early_stop: f64,
}

/// An optimised value.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// v* (or z) = v0 + δ, length d.
    pub target: Vec<f64>,
    /// v0: the output at the subject's last token of the bare prompt.
    pub initial: Vec<f64>,
    /// δ.
    pub offset: Vec<f64>,
    /// How it went.
    pub facts: ValueFacts,
}

impl ValueOptions {
    /// The options of hyper-parameters.
    ///
    /// # Errors
    /// [`EditError::Hparam`], where one makes no sense on this model.
    pub fn of(hparams: &Hparams, layer: usize, site: ValueSite, model: &Model) -> Result<Self, EditError> {
        let last = model.config().layers - 1;
        let options = Self {
            layer,
            site,
            loss_layer: hparams.v_loss_layer.unwrap_or(last),
            passes: hparams.v_num_grad_steps,
            learning_rate: hparams.v_lr,
            weight_decay: hparams.v_weight_decay,
            clamp: hparams.clamp_norm_factor,
            kl_factor: hparams.kl_factor,
            early_stop: hparams.early_stop_loss,
        };
        let refuse = |name, found, needed| Err(EditError::Hparam { name, found, needed });
        if !(layer..=last).contains(&options.loss_layer) {
            let needed = format!("a block from the edited one on, {layer} to {last}");
            return refuse("v_loss_layer", options.loss_layer.to_string(), needed);
        }
        if options.passes == 0 {
            return refuse("v_num_grad_steps", "0".to_owned(), "1 or more".to_owned());
        }
        for (name, value) in [
            ("v_lr", options.learning_rate),
            ("v_weight_decay", options.weight_decay),
            ("clamp_norm_factor", options.clamp),
            ("kl_factor", options.kl_factor),
        ] {
            if !(value.is_finite() && value >= 0.0) {
                return refuse(name, value.to_string(), "a finite number, 0 or more".to_owned());
            }
        }
        Ok(options)
    }
}

/// Optimises the value of a request; the bare template counts among the templates whether or not their list has it.
///
/// Degenerate: where v0 is zero the weight decay is not a number; numbers of the model that are not finite make losses and δ
/// NaN, which [`ValueFacts`] then shows.
///
/// # Errors
/// [`EditError::Request`], where a row's tokens cannot be trusted; [`EditError::Model`].
pub fn optimise(
    model: &Model,
    request: &Request,
    templates: &WeightedTemplates,
    options: &ValueOptions,
) -> Result<Value, EditError> {
    optimise_rows(model, request, Rows::of(model, request, templates.templates())?, options)
}

/// The same over rows that are built, the bare prompt first.
pub(super) fn optimise_rows(
    model: &Model,
    request: &Request,
    mut rows: Rows,
    options: &ValueOptions,
) -> Result<Value, EditError> {
    rows.add(model, request, STAY)?;
    let mut objective = Objective::new(model, &rows, &request.target_tokens, options)?;
    let initial = objective.initial(&rows)?;
    let initial_norm = norm(&initial);
    let mut facts = ValueFacts { initial_norm, ..ValueFacts::default() };
    let mut offset = vec![0.0; initial.len()];
    let mut adam = Adam::new(offset.len(), options.learning_rate);
    for pass in 1..=options.passes {
        let found = objective.at(&offset)?;
        let decay = options.weight_decay / (initial_norm * initial_norm);
        let weight_decay = decay * norm(&offset);
        let total = found.nll + found.kl + weight_decay;
        facts.passes.push(Pass { total, nll: found.nll, kl: found.kl, weight_decay });
        facts.stopped_early = total < options.early_stop;
        if facts.stopped_early || pass == options.passes {
            break;
        }
        let mut gradient = found.gradient()?;
        let length = norm(&offset);
        if length > 0.0 {
            for (slope, x) in gradient.iter_mut().zip(&offset) {
                *slope += decay * x / length;
            }
        }
        adam.step(&mut offset, &gradient);
        facts.clamped = clamp(&mut offset, options.clamp * initial_norm);
    }
    let target: Vec<f64> = initial.iter().zip(&offset).map(|(v, x)| v + x).collect();
    facts.target_norm = norm(&target);
    facts.offset_norm = norm(&offset);
    Ok(Value { target, initial, offset, facts })
}

/// Scales a vector that is longer than `most` to that length; whether it was.
fn clamp(vector: &mut [f64], most: f64) -> bool {
    let length = norm(vector);
    let is_longer = length > most;
    if is_longer {
        for x in vector {
            *x *= most / length;
        }
    }
    is_longer
}

/// √ Σ x².
pub(super) fn norm(vector: &[f64]) -> f64 {
    vector.iter().map(|x| x * x).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests;
