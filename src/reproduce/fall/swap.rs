//! Table 3: what becomes of the edits where a token stands in the first position with the embedding of the second, and the other way
//! round.
//!
//! Keys are read with the embeddings swapped. What the value adds to the output, δ, is the one that was optimised without: so the
//! numerator stays, and what changes is the denominator alone. The perplexity is that of the model with its own embeddings.

use super::cosines::captured;
use super::tables::{ROME, fallen};
use crate::edit::{RomeCase, Rows, Value};
use crate::keys::{KeyMeans, MeanOver, WeightedTemplates};
use crate::model::{Model, Patch};
use crate::reproduce::ruling::{
    claim, count_collapsed, experiment, median, met, not_run, quantile, say, table, text,
};
use crate::reproduce::singles::{Brief, made, rome_alone};
use crate::reproduce::{Cell, Chosen, Experiment, Paper, Plan, ReproduceError, Selection, Set, Singles};

const ID: &str = "T3";
const TITLE: &str = "position embeddings swapped";

/// A swap, and the cases whose subject ends where it happens.
struct Swap<'a> {
    position: usize,
    by: usize,
    cases: Vec<(&'a Chosen, &'a RomeCase, f64)>,
}

/// What came of the cases of a swap.
#[derive(Default)]
struct After {
    before: Vec<f64>,
    denominators: Vec<f64>,
    perplexities: Vec<f64>,
}

/// T3.
pub(super) fn experiment_on(
    model: &mut Model,
    plan: &Plan<'_>,
    selection: &Selection,
    singles: &Singles,
) -> Result<Experiment, ReproduceError> {
    if !model.config().architecture.learns_positions() {
        let why = "the model has no learned position embeddings that could be swapped";
        return Ok(not_run(Paper::Fall, ID, TITLE, why));
    }
    let first = model.tokenizer()?.leading_special().len();
    let swaps = [
        ("first token with the embedding of the second", Set::Collapse, first, first + 1),
        ("second token with the embedding of the first", Set::Normal, first + 1, first),
    ];
    let mut found = experiment(Paper::Fall, ID, TITLE);
    let (mut rows, mut outcomes) = (Vec::new(), Vec::new());
    for (name, set, position, by) in swaps {
        let cases = ending_at(model, selection, singles, set, position)?;
        let after = swapped(model, plan, &Swap { position, by, cases })?;
        rows.push(row(name, &after, singles.base.perplexity));
        outcomes.push(after);
    }
    let columns = [
        "swap",
        "edits",
        "median |denominator| before",
        "swapped",
        "median perplexity",
        "least",
        "largest",
        "collapsed",
    ];
    found.tables.push(table("", &columns, rows));
    if let [first, second] = outcomes.as_slice() {
        let (fallen, _) = fallen(singles, Set::Collapse, ROME);
        claims(&mut found, first, second, (singles.base.perplexity, fallen));
    }
    Ok(found)
}

fn row(name: &str, after: &After, base: f64) -> Vec<Cell> {
    let perplexities = [0.5, 0.0, 1.0].map(|q| Cell::Number(quantile(&after.perplexities, q)));
    let denominators = [&after.before, &after.denominators].map(|values| Cell::Number(median(values)));
    let head = [text(name), Cell::Count(after.perplexities.len())];
    let collapsed = Cell::Count(count_collapsed(&after.perplexities, base));
    head.into_iter().chain(denominators).chain(perplexities).chain([collapsed]).collect()
}

/// The cases of a set whose subject's last token stands at a position, with ROME's denominator as it was.
fn ending_at<'a>(
    model: &Model,
    selection: &'a Selection,
    singles: &'a Singles,
    set: Set,
    position: usize,
) -> Result<Vec<(&'a Chosen, &'a RomeCase, f64)>, ReproduceError> {
    let mut found = Vec::new();
    for (at, (chosen, case)) in selection.chosen.iter().zip(&singles.rome).enumerate() {
        let Some(case) = case.as_ref().filter(|_| chosen.set == set) else { continue };
        let Ok(rows) = made(Rows::of(model, &chosen.request, &["{}".to_owned()]))? else { continue };
        let single = singles.of(set, ROME).find(|single| single.case == at);
        let division = single.and_then(|single| single.division);
        if rows.lookup.first() == Some(&position) {
            found.push((chosen, case, division.map_or(f64::NAN, |division| division.unit_denominator.abs())));
        }
    }
    Ok(found)
}

