//! Fine-tuning of one down-projection, as the papers on editing compare against it: FT, and FT-L with every weight kept near.
//!
//! ```text
//! loss   mean over requests of −1/m Σⱼ ln p(Tⱼ)
//!        prompt_last: every token of the target is read off the one distribution behind the prompt, as published
//!        target_new:  each behind those before it
//! step   Adam on W and b (where the architecture has one), unless the loss is below 10⁻²; that also ends it
//! FT-L   W ← min(max(W, W₀ − ε), W₀ + ε) after every step, entry by entry
//! ```
//!
//! The gradient is formed by hand: what W changes is added behind the block, (W − W₀) k + (b − b₀) at every token, and with G the
//! gradient there dW = Gᵀ K and db = Σ G. Nothing below the block is run again. Weights are f64 until they are stored.
//! Source: `baselines/ft/ft_main.py` of kmeng01/rome at 0874014; `target_new` is `EasyEdit`'s.

use candle_core::{Device, Tensor, Var};
use ndarray::{Array2, ArrayView2, Axis};

use super::adam::Adam;
use super::loss::{Goal, Losses, losses};
use super::objective::doubles;
use super::update::{norm, round};
use super::{
    Change, Edit, EditError, FineTuneLoss, Hparams, Method, Pass, Request, RequestFacts, Rows, Setup, Update,
    ValueFacts, rect,
};
use crate::model::{At, Model, ModelError, Site, Tail, Tap};
use crate::tensor::Matrix;

/// The loss below which nothing is stepped any more.
const ENOUGH: f64 = 1e-2;

/// Fine-tunes on all requests as one batch. RECT thins out W − W₀; the bias stays as it was found.
/// A change that is not finite is found and not made.
pub(super) fn edit(model: &mut Model, requests: &[Request], setup: &Setup<'_>) -> Result<Edit, EditError> {
    let Plan { layer, bound } = Plan::of(model, setup)?;
    let (weight, bias) = model.down_projection_weight(layer)?;
    let start = Parameters::new(weight.view(), bias.as_deref());
    let objective = Objective::new(model, requests, layer, setup.hparams.objective_optimization)?;
    let (mut change, values) = descend(objective, &start, setup.hparams, bound)?;
    let requests = requests.iter().zip(values).map(|(request, value)| RequestFacts {
        case_id: request.case_id.clone(),
        value,
        division: None,
    });
    let mut done =
        Edit { updates: Vec::new(), layers: Vec::new(), requests: requests.collect(), before: Vec::new() };
    if !change.numbers().all(|x| x.is_finite()) {
        return Ok(done);
    }
    let kept = setup.rect.map(|kind| rect::keep(&mut change.weight, weight.view(), kind));
    let update = Update { layer, change: stored(model, layer, &start, &change)? };
    let (mut facts, before) = update.apply(model)?;
    facts.update_norm = norm(change.weight.iter().copied());
    facts.kept_entries = kept;
    done.updates.push(update);
    done.layers.push(facts);
    done.before.push(before);
    Ok(done)
}

/// Where, and how far a number may go.
struct Plan {
    layer: usize,
    /// ε of FT-L.
    bound: Option<f64>,
}

impl Plan {
    fn of(model: &Model, setup: &Setup<'_>) -> Result<Self, EditError> {
        if setup.null_space.is_some() {
            let why = "cannot be projected into a null space: it is no update of keys and values".to_owned();
            return Err(EditError::Unsupported { method: setup.method.name(), why });
        }
        let count = model.config().layers;
        let layer = match setup.hparams.layers.as_slice() {
            [layer] if *layer < count => *layer,
            layers => {
                let needed = format!("one layer from 0 to {}", count - 1);
                return Err(EditError::Hparam { name: "layers", found: format!("{layers:?}"), needed });
            }
        };
        let bound = match (setup.method, setup.hparams.norm_constraint) {
            (Method::FineTuneConstrained, None) => {
                let needed = "the largest change of a weight, which ft-l holds to".to_owned();
                return Err(EditError::Hparam {
                    name: "norm_constraint",
                    found: "absent".to_owned(),
                    needed,
                });
            }
            (Method::FineTuneConstrained, bound) => bound,
            _ => None,
        };
        Ok(Self { layer, bound })
    }
}

