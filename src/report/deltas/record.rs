//! The record `diagnose.deltas/1`, field by field in the order in which it is written.
//!
//! Numbers are f64 or integers. A number that is not finite is `null`, and `nonfinite` beside it names the field; a
//! value that was not computed is absent, except `spectrum`, which is then `null` with its status and reason.

use serde::Serialize;

use super::tensor_record::TensorRecord;
use super::words;
use super::write::DeltasReport;
use crate::deltas::{Bucket, Deltas, Expectation, Histogram, Side, Signature, Summary};
use crate::report::json::{NonFiniteFields, Tool};
use crate::report::verdict::VerdictRecord;

/// Name and version of the record.
pub(super) const SCHEMA: &str = "diagnose.deltas/1";

/// The whole document.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Record<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    /// Every tensor of either side, by `relative_delta`, largest first.
    tensors: Vec<TensorRecord<'a>>,
    /// Absent unless it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    histogram: Option<HistogramRecord<'a>>,
}

/// All but the tensors.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Head<'a> {
    /// Always `diagnose.deltas/1`: a field may be added under it, renaming or removing one makes it `/2`.
    schema: &'static str,
    tool: Tool,
    before: SideRecord<'a>,
    after: SideRecord<'a>,
    summary: SummaryRecord<'a>,
    verdict: VerdictRecord<'a>,
    /// One for each expectation given, in the order of the receipt; empty where there are none.
    expectations: Vec<ExpectationRecord<'a>>,
    signature: SignatureRecord<'a>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SideRecord<'a> {
    /// As typed; bytes that are no UTF-8 are replaced, so it may not open the file again.
    path: String,
    /// Files that hold at least one tensor of this side.
    files: usize,
    /// Tensors of this side.
    tensors: usize,
    /// Elements over all tensors, buffers included.
    parameters: u64,
    /// Bytes of tensor data.
    bytes: u64,
    /// Absent without `--hash`; else a file and its digest in lower-case hexadecimal each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sha256: Vec<FileHash<'a>>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct FileHash<'a> {
    /// Its name.
    file: &'a str,
    /// Lower-case hexadecimal.
    sha256: &'a str,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SummaryRecord<'a> {
    /// On both sides with one shape: `tensors_changed + tensors_identical`.
    tensors_compared: usize,
    /// Of these, those with a value that differs.
    tensors_changed: usize,
    /// The others.
    tensors_identical: usize,
    /// Names only after; sorted, as are the next three.
    added: &'a [String],
    /// Names only before.
    removed: &'a [String],
    /// Names on both sides with two shapes; these are not compared.
    reshaped: &'a [String],
    /// Names with two dtypes, compared by value; such a tensor may well be identical.
    retyped: &'a [String],
    /// Frobenius, over the changed tensors (all with `--norms`); null where not finite, as the next two.
    delta_norm: Option<f64>,
    /// Of the same tensors before.
    before_norm: Option<f64>,
    /// `delta_norm / before_norm`; 0 where nothing changed, null and `inf` where zeros did.
    relative_delta: Option<f64>,
    /// Elements that are finite before and not after.
    new_nonfinite: u64,
    /// Null where no prefix had to be stripped.
    renamed_prefix: Option<RenamedPrefixRecord<'a>>,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RenamedPrefixRecord<'a> {
    /// The prefix, with its dot.
    prefix: &'a str,
    /// `before` or `after`: the side whose names carry it.
    side: &'static str,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ExpectationRecord<'a> {
    /// The flag and its value, as typed.
    expect: &'a str,
    /// Whether it held.
    held: bool,
    /// A sentence, whether it held or not.
    found: &'a str,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SignatureRecord<'a> {
    /// `none`, `rank-one`, `low-rank`, `sparse`, `bounded` or `dense`.
    kind: &'static str,
    /// Layers with a changed matrix, ascending; empty where no name tells its layer.
    layers: &'a [u32],
    /// Null where the rank does not speak for a number.
    estimated_edits: Option<usize>,
    /// Sentences: what the guess rests on.
    reasons: &'a [String],
}

/// The distribution of |Δ| of one tensor.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct HistogramRecord<'a> {
    /// The tensor.
    name: &'a str,
    /// Ascending, an octave each.
    buckets: Vec<BucketRecord>,
    /// Elements that did not change.
    zeros: u64,
    /// Elements whose difference is not finite.
    nonfinite_elements: u64,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct BucketRecord {
    /// |Δ| from here.
    lower: f64,
    /// |Δ| below this.
    upper: f64,
    /// Elements.
    count: u64,
}

impl<'a> From<&DeltasReport<'a>> for Record<'a> {
    fn from(report: &DeltasReport<'a>) -> Self {
        Self {
            head: report.deltas.into(),
            tensors: report.deltas.tensors.iter().map(TensorRecord::from).collect(),
            histogram: report.histogram.map(HistogramRecord::from),
        }
    }
}

impl<'a> From<&'a Deltas> for Head<'a> {
    fn from(deltas: &'a Deltas) -> Self {
        Self {
            schema: SCHEMA,
            tool: Tool::THIS,
            before: (&deltas.before).into(),
            after: (&deltas.after).into(),
            summary: (&deltas.summary).into(),
            verdict: VerdictRecord::new(
                words::level_name(deltas.verdict.level),
                &deltas.verdict.reasons,
                &deltas.verdict.calibration,
            ),
            expectations: deltas.expectations.iter().map(ExpectationRecord::from).collect(),
            signature: (&deltas.signature).into(),
        }
    }
}

impl<'a> From<&'a Side> for SideRecord<'a> {
    fn from(side: &'a Side) -> Self {
        let Side { path, files, tensors, parameters, bytes, sha256 } = side;
        Self {
            path: path.to_string_lossy().into_owned(),
            files: *files,
            tensors: *tensors,
            parameters: *parameters,
            bytes: *bytes,
            sha256: sha256.iter().map(|(file, sha256)| FileHash { file, sha256 }).collect(),
        }
    }
}

impl<'a> From<&'a Summary> for SummaryRecord<'a> {
    fn from(summary: &'a Summary) -> Self {
        let mut nonfinite = NonFiniteFields::default();
        Self {
            tensors_compared: summary.tensors_compared,
            tensors_changed: summary.tensors_changed,
            tensors_identical: summary.tensors_identical,
            added: &summary.added,
            removed: &summary.removed,
            reshaped: &summary.reshaped,
            retyped: &summary.retyped,
            delta_norm: nonfinite.keep("delta_norm", summary.delta_norm),
            before_norm: nonfinite.keep("before_norm", summary.before_norm),
            relative_delta: nonfinite.keep("relative_delta", summary.relative_delta),
            new_nonfinite: summary.new_nonfinite,
            renamed_prefix: summary.renamed_prefix.as_ref().map(|renamed| RenamedPrefixRecord {
                prefix: &renamed.prefix,
                side: if renamed.on_before { "before" } else { "after" },
            }),
            nonfinite,
        }
    }
}

impl<'a> From<&'a Expectation> for ExpectationRecord<'a> {
    fn from(Expectation { expect, held, found }: &'a Expectation) -> Self {
        Self { expect, held: *held, found }
    }
}

impl<'a> From<&'a Signature> for SignatureRecord<'a> {
    fn from(signature: &'a Signature) -> Self {
        Self {
            kind: words::signature_kind(signature.kind),
            layers: &signature.layers,
            estimated_edits: signature.estimated_edits,
            reasons: &signature.reasons,
        }
    }
}

impl<'a> From<&'a Histogram> for HistogramRecord<'a> {
    fn from(Histogram { name, buckets, zeros, nonfinite }: &'a Histogram) -> Self {
        let bucket = |&Bucket { lower, upper, count }: &Bucket| BucketRecord { lower, upper, count };
        Self {
            name,
            buckets: buckets.iter().map(bucket).collect(),
            zeros: *zeros,
            nonfinite_elements: *nonfinite,
        }
    }
}

#[cfg(test)]
crate::report::schema::published!(SCHEMA, Record<'static>);
