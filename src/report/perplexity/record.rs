//! The record `diagnose.perplexity/1`, field by field in the order in which it is written.

use serde::Serialize;

use super::write::PerplexityReport;
use crate::evaluate::{Paired, Perplexity, Protocol, TextScore, Unscored};
use crate::report::json::{NonFiniteFields, Tool};

/// Name and version of the record.
pub(super) const SCHEMA: &str = "diagnose.perplexity/1";

/// The whole document.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Record<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    /// In the order in which they were given.
    models: Vec<ModelRecord<'a>>,
    /// Absent without `--baseline`; the same fields, without `paired`.
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline: Option<ModelRecord<'a>>,
}

/// All but the models.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Head<'a> {
    schema: &'static str,
    tool: Tool,
    /// The file of texts, as typed.
    texts_path: &'a str,
    /// Records of it that could not be used: they are in no number.
    bad_records: usize,
}

/// One model.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct ModelRecord<'a> {
    /// As typed.
    path: String,
    /// Texts that were given, whether or not they have a perplexity.
    texts: usize,
    /// Texts with a perplexity.
    scored_texts: usize,
    /// Scored tokens.
    tokens: usize,
    /// Mean over texts of exp(mean NLL): the figure of the literature on model editing.
    mean_of_text_perplexities: Option<f64>,
    /// Its logarithm: finite where the mean itself is beyond f64.
    log_mean_of_text_perplexities: Option<f64>,
    /// exp(`mean_nll`).
    perplexity: Option<f64>,
    /// Nats a scored token, over all texts.
    mean_nll: Option<f64>,
    /// Of the texts' perplexities, as the next two.
    median: Option<f64>,
    max: Option<f64>,
    /// Of `mean_of_text_perplexities`; absent for a single text.
    #[serde(skip_serializing_if = "Absent::is_absent")]
    standard_error: Absent,
    /// Texts whose NLL is NaN or infinite. They are in every mean.
    nonfinite_texts: usize,
    /// Texts that were cut to the window.
    truncated_texts: usize,
    /// Texts without a token, and with a single one: they have no perplexity.
    empty_texts: usize,
    one_token_texts: usize,
    protocol: ProtocolRecord<'a>,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
    /// Absent without `--per-text`.
    #[serde(skip_serializing_if = "Option::is_none")]
    texts_detail: Option<Vec<TextRecord>>,
    /// Absent without `--baseline`.
    #[serde(skip_serializing_if = "Option::is_none")]
    paired: Option<PairedRecord>,
}

/// A number that may not have been computed, and may be no finite one.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub(super) enum Absent {
    /// Not computed: the field is left out.
    Missing,
    /// Computed; null where not finite.
    Present(Option<f64>),
}

impl Absent {
    fn is_absent(&self) -> bool {
        matches!(self, Self::Missing)
    }
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ProtocolRecord<'a> {
    /// SHA-256 of `tokenizer.json`.
    tokenizer_hash: &'a str,
    /// Token that was put before each text, or null.
    bos: Option<u32>,
    /// Most tokens run together, or null where nothing bounds them.
    window: Option<usize>,
    /// How far windows slide, or null: a longer text is cut.
    stride: Option<usize>,
    /// What the sum of NLL is divided by: the predictions, one fewer than the tokens run.
    denominator: &'static str,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct TextRecord {
    /// Position among the records of the file, from 0.
    index: usize,
    /// Scored tokens.
    tokens: usize,
    mean_nll: Option<f64>,
    perplexity: Option<f64>,
    truncated: bool,
    /// `scored`, `empty` or `one-token`.
    status: &'static str,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

/// The model against the baseline.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PairedRecord {
    /// Texts that both score.
    texts: usize,
    /// Mean over texts of the difference of mean NLL, model less baseline, in nats.
    mean_delta_nll: Option<f64>,
    /// 95 % interval of it; null with the next six where a NLL is not finite or there are fewer than two texts.
    ci_low: Option<f64>,
    ci_high: Option<f64>,
    ci_method: &'static str,
    t_ci_low: Option<f64>,
    t_ci_high: Option<f64>,
    standard_error: Option<f64>,
    /// Two-sided, of the paired t test.
    p_value: Option<f64>,
    seed: u64,
    resamples: usize,
    /// ln of the ratio of `perplexity`, model over baseline.
    log_ratio: Option<f64>,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

impl<'a> From<&PerplexityReport<'a>> for Head<'a> {
    fn from(report: &PerplexityReport<'a>) -> Self {
        Self { schema: SCHEMA, tool: Tool::THIS, texts_path: report.texts, bad_records: report.bad_records }
    }
}

