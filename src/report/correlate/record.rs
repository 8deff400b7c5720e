//! The record `diagnose.correlate/1`, field by field in the order in which it is written.

use std::collections::BTreeMap;

use serde::Serialize;

use super::words::{ci_method, log10_p, measure, p_method, reading, status};
use super::write::CorrelateReport;
use crate::correlate::{Group, IntervalChoice, PChoice, Pair, Separation};
use crate::report::json::{NonFiniteFields, Tool};

/// Name and version of the record.
pub(super) const SCHEMA: &str = "diagnose.correlate/1";

/// The whole document.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Record<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    /// In the order in which they first come in the table.
    groups: Vec<GroupRecord<'a>>,
}

/// All but the groups.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Head<'a> {
    schema: &'static str,
    tool: Tool,
    /// The tables, as typed; their rows are one below the other.
    tables: Vec<String>,
    rows: usize,
    /// The column that explains.
    x: &'a str,
    /// The columns that make groups.
    by: &'a [String],
    method: &'static str,
    /// Seed of permutations and bootstraps.
    seed: u64,
    /// Permutations behind each p; absent where p is not from permutations.
    #[serde(skip_serializing_if = "Option::is_none")]
    permutations: Option<u64>,
    /// Resamples behind each interval, of coefficients and of thresholds; absent where nothing was resampled.
    #[serde(skip_serializing_if = "Option::is_none")]
    resamples: Option<usize>,
    /// The rule for collapsed models; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    collapsed: Option<String>,
    /// p-values that `p_holm` and `q_value` are adjusted for.
    comparisons: usize,
    /// Columns that hold numbers and texts, and were not compared.
    mixed_columns: &'a [String],
    /// Further measures of the task that x measures, which were not compared.
    same_task_columns: &'a [String],
}

/// The rows with the same cells in the columns of `by`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct GroupRecord<'a> {
    by: BTreeMap<&'a str, Option<&'a str>>,
    rows: usize,
    pairs: Vec<PairRecord<'a>>,
    /// Absent without a rule for collapsed models.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    separation: Vec<SeparationRecord<'a>>,
}

/// One column against another.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct PairRecord<'a> {
    x: &'a str,
    y: &'a str,
    method: &'static str,
    /// `measured`, or why there is no coefficient: `too-few`, `constant-x`, `constant-y`, `infinite`.
    status: &'static str,
    /// Rows with a number in both.
    n: usize,
    /// Rows without.
    missing: usize,
    /// Of the missing rows those with a NaN.
    nan: usize,
    /// Of the n rows those with an infinity.
    infinite: usize,
    /// Of the n values those that another one equals.
    ties_x: usize,
    ties_y: usize,
    coefficient: Option<f64>,
    /// Two-sided, under permutations; null for fewer than three rows and where an exact one was asked for and there is none.
    p_value: Option<f64>,
    /// Its decimal logarithm, which does not underflow.
    log10_p: Option<f64>,
    /// `exact`, `permutation`, `t`, or of τ `normal`.
    p_method: Option<&'static str>,
    /// Adjusted for all comparisons of the report: Holm, and Benjamini and Hochberg.
    p_holm: Option<f64>,
    q_value: Option<f64>,
    /// 95 %; null where every pair of rows agrees, or there are too few.
    ci_low: Option<f64>,
    ci_high: Option<f64>,
    ci_method: Option<&'static str>,
    /// Whether the sign is the one expected of metrics of these names; null where nobody knows.
    direction_ok: Option<bool>,
    /// The pair in words.
    reading: String,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

/// A column as a test for collapse.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct SeparationRecord<'a> {
    score: &'a str,
    collapsed: usize,
    healthy: usize,
    /// Rows without a number or without a label.
    missing: usize,
    /// The chance that a collapsed model scores above another.
    auroc: Option<f64>,
    ci_low: Option<f64>,
    ci_high: Option<f64>,
    ci_method: &'static str,
    /// A model is told to be collapsed at or above it, or where `above` is false at or below it.
    threshold: Option<f64>,
    above: Option<bool>,
    sensitivity: Option<f64>,
    specificity: Option<f64>,
    /// Middle 95 % of the thresholds of resamples.
    threshold_low: Option<f64>,
    threshold_high: Option<f64>,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

