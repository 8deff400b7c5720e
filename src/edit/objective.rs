//! What the value optimisation minimises, as a function of δ, and its gradient.
//!
//! Rows are settled below the layer and before the subject's last token (`Tail`), so that a pass runs only what δ can change.
//! Logits are worked out where a label or the divergence is and nowhere else; their gradient is one product that candle carries
//! back to δ, and no graph outlives its pass.

use candle_core::{DType, Device, Tensor, Var};

use super::loss::{Goal, Losses, log_probabilities, losses};
use super::{Rows, ValueOptions, ValueSite};
use crate::model::{At, Model, ModelError, Site, Tail, Tap};

/// NLL and divergence as functions of δ.
pub(super) struct Objective<'a> {
    model: &'a Model,
    options: &'a ValueOptions,
    tail: Tail<'a>,
    /// 1 at the tokens that δ is added to, `(tokens, 1)`.
    mask: Tensor,
    readings: Vec<Reading>,
    /// ln p before any edit at the place of the divergence.
    before: Option<Vec<f64>>,
}

/// Which logits are needed of the states behind one block.
#[derive(Clone, Debug, Default)]
struct Reading {
    through: usize,
    /// Packed places: of the labels, and last of the divergence where it is read here.
    places: Vec<usize>,
    /// The token that each label asks for.
    labels: Vec<u32>,
}

/// The objective at one δ.
pub(super) struct Found {
    /// Mean over the labels of −ln p.
    pub(super) nll: f64,
    /// The weighted divergence.
    pub(super) kl: f64,
    delta: Var,
    /// Scalars whose gradients by δ sum up to that of `nll + kl`.
    seeds: Vec<Tensor>,
}

impl<'a> Objective<'a> {
    /// Of rows whose last is the divergence's.
    pub(super) fn new(
        model: &'a Model,
        rows: &Rows,
        target: &[u32],
        options: &'a ValueOptions,
    ) -> Result<Self, ModelError> {
        let tail = model.tail(&rows.tokens, &rows.lookup, options.layer)?;
        let mut mask = vec![0.0_f64; tail.states().dim(0)?];
        let mut labelled = Reading { through: options.loss_layer, ..Reading::default() };
        let mut stays = Reading { through: model.config().layers - 1, ..Reading::default() };
        for (row, (tokens, lookup)) in rows.tokens.iter().zip(&rows.lookup).enumerate() {
            let subject = tail.place(row, *lookup);
            subject.and_then(|place| mask.get_mut(place)).into_iter().for_each(|slot| *slot = 1.0);
            if row + 1 == rows.tokens.len() {
                stays.places.extend(subject);
            } else {
                let first = tokens.len().saturating_sub(target.len());
                let places = (first..tokens.len()).filter_map(|position| tail.place(row, position));
                labelled.places.extend(places);
                labelled.labels.extend_from_slice(target);
            }
        }
        // One run where both are read behind the same block, as always in ROME.
        let readings = if labelled.through == stays.through {
            labelled.places.append(&mut stays.places);
            vec![labelled]
        } else {
            vec![labelled, stays]
        };
        let (tokens, dtype) = (mask.len(), tail.states().dtype());
        let mask = Tensor::from_vec(mask, (tokens, 1), &Device::Cpu)?.to_dtype(dtype)?;
        Ok(Self { model, options, tail, mask, readings, before: None })
    }

    /// v0, at the subject of the first row.
    pub(super) fn initial(&self, rows: &Rows) -> Result<Vec<f64>, ModelError> {
        let (Some(row), Some(lookup)) = (rows.tokens.first(), rows.lookup.first()) else {
            return Ok(Vec::new());
        };
        match self.options.site {
            ValueSite::Value => {
                let tap = [Tap { layer: self.options.layer, site: Site::Value }];
                let found =
                    self.model.capture(std::slice::from_ref(row), At::One(&[*lookup]), &tap, &[])?.pop();
                Ok(found.iter().flatten().copied().map(f64::from).collect())
            }
            ValueSite::Block => doubles(&self.tail.states().get(self.tail.place(0, *lookup).unwrap_or(0))?),
        }
    }

    /// The objective where δ is `offset`. The first call settles what "before" is, and must be with δ = 0.
    pub(super) fn at(&mut self, offset: &[f64]) -> Result<Found, ModelError> {
        let delta = Tensor::from_slice(offset, offset.len(), &Device::Cpu)?.to_dtype(self.mask.dtype())?;
        let delta = Var::from_tensor(&delta)?;
        let added = self.mask.broadcast_mul(&delta.unsqueeze(0)?)?;
        let mut found = Found { nll: 0.0, kl: 0.0, delta, seeds: Vec::new() };
        for reading in &self.readings {
            let logits = self.model.logits(&self.tail.run(&added, &reading.places, reading.through)?)?;
            let numbers = doubles(&logits)?;
            let asked = reading.labels.len();
            let weight = 1.0 / asked as f64;
            let mut goals: Vec<_> =
                reading.labels.iter().map(|token| (Goal::Token(*token), weight)).collect();
            if asked < reading.places.len() {
                let own = asked * (numbers.len() / reading.places.len());
                let now = || log_probabilities(numbers.get(own..).unwrap_or_default());
                goals.push((Goal::Stay(self.before.get_or_insert_with(now)), self.options.kl_factor));
            }
            let Losses { each, gradient } = losses(&numbers, &goals);
            for ((goal, weight), loss) in goals.iter().zip(each) {
                match goal {
                    Goal::Token(_) => found.nll += weight * loss,
                    Goal::Stay(_) => found.kl += weight * loss,
                }
            }
            let gradient =
                Tensor::from_vec(gradient, logits.dims(), &Device::Cpu)?.to_dtype(logits.dtype())?;
            found.seeds.push((logits * gradient)?.sum_all()?);
        }
        Ok(found)
    }
}

impl Found {
    /// The gradient of `nll + kl` by δ.
    pub(super) fn gradient(&self) -> Result<Vec<f64>, ModelError> {
        let mut sum = vec![0.0; self.delta.elem_count()];
        for seed in &self.seeds {
            let gradients = seed.backward()?;
            let none = || candle_core::Error::msg("no gradient reached δ");
            let own = doubles(gradients.get(&self.delta).ok_or_else(none)?)?;
            sum.iter_mut().zip(own).for_each(|(sum, slope)| *sum += slope);
        }
        Ok(sum)
    }
}

/// The numbers of a tensor in f64.
pub(super) fn doubles(tensor: &Tensor) -> Result<Vec<f64>, ModelError> {
    Ok(tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?)
}

#[cfg(test)]
mod tests;
