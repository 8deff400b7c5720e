//! Edits one after another, and what is measured behind each: what the papers on sequences have in common.
//!
//! Perplexity and distance are measured behind every edit; facts and tasks at some six checkpoints, the last edit among them.

use super::forgotten::Facts;
use super::measure::{Rates, perplexity, tasks};
use super::original::Original;
use super::{Chosen, Plan, ReproduceError, Selection, Set};
use crate::edit::Method;
use crate::evaluate::{self, Measure, PromptKind, Quality};
use crate::model::Model;
use crate::reader::{BadRecord, Case, ScheduleKind};
use crate::sequence::{self, Sequence};

/// Normal edits before the one collapse edit of a mixed stream, where there are so many.
const BEFORE: usize = 8;
/// Normal edits behind it.
const BEHIND: usize = 4;
/// Checkpoints of a stream.
const CHECKPOINTS: usize = 6;

/// Which cases follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    /// Cases of one set.
    Of(Set),
    /// A collapse case among normal ones.
    Mixed,
}

impl Stream {
    /// Its name in tables.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Of(set) => set.name(),
            Self::Mixed => "mixed",
        }
    }

    /// Its cases in their order; fewer normal ones than asked for are shared out, two before to one behind.
    pub(super) fn cases(self, selection: &Selection) -> Vec<&Chosen> {
        let Self::Of(set) = self else {
            let normal: Vec<&Chosen> = selection.of(Set::Normal).take(BEFORE + BEHIND).collect();
            let (before, behind) = normal.split_at(normal.len() * BEFORE / (BEFORE + BEHIND));
            let collapse = selection.of(Set::Collapse).take(1);
            return before.iter().copied().chain(collapse).chain(behind.iter().copied()).collect();
        };
        selection.of(set).collect()
    }
}

/// A stream, edited by one method.
#[derive(Clone, Debug)]
pub(super) struct Followed {
    pub(super) stream: Stream,
    pub(super) method: Method,
    /// Perplexity before the first edit.
    pub(super) base: f64,
    /// Task scores before it.
    pub(super) base_tasks: Vec<f64>,
    /// Behind each edit.
    pub(super) points: Vec<Point>,
    /// Some of them looked at more closely.
    pub(super) checkpoints: Vec<Checkpoint>,
}

/// Behind one edit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    /// Edits so far.
    pub(super) edits: usize,
    /// Set of the case that was edited.
    pub(super) set: Set,
    /// Whether it was: not where the case was refused or its update was not finite.
    pub(super) made: bool,
    pub(super) perplexity: f64,
    /// Normalised, see [`Original::distance`].
    pub(super) distance: f64,
}

/// A closer look.
#[derive(Clone, Debug)]
pub(super) struct Checkpoint {
    /// Edits so far.
    pub(super) edits: usize,
    /// Over the facts of all edits so far.
    pub(super) rates: Rates,
    /// Share of the facts learnt that are forgotten, in percent.
    pub(super) forgotten: f64,
    /// Share of right answers of each task file.
    pub(super) tasks: Vec<f64>,
}

impl Followed {
    /// Method and stream, for a legend.
    pub(super) fn name(&self) -> String {
        format!("{}, {}", self.method.name(), self.stream.name())
    }

    /// By how much each edit multiplied the perplexity.
    pub(super) fn factors(&self) -> Vec<f64> {
        let before = std::iter::once(self.base).chain(self.points.iter().map(|point| point.perplexity));
        self.points.iter().zip(before).map(|(point, before)| point.perplexity / before).collect()
    }

    /// Perplexity behind the last edit over that before the first; NaN without an edit.
    pub(super) fn growth(&self) -> f64 {
        self.points.last().map_or(f64::NAN, |last| last.perplexity / self.base)
    }

    /// The largest factor of the distance in one edit behind the first, and whose edit it was.
    pub(super) fn largest_step(&self) -> Option<(f64, Point)> {
        let steps = self.points.iter().zip(self.points.iter().skip(1));
        steps.map(|(before, at)| (at.distance / before.distance, *at)).max_by(|a, b| a.0.total_cmp(&b.0))
    }

    /// The last checkpoint.
    pub(super) fn end(&self) -> Option<&Checkpoint> {
        self.checkpoints.last()
    }
}

/// The one of a stream and a method.
pub(super) fn find(all: &[Followed], stream: Stream, method: Method) -> Option<&Followed> {
    all.iter().find(|followed| {
        (followed.stream, followed.method) == (stream, method) && !followed.points.is_empty()
    })
}

/// Edits the cases of a stream in their order, and takes everything back.
pub(super) fn follow(
    model: &mut Model,
    plan: &Plan<'_>,
    selection: &Selection,
    stream: Stream,
    method: Method,
) -> Result<Followed, ReproduceError> {
    let cases = stream.cases(selection);
    let setup = plan.setup(method);
    let original = Original::of(model, &setup.hparams.layers)?;
    let (base, base_tasks) = (perplexity(model, plan)?, tasks(model, plan)?);
    let mut followed =
        Followed { stream, method, base, base_tasks, points: Vec::new(), checkpoints: Vec::new() };
    let records: Vec<Result<Case, BadRecord>> = cases.iter().map(|chosen| Ok(chosen.case.clone())).collect();
    let schedule = ScheduleKind::Sequential;
    let order = sequence::Plan { setup, schedule, batch: 1, prune: None, guard: None };
    original.behind(model, |model| {
        let mut sequence = Sequence::new(order, &records);
        let mut facts = Facts::default();
        for (at, chosen) in cases.iter().enumerate() {
            let edits = at + 1;
            let made = sequence.step(model)?.is_some_and(|step| !step.line.layers.is_empty());
            facts.edited(made && correct(&asked(model, &[Ok(bare(&chosen.case))])?, 1).contains(&true));
            let (perplexity, distance) = (perplexity(model, plan)?, original.distance(model)?);
            followed.points.push(Point { edits, set: chosen.set, made, perplexity, distance });
            if edits % cases.len().div_ceil(CHECKPOINTS) == 0 || edits == cases.len() {
                let quality = asked(model, records.get(..edits).unwrap_or_default())?;
                facts.checked(correct(&quality, edits));
                let (rates, forgotten) = (Rates::of(&quality), facts.forgotten());
                followed.checkpoints.push(Checkpoint { edits, rates, forgotten, tasks: tasks(model, plan)? });
            }
        }
        Ok(followed)
    })
}

fn asked(model: &Model, records: &[Result<Case, BadRecord>]) -> Result<Quality, ReproduceError> {
    Ok(evaluate::quality(model, records, &[], |_| {})?)
}

/// Whether every token of the new object is the most probable one, fact by fact.
fn correct(quality: &Quality, facts: usize) -> Vec<bool> {
    let mut correct = vec![false; facts];
    for case in &quality.cases {
        if let Some(correct) = correct.get_mut(case.index) {
            *correct = case.measure(PromptKind::Rewrite, Measure::Correct) == Some(1.0);
        }
    }
    correct
}

/// The edited prompt of a case alone.
fn bare(case: &Case) -> Case {
    Case { paraphrase_prompts: Vec::new(), neighborhood_prompts: Vec::new(), ..case.clone() }
}
