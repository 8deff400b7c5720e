//! The current values as github-action-benchmark reads them: `[{name, unit, value, range?, extra?}]`, one file a direction.
//!
//! That action takes one direction a file (`customBiggerIsBetter` or `customSmallerIsBetter`). A value that is not finite has no
//! place in its charts, nor has a metric whose direction is not known; the report has both.

use std::io::{self, Write};

use serde::Serialize;

use super::words;
use crate::regress::{Comparison, Direction, Row};
use crate::report::json;
use crate::tensor::Printable;

#[derive(Serialize)]
struct Point {
    name: String,
    /// What is counted: the metric's own name.
    unit: String,
    value: f64,
    /// Half of the 95 % interval of the change, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<String>,
    /// Status and reason.
    extra: String,
}

pub(super) fn write(comparison: &Comparison, direction: Direction, out: &mut dyn Write) -> io::Result<()> {
    let mut rows: Vec<&Row> =
        comparison.rows.iter().filter(|row| row.direction.is_some_and(|(of, _)| of == direction)).collect();
    rows.sort_by(|a, b| a.metric.cmp(&b.metric));
    let points: Vec<Point> = rows.into_iter().filter_map(point).collect();
    json::write_document(&points, out)
}

fn point(row: &Row) -> Option<Point> {
    let value = row.current.filter(|value| value.is_finite())?;
    let own = row.metric.rsplit('/').next().unwrap_or(&row.metric);
    let half =
        row.test.and_then(|test| test.interval).map(|(interval, _)| (interval.high - interval.low) / 2.0);
    Some(Point {
        name: Printable(&row.metric).to_string(),
        unit: Printable(own).to_string(),
        value,
        range: half.filter(|half| half.is_finite()).map(|half| format!("± {}", words::shown(half))),
        extra: format!("{}: {}", words::status(row.status), Printable(&words::reason(row))),
    })
}
