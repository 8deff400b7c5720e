//! The record `diagnose.sequence/1`, field by field in the order in which it is written.

use std::collections::BTreeMap;

use serde::Serialize;

use super::words;
use super::write::SequenceReport;
use crate::reader::RunSeries;
use crate::report::json::{NonFiniteFields, Tool};
use crate::sequence::analysis::{
    Course, Disabling, Forgetting, ForgettingPoint, Growth, Onset, Phase, RunAnalysis, WALK_EXPONENT,
    WARNING_CONFIDENCE, Warning,
};

/// Name and version of the record.
const SCHEMA: &str = "diagnose.sequence/1";

/// The whole document.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Record<'a> {
    #[serde(flatten)]
    head: Head,
    /// In the order in which they were given.
    runs: Vec<RunRecord<'a>>,
}

/// All but the runs.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Head {
    schema: &'static str,
    tool: Tool,
    /// The worst of all runs: `stable`, `gradual`, `warning` or `collapse`.
    level: &'static str,
    rules: RulesRecord,
}

/// What the estimates rest on.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RulesRecord {
    /// The exponent that a warning takes.
    warn_exponent: f64,
    /// What the exponent has to be above besides, with this confidence.
    walk_exponent: f64,
    warning_confidence: f64,
    growth: &'static str,
    disabling_edits: String,
    onset: &'static str,
    phases: &'static str,
    forgetting: &'static str,
}

/// One run.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct RunRecord<'a> {
    /// As typed.
    source: String,
    /// `ledger`, `evaluation`, `gradual-catastrophic-forgetting`, `case-folder`, `table` or `checkpoints`.
    kind: &'static str,
    /// Edits done at its end.
    edits: u64,
    level: &'static str,
    /// What happened, in one sentence.
    summary: String,
    series: Vec<SeriesRecord<'a>>,
    growth: Vec<GrowthRecord<'a>>,
    disabling_edits: Vec<DisablingRecord<'a>>,
    onset: Option<OnsetRecord<'a>>,
    early_warning: Option<WarningRecord<'a>>,
    /// Of all series together.
    phases: Vec<PhaseRecord>,
    forgetting: Option<ForgettingRecord>,
    /// Why a field above is null or empty, by its name.
    reasons: BTreeMap<&'static str, &'a str>,
    /// How it was read, in sentences.
    notes: &'a [String],
    bad_records: Vec<BadRow<'a>>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct BadRow<'a> {
    index: usize,
    reason: &'a str,
}

/// A series and its course.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SeriesRecord<'a> {
    name: &'a str,
    /// `distance`, `update-norm`, `score`, `perplexity`, `nll` or `cost`.
    measure: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    layer: Option<&'a str>,
    /// `[edits done, value]`.
    points: Vec<(u64, Option<f64>)>,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
    /// Null where the series has none; `reason` says why.
    course: Option<CourseRecord<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

/// What a score does.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CourseRecord<'a> {
    /// Level before the run or at its beginning, of the score that is judged: 1 / perplexity, e^−NLL, 1 − cost, or the score.
    base: f64,
    /// Values in a mean.
    bucket: usize,
    /// Values that were no finite number, and count as 0.
    nonfinite_values: usize,
    onset: Option<OnsetRecord<'a>>,
    phases: Vec<PhaseRecord>,
}

/// Growth of a distance.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct GrowthRecord<'a> {
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
struct DisablingRecord<'a> {
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

/// Where something breaks.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct OnsetRecord<'a> {
    edit: u64,
    /// 95 % set; null with the next of a decline without a break.
    low: Option<u64>,
    high: Option<u64>,
    /// Likelihood ratio of the change, or z of a jump; null where neither is.
    statistic: Option<f64>,
    series: &'a str,
    /// `change-point`, `first-edits`, `decline` or `jump`.
    method: &'static str,
}

/// The first warning.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct WarningRecord<'a> {
    edit: u64,
    rule: String,
    layer: &'a str,
    exponent: f64,
    lower_bound: f64,
    /// Edits from here to the onset; null where there is none or it came first.
    edits_ahead: Option<u64>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PhaseRecord {
    name: &'static str,
    from_edit: u64,
    to_edit: u64,
}

/// Forgetting of earlier edits.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ForgettingRecord {
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
struct CurveRecord {
    edit: u64,
    learnt: usize,
    forgotten: usize,
    /// Of those learnt.
    share: f64,
    /// Of all that were tested.
    share_of_all: f64,
}

