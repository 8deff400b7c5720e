//! What an edit leaves in a ledger: its numbers, and the hash of every matrix that it changed.

use crate::edit::{Change, Edit, LayerFacts, Method, RectKind, RequestFacts, Update, ValueFacts};
use crate::model::{Model, ModelError};
use crate::reader::{
    DivisionLine, GuardLine, LayerLine, PassLine, RectLine, RequestLine, ValueLine, sha256_of,
};

/// The line of each matrix; the model has them as the edit left them.
pub(super) fn layers(edit: &Edit, model: &Model) -> Result<Vec<LayerLine>, ModelError> {
    edit.updates.iter().zip(&edit.layers).map(|(update, facts)| layer(update, facts, model)).collect()
}

pub(super) fn layer(update: &Update, facts: &LayerFacts, model: &Model) -> Result<LayerLine, ModelError> {
    let (rect, has_bias) = match &update.change {
        Change::Factors { kept, .. } => (kept.map(rect_line), false),
        Change::Whole { bias, .. } => (None, bias.is_some()),
    };
    let (sha256, bias) = hashes(model, update.layer, has_bias)?;
    Ok(LayerLine {
        layer: facts.layer,
        tensor: facts.tensor.clone(),
        update_norm: facts.update_norm,
        stored_update_norm: facts.stored_update_norm,
        weight_norm: facts.weight_norm,
        relative_update: facts.update_norm / facts.weight_norm,
        residual_norm: facts.residual_norm,
        pseudo_inverse: facts.pseudo_inverse,
        rect,
        kept_entries: facts.kept_entries,
        sha256,
        bias,
    })
}

/// SHA-256 of W as it would be stored, and name and SHA-256 of b where it is asked for.
pub(super) fn hashes(
    model: &Model,
    layer: usize,
    with_bias: bool,
) -> Result<(String, Option<(String, String)>), ModelError> {
    let weight = sha256_of(&model.stored_weight(layer)?.bytes);
    let bias = if with_bias { model.stored_bias(layer)? } else { None };
    Ok((weight, bias.map(|bias| (bias.name, sha256_of(&bias.bytes)))))
}

fn rect_line(kind: RectKind) -> RectLine {
    let (kind, share) = match kind {
        RectKind::Relative(share) => ("relative", share),
        RectKind::Shifted(share) => ("shifted", share),
    };
    RectLine { kind: kind.to_owned(), share }
}

/// The line of one case.
pub(super) fn request(
    facts: &RequestFacts,
    record: usize,
    method: Method,
    guard: Option<GuardLine>,
) -> RequestLine {
    let division = facts.division.map(|division| DivisionLine {
        numerator_norm: division.numerator_norm,
        unit_denominator: division.unit_denominator,
        denominator: division.denominator,
        consistent_unit_denominator: division.consistent_unit_denominator,
        adjusted_key_norm: division.adjusted_key_norm,
        right_vector_norm: division.right_vector_norm,
        residual: division.residual,
    });
    let case_id = facts.case_id.clone();
    RequestLine { record, case_id, value: value(&facts.value, method), division, guard }
}

fn value(facts: &ValueFacts, method: Method) -> ValueLine {
    let tuned = matches!(method, Method::FineTune | Method::FineTuneConstrained);
    let norm = |norm: f64| (!tuned).then_some(norm);
    let passes = facts.passes.iter().map(|pass| PassLine {
        total: pass.total,
        nll: pass.nll,
        kl: pass.kl,
        weight_decay: pass.weight_decay,
    });
    ValueLine {
        passes: passes.collect(),
        initial_norm: norm(facts.initial_norm),
        target_norm: norm(facts.target_norm),
        offset_norm: norm(facts.offset_norm),
        clamped: facts.clamped,
        stopped_early: facts.stopped_early,
    }
}
