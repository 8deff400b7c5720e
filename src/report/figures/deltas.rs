//! Where in the stack a model was changed and by how much, and in how many directions.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::report::field::{items, number, or_nan, text};
use crate::report::html::{Axis, Chart, Figure, Guide, Hue, Point, Scale, Series, Shape};
use crate::report::number::{count, significant};

/// Matrices whose spectra are drawn.
const SPECTRA: usize = 4;

pub(super) fn figures(record: &Value) -> Vec<Figure> {
    let tensors = items(record, "tensors");
    [by_layer(tensors), spectra(tensors), histogram(record)].into_iter().flatten().collect()
}

fn layer(tensor: &Value) -> Option<f64> {
    tensor.get("role")?.get("layer")?.as_f64()
}

fn by_layer(tensors: &[Value]) -> Option<Figure> {
    let mut kinds: BTreeMap<&str, Vec<Point>> = BTreeMap::new();
    for tensor in tensors.iter().filter(|tensor| text(tensor, "status") == "changed") {
        let (Some(layer), Some(relative)) = (layer(tensor), number(tensor, "relative_delta")) else {
            continue;
        };
        let words = format!("{}: ‖Δ‖/‖W‖ {}", text(tensor, "name"), significant(relative, 4));
        let kind = tensor.get("role").map_or("", |role| text(role, "kind"));
        kinds.entry(kind).or_default().push(Point::new(layer, relative, words));
    }
    let sizes = || kinds.values().flatten().map(|point| point.y);
    let deepest = tensors.iter().filter_map(layer).fold(0.0, f64::max);
    let series = kinds.iter().zip(Hue::NEUTRAL.into_iter().cycle()).map(|((kind, points), hue)| Series {
        name: (*kind).to_owned(),
        hue,
        shape: Shape::Circle,
        points: points.clone(),
    });
    Chart {
        title: "How much each layer changed".to_owned(),
        description: "Every changed tensor by its layer; size of the change over size of the tensor, on a scale of ratios."
            .to_owned(),
        x: Axis::of("layer", Scale::Linear, [0.0, deepest.max(1.0)]).whole(),
        y: Axis::of("‖Δ‖/‖W‖", Scale::Log, sizes()),
        spans: Vec::new(),
        guides: Vec::new(),
        series: series.collect(),
    }
    .figure()
}

fn spectra(tensors: &[Value]) -> Option<Figure> {
    let spectra: Vec<(&Value, &Value)> = tensors
        .iter()
        .filter_map(|tensor| Some((tensor, tensor.get("spectrum")?)))
        .filter(|(_, spectrum)| spectrum.is_object())
        .take(SPECTRA)
        .collect();
    let values = |spectrum: &Value| -> Vec<f64> {
        items(spectrum, "singular_values").iter().filter_map(Value::as_f64).collect()
    };
    let edge = |spectrum: &Value| or_nan(spectrum, "rounding_edge");
    let all: Vec<f64> = spectra
        .iter()
        .flat_map(|(_, spectrum)| values(spectrum).into_iter().chain([edge(spectrum)]))
        .collect();
    let longest = spectra.iter().map(|(_, spectrum)| values(spectrum).len()).max()? as f64;
    let series = spectra.iter().zip(Hue::NEUTRAL).map(|((tensor, spectrum), hue)| {
        let name = text(tensor, "name");
        let point = |(i, sigma): (usize, f64)| {
            Point::new(i as f64 + 1.0, sigma, format!("{name}: σ{} = {}", i + 1, significant(sigma, 4)))
        };
        let points = values(spectrum).into_iter().enumerate().map(point).collect();
        Series { name: name.to_owned(), hue, shape: Shape::Line, points }
    });
    let x = Axis::of("singular value, the largest first", Scale::Linear, [1.0, longest.max(2.0)]).whole();
    let guide = spectra.first().map(|(_, spectrum)| Guide {
        from: (0.0, edge(spectrum)),
        to: (longest.max(2.0) + 1.0, edge(spectrum)),
        words: "rounding edge".to_owned(),
    });
    Chart {
        title: "Directions of the change".to_owned(),
        description: "Leading singular values of the change of the most changed matrices. Values below the dashed edge are what \
                      rounding to the stored dtype gives; those above it are the rank of the edit."
            .to_owned(),
        x,
        y: Axis::of("σ of Δ", Scale::Log, all),
        spans: Vec::new(),
        guides: guide.into_iter().collect(),
        series: series.collect(),
    }
    .figure()
}

fn histogram(record: &Value) -> Option<Figure> {
    let histogram = record.get("histogram")?;
    let bar = |bucket: &Value| {
        let (lower, upper) = (number(bucket, "lower")?, number(bucket, "upper")?);
        let n = bucket.get("count")?.as_u64()?;
        let words = format!("{} … {}: {} elements", significant(lower, 3), significant(upper, 3), count(n));
        Some(Point { x: lower, y: n as f64, span: Some((lower, upper)), words })
    };
    let points: Vec<Point> = items(histogram, "buckets").iter().filter_map(bar).collect();
    let edges = points.iter().filter_map(|point| point.span).flat_map(|(from, to)| [from, to]);
    Chart {
        title: format!("Sizes of the changes in {}", text(histogram, "name")),
        description: "Number of elements in each octave of |Δ|; elements that did not change are not drawn."
            .to_owned(),
        x: Axis::of("|Δ| of an element", Scale::Log, edges),
        y: Axis::of("elements", Scale::Linear, points.iter().map(|point| point.y)).with_zero(),
        spans: Vec::new(),
        guides: Vec::new(),
        series: vec![Series { name: String::new(), hue: Hue::Blue, shape: Shape::Bar, points }],
    }
    .figure()
}
