//! The record `diagnose.screen/1`, field by field in the order in which it is written.

use std::collections::BTreeMap;

use serde::Serialize;

use super::write::ScreenReport;
use crate::keys::{ScreenRow, SubjectPosition};
use crate::report::json::Tool;

/// Name and version of the record.
const SCHEMA: &str = "diagnose.screen/1";

/// The whole document.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Record<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    /// A record each, in their order.
    cases: Vec<CaseRecord<'a>>,
}

/// All but the cases.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Head<'a> {
    /// Always `diagnose.screen/1`.
    schema: &'static str,
    tool: Tool,
    /// The file of cases, as typed.
    cases_path: &'a str,
    /// The tokenizer's folder, as typed.
    model_path: &'a str,
    tokenizer_hash: &'a str,
    summary: SummaryRecord<'a>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SummaryRecord<'a> {
    /// Records, whether or not they could be screened.
    cases: usize,
    screened: usize,
    refused: usize,
    /// Refused records by cause.
    refused_by_reason: &'a BTreeMap<&'static str, usize>,
    /// Cases whose key is read at the first of the prompt's own tokens.
    first_token_cases: usize,
    /// Those of them with no special token before it.
    at_risk: usize,
    /// Cases by the number of their subject's tokens, shortest first.
    subject_lengths: Vec<LengthRecord>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct LengthRecord {
    subject_tokens: usize,
    cases: usize,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct CaseRecord<'a> {
    /// Place among the records, from 0.
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    case_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    /// `screened` or `refused`.
    status: &'static str,
    #[serde(flatten)]
    position: Option<PositionRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<RefusalRecord<'a>>,
}

/// Positions count from 0, special tokens included.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PositionRecord {
    subject_tokens: usize,
    subject_first_index: usize,
    subject_last_index: usize,
    first_token: bool,
    bos: bool,
    at_risk: bool,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RefusalRecord<'a> {
    kind: &'static str,
    reason: &'a str,
}

impl<'a> From<&ScreenReport<'a>> for Record<'a> {
    fn from(report: &ScreenReport<'a>) -> Self {
        Self { head: report.into(), cases: report.screened.rows.iter().map(CaseRecord::from).collect() }
    }
}

impl<'a> From<&ScreenReport<'a>> for Head<'a> {
    fn from(report: &ScreenReport<'a>) -> Self {
        let summary = &report.screened.summary;
        let lengths = summary.by_length.iter();
        Self {
            schema: SCHEMA,
            tool: Tool::THIS,
            cases_path: report.cases,
            model_path: report.model,
            tokenizer_hash: report.tokenizer_sha256,
            summary: SummaryRecord {
                cases: summary.cases,
                screened: summary.screened,
                refused: summary.refused_cases(),
                refused_by_reason: &summary.refused,
                first_token_cases: summary.first_token,
                at_risk: summary.at_risk,
                subject_lengths: lengths
                    .map(|(&subject_tokens, &cases)| LengthRecord { subject_tokens, cases })
                    .collect(),
            },
        }
    }
}

impl<'a> From<&'a ScreenRow<'a>> for CaseRecord<'a> {
    fn from(row: &'a ScreenRow<'a>) -> Self {
        let refusal = row.found.as_ref().err();
        Self {
            index: row.index,
            case_id: row.case_id,
            prompt: row.prompt,
            subject: row.subject,
            status: status(row),
            position: row.found.as_ref().ok().map(PositionRecord::from),
            refused: refusal.map(|refusal| RefusalRecord { kind: refusal.kind, reason: &refusal.reason }),
        }
    }
}

impl From<&SubjectPosition> for PositionRecord {
    fn from(position: &SubjectPosition) -> Self {
        Self {
            subject_tokens: position.subject_tokens,
            subject_first_index: position.subject_first,
            subject_last_index: position.subject_last,
            first_token: position.first_token,
            bos: position.bos,
            at_risk: position.at_risk(),
        }
    }
}

/// What became of a record.
pub(super) fn status(row: &ScreenRow<'_>) -> &'static str {
    if row.found.is_ok() { "screened" } else { "refused" }
}

#[cfg(test)]
crate::report::schema::published!(SCHEMA, Record<'static>);
