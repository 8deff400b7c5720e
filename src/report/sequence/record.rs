//! The record `diagnose.sequence/1`, field by field in the order in which it is written.

use std::collections::BTreeMap;

use serde::Serialize;

use super::course_record::{OnsetRecord, PhaseRecord, SeriesRecord, phases};
use super::estimate_record::{DisablingRecord, ForgettingRecord, GrowthRecord, WarningRecord};
use super::words;
use super::write::SequenceReport;
use crate::report::json::Tool;
use crate::sequence::analysis::{RunAnalysis, WALK_EXPONENT, WARNING_CONFIDENCE};

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

#[cfg(test)]
crate::report::schema::published!(SCHEMA, Record<'static>);
