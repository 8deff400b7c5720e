//! Model Editing Harms General Abilities: RECT keeps the entries of an update that change their weight most, relative to it.
//!
//! The paper edits zsRE; here the cases are those of all experiments, the first few of each set alone, and normal ones in sequence.

use super::measure::{Health, Landed, landed};
use super::rect_sequence::{Sequenced, sequence, sequences};
use super::ruling::{
    COLLAPSED, claim, collapsed, count_collapsed, experiment, mean_measured, median, met, not_run, number,
    picture, quantile, say, series, table, text,
};
use super::singles::{Unmade, made, not_made, unmade};
use super::{
    Cell, Chosen, Claim, Experiment, Figure, Mark, Paper, Plan, ReproduceError, Selection, Set, Table,
};
use crate::edit::{self, KeyChoice, Method, RectKind, RomeCase, Setup};
use crate::model::Model;

/// Cases of each set that are edited alone.
const CASES: usize = 6;
/// Shares of the entries that are kept; the last is the whole update.
const SHARES: [f64; 5] = [0.2, 0.4, 0.6, 0.8, 1.0];
/// The share that the paper recommends.
pub(super) const ADVISED: f64 = 0.4;

/// The whole update.
const WHOLE: RectKind = RectKind::Relative(1.0);
/// The share of it that is advised.
const PART: RectKind = RectKind::Relative(ADVISED);
const ROME: Method = Method::Rome(KeyChoice::Rome);
const OVER_SHARES: &str = "edit quality and general ability over the share that is kept";

/// One edit under one mask.
struct Masked {
    set: Set,
    mask: RectKind,
    update_norm: f64,
    health: Health,
    landed: Landed,
}

/// Edits under masks, alone and in sequence.
///
/// # Errors
/// Where the model cannot be run.
pub(super) fn experiments(
    model: &mut Model,
    plan: &Plan<'_>,
    selection: &Selection,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<Experiment>, ReproduceError> {
    if let Some(why) = selection.one_sided() {
        return Ok(vec![not_run(Paper::Harms, "F5", OVER_SHARES, why)]);
    }
    let base = Health::of(model, plan)?;
    let (mut all, mut refused) = (Vec::new(), Vec::new());
    for set in Set::ALL {
        let own = selection.chosen.iter().enumerate().filter(|(_, chosen)| chosen.set == set);
        for (at, chosen) in own.take(CASES) {
            progress(&format!("{} under masks", chosen.case.case_id));
            match alone(model, plan, chosen)? {
                Ok(masked) => all.extend(masked),
                Err(reason) => refused.push(Unmade { case: at, method: ROME, reason }),
            }
        }
    }
    let mut lines = Vec::new();
    for mask in [WHOLE, PART] {
        progress(&format!("normal cases in sequence, keeping {}", say(mask.share())));
        lines.push(sequence(model, plan, selection, mask)?);
    }
    let mut single = shares(&all, &base, &lines);
    single.tables.extend(not_made(selection, &refused));
    Ok(vec![sequences(&lines, &base, plan), single])
}

/// One case under every mask, each time from the unedited model; or why it cannot be edited.
fn alone(
    model: &mut Model,
    plan: &Plan<'_>,
    chosen: &Chosen,
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
        let measured = Health::of(model, plan)
            .and_then(|health| Ok((health, landed(model, cases, &[], Some(&before))?.1)));
        edit.undo(model)?;
        let (health, landed) = measured?;
        if let (Some(layer), Some(landed)) = (edit.layers.first(), landed.first()) {
            let (set, update_norm) = (chosen.set, layer.update_norm);
            found.push(Masked { set, mask, update_norm, health, landed: *landed });
        }
    }
    Ok(Ok(found))
}

/// Every mask.
fn masks() -> impl Iterator<Item = RectKind> {
    SHARES.into_iter().map(RectKind::Relative).chain([RectKind::Shifted(ADVISED)])
}

/// A number of each edit of a set under a mask.
fn numbers(all: &[Masked], set: Set, mask: RectKind, of: impl Fn(&Masked) -> f64) -> Vec<f64> {
    all.iter().filter(|one| (one.set, one.mask) == (set, mask)).map(of).collect()
}

/// Mean of efficacy and generalization over the edits of a set under a mask.
fn quality(all: &[Masked], set: Set, mask: RectKind) -> f64 {
    let of = |of: fn(&Landed) -> f64| mean_measured(&numbers(all, set, mask, |one| of(&one.landed)));
    mean_measured(&[of(|landed| landed.efficacy), of(|landed| landed.generalization)])
}

fn locality(all: &[Masked], set: Set, mask: RectKind) -> f64 {
    mean_measured(&numbers(all, set, mask, |one| one.landed.locality))
}

fn perplexities(all: &[Masked], set: Set, mask: RectKind) -> Vec<f64> {
    numbers(all, set, mask, |one| one.health.perplexity)
}

fn shares(all: &[Masked], base: &Health, lines: &[Sequenced]) -> Experiment {
    let mut found = experiment(Paper::Harms, "F5", OVER_SHARES);
    found.tables.push(summary(all, base));
    found.figures = vec![
        drawn("", "efficacy and generalization, mean", all, |set, mask| quality(all, set, mask)),
        drawn("locality", "locality", all, |set, mask| locality(all, set, mask)),
    ];
    found.claims = vec![kept(all), more_local(all), general_ability(lines), no_rescue(all, base)];
    found
}

