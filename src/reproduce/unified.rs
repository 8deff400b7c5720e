//! A Unified Framework for Model Editing: EMMET is ROME for several facts, and does what MEMIT does.
//!
//! One layer is edited, ROME's, as in the paper's first table. Every batch size edits the same facts, in batches of that size, each
//! from the unedited model.

use super::batches::{Batches, Bench, identity, largest_power};
use super::measure::{Rates, perplexity};
use super::ruling::{
    claim, experiment, mean_measured, met, not_run, number, picture, quantile, say, series, table, text,
};
use super::{
    Cell, Chosen, Claim, Experiment, Figure, Mark, Paper, Plan, ReproduceError, Selection, Set, Table,
};
use crate::edit::{Hparams, Method};
use crate::model::Model;

const METHODS: [Method; 2] = [Method::Emmet, Method::Memit];
/// Most facts of the comparison.
const FACTS: usize = 64;
const OVER_SIZES: &str = "EMMET against MEMIT over sizes of batches";

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
    if normal.is_empty() {
        let why = "there is no normal case among those given";
        return Ok(vec![not_run(Paper::Unified, "T1", OVER_SIZES, why)]);
    }
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
    let mut found = experiment(Paper::Unified, "T1", OVER_SIZES);
    found.tables.push(numbers(all, base));
    found.figures = vec![
        drawn("", "score S", all, |batches| batches.rates().score),
        drawn("preservation", "preservation distance", all, |batches| batches.distance(|of| of.preservation)),
    ];
    found.claims = [single(all), parity(all), specificity_first(all)].into_iter().flatten().collect();
    found
}

fn numbers(all: &[Batches], base: f64) -> Table {
    let row = |batches: &Batches| {
        let rates = batches.rates();
        let mut row = vec![text(batches.method.name())];
        row.extend([batches.size, batches.count, batches.unmade].map(Cell::Count));
        let perplexity = batches.perplexity();
        let values = [
            rates.efficacy,
            rates.generalization,
            rates.specificity,
            rates.score,
            perplexity,
            perplexity / base,
            batches.distance(|of| of.preservation),
            batches.distance(|of| of.new_edit),
            batches.distance(|of| of.old_edit),
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
    let of = |batches: &Batches| batches.rates().score;
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
    let emmet: Vec<Rates> =
        all.iter().filter(|batches| batches.method == Method::Emmet).map(Batches::rates).collect();
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
