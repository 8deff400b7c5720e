//! What edits divided by and how large they became; and, of many in a row, how the updates grew.

use serde_json::Value;

use crate::report::field::{items, or_nan, text};
use crate::report::html::{Axis, Chart, Figure, Guide, Hue, Point, Scale, Series, Shape};
use crate::report::number::significant;

pub(super) fn figures(record: &Value) -> Vec<Figure> {
    let edits = items(record, "edits");
    [divisions(edits), updates(edits)].into_iter().flatten().collect()
}

/// The fraction of each edit: its numerator over its denominator is the norm of its update.
fn divisions(edits: &[Value]) -> Option<Figure> {
    let requests = edits.iter().flat_map(|edit| items(edit, "requests"));
    let point = |request: &Value| {
        let division = request.get("division").filter(|division| division.is_object())?;
        let [numerator, found, should] =
            ["numerator_norm", "unit_denominator", "consistent_unit_denominator"]
                .map(|field| or_nan(division, field));
        let words = format!(
            "{}: numerator {}, denominator {}, with k̄ in both places {}",
            text(request, "case_id"),
            significant(numerator, 4),
            significant(found, 4),
            significant(should, 4)
        );
        Some((found.abs(), should.abs(), numerator, words))
    };
    let divisions: Vec<(f64, f64, f64, String)> = requests.filter_map(point).collect();
    let found = divisions.iter().map(|(x, _, y, words)| Point::new(*x, *y, words.as_str())).collect();
    let should = divisions.iter().map(|(_, x, y, words)| Point::new(*x, *y, words.as_str())).collect();
    let xs: Vec<f64> = divisions.iter().flat_map(|(found, should, ..)| [*found, *should]).collect();
    let ys: Vec<f64> = divisions.iter().map(|(.., y, _)| *y).collect();
    let finite = |x: &f64| x.is_finite() && *x > 0.0;
    let (least, most) =
        xs.iter().copied().filter(finite).fold((f64::INFINITY, 0.0_f64), |(l, m), x| (l.min(x), m.max(x)));
    // Along such a line every update has one norm.
    let lines = [-1, 0, 1, 2, 3, 4, 5].map(|exponent| {
        let norm = 10_f64.powi(exponent);
        Guide {
            from: (least / 1e3, norm * least / 1e3),
            to: (most * 1e3, norm * most * 1e3),
            words: format!("‖Δ‖ = {norm}"),
        }
    });
    Chart {
        title: "Numerator and denominator of each edit".to_owned(),
        description: "To the right what was divided by, upwards what was divided, on scales of ratios; the dashed lines are updates \
                      of one norm. What collapses an edit is a denominator far to the left of where it would be with k̄ in both \
                      places."
            .to_owned(),
        x: Axis::of("denominator |(C⁻¹k̄)ᵀk| / ‖C⁻¹k̄‖", Scale::Log, xs),
        y: Axis::of("numerator ‖v* − Wk‖", Scale::Log, ys.iter().flat_map(|y| [y / 3.0, *y, y * 3.0])),
        spans: Vec::new(),
        guides: lines.into(),
        series: vec![
            Series {
                name: "with k̄ in both places".to_owned(),
                hue: Hue::Green,
                shape: Shape::Circle,
                points: should,
            },
            Series { name: "as divided".to_owned(), hue: Hue::Vermilion, shape: Shape::Triangle, points: found },
        ],
    }
    .figure()
}

/// The size of each update, one edit after the other.
fn updates(edits: &[Value]) -> Option<Figure> {
    if edits.len() < 2 {
        return None;
    }
    let point = |edit: &Value| {
        let x = edit.get("index")?.as_f64()?;
        let sizes = items(edit, "layers").iter().map(|layer| or_nan(layer, "relative_update"));
        let largest = sizes.fold(f64::NAN, f64::max);
        Some(Point::new(x, largest, format!("edit {x}: ‖ΔW‖/‖W‖ {}", significant(largest, 4))))
    };
    let points: Vec<Point> = edits.iter().filter_map(point).collect();
    Chart {
        title: "Size of each update".to_owned(),
        description: "The largest ‖ΔW‖/‖W‖ of an edit's layers, in the order of the edits.".to_owned(),
        x: Axis::of("edit", Scale::Linear, points.iter().map(|point| point.x)).whole(),
        y: Axis::of("‖ΔW‖/‖W‖", Scale::Log, points.iter().map(|point| point.y)),
        spans: Vec::new(),
        guides: Vec::new(),
        series: vec![Series { name: String::new(), hue: Hue::Blue, shape: Shape::Line, points }],
    }
    .figure()
}
