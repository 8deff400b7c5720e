//! A table's cells: what is read, and what is sorted by.

use crate::report::number::{count, significant};
use crate::report::sheet::Grid;
use crate::report::text;

/// Columns that a cell of text may take.
const CELL: usize = 160;

/// One table.
#[derive(Clone, Debug, Default)]
pub(in crate::report) struct Table {
    pub(in crate::report) title: String,
    pub(in crate::report) headers: Vec<Header>,
    pub(in crate::report) rows: Vec<Vec<Cell>>,
    /// Rows that the page has no room for.
    pub(in crate::report) left_out: usize,
}

/// The head of a column.
#[derive(Clone, Debug)]
pub(in crate::report) struct Header {
    pub(in crate::report) text: String,
    /// Whether its cells are numbers, which stand at the right.
    pub(in crate::report) numeric: bool,
}

/// One cell.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::report) struct Cell {
    pub(in crate::report) text: String,
    /// What it is sorted by; texts by themselves.
    pub(in crate::report) key: Option<f64>,
}

impl Cell {
    /// A text, escaped and cut.
    pub(in crate::report) fn text(text: &str) -> Self {
        Self { text: text::name(text, CELL), key: None }
    }

    /// A measured number: four digits, and sorted by all of them.
    pub(in crate::report) fn number(x: f64) -> Self {
        Self { text: significant(x, 4), key: (!x.is_nan()).then_some(x) }
    }

    /// A count.
    pub(in crate::report) fn count(n: u64) -> Self {
        Self { text: count(n), key: Some(n as f64) }
    }

    /// Nothing.
    pub(in crate::report) fn missing() -> Self {
        Self { text: "–".to_owned(), key: None }
    }

    /// The key as JavaScript reads it.
    pub(super) fn sort_key(&self) -> Option<String> {
        let key = self.key?;
        Some(match key {
            f64::INFINITY => "Infinity".to_owned(),
            f64::NEG_INFINITY => "-Infinity".to_owned(),
            _ => format!("{key:?}"),
        })
    }
}

impl Table {
    /// The headers: so many at the left hold text, the others numbers.
    pub(in crate::report) fn headed<'a>(
        title: impl Into<String>,
        headers: impl IntoIterator<Item = &'a str>,
        text_columns: usize,
    ) -> Self {
        let headers = headers.into_iter().enumerate();
        let header = |(i, text): (usize, &str)| Header { text: text.to_owned(), numeric: i >= text_columns };
        Self { title: title.into(), headers: headers.map(header).collect(), ..Self::default() }
    }

    /// At most `most` rows, the others counted.
    pub(in crate::report) fn filled(
        mut self,
        most: usize,
        rows: impl IntoIterator<Item = Vec<Cell>>,
    ) -> Self {
        for row in rows {
            if self.rows.len() < most {
                self.rows.push(row);
            } else {
                self.left_out += 1;
            }
        }
        self
    }
}

impl From<&Grid> for Table {
    fn from(grid: &Grid) -> Self {
        let cell = |(i, text): (usize, &String)| {
            let key = if i >= grid.text_columns { read(text) } else { None };
            Cell { key, ..Cell::text(text) }
        };
        let rows = grid.rows.iter().map(|row| row.iter().enumerate().map(cell).collect());
        let title = text::name(&grid.title, text::SENTENCE_COLUMNS);
        Self::headed(title, grid.headers.iter().copied(), grid.text_columns).filled(usize::MAX, rows)
    }
}

/// The number that a cell of a page begins with: `1,234`, `12.3%`, `≥8`, `<0.1%`, `-1.2e-9`, `inf`, `1 … 2`, `1600×6400`.
fn read(cell: &str) -> Option<f64> {
    let cell = cell.trim_start_matches(['≥', '≤', '<', '>', '±', '+', '×', ' ']);
    let part = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | ',' | '-' | '+' | '−'));
    let first = cell.split(part).next()?.replace(',', "").replace('−', "-");
    first.trim_end_matches(['.', '+']).parse().ok().filter(|x: &f64| !x.is_nan())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_sorted_by_the_number_that_they_show() {
        let shown =
            ["1,234", "12.3%", "≥8", "<0.1%", "-1.2e-9", "inf", "-inf", "0.5 … 0.7", "256×64", "3 of 9"];
        let read: Vec<f64> = shown.iter().filter_map(|cell| read(cell)).collect();
        assert_eq!(
            read,
            [1234.0, 12.3, 8.0, 0.1, -1.2e-9, f64::INFINITY, f64::NEG_INFINITY, 0.5, 256.0, 3.0]
        );
        assert!(["–", "", "nan", "two", "×"].iter().all(|cell| super::read(cell).is_none()));
    }

    #[test]
    fn a_key_is_a_number_of_javascript() {
        assert_eq!(Cell::number(f64::INFINITY).sort_key().as_deref(), Some("Infinity"));
        assert_eq!(Cell::number(1.5e-300).sort_key().as_deref(), Some("1.5e-300"));
        assert_eq!(Cell::number(f64::NAN).sort_key(), None);
        assert_eq!(Cell::text("7").sort_key(), None);
    }

    #[test]
    fn rows_beyond_the_most_are_counted() {
        let table = Table::headed("t", ["a"], 1).filled(2, (0..5).map(|i| vec![Cell::count(i)]));
        assert_eq!((table.rows.len(), table.left_out), (2, 3));
    }
}
