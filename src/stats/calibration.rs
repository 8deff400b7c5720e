//! What a threshold rests on.

/// What the thresholds of a verdict rest on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calibration {
    /// True where labelled cases of this very setting stand behind the thresholds or none was needed, false where they are
    /// judgement.
    pub calibrated: bool,
    /// The labelled cases and the margin between them, in words.
    pub basis: String,
}
