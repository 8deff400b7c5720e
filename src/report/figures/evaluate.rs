//! The four questions asked of an edit, before and after; and the steps of a ledger.

use serde_json::Value;

use crate::report::field::{items, number};
use crate::report::html::{Axis, Chart, Figure, Hue, Point, Scale, Series, Shape};
use crate::report::number::significant;

/// Means over cases that lie between 0 and 1, with what they are called.
const SHARES: [(&str, &str); 7] = [
    ("efficacy_success", "efficacy"),
    ("prefixed_efficacy_success", "… prefixed"),
    ("generalization_success", "generalization"),
    ("prefixed_generalization_success", "… prefixed"),
    ("specificity_success", "specificity"),
    ("locality_agreement", "locality"),
    ("score", "score"),
];

pub(super) fn figures(record: &Value) -> Vec<Figure> {
    [shares(record), steps(record)].into_iter().flatten().collect()
}

fn shares(record: &Value) -> Option<Figure> {
    let metrics = record.get("metrics")?;
    let there: Vec<(&Value, &str)> =
        SHARES.iter().filter_map(|(field, name)| metrics.get(field).map(|metric| (metric, *name))).collect();
    let series = |field: &str, name: &str, hue, shape| {
        let point = |(i, (metric, what)): (usize, &(&Value, &str))| {
            let share = number(metric, field)?;
            Some(Point::new(i as f64, share, format!("{what}, {name}: {}", significant(share, 3))))
        };
        Series {
            name: name.to_owned(),
            hue,
            shape,
            points: there.iter().enumerate().filter_map(point).collect(),
        }
    };
    Chart {
        title: "Whether the edit landed".to_owned(),
        description: "Shares of prompts, from 0 to 1, as means over cases; 1 is best in each column."
            .to_owned(),
        x: Axis::named("", there.iter().map(|(_, name)| (*name).to_owned())),
        y: Axis::of("share of prompts", Scale::Linear, [0.0, 1.0]),
        spans: Vec::new(),
        guides: Vec::new(),
        series: vec![
            series("mean", "now", Hue::Blue, Shape::Bar),
            series("baseline", "before", Hue::Orange, Shape::Cross),
        ],
    }
    .figure()
}

/// Perplexity after each step of a ledger.
fn steps(record: &Value) -> Option<Figure> {
    let steps = items(record, "steps");
    let point = |(i, step): (usize, &Value)| {
        let perplexity =
            number(step.get("perplexity").filter(|texts| texts.is_object()).unwrap_or(step), "perplexity")?;
        Some(Point::new(i as f64, perplexity, format!("step {i}: perplexity {}", significant(perplexity, 4))))
    };
    let points: Vec<Point> = steps.iter().enumerate().filter_map(point).collect();
    Chart {
        title: "Perplexity after each step".to_owned(),
        description: "On a scale of ratios; step 0 is the model before the first edit.".to_owned(),
        x: Axis::of("step", Scale::Linear, points.iter().map(|point| point.x)).whole(),
        y: Axis::of("perplexity", Scale::Log, points.iter().map(|point| point.y)),
        spans: Vec::new(),
        guides: Vec::new(),
        series: vec![Series { name: String::new(), hue: Hue::Blue, shape: Shape::Line, points }],
    }
    .figure()
}
