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
    /// Its number, from 0.
    index: usize,
    /// The method that made it; the guard may have chosen another than was asked for.
    method: &'a str,
    /// The facts that it edited.
    requests: Vec<RequestRecord<'a>>,
    /// Records that it could not edit.
    refused: Vec<RefusedRecord<'a>>,
    /// What it did to each matrix.
    layers: Vec<LayerRecord<'a>>,
    /// The file of factors in the folder beside the ledger; null where nothing changed, or no ledger was written.
    factors: Option<String>,
    /// Of that file.
    factors_sha256: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RequestRecord<'a> {
    /// Its place among the records, from 0.
    record: usize,
    /// As in the file of cases.
    case_id: &'a str,
    /// The optimisation of the target value.
    value: ValueRecord,
    /// Of ROME and its variants.
    division: Option<DivisionRecord>,
    /// Null without `--guard`.
    guard: Option<GuardRecord<'a>>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RefusedRecord<'a> {
    /// Its place among the records, from 0.
    record: usize,
    /// As in the file of cases.
    case_id: Option<&'a str>,
    kind: &'a str,
    /// Why, in words.
    reason: &'a str,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ValueRecord {
    /// Norm of the value before the edit.
    initial_norm: Option<f64>,
    /// Of v*.
    target_norm: Option<f64>,
    /// Of what was added to it.
    offset_norm: Option<f64>,
    /// Whether the clamp on its length was met.
    clamped: bool,
    /// Whether the loss fell below `early_stop_loss`.
    stopped_early: bool,
    /// Losses of each pass.
    passes: Vec<PassRecord>,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PassRecord {
    /// The sum of the next three.
    total: Option<f64>,
    /// Of the new target, nats a token.
    nll: Option<f64>,
    /// Weighted Kullback–Leibler divergence at the subject.
    kl: Option<f64>,
    /// Of the offset.
    weight_decay: Option<f64>,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct DivisionRecord {
    /// ‖v* − W k‖.
    numerator_norm: Option<f64>,
    /// uᵀk with u = C⁻¹k̄ over its norm: what the code prints, signed.
    unit_denominator: Option<f64>,
    /// (C⁻¹k̄)ᵀk.
    denominator: Option<f64>,
    /// uᵀk̄: with one key in both places.
    consistent_unit_denominator: Option<f64>,
    /// ‖C⁻¹k̄‖.
    adjusted_key_norm: Option<f64>,
    /// ‖v* − W k‖ / |uᵀk|.
    right_vector_norm: Option<f64>,
    /// What the solve leaves, relatively.
    residual: Option<f64>,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct GuardRecord<'a> {
    /// The verdict on the keys: `safe`, `at-risk` or `collapse`.
    level: &'a str,
    /// What it rests on.
    denominator_ratio: Option<f64>,
    /// `none`, or the method that was taken instead.
    action: &'a str,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct LayerRecord<'a> {
    /// From 0.
    layer: usize,
    /// Its name in the checkpoint.
    tensor: &'a str,
    /// Frobenius norm of the update as worked out.
    update_norm: Option<f64>,
    /// Of the difference that storing it leaves.
    stored_update_norm: Option<f64>,
    /// Of the matrix before this step.
    weight_norm: Option<f64>,
    /// `update_norm` over `weight_norm`.
    relative_update: Option<f64>,
    /// Mean ‖z − h‖ over the requests at the last layer, of MEMIT and its kin; null of others.
    residual_norm: Option<f64>,
    /// Whether KᵀC⁻¹K was singular and its pseudo-inverse taken (EMMET).
    pseudo_inverse: bool,
    /// The mask of RECT; null without.
    rect: Option<RectRecord<'a>>,
    /// Entries that a mask kept; null without.
    kept_entries: Option<u64>,
    /// Of the tensor as the checkpoint would store it afterwards.
    sha256: &'a str,
    /// The bias of the module, where the method moves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    bias: Option<BiasRecord<'a>>,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RectRecord<'a> {
    kind: &'a str,
    /// The share that is kept.
    share: f64,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct BiasRecord<'a> {
    /// Its name in the checkpoint.
    tensor: &'a str,
    /// As it would be stored afterwards.
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
