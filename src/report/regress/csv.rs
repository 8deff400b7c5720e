//! A row a metric. A value that was not computed is an empty cell; one that is not finite is `nan`, `inf` or `-inf`.

use std::io::{self, Write};

use super::words;
use crate::regress::{Comparison, Row};
use crate::report::escape::{as_io, number, plain};

/// A header and the cell under it.
type Column = (&'static str, fn(&Row) -> Option<String>);

const COLUMNS: &[Column] = &[
    ("metric", |row| Some(plain(&row.metric))),
    ("baseline", |row| row.baseline.map(number)),
    ("current", |row| row.current.map(number)),
    ("change", |row| row.change().map(number)),
    ("relative_change", |row| row.relative_change().map(number)),
    ("direction", |row| row.direction.map(|(direction, _)| words::direction(direction).to_owned())),
    ("direction_from", |row| row.direction.map(|(_, from)| words::direction_from(from).to_owned())),
    ("tolerance", |row| row.tolerance.map(|tolerance| number(tolerance.value))),
    ("tolerance_from", |row| row.tolerance.map(|tolerance| words::tolerance_from(tolerance.from).to_owned())),
    ("noise_runs", |row| row.noise.map(|noise| noise.runs.to_string())),
    ("noise_standard_deviation", |row| row.noise.map(|noise| number(noise.standard_deviation))),
    ("test", |row| row.test.map(|test| words::test(test.kind).to_owned())),
    ("n", |row| row.test.and_then(|test| test.n).map(|n| n.to_string())),
    ("p_value", |row| row.test.map(|test| number(test.p_value))),
    ("adjusted_p", |row| row.test.and_then(|test| test.adjusted_p).map(number)),
    ("ci_low", |row| row.test.and_then(|test| test.interval).map(|(interval, _)| number(interval.low))),
    ("ci_high", |row| row.test.and_then(|test| test.interval).map(|(interval, _)| number(interval.high))),
    ("ci_method", |row| {
        row.test.and_then(|test| test.interval).map(|(_, kind)| words::interval(kind).to_owned())
    }),
    ("detectable_change", |row| row.test.and_then(|test| test.detectable).map(number)),
    ("lost", |row| row.test.and_then(|test| test.flipped).map(|(lost, _)| lost.to_string())),
    ("won", |row| row.test.and_then(|test| test.flipped).map(|(_, won)| won.to_string())),
    ("status", |row| Some(words::status(row.status).to_owned())),
    ("reason", |row| Some(plain(&words::reason(row)))),
];

pub(super) fn write(comparison: &Comparison, out: &mut dyn Write) -> io::Result<()> {
    let mut file = csv::Writer::from_writer(out);
    file.write_record(COLUMNS.iter().map(|(header, _)| header)).map_err(as_io)?;
    for row in &comparison.rows {
        file.write_record(COLUMNS.iter().map(|(_, cell)| cell(row).unwrap_or_default())).map_err(as_io)?;
    }
    file.flush()
}