/// Edits every case of a swap with the keys that it gives.
fn swapped(model: &mut Model, plan: &Plan<'_>, swap: &Swap<'_>) -> Result<After, ReproduceError> {
    let templates = WeightedTemplates::new(plan.contexts, MeanOver::Every)?;
    let patch = [Patch::PositionEmbedding { position: swap.position, by: swap.by }];
    let mut found = After::default();
    for (chosen, case, before) in &swap.cases {
        let Ok(rows) = made(Rows::of(model, &chosen.request, templates.templates()))? else { continue };
        let keys = captured(model, case.layer, &rows.tokens, &rows.lookup, &patch)?;
        let case = with_keys(model, case, KeyMeans::of(keys.view(), None, &templates))?;
        if let Ok(Brief { denominator, perplexity }) = rome_alone(model, plan, &case)? {
            found.before.push(*before);
            found.denominators.push(denominator);
            found.perplexities.push(perplexity);
        }
    }
    Ok(found)
}

/// A case with other keys and the same δ: v* moves by W (k − kᵘ), so that v* − W k − b stays.
fn with_keys(model: &Model, case: &RomeCase, keys: KeyMeans) -> Result<RomeCase, ReproduceError> {
    let (weight, _) = model.down_projection_weight(case.layer)?;
    let moved: Vec<f64> =
        keys.unprefixed.iter().zip(&case.keys.unprefixed).map(|(k, before)| k - before).collect();
    let shift =
        weight.outer_iter().map(|row| row.iter().zip(&moved).map(|(w, k)| f64::from(*w) * k).sum::<f64>());
    let target = case.value.target.iter().zip(shift).map(|(target, shift)| target + shift).collect();
    Ok(RomeCase { keys, value: Value { target, ..case.value.clone() }, ..case.clone() })
}

/// `collapse`: the perplexity of the unedited model, and how many collapse cases destroy it with the embeddings as they are.
fn claims(found: &mut Experiment, first: &After, second: &After, (base, collapse): (f64, usize)) {
    let [before, after] = [&first.before, &first.denominators].map(|values| median(values));
    let (left, all) = (count_collapsed(&first.perplexities, base), first.perplexities.len());
    found.claims.push(claim(
        "the position embedding has a part in it: with that of the second token the first one's denominators grow",
        "",
        format!(
            "median {} with its own, {} swapped (agrees from twice, in kind where it grows)",
            say(before),
            say(after)
        ),
        met(after >= 2.0 * before, after > before),
        "the position embedding has no part in it here",
    ));
    found.claims.push(claim(
        "but it is not the sole cause: some of these cases still collapse",
        "",
        format!("{left} of {all} still do (agrees where some do and some do not, in kind where all do)"),
        met(left > 0 && left < all, left > 0),
        if collapse == 0 {
            "ROME destroys nothing here without a swap either"
        } else {
            "none does: on this model the embedding is the whole cause"
        },
    ));
    let [before, after] = [&second.before, &second.denominators].map(|values| median(values));
    let (fallen, all) = (count_collapsed(&second.perplexities, base), second.perplexities.len());
    found.claims.push(claim(
        "the first position's embedding on a second token does not always lead to collapse",
        "",
        format!(
            "{fallen} of {all} edits collapse, the median denominator goes from {} to {} (agrees where a tenth to nine tenths do, in \
             kind where some do and some do not)",
            say(before),
            say(after)
        ),
        met(
            10 * fallen >= all && 10 * fallen <= 9 * all && fallen > 0,
            fallen > 0 && fallen < all,
        ),
        match (fallen, all) {
            (_, 0) => "no case has a subject that ends at the second token",
            (0, _) => "none does here",
            _ => "all do here: on this model the place of a token alone makes its key odd",
        },
    ));
}
