//! How a change is judged.

use super::{Calibration, Level, Summary, TensorDelta, Verdict};

/// Judges a change.
pub fn verdict(_summary: &Summary, _tensors: &[TensorDelta]) -> Verdict {
    Verdict {
        level: Level::Healthy,
        reasons: Vec::new(),
        calibration: Calibration { calibrated: false, basis: String::new() },
    }
}
