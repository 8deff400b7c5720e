//! All of it: paper after paper on one model, and what one of them cannot do does not stop the others.

use super::ruling::not_run;
use super::{
    Experiment, Paper, Plan, ReproduceError, Reproduction, Selection, Set, butterfly, fall, forgetting,
    harms, rebuilding, singles, unified,
};
use crate::edit::Method;
use crate::model::Model;

/// What is run.
#[derive(Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// The papers; all where none is named.
    pub papers: &'a [Paper],
    /// An encoder, for the control of The Fall of ROME.
    pub encoder: Option<&'a Model>,
}

/// What a run is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Begins something of so many parts.
    Begin(&'a str, usize),
    /// A part is done.
    Done,
    /// Is at this.
    At(&'a str),
}

/// The experiments of a paper on one selection.
type Experiments =
    fn(&mut Model, &Plan<'_>, &Selection, &mut dyn FnMut(&str)) -> Result<Vec<Experiment>, ReproduceError>;

/// Experiments that share nothing with others, and the papers that each is of.
const APART: &[(&[Paper], Experiments)] = &[
    (&[Paper::Forgetting, Paper::Butterfly], forgetting::experiments),
    (&[Paper::Rebuilding], rebuilding::experiments),
    (&[Paper::Unified], unified::experiments),
    (&[Paper::Harms], harms::experiments),
];

/// Runs the papers' experiments on a model. Afterwards the model is as it was.
///
/// An experiment that cannot be run on this model is one of the outcome, with the reason.
///
/// # Errors
/// Where the cases cannot be diagnosed, or the model not be run.
pub fn reproduce(
    model: &mut Model,
    plan: &Plan<'_>,
    wanted: &Wanted<'_>,
    progress: &mut dyn FnMut(Step<'_>),
) -> Result<Reproduction, ReproduceError> {
    let wants = |paper| wanted.papers.is_empty() || wanted.papers.contains(&paper);
    progress(Step::Begin("diagnosing cases", 1));
    let selection = plan.select(model)?;
    progress(Step::Done);
    let mut experiments = Vec::new();
    if wants(Paper::Fall) || wants(Paper::Butterfly) {
        experiments.extend(alone(model, plan, &selection, wanted, progress)?);
    }
    for (papers, run) in APART {
        let Some(paper) = papers.iter().find(|paper| wants(**paper)) else { continue };
        progress(Step::Begin(paper.title(), 1));
        let outcome = run(model, plan, &selection, &mut |what| progress(Step::At(what)));
        experiments.extend(outcome.unwrap_or_else(|error| vec![failed(*paper, &error)]));
        progress(Step::Done);
    }
    experiments.retain(|experiment| wants(experiment.paper));
    experiments.sort_by_key(|experiment| experiment.paper);
    Ok(Reproduction { model: model.path().to_owned(), facts: facts(model, plan, &selection)?, experiments })
}

/// The two papers on single edits, which look at the same ones.
fn alone(
    model: &mut Model,
    plan: &Plan<'_>,
    selection: &Selection,
    wanted: &Wanted<'_>,
    progress: &mut dyn FnMut(Step<'_>),
) -> Result<Vec<Experiment>, ReproduceError> {
    let wants = |paper| wanted.papers.is_empty() || wanted.papers.contains(&paper);
    let others: &[Method] = if wants(Paper::Butterfly) { &butterfly::OTHERS } else { &[] };
    progress(Step::Begin("editing every case alone", selection.chosen.len()));
    let singles = singles(model, plan, selection, others, &mut || progress(Step::Done))?;
    let mut experiments = Vec::new();
    if wants(Paper::Fall) {
        progress(Step::Begin(Paper::Fall.title(), 1));
        let mut at = |what: &str| progress(Step::At(what));
        let outcome = fall::experiments(model, plan, selection, &singles, wanted.encoder, &mut at);
        experiments.extend(outcome.unwrap_or_else(|error| vec![failed(Paper::Fall, &error)]));
        progress(Step::Done);
    }
    if wants(Paper::Butterfly) {
        progress(Step::Begin(Paper::Butterfly.title(), 1));
        let outcome = butterfly::experiments(model, plan, selection, &singles);
        experiments.extend(outcome.unwrap_or_else(|error| vec![failed(Paper::Butterfly, &error)]));
        progress(Step::Done);
    }
    Ok(experiments)
}

/// A paper that cannot be run at all.
fn failed(paper: Paper, error: &ReproduceError) -> Experiment {
    not_run(paper, "all", "every experiment", error.to_string())
}

/// What the numbers rest on.
fn facts(
    model: &Model,
    plan: &Plan<'_>,
    selection: &Selection,
) -> Result<Vec<(&'static str, String)>, ReproduceError> {
    let layer = plan.layer()?;
    let taken = |set| selection.of(set).count();
    let mut cases = format!(
        "{} of {} whose keys foretell a collapse, {} of {} whose keys do not",
        taken(Set::Collapse),
        selection.collapse,
        taken(Set::Normal),
        selection.normal
    );
    if selection.stand_in {
        cases = format!(
            "the keys of no case foretell a collapse; {} of {} whose subject is the first token stand in, and {} of {} others",
            taken(Set::Collapse),
            selection.collapse,
            taken(Set::Normal),
            selection.normal
        );
    }
    for (n, what) in [(selection.at_risk, "at risk, in neither set"), (selection.refused, "refused")] {
        if n > 0 {
            cases = format!("{cases}; {n} {what}");
        }
    }
    let moment = plan.moments.get(&layer).map_or_else(String::new, |moment| match moment.facts().tokens {
        Some(tokens) => format!("summed over {tokens} tokens"),
        None => "none: C = 1, the variant without it".to_owned(),
    });
    let templates = format!("{}, SHA-256 {}", plan.contexts.templates().count(), plan.contexts.sha256());
    Ok(vec![
        ("model", format!("{}, {} layers", model.config().architecture.name(), model.config().layers)),
        ("layer", layer.to_string()),
        ("cases", cases),
        ("templates", templates),
        ("moment", moment),
        ("texts", plan.texts.len().to_string()),
        ("seed", plan.seed.to_string()),
    ])
}
