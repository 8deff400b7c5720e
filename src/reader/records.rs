//! Files of records: a JSON array, JSON lines, or one object; a record that is bad is a row of its own and stops no other.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::error::Excerpt;
use super::json::without_bare_nonfinite;

/// Longest dataset in bytes: ten times COUNTERFACT's 45 MB.
pub(super) const LONGEST_DATASET: u64 = 512 << 20;

/// Most records in one dataset.
const MOST_RECORDS: usize = 2_000_000;

/// What is wrong with a whole dataset.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are what the messages say of them")]
pub enum DatasetError {
    /// The file is neither one JSON document nor one JSON record a line.
    #[error("neither JSON nor JSON lines: {}", Excerpt(.reason))]
    Json { reason: String },
    /// The JSON is well-formed and holds something else.
    #[error("{found} where {wanted} should be")]
    Layout { found: &'static str, wanted: &'static str },
    /// More records than are read.
    #[error("more than {MOST_RECORDS} records")]
    TooMany,
    /// No record at all.
    #[error("nothing in it")]
    Empty,
    /// A context template without the place for the prompt, or with several.
    #[error("context template {index} has {slots} {{}} where one belongs: `{}`", Excerpt(.template))]
    TemplateSlots { index: usize, template: String, slots: usize },
}

impl DatasetError {
    /// A stable word for the cause, for scripts.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Json { .. } => "dataset-not-json",
            Self::Layout { .. } => "dataset-layout",
            Self::TooMany => "too-many-records",
            Self::Empty => "empty-dataset",
            Self::TemplateSlots { .. } => "template-slots",
        }
    }
}

/// A record that cannot be used, in a file whose other records can.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("record {index}{}: {reason}", InLine(*.line))]
pub struct BadRecord {
    /// Its place among the records, from 0.
    pub index: usize,
    /// Its line in a file of lines, from 1.
    pub line: Option<usize>,
    /// What is wrong with it.
    pub reason: String,
}

/// The kind of a [`RefusedCase`] whose record is no case at all.
pub const BAD_RECORD: &str = "bad-record";

/// A case, a task's item or a record that nothing could be done with, and why; it stops no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedCase {
    /// Its place among the records, from 0.
    pub index: usize,
    /// Its name; none where the record could not be read, and of an item of a task.
    pub case_id: Option<String>,
    /// A stable word for the cause.
    pub kind: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

/// The line of a record inside a message.
struct InLine(Option<usize>);

impl fmt::Display for InLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |line| write!(f, " (line {line})"))
    }
}

/// The fields of a record that its readers know.
pub(super) type Fields = BTreeMap<String, Value>;

/// One record as it is written.
#[derive(Debug, PartialEq)]
pub(super) enum Record {
    /// An object; fields that nobody asks for are left out.
    Fields(Fields),
    /// A plain string.
    Text(String),
}

/// Every record of a dataset, of whose fields only the `known` are kept.
///
/// The records are the elements of a JSON array, the one object that the file is, or the objects of its lines.
pub(super) fn records(
    bytes: &[u8],
    known: &'static [&'static str],
) -> Result<Vec<Result<Record, BadRecord>>, DatasetError> {
    let json = without_bare_nonfinite(without_mark(bytes));
    let element = Element { known };
    match json.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => Err(DatasetError::Empty),
        Some(b'[') => {
            let parsed = whole(&json, Elements(element)).map_err(|error| refusal(&error))?;
            Ok(parsed.into_iter().enumerate().map(|(index, found)| found.row(index, None)).collect())
        }
        Some(_) => match whole(&json, element) {
            Ok(found) => Ok(vec![found.row(0, None)]),
            Err(error) => lines(&json, element, &error),
        },
    }
}

/// The records of a file of lines. Where not one line is JSON, the error is that of the whole.
fn lines(
    json: &[u8],
    element: Element,
    of_the_whole: &serde_json::Error,
) -> Result<Vec<Result<Record, BadRecord>>, DatasetError> {
    let filled = json.split(|&byte| byte == b'\n').enumerate();
    let filled = filled.filter(|(_, line)| !line.iter().all(u8::is_ascii_whitespace));
    let mut rows = Vec::new();
    for (index, (number, line)) in filled.enumerate() {
        if index == MOST_RECORDS {
            return Err(DatasetError::TooMany);
        }
        rows.push(match whole(line, element) {
            Ok(found) => found.row(index, Some(number + 1)),
            Err(error) => Err(BadRecord { index, line: Some(number + 1), reason: column_only(&error) }),
        });
    }
    if rows.iter().any(Result::is_ok) { Ok(rows) } else { Err(refusal(of_the_whole)) }
}

fn refusal(error: &serde_json::Error) -> DatasetError {
    match error.to_string() {
        reason if reason.starts_with(TOO_MANY) => DatasetError::TooMany,
        reason => DatasetError::Json { reason },
    }
}

/// The message without its line, which is always 1 for a text of one line.
fn column_only(error: &serde_json::Error) -> String {
    format!("not JSON: {}", error.to_string().replace("line 1 column", "column"))
}

/// Bytes without the mark that some editors put in front of UTF-8.
pub(super) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// One JSON document with nothing behind it.
fn whole<'de, S: DeserializeSeed<'de>>(json: &'de [u8], seed: S) -> Result<S::Value, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let found = seed.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(found)
}