impl From<&SequenceReport<'_>> for Head {
    fn from(report: &SequenceReport<'_>) -> Self {
        Self {
            schema: SCHEMA,
            tool: Tool::THIS,
            level: words::worst(report.runs).name(),
            rules: RulesRecord {
                warn_exponent: report.plan.warn_exponent,
                walk_exponent: WALK_EXPONENT,
                warning_confidence: WARNING_CONFIDENCE,
                growth: words::GROWTH,
                disabling_edits: words::disabling(),
                onset: words::ONSET,
                phases: words::PHASES,
                forgetting: words::FORGETTING,
            },
        }
    }
}

impl<'a> From<&SequenceReport<'a>> for Record<'a> {
    fn from(report: &SequenceReport<'a>) -> Self {
        Self { head: report.into(), runs: report.runs.iter().map(RunRecord::from).collect() }
    }
}

impl<'a> From<&'a RunAnalysis> for RunRecord<'a> {
    fn from(found: &'a RunAnalysis) -> Self {
        let run = &found.run;
        let warning = found.warning.as_ref().ok().and_then(Option::as_ref);
        Self {
            source: run.path.to_string_lossy().into_owned(),
            kind: run.kind.name(),
            edits: run.edits(),
            level: found.level.name(),
            summary: words::summary(found),
            series: run.series.iter().zip(&found.courses).map(SeriesRecord::from).collect(),
            growth: found.growth.iter().map(GrowthRecord::from).collect(),
            disabling_edits: found.disabling.iter().flatten().map(DisablingRecord::from).collect(),
            onset: found.onset.as_ref().ok().map(OnsetRecord::from),
            early_warning: warning.map(|warning| WarningRecord::new(warning, found)),
            phases: phases(&found.phases),
            forgetting: found.forgetting.as_ref().ok().map(ForgettingRecord::from),
            reasons: reasons(found),
            notes: &run.notes,
            bad_records: run.bad.iter().map(|bad| BadRow { index: bad.index, reason: &bad.reason }).collect(),
        }
    }
}

fn reasons(found: &RunAnalysis) -> BTreeMap<&'static str, &str> {
    let of = [
        ("disabling_edits", found.disabling.as_ref().err()),
        ("onset", found.onset.as_ref().err()),
        ("early_warning", found.warning.as_ref().err()),
        ("forgetting", found.forgetting.as_ref().err()),
    ];
    of.into_iter().filter_map(|(field, reason)| Some((field, reason?.as_str()))).collect()
}

fn phases(phases: &[Phase]) -> Vec<PhaseRecord> {
    let record = |Phase { kind, from_edit, to_edit }: &Phase| PhaseRecord {
        name: kind.name(),
        from_edit: *from_edit,
        to_edit: *to_edit,
    };
    phases.iter().map(record).collect()
}

impl<'a> From<(&'a RunSeries, &'a Result<Course, String>)> for SeriesRecord<'a> {
    fn from((series, course): (&'a RunSeries, &'a Result<Course, String>)) -> Self {
        let mut nonfinite = NonFiniteFields::default();
        let points = series.points.iter().enumerate();
        let points =
            points.map(|(at, (edit, value))| (*edit, nonfinite.keep(&format!("points[{at}]"), *value)));
        Self {
            name: &series.name,
            measure: series.measure.name(),
            layer: series.measure.layer(),
            points: points.collect(),
            nonfinite,
            course: course.as_ref().ok().map(|course| CourseRecord {
                base: course.base,
                bucket: course.bucket,
                nonfinite_values: course.nonfinite,
                onset: course.onset.as_ref().map(OnsetRecord::from),
                phases: phases(&course.phases),
            }),
            reason: course.as_ref().err().map(String::as_str),
        }
    }
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

impl<'a> From<&'a Onset> for OnsetRecord<'a> {
    fn from(onset: &'a Onset) -> Self {
        Self {
            edit: onset.edit,
            low: onset.interval.map(|(low, _)| low),
            high: onset.interval.map(|(_, high)| high),
            statistic: onset.statistic.filter(|statistic| statistic.is_finite()),
            series: &onset.series,
            method: onset.method.name(),
        }
    }
}

impl<'a> WarningRecord<'a> {
    fn new(warning: &'a Warning, found: &RunAnalysis) -> Self {
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

#[cfg(test)]
crate::report::schema::published!(SCHEMA, Record<'static>);
