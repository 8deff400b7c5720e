//! Sequences of edits: every series over the edits, with the phases behind it; one picture a series, its runs together.

use serde_json::Value;

use crate::report::field::{items, number, or_nan, text};
use crate::report::html::{Axis, Chart, Figure, Guide, Hue, Point, Scale, Series, Shape, Span};
use crate::report::number::significant;

/// Pictures of one record.
const SERIES: usize = 8;
/// Points over this ratio need a scale of ratios.
const WIDE: f64 = 100.0;

pub(super) fn figures(record: &Value) -> Vec<Figure> {
    let runs = items(record, "runs");
    let mut names: Vec<&str> = Vec::new();
    for name in runs.iter().flat_map(|run| items(run, "series")).map(|series| text(series, "name")) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let series = names.iter().take(SERIES).filter_map(|name| figure(runs, name));
    series.chain(forgetting(runs)).collect()
}

fn figure(runs: &[Value], name: &str) -> Option<Figure> {
    let series: Vec<Series> = runs
        .iter()
        .zip(Hue::NEUTRAL.into_iter().cycle())
        .filter_map(|(run, hue)| {
            let own = items(run, "series").iter().find(|series| text(series, "name") == name)?;
            let points = items(own, "points").iter().enumerate().filter_map(|(i, point)| place(i, point));
            let points =
                points.map(|(x, y)| Point::new(x, y, format!("edit {x}: {}", significant(y, 4)))).collect();
            Some(Series { name: text(run, "source").to_owned(), hue, shape: Shape::Line, points })
        })
        .collect();
    let all =
        |of: fn(&Point) -> f64| series.iter().flat_map(|series| &series.points).map(of).collect::<Vec<f64>>();
    let (xs, ys) = (all(|point| point.x), all(|point| point.y));
    let [least, most] =
        [f64::min, f64::max].map(|pick| ys.iter().copied().filter(|y| y.is_finite()).reduce(pick));
    let (least, most) = (least?, most?);
    let scale = if least > 0.0 && most / least > WIDE { Scale::Log } else { Scale::Linear };
    Chart {
        title: format!("{name} over the edits"),
        description: "A line a run; behind the lines the phases of the first run: stable, gradual, catastrophic; dashed where its collapse sets in and where its early warning is."
            .to_owned(),
        x: Axis::of("edits", Scale::Linear, xs).whole(),
        y: Axis::of(name, scale, ys),
        spans: runs.first().map(|run| phases(run, name)).unwrap_or_default(),
        guides: runs.first().map(|run| events(run, least, most)).unwrap_or_default(),
        series,
    }
    .figure()
}

/// A point as a pair, as an object, or as a number at its place.
fn place(i: usize, point: &Value) -> Option<(f64, f64)> {
    match point {
        Value::Array(pair) => Some((pair.first()?.as_f64()?, pair.get(1)?.as_f64().unwrap_or(f64::NAN))),
        Value::Object(_) => {
            let x = ["edit", "edits", "x"].iter().find_map(|field| point.get(field)?.as_f64());
            let y = ["value", "y"].iter().map(|field| or_nan(point, field)).find(|y| !y.is_nan());
            Some((x?, y?))
        }
        plain => Some((i as f64, plain.as_f64().unwrap_or(f64::NAN))),
    }
}

/// The phases of one series, or of all series together where it has none of its own.
fn phases(run: &Value, name: &str) -> Vec<Span> {
    let own = items(run, "series").iter().find(|series| text(series, "name") == name);
    let own = own.and_then(|series| series.get("course")).map_or(&[][..], |course| items(course, "phases"));
    let phases = if own.is_empty() { items(run, "phases") } else { own };
    let span = |phase: &Value| {
        let hue = match text(phase, "name") {
            "stable" => Hue::Green,
            "gradual" => Hue::Orange,
            "catastrophic" => Hue::Vermilion,
            _ => return None,
        };
        let [from, to] = ["from_edit", "to_edit"].map(|field| or_nan(phase, field));
        Some(Span { from, to, hue, words: text(phase, "name").to_owned() })
    };
    phases.iter().filter_map(span).collect()
}

/// Where something began, as lines from the least to the largest number.
fn events(run: &Value, least: f64, most: f64) -> Vec<Guide> {
    let event = |(field, words): (&str, &str)| {
        let edit = number(run.get(field)?, "edit")?;
        Some(Guide { from: (edit, least), to: (edit, most), words: words.to_owned() })
    };
    [("onset", "onset"), ("early_warning", "warning")].into_iter().filter_map(event).collect()
}

/// How many of the edits that were learnt are lost, as far as the run goes.
fn forgetting(runs: &[Value]) -> Option<Figure> {
    let curve = |(run, hue): (&Value, Hue)| {
        let curve = items(run.get("forgetting")?, "curve");
        let point = |at: &Value| {
            let (edit, share) = (number(at, "edit")?, or_nan(at, "share"));
            Some(Point::new(
                edit,
                share,
                format!("edit {edit}: {} of those learnt are lost", significant(share, 3)),
            ))
        };
        let points = curve.iter().filter_map(point).collect();
        Some(Series { name: text(run, "source").to_owned(), hue, shape: Shape::Line, points })
    };
    let series: Vec<Series> = runs.iter().zip(Hue::NEUTRAL.into_iter().cycle()).filter_map(curve).collect();
    let edits: Vec<f64> = series.iter().flat_map(|series| &series.points).map(|point| point.x).collect();
    Chart {
        title: "Earlier edits that were lost".to_owned(),
        description: "Share of the edits learnt so far that later edits took away again, a line a run."
            .to_owned(),
        x: Axis::of("edits", Scale::Linear, edits).whole(),
        y: Axis::of("share lost", Scale::Linear, [0.0, 1.0]),
        spans: Vec::new(),
        guides: Vec::new(),
        series,
    }
    .figure()
}
