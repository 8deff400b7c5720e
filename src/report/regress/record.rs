//! The record `diagnose.regress/1`, field by field in the order in which it is written.

use serde::Serialize;

use super::words;
use super::write::RegressReport;
use crate::regress::{Correction, Metrics, Row, Summary, Test};
use crate::report::json::{NonFiniteFields, Tool};

/// Name and version of the record.
const SCHEMA: &str = "diagnose.regress/1";

/// The whole document.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Record<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    /// By status, the worst first, then by name.
    rows: Vec<RowRecord<'a>>,
}

/// All but the rows.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Head<'a> {
    schema: &'static str,
    tool: Tool,
    baseline: SideRecord<'a>,
    current: SideRecord<'a>,
    rules: RulesRecord,
    summary: SummaryRecord,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SideRecord<'a> {
    /// As typed.
    path: &'a str,
    /// A record's schema, `lm-evaluation-harness` or `table`.
    kind: &'a str,
    metrics: usize,
    /// What could not be read.
    notes: &'a [String],
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RulesRecord {
    alpha: f64,
    /// `holm`, `benjamini-hochberg` or `none`.
    correction: &'static str,
    /// Tests that were taken together.
    tests: usize,
    allow_missing: bool,
    /// Of the bootstrap intervals.
    seed: u64,
    resamples: usize,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SummaryRecord {
    regressed: usize,
    missing: usize,
    improved: usize,
    ok: usize,
    new: usize,
    /// Whether the gate closes: regressed, or missing and not allowed to be.
    failed: bool,
}

/// One metric.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct RowRecord<'a> {
    metric: &'a str,
    /// Null of a new metric, and where not finite.
    baseline: Option<f64>,
    /// Null of a missing metric, and where not finite.
    current: Option<f64>,
    /// `current` − `baseline`.
    change: Option<f64>,
    /// `change` over the size of `baseline`.
    relative_change: Option<f64>,
    /// `higher` or `lower` is better; null where nothing says.
    direction: Option<&'static str>,
    /// `told`, `reported` by the file, or `known`.
    direction_from: Option<&'static str>,
    /// How far it may get worse, in its units; null where a test decides, or nothing does.
    tolerance: Option<f64>,
    /// `absolute`, `relative` or `noise`.
    tolerance_from: Option<&'static str>,
    /// Spread of repeated runs; null without.
    noise: Option<NoiseRecord>,
    /// Null where there are neither samples nor standard errors.
    test: Option<TestRecord>,
    /// `regressed`, `missing`, `improved`, `ok` or `new`.
    status: &'static str,
    reason: String,
    #[serde(skip_serializing_if = "NonFiniteFields::is_empty")]
    nonfinite: NonFiniteFields,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct NoiseRecord {
    runs: usize,
    standard_deviation: f64,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct TestRecord {
    /// `mcnemar-mid-p`, `wilcoxon-signed-rank` or `paired-t` of the same samples; `pooled-proportions` or `standard-errors`.
    kind: &'static str,
    /// Pairs, or items of the smaller side.
    n: Option<u64>,
    /// Two-sided.
    p_value: Option<f64>,
    /// After the correction; null where a tolerance decides.
    adjusted_p: Option<f64>,
    /// 95 % interval of the change.
    ci_low: Option<f64>,
    ci_high: Option<f64>,
    /// `bca`, `newcombe` or `normal`.
    ci_method: Option<&'static str>,
    /// Change that this test alone would find with probability 0.8.
    detectable_change: Option<f64>,
    /// Samples that were right and are wrong, and the other way round; null where a sample is neither.
    lost: Option<u64>,
    won: Option<u64>,
}

impl<'a> From<&RegressReport<'a>> for Record<'a> {
    fn from(report: &RegressReport<'a>) -> Self {
        Self { head: report.into(), rows: report.comparison.rows.iter().map(RowRecord::from).collect() }
    }
}

impl<'a> From<&RegressReport<'a>> for Head<'a> {
    fn from(report: &RegressReport<'a>) -> Self {
        let rules = report.rules;
        Self {
            schema: SCHEMA,
            tool: Tool::THIS,
            baseline: report.baseline.into(),
            current: report.current.into(),
            rules: RulesRecord {
                alpha: rules.alpha,
                correction: correction(rules.correction),
                tests: report.comparison.tests,
                allow_missing: rules.allow_missing,
                seed: rules.seed,
                resamples: rules.resamples,
            },
            summary: SummaryRecord::new(report.comparison.summary, !report.failed().is_empty()),
        }
    }
}

const fn correction(correction: Correction) -> &'static str {
    match correction {
        Correction::Holm => "holm",
        Correction::BenjaminiHochberg => "benjamini-hochberg",
        Correction::None => "none",
    }
}

impl<'a> From<&'a Metrics> for SideRecord<'a> {
    fn from(Metrics { path, kind, rows, notes }: &'a Metrics) -> Self {
        Self { path, kind, metrics: rows.len(), notes }
    }
}

impl SummaryRecord {
    fn new(Summary { regressed, missing, improved, ok, new }: Summary, failed: bool) -> Self {
        Self { regressed, missing, improved, ok, new, failed }
    }
}

impl<'a> From<&'a Row> for RowRecord<'a> {
    fn from(row: &'a Row) -> Self {
        let mut nonfinite = NonFiniteFields::default();
        let mut keep = |field: &str, value: Option<f64>| value.and_then(|x| nonfinite.keep(field, x));
        Self {
            metric: &row.metric,
            baseline: keep("baseline", row.baseline),
            current: keep("current", row.current),
            change: keep("change", row.change()),
            relative_change: keep("relative_change", row.relative_change()),
            direction: row.direction.map(|(direction, _)| words::direction(direction)),
            direction_from: row.direction.map(|(_, from)| words::direction_from(from)),
            tolerance: keep("tolerance", row.tolerance.map(|tolerance| tolerance.value)),
            tolerance_from: row.tolerance.map(|tolerance| words::tolerance_from(tolerance.from)),
            noise: row
                .noise
                .map(|noise| NoiseRecord { runs: noise.runs, standard_deviation: noise.standard_deviation }),
            test: row.test.map(TestRecord::from),
            status: words::status(row.status),
            reason: words::reason(row),
            nonfinite,
        }
    }
}

impl From<Test> for TestRecord {
    fn from(test: Test) -> Self {
        let (interval, method) = test.interval.unzip();
        let finite = |x: f64| Some(x).filter(|x| x.is_finite());
        Self {
            kind: words::test(test.kind),
            n: test.n,
            p_value: finite(test.p_value),
            adjusted_p: test.adjusted_p.and_then(finite),
            ci_low: interval.and_then(|interval| finite(interval.low)),
            ci_high: interval.and_then(|interval| finite(interval.high)),
            ci_method: method.map(words::interval),
            detectable_change: test.detectable.and_then(finite),
            lost: test.flipped.map(|(lost, _)| lost),
            won: test.flipped.map(|(_, won)| won),
        }
    }
}

#[cfg(test)]
crate::report::schema::published!(SCHEMA, Record<'static>);
