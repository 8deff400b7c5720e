//! Batches of facts by EMMET and MEMIT: the edits, and what is measured behind each.

use super::measure::{Rates, perplexity};
use super::objective::{Distances, apart_from_c_rome, change, factors, mean_keys, preserved_keys};
use super::singles::{made, unmade};
use super::{Chosen, Plan, ReproduceError};
use crate::edit::{self, Edit, History, Hparams, KeyChoice, Method, Request, RomeCase, Setup};
use crate::evaluate::{self, Quality};
use crate::keys::{MeanOver, WeightedTemplates};
use crate::model::Model;
use crate::stats;
use crate::tensor::Matrix;

/// Facts whose two equations are held against each other.
const IDENTITIES: usize = 4;

/// All batches of one size by one method.
pub(super) struct Batches {
    pub(super) method: Method,
    pub(super) size: usize,
    pub(super) count: usize,
    /// Batches whose edit could not be made.
    pub(super) unmade: usize,
    pub(super) quality: Quality,
    pub(super) perplexities: Vec<f64>,
    pub(super) distances: Vec<Distances>,
}

impl Batches {
    /// COUNTERFACT's rates over the facts of all batches.
    pub(super) fn rates(&self) -> Rates {
        Rates::of(&self.quality)
    }

    /// Mean perplexity behind the batches; a NaN is carried.
    pub(super) fn perplexity(&self) -> f64 {
        stats::mean(&self.perplexities).unwrap_or(f64::NAN)
    }

    /// Mean of one of the distances; a NaN is carried.
    pub(super) fn distance(&self, of: fn(&Distances) -> f64) -> f64 {
        stats::mean(&self.distances.iter().map(of).collect::<Vec<_>>()).unwrap_or(f64::NAN)
    }
}

/// The largest power of two up to n; 0 for 0.
pub(super) fn largest_power(n: usize) -> usize {
    n.checked_ilog2().map_or(0, |power| 1 << power)
}

/// How far EMMET's update of one fact is from C-ROME's equation, fact by fact.
pub(super) fn identity(
    model: &mut Model,
    plan: &Plan<'_>,
    hparams: &Hparams,
    normal: &[&Chosen],
) -> Result<Vec<(String, f64)>, ReproduceError> {
    let mut found = Vec::new();
    for chosen in normal.iter().take(IDENTITIES) {
        // MEMIT's templates, so that the keys are the same.
        let setup = Setup { contexts: plan.grouped, ..plan.setup(Method::Rome(KeyChoice::CRome)) };
        let Ok(case) = made(RomeCase::of(model, &chosen.request, &setup))? else { continue };
        let setup = Setup { hparams, ..plan.setup(Method::Emmet) };
        let requests = std::slice::from_ref(&chosen.request);
        let Ok(edit) = made(edit::edit(model, requests, &setup, &mut History::default()))? else { continue };
        edit.undo(model)?;
        found.push((chosen.case.case_id.clone(), apart_from_c_rome(model, plan, &case, &edit)?));
    }
    Ok(found)
}

/// What every batch is measured with.
pub(super) struct Bench<'a> {
    plan: &'a Plan<'a>,
    hparams: &'a Hparams,
    templates: WeightedTemplates,
    /// Keys of texts, `(f, m)`.
    preserved: Matrix,
}

impl<'a> Bench<'a> {
    pub(super) fn of(
        model: &Model,
        plan: &'a Plan<'a>,
        hparams: &'a Hparams,
    ) -> Result<Self, ReproduceError> {
        let templates = WeightedTemplates::new(plan.grouped, MeanOver::Every)?;
        let preserved = preserved_keys(model, plan, plan.layer()?)?;
        Ok(Self { plan, hparams, templates, preserved })
    }

    /// Edits the facts in batches of one size.
    pub(super) fn batches(
        &self,
        model: &mut Model,
        facts: &[&Chosen],
        size: usize,
        method: Method,
    ) -> Result<Batches, ReproduceError> {
        let mut all = Batches {
            method,
            size,
            count: 0,
            unmade: 0,
            quality: Quality { cases: Vec::new(), refused: Vec::new() },
            perplexities: Vec::new(),
            distances: Vec::new(),
        };
        for batch in facts.chunks(size) {
            let requests: Vec<Request> = batch.iter().map(|chosen| chosen.request.clone()).collect();
            let setup = Setup { hparams: self.hparams, ..self.plan.setup(method) };
            let edit = made(edit::edit(model, &requests, &setup, &mut History::default()))?;
            all.count += 1;
            all.unmade += usize::from(unmade(&edit).is_some());
            let Some(edit) = edit.ok().filter(|edit| !edit.updates.is_empty()) else { continue };
            let measured = self.measure(model, batch, &requests, &edit, &mut all);
            edit.undo(model)?;
            measured?;
        }
        Ok(all)
    }

    /// Measures a model that holds a batch.
    fn measure(
        &self,
        model: &Model,
        batch: &[&Chosen],
        requests: &[Request],
        edit: &Edit,
        all: &mut Batches,
    ) -> Result<(), ReproduceError> {
        let records: Vec<_> = batch.iter().map(|chosen| Ok(chosen.case.clone())).collect();
        all.quality.cases.extend(evaluate::quality(model, &records, &[], |_| {})?.cases);
        all.perplexities.push(perplexity(model, self.plan)?);
        if let Some((residuals, _)) = factors(edit) {
            // Keys lie before the matrix that is edited, so that the edited model has those of the unedited one.
            let keys = mean_keys(model, requests, self.plan.layer()?, &self.templates)?;
            all.distances.push(Distances::of(&change(model, edit)?, &self.preserved, &keys, residuals));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_batches_are_powers_of_two() {
        assert_eq!([0, 1, 3, 4, 24, 64].map(largest_power), [0, 1, 2, 4, 16, 64]);
    }
}
