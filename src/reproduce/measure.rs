//! How a model does, edited or not: perplexity, tasks, and what it says about the edited facts.

use super::{Plan, ReproduceError};
use crate::evaluate::{self, CaseScores, Measure, PromptKind, Quality, QualitySummary, Scoring};
use crate::model::Model;
use crate::reader::Case;

/// How a model does in general.
#[derive(Clone, Debug, PartialEq)]
pub struct Health {
    /// Mean over texts of exp(mean NLL), as the papers have it.
    pub perplexity: f64,
    /// Share of right answers of each task file, in their order; NaN where none can be asked.
    pub tasks: Vec<f64>,
}

impl Health {
    /// Measures a model.
    ///
    /// # Errors
    /// Where it cannot be run.
    pub fn of(model: &Model, plan: &Plan<'_>) -> Result<Self, ReproduceError> {
        Ok(Self { perplexity: perplexity(model, plan)?, tasks: tasks(model, plan)? })
    }
}

/// Mean over texts of exp(mean NLL).
///
/// # Errors
/// Where the model cannot be run.
pub(super) fn perplexity(model: &Model, plan: &Plan<'_>) -> Result<f64, ReproduceError> {
    let texts = evaluate::perplexity(model, plan.texts, Scoring::default(), |_| {})?;
    Ok(texts.summary.mean_of_text_perplexities)
}

/// Share of right answers of each task file; NaN where none can be asked.
pub(super) fn tasks(model: &Model, plan: &Plan<'_>) -> Result<Vec<f64>, ReproduceError> {
    let of = |(_, records): &(String, Vec<_>)| {
        Ok(evaluate::test(model, records, |_| {})?.accuracy.unwrap_or(f64::NAN))
    };
    plan.tasks.iter().map(of).collect()
}

/// COUNTERFACT's success rates over cases; NaN where no case has a prompt of the kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rates {
    /// ES.
    pub(super) efficacy: f64,
    /// PS.
    pub(super) generalization: f64,
    /// NS.
    pub(super) specificity: f64,
    /// S, their harmonic mean.
    pub(super) score: f64,
}

impl Rates {
    /// Over the cases of a model, or those of several put together.
    pub(super) fn of(quality: &Quality) -> Self {
        let summary = QualitySummary::of(quality);
        let rate = |kind| summary.metric(kind, Measure::Success).map_or(f64::NAN, |spread| spread.mean);
        Self {
            efficacy: rate(PromptKind::Rewrite),
            generalization: rate(PromptKind::Paraphrase),
            specificity: rate(PromptKind::Neighborhood),
            score: summary.score.unwrap_or(f64::NAN),
        }
    }
}

/// What a model says about one edited fact: token accuracies, as the papers on collapse report them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Landed {
    /// Of the new object behind the edited prompt.
    pub efficacy: f64,
    /// Behind other wordings; NaN where the case has none, as in the next ones.
    pub generalization: f64,
    /// Share of neighbours that keep what they said before any edit.
    pub locality: f64,
    /// Efficacy behind an editing prefix.
    pub prefixed_efficacy: f64,
    /// Generalization behind one.
    pub prefixed_generalization: f64,
}

/// Scores facts on a model, bare and behind `contexts`.
///
/// # Errors
/// Where it cannot be run.
pub fn landed(
    model: &Model,
    cases: &[Case],
    contexts: &[String],
    before: Option<&Quality>,
) -> Result<(Quality, Vec<Landed>), ReproduceError> {
    let records: Vec<_> = cases.iter().cloned().map(Ok).collect();
    let mut quality = evaluate::quality(model, &records, contexts, |_| {})?;
    if let Some(before) = before {
        quality.compare(before);
    }
    let landed = quality.cases.iter().map(of_case).collect();
    Ok((quality, landed))
}

fn of_case(case: &CaseScores) -> Landed {
    let accuracy = |kind| case.measure(kind, Measure::TokenAccuracy).unwrap_or(f64::NAN);
    Landed {
        efficacy: accuracy(PromptKind::Rewrite),
        generalization: accuracy(PromptKind::Paraphrase),
        locality: case.measure(PromptKind::Neighborhood, Measure::Agreement).unwrap_or(f64::NAN),
        prefixed_efficacy: accuracy(PromptKind::PrefixedRewrite),
        prefixed_generalization: accuracy(PromptKind::PrefixedParaphrase),
    }
}
