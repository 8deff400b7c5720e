//! How far the first token's keys lie from those of later ones, layer by layer; and who looks at it.

use serde_json::Value;

use crate::report::field::{items, or_nan, text};
use crate::report::html::{Axis, Chart, Figure, Hue, Point, Scale, Series, Shape};
use crate::report::number::significant;

pub(super) fn figures(record: &Value) -> Vec<Figure> {
    [distances(record), attention(record)].into_iter().flatten().collect()
}

fn distances(record: &Value) -> Option<Figure> {
    let special = record.get("leading_special").and_then(Value::as_u64).unwrap_or(0);
    let own = |measured: &&Value| {
        measured.get("swap").is_none_or(Value::is_null)
            && text(measured, "site") == "key"
            && measured.get("position").and_then(Value::as_u64) == Some(special)
    };
    let keys: Vec<&Value> = items(record, "measurements").iter().filter(own).collect();
    let line = |field: &str, name: &str, hue, shape| {
        let point = |measured: &&Value| {
            let (layer, distance) = (measured.get("layer")?.as_f64()?, or_nan(measured, field));
            Some(Point::new(layer, distance, format!("layer {layer}, {name}: {}", significant(distance, 4))))
        };
        Series { name: name.to_owned(), hue, shape, points: keys.iter().filter_map(point).collect() }
    };
    let series = vec![
        line("first_mahalanobis", "first token, mean", Hue::Vermilion, Shape::Triangle),
        line("later_mahalanobis_p99", "later tokens, 99th percentile", Hue::Grey, Shape::Line),
        line("later_mahalanobis", "later tokens, mean", Hue::Blue, Shape::Circle),
    ];
    let all =
        |of: fn(&Point) -> f64| series.iter().flat_map(|series| &series.points).map(of).collect::<Vec<f64>>();
    Chart {
        title: "Keys of the first token against later ones".to_owned(),
        description: "Mahalanobis distance from the mean of later tokens' keys, layer by layer. Where the first token lies above the 99th \
                      percentile of the others, its key is of another kind."
            .to_owned(),
        x: Axis::of("layer", Scale::Linear, all(|point| point.x)).whole(),
        y: Axis::of("distance", Scale::Log, all(|point| point.y)),
        spans: Vec::new(),
        guides: Vec::new(),
        series,
    }
    .figure()
}

fn attention(record: &Value) -> Option<Figure> {
    let layers = items(record, "attention");
    let line = |field: &str, name: &str, hue, shape| {
        let point = |attention: &Value| {
            let (layer, share) = (attention.get("layer")?.as_f64()?, or_nan(attention, field));
            Some(Point::new(layer, share, format!("layer {layer}, {name}: {}", significant(share, 3))))
        };
        Series { name: name.to_owned(), hue, shape, points: layers.iter().filter_map(point).collect() }
    };
    let series = vec![
        line("head_mean", "the head that looks most", Hue::Vermilion, Shape::Triangle),
        line("mean", "mean over heads", Hue::Blue, Shape::Circle),
        line("uniform", "if it were spread evenly", Hue::Grey, Shape::Line),
    ];
    let all =
        |of: fn(&Point) -> f64| series.iter().flat_map(|series| &series.points).map(of).collect::<Vec<f64>>();
    Chart {
        title: "Attention of later tokens to the first".to_owned(),
        description: "Share of attention that later tokens pay to position 0, layer by layer: an attention sink draws most of it.".to_owned(),
        x: Axis::of("layer", Scale::Linear, all(|point| point.x)).whole(),
        y: Axis::of("share of attention", Scale::Linear, all(|point| point.y)).with_zero(),
        spans: Vec::new(),
        guides: Vec::new(),
        series,
    }
    .figure()
}
