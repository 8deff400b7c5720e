//! Records that this program wrote, read back as documents: `diagnose.<command>/<version>`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::records::LONGEST_DATASET;
use super::{DatasetError, ReadError, read_whole};

/// A record of one of the commands.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordFile {
    /// The file, as typed.
    pub path: PathBuf,
    /// The command whose record it is.
    pub command: String,
    /// Version of that record.
    pub version: u32,
    /// The whole document; a number that is not finite is null, and its field is named in `nonfinite` beside it.
    pub value: Value,
}

/// Reads a record.
///
/// # Errors
/// [`ReadError`], where the file cannot be read, is no JSON document, or says of itself that it is something else.
pub fn read_record(path: &Path) -> Result<RecordFile, ReadError> {
    let malformed = |cause| ReadError::Dataset { path: path.to_owned(), cause };
    let value: Value = serde_json::from_slice(&read_whole(path, LONGEST_DATASET)?)
        .map_err(|error| malformed(DatasetError::Json { reason: error.to_string() }))?;
    let (command, version) = schema(&value).ok_or_else(|| {
        malformed(DatasetError::Layout { found: "another document", wanted: "a record of diagnose" })
    })?;
    Ok(RecordFile { path: path.to_owned(), command, version, value })
}

/// The files that a path means: itself, or every `.json` of a folder, by name; folders inside it are not searched.
///
/// # Errors
/// [`ReadError::Io`], where the folder cannot be listed.
pub fn list_records(path: &Path) -> Result<Vec<PathBuf>, ReadError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let failed = |cause| ReadError::Io { path: path.to_owned(), action: "list", cause };
    let entries: Result<Vec<PathBuf>, _> =
        fs::read_dir(path).map_err(failed)?.map(|entry| entry.map(|entry| entry.path())).collect();
    let is_json =
        |path: &PathBuf| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let mut found: Vec<PathBuf> =
        entries.map_err(failed)?.into_iter().filter(|path| is_json(path) && path.is_file()).collect();
    found.sort();
    Ok(found)
}

/// Command and version of a record; none of any other document.
pub(super) fn schema(document: &Value) -> Option<(String, u32)> {
    let (command, version) = document.get("schema")?.as_str()?.strip_prefix("diagnose.")?.split_once('/')?;
    Some((command.to_owned(), version.parse().ok()?))
}

/// A number of a record's object, as it was before it was written: `nonfinite` beside it says what a null was.
///
/// `None` where the field is absent, no number, or null without a word about it.
pub fn recorded_number(object: &Value, field: &str) -> Option<f64> {
    match object.get(field)? {
        Value::Null => match object.get("nonfinite")?.get(field)?.as_str()? {
            "nan" => Some(f64::NAN),
            "inf" => Some(f64::INFINITY),
            "-inf" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        number => number.as_f64(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_was_not_finite_is_read_back_as_what_it_was() {
        let object = serde_json::json!({"a": null, "b": null, "c": 2, "d": null, "e": "x", "nonfinite": {"a": "inf", "b": "nan"}});
        assert_eq!(recorded_number(&object, "a"), Some(f64::INFINITY));
        assert!(recorded_number(&object, "b").is_some_and(f64::is_nan));
        assert_eq!(recorded_number(&object, "c"), Some(2.0));
        assert_eq!(["d", "e", "f"].map(|field| recorded_number(&object, field)), [None; 3]);
    }

    #[test]
    fn a_record_is_known_by_its_schema_and_anything_else_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.json");
        std::fs::write(&path, r#"{"schema": "diagnose.keys/1", "summary": {}}"#).unwrap();
        let record = read_record(&path).unwrap();
        assert_eq!((record.command.as_str(), record.version), ("keys", 1));
        for other in ["[]", "{}", r#"{"schema": "keys/1"}"#, r#"{"schema": "diagnose.keys/x"}"#] {
            std::fs::write(&path, other).unwrap();
            assert_eq!(read_record(&path).unwrap_err().kind(), "dataset-layout", "{other}");
        }
        std::fs::write(&path, "{").unwrap();
        assert_eq!(read_record(&path).unwrap_err().kind(), "dataset-not-json");
    }

    #[test]
    fn a_folder_means_its_records_by_name_and_a_file_itself() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.json", "a.JSON", "c.jsonl", "d.txt"] {
            std::fs::write(folder.path().join(name), "{}").unwrap();
        }
        std::fs::create_dir(folder.path().join("e.json")).unwrap();
        let names = |path: &Path| -> Vec<String> {
            let name = |path: PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
            list_records(path).unwrap().into_iter().map(name).collect()
        };
        assert_eq!(names(folder.path()), ["a.JSON", "b.json"]);
        assert_eq!(names(&folder.path().join("d.txt")), ["d.txt"]);
        assert_eq!(names(&folder.path().join("absent")), ["absent"], "reading it says why");
    }
}
