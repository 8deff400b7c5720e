//! Tables in JSON: objects in an array or a line each, records of this program.

use super::Cell;
use super::builder::{Builder, Row};
use super::error::TableError;
use super::flat::{Document, is_object, parse_row};
use crate::reader::json::with_quoted_nonfinite;

/// The list of rows in the record of a command; where there are several, the first that the record has.
const LISTS: [(&str, &str); 6] = [
    ("perplexity", "models"),
    ("evaluate", "steps"),
    ("evaluate", "cases"),
    ("keys", "cases"),
    ("edit", "edits"),
    ("deltas", "tensors"),
];

/// What a JSON document holds.
#[derive(Debug)]
pub(super) enum Json {
    /// A table.
    Rows(Builder),
    /// Results of lm-evaluation-harness, which have a reader of their own.
    HarnessResults,
}

/// The rows of a JSON document, or of JSON lines.
pub(super) fn json(bytes: &[u8]) -> Result<Json, TableError> {
    let json = with_quoted_nonfinite(bytes);
    match Document::parse(&json) {
        Ok(document) if document.fields.iter().any(|(name, _)| name.starts_with("results.")) => {
            Ok(Json::HarnessResults)
        }
        Ok(document) => of_document(document).map(Json::Rows),
        Err(error) => lines(&json, &error).map(Json::Rows),
    }
}

fn of_document(mut document: Document) -> Result<Builder, TableError> {
    if let Some(command) = command(&document).map(str::to_owned) {
        let own = LISTS.iter().filter(|(of, _)| *of == command);
        let rows = own.filter_map(|(_, list)| document.take(list)).find(|rows| !rows.is_empty());
        return build(rows.ok_or(TableError::NoRowsOf { command })?);
    }
    let rows = document.take("");
    build(rows.unwrap_or_else(|| vec![document.fields]))
}

/// The command whose record it is.
fn command(document: &Document) -> Option<&str> {
    document.text("schema")?.strip_prefix("diagnose.")?.split('/').next()
}

fn build(rows: Vec<Row>) -> Result<Builder, TableError> {
    let mut table = Builder::default();
    for (at, row) in rows.into_iter().enumerate() {
        if !is_object(&row) {
            return Err(TableError::NoObject { place: "record", at });
        }
        table.push(row)?;
    }
    Ok(table)
}

/// An object a line. Where the first is none, the document is broken and the error is that of the whole.
fn lines(json: &[u8], of_the_whole: &serde_json::Error) -> Result<Builder, TableError> {
    let mut table = Builder::default();
    let lines = json.split(|&byte| byte == b'\n').zip(1..);
    let mut filled = lines.filter(|(line, _)| !line.iter().all(u8::is_ascii_whitespace)).peekable();
    if filled.peek().is_none_or(|(first, _)| parse_row(first).is_err()) {
        return Err(TableError::Json { line: None, reason: of_the_whole.to_string() });
    }
    for (line, number) in filled {
        let row = parse_row(line).map_err(|error| TableError::Json {
            line: Some(number),
            reason: error.to_string().replace("line 1 column", "column"),
        })?;
        if !is_object(&row) {
            return Err(TableError::NoObject { place: "line", at: number });
        }
        if !is_summary(&row) {
            table.push(row)?;
        }
    }
    Ok(table)
}