/// What is trained, or a change of it.
#[derive(Clone, Debug)]
struct Parameters {
    /// W, `(d, f)`.
    weight: Matrix,
    /// b, length d, where the architecture has one.
    bias: Option<Vec<f64>>,
}

impl Parameters {
    fn new(weight: ArrayView2<'_, f32>, bias: Option<&[f32]>) -> Self {
        let bias = bias.map(|bias| bias.iter().copied().map(f64::from).collect());
        Self { weight: weight.mapv(f64::from).as_standard_layout().into_owned(), bias }
    }

    fn zeros_like(&self) -> Self {
        let bias = self.bias.as_ref().map(|bias| vec![0.0; bias.len()]);
        Self { weight: Matrix::zeros(self.weight.dim()), bias }
    }

    /// All numbers, W row by row and then b.
    fn numbers_mut(&mut self) -> impl Iterator<Item = &mut f64> {
        self.weight.iter_mut().chain(self.bias.iter_mut().flatten())
    }

    fn numbers(&self) -> impl Iterator<Item = &f64> {
        self.weight.iter().chain(self.bias.iter().flatten())
    }

    /// W k + b of keys `(tokens, f)`, `(tokens, d)`.
    fn of_keys(&self, keys: &Matrix) -> Matrix {
        let values = keys.dot(&self.weight.t());
        match &self.bias {
            Some(bias) => values + ndarray::aview1(bias),
            None => values,
        }
    }
}

/// The change that brings the loss down, and the losses on the way, a list for each request.
fn descend(
    mut objective: Objective<'_>,
    start: &Parameters,
    hparams: &Hparams,
    bound: Option<f64>,
) -> Result<(Parameters, Vec<ValueFacts>), EditError> {
    let unknown = ValueFacts {
        initial_norm: f64::NAN,
        target_norm: f64::NAN,
        offset_norm: f64::NAN,
        ..ValueFacts::default()
    };
    let mut facts = vec![unknown; objective.requests];
    let mut change = start.zeros_like();
    let mut steps: Vec<f64> = change.numbers().copied().collect();
    let mut adam = Adam::new(steps.len(), hparams.lr);
    for _ in 0..hparams.num_steps {
        let found = objective.at(&change)?;
        let total = found.each.iter().sum::<f64>() / found.each.len() as f64;
        for (facts, nll) in facts.iter_mut().zip(&found.each) {
            facts.passes.push(Pass { total, nll: *nll, kl: 0.0, weight_decay: 0.0 });
            facts.stopped_early = total < ENOUGH;
        }
        if total < ENOUGH {
            break;
        }
        let slopes = found.gradient(&objective.keys, start)?;
        let decayed = slopes.numbers().zip(start.numbers().zip(change.numbers()));
        let gradient: Vec<f64> =
            decayed.map(|(slope, (w, by))| slope + hparams.weight_decay * (w + by)).collect();
        adam.step(&mut steps, &gradient);
        for (by, step) in change.numbers_mut().zip(&mut steps) {
            // A NaN stays one, as in torch.clamp.
            *step = bound.map_or(*step, |bound| step.clamp(-bound, bound));
            *by = *step;
        }
    }
    Ok((change, facts))
}

/// The loss as a function of a change.
struct Objective<'a> {
    model: &'a Model,
    tail: Tail<'a>,
    /// Keys of every token, `(tokens, f)`.
    keys: Matrix,
    /// Packed places of the labels.
    places: Vec<usize>,
    /// The token that each asks for, and its weight in the loss.
    goals: Vec<(Goal<'static>, f64)>,
    /// Labels of each request.
    labels: Vec<usize>,
    requests: usize,
}

