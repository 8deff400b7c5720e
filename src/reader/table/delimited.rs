//! Tables of delimited text: a header, then a line a row.

use csv::{ByteRecord, ErrorKind, ReaderBuilder};

use super::builder::is_index;
use super::error::{MOST_CELLS, TableError};
use super::{Cell, Column};

/// Columns and rows of CSV, or of text between tabs where the header has tabs and no comma.
pub(super) fn delimited(bytes: &[u8]) -> Result<(Vec<Column>, usize), TableError> {
    let header = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let tabs = header.contains(&b'\t') && !header.contains(&b',');
    let mut reader = ReaderBuilder::new()
        .delimiter(if tabs { b'\t' } else { b',' })
        .has_headers(false)
        .flexible(true)
        .from_reader(bytes);
    let mut record = ByteRecord::new();
    if !reader.read_byte_record(&mut record).map_err(|error| refused(&error))? {
        return Err(TableError::Empty);
    }
    let mut columns = header_of(&record, bytes)?;
    let mut rows = 0;
    while reader.read_byte_record(&mut record).map_err(|error| refused(&error))? {
        push(&record, bytes, &mut columns)?;
        rows += 1;
    }
    columns.retain(|column| !is_index(&column.name));
    if rows == 0 || columns.is_empty() { Err(TableError::Empty) } else { Ok((columns, rows)) }
}

fn header_of(record: &ByteRecord, bytes: &[u8]) -> Result<Vec<Column>, TableError> {
    let mut columns: Vec<Column> = Vec::with_capacity(record.len());
    let mut seen = std::collections::HashSet::new();
    for name in record {
        let name = text(name, record, bytes)?.to_owned();
        if !is_index(&name) && !seen.insert(name.clone()) {
            return Err(TableError::Twice { name });
        }
        columns.push(Column { name, cells: Vec::new() });
    }
    Ok(columns)
}

fn push(record: &ByteRecord, bytes: &[u8], columns: &mut [Column]) -> Result<(), TableError> {
    if record.len() != columns.len() {
        let line = line(record, bytes);
        return Err(TableError::Ragged { line, found: record.len(), wanted: columns.len() });
    }
    let rows = columns.first().map_or(0, |column| column.cells.len() + 1);
    if rows.saturating_mul(columns.len()) > MOST_CELLS {
        return Err(TableError::TooMany);
    }
    for (column, cell) in columns.iter_mut().zip(record) {
        column.cells.push(Cell::of_text(text(cell, record, bytes)?));
    }
    Ok(())
}

fn text<'a>(cell: &'a [u8], record: &ByteRecord, bytes: &[u8]) -> Result<&'a str, TableError> {
    std::str::from_utf8(cell).map_err(|_| TableError::NotUtf8 { line: line(record, bytes) })
}

/// The line that a record begins on; its position is that of the empty lines before it.
fn line(record: &ByteRecord, bytes: &[u8]) -> u64 {
    let Some(position) = record.position() else { return 0 };
    let start = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let before =
        bytes.get(start..).unwrap_or_default().iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + before.filter(|&&byte| byte == b'\n').count() as u64
}

fn refused(error: &csv::Error) -> TableError {
    match error.kind() {
        ErrorKind::Utf8 { pos, .. } => {
            TableError::NotUtf8 { line: pos.as_ref().map_or(0, csv::Position::line) }
        }
        _ => TableError::Csv { reason: error.to_string() },
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]
mod tests {
    use super::*;

    fn kind(text: impl AsRef<[u8]>) -> &'static str {
        delimited(text.as_ref()).unwrap_err().kind()
    }

    #[test]
    fn cells_are_numbers_texts_or_missing_and_quotes_hold_commas_and_line_ends() {
        let (columns, rows) = delimited(b"ppl,name,acc\r\n1e3,\"a,\nb\",\r\nInfinity, x ,nan\r\n").unwrap();
        assert_eq!(
            (rows, columns.iter().map(|c| c.name.as_str()).collect()),
            (2, vec!["ppl", "name", "acc"])
        );
        assert_eq!(columns[0].cells, [Cell::Number(1000.0), Cell::Number(f64::INFINITY)]);
        assert_eq!(columns[1].cells, [Cell::Text("a,\nb".into()), Cell::Text(" x ".into())]);
        assert!(
            columns[2].cells[0] == Cell::Missing && columns[2].cells[1].number().is_some_and(f64::is_nan)
        );
    }

    #[test]
    fn tabs_separate_where_the_header_has_them_and_no_comma() {
        let (columns, _) = delimited(b"a\tb\n1\t2,5\n").unwrap();
        assert_eq!(columns[1].cells, [Cell::Text("2,5".into())]);
        assert_eq!(delimited(b"a\t,b\n1,2\n").unwrap().0.len(), 2);
    }

    #[test]
    fn a_column_without_a_name_is_an_index_and_left_out() {
        let (columns, rows) = delimited(b",ppl\n0,5\n1,6\n").unwrap();
        assert_eq!((columns.len(), rows), (1, 2));
        assert_eq!(kind(",\n0,5\n"), "empty-table");
    }

    #[test]
    fn a_line_of_another_length_is_named_and_so_is_one_that_is_no_text() {
        let error = |text: &[u8]| delimited(text).unwrap_err().to_string();
        assert_eq!(error(b"a,b\n1,2\n\n3\n"), "line 4 has 1 cells where the header has 2");
        assert_eq!(error(b"a\n1\n\xff\n"), "line 3 is not UTF-8");
        assert_eq!(error(b"a,b,a\n1,2,3\n"), "the column `a` stands twice");
        assert_eq!([kind(""), kind("a,b\n"), kind("\n\n")], ["empty-table"; 3]);
    }
}
