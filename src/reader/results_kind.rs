//! Which of the files of results one is: told by what stands in it, not by its name.

use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::json::{Object, UniqueMap, with_quoted_nonfinite};
use super::records::{LONGEST_DATASET, without_mark};
use super::{ReadError, read_whole};

/// A file, or folder, of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultsKind {
    /// A record that this program wrote, as one JSON document.
    Record,
    /// Results of lm-evaluation-harness; every folder.
    LmEval,
    /// Anything else: a table, where it can be read as one.
    Table,
}

/// The fields that tell.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    schema: Option<String>,
    #[serde(default)]
    results: Option<UniqueMap<IgnoredAny>>,
}

/// Tells what a path holds; a JSON object with a `schema` of ours is a record, one with an object `results` is lm-eval's.
///
/// # Errors
/// [`ReadError`], where the file cannot be read.
pub fn results_kind(path: &Path) -> Result<ResultsKind, ReadError> {
    if path.is_dir() {
        return Ok(ResultsKind::LmEval);
    }
    let bytes = read_whole(path, LONGEST_DATASET)?;
    if without_mark(&bytes).iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Ok(ResultsKind::Table);
    }
    let head: Result<Object<Head>, _> = serde_json::from_slice(&with_quoted_nonfinite(without_mark(&bytes)));
    let Ok(Object(Head { schema, results })) = head else { return Ok(ResultsKind::Table) };
    Ok(match schema {
        Some(schema) if schema.starts_with("diagnose.") => ResultsKind::Record,
        _ if results.is_some() => ResultsKind::LmEval,
        _ => ResultsKind::Table,
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_results_is_told_by_what_stands_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let kind = |text: &str| {
            let path = folder.path().join("r");
            std::fs::write(&path, text).unwrap();
            results_kind(&path).unwrap()
        };
        assert_eq!(kind(r#" {"schema": "diagnose.keys/1", "cases": []}"#), ResultsKind::Record);
        assert_eq!(kind(r#"{"results": {"a": {"acc,none": NaN}}, "config": {}}"#), ResultsKind::LmEval);
        for table in ["a,b\n1,2\n", "[{\"a\": 1}]", "{\"results\": 3}", "{\"a\": 1}\n{\"a\": 2}\n", "", "{"] {
            assert_eq!(kind(table), ResultsKind::Table, "{table}");
        }
        assert_eq!(results_kind(folder.path()).unwrap(), ResultsKind::LmEval);
    }
}
