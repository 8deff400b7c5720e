//! Which kind of run a path is, by what is in it.

use std::path::Path;

use serde_json::Value;

use super::{Run, RunError, case_folder, columns, evaluation, forgetting};
use crate::reader::json::with_quoted_nonfinite;
use crate::reader::location::locate;
use crate::reader::record_file::schema;
use crate::reader::records::{LONGEST_DATASET, without_mark};
use crate::reader::{Ledger, ReadError, RecordFile, SourceFile, read_table, read_whole};

/// What a path given as a run turned out to be.
#[derive(Clone, Debug)]
pub enum RunSource {
    /// Results in order; a result file of gradual-catastrophic-forgetting may hold several.
    Runs(Vec<Run>),
    /// A ledger; its distances are sums of its factors.
    Ledger(Box<Ledger>),
    /// A checkpoint, by its looks: one of a list.
    Checkpoint,
}

/// Bytes that are looked at first.
const HEAD: u64 = 4096;

/// Reads a run.
///
/// A folder holds `case_*.json` or a checkpoint. A file is told by its first bytes: a ledger's header, the header of a safetensors
/// file, Parquet, JSON, else delimited text.
///
/// # Errors
/// [`ReadError::Run`] where it is none of these or nothing in it can be used; else as for any input file.
pub fn read_run(path: &Path) -> Result<RunSource, ReadError> {
    if path.is_dir() {
        return match case_folder::read(path)? {
            Some(run) => Ok(RunSource::Runs(vec![run])),
            None if locate(path).is_ok() => Ok(RunSource::Checkpoint),
            None => Err(unknown(path, "a folder with neither case_*.json nor a checkpoint")),
        };
    }
    if is_index(path) {
        return Ok(RunSource::Checkpoint);
    }
    let head = SourceFile::open(path)?.leading(HEAD)?;
    if is_safetensors(&head) {
        return Ok(RunSource::Checkpoint);
    }
    if is_ledger(&head) {
        return Ok(RunSource::Ledger(Box::new(Ledger::read(path)?)));
    }
    let first = without_mark(&head).iter().find(|byte| !byte.is_ascii_whitespace());
    match first {
        Some(b'{') => of_json(path),
        _ => Ok(RunSource::Runs(vec![columns::run(&read_table(path)?)?])),
    }
}

/// A JSON document: a record of this program, a file of results, or a table.
fn of_json(path: &Path) -> Result<RunSource, ReadError> {
    let bytes = read_whole(path, LONGEST_DATASET)?;
    let json = with_quoted_nonfinite(without_mark(&bytes));
    // JSON lines are no document, and a table.
    let Ok(document) = serde_json::from_slice::<Value>(&json) else {
        return Ok(RunSource::Runs(vec![columns::run(&read_table(path)?)?]));
    };
    if let Some((command, version)) = schema(&document) {
        let record = RecordFile { path: path.to_owned(), command, version, value: document };
        return Ok(RunSource::Runs(vec![evaluation::run(&record)?]));
    }
    match forgetting::runs(path, &document)? {
        Some(runs) => Ok(RunSource::Runs(runs)),
        None => Ok(RunSource::Runs(vec![columns::run(&read_table(path)?)?])),
    }
}

/// The index of a sharded checkpoint.
fn is_index(path: &Path) -> bool {
    path.file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.ends_with(".safetensors.index.json"))
}

/// Eight bytes of a length, and the brace of a header.
fn is_safetensors(head: &[u8]) -> bool {
    matches!(head, [_, _, _, _, 0, 0, 0, 0, b'{', ..])
}

/// The schema stands first in the header of every ledger.
fn is_ledger(head: &[u8]) -> bool {
    head.starts_with(b"{\"schema\":\"diagnose.ledger/")
}

/// A run of nothing that is read, for what has a form and another content.
pub(super) fn unknown(path: &Path, found: impl Into<String>) -> ReadError {
    ReadError::Run { path: path.to_owned(), cause: RunError::Unknown { found: found.into() } }
}

/// A number as JSON has it, or as one of Python's words that were made strings.
pub(super) fn number(value: Option<&Value>) -> Option<f64> {
    match value? {
        Value::Number(number) => number.as_f64(),
        Value::Bool(truth) => Some(f64::from(u8::from(*truth))),
        Value::String(word) => match word.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

/// A whole number from 0.
pub(super) fn whole(value: Option<&Value>) -> Option<u64> {
    value?.as_u64()
}
