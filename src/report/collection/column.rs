//! A list of objects as a table, by named fields.

use serde_json::Value;

use crate::report::field;
use crate::report::html::{Cell, Header, Table};
use crate::report::text::{self, SENTENCE_COLUMNS};

/// Rows of a table that a page has room for.
const ROWS: usize = 100;
/// Columns that a header may take.
const HEADER: usize = 60;
/// Items of a list in one cell.
const ITEMS: usize = 12;

/// A header, and the field that its cells come from: `spectrum.numerical_rank`.
pub(super) type Column = (&'static str, &'static str);

/// The table; columns of which no row has anything are left out. `None` without rows.
pub(super) fn table<'a>(
    title: impl Into<String>,
    rows: impl IntoIterator<Item = &'a Value>,
    columns: &[Column],
) -> Option<Table> {
    let owned: Vec<(String, String)> =
        columns.iter().map(|(header, path)| ((*header).into(), (*path).into())).collect();
    laid(&title.into(), rows, &owned)
}

/// The same with names that were found.
pub(super) fn laid<'a>(
    title: &str,
    rows: impl IntoIterator<Item = &'a Value>,
    columns: &[(String, String)],
) -> Option<Table> {
    let cells: Vec<Vec<Cell>> =
        rows.into_iter().map(|row| columns.iter().map(|(_, path)| at(row, path)).collect()).collect();
    let there: Vec<usize> =
        (0..columns.len()).filter(|i| column(&cells, *i).any(|cell| *cell != Cell::missing())).collect();
    if cells.is_empty() || there.is_empty() {
        return None;
    }
    let header = |i: &usize| {
        let numeric = column(&cells, *i)
            .all(|cell| cell.key.is_some() || *cell == Cell::missing() || cell.text == "nan");
        Header {
            text: columns.get(*i).map(|(header, _)| text::name(header, HEADER)).unwrap_or_default(),
            numeric,
        }
    };
    let headers = there.iter().map(header).collect();
    let rows = cells.iter().map(|row| there.iter().filter_map(|i| row.get(*i).cloned()).collect());
    let title = text::name(title, SENTENCE_COLUMNS);
    Some(Table { title, headers, ..Table::default() }.filled(ROWS, rows))
}

fn column(cells: &[Vec<Cell>], i: usize) -> impl Iterator<Item = &Cell> {
    cells.iter().filter_map(move |row| row.get(i))
}

/// The cell of a field below an object.
pub(super) fn at(object: &Value, path: &str) -> Cell {
    match path.split_once('.') {
        Some((first, rest)) => object.get(first).map_or_else(Cell::missing, |inner| at(inner, rest)),
        None => cell(object, path),
    }
}

fn cell(object: &Value, name: &str) -> Cell {
    match object.get(name) {
        None => Cell::missing(),
        Some(Value::Null) => field::number(object, name).map_or_else(Cell::missing, Cell::number),
        Some(value) => scalar(value).unwrap_or_else(|| Cell::text(&listed(value))),
    }
}

/// A value that is one thing.
pub(super) fn scalar(value: &Value) -> Option<Cell> {
    match value {
        Value::String(text) => Some(Cell::text(text)),
        Value::Bool(held) => Some(Cell::text(if *held { "yes" } else { "no" })),
        Value::Number(number) => match number.as_u64() {
            // A year, a token or a layer is no quantity, but a large count is easier to read in groups.
            Some(n) => Some(Cell::count(n)),
            None => number.as_f64().map(Cell::number),
        },
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The items of a list of scalars, the first few of them.
pub(super) fn listed(value: &Value) -> String {
    let Value::Array(items) = value else { return String::from("…") };
    let shown: Vec<String> =
        items.iter().take(ITEMS).map(|item| scalar(item).map_or("–".to_owned(), |cell| cell.text)).collect();
    let more = items.len().saturating_sub(ITEMS);
    let rest = if more > 0 { format!(", … and {more} more") } else { String::new() };
    if items.is_empty() { "–".to_owned() } else { shown.join(", ") + &rest }
}
