//! Single edits by ROME of which RECT keeps a share, and what is measured behind each.

use super::measure::{Health, Landed, landed};
use super::objective::{change, mean_norm};
use super::ruling::mean_measured;
use super::singles::{made, unmade};
use super::{Chosen, Plan, ReproduceError, Set};
use crate::edit::{self, KeyChoice, Method, RectKind, RomeCase, Setup};
use crate::evaluate::Quality;
use crate::model::Model;
use crate::tensor::Matrix;

/// Shares of the entries that are kept; the last is the whole update.
pub(super) const SHARES: [f64; 5] = [0.2, 0.4, 0.6, 0.8, 1.0];
/// The share that the paper recommends.
pub(super) const ADVISED: f64 = 0.4;

/// The whole update.
pub(super) const WHOLE: RectKind = RectKind::Relative(1.0);
/// The share of it that is advised.
pub(super) const PART: RectKind = RectKind::Relative(ADVISED);
pub(super) const ROME: Method = Method::Rome(KeyChoice::Rome);

/// One edit under one mask.
pub(super) struct Masked {
    pub(super) set: Set,
    pub(super) mask: RectKind,
    pub(super) update_norm: f64,
    /// Mean ‖ΔW k₀‖ over keys of texts.
    pub(super) preservation: f64,
    pub(super) health: Health,
    pub(super) landed: Landed,
}

/// One case under every mask, each time from the unedited model; or why it cannot be edited.
pub(super) fn alone(
    model: &mut Model,
    plan: &Plan<'_>,
    chosen: &Chosen,
    preserved: &Matrix,
) -> Result<Result<Vec<Masked>, String>, ReproduceError> {
    let setup = plan.setup(ROME);
    let case = match made(RomeCase::of(model, &chosen.request, &setup))? {
        Ok(case) => case,
        Err(reason) => return Ok(Err(reason)),
    };
    let cases = std::slice::from_ref(&chosen.case);
    let (before, _) = landed(model, cases, &[], None)?;
    let mut found = Vec::new();
    for mask in masks() {
        let setup = Setup { rect: Some(mask), ..setup };
        let edit = made(edit::edit_with(model, &case, KeyChoice::Rome, &setup))?;
        if let Some(reason) = unmade(&edit) {
            return Ok(Err(reason));
        }
        let Ok(edit) = edit else { continue };
        let measured = measure(model, plan, chosen, &before).and_then(|(health, landed)| {
            Ok((health, landed, mean_norm(&change(model, &edit)?.dot(preserved))))
        });
        edit.undo(model)?;
        let (health, landed, preservation) = measured?;
        if let (Some(layer), Some(landed)) = (edit.layers.first(), landed) {
            let (set, update_norm) = (chosen.set, layer.update_norm);
            found.push(Masked { set, mask, update_norm, preservation, health, landed });
        }
    }
    Ok(Ok(found))
}

/// How an edited model does, and what it says about the case.
fn measure(
    model: &Model,
    plan: &Plan<'_>,
    chosen: &Chosen,
    before: &Quality,
) -> Result<(Health, Option<Landed>), ReproduceError> {
    let (_, landed) = landed(model, std::slice::from_ref(&chosen.case), &[], Some(before))?;
    Ok((Health::of(model, plan)?, landed.first().copied()))
}

/// Every mask.
pub(super) fn masks() -> impl Iterator<Item = RectKind> {
    SHARES.into_iter().map(RectKind::Relative).chain([RectKind::Shifted(ADVISED)])
}

/// A number of each edit of a set under a mask.
pub(super) fn numbers(all: &[Masked], set: Set, mask: RectKind, of: impl Fn(&Masked) -> f64) -> Vec<f64> {
    all.iter().filter(|one| (one.set, one.mask) == (set, mask)).map(of).collect()
}

/// Mean of efficacy and generalization over the edits of a set under a mask.
pub(super) fn quality(all: &[Masked], set: Set, mask: RectKind) -> f64 {
    let of = |of: fn(&Landed) -> f64| mean_measured(&numbers(all, set, mask, |one| of(&one.landed)));
    mean_measured(&[of(|landed| landed.efficacy), of(|landed| landed.generalization)])
}

pub(super) fn locality(all: &[Masked], set: Set, mask: RectKind) -> f64 {
    mean_measured(&numbers(all, set, mask, |one| one.landed.locality))
}

pub(super) fn perplexities(all: &[Masked], set: Set, mask: RectKind) -> Vec<f64> {
    numbers(all, set, mask, |one| one.health.perplexity)
}
