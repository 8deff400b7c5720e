//! The record `diagnose.trace/1`, field by field in the order in which it is written.
//!
//! A number that is not finite is `null`, and `nonfinite` beside it names the field.

use std::ops::Range;

use ndarray::Array2;
use serde::Serialize;

use super::write::TraceReport;
use crate::report::json::{NonFiniteFields, Tool};
use crate::report::refused::RefusedRecord;
use crate::trace::{AnswerChoice, CaseTrace, KindTrace, RegionMean, TokenAt};

/// Name and version of the record.
const SCHEMA: &str = "diagnose.trace/1";

/// The whole document.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Record<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    /// In the order of the records.
    cases: Vec<CaseRecord<'a>>,
    /// Records that could not be traced.
    refused: Vec<RefusedRecord<'a>>,
}

/// All but the cases.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Head<'a> {
    schema: &'static str,
    tool: Tool,
    model: ModelRecord,
    noise: NoiseRecord,
    /// Draws of noise for each case.
    samples: usize,
    seed: u64,
    /// Layers of a window of MLP or attention outputs; around layer ℓ it is ℓ − ⌊w/2⌋ … ℓ + ⌈w/2⌉ − 1.
    window: usize,
    /// `predicted` or `target_true`.
    answer: &'static str,
    /// What was put back: `hidden`, `mlp`, `attention`.
    kinds: Vec<&'static str>,
    summary: SummaryRecord<'a>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ModelRecord {
    path: String,
    architecture: &'static str,
    layers: usize,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct NoiseRecord {
    /// Standard deviation of what is added to each number of an embedding.
    sigma: Option<f64>,
    /// σ = factor · `standard_deviation`; null where σ was given, as the next.
    factor: Option<f64>,
    /// Of all numbers of the embeddings of the subjects' tokens, n − 1 in the variance.
    standard_deviation: Option<f64>,
    subject_tokens: usize,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SummaryRecord<'a> {
    cases: usize,
    refused: usize,
    /// Cases with a probability that is not finite; in no average.
    nonfinite_cases: usize,
    /// Cases that have a `target_true`, and those of them whose answer is its first token.
    with_target_true: usize,
    answer_is_target_true: usize,
    /// Means over the cases; null where none is left.
    clean_probability: Option<f64>,
    corrupted_probability: Option<f64>,
    total_effect: Option<f64>,
    regions: Vec<RegionRecord<'a>>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RegionRecord<'a> {
    kind: &'static str,
    /// `first-subject`, `middle-subject`, `last-subject`, `first-after`, `further`, `last`.
    region: &'static str,
    /// Tokens that were averaged, over all cases.
    tokens: usize,
    /// At each layer; empty where there is no such token.
    indirect_effect: &'a [f64],
}

/// One case.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct CaseRecord<'a> {
    case_id: &'a str,
    prompt: &'a str,
    subject: &'a str,
    tokens: Vec<TokenRecord<'a>>,
    /// Positions of the subject's first and last token.
    subject_range: [usize; 2],
    answer: AnswerRecord<'a>,
    clean_probability: Option<f64>,
    corrupted_probability: Option<f64>,
    /// `clean_probability − corrupted_probability`.
    total_effect: Option<f64>,
    kinds: Vec<KindRecord<'a>>,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct TokenRecord<'a> {
    position: usize,
    id: u32,
    text: &'a str,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct AnswerRecord<'a> {
    id: u32,
    text: &'a str,
    /// Null where the case has no `target_true`.
    is_target_true: Option<bool>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct KindRecord<'a> {
    kind: &'static str,
    /// `[position][layer]`, the mean over the draws of noise.
    restored_probability: Vec<Vec<Option<f64>>>,
    /// `restored_probability − corrupted_probability`.
    indirect_effect: Vec<Vec<Option<f64>>>,
    /// The largest indirect effect; null where all are NaN.
    best: Option<BestRecord<'a>>,
    /// The largest at a token of the subject.
    best_in_subject: Option<BestRecord<'a>>,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct BestRecord<'a> {
    layer: usize,
    position: usize,
    token: &'a str,
    indirect_effect: f64,
}

impl<'a> From<&TraceReport<'a>> for Record<'a> {
    fn from(report: &TraceReport<'a>) -> Self {
        Self {
            head: report.into(),
            cases: report.traces.cases.iter().map(CaseRecord::from).collect(),
            refused: report.traces.refused.iter().map(RefusedRecord::from).collect(),
        }
    }
}

impl<'a> From<&TraceReport<'a>> for Head<'a> {
    fn from(report: &TraceReport<'a>) -> Self {
        let (traces, plan) = (report.traces, &report.traces.plan);
        let mut nonfinite = NonFiniteFields::default();
        let noise = NoiseRecord {
            sigma: nonfinite.keep("sigma", traces.noise.sigma),
            factor: traces.noise.factor,
            standard_deviation: traces
                .noise
                .standard_deviation
                .and_then(|deviation| nonfinite.keep("standard_deviation", deviation)),
            subject_tokens: traces.noise.subject_tokens,
            nonfinite,
        };
        Self {
            schema: SCHEMA,
            tool: Tool::THIS,
            model: ModelRecord {
                path: report.model.to_string_lossy().into_owned(),
                architecture: report.architecture.name(),
                layers: traces.layers,
            },
            noise,
            samples: plan.samples,
            seed: plan.seed,
            window: plan.window,
            answer: answer_name(plan.answer),
            kinds: plan.kinds.iter().map(|kind| kind.name()).collect(),
            summary: summary(report),
        }
    }
}

/// As records and `--answer` name it.
pub(super) const fn answer_name(answer: AnswerChoice) -> &'static str {
    match answer {
        AnswerChoice::Predicted => "predicted",
        AnswerChoice::TargetTrue => "target_true",
    }
}