/// An element of a dataset, whatever it is.
#[derive(Debug)]
enum Found {
    Record(Record),
    Other(&'static str),
    Twice(String),
}

impl Found {
    fn row(self, index: usize, line: Option<usize>) -> Result<Record, BadRecord> {
        let reason = match self {
            Self::Record(record) => return Ok(record),
            Self::Other(found) => format!("{found} where an object should be"),
            Self::Twice(field) => format!("the field `{field}` stands twice"),
        };
        Err(BadRecord { index, line, reason })
    }
}

/// What the parser of an array fails with at one record too many.
const TOO_MANY: &str = "too many records";

/// Reads an array of elements.
#[derive(Clone, Copy)]
struct Elements(Element);

impl<'de> DeserializeSeed<'de> for Elements {
    type Value = Vec<Found>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements {
    type Value = Vec<Found>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut found = Vec::new();
        while let Some(element) = elements.next_element_seed(self.0)? {
            if found.len() == MOST_RECORDS {
                return Err(A::Error::custom(TOO_MANY));
            }
            found.push(element);
        }
        Ok(found)
    }
}

/// Reads one element; nothing that is JSON is an error here, so that the next one is reached.
#[derive(Clone, Copy)]
struct Element {
    known: &'static [&'static str],
}

impl<'de> DeserializeSeed<'de> for Element {
    type Value = Found;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Element {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Found, A::Error> {
        let (mut fields, mut twice) = (Fields::new(), None);
        while let Some(key) = entries.next_key::<String>()? {
            if !self.known.contains(&key.as_str()) {
                entries.next_value::<IgnoredAny>()?;
                continue;
            }
            match fields.entry(key) {
                Entry::Vacant(field) => {
                    field.insert(entries.next_value()?);
                }
                Entry::Occupied(field) => {
                    entries.next_value::<IgnoredAny>()?;
                    twice = Some(field.key().clone());
                }
            }
        }
        Ok(twice.map_or(Found::Record(Record::Fields(fields)), Found::Twice))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Found, A::Error> {
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Found::Other("an array"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Found, E> {
        Ok(Found::Record(Record::Text(text.to_owned())))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Found, E> {
        Ok(Found::Other("a truth value"))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Found, E> {
        Ok(Found::Other("a number"))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Found, E> {
        Ok(Found::Other("a number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Found, E> {
        Ok(Found::Other("a number"))
    }

    fn visit_unit<E>(self) -> Result<Found, E> {
        Ok(Found::Other("null"))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests take apart what they made")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(text: &str) -> Vec<String> {
        let rows = records(text.as_bytes(), &["a"]).unwrap().into_iter();
        rows.map(|row| row.map_or_else(|bad| bad.to_string(), |record| format!("{record:?}"))).collect()
    }

    const A_IS_1: &str = r#"Fields({"a": Number(1)})"#;

    #[test]
    fn an_array_an_object_and_lines_hold_the_same_records() {
        for text in [r#"[{"a":1,"b":2}]"#, r#"{"a":1,"b":2}"#, "\u{feff}{\n\"a\": 1}\n"] {
            assert_eq!(rows(text), [A_IS_1], "{text}");
        }
        assert_eq!(rows("{\"a\":1}\r\n\n{\"a\":1}\n"), [A_IS_1, A_IS_1]);
    }

    #[test]
    fn a_bad_element_of_an_array_stops_no_other() {
        assert_eq!(
            rows(r#"[1, [2, {"a": 3}], null, true, 0.5, -1, {"a":1,"a":2}, "x", {"a":1}]"#),
            [
                "record 0: a number where an object should be",
                "record 1: an array where an object should be",
                "record 2: null where an object should be",
                "record 3: a truth value where an object should be",
                "record 4: a number where an object should be",
                "record 5: a number where an object should be",
                "record 6: the field `a` stands twice",
                "Text(\"x\")",
                A_IS_1,
            ]
        );
    }

    #[test]
    fn a_bad_line_stops_no_other_and_is_named() {
        assert_eq!(
            rows("{\"a\":1}\n\n{\"a\":\n{\"a\":1}\n"),
            [A_IS_1, "record 1 (line 3): not JSON: EOF while parsing a value at column 5", A_IS_1]
        );
    }

    #[test]
    fn a_bare_nan_is_null() {
        assert_eq!(rows(r#"[{"a": NaN}]"#), [r#"Fields({"a": Null})"#]);
    }

    #[test]
    fn what_is_no_dataset_is_refused_as_a_whole() {
        let kind = |text: &str| records(text.as_bytes(), &[]).unwrap_err().kind();
        assert_eq!(kind(" \n"), "empty-dataset");
        assert_eq!(kind("[1, 2"), "dataset-not-json");
        assert_eq!(kind("case_id,prompt\n1,x\n"), "dataset-not-json");
        assert_eq!(kind(&"[".repeat(100_000)), "dataset-not-json");
        assert_eq!(kind(&"{\"a\":".repeat(100_000)), "dataset-not-json");
    }

    #[test]
    fn more_records_than_are_read_are_refused_before_they_fill_the_memory() {
        let many = "1,".repeat(MOST_RECORDS + 1);
        assert_eq!(records(format!("[{many}1]").as_bytes(), &[]).unwrap_err(), DatasetError::TooMany);
        let many = "{}\n".repeat(MOST_RECORDS + 1);
        assert_eq!(records(many.as_bytes(), &[]).unwrap_err(), DatasetError::TooMany);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(soup in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = records(&soup, &["a"]);
        }

        #[test]
        fn no_soup_of_json_makes_the_reader_panic(soup in r#"[\[\]{}",:a0-9NaIfinty\\ \n-]{0,60}"#) {
            let _ = records(soup.as_bytes(), &["a"]);
        }
    }
}