impl<'a> Objective<'a> {
    fn new(
        model: &'a Model,
        requests: &[Request],
        layer: usize,
        loss: FineTuneLoss,
    ) -> Result<Self, EditError> {
        let mut rows = Vec::new();
        for request in requests {
            let mut row = Rows::of(model, request, &["{}".to_owned()])?.tokens.pop().unwrap_or_default();
            if loss == FineTuneLoss::PromptLast {
                row.truncate(row.len() + 1 - request.target_tokens.len());
            }
            rows.push(row);
        }
        let tail = model.tail(&rows, &vec![0; rows.len()], layer)?;
        let (mut places, mut goals) = (Vec::new(), Vec::new());
        for (number, (request, row)) in requests.iter().zip(&rows).enumerate() {
            let labels = request.target_tokens.len();
            for (label, token) in request.target_tokens.iter().enumerate() {
                let from_end = if loss == FineTuneLoss::PromptLast { 1 } else { labels - label };
                places.extend(tail.place(number, row.len() - from_end));
                goals.push((Goal::Token(*token), 1.0 / (labels * requests.len()) as f64));
            }
        }
        let tap = Tap { layer, site: Site::Key };
        let keys = model.capture(&rows, At::EveryToken, &[tap], &[])?.pop().unwrap_or_default();
        let labels = requests.iter().map(|request| request.target_tokens.len()).collect();
        Ok(Self { model, tail, keys: keys.mapv(f64::from), places, goals, labels, requests: requests.len() })
    }

    /// The loss where W and b have changed by so much.
    fn at(&mut self, change: &Parameters) -> Result<Found, ModelError> {
        let added = change.of_keys(&self.keys);
        let shape = added.dim();
        let dtype = self.tail.states().dtype();
        let added = Tensor::from_vec(added.into_iter().collect(), shape, &Device::Cpu)?.to_dtype(dtype)?;
        let added = Var::from_tensor(&added)?;
        let last = self.model.config().layers - 1;
        let logits = self.model.logits(&self.tail.run(&added, &self.places, last)?)?;
        let Losses { each, gradient } = losses(&doubles(&logits)?, &self.goals);
        let gradient = Tensor::from_vec(gradient, logits.dims(), &Device::Cpu)?.to_dtype(dtype)?;
        let seed = (logits * gradient)?.sum_all()?;
        let mut each = each.into_iter();
        let mean = |labels: &usize| each.by_ref().take(*labels).sum::<f64>() / *labels as f64;
        Ok(Found { each: self.labels.iter().map(mean).collect(), added, seed })
    }
}

/// The loss at one change.
struct Found {
    /// Of each request.
    each: Vec<f64>,
    /// What the change adds behind the block, `(tokens, d)`.
    added: Var,
    /// A scalar whose gradient by `added` is that of the loss.
    seed: Tensor,
}

impl Found {
    /// dW = Gᵀ K and db = Σ G.
    fn gradient(&self, keys: &Matrix, like: &Parameters) -> Result<Parameters, ModelError> {
        let gradients = self.seed.backward()?;
        let own =
            gradients.get(&self.added).ok_or_else(|| candle_core::Error::msg("no gradient reached W"))?;
        let (tokens, d) = own.dims2()?;
        let found = tokens * d;
        let by_token = Matrix::from_shape_vec((tokens, d), doubles(own)?)
            .map_err(|_| ModelError::Mismatch { what: "slopes", found, needed: tokens * d })?;
        let bias = like.bias.as_ref().map(|_| by_token.sum_axis(Axis(0)).to_vec());
        Ok(Parameters { weight: by_token.t().dot(keys), bias })
    }
}

/// The matrix and the bias afterwards, as the checkpoint stores them.
fn stored(model: &Model, layer: usize, start: &Parameters, change: &Parameters) -> Result<Change, EditError> {
    let (weight, bias) = model.down_projection_entries(layer)?;
    let after: Matrix = &start.weight + &change.weight;
    let weight: Array2<f32> = after.mapv(|w| round(w, weight.dtype));
    let bias = bias
        .zip(start.bias.as_ref().zip(change.bias.as_ref()))
        .map(|(entry, (start, by))| start.iter().zip(by).map(|(b, by)| round(b + by, entry.dtype)).collect());
    Ok(Change::Whole { weight, bias })
}

#[cfg(test)]
mod tests;
