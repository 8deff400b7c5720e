//! Normal cases in sequence with and without RECT, and how large the change of the weights grows relative to them.
//!
//! ```text
//! Manhattan     Σ |W − W₀|
//! δ             |W − W₀| / |W₀|, entry by entry; infinite where W₀ is 0 and W is not
//! thresholds    the 80 % and 90 % quantiles of δ behind the first edit, as the paper's 0.077 and 0.171 are
//! ```

use ndarray::Array2;

use super::masks::ADVISED;
use super::measure::Health;
use super::original::Original;
use super::ruling::{
    claim, experiment, mean_measured, met, number, picture, quantile, say, series, table, text,
};
use super::{Cell, Claim, Experiment, Mark, Paper, Plan, ReproduceError, Selection, Set};
use crate::edit::{KeyChoice, Method, RectKind, Setup};
use crate::model::Model;
use crate::reader::ScheduleKind;
use crate::sequence::{self, Sequence};

/// Edits behind which the paper looks.
const LOOKS: [usize; 4] = [1, 5, 10, 15];
/// Σ |ΔW| behind the third look over that behind the first, as published.
const PUBLISHED: f64 = 52245.3 / 9079.2;

/// A sequence under a mask.
pub(super) struct Sequenced {
    mask: RectKind,
    looks: Vec<Look>,
}

/// Behind some edits.
struct Look {
    edits: usize,
    manhattan: f64,
    /// Shares of δ above the two thresholds.
    above: [f64; 2],
    health: Health,
}

impl Sequenced {
    /// Perplexity and mean task score behind the last edit.
    pub(super) fn end(&self) -> (f64, f64) {
        let nan = (f64::NAN, f64::NAN);
        self.looks.last().map_or(nan, |look| (look.health.perplexity, mean_measured(&look.health.tasks)))
    }
}

/// Edits the first normal cases one after another by ROME, and takes everything back.
pub(super) fn sequence(
    model: &mut Model,
    plan: &Plan<'_>,
    selection: &Selection,
    mask: RectKind,
) -> Result<Sequenced, ReproduceError> {
    let most = LOOKS.iter().copied().max().unwrap_or(0);
    let records: Vec<_> =
        selection.of(Set::Normal).take(most).map(|chosen| Ok(chosen.case.clone())).collect();
    let setup = Setup { rect: Some(mask), ..plan.setup(Method::Rome(KeyChoice::Rome)) };
    let original = Original::of(model, &setup.hparams.layers)?;
    let schedule = ScheduleKind::Sequential;
    let order = sequence::Plan { setup, schedule, batch: 1, prune: None, guard: None };
    original.behind(model, |model| {
        let mut run = Sequence::new(order, &records);
        let (mut looks, mut thresholds) = (Vec::new(), [f64::NAN; 2]);
        for edits in 1..=records.len() {
            run.step(model)?;
            if !LOOKS.contains(&edits) && edits != records.len() {
                continue;
            }
            let Some(before) = original.first() else { break };
            let (manhattan, ratios) = change(before, &model.down_projection_weight(plan.layer()?)?.0);
            if edits == 1 {
                thresholds = [0.8, 0.9].map(|q| quantile(&ratios, q));
            }
            let above = thresholds.map(|threshold| share_above(&ratios, threshold));
            looks.push(Look { edits, manhattan, above, health: Health::of(model, plan)? });
        }
        Ok(Sequenced { mask, looks })
    })
}

/// Σ |W − W₀| and δ of every entry.
fn change(before: &Array2<f32>, now: &Array2<f32>) -> (f64, Vec<f64>) {
    let changes =
        before.iter().zip(now).map(|(w, now)| (f64::from(*w), (f64::from(*now) - f64::from(*w)).abs()));
    let ratio = |(weight, change): (f64, f64)| if change == 0.0 { 0.0 } else { change / weight.abs() };
    (changes.clone().map(|(_, change)| change).sum(), changes.map(ratio).collect())
}

/// Share of numbers above a threshold.
fn share_above(numbers: &[f64], threshold: f64) -> f64 {
    numbers.iter().filter(|x| **x > threshold).count() as f64 / numbers.len() as f64
}

/// The experiment of these sequences.
pub(super) fn sequences(lines: &[Sequenced], base: &Health, plan: &Plan<'_>) -> Experiment {
    let mut found =
        experiment(Paper::Harms, "F4", "the change of weights and general abilities along a sequence");
    let rows = lines.iter().flat_map(|line| line.looks.iter().map(|look| row(line, look, base)));
    let mut columns = vec![
        "share kept",
        "edits",
        "Σ |ΔW|",
        "δ above the 80 % of the first",
        "δ above its 90 %",
        "perplexity over the base",
    ];
    columns.extend(plan.tasks.iter().map(|(name, _)| name.as_str()));
    let title =
        "normal cases by ROME; the thresholds of δ are quantiles behind the first edit of each sequence";
    found.tables.push(table(title, &columns, rows.collect()));
    let drawn = lines.iter().map(|line| {
        let points =
            line.looks.iter().map(|look| (look.edits as f64, look.health.perplexity / base.perplexity));
        series(format!("{} kept", say(line.mask.share())), Mark::Line, points.collect())
    });
    let axes = [("edits", false), ("perplexity over the base", false)];
    found.figures.push(picture("", "perplexity with and without RECT".to_owned(), axes, drawn.collect()));
    found.claims.extend(lines.iter().find(|line| line.mask.share() > ADVISED).and_then(grows));
    found
}

fn row(line: &Sequenced, look: &Look, base: &Health) -> Vec<Cell> {
    let mut row = vec![text(say(line.mask.share())), Cell::Count(look.edits)];
    let numbers = [look.manhattan, look.above[0], look.above[1], look.health.perplexity / base.perplexity];
    row.extend(numbers.into_iter().chain(look.health.tasks.iter().copied()).map(number));
    row
}

fn grows(line: &Sequenced) -> Option<Claim> {
    let (first, last) = (line.looks.first()?, line.looks.last()?);
    let third = line.looks.iter().find(|look| look.edits == LOOKS[2]).unwrap_or(last);
    let times = third.manhattan / first.manhattan;
    let close = third.edits == LOOKS[2] && (PUBLISHED / 2.0..=PUBLISHED * 2.0).contains(&times);
    Some(claim(
        "with the number of edits more and more weights change by a large part of themselves",
        "Σ |ΔW| 5.75 times after 10 edits; δ above the first 80 % from 20 % to 67 % of the weights",
        format!(
            "Σ |ΔW| {} times after {} edits, {} % of the weights above (agrees within a factor of 2 of the first after 10 edits, in kind \
             where both grow)",
            say(times),
            third.edits,
            say(100.0 * third.above[0])
        ),
        met(close && third.above[0] > first.above[0], times > 1.0 && third.above[0] > first.above[0]),
        "they do not grow",
    ))
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_change_is_measured_against_each_weight() {
        let (manhattan, ratios) = change(&array![[2.0, -4.0], [0.0, 0.0]], &array![[3.0, -4.0], [0.0, 0.5]]);
        assert_eq!((manhattan, ratios.as_slice()), (1.5, &[0.5, 0.0, 0.0, f64::INFINITY][..]));
        assert_eq!(share_above(&ratios, 0.4), 0.5);
    }
}