fn summary(all: &[Masked], base: &Health) -> Table {
    let mut rows = Vec::new();
    for (set, mask) in Set::ALL.into_iter().flat_map(|set| masks().map(move |mask| (set, mask))) {
        let of = |of: fn(&Masked) -> f64| mean_measured(&numbers(all, set, mask, of));
        let perplexities = perplexities(all, set, mask);
        let mut row = vec![text(set.name()), text(form(mask)), Cell::Number(mask.share())];
        row.push(Cell::Count(perplexities.len()));
        let values = [
            of(|one| one.landed.efficacy),
            of(|one| one.landed.generalization),
            of(|one| one.landed.locality),
            median(&perplexities) / base.perplexity,
            quantile(&perplexities, 1.0) / base.perplexity,
            of(|one| mean_measured(&one.health.tasks)) / mean_measured(&base.tasks),
            of(|one| one.update_norm),
        ];
        row.extend(values.map(number));
        rows.push(row);
    }
    let columns = [
        "set",
        "mask",
        "share kept",
        "edits",
        "efficacy",
        "generalization",
        "locality",
        "perplexity over the base, median",
        "largest",
        "tasks over the base",
        "‖ΔW‖, mean",
    ];
    table("single edits by ROME; token accuracies", &columns, rows)
}

/// Name of a mask.
fn form(mask: RectKind) -> &'static str {
    match mask {
        RectKind::Relative(_) => "relative",
        RectKind::Shifted(_) => "shifted",
    }
}

fn drawn(name: &'static str, label: &str, all: &[Masked], of: impl Fn(Set, RectKind) -> f64) -> Figure {
    let line = |set: Set| {
        let points = SHARES.map(|share| (share, of(set, RectKind::Relative(share))));
        series(set.name(), Mark::Line, points.to_vec())
    };
    let caption = format!("{label} over the share of entries kept, {} edits", all.len());
    picture(name, caption, [("share kept", false), (label, false)], Set::ALL.map(line).to_vec())
}

fn kept(all: &[Masked]) -> Claim {
    let [whole, part] = [WHOLE, PART].map(|mask| quality(all, Set::Normal, mask));
    let share = part / whole;
    claim(
        "keeping 40 % of the entries keeps most of the edit's quality",
        "more than 94 %",
        format!(
            "efficacy and generalization of normal cases {} of {}, which is {} % (agrees from 94 %, in kind from 80 %)",
            say(part),
            say(whole),
            say(100.0 * share)
        ),
        met(share >= 0.94, share >= 0.8),
        "in so small a matrix each entry carries more of the edit",
    )
}

fn more_local(all: &[Masked]) -> Claim {
    let [whole, part] = [WHOLE, PART].map(|mask| locality(all, Set::Normal, mask));
    claim(
        "it also makes edits more local",
        "shown in a figure",
        format!(
            "locality {} with 40 %, {} with all (agrees where it rises, in kind where it stays)",
            say(part),
            say(whole)
        ),
        met(part > whole, part == whole),
        "locality falls",
    )
}

fn general_ability(lines: &[Sequenced]) -> Claim {
    let ends: Vec<(f64, f64)> = lines.iter().map(Sequenced::end).collect();
    let [(whole, whole_tasks), (part, part_tasks)] = *ends.as_slice() else {
        return claim(
            "it keeps general abilities along a sequence",
            "",
            "no sequence was run".into(),
            met(false, false),
            "not run",
        );
    };
    let [less_harm, more_right] = [part < whole, part_tasks >= whole_tasks];
    claim(
        "it keeps general abilities along a sequence",
        "shown in a figure: tasks fall to 0 within 20 edits of ROME on GPT-2 XL, less with RECT",
        format!(
            "after the last normal case perplexity {} and tasks right {} with 40 %, {} and {} with all (agrees where both are better, in \
             kind where one is)",
            say(part),
            say(part_tasks),
            say(whole),
            say(whole_tasks)
        ),
        met(less_harm && more_right, less_harm || more_right),
        "both are worse",
    )
}

fn no_rescue(all: &[Masked], base: &Health) -> Claim {
    let [whole, part] = [WHOLE, PART].map(|mask| perplexities(all, Set::Collapse, mask));
    let broken = count_collapsed(&part, base.perplexity);
    let norms = [(Set::Collapse, PART), (Set::Normal, WHOLE)]
        .map(|(set, mask)| median(&numbers(all, set, mask, |one| one.update_norm)));
    let is_broken = collapsed(median(&part), base.perplexity);
    claim(
        "less harm to general abilities, so for collapse cases too",
        "not tried on them",
        format!(
            "{broken} of {} collapse cases leave {COLLAPSED} times the perplexity or more with 40 %, {} of {} with all; medians {} and {} \
             times the base (agrees where none does, in kind where fewer do)",
            part.len(),
            count_collapsed(&whole, base.perplexity),
            whole.len(),
            say(median(&part) / base.perplexity),
            say(median(&whole) / base.perplexity)
        ),
        met(broken == 0 && !part.is_empty(), !is_broken && broken < count_collapsed(&whole, base.perplexity)),
        format!(
            "what is kept of such an update still is {} times a whole normal one",
            say(norms[0] / norms[1])
        ),
    )
}