impl<'a> From<&CorrelateReport<'a>> for Head<'a> {
    fn from(report: &CorrelateReport<'a>) -> Self {
        let plan = report.plan;
        let pairs = report.correlations.groups.iter().flat_map(|group| &group.pairs);
        let resampled = plan.interval == IntervalChoice::Bootstrap || plan.collapsed.is_some();
        Self {
            schema: SCHEMA,
            tool: Tool::THIS,
            tables: report.tables.iter().map(|path| path.to_string_lossy().into_owned()).collect(),
            rows: report.correlations.groups.iter().map(|group| group.rows.len()).sum(),
            x: &report.correlations.x,
            by: plan.by,
            method: measure(plan.measure),
            seed: plan.seed,
            permutations: (plan.p == PChoice::Permutation).then_some(plan.permutations),
            resamples: resampled.then_some(plan.resamples),
            collapsed: plan.collapsed.map(ToString::to_string),
            comparisons: pairs.filter(|pair| pair.found.is_ok_and(|found| found.p.is_some())).count(),
            mixed_columns: &report.correlations.mixed,
            same_task_columns: &report.correlations.same_task,
        }
    }
}

impl<'a> From<&CorrelateReport<'a>> for Record<'a> {
    fn from(report: &CorrelateReport<'a>) -> Self {
        let groups = report.correlations.groups.iter().map(|group| GroupRecord::new(group, report));
        Self { head: report.into(), groups: groups.collect() }
    }
}

impl<'a> GroupRecord<'a> {
    pub(super) fn new(group: &'a Group, report: &CorrelateReport<'a>) -> Self {
        let names = report.plan.by.iter().map(String::as_str);
        Self {
            by: names.zip(group.by.iter().map(Option::as_deref)).collect(),
            rows: group.rows.len(),
            pairs: group.pairs.iter().map(|pair| PairRecord::new(pair, report)).collect(),
            separation: group.separations.iter().map(SeparationRecord::from).collect(),
        }
    }
}

impl<'a> PairRecord<'a> {
    fn new(pair: &'a Pair, report: &CorrelateReport<'_>) -> Self {
        let mut nonfinite = NonFiniteFields::default();
        let found = pair.found.ok();
        let p = found.and_then(|found| found.p);
        let interval = found.and_then(|found| found.interval);
        let of = report.plan.measure;
        Self {
            x: &pair.x,
            y: &pair.y,
            method: measure(of),
            status: status(&pair.found),
            n: pair.n,
            missing: pair.missing,
            nan: pair.nan,
            infinite: pair.infinite,
            ties_x: pair.ties[0],
            ties_y: pair.ties[1],
            coefficient: found.map(|found| found.coefficient),
            p_value: p.map(|p| p.p),
            log10_p: p.and_then(|p| nonfinite.keep("log10_p", log10_p(p))),
            p_method: p.map(|p| p_method(p.kind)),
            p_holm: found.and_then(|found| found.p_holm),
            q_value: found.and_then(|found| found.q_value),
            ci_low: interval.map(|interval| interval.low),
            ci_high: interval.map(|interval| interval.high),
            ci_method: interval.map(|_| ci_method(of, report.plan.interval)),
            direction_ok: pair.direction_ok,
            reading: reading(pair, of),
            nonfinite,
        }
    }
}

impl<'a> From<&'a Separation> for SeparationRecord<'a> {
    fn from(found: &'a Separation) -> Self {
        let mut nonfinite = NonFiniteFields::default();
        let mut keep = |field: &str, x: Option<f64>| x.and_then(|x| nonfinite.keep(field, x));
        let threshold = found.threshold;
        let resampled = threshold.and_then(|threshold| threshold.interval);
        Self {
            score: &found.score,
            collapsed: found.collapsed,
            healthy: found.healthy,
            missing: found.missing,
            auroc: found.auroc,
            ci_low: found.interval.map(|interval| interval.low),
            ci_high: found.interval.map(|interval| interval.high),
            ci_method: "newcombe",
            threshold: keep("threshold", threshold.map(|threshold| threshold.value)),
            above: threshold.map(|threshold| threshold.above),
            sensitivity: threshold.map(|threshold| threshold.sensitivity),
            specificity: threshold.map(|threshold| threshold.specificity),
            threshold_low: keep("threshold_low", resampled.map(|interval| interval.low)),
            threshold_high: keep("threshold_high", resampled.map(|interval| interval.high)),
            nonfinite,
        }
    }
}

#[cfg(test)]
crate::report::schema::published!(SCHEMA, Record<'static>);
