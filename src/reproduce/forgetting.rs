//! Gradual and Catastrophic Forgetting, with Figure 4 of the Butterfly Effect, which follows the same sequences.
//!
//! The phases of the paper are read off plots. Here: a step is one edit, its factor |Δₜ| / |Δₜ₋₁| from the second edit on.

use super::forgotten::growth_exponent;
use super::ruling::{claim, experiment, mean_measured, met, number, picture, say, series, table, text};
use super::sequential::{METHODS, figure_4};
use super::streams::{Checkpoint, Followed, Stream, find, follow};
use super::{Cell, Claim, Experiment, Figure, Mark, Paper, Plan, ReproduceError, Selection, Set, Table};
use crate::edit::{KeyChoice, Method};
use crate::model::Model;

const ROME: Method = Method::Rome(KeyChoice::Rome);
const NORMAL: Stream = Stream::Of(Set::Normal);

/// The factor of |Δ| in the published disabling edit: 4·10⁻⁶ to 3·10⁻⁵.
const DISABLING: f64 = 7.0;
/// The published share of facts forgotten right after it, in percent.
const FORGOTTEN: f64 = 78.0;

/// Follows every stream and makes both experiments of them.
///
/// # Errors
/// Where the model cannot be run or a method not be used on it.
pub(super) fn experiments(
    model: &mut Model,
    plan: &Plan<'_>,
    selection: &Selection,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<Experiment>, ReproduceError> {
    let collapse = METHODS.map(|method| (Stream::Of(Set::Collapse), method));
    let fine_tuning = fine_tuning(plan);
    let others = METHODS.into_iter().chain([fine_tuning]);
    let others = others.flat_map(|method| [NORMAL, Stream::Mixed].map(|stream| (stream, method)));
    let mut followed = Vec::new();
    for (stream, method) in collapse.into_iter().chain(others) {
        progress(&format!("{} cases in sequence, {}", stream.name(), method.name()));
        followed.push(follow(model, plan, selection, stream, method)?);
    }
    Ok(vec![figure_4(&followed), figures_1_to_3(&followed, plan, fine_tuning)])
}

/// FT-L, or FT where its bound is not known.
fn fine_tuning(plan: &Plan<'_>) -> Method {
    plan.fine_tune.norm_constraint.map_or(Method::FineTune, |_| Method::FineTuneConstrained)
}

fn figures_1_to_3(followed: &[Followed], plan: &Plan<'_>, fine_tuning: Method) -> Experiment {
    let methods = [fine_tuning, ROME, Method::Memit];
    let own: Vec<&Followed> = [NORMAL, Stream::Mixed]
        .iter()
        .flat_map(|stream| methods.iter().filter_map(|method| find(followed, *stream, *method)))
        .collect();
    let mut found = experiment(Paper::Forgetting, "F1-3", "what a sequence of edits keeps and loses");
    found.tables.push(numbers(&own, plan));
    found.figures = vec![
        drawn("forgotten", "facts forgotten [%]", &own, |at| at.forgotten),
        drawn("efficacy", "efficacy over all edits so far (ES)", &own, |at| at.rates.efficacy),
        drawn("specificity", "specificity over all edits so far (NS)", &own, |at| at.rates.specificity),
        drawn("tasks", "right answers, mean over tasks", &own, |at| mean_measured(&at.tasks)),
        distances(&own),
    ];
    let ends = methods.map(|method| find(followed, NORMAL, method).and_then(Followed::end));
    found.claims = [
        gradual(followed),
        disabling(followed),
        after_the_break(followed),
        order_of_methods(ends),
        random_walk(followed),
    ]
    .into_iter()
    .flatten()
    .collect();
    found
}

fn numbers(own: &[&Followed], plan: &Plan<'_>) -> Table {
    let mut columns = vec!["stream", "method", "edits", "perplexity", "ES", "PS", "NS", "S"];
    columns.extend(["forgotten [%]", "‖W − W₀‖ / entries", "growth exponent"]);
    columns.extend(plan.tasks.iter().map(|(name, _)| name.as_str()));
    let rows = own.iter().flat_map(|followed| {
        let before = std::iter::once(None).chain(followed.checkpoints.iter().map(Some));
        followed.checkpoints.iter().zip(before).map(|(at, before)| row(followed, at, before))
    });
    let title = "at some checkpoints of each sequence; the exponent is that since the checkpoint before";
    table(title, &columns, rows.collect())
}

fn row(followed: &Followed, at: &Checkpoint, before: Option<&Checkpoint>) -> Vec<Cell> {
    let point = followed.points.iter().find(|point| point.edits == at.edits);
    let from = before.map_or(1, |before| before.edits);
    let since = followed.points.iter().filter(|point| (from..=at.edits).contains(&point.edits));
    let exponent = growth_exponent(since.map(|point| (point.edits as f64, point.distance)));
    let rates = at.rates;
    let mut cells = vec![text(followed.stream.name()), text(followed.method.name()), Cell::Count(at.edits)];
    let numbers = [
        point.map_or(f64::NAN, |point| point.perplexity),
        rates.efficacy,
        rates.generalization,
        rates.specificity,
        rates.score,
        at.forgotten,
        point.map_or(f64::NAN, |point| point.distance),
        exponent,
    ];
    cells.extend(numbers.into_iter().chain(at.tasks.iter().copied()).map(number));
    cells
}

fn drawn(name: &'static str, label: &str, own: &[&Followed], of: fn(&Checkpoint) -> f64) -> Figure {
    let lines = own.iter().map(|followed| {
        let points = followed.checkpoints.iter().map(|at| (at.edits as f64, of(at)));
        series(followed.name(), Mark::Line, points.collect())
    });
    let caption = format!("{label} along sequences");
    picture(name, caption, [("edits", false), (label, false)], lines.collect())
}

fn distances(own: &[&Followed]) -> Figure {
    let lines = own.iter().map(|followed| {
        let points = followed.points.iter().map(|point| (point.edits as f64, point.distance));
        series(followed.name(), Mark::Line, points.collect())
    });
    let caption = "normalised distance along sequences".to_owned();
    picture("distance", caption, [("edits", false), ("‖W − W₀‖ / entries", true)], lines.collect())
}

/// Specificity falls before anything breaks.
fn gradual(followed: &[Followed]) -> Option<Claim> {
    let rome = find(followed, NORMAL, ROME)?;
    let (first, last) = (rome.checkpoints.first()?, rome.end()?);
    let [from, to] = [first, last].map(|at| at.rates.specificity);
    let es = last.rates.efficacy;
    Some(claim(
        "before any break specificity falls steadily while efficacy stays, with ROME",
        "GPT-J, read off a plot: NS from 0.78 to 0.45 over 1,000 edits, ES near 1",
        format!(
            "NS {} after {} normal edits and {} after {}, ES {} over them all (agrees where NS loses 0.1 and ES is 0.9, in kind where \
             NS loses and ES is 0.7)",
            say(from),
            first.edits,
            say(to),
            last.edits,
            say(es)
        ),
        met(to <= from - 0.1 && es >= 0.9, to < from && es >= 0.7),
        if to < from { "efficacy goes as well" } else { "specificity does not fall" },
    ))
}

/// One edit moves the weights as no other does, with ROME alone.
fn disabling(followed: &[Followed]) -> Option<Claim> {
    let step = |method| find(followed, Stream::Mixed, method)?.largest_step();
    let ((rome, at), (memit, _)) = (step(ROME)?, step(Method::Memit)?);
    let is_collapse = at.set == Set::Collapse;
    let case = if is_collapse { "the collapse case" } else { "a normal case" };
    Some(claim(
        "with ROME the break comes in one disabling edit, with MEMIT there is none",
        "|Δ| 7.5 times in one edit of ROME (GPT-J, read off a plot)",
        format!(
            "in one edit |Δ| grows at most {} times with ROME, at edit {}, {case}, and {} times with MEMIT (agrees from {DISABLING} times \
             at the collapse case against below 2, in kind from twice MEMIT's)",
            say(rome),
            at.edits,
            say(memit)
        ),
        met(is_collapse && rome >= DISABLING && memit < 2.0, is_collapse && rome >= 2.0 * memit),
        "no edit stands out",
    ))
}

/// Facts are gone and tasks fail behind the break.
fn after_the_break(followed: &[Followed]) -> Option<Claim> {
    let rome = find(followed, Stream::Mixed, ROME)?;
    let (end, before) = (rome.end()?, mean_measured(&rome.base_tasks));
    let after = mean_measured(&end.tasks);
    Some(claim(
        "behind a disabling edit earlier facts are gone and downstream tasks fail",
        "78 % of facts forgotten, F1 of most tasks 0 (GPT-J, read off plots)",
        format!(
            "{} % of the facts learnt are forgotten at the end, and of the tasks' answers {} are right, {} before (agrees where \
             {FORGOTTEN} % are forgotten and half of the answers lost, in kind where both fall)",
            say(end.forgotten),
            say(after),
            say(before)
        ),
        met(end.forgotten >= FORGOTTEN && after <= before / 2.0, end.forgotten > 0.0 && after < before),
        "one of the two does not fall",
    ))
}

/// Facts forgotten: very many, many, few.
fn order_of_methods([fine_tuning, rome, memit]: [Option<&Checkpoint>; 3]) -> Option<Claim> {
    let [ft, rome, memit] = [fine_tuning?, rome?, memit?].map(|end| end.forgotten);
    Some(claim(
        "constrained fine-tuning forgets most, then ROME, then MEMIT",
        "very high, high, low",
        format!(
            "{} %, {} % and {} % of the normal facts learnt (agrees in this order, in kind where MEMIT forgets least)",
            say(ft),
            say(rome),
            say(memit)
        ),
        met(ft >= rome && rome > memit, memit <= rome && memit < ft.max(rome)),
        "it does not forget least, or nothing is forgotten over so few edits",
    ))
}

/// A healthy sequence moves as a random walk does.
fn random_walk(followed: &[Followed]) -> Option<Claim> {
    let memit = find(followed, NORMAL, Method::Memit)?;
    let points = memit.points.iter().map(|point| (point.edits as f64, point.distance));
    let exponent = growth_exponent(points);
    let within = |low, high| (low..=high).contains(&exponent);
    Some(claim(
        "as long as nothing breaks |Δ| grows with the root of the number of edits",
        "exponent 0.49 to 0.53 (MEMIT, GPT-2 XL, edits 50 to 500, worked out from the authors' records)",
        format!(
            "exponent {} over {} normal edits with MEMIT (agrees from 0.4 to 0.6, in kind from 0.25 to 0.75)",
            say(exponent),
            memit.points.len()
        ),
        met(within(0.4, 0.6), within(0.25, 0.75)),
        "the updates point the same way, or cancel",
    ))
}
