//! The record `diagnose.keys/1`, field by field in the order in which it is written.
//!
//! A number that is not finite is `null`, and `nonfinite` beside it names the field; a value that rests on something which
//! was not there (values of dumped keys, C where it was switched off) is `null` too, and is not named.

use serde::Serialize;

use super::projection::ProjectionRecord;
use super::words;
use super::write::KeysReport;
use crate::keys::{
    CaseOutcome, ContextFacts, Diagnosis, Fact, MeanOver, MomentFacts, Origin, Summary, Thresholds,
};
use crate::report::json::{NonFiniteFields, Tool};
use crate::report::refused::RefusedRecord;
use crate::report::verdict::VerdictRecord;

/// Name and version of the record.
pub(super) const SCHEMA: &str = "diagnose.keys/1";

/// The whole document.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Record<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    /// In the order of the records.
    cases: Vec<CaseRecord<'a>>,
    /// Records that could not be diagnosed.
    refused: Vec<RefusedRecord<'a>>,
    /// The keys in two dimensions; absent where nothing asked for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    projection: Option<ProjectionRecord>,
}

/// All but the cases.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Head<'a> {
    schema: &'static str,
    tool: Tool,
    /// Null for dumped keys.
    model: Option<ModelRecord<'a>>,
    /// The dump, as typed; null where a model was run.
    activations: Option<String>,
    /// Null for dumped keys.
    contexts: Option<ContextsRecord<'a>>,
    /// Null where each dumped C⁻¹k̄ was taken as it is.
    second_moment: Option<MomentRecord<'a>>,
    /// Factor of `value_norm` in `delta_norm_bound`.
    clamp: f64,
    /// Where the levels begin; null where each dumped C⁻¹k̄ was taken as it is.
    thresholds: Option<ThresholdsRecord>,
    summary: SummaryRecord,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ThresholdsRecord {
    /// Size of `denominator_ratio` below which it is a collapse.
    collapse: f64,
    /// `denominator_ratio` from which it is safe.
    safe: f64,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ModelRecord<'a> {
    path: String,
    /// As `config.json` names it.
    architecture: &'static str,
    /// The edited layer.
    layer: usize,
    /// The module whose input the key is.
    module: &'a str,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ContextsRecord<'a> {
    /// Templates, the bare one included.
    count: usize,
    /// Templates with a text before the prompt.
    prefixed: usize,
    /// SHA-256 of the canonical list.
    hash: &'a str,
    /// Where they come from.
    source: &'a str,
    /// `all` (as published: the bare template counts) or `prefixed`.
    mean_over: &'static str,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct MomentRecord<'a> {
    /// Null where C = I, as the next two.
    source: Option<&'a str>,
    /// Documents, where the file says; null else.
    samples: Option<u64>,
    /// Keys summed.
    tokens: Option<u64>,
    /// Length of a key.
    dimension: usize,
    /// Of C, as it was solved with.
    condition_number: f64,
    /// The largest ‖C r − k̄‖ / ‖k̄‖ over the cases.
    residual: Option<f64>,
    /// Share of the mean diagonal that was added to the diagonal.
    ridge: f64,
    /// False where C = I.
    adjusted: bool,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SummaryRecord {
    cases: usize,
    /// Cases judged so, as the next two.
    safe: usize,
    at_risk: usize,
    collapse: usize,
    first_token_cases: usize,
    refused: usize,
}

/// One case.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct CaseRecord<'a> {
    /// As in the file; the number of the record where it has none.
    case_id: &'a str,
    /// Absent for dumped keys, as all that the subject's place says.
    #[serde(flatten)]
    fact: Option<FactRecord<'a>>,
    /// ‖kᵘ‖.
    unprefixed_key_norm: Option<f64>,
    /// ‖k̄‖.
    mean_prefixed_key_norm: Option<f64>,
    /// Root mean square distance of the prefixed keys from their own mean; null without one.
    prefixed_key_spread: Option<f64>,
    /// Of kᵘ and k̄.
    key_cosine: Option<f64>,
    /// ‖kᵘ − k̄‖.
    key_distance: Option<f64>,
    /// √((kᵘ − k̄)ᵀ C⁻¹ (kᵘ − k̄)); null where C = I.
    key_mahalanobis: Option<f64>,
    /// ‖C⁻¹k̄‖.
    adjusted_key_norm: Option<f64>,
    /// (C⁻¹k̄)ᵀkᵘ, signed.
    denominator: Option<f64>,
    /// `denominator` over `adjusted_key_norm`: as published code prints it, but signed.
    unit_denominator: Option<f64>,
    /// (C⁻¹k̄)ᵀk̄: one key in both places.
    consistent_denominator: Option<f64>,
    /// The same over `adjusted_key_norm`.
    consistent_unit_denominator: Option<f64>,
    /// `denominator` over `consistent_denominator`: what the verdict rests on.
    denominator_ratio: Option<f64>,
    /// ‖W kᵘ + b‖.
    value_norm: Option<f64>,
    /// That over the mean of the prefixed templates'.
    value_norm_ratio: Option<f64>,
    /// Largest norm of the update that the clamp on the value allows.
    delta_norm_bound: Option<f64>,
    /// ‖v* − W kᵘ‖, where a value is given.
    numerator_norm: Option<f64>,
    /// Norm of the update, where it is known.
    update_norm: Option<f64>,
    verdict: VerdictRecord<'a>,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct FactRecord<'a> {
    /// With `{}` where the subject stands.
    prompt: &'a str,
    /// What the fact is about.
    subject: &'a str,
    /// Tokens of the subject in the bare prompt.
    subject_tokens: usize,
    /// Position of its first token, special tokens included, from 0.
    subject_first_index: usize,
    /// Position of its last token, where the key is read.
    subject_last_index: usize,
    /// Whether the key is read at the first of the prompt's own tokens.
    first_token: bool,
    /// Whether a special token stands before it.
    bos: bool,
}

impl<'a> From<&KeysReport<'a>> for Record<'a> {
    fn from(report: &KeysReport<'a>) -> Self {
        let KeysReport { diagnosis, projection } = *report;
        Self {
            head: diagnosis.into(),
            cases: diagnosis.scan.cases.iter().map(CaseRecord::from).collect(),
            refused: diagnosis.scan.refused.iter().map(RefusedRecord::from).collect(),
            projection: projection.map(ProjectionRecord::from),
        }
    }
}

impl<'a> From<&'a Diagnosis> for Head<'a> {
    fn from(diagnosis: &'a Diagnosis) -> Self {
        let (model, activations) = match &diagnosis.origin {
            Origin::Model { path, architecture, layer, module } => {
                let path = path.to_string_lossy().into_owned();
                let architecture = architecture.name();
                (Some(ModelRecord { path, architecture, layer: *layer, module }), None)
            }
            Origin::Dump { path } => (None, Some(path.to_string_lossy().into_owned())),
        };
        let Summary { cases, safe, at_risk, collapse, first_token_cases, refused } = diagnosis.scan.summary();
        Self {
            schema: SCHEMA,
            tool: Tool::THIS,
            model,
            activations,
            contexts: diagnosis.contexts.as_ref().map(ContextsRecord::from),
            second_moment: diagnosis.moment.as_ref().map(|facts| moment(facts, diagnosis.scan.residual())),
            clamp: diagnosis.clamp,
            thresholds: diagnosis
                .thresholds()
                .map(|Thresholds { collapse, safe, .. }| ThresholdsRecord { collapse, safe }),
            summary: SummaryRecord { cases, safe, at_risk, collapse, first_token_cases, refused },
        }
    }
}

impl<'a> From<&'a ContextFacts> for ContextsRecord<'a> {
    fn from(ContextFacts { count, prefixed, hash, source, over }: &'a ContextFacts) -> Self {
        let mean_over = match over {
            MeanOver::Every => "all",
            MeanOver::Prefixed => "prefixed",
        };
        Self { count: *count, prefixed: *prefixed, hash, source, mean_over }
    }
}