fn summary<'a>(report: &TraceReport<'a>) -> SummaryRecord<'a> {
    let summary = report.summary;
    // There is no mean where no case is left.
    let finite = |x: f64| Some(x).filter(|x| x.is_finite());
    let region = |mean: &'a RegionMean| RegionRecord {
        kind: mean.kind.name(),
        region: mean.region.name(),
        tokens: mean.tokens,
        indirect_effect: &mean.effect,
    };
    SummaryRecord {
        cases: summary.cases,
        refused: report.traces.refused.len(),
        nonfinite_cases: summary.nonfinite_cases,
        with_target_true: summary.answered.1,
        answer_is_target_true: summary.answered.0,
        clean_probability: finite(summary.clean),
        corrupted_probability: finite(summary.corrupted),
        total_effect: finite(summary.total_effect),
        regions: summary.regions.iter().map(region).collect(),
    }
}

impl<'a> From<&'a CaseTrace> for CaseRecord<'a> {
    fn from(case: &'a CaseTrace) -> Self {
        let mut nonfinite = NonFiniteFields::default();
        let token =
            |(position, TokenAt { id, text }): (usize, &'a TokenAt)| TokenRecord { position, id: *id, text };
        Self {
            case_id: &case.case_id,
            prompt: &case.prompt,
            subject: &case.subject,
            tokens: case.tokens.iter().enumerate().map(token).collect(),
            subject_range: [case.subject_range.start, case.subject_range.end.saturating_sub(1)],
            answer: AnswerRecord {
                id: case.answer.id,
                text: &case.answer.text,
                is_target_true: case.answer_is_true,
            },
            clean_probability: nonfinite.keep("clean_probability", case.clean),
            corrupted_probability: nonfinite.keep("corrupted_probability", case.corrupted),
            total_effect: nonfinite.keep("total_effect", case.total_effect()),
            kinds: case.kinds.iter().map(|kind| KindRecord::new(kind, case)).collect(),
            nonfinite,
        }
    }
}

impl<'a> KindRecord<'a> {
    fn new(kind: &KindTrace, case: &'a CaseTrace) -> Self {
        let mut nonfinite = NonFiniteFields::default();
        let mut rows = |field: &str, values: &Array2<f64>| {
            let each = values.rows().into_iter().enumerate();
            each.map(|(position, row)| nonfinite.keep_all(&format!("{field}[{position}]"), &row.to_vec()))
                .collect()
        };
        let best = |positions: Range<usize>| {
            kind.best(&positions).map(|best| BestRecord {
                layer: best.layer,
                position: best.position,
                token: case.tokens.get(best.position).map_or("", |token| &token.text),
                indirect_effect: best.effect,
            })
        };
        Self {
            kind: kind.kind.name(),
            restored_probability: rows("restored_probability", &kind.restored),
            indirect_effect: rows("indirect_effect", &kind.effect),
            best: best(0..case.tokens.len()),
            best_in_subject: best(case.subject_range.clone()),
            nonfinite,
        }
    }
}

#[cfg(test)]
crate::report::schema::published!(SCHEMA, Record<'static>);
