//! Estimates of `diagnose.sequence/1`: growth, disabling edits, the early warning, forgetting.

use serde::Serialize;

use super::words;
use crate::report::json::NonFiniteFields;
use crate::sequence::analysis::{Disabling, Forgetting, ForgettingPoint, Growth, RunAnalysis, Warning};

/// Growth of a distance.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct GrowthRecord<'a> {
    layer: &'a str,
    /// Null where it could not be fitted, with the next five; `reason` says why.
    exponent: Option<f64>,
    ci_low: Option<f64>,
    ci_high: Option<f64>,
    standard_error: Option<f64>,
    points: Option<usize>,
    from_edit: u64,
    to_edit: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

/// A step that jumps.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct DisablingRecord<'a> {
    edit: u64,
    /// Distance after the step over that before it.
    ratio: Option<f64>,
    /// Length of the step over the median, for one edit.
    update_ratio: Option<f64>,
    z: Option<f64>,
    /// Edits done before the step.
    after_edit: u64,
    layer: &'a str,
    case_id: Option<&'a str>,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

/// The first warning.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct WarningRecord<'a> {
    edit: u64,
    rule: String,
    layer: &'a str,
    exponent: f64,
    lower_bound: f64,
    /// Edits from here to the onset; null where there is none or it came first.
    edits_ahead: Option<u64>,
}

/// Forgetting of earlier edits.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct ForgettingRecord {
    learnt: usize,
    forgotten: usize,
    curve: Vec<CurveRecord>,
    /// In edits; null where less than half was lost.
    half_life: Option<f64>,
    half_life_low: Option<f64>,
    half_life_high: Option<f64>,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct CurveRecord {
    edit: u64,
    learnt: usize,
    forgotten: usize,
    /// Of those learnt.
    share: f64,
    /// Of all that were tested.
    share_of_all: f64,
}

impl<'a> From<&'a Growth> for GrowthRecord<'a> {
    fn from(growth: &'a Growth) -> Self {
        let mut nonfinite = NonFiniteFields::default();
        let fit = growth.fit.as_ref().ok();
        let mut keep = |name: &str, x: Option<f64>| x.and_then(|x| nonfinite.keep(name, x));
        Self {
            layer: &growth.layer,
            exponent: keep("exponent", fit.map(|(law, _)| law.exponent)),
            ci_low: keep("ci_low", fit.map(|(_, interval)| interval.low)),
            ci_high: keep("ci_high", fit.map(|(_, interval)| interval.high)),
            standard_error: keep("standard_error", fit.map(|(law, _)| law.standard_error)),
            points: fit.map(|(law, _)| law.points),
            from_edit: growth.from_edit,
            to_edit: growth.to_edit,
            reason: growth.fit.as_ref().err().map(String::as_str),
            nonfinite,
        }
    }
}

impl<'a> From<&'a Disabling> for DisablingRecord<'a> {
    fn from(jump: &'a Disabling) -> Self {
        let mut nonfinite = NonFiniteFields::default();
        Self {
            edit: jump.edit,
            ratio: nonfinite.keep("ratio", jump.ratio),
            update_ratio: nonfinite.keep("update_ratio", jump.update_ratio),
            z: nonfinite.keep("z", jump.z),
            after_edit: jump.after,
            layer: &jump.layer,
            case_id: jump.name.as_deref(),
            nonfinite,
        }
    }
}

impl<'a> WarningRecord<'a> {
    pub(super) fn new(warning: &'a Warning, found: &RunAnalysis) -> Self {
        Self {
            edit: warning.edit,
            rule: words::WARNING.to_owned(),
            layer: &warning.layer,
            exponent: warning.exponent,
            lower_bound: warning.lower_bound,
            edits_ahead: found.ahead(),
        }
    }
}

impl From<&Forgetting> for ForgettingRecord {
    fn from(found: &Forgetting) -> Self {
        let mut nonfinite = NonFiniteFields::default();
        let point = |point: &ForgettingPoint| CurveRecord {
            edit: point.edit,
            learnt: point.learnt,
            forgotten: point.forgotten,
            share: point.share,
            share_of_all: point.share_of_all,
        };
        Self {
            learnt: found.learnt,
            forgotten: found.forgotten,
            curve: found.curve.iter().map(point).collect(),
            half_life: found.half_life.edits,
            half_life_low: nonfinite.keep("half_life_low", found.half_life.interval.low),
            half_life_high: nonfinite.keep("half_life_high", found.half_life.interval.high),
            nonfinite,
        }
    }
}