fn moment(facts: &MomentFacts, residual: f64) -> MomentRecord<'_> {
    MomentRecord {
        source: facts.source.as_deref(),
        samples: facts.documents,
        tokens: facts.tokens,
        dimension: facts.dimension,
        condition_number: facts.condition_number,
        residual: Some(residual).filter(|residual| residual.is_finite()),
        ridge: facts.ridge,
        adjusted: facts.adjusted,
    }
}

impl<'a> From<&'a CaseOutcome> for CaseRecord<'a> {
    fn from(case: &'a CaseOutcome) -> Self {
        let (fraction, mut nonfinite) = (&case.fraction, NonFiniteFields::default());
        let mut keep = |field: &str, value: f64| nonfinite.keep(field, value);
        Self {
            case_id: &case.case_id,
            fact: case.fact.as_ref().map(FactRecord::from),
            unprefixed_key_norm: keep("unprefixed_key_norm", fraction.unprefixed_key_norm),
            mean_prefixed_key_norm: keep("mean_prefixed_key_norm", fraction.mean_prefixed_key_norm),
            prefixed_key_spread: fraction.prefixed_key_spread.and_then(|x| keep("prefixed_key_spread", x)),
            key_cosine: keep("key_cosine", fraction.key_cosine),
            key_distance: keep("key_distance", fraction.key_distance),
            key_mahalanobis: fraction.key_mahalanobis.and_then(|x| keep("key_mahalanobis", x)),
            adjusted_key_norm: keep("adjusted_key_norm", fraction.adjusted_key_norm),
            denominator: keep("denominator", fraction.denominator),
            unit_denominator: keep("unit_denominator", fraction.unit_denominator),
            consistent_denominator: keep("consistent_denominator", fraction.consistent_denominator),
            consistent_unit_denominator: keep(
                "consistent_unit_denominator",
                fraction.consistent_unit_denominator,
            ),
            denominator_ratio: keep("denominator_ratio", fraction.denominator_ratio),
            value_norm: fraction.value_norm.and_then(|x| keep("value_norm", x)),
            value_norm_ratio: fraction.value_norm_ratio.and_then(|x| keep("value_norm_ratio", x)),
            delta_norm_bound: fraction.delta_norm_bound.and_then(|x| keep("delta_norm_bound", x)),
            numerator_norm: fraction.numerator_norm.and_then(|x| keep("numerator_norm", x)),
            update_norm: fraction.update_norm.and_then(|x| keep("update_norm", x)),
            verdict: VerdictRecord::new(
                words::risk_name(case.verdict.level),
                &case.verdict.reasons,
                &case.verdict.calibration,
            ),
            nonfinite,
        }
    }
}

impl<'a> From<&'a Fact> for FactRecord<'a> {
    fn from(fact: &'a Fact) -> Self {
        Self {
            prompt: &fact.prompt,
            subject: &fact.subject,
            subject_tokens: fact.subject_tokens,
            subject_first_index: fact.subject_first_index,
            subject_last_index: fact.subject_last_index,
            first_token: fact.first_token,
            bos: fact.bos,
        }
    }
}

#[cfg(test)]
crate::report::schema::published!(SCHEMA, Record<'static>);
