//! A record that nothing could be done with, as every report has it.

use serde::Serialize;

use crate::reader::RefusedCase;

/// A record that could not be diagnosed, traced or scored.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct RefusedRecord<'a> {
    /// Its place among the records, from 0.
    index: usize,
    /// Null where the record could not be read, and for items of tasks.
    case_id: Option<&'a str>,
    /// A stable word for the cause.
    kind: &'static str,
    reason: &'a str,
}

impl<'a> From<&'a RefusedCase> for RefusedRecord<'a> {
    fn from(RefusedCase { index, case_id, kind, reason }: &'a RefusedCase) -> Self {
        Self { index: *index, case_id: case_id.as_deref(), kind, reason }
    }
}
