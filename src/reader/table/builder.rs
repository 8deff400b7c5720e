//! A table that grows row by row, whatever columns each row brings.

use std::collections::HashMap;

use super::error::{MOST_CELLS, TableError};
use super::{Cell, Column};

/// One row as it is read: names and cells, in the order of the file.
pub(super) type Row = Vec<(String, Cell)>;

/// Columns of one length, in the order in which their names first came.
#[derive(Debug, Default)]
pub(super) struct Builder {
    columns: Vec<Column>,
    places: HashMap<String, usize>,
    rows: usize,
}

impl Builder {
    /// Adds a row; a column that it lacks is missing in it, and one that is new is missing before.
    ///
    /// A column without a name, as the index of a pandas table has it, cannot be asked for and is left out.
    pub(super) fn push(&mut self, row: Row) -> Result<(), TableError> {
        for (name, cell) in row.into_iter().filter(|(name, _)| !is_index(name)) {
            let place = match self.places.get(&name) {
                Some(&place) => place,
                None => self.add(name.clone())?,
            };
            let Some(column) = self.columns.get_mut(place) else { continue };
            if column.cells.len() > self.rows {
                return Err(TableError::Twice { name });
            }
            column.cells.push(cell);
        }
        self.rows += 1;
        self.holds(self.columns.len(), self.rows)?;
        for column in &mut self.columns {
            column.cells.resize(self.rows, Cell::Missing);
        }
        Ok(())
    }

    fn add(&mut self, name: String) -> Result<usize, TableError> {
        let place = self.columns.len();
        self.holds(place + 1, self.rows + 1)?;
        self.columns.push(Column { name: name.clone(), cells: vec![Cell::Missing; self.rows] });
        self.places.insert(name, place);
        Ok(place)
    }

    #[expect(clippy::unused_self, reason = "the cap is one of the table that is built")]
    fn holds(&self, columns: usize, rows: usize) -> Result<(), TableError> {
        if columns.saturating_mul(rows) > MOST_CELLS { Err(TableError::TooMany) } else { Ok(()) }
    }

    /// The columns and the number of rows.
    pub(super) fn finish(self) -> Result<(Vec<Column>, usize), TableError> {
        if self.rows == 0 || self.columns.is_empty() {
            return Err(TableError::Empty);
        }
        Ok((self.columns, self.rows))
    }
}

/// Whether the name is none, or the one that pandas gives an index in Parquet.
pub(super) fn is_index(name: &str) -> bool {
    name.trim().is_empty() || name.starts_with("__index_level_")
}
