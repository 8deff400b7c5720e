//! Flat tables: a row a metric, one row of numbers, or rows that a column tells apart.

use std::collections::BTreeMap;

use super::gathered;
use crate::reader::{Cell, Column, Table};
use crate::regress::error::RegressError;
use crate::regress::metric::{Direction, Metric, Metrics};

/// Headers of a table with a row a metric.
const ERRORS: [&str; 3] = ["standard_error", "stderr", "se"];
const COUNTS: [&str; 3] = ["n", "samples", "count"];
const HIGHER: &str = "higher_is_better";

/// The metrics of a table.
///
/// With columns `metric` and `value` a row is a metric, and `stderr`, `n` and `higher_is_better` are what they say. Else every
/// column of numbers is one: of a single row under its own name, of several as `<cell of key>/<column>`.
///
/// # Errors
/// [`RegressError`], where the table is in none of these layouts, or a name stands twice.
pub fn of_table(table: &Table, key: Option<&str>) -> Result<Metrics, RegressError> {
    let rows = named_values(table, key)?;
    gathered(&table.path, "table".to_owned(), rows, Vec::new())
}

/// Values of every metric of a table whose rows are repeated runs; with `key`, of rows of one key.
///
/// # Errors
/// As [`of_table`], but for names that stand twice: those are the runs.
pub fn repeated(table: &Table, key: Option<&str>) -> Result<BTreeMap<String, Vec<f64>>, RegressError> {
    let by_rows = table.column("metric").is_some() && table.column("value").is_some();
    let rows = if by_rows || key.is_some() {
        named_values(table, key)?
    } else {
        numbers(table)
            .flat_map(|column| values(column).map(|(_, value)| Metric::bare(&column.name, value)))
            .collect()
    };
    let mut runs: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for metric in rows {
        runs.entry(metric.name).or_default().push(metric.value);
    }
    Ok(runs)
}

fn named_values(table: &Table, key: Option<&str>) -> Result<Vec<Metric>, RegressError> {
    let refused = |reason: String| RegressError::Layout { path: table.path.clone(), reason };
    match (key, table.column("metric"), table.column("value")) {
        (None, Some(names), Some(value)) => a_row_a_metric(table, names, value),
        (None, _, _) if table.rows == 1 => {
            let of_column =
                |column: &Column| values(column).next().map(|(_, value)| Metric::bare(&column.name, value));
            Ok(numbers(table).filter_map(of_column).collect())
        }
        (None, _, _) => Err(refused(format!("{} rows, and no columns `metric` and `value`", table.rows))),
        (Some(key), _, _) => {
            let keys = table.column(key).ok_or_else(|| refused(format!("no column `{key}`")))?;
            let name = |row: usize| keys.cells.get(row).and_then(text);
            let of_column = |column: &'_ Column| -> Vec<Metric> {
                let cells = values(column);
                cells
                    .filter_map(|(row, value)| {
                        Some(Metric::bare(format!("{}/{}", name(row)?, column.name), value))
                    })
                    .collect()
            };
            Ok(numbers(table).filter(|column| column.name != key).flat_map(of_column).collect())
        }
    }
}

fn a_row_a_metric(table: &Table, names: &Column, value: &Column) -> Result<Vec<Metric>, RegressError> {
    let any = |headers: &[&str]| headers.iter().find_map(|header| table.column(header));
    let (errors, counts, higher) = (any(&ERRORS), any(&COUNTS), table.column(HIGHER));
    let number = |column: Option<&Column>, row: usize| column?.cells.get(row)?.number();
    let mut rows = Vec::new();
    for (row, value) in values(value) {
        let name = names.cells.get(row).and_then(text).ok_or_else(|| RegressError::Layout {
            path: table.path.clone(),
            reason: format!("row {} has a value and no metric", row + 1),
        })?;
        rows.push(Metric {
            standard_error: number(errors, row).filter(|error| error.is_finite() && *error >= 0.0),
            n: number(counts, row).filter(|n| *n >= 1.0 && n.fract() == 0.0).map(whole),
            direction: higher.and_then(|column| direction(column.cells.get(row)?)),
            ..Metric::bare(name, value)
        });
    }
    Ok(rows)
}

fn direction(cell: &Cell) -> Option<Direction> {
    let higher = match cell {
        Cell::Number(x) => *x != 0.0,
        Cell::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" => true,
            "false" | "no" => false,
            _ => return None,
        },
        Cell::Missing => return None,
    };
    Some(if higher { Direction::Higher } else { Direction::Lower })
}

/// Columns with at least one number and no text.
fn numbers(table: &Table) -> impl Iterator<Item = &Column> {
    table.columns.iter().filter(|column| {
        column.cells.iter().any(|cell| cell.number().is_some())
            && !column.cells.iter().any(|cell| matches!(cell, Cell::Text(_)))
    })
}

fn values(column: &Column) -> impl Iterator<Item = (usize, f64)> {
    column.cells.iter().enumerate().filter_map(|(row, cell)| Some((row, cell.number()?)))
}

fn text(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Text(text) => Some(text.trim().to_owned()),
        Cell::Number(x) => Some(x.to_string()),
        Cell::Missing => None,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a whole number from 1; above 2⁶⁴ it is held there"
)]
fn whole(n: f64) -> u64 {
    n as u64
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]
mod tests {
    use super::*;

    fn table(headers: &[&str], rows: &[&[&str]]) -> Table {
        let column = |(at, name): (usize, &&str)| Column {
            name: (*name).to_owned(),
            cells: rows.iter().map(|row| Cell::of_text(row[at])).collect(),
        };
        let columns = headers.iter().enumerate().map(column).collect();
        Table { path: "t.csv".into(), columns, rows: rows.len() }
    }

    #[test]
    fn a_row_a_metric_carries_error_count_and_direction() {
        let table = table(
            &["metric", "value", "stderr", "n", "higher_is_better"],
            &[
                &["acc", "0.5", "0.1", "25", "true"],
                &["loss", "inf", "NA", "", "no"],
                &["gone", "", "", "", ""],
            ],
        );
        let found = of_table(&table, None).unwrap().rows;
        assert_eq!(found.len(), 2, "a missing value is no metric");
        assert_eq!(
            (found[0].standard_error, found[0].n, found[0].direction),
            (Some(0.1), Some(25), Some(Direction::Higher))
        );
        assert_eq!((found[1].value, found[1].direction), (f64::INFINITY, Some(Direction::Lower)));
    }

    #[test]
    fn one_row_is_a_metric_a_column_and_many_need_a_key() {
        let one = table(&["model", "acc", "ppl"], &[&["a", "0.5", "9"]]);
        let names = |metrics: Metrics| metrics.rows.into_iter().map(|metric| metric.name).collect::<Vec<_>>();
        assert_eq!(names(of_table(&one, None).unwrap()), ["acc", "ppl"]);
        let many = table(&["model", "acc"], &[&["a", "0.5"], &["b", "0.6"]]);
        assert_eq!(of_table(&many, None).unwrap_err().kind(), "table-layout");
        assert_eq!(names(of_table(&many, Some("model")).unwrap()), ["a/acc", "b/acc"]);
        assert_eq!(of_table(&many, Some("x")).unwrap_err().kind(), "table-layout");
        let twice = table(&["model", "acc"], &[&["a", "0.5"], &["a", "0.6"]]);
        assert_eq!(of_table(&twice, Some("model")).unwrap_err().kind(), "duplicate-metric");
        assert_eq!(repeated(&many, None).unwrap()["acc"], [0.5, 0.6]);
    }
}
