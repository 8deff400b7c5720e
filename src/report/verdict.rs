//! A verdict, as the records of every command that judges have it.

use serde::Serialize;

use crate::stats::Calibration;

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct VerdictRecord<'a> {
    /// The command's own word: `identical`, `healthy`, `suspect`, `collapsed` or `invalid` of `deltas`; `safe`, `at-risk` or
    /// `collapse` of `keys`.
    level: &'static str,
    /// Sentences, the weightiest first.
    reasons: &'a [String],
    calibration: CalibrationRecord<'a>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CalibrationRecord<'a> {
    /// `calibrated` where labelled cases stand behind the thresholds, else `heuristic`.
    status: &'static str,
    /// The labelled cases that the thresholds rest on.
    basis: &'a str,
}

impl<'a> VerdictRecord<'a> {
    pub(super) fn new(level: &'static str, reasons: &'a [String], calibration: &'a Calibration) -> Self {
        let status = if calibration.calibrated { "calibrated" } else { "heuristic" };
        Self { level, reasons, calibration: CalibrationRecord { status, basis: &calibration.basis } }
    }
}
