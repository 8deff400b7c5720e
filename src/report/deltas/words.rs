//! The names that records give to kinds, and the same in words for people.

use std::fmt::Write as _;

use crate::deltas::{Level, Signature, SignatureKind, Status};
use crate::model::{MatrixKind, Orientation};
use crate::report::number::{count, runs};
use crate::report::paint::Tone;

/// A level as records and `--fail-on` name it.
pub const fn level_name(level: Level) -> &'static str {
    match level {
        Level::Identical => "identical",
        Level::Healthy => "healthy",
        Level::Suspect => "suspect",
        Level::Collapsed => "collapsed",
        Level::Invalid => "invalid",
    }
}

/// How a level is toned.
pub(in crate::report) const fn level_tone(level: Level) -> Tone {
    match level {
        Level::Identical | Level::Healthy => Tone::Good,
        Level::Suspect => Tone::Warn,
        Level::Collapsed | Level::Invalid => Tone::Bad,
    }
}

/// What a level means.
pub(in crate::report) const fn level_meaning(level: Level) -> &'static str {
    match level {
        Level::Identical => "no value differs",
        Level::Healthy => "a change of the size that healthy edits have",
        Level::Suspect => "larger than healthy edits, or a change nobody asked for",
        Level::Collapsed => "a change of the size that destroyed models have",
        Level::Invalid => "new NaN or infinite values: the model cannot compute",
    }
}

/// A status as records name it.
pub(super) const fn status(status: Status) -> &'static str {
    match status {
        Status::Identical => "identical",
        Status::Changed => "changed",
        Status::Added => "added",
        Status::Removed => "removed",
        Status::Reshaped => "reshaped",
    }
}

/// A kind of matrix as records name it.
pub(super) const fn matrix_kind(kind: MatrixKind) -> &'static str {
    match kind {
        MatrixKind::MlpDown => "mlp-down",
        MatrixKind::MlpUp => "mlp-up",
        MatrixKind::Attention => "attention",
        MatrixKind::Embedding => "embedding",
        MatrixKind::Norm => "norm",
        MatrixKind::Bias => "bias",
        MatrixKind::Buffer => "buffer",
        MatrixKind::Adapter => "adapter",
    }
}

/// An orientation as records name it.
pub(super) const fn orientation(orientation: Orientation) -> &'static str {
    match orientation {
        Orientation::KeyMajor => "key-major",
        Orientation::ValueMajor => "value-major",
    }
}

/// A signature's kind as records name it.
pub(super) const fn signature_kind(kind: SignatureKind) -> &'static str {
    match kind {
        SignatureKind::None => "none",
        SignatureKind::RankOne => "rank-one",
        SignatureKind::LowRank => "low-rank",
        SignatureKind::Sparse => "sparse",
        SignatureKind::Bounded => "bounded",
        SignatureKind::Dense => "dense",
    }
}

/// A signature in a sentence: kind, who leaves such a change, layers, number of edits.
pub(super) fn signature(signature: &Signature) -> String {
    let left_by = match signature.kind {
        SignatureKind::None => "no editing method is recognised",
        SignatureKind::RankOne => "as ROME and its variants leave it",
        SignatureKind::LowRank => "as MEMIT, EMMET or a merged adapter leave it",
        SignatureKind::Sparse => "most elements untouched, as a masked update (RECT) leaves it",
        SignatureKind::Bounded => "no element moved beyond a common bound, as FT-L leaves it",
        SignatureKind::Dense => "every direction changed, as fine-tuning or merging leaves it",
    };
    let mut text = format!("{}: {left_by}", signature_kind(signature.kind));
    match signature.layers.as_slice() {
        [] => {}
        [layer] => {
            let _ = write!(text, "; layer {layer}");
        }
        layers => {
            let _ = write!(text, "; layers {}", runs(layers));
        }
    }
    if let Some(edits) = signature.estimated_edits {
        let _ = write!(text, "; about {} edit{}", count(edits as u64), if edits == 1 { "" } else { "s" });
    }
    text
}
