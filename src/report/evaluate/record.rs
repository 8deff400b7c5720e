//! The record `diagnose.evaluate/1`, field by field in the order in which it is written.

use serde::Serialize;
use serde::ser::Serializer;

use super::steps::StepRecord;
use super::task_record::{TaskRecord, TextsRecord};
use super::write::EvaluateReport;
use crate::evaluate::{
    Answer, CASE_METRICS, CaseEvaluation, CaseScores, Evaluation, Measure, Metric, PromptKind, PromptScore,
    Unanswerable, Written,
};
use crate::report::json::{NonFiniteFields, Tool};
use crate::report::refused::RefusedRecord;

/// Name and version of the record.
pub(super) const SCHEMA: &str = "diagnose.evaluate/1";

/// The whole document.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Record<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    /// In the order in which they were given.
    tasks: Vec<TaskRecord<'a>>,
    /// In the order of the records.
    cases: Vec<CaseRecord<'a>>,
    /// Records of the cases that could not be scored.
    refused: Vec<RefusedRecord<'a>>,
    /// The base and the steps of a ledger; absent without one. `cases` are then as they were right after their own edit.
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<Vec<StepRecord<'a>>>,
}

/// All but tasks and cases.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Head<'a> {
    schema: &'static str,
    tool: Tool,
    /// As typed.
    model: String,
    /// SHA-256 of the model's `tokenizer.json`.
    tokenizer_hash: &'a str,
    /// As typed; null without one.
    baseline: Option<String>,
    /// As typed; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    ledger: Option<String>,
    /// `sequential` where its edits add up, `single` where each was made from the original; absent without a ledger.
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<&'static str>,
    /// Null without cases.
    summary: Option<SummaryRecord<'a>>,
    /// Means over cases by name.
    metrics: Named<MetricRecord>,
    /// Null without texts.
    perplexity: Option<TextsRecord<'a>>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SummaryRecord<'a> {
    /// The file of cases, as typed.
    source: &'a str,
    /// Cases with scores.
    cases: usize,
    /// Records without.
    refused: usize,
    /// Prompts behind which a likelihood is NaN or infinite; they fail, and are in every mean.
    nonfinite_prompts: usize,
    /// Prompts whose tokens change where the target follows; it then begins where the tokens part.
    merged_prompts: usize,
    /// Prompts of scored cases of which an answer could not be scored.
    unscored_prompts: usize,
    /// Null where none were tried before prompts.
    contexts: Option<ContextsRecord<'a>>,
    /// Of what was written; null where nothing was.
    seed: Option<u64>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ContextsRecord<'a> {
    source: &'a str,
    templates: &'a [String],
    /// Null where all that have a prefix were taken.
    seed: Option<u64>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct MetricRecord {
    protocol: &'static str,
    /// Cases that have it.
    cases: usize,
    mean: Option<f64>,
    /// Over cases, as a population; 0 for a score, which is one number.
    standard_deviation: Option<f64>,
    /// The mean on the baseline; null without one.
    baseline: Option<f64>,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

/// Values by name, in their order.
#[derive(Debug)]
pub(super) struct Named<T>(pub(super) Vec<(&'static str, T)>);

impl<T: Serialize> Serialize for Named<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

#[cfg(test)]
impl<T: schemars::JsonSchema> schemars::JsonSchema for Named<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Named_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        std::collections::BTreeMap::<String, T>::json_schema(generator)
    }
}

/// One case.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct CaseRecord<'a> {
    /// Its place among the records, from 0.
    index: usize,
    case_id: &'a str,
    /// Means over its prompts, under the names of `metrics`; one that the case lacks is left out.
    #[serde(flatten)]
    values: Named<Option<f64>>,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
    /// Absent where nothing was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    generated: Option<GeneratedRecord<'a>>,
    /// Absent without `--detail`.
    #[serde(skip_serializing_if = "Option::is_none")]
    prompts: Option<Vec<PromptRecord<'a>>>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct GeneratedRecord<'a> {
    fluency: Option<f64>,
    normalized_entropy: Option<f64>,
    consistency: Option<f64>,
    /// `generation_prompts` of the case, or `prompts`: its own and the other wordings.
    written_from: &'static str,
    texts: usize,
    /// Prompts that the model does not take.
    unwritten: usize,
    /// Absent without `--detail`.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a [String]>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PromptRecord<'a> {
    /// `rewrite`, `paraphrase`, `neighborhood`, `prefixed-rewrite` or `prefixed-paraphrase`.
    kind: &'static str,
    prompt: &'a str,
    /// What should follow: the new target, or a neighbour's own answer.
    wanted: AnswerRecord,
    /// What that is compared with; null where the case does not name it.
    other: Option<AnswerRecord>,
    success: Option<f64>,
    /// Share of places at which the baseline says the same; null without one.
    agreement: Option<f64>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct AnswerRecord {
    /// Null with the next three where it could not be scored.
    tokens: Option<usize>,
    /// Nats a token; null where not finite, which `nonfinite` then names.
    mean_nll: Option<f64>,
    correct: Option<bool>,
    token_accuracy: Option<f64>,
    /// Whether the prompt's tokens change where this follows.
    merged: bool,
    /// Why it could not be scored.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

impl<'a> From<&EvaluateReport<'a>> for Record<'a> {
    fn from(report: &EvaluateReport<'a>) -> Self {
        let (evaluation, detail) = (report.evaluation, report.detail);
        let cases = evaluation.cases.as_ref();
        Self {
            head: evaluation.into(),
            tasks: evaluation.tasks.iter().map(|task| TaskRecord::new(task, detail)).collect(),
            cases: cases.map_or_else(Vec::new, |cases| CaseRecord::all(cases, detail).collect()),
            refused: cases.map_or(&[][..], |cases| &cases.quality.refused).iter().map(Into::into).collect(),
            steps: evaluation.walk.as_ref().map(|walk| walk.steps.iter().map(StepRecord::from).collect()),
        }
    }
}

impl<'a> From<&'a Evaluation> for Head<'a> {
    fn from(evaluation: &'a Evaluation) -> Self {
        Self {
            schema: SCHEMA,
            tool: Tool::THIS,
            model: evaluation.model.to_string_lossy().into_owned(),
            tokenizer_hash: &evaluation.tokenizer_sha256,
            baseline: evaluation.baseline.as_ref().map(|path| path.to_string_lossy().into_owned()),
            ledger: evaluation.walk.as_ref().map(|walk| walk.ledger.to_string_lossy().into_owned()),
            schedule: evaluation
                .walk
                .as_ref()
                .map(|walk| if walk.sequential { "sequential" } else { "single" }),
            summary: evaluation.cases.as_ref().map(SummaryRecord::from),
            metrics: Named(evaluation.metrics().iter().map(|metric| (metric.name, metric.into())).collect()),
            perplexity: evaluation.texts.as_ref().map(TextsRecord::from),
        }
    }
}

impl<'a> From<&'a CaseEvaluation> for SummaryRecord<'a> {
    fn from(cases: &'a CaseEvaluation) -> Self {
        Self {
            source: &cases.source,
            cases: cases.quality.cases.len(),
            refused: cases.quality.refused.len(),
            nonfinite_prompts: cases.summary.nonfinite_prompts,
            merged_prompts: cases.summary.merged_prompts,
            unscored_prompts: cases.summary.unscored_prompts,
            contexts: cases.contexts.as_ref().map(|contexts| ContextsRecord {
                source: &contexts.source,
                templates: &contexts.templates,
                seed: contexts.seed,
            }),
            seed: cases.written.as_ref().map(|written| written.seed),
        }
    }
}

impl From<&Metric> for MetricRecord {
    fn from(Metric { protocol, value, before, .. }: &Metric) -> Self {
        let mut nonfinite = NonFiniteFields::default();
        Self {
            protocol,
            cases: value.cases,
            mean: nonfinite.keep("mean", value.mean),
            standard_deviation: nonfinite.keep("standard_deviation", value.deviation),
            baseline: before.and_then(|before| nonfinite.keep("baseline", before)),
            nonfinite,
        }
    }
}

impl<'a> CaseRecord<'a> {
    /// Every scored case.
    pub(super) fn all(cases: &'a CaseEvaluation, detail: bool) -> impl Iterator<Item = Self> {
        let written = |at| cases.written.as_ref().and_then(|written| written.cases.get(at));
        cases.quality.cases.iter().enumerate().map(move |(at, case)| Self::new(case, written(at), detail))
    }

    fn new(case: &'a CaseScores, written: Option<&'a Written>, detail: bool) -> Self {
        let mut nonfinite = NonFiniteFields::default();
        let values = CASE_METRICS.iter().filter_map(|(kind, measure, name, _)| {
            Some((*name, nonfinite.keep(name, case.measure(*kind, *measure)?)))
        });
        Self {
            index: case.index,
            case_id: &case.case_id,
            values: Named(values.collect()),
            nonfinite,
            generated: written.map(|written| GeneratedRecord::new(written, detail)),
            prompts: detail.then(|| case.prompts.iter().map(PromptRecord::from).collect()),
        }
    }
}

impl<'a> GeneratedRecord<'a> {
    fn new(written: &'a Written, detail: bool) -> Self {
        Self {
            fluency: written.fluency,
            normalized_entropy: written.normalized_entropy,
            consistency: written.consistency,
            written_from: if written.own_prompts { "generation_prompts" } else { "prompts" },
            texts: written.texts.len(),
            unwritten: written.unwritten,
            text: detail.then_some(&written.texts),
        }
    }
}

impl<'a> From<&'a PromptScore> for PromptRecord<'a> {
    fn from(prompt: &'a PromptScore) -> Self {
        let kind = match prompt.kind {
            PromptKind::Rewrite => "rewrite",
            PromptKind::Paraphrase => "paraphrase",
            PromptKind::Neighborhood => "neighborhood",
            PromptKind::PrefixedRewrite => "prefixed-rewrite",
            PromptKind::PrefixedParaphrase => "prefixed-paraphrase",
        };
        Self {
            kind,
            prompt: &prompt.prompt,
            wanted: (&prompt.wanted).into(),
            other: prompt.other.as_ref().map(AnswerRecord::from),
            success: prompt.measure(Measure::Success),
            agreement: prompt.agreement,
        }
    }
}

impl From<&Result<Answer, Unanswerable>> for AnswerRecord {
    fn from(answer: &Result<Answer, Unanswerable>) -> Self {
        let mut nonfinite = NonFiniteFields::default();
        let scored = answer.as_ref().ok();
        Self {
            tokens: scored.map(|answer| answer.tokens.len()),
            mean_nll: scored.and_then(|answer| nonfinite.keep("mean_nll", answer.mean_nll())),
            correct: scored.map(Answer::is_greedy),
            token_accuracy: scored.map(Answer::token_accuracy),
            merged: scored.is_some_and(|answer| answer.merged),
            reason: answer.as_ref().err().map(ToString::to_string),
            nonfinite,
        }
    }
}

#[cfg(test)]
crate::report::schema::published!(SCHEMA, Record<'static>);
