//! A series of `diagnose.sequence/1`: its values, its course, and where it breaks.

use serde::Serialize;

use crate::reader::RunSeries;
use crate::report::json::NonFiniteFields;
use crate::sequence::analysis::{Course, Onset, Phase};

/// A series and its course.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct SeriesRecord<'a> {
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
pub(super) struct CourseRecord<'a> {
    /// Level before the run or at its beginning, of the score that is judged: 1 / perplexity, e^−NLL, 1 − cost, or the score.
    base: f64,
    /// Values in a mean.
    bucket: usize,
    /// Values that were no finite number, and count as 0.
    nonfinite_values: usize,
    onset: Option<OnsetRecord<'a>>,
    phases: Vec<PhaseRecord>,
}

/// Where something breaks.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct OnsetRecord<'a> {
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

/// A stretch of edits: `stable`, `gradual` or `catastrophic`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct PhaseRecord {
    name: &'static str,
    from_edit: u64,
    to_edit: u64,
}

/// Phases in order.
pub(super) fn phases(phases: &[Phase]) -> Vec<PhaseRecord> {
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
