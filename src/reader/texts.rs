//! Texts to measure perplexity on or to take keys from: ME-PPL's JSON, JSON lines with `text`, or a line a text.
//!
//! Texts are kept to the byte, leading spaces included: 8,834 of the 10,000 texts of ME-PPL begin with one, and their first
//! token is another one without it.

use std::ffi::OsStr;
use std::path::Path;
use std::str;

use serde_json::Value;

use super::records::{LONGEST_DATASET, Record, records, without_mark};
use super::{BadRecord, DatasetError, ReadError, read_input};

/// The text of a record, and what it was taken from; ME-PPL's spelling and that of JSON lines.
const KNOWN: &[&str] = &["Text", "text", "Corpus", "corpus"];

/// A text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// The text itself; it may be empty.
    pub text: String,
    /// What it was taken from, where the record says it.
    pub corpus: Option<String>,
}

/// Every text of a file, or of standard input where the path is `-`.
///
/// A file that ends in `.json`, `.jsonl` or `.ndjson` is JSON; another one is JSON where it begins with an object that has
/// a `text`, or is an array of texts as a whole; else every line with something in it is a text.
///
/// # Errors
/// [`ReadError`], where the file cannot be read, or should be JSON and is none. A record that cannot be used is a row.
pub fn read_texts(path: &Path) -> Result<Vec<Result<Text, BadRecord>>, ReadError> {
    let bytes = read_input(path, LONGEST_DATASET)?;
    let extension = path.extension().map(OsStr::to_ascii_lowercase);
    let is_json =
        extension.is_some_and(|extension| ["json", "jsonl", "ndjson"].iter().any(|json| extension == *json));
    let rows = if is_json { parse_json_texts(&bytes) } else { parse_texts(&bytes) };
    rows.map_err(|cause| ReadError::Dataset { path: path.to_owned(), cause })
}

/// Every text of a file whose name says nothing about its layout.
///
/// # Errors
/// [`DatasetError::Empty`], where there is none; no bytes make it panic.
pub fn parse_texts(bytes: &[u8]) -> Result<Vec<Result<Text, BadRecord>>, DatasetError> {
    match parse_json_texts(bytes) {
        Ok(rows) if rows.first().is_some_and(Result::is_ok) => Ok(rows),
        _ => parse_lines(bytes),
    }
}

/// Every text of a JSON array or of JSON lines; a text is a string, or an object with `text` or `Text`.
fn parse_json_texts(bytes: &[u8]) -> Result<Vec<Result<Text, BadRecord>>, DatasetError> {
    let rows = records(bytes, KNOWN)?.into_iter().enumerate();
    Ok(rows
        .map(|(index, row)| text(row?).map_err(|reason| BadRecord { index, line: None, reason }))
        .collect())
}

fn text(record: Record) -> Result<Text, String> {
    let mut fields = match record {
        Record::Text(text) => return Ok(Text { text, corpus: None }),
        Record::Fields(fields) => fields,
    };
    let mut take = |names: [&str; 2]| names.into_iter().find_map(|name| fields.remove(name));
    let corpus = match take(["Corpus", "corpus"]) {
        Some(Value::String(corpus)) => Some(corpus),
        _ => None,
    };
    match take(["Text", "text"]) {
        Some(Value::String(text)) => Ok(Text { text, corpus }),
        Some(_) => Err("`text` is no string".to_owned()),
        None => Err("no `text`".to_owned()),
    }
}

/// Every line that has something in it.
fn parse_lines(bytes: &[u8]) -> Result<Vec<Result<Text, BadRecord>>, DatasetError> {
    let lines = without_mark(bytes).split(|&byte| byte == b'\n').enumerate();
    let filled = lines.filter(|(_, line)| !line.iter().all(u8::is_ascii_whitespace));
    let row = |(index, (number, line)): (usize, (usize, &[u8]))| {
        let text = str::from_utf8(line.strip_suffix(b"\r").unwrap_or(line));
        let bad = |error| BadRecord { index, line: Some(number + 1), reason: format!("not UTF-8: {error}") };
        text.map(|text| Text { text: text.to_owned(), corpus: None }).map_err(bad)
    };
    let rows: Vec<_> = filled.enumerate().map(row).collect();
    if rows.is_empty() { Err(DatasetError::Empty) } else { Ok(rows) }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests take apart what they made")]
mod tests {
    use std::fs;

    use super::*;

    fn words(bytes: &[u8]) -> Vec<String> {
        let rows = parse_texts(bytes).unwrap().into_iter();
        rows.map(|row| row.map_or_else(|bad| bad.to_string(), |text| text.text)).collect()
    }

    #[test]
    fn me_ppl_keeps_its_leading_spaces_and_its_corpus() {
        let rows = parse_texts(br#"[{"Corpus": "C4", "Text": " I know "}, {"Text": ""}]"#).unwrap();
        assert_eq!(rows.first().unwrap(), &Ok(Text { text: " I know ".into(), corpus: Some("C4".into()) }));
        assert_eq!(rows.last().unwrap(), &Ok(Text::default()), "an empty text is a text");
    }

    #[test]
    fn json_lines_and_plain_lines_are_told_apart() {
        assert_eq!(
            words(b"{\"text\": \" a\"}\n{\"text\": 1}\n{\"text\": \"b\"}"),
            [" a", "record 1: `text` is no string", "b"]
        );
        assert_eq!(words(b" a \r\n\nb\n"), [" a ", "b"]);
        assert_eq!(words(b"[1] is a citation\n{x}\n"), ["[1] is a citation", "{x}"]);
        assert_eq!(words(b"12\n[1]\n"), ["12", "[1]"]);
        assert_eq!(words(b"[\"a\", \"b\"]"), ["a", "b"]);
    }

    #[test]
    fn a_line_that_is_no_utf_8_is_a_row_of_its_own() {
        let rows = words(b"a\n\xff\xfe\nb");
        assert_eq!(
            rows,
            ["a", "record 1 (line 2): not UTF-8: invalid utf-8 sequence of 1 bytes from index 0", "b"]
        );
    }

    #[test]
    fn a_file_named_json_is_never_read_as_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.JSON");
        fs::write(&path, "a line\n").unwrap();
        let error = read_texts(&path).unwrap_err();
        assert_eq!(error.kind(), "dataset-not-json");
        assert!(error.to_string().contains("a.JSON: neither JSON nor JSON lines: expected value"), "{error}");
        fs::write(&path, "").unwrap();
        assert_eq!(read_texts(&path).unwrap_err().kind(), "empty-dataset");
    }
}