impl<'a> From<&PerplexityReport<'a>> for Record<'a> {
    fn from(report: &PerplexityReport<'a>) -> Self {
        let model = |(model, paired): &'a (Perplexity, Option<Paired>)| {
            ModelRecord::new(model, paired.as_ref(), report)
        };
        Self {
            head: report.into(),
            models: report.models.iter().map(model).collect(),
            baseline: report.baseline.map(|baseline| ModelRecord::new(baseline, None, report)),
        }
    }
}

impl<'a> ModelRecord<'a> {
    pub(super) fn new(model: &'a Perplexity, paired: Option<&Paired>, report: &PerplexityReport<'_>) -> Self {
        let summary = &model.summary;
        let mut nonfinite = NonFiniteFields::default();
        let mut keep = |field: &str, x: f64| nonfinite.keep(field, x);
        Self {
            path: model.path.to_string_lossy().into_owned(),
            texts: model.texts.len(),
            scored_texts: summary.scored_texts,
            tokens: summary.tokens,
            mean_of_text_perplexities: keep("mean_of_text_perplexities", summary.mean_of_text_perplexities),
            log_mean_of_text_perplexities: keep(
                "log_mean_of_text_perplexities",
                summary.log_mean_of_text_perplexities,
            ),
            perplexity: keep("perplexity", summary.perplexity),
            mean_nll: keep("mean_nll", summary.mean_nll),
            median: keep("median", summary.median),
            max: keep("max", summary.max),
            standard_error: summary
                .standard_error
                .map_or(Absent::Missing, |x| Absent::Present(keep("standard_error", x))),
            nonfinite_texts: summary.nonfinite_texts,
            truncated_texts: summary.truncated_texts,
            empty_texts: summary.empty_texts,
            one_token_texts: summary.one_token_texts,
            protocol: (&model.protocol).into(),
            nonfinite,
            texts_detail: report
                .per_text
                .then(|| report.indices.iter().copied().zip(&model.texts).map(TextRecord::from).collect()),
            paired: paired.map(|paired| PairedRecord::new(paired, report)),
        }
    }
}

impl<'a> From<&'a Protocol> for ProtocolRecord<'a> {
    fn from(Protocol { tokenizer_sha256, bos, window, stride }: &'a Protocol) -> Self {
        Self {
            tokenizer_hash: tokenizer_sha256,
            bos: *bos,
            window: *window,
            stride: *stride,
            denominator: "predicted-tokens",
        }
    }
}

/// What stands in the place of a perplexity, or `scored`.
pub(super) const fn status(text: &TextScore) -> &'static str {
    match text.mean_nll {
        Ok(_) => "scored",
        Err(Unscored::Empty) => "empty",
        Err(Unscored::OneToken) => "one-token",
    }
}

impl From<(usize, &TextScore)> for TextRecord {
    fn from((index, text): (usize, &TextScore)) -> Self {
        let mut nonfinite = NonFiniteFields::default();
        let nll = text.mean_nll.ok();
        Self {
            index,
            tokens: text.tokens,
            mean_nll: nll.and_then(|nll| nonfinite.keep("mean_nll", nll)),
            perplexity: nll.and_then(|nll| nonfinite.keep("perplexity", nll.exp())),
            truncated: text.truncated,
            status: status(text),
            nonfinite,
        }
    }
}

impl PairedRecord {
    fn new(paired: &Paired, report: &PerplexityReport<'_>) -> Self {
        let mut nonfinite = NonFiniteFields::default();
        let inference = paired.inference.as_ref();
        Self {
            texts: paired.texts,
            mean_delta_nll: nonfinite.keep("mean_delta_nll", paired.mean_delta_nll),
            ci_low: inference.map(|found| found.bootstrap.low),
            ci_high: inference.map(|found| found.bootstrap.high),
            ci_method: "bca",
            t_ci_low: inference.map(|found| found.student.low),
            t_ci_high: inference.map(|found| found.student.high),
            standard_error: inference.map(|found| found.standard_error),
            p_value: inference.map(|found| found.p_value),
            seed: report.resampled.seed,
            resamples: report.resampled.resamples,
            log_ratio: nonfinite.keep("log_ratio", paired.log_ratio),
            nonfinite,
        }
    }
}

#[cfg(test)]
crate::report::schema::published!(SCHEMA, Record<'static>);
