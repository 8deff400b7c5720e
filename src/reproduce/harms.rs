//! Model Editing Harms General Abilities: RECT keeps the entries of an update that change their weight most, relative to it.
//!
//! The paper edits zsRE; here the cases are those of all experiments, the first few of each set alone, and normal ones in sequence.

use super::masks::{
    Masked, PART, ROME, SHARES, WHOLE, alone, locality, masks, numbers, perplexities, quality,
};
use super::measure::Health;
use super::objective::preserved_keys;
use super::rect_sequence::{Sequenced, sequence, sequences};
use super::ruling::{
    COLLAPSED, claim, collapsed, count_collapsed, experiment, mean_measured, median, met, not_run, number,
    picture, quantile, say, series, table, text,
};
use super::singles::{Unmade, not_made};
use super::{Cell, Claim, Experiment, Figure, Mark, Paper, Plan, ReproduceError, Selection, Set, Table};
use crate::edit::RectKind;
use crate::model::Model;

/// Cases of each set that are edited alone.
const CASES: usize = 6;
const OVER_SHARES: &str = "edit quality and general ability over the share that is kept";

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
    let preserved = preserved_keys(model, plan, plan.layer()?)?;
    let (mut all, mut refused) = (Vec::new(), Vec::new());
    for set in Set::ALL {
        let own = selection.chosen.iter().enumerate().filter(|(_, chosen)| chosen.set == set);
        for (at, chosen) in own.take(CASES) {
            progress(&format!("{} under masks", chosen.case.case_id));
            match alone(model, plan, chosen, &preserved)? {
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

fn shares(all: &[Masked], base: &Health, lines: &[Sequenced]) -> Experiment {
    let mut found = experiment(Paper::Harms, "F5", OVER_SHARES);
    found.tables.push(summary(all, base));
    found.figures = vec![
        drawn("", "efficacy and generalization, mean", all, |set, mask| quality(all, set, mask)),
        drawn("locality", "locality", all, |set, mask| locality(all, set, mask)),
    ];
    found.claims = vec![kept(all), more_local(all), general_ability(lines, all), no_rescue(all, base)];
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
            of(|one| one.preservation),
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
        "‖ΔW k‖ of other texts, mean",
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
        "the entries that are dropped carry more of the edit here",
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
        moves_others(all),
    )
}

/// What is known of why a mask does harm: C⁻¹ had turned the whole update away from other keys.
fn moves_others(all: &[Masked]) -> String {
    let [whole, part] =
        [WHOLE, PART].map(|mask| mean_measured(&numbers(all, Set::Normal, mask, |one| one.preservation)));
    format!(
        "the whole update is turned away from other keys by C⁻¹, what is kept of it is not: it moves keys of other texts {} times as far",
        say(part / whole)
    )
}

fn general_ability(lines: &[Sequenced], all: &[Masked]) -> Claim {
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
        moves_others(all),
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
