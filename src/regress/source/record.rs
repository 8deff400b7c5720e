//! Records that this program wrote, by command.

use std::path::Path;

use serde_json::Value;

use super::{evaluation, gathered, perplexity, summaries};
use crate::reader::{RecordFile, recorded_number};
use crate::regress::error::RegressError;
use crate::regress::metric::{Metric, Metrics};

/// The metrics of a record; their names begin with the command.
///
/// # Errors
/// [`RegressError`], where the command measures nothing that is compared, or its record is not whole.
pub fn of_record(record: &RecordFile) -> Result<Metrics, RegressError> {
    let document = &record.value;
    let rows = match record.command.as_str() {
        "perplexity" => perplexity::metrics(document),
        "evaluate" => evaluation::metrics(document),
        "deltas" => summaries::of_deltas(document),
        "keys" => summaries::of_keys(document),
        "correlate" => summaries::of_correlate(document),
        "sequence" => summaries::of_sequence(document),
        _ => {
            return Err(RegressError::NoMetrics {
                path: record.path.clone(),
                command: record.command.clone(),
            });
        }
    };
    let incomplete = |missing: &str| RegressError::Incomplete {
        path: record.path.clone(),
        command: format!("{}/{}", record.command, record.version),
        missing: missing.to_owned(),
    };
    let rows = rows.map_err(|Lacks(what)| incomplete(&format!("no {what}")))?;
    if rows.is_empty() {
        return Err(incomplete("nothing was measured"));
    }
    gathered(&record.path, format!("diagnose.{}/{}", record.command, record.version), rows, Vec::new())
}

/// A field that a record should have and has not.
pub(super) struct Lacks(pub(super) &'static str);

/// An array of a record.
pub(super) fn list<'a>(object: &'a Value, field: &'static str) -> Result<&'a [Value], Lacks> {
    object.get(field).and_then(Value::as_array).map(Vec::as_slice).ok_or(Lacks(field))
}

/// A field of a record as a bare metric, where it is there.
pub(super) fn bare(object: &Value, field: &str, name: String) -> Option<Metric> {
    recorded_number(object, field).map(|value| Metric::bare(name, value))
}

/// What names something for short: the last part of a path.
pub(super) fn short(path: &str) -> &str {
    let name = Path::new(path).file_name().and_then(|name| name.to_str());
    name.unwrap_or(path)
}
