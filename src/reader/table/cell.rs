//! What a table holds, whatever file it came from.

use std::path::PathBuf;

use super::error::{MOST_CELLS, TableError};

/// Named columns of one length.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The file or folder, as typed.
    pub path: PathBuf,
    /// In the order of the file; no name stands twice.
    pub columns: Vec<Column>,
    /// Cells of every column.
    pub rows: usize,
}

/// A named column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// As the file has it.
    pub name: String,
    /// A cell a row.
    pub cells: Vec<Cell>,
}

/// One value of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Nothing, `null`, or a word that stands for nothing.
    Missing,
    /// A number; NaN and infinities among them.
    Number(f64),
    /// Anything else.
    Text(String),
}

impl Table {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Puts the rows of another table below; columns are united by name, and what a table lacks is missing.
    pub(super) fn append(&mut self, other: Self) -> Result<(), TableError> {
        let rows = self.rows + other.rows;
        for column in other.columns {
            if let Some(own) = self.columns.iter_mut().find(|own| own.name == column.name) {
                own.cells.extend(column.cells);
            } else {
                let before = vec![Cell::Missing; self.rows];
                self.columns.push(Column { name: column.name, cells: [before, column.cells].concat() });
            }
            if rows.saturating_mul(self.columns.len()) > MOST_CELLS {
                return Err(TableError::TooMany);
            }
        }
        for column in &mut self.columns {
            column.cells.resize(rows, Cell::Missing);
        }
        self.rows = rows;
        Ok(())
    }
}

impl Cell {
    /// What a text means: empty, `na`, `n/a`, `null`, `none` and `-` are missing; what reads as a number is one, `nan` and
    /// `inf` included, in any case; anything else is text.
    pub fn of_text(text: &str) -> Self {
        let trimmed = text.trim();
        match trimmed.to_ascii_lowercase().as_str() {
            "" | "na" | "n/a" | "null" | "none" | "-" => Self::Missing,
            lower => lower.parse().map_or_else(|_| Self::Text(text.to_owned()), Self::Number),
        }
    }

    /// The number, where it is one.
    pub const fn number(&self) -> Option<f64> {
        match self {
            Self::Number(x) => Some(*x),
            Self::Missing | Self::Text(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_stand_for_nothing_are_missing_and_infinity_is_a_number() {
        assert_eq!(
            ["", " ", "NA", "n/a", "None", "NULL", "-"].map(Cell::of_text),
            [const { Cell::Missing }; 7]
        );
        assert_eq!(
            ["1", "-2.5e3", "Infinity", "-inf"].map(Cell::of_text),
            [1.0, -2500.0, f64::INFINITY, f64::NEG_INFINITY].map(Cell::Number)
        );
        assert!(matches!(Cell::of_text("NaN"), Cell::Number(x) if x.is_nan()));
        assert_eq!(Cell::of_text("1 edit"), Cell::Text("1 edit".to_owned()));
    }
}
