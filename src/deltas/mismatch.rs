//! Signs that two checkpoints are not one model and its edit: strange values, or tensors of one side only.

use super::verdict::{Finding, judged};
use super::{Level, Status, Summary, TensorDelta};
use crate::model::MatrixKind;
use crate::tensor::{counted, listed, percent};

/// |cosine| below which a matrix has nothing to do with the one before. Judgement: unrelated matrices of a
/// million elements stay below 0.01, a fine-tuned one above 0.9.
const UNRELATED_COSINE: f64 = 0.2;
/// Share of all compared parameters that has to be unrelated before the models are called so.
const UNRELATED_SHARE: f64 = 0.5;
/// Modules that many tools leave out of a file because they are tied to another tensor.
const OFTEN_TIED: [&str; 4] =
    ["lm_head", "encoder.embed_tokens", "decoder.embed_tokens", "cls.predictions.decoder"];

/// Two models that share their names and nothing else.
pub(super) fn unrelated(tensors: &[TensorDelta]) -> Option<Finding> {
    let compared = tensors.iter().filter(|t| matches!(t.status, Status::Identical | Status::Changed));
    let parameters: f64 = compared.map(|tensor| tensor.elements as f64).sum();
    let strangers: Vec<&TensorDelta> = tensors
        .iter()
        .filter(|tensor| judged(tensor).is_some_and(|change| change.cosine < UNRELATED_COSINE))
        .collect();
    let share = strangers.iter().map(|tensor| tensor.elements as f64).sum::<f64>() / parameters;
    // One matrix may have lost its direction to an edit; two models are told apart by many.
    (strangers.len() >= 2 && share > UNRELATED_SHARE).then(|| {
        let reason = format!(
            "{} of the parameters have nothing in common with those before (cosine below {}): these look like two \
             models, not like one and its edit",
            percent(share),
            UNRELATED_COSINE,
        );
        Finding::new(Level::Suspect, reason)
    })
}

/// Tensors that came, went or changed shape.
pub(super) fn structure(summary: &Summary, tensors: &[TensorDelta]) -> Vec<Finding> {
    let mut findings = Vec::new();
    if summary.tensors_compared == 0 && !tensors.is_empty() {
        findings.push(Finding::new(
            Level::Suspect,
            "no tensor is on both sides with one shape: nothing was compared".into(),
        ));
    }
    for (status, what) in [
        (Status::Reshaped, "changed shape"),
        (Status::Added, "only after the edit"),
        (Status::Removed, "only before the edit"),
    ] {
        let of_status = tensors.iter().filter(|tensor| tensor.status == status);
        let (usual, odd): (Vec<&TensorDelta>, Vec<&TensorDelta>) = of_status.partition(|t| often_left_out(t));
        for (level, group) in [(Level::Suspect, odd), (Level::Identical, usual)] {
            if !group.is_empty() {
                let count = counted(group.len(), "tensor", "tensors");
                let usual = if level == Level::Identical {
                    " (buffers or tied weights, which tools leave out)"
                } else {
                    ""
                };
                let names = listed(group.iter().map(|tensor| tensor.name.as_str()));
                findings.push(Finding::new(level, format!("{count} {what}{usual}: {names}")));
            }
        }
    }
    findings
}

/// Whether a tensor may be missing on one side of a healthy pair: a buffer, or a weight tied to another.
fn often_left_out(tensor: &TensorDelta) -> bool {
    tensor.status != Status::Reshaped
        && tensor.role.as_ref().is_some_and(|role| {
            role.kind == MatrixKind::Buffer
                || (role.layer.is_none() && OFTEN_TIED.contains(&role.module.as_str()))
        })
}
