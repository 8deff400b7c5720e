//! One step as a record, in a ledger and in `diagnose.edit/1` alike.

use serde::Serialize;

use crate::reader::{
    DivisionLine, GuardLine, LayerLine, LedgerLine, LineKind, PassLine, RectLine, RefusedLine, RequestLine,
    ValueLine, factors_name,
};
use crate::report::json::NonFiniteFields;

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::report) struct LineRecord<'a> {
    /// `edit`, or `prune` for what PRUNE made of the whole sequence.
    kind: &'static str,
    index: usize,
    /// The method that made it; the guard may have chosen another than was asked for.
    method: &'a str,
    requests: Vec<RequestRecord<'a>>,
    refused: Vec<RefusedRecord<'a>>,
    layers: Vec<LayerRecord<'a>>,
    /// The file of factors in the folder beside the ledger; null where nothing changed, or no ledger was written.
    factors: Option<String>,
    factors_sha256: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RequestRecord<'a> {
    /// Its place among the records, from 0.
    record: usize,
    case_id: &'a str,
    value: ValueRecord,
    /// Of ROME and its variants.
    division: Option<DivisionRecord>,
    guard: Option<GuardRecord<'a>>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RefusedRecord<'a> {
    record: usize,
    case_id: Option<&'a str>,
    kind: &'a str,
    reason: &'a str,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ValueRecord {
    initial_norm: Option<f64>,
    target_norm: Option<f64>,
    offset_norm: Option<f64>,
    clamped: bool,
    stopped_early: bool,
    passes: Vec<PassRecord>,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PassRecord {
    total: Option<f64>,
    nll: Option<f64>,
    kl: Option<f64>,
    weight_decay: Option<f64>,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct DivisionRecord {
    numerator_norm: Option<f64>,
    unit_denominator: Option<f64>,
    denominator: Option<f64>,
    consistent_unit_denominator: Option<f64>,
    adjusted_key_norm: Option<f64>,
    right_vector_norm: Option<f64>,
    residual: Option<f64>,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct GuardRecord<'a> {
    level: &'a str,
    denominator_ratio: Option<f64>,
    /// `none`, or the method that was taken instead.
    action: &'a str,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct LayerRecord<'a> {
    layer: usize,
    tensor: &'a str,
    update_norm: Option<f64>,
    stored_update_norm: Option<f64>,
    weight_norm: Option<f64>,
    relative_update: Option<f64>,
    residual_norm: Option<f64>,
    pseudo_inverse: bool,
    rect: Option<RectRecord<'a>>,
    kept_entries: Option<u64>,
    /// Of the tensor as the checkpoint would store it afterwards.
    sha256: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bias: Option<BiasRecord<'a>>,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RectRecord<'a> {
    kind: &'a str,
    share: f64,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct BiasRecord<'a> {
    tensor: &'a str,
    sha256: &'a str,
}

impl<'a> From<&'a LedgerLine> for LineRecord<'a> {
    fn from(line: &'a LedgerLine) -> Self {
        Self {
            kind: match line.kind {
                LineKind::Edit => "edit",
                LineKind::Prune => "prune",
            },
            index: line.index,
            method: &line.method,
            requests: line.requests.iter().map(RequestRecord::from).collect(),
            refused: line.refused.iter().map(RefusedRecord::from).collect(),
            layers: line.layers.iter().map(LayerRecord::from).collect(),
            factors: line.factors_sha256.as_ref().map(|_| factors_name(line.index)),
            factors_sha256: line.factors_sha256.as_deref(),
        }
    }
}

impl<'a> From<&'a RequestLine> for RequestRecord<'a> {
    fn from(RequestLine { record, case_id, value, division, guard }: &'a RequestLine) -> Self {
        Self {
            record: *record,
            case_id,
            value: value.into(),
            division: division.as_ref().map(DivisionRecord::from),
            guard: guard.as_ref().map(GuardRecord::from),
        }
    }
}

impl<'a> From<&'a RefusedLine> for RefusedRecord<'a> {
    fn from(RefusedLine { record, case_id, kind, reason }: &'a RefusedLine) -> Self {
        Self { record: *record, case_id: case_id.as_deref(), kind, reason }
    }
}

impl From<&ValueLine> for ValueRecord {
    fn from(value: &ValueLine) -> Self {
        let mut nonfinite = NonFiniteFields::default();
        let mut keep = |field: &str, norm: Option<f64>| norm.and_then(|norm| nonfinite.keep(field, norm));
        Self {
            initial_norm: keep("initial_norm", value.initial_norm),
            target_norm: keep("target_norm", value.target_norm),
            offset_norm: keep("offset_norm", value.offset_norm),
            clamped: value.clamped,
            stopped_early: value.stopped_early,
            passes: value.passes.iter().map(PassRecord::from).collect(),
            nonfinite,
        }
    }
}

impl From<&PassLine> for PassRecord {
    fn from(pass: &PassLine) -> Self {
        let mut nonfinite = NonFiniteFields::default();
        Self {
            total: nonfinite.keep("total", pass.total),
            nll: nonfinite.keep("nll", pass.nll),
            kl: nonfinite.keep("kl", pass.kl),
            weight_decay: nonfinite.keep("weight_decay", pass.weight_decay),
            nonfinite,
        }
    }
}

impl From<&DivisionLine> for DivisionRecord {
    fn from(division: &DivisionLine) -> Self {
        let mut nonfinite = NonFiniteFields::default();
        let mut keep = |field: &str, value| nonfinite.keep(field, value);
        Self {
            numerator_norm: keep("numerator_norm", division.numerator_norm),
            unit_denominator: keep("unit_denominator", division.unit_denominator),
            denominator: keep("denominator", division.denominator),
            consistent_unit_denominator: keep(
                "consistent_unit_denominator",
                division.consistent_unit_denominator,
            ),
            adjusted_key_norm: keep("adjusted_key_norm", division.adjusted_key_norm),
            right_vector_norm: keep("right_vector_norm", division.right_vector_norm),
            residual: keep("residual", division.residual),
            nonfinite,
        }
    }
}

impl<'a> From<&'a GuardLine> for GuardRecord<'a> {
    fn from(GuardLine { level, denominator_ratio, action }: &'a GuardLine) -> Self {
        let mut nonfinite = NonFiniteFields::default();
        let denominator_ratio = nonfinite.keep("denominator_ratio", *denominator_ratio);
        Self { level, denominator_ratio, action, nonfinite }
    }
}

impl<'a> From<&'a LayerLine> for LayerRecord<'a> {
    fn from(layer: &'a LayerLine) -> Self {
        let mut nonfinite = NonFiniteFields::default();
        let mut keep = |field: &str, value| nonfinite.keep(field, value);
        Self {
            layer: layer.layer,
            tensor: &layer.tensor,
            update_norm: keep("update_norm", layer.update_norm),
            stored_update_norm: keep("stored_update_norm", layer.stored_update_norm),
            weight_norm: keep("weight_norm", layer.weight_norm),
            relative_update: keep("relative_update", layer.relative_update),
            residual_norm: layer.residual_norm.and_then(|norm| keep("residual_norm", norm)),
            pseudo_inverse: layer.pseudo_inverse,
            rect: layer.rect.as_ref().map(|RectLine { kind, share }| RectRecord { kind, share: *share }),
            kept_entries: layer.kept_entries,
            sha256: &layer.sha256,
            bias: layer.bias.as_ref().map(|(tensor, sha256)| BiasRecord { tensor, sha256 }),
            nonfinite,
        }
    }
}
