//! The record `diagnose.first-token/1`, field by field in the order in which it is written.

use serde::Serialize;

use super::{FirstTokenReport, site_name, standing_name};
use crate::keys::first_token::{
    AttentionMass, FirstToken, Massive, Measurement, Profile, Separation, Standing, Swap, Verdict,
};
use crate::report::json::{NonFiniteFields, Tool};

/// Name and version of the record.
const SCHEMA: &str = "diagnose.first-token/1";

/// The whole document.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Record<'a> {
    #[serde(flatten)]
    pub(super) head: Head<'a>,
    /// By layer, site and position; with swapped positions last in a layer.
    pub(super) measurements: Vec<MeasurementRecord<'a>>,
    /// Outputs of each block; empty for a dump.
    pub(super) massive: Vec<MassiveRecord>,
    /// Outputs of each block at the first positions of all texts; empty for a dump.
    pub(super) profiles: Vec<ProfileRecord>,
    /// Attention to position 0 in each layer; empty for a dump.
    pub(super) attention: Vec<AttentionRecord>,
}

/// All but the numbers.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Head<'a> {
    schema: &'static str,
    tool: Tool,
    /// The model or the dump, as typed.
    path: String,
    /// Null for a dump.
    tokenizer_hash: Option<&'a str>,
    /// Special tokens that stand before each text.
    leading_special: usize,
    /// Texts measured.
    texts: usize,
    /// Texts with too few tokens, cut to the context, and records that could not be used.
    short_texts: usize,
    /// Texts cut to the context.
    truncated_texts: usize,
    /// Records of the file that could not be used.
    bad_records: usize,
    /// Tokens run.
    tokens: usize,
    verdict: VerdictRecord<'a>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct VerdictRecord<'a> {
    /// `apart`, `separable`, `alike` or `unknown`: of the keys of the first token of the text.
    level: &'static str,
    /// Layers with that standing.
    layers: &'a [usize],
    /// The finding in words.
    sentence: &'a str,
    calibration: CalibrationRecord,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CalibrationRecord {
    /// Always `heuristic`.
    status: &'static str,
    /// What the levels rest on.
    basis: &'static str,
}

/// Vectors at one position against those of later tokens.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct MeasurementRecord<'a> {
    /// Null for a dump.
    layer: Option<usize>,
    /// `key`, `value` or `block`; null for a dump.
    site: Option<&'static str>,
    /// The array of a dump; else absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    array: Option<&'a str>,
    /// The position that is compared, from 0.
    position: usize,
    /// Whether a special token stands there.
    special: bool,
    /// Null where positions are as they are.
    swap: Option<SwapRecord>,
    /// `measured`, or `unmeasured` with a reason.
    status: &'static str,
    /// Why it could not be measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(flatten)]
    numbers: Option<SeparationRecord>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SwapRecord {
    /// The position whose embedding was replaced, and by whose.
    position: usize,
    by: usize,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SeparationRecord {
    /// `apart`, `separable` or `alike`.
    standing: &'static str,
    /// Length of the vectors.
    dimension: usize,
    /// Vectors of first tokens.
    first_tokens: usize,
    /// Vectors of the others.
    later_tokens: usize,
    /// Means of norms, and the first over the second.
    first_norm: Option<f64>,
    /// Mean norm of the others.
    later_norm: Option<f64>,
    /// `first_norm` over `later_norm`.
    norm_ratio: Option<f64>,
    /// Mean cosine to the mean of later vectors.
    first_cosine: Option<f64>,
    /// The same of later ones.
    later_cosine: Option<f64>,
    /// Mean cosine of first vectors to their own mean.
    mutual_cosine: Option<f64>,
    /// In the covariance of later vectors, with a ridge of 1e-3 of its mean diagonal.
    first_mahalanobis: Option<f64>,
    /// The smallest of them.
    first_mahalanobis_min: Option<f64>,
    /// The same of later tokens.
    later_mahalanobis: Option<f64>,
    /// Their 99th percentile.
    later_mahalanobis_p99: Option<f64>,
    /// Of the Mahalanobis distance, first over later.
    auroc: Option<f64>,
    /// Of the first principal component of a balanced sample, from 0.5 to 1.
    principal_auroc: Option<f64>,
    /// Share of the variance along it.
    principal_explained_variance: Option<f64>,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

/// Sizes of the entries of a block's output.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct MassiveRecord {
    /// From 0.
    layer: usize,
    /// Of |x| over all tokens and dimensions.
    median: Option<f64>,
    /// Largest |x|, and that over the median.
    first_max: Option<f64>,
    later_max: Option<f64>,
    first_ratio: Option<f64>,
    later_ratio: Option<f64>,
    /// Dimensions with the largest |x| at the first token.
    dimensions: Vec<usize>,
    /// Above 100 and above 1,000 times the median, at the first token.
    massive: bool,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

/// The outputs of a block at one position, over the texts that reach it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct ProfileRecord {
    /// From 0.
    layer: usize,
    /// From 0, special tokens included.
    position: usize,
    /// Texts that reach it.
    vectors: u64,
    /// Of the entries, over texts and dimensions.
    mean: Option<f64>,
    variance: Option<f64>,
    least: Option<f64>,
    largest: Option<f64>,
    /// The largest |x|, and the dimension that has it.
    largest_size: Option<f64>,
    largest_dimension: Option<usize>,
    /// Of the vectors.
    mean_norm: Option<f64>,
    largest_norm: Option<f64>,
    /// NaN, +∞ and −∞ among the entries.
    nonfinite_entries: [u64; 3],
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

/// Attention of later tokens to position 0.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct AttentionRecord {
    /// From 0.
    layer: usize,
    /// Over tokens and heads.
    mean: Option<f64>,
    /// The head that pays most, and how much.
    head: usize,
    head_mean: Option<f64>,
    /// What even attention would pay.
    uniform: Option<f64>,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

impl<'a> From<&FirstTokenReport<'a>> for Record<'a> {
    fn from(report: &FirstTokenReport<'a>) -> Self {
        let FirstToken { measurements, massive, profiles, attention, .. } = report.found;
        Self {
            head: Head::new(report.found, report.bad_records),
            measurements: measurements.iter().map(MeasurementRecord::from).collect(),
            massive: massive.iter().map(MassiveRecord::from).collect(),
            profiles: profiles.iter().flat_map(profile).collect(),
            attention: attention.iter().map(AttentionRecord::from).collect(),
        }
    }
}

impl<'a> Head<'a> {
    fn new(found: &'a FirstToken, bad_records: usize) -> Self {
        let Verdict { standing, layers, sentence, basis } = &found.verdict;
        Self {
            schema: SCHEMA,
            tool: Tool::THIS,
            path: found.path.to_string_lossy().into_owned(),
            tokenizer_hash: found.tokenizer_sha256.as_deref(),
            leading_special: found.leading_special,
            texts: found.texts,
            short_texts: found.short_texts,
            truncated_texts: found.truncated_texts,
            bad_records,
            tokens: found.tokens,
            verdict: VerdictRecord {
                level: standing_name(*standing),
                layers,
                sentence,
                calibration: CalibrationRecord { status: "heuristic", basis },
            },
        }
    }
}

impl<'a> From<&'a Measurement> for MeasurementRecord<'a> {
    fn from(measured: &'a Measurement) -> Self {
        let found = measured.found.as_ref();
        Self {
            layer: measured.layer,
            site: measured.site.map(site_name),
            array: measured.array.as_deref(),
            position: measured.position,
            special: measured.special,
            swap: measured.swap.map(|Swap { position, by }| SwapRecord { position, by }),
            status: if found.is_ok() { "measured" } else { "unmeasured" },
            reason: found.err().map(ToString::to_string),
            numbers: found.ok().map(SeparationRecord::from),
        }
    }
}

impl From<&Separation> for SeparationRecord {
    fn from(found: &Separation) -> Self {
        let mut nonfinite = NonFiniteFields::default();
        let mut keep = |field: &str, x: f64| nonfinite.keep(field, x);
        Self {
            standing: standing_name(Standing::of(found)),
            dimension: found.dimension,
            first_tokens: found.first_tokens,
            later_tokens: found.later_tokens,
            first_norm: keep("first_norm", found.first_norm),
            later_norm: keep("later_norm", found.later_norm),
            norm_ratio: keep("norm_ratio", found.norm_ratio),
            first_cosine: keep("first_cosine", found.first_cosine),
            later_cosine: keep("later_cosine", found.later_cosine),
            mutual_cosine: keep("mutual_cosine", found.mutual_cosine),
            first_mahalanobis: keep("first_mahalanobis", found.mahalanobis.first_mean),
            first_mahalanobis_min: keep("first_mahalanobis_min", found.mahalanobis.first_min),
            later_mahalanobis: keep("later_mahalanobis", found.mahalanobis.later_mean),
            later_mahalanobis_p99: keep("later_mahalanobis_p99", found.mahalanobis.later_p99),
            auroc: keep("auroc", found.mahalanobis.auroc),
            principal_auroc: keep("principal_auroc", found.principal.auroc),
            principal_explained_variance: keep(
                "principal_explained_variance",
                found.principal.explained_variance,
            ),
            nonfinite,
        }
    }
}

impl From<&Massive> for MassiveRecord {
    fn from(found: &Massive) -> Self {
        let mut nonfinite = NonFiniteFields::default();
        Self {
            layer: found.layer,
            median: nonfinite.keep("median", found.median),
            first_max: nonfinite.keep("first_max", found.first_max),
            later_max: nonfinite.keep("later_max", found.later_max),
            first_ratio: nonfinite.keep("first_ratio", found.first_ratio),
            later_ratio: nonfinite.keep("later_ratio", found.later_ratio),
            dimensions: found.dimensions.clone(),
            massive: found.massive,
            nonfinite,
        }
    }
}

fn profile(profile: &Profile) -> impl Iterator<Item = ProfileRecord> {
    profile.positions.iter().enumerate().map(|(position, found)| {
        let mut nonfinite = NonFiniteFields::default();
        ProfileRecord {
            layer: profile.layer,
            position,
            vectors: found.vectors,
            mean: nonfinite.keep("mean", found.mean),
            variance: nonfinite.keep("variance", found.variance),
            least: nonfinite.keep("least", found.least),
            largest: nonfinite.keep("largest", found.largest),
            largest_size: nonfinite.keep("largest_size", found.largest_size),
            largest_dimension: found.largest_component,
            mean_norm: nonfinite.keep("mean_norm", found.mean_norm),
            largest_norm: nonfinite.keep("largest_norm", found.largest_norm),
            nonfinite_entries: found.nonfinite,
            nonfinite,
        }
    })
}

impl From<&AttentionMass> for AttentionRecord {
    fn from(found: &AttentionMass) -> Self {
        let mut nonfinite = NonFiniteFields::default();
        Self {
            layer: found.layer,
            mean: nonfinite.keep("mean", found.mean),
            head: found.head,
            head_mean: nonfinite.keep("head_mean", found.head_mean),
            uniform: nonfinite.keep("uniform", found.uniform),
            nonfinite,
        }
    }
}

#[cfg(test)]
crate::report::schema::published!(SCHEMA, Record<'static>);
