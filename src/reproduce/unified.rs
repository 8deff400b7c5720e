//! A Unified Framework for Model Editing: EMMET is ROME for several facts, and does what MEMIT does.
//!
//! One layer is edited, ROME's, as in the paper's first table. Every batch size edits the same facts, in batches of that size, each
//! from the unedited model.

use super::measure::{Rates, perplexity};
use super::objective::{Distances, apart_from_c_rome, change, factors, mean_keys, preserved_keys};
use super::ruling::{
    claim, experiment, mean_measured, met, number, picture, quantile, say, series, table, text,
};
use super::singles::made;
use super::{
    Cell, Chosen, Claim, Experiment, Figure, Mark, Paper, Plan, ReproduceError, Selection, Set, Table,
};
use crate::edit::{self, Edit, History, Hparams, KeyChoice, Method, Request, RomeCase, Setup};
use crate::evaluate::{self, Quality};
use crate::keys::{MeanOver, WeightedTemplates};
use crate::model::Model;
use crate::tensor::Matrix;

const METHODS: [Method; 2] = [Method::Emmet, Method::Memit];
/// Most facts of the comparison.
const FACTS: usize = 64;
/// Facts whose two equations are held against each other.
const IDENTITIES: usize = 4;

/// All batches of one size by one method.
struct Batches {
    method: Method,
    size: usize,
    count: usize,
    /// Batches whose edit could not be made.
    unmade: usize,
    quality: Quality,
    perplexities: Vec<f64>,
    distances: Vec<Distances>,
}

/// Compares the two methods.
///
/// # Errors
/// Where the model cannot be run.
pub(super) fn experiments(
    model: &mut Model,
    plan: &Plan<'_>,
    selection: &Selection,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<Experiment>, ReproduceError> {
    let hparams = Hparams { layers: vec![plan.layer()?], ..plan.memit.clone() };
    let normal: Vec<&Chosen> = selection.of(Set::Normal).collect();
    progress("EMMET against C-ROME's equation");
    let apart = identity(model, plan, &hparams, &normal)?;
    let bench = Bench::of(model, plan, &hparams)?;
    let most = largest_power(normal.len().min(FACTS));
    let facts = normal.get(..most).unwrap_or_default();
    let mut all = Vec::new();
    for size in std::iter::successors(Some(1), |size| Some(2 * size)).take_while(|size| *size <= most) {
        for method in METHODS {
            progress(&format!("{} in batches of {size}", method.name()));
            all.push(bench.batches(model, facts, size, method)?);
        }
    }
    Ok(vec![equation(&apart), comparison(&all, perplexity(model, plan)?)])
}

/// The largest power of two up to n; 0 for 0.
fn largest_power(n: usize) -> usize {
    n.checked_ilog2().map_or(0, |power| 1 << power)
}

/// How far EMMET's update of one fact is from C-ROME's equation, fact by fact.
fn identity(
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
struct Bench<'a> {
    plan: &'a Plan<'a>,
    hparams: &'a Hparams,
    templates: WeightedTemplates,
    /// Keys of texts, `(f, m)`.
    preserved: Matrix,
}

impl<'a> Bench<'a> {
    fn of(model: &Model, plan: &'a Plan<'a>, hparams: &'a Hparams) -> Result<Self, ReproduceError> {
        let templates = WeightedTemplates::new(plan.grouped, MeanOver::Every)?;
        let preserved = preserved_keys(model, plan, plan.layer()?)?;
        Ok(Self { plan, hparams, templates, preserved })
    }

    /// Edits the facts in batches of one size.
    fn batches(
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
            let Ok(edit) = edit else {
                all.unmade += 1;
                continue;
            };
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
        } else {
            all.unmade += 1;
        }
        Ok(())
    }
}

fn equation(apart: &[(String, f64)]) -> Experiment {
    let mut found = experiment(Paper::Unified, "E1", "EMMET of one fact is ROME's equation");
    let rows = apart.iter().map(|(case, apart)| vec![text(case), number(*apart)]).collect();
    found.tables.push(table("", &["case", "relative difference of ΔW"], rows));
    let largest = quantile(&apart.iter().map(|(_, apart)| *apart).collect::<Vec<_>>(), 1.0);
    found.claims.push(claim(
        "with one fact EMMET is ROME with one key in all places",
        "an identity",
        format!(
            "ΔW of EMMET and of C-ROME's equation with the same keys and residual differ by {} at most, relatively, over {} facts (agrees \
             up to 1e-6, in kind up to 1e-3)",
            say(largest),
            apart.len()
        ),
        met(largest <= 1e-6, largest <= 1e-3),
        "the two are not the same equation",
    ));
    found
}

fn comparison(all: &[Batches], base: f64) -> Experiment {
    let mut found = experiment(Paper::Unified, "T1", "EMMET against MEMIT over sizes of batches");
    found.tables.push(numbers(all, base));
    found.figures = vec![
        drawn("", "score S", all, |batches| Rates::of(&batches.quality).score),
        drawn("preservation", "preservation distance", all, |batches| mean(batches, |of| of.preservation)),
    ];
    found.claims = [single(all), parity(all), specificity_first(all)].into_iter().flatten().collect();
    found
}