/// Whether a line is what this program writes before the rows.
fn is_summary(row: &Row) -> bool {
    row.iter().any(|(name, cell)| {
        name == "schema" && matches!(cell, Cell::Text(text) if text.starts_with("diagnose."))
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;
    use crate::reader::Column;

    fn finished(text: &str) -> Result<(Vec<Column>, usize), TableError> {
        json(text.as_bytes()).and_then(|found| match found {
            Json::Rows(rows) => rows.finish(),
            Json::HarnessResults => Err(TableError::Empty),
        })
    }

    /// The columns, each as its name and its cells.
    fn table(text: &str) -> Vec<(String, Vec<Cell>)> {
        let (columns, _) = finished(text).unwrap();
        columns.into_iter().map(|column| (column.name, column.cells)).collect()
    }

    fn error(text: &str) -> String {
        finished(text).unwrap_err().to_string()
    }

    fn column(name: &str, cells: impl Into<Vec<Cell>>) -> (String, Vec<Cell>) {
        (name.to_owned(), cells.into())
    }

    use Cell::{Missing, Number};

    #[test]
    fn an_array_and_lines_are_one_table_whose_columns_are_united_in_their_order() {
        let wanted = vec![
            column("z", [Number(1.0), Missing]),
            column("a.b", [Number(f64::INFINITY), Number(-2.5)]),
            column("c", [Missing, Cell::Text("true".into())]),
        ];
        let (first, second) =
            (r#"{"z": 1, "a": {"b": Infinity}}"#, r#"{"a": {"b": -2.5}, "c": true, "d": [1]}"#);
        assert_eq!(table(&format!("[{first}, {second}]")), wanted);
        assert_eq!(table(&format!("\n{first}\r\n\n{second}")), wanted);
        assert_eq!(table(r#"{"z": 1}"#), [column("z", [Number(1.0)])]);
    }

    #[test]
    fn numbers_that_are_not_finite_come_back_from_beside_the_nulls_that_stand_for_them() {
        let found = table(
            r#"[{"a": null, "b": {"c": null, "d": null, "nonfinite": {"c": "-inf"}}, "nonfinite": {"a": "inf"}}]"#,
        );
        assert_eq!(
            found,
            [
                column("a", [Number(f64::INFINITY)]),
                column("b.c", [Number(f64::NEG_INFINITY)]),
                column("b.d", [Missing]),
            ]
        );
    }

    #[test]
    fn a_record_of_this_program_is_its_models_cases_or_steps() {
        let of = |text: &str| table(text).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(
            of(r#"{"schema": "diagnose.perplexity/1", "models": [{"path": "m", "perplexity": 2}]}"#),
            ["path", "perplexity"]
        );
        let evaluated = |steps| {
            format!(r#"{{"schema": "diagnose.evaluate/1", "cases": [{{"efficacy": 1}}], "steps": {steps}}}"#)
        };
        assert_eq!(of(&evaluated("[]")), ["efficacy"]);
        assert_eq!(of(&evaluated(r#"[{"edit": 1}]"#)), ["edit"]);
        assert_eq!(
            of(
                "{\"record\": \"summary\", \"schema\": \"diagnose.keys/1\"}\n{\"record\": \"case\", \"denominator\": 3}"
            ),
            ["record", "denominator"]
        );
        assert_eq!(
            error(r#"{"schema": "diagnose.doctor/1"}"#),
            "a record of diagnose doctor has no rows to read"
        );
    }

    #[test]
    fn what_is_no_table_is_refused_with_its_line() {
        assert!(
            error("{\"a\": 1}\n{\"a\":\n").starts_with("line 2 is not JSON: EOF"),
            "{}",
            error("{\"a\": 1}\n{")
        );
        assert!(error("[{\"a\": 1},").starts_with("not JSON: EOF"));
        assert_eq!(error("{\"a\": 1}\n3\n"), "line 2 is no object with named fields");
        assert_eq!(error(r#"[{"a": 1}, [{"a": 1}]]"#), "record 1 is no object with named fields");
        assert_eq!(error(r#"[{"a": 1, "a": 2}]"#), "the column `a` stands twice");
        assert_eq!(error(r#"[{"a.b": 1, "a": {"b": 2}}]"#), "the column `a.b` stands twice");
        assert_eq!([error("[]"), error("{}"), error("[{}]")], ["no rows in it"; 3]);
        assert!(error(&"{\"a\":".repeat(100_000)).contains("recursion limit"));
        assert!(error(&"[".repeat(100_000)).starts_with("not JSON"));
    }
}
