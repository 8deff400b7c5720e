//! Coefficients with their intervals, a row a pair of columns; one picture a group.

use serde_json::Value;

use crate::report::field::{described, items, number, or_nan, text};
use crate::report::html::{Axis, Chart, Figure, Guide, Hue, Point, Scale, Series, Shape};
use crate::report::number::significant;
use crate::report::text::name as elided;

/// Groups and rows that are drawn.
const GROUPS: usize = 4;
const ROWS: usize = 24;
/// Characters of a column's name that an axis has room for.
const NAME: usize = 9;

pub(super) fn figures(record: &Value) -> Vec<Figure> {
    items(record, "groups").iter().take(GROUPS).filter_map(group).collect()
}

fn group(group: &Value) -> Option<Figure> {
    let pairs: Vec<&Value> = items(group, "pairs").iter().take(ROWS).collect();
    let point = |(i, pair): (usize, &&Value)| {
        let coefficient = or_nan(pair, "coefficient");
        let span = number(pair, "ci_low").zip(number(pair, "ci_high"));
        let interval = span.map_or_else(String::new, |(low, high)| {
            format!(" [{}, {}]", significant(low, 3), significant(high, 3))
        });
        let [x, y] = ["x", "y"].map(|field| text(pair, field));
        let n = pair.get("n").and_then(Value::as_u64).unwrap_or(0);
        let words = format!("{x} and {y}: {}{interval}, n = {n}", significant(coefficient, 3));
        // The first pair at the top.
        Point { x: coefficient, y: (pairs.len() - 1 - i) as f64, span, words }
    };
    let points = pairs.iter().enumerate().map(point).collect();
    let by = group.get("by").map(described).filter(|by| !by.is_empty());
    let names = pairs.iter().rev().map(|pair| elided(text(pair, "y"), NAME));
    Chart {
        title: by.map_or_else(|| "Coefficients".to_owned(), |by| format!("Coefficients: {by}")),
        description: "A row a pair of columns, with the interval that the record gives; at 0 the two have nothing to do with each other."
            .to_owned(),
        x: Axis::of("coefficient", Scale::Linear, [-1.0, 1.0]),
        y: Axis::named("", names),
        spans: Vec::new(),
        guides: vec![Guide { from: (0.0, -0.4), to: (0.0, pairs.len() as f64 - 0.6), words: String::new() }],
        series: vec![Series { name: String::new(), hue: Hue::Blue, shape: Shape::Interval, points }],
    }
    .figure()
}