fn mean(batches: &Batches, of: fn(&Distances) -> f64) -> f64 {
    crate::stats::mean(&batches.distances.iter().map(of).collect::<Vec<_>>()).unwrap_or(f64::NAN)
}

fn numbers(all: &[Batches], base: f64) -> Table {
    let row = |batches: &Batches| {
        let rates = Rates::of(&batches.quality);
        let mut row = vec![text(batches.method.name())];
        row.extend([batches.size, batches.count, batches.unmade].map(Cell::Count));
        let perplexity = crate::stats::mean(&batches.perplexities).unwrap_or(f64::NAN);
        let values = [
            rates.efficacy,
            rates.generalization,
            rates.specificity,
            rates.score,
            perplexity,
            perplexity / base,
            mean(batches, |of| of.preservation),
            mean(batches, |of| of.new_edit),
            mean(batches, |of| of.old_edit),
        ];
        row.extend(values.map(number));
        row
    };
    let columns = [
        "method",
        "facts a batch",
        "batches",
        "not made",
        "ES",
        "PS",
        "NS",
        "S",
        "perplexity, mean",
        "over the base",
        "preservation",
        "new edit",
        "old edit",
    ];
    table("the same facts at every size; distances are mean lengths", &columns, all.iter().map(row).collect())
}

fn drawn(name: &'static str, label: &str, all: &[Batches], of: impl Fn(&Batches) -> f64) -> Figure {
    let lines = METHODS.map(|method| {
        let own = all.iter().filter(|batches| batches.method == method);
        series(method.name(), Mark::Line, own.map(|batches| (batches.size as f64, of(batches))).collect())
    });
    let caption = format!("{label} over sizes of batches");
    picture(name, caption, [("facts a batch", true), (label, false)], lines.into_iter().collect())
}

/// S of both methods at each size.
fn scores(all: &[Batches]) -> Vec<(usize, [f64; 2])> {
    let of = |batches: &Batches| Rates::of(&batches.quality).score;
    let pairs = all.chunks_exact(METHODS.len()).filter_map(|pair| match pair {
        [emmet, memit] => Some((emmet.size, [of(emmet), of(memit)])),
        _ => None,
    });
    pairs.collect()
}

fn single(all: &[Batches]) -> Option<Claim> {
    let (_, [emmet, memit]) = scores(all).into_iter().next()?;
    let apart = (emmet - memit).abs();
    Some(claim(
        "fact by fact the equality and the least squares do the same",
        "S 89.57 and 89.51 on GPT-2 XL, 92.34 and 92.34 on GPT-J (1,000 edits)",
        format!(
            "S {} with EMMET, {} with MEMIT (agrees within 2, in kind within 10)",
            say(100.0 * emmet),
            say(100.0 * memit)
        ),
        met(apart <= 0.02, apart <= 0.1),
        "λ is not small beside kᵀC⁻¹k, so that MEMIT puts in a part of each fact",
    ))
}

fn parity(all: &[Batches]) -> Option<Claim> {
    let scores = scores(all);
    let apart = quantile(&scores.iter().map(|(_, [a, b])| (a - b).abs()).collect::<Vec<_>>(), 1.0);
    let (size, [emmet, memit]) = *scores.last()?;
    Some(claim(
        "EMMET and MEMIT stay alike as batches grow",
        "to 256 facts in the first version, to 10,000 in the last",
        format!(
            "over batches of 1 to {size} S differs by {} at most; at {size} it is {} and {} (agrees within 5, in kind within 15)",
            say(100.0 * apart),
            say(100.0 * emmet),
            say(100.0 * memit)
        ),
        met(apart <= 0.05, apart <= 0.15),
        "the two weigh what is to be preserved differently at these λ and α",
    ))
}

fn specificity_first(all: &[Batches]) -> Option<Claim> {
    let emmet: Vec<Rates> = all
        .iter()
        .filter(|batches| batches.method == Method::Emmet)
        .map(|batches| Rates::of(&batches.quality))
        .collect();
    let (first, last) = (emmet.first()?, emmet.last()?);
    let falls = [
        first.specificity - last.specificity,
        first.efficacy - last.efficacy,
        first.generalization - last.generalization,
    ];
    let others = mean_measured(&[falls[1].max(falls[2])]);
    Some(claim(
        "of the three, specificity falls first as batches grow",
        "read off plots: NS falls from batches of a few hundred on, ES from thousands",
        format!(
            "from the smallest to the largest batch of EMMET NS loses {}, ES {}, PS {} (agrees where NS loses most and more than 2, in \
             kind where nothing else loses more)",
            say(100.0 * falls[0]),
            say(100.0 * falls[1]),
            say(100.0 * falls[2])
        ),
        met(falls[0] > 0.02 && falls[0] > others, falls[0] >= others),
        "another one falls more",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_batches_are_powers_of_two() {
        assert_eq!([0, 1, 3, 4, 24, 64].map(largest_power), [0, 1, 2, 4, 16, 64]);
    }
}
