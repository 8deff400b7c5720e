//! Keys and denominators: what ROME would divide by against what it should, and how far the two keys lie apart.

use serde_json::Value;

use crate::report::field::{items, or_nan, text};
use crate::report::html::{Axis, Chart, Figure, Guide, Hue, Point, Scale, Series, Shape};
use crate::report::number::significant;

/// Levels with their colours, shapes and words, the mildest first.
const LEVELS: [(&str, Hue, Shape, &str); 3] = [
    ("safe", Hue::Green, Shape::Circle, "safe"),
    ("at-risk", Hue::Orange, Shape::Cross, "at risk"),
    ("collapse", Hue::Vermilion, Shape::Triangle, "collapse"),
];

pub(super) fn figures(record: &Value) -> Vec<Figure> {
    let cases = items(record, "cases");
    [denominators(record, cases), plane(record).or_else(|| agreement(cases))].into_iter().flatten().collect()
}

fn level(case: &Value) -> &str {
    case.get("verdict").map_or("", |verdict| text(verdict, "level"))
}

/// What a case is called.
pub(super) fn name(case: &Value) -> String {
    match (text(case, "case_id"), text(case, "subject")) {
        (id, "") => id.to_owned(),
        ("", subject) => subject.to_owned(),
        (id, subject) => format!("{id} ({subject})"),
    }
}

/// Cases by level, each at the place that `at` gives it.
fn by_level(
    cases: &[Value],
    at: impl Fn(&Value) -> (f64, f64),
    words: impl Fn(&Value) -> String,
) -> Vec<Series> {
    let series = |(wanted, hue, shape, name): (&str, Hue, Shape, &str)| {
        let points = cases.iter().filter(|case| level(case) == wanted).map(|case| {
            let (x, y) = at(case);
            Point::new(x, y, words(case))
        });
        Series { name: name.to_owned(), hue, shape, points: points.collect() }
    };
    LEVELS.into_iter().map(series).collect()
}

fn denominators(record: &Value, cases: &[Value]) -> Option<Figure> {
    let at = |case: &Value| {
        (or_nan(case, "consistent_unit_denominator").abs(), or_nan(case, "unit_denominator").abs())
    };
    let words = |case: &Value| {
        let [found, should] = ["unit_denominator", "consistent_unit_denominator"]
            .map(|field| significant(or_nan(case, field), 4));
        let ratio = significant(or_nan(case, "denominator_ratio"), 3);
        format!("{}: divides by {found}, with k̄ in both places by {should}, ratio {ratio}", name(case))
    };
    let series = by_level(cases, at, words);
    let [xs, ys] = [|case: &(f64, f64)| case.0, |case: &(f64, f64)| case.1].map(|part| {
        let places: Vec<(f64, f64)> = cases.iter().map(at).collect();
        places.iter().map(part).collect::<Vec<f64>>()
    });
    let finite = |x: &&f64| x.is_finite() && **x > 0.0;
    let most = xs.iter().filter(finite).fold(f64::NAN, |most: f64, x| most.max(*x));
    let least = xs.iter().filter(finite).fold(f64::NAN, |least: f64, x| least.min(*x));
    let guide = |ratio: f64, words: &str| Guide {
        from: (least / 10.0, ratio * least / 10.0),
        to: (most * 10.0, ratio * most * 10.0),
        words: words.to_owned(),
    };
    let mut guides = vec![guide(1.0, "as it should be")];
    if let Some(thresholds) = record.get("thresholds") {
        let (safe, collapse) = (or_nan(thresholds, "safe"), or_nan(thresholds, "collapse"));
        guides.push(guide(safe, &format!("safe above {}", significant(safe, 2))));
        guides.push(guide(collapse, &format!("collapse below {}", significant(collapse, 2))));
    }
    let ys = ys.into_iter().chain([most, least]);
    Chart {
        title: "What ROME divides by".to_owned(),
        description: "A mark a case, on scales of ratios. Upwards what the published formula divides by, |(C⁻¹k̄)ᵀkᵘ| over \
                      ‖C⁻¹k̄‖; to the right what it would be with k̄ in both places. Healthy cases lie on the upper dashed line; the \
                      further below it, the more the update is blown up."
            .to_owned(),
        x: Axis::of("with k̄ in both places", Scale::Log, xs),
        y: Axis::of("as published", Scale::Log, ys),
        spans: Vec::new(),
        guides,
        series,
    }
    .figure()
}

fn agreement(cases: &[Value]) -> Option<Figure> {
    let at = |case: &Value| (or_nan(case, "key_cosine"), or_nan(case, "key_distance"));
    let words = |case: &Value| {
        let (cosine, distance) = at(case);
        format!("{}: cosine {}, distance {}", name(case), significant(cosine, 3), significant(distance, 3))
    };
    Chart {
        title: "How far the two keys lie apart".to_owned(),
        description: "A mark a case: the key of the bare prompt against the mean key behind prefixes. At the right and low they \
                      point the same way and are close; first tokens of a text lie at the left and high."
            .to_owned(),
        x: Axis::of("cosine of kᵘ and k̄", Scale::Linear, cases.iter().map(|case| at(case).0)),
        y: Axis::of("‖kᵘ − k̄‖", Scale::Linear, cases.iter().map(|case| at(case).1)).with_zero(),
        spans: Vec::new(),
        guides: Vec::new(),
        series: by_level(cases, at, words),
    }
    .figure()
}

/// The keys in two dimensions, where the record has them.
fn plane(record: &Value) -> Option<Figure> {
    let projection = record.get("projection").filter(|projection| projection.is_object())?;
    let points = items(projection, "points");
    let of = |role: &str, level: &str| -> Vec<Point> {
        let own = points.iter().filter(|point| text(point, "role") == role && text(point, "level") == level);
        own.map(|point| Point::new(or_nan(point, "x"), or_nan(point, "y"), words(point))).collect()
    };
    let prefixed =
        |role, hue, shape, name: &str| Series { name: name.to_owned(), hue, shape, points: of(role, "") };
    let mut series = vec![
        prefixed("prefixed", Hue::Grey, Shape::Dot, "a key behind a prefix"),
        prefixed("mean", Hue::Blue, Shape::Cross, "mean prefixed key"),
    ];
    series.extend(LEVELS.into_iter().map(|(level, hue, _, name)| Series {
        name: format!("unprefixed key: {name}"),
        hue,
        shape: Shape::Triangle,
        points: of("unprefixed", level),
    }));
    let share = |i: usize| items(projection, "explained").get(i).and_then(Value::as_f64);
    let label = |i: usize, which: &str| {
        share(i).map_or_else(
            || format!("t-SNE {}", i + 1),
            |share| format!("{which} principal component ({} %)", significant(100.0 * share, 3)),
        )
    };
    let meaning = if share(0).is_some() {
        "Both axes have one scale: distances are those of the keys, as far as two directions hold them (their shares of the variance stand at the axes)."
    } else {
        "t-SNE: only neighbourhoods mean something, and no run gives the same picture again."
    };
    Chart {
        title: "Keys in the plane".to_owned(),
        description: format!(
            "Every key that the edited matrix sees at a subject, brought to two dimensions. {meaning} Where the unprefixed keys lie \
             apart from the prefixed ones, ROME mixes two keys that have nothing to do with each other."
        ),
        x: Axis::of(label(0, "first"), Scale::Linear, points.iter().map(|point| or_nan(point, "x"))),
        y: Axis::of(label(1, "second"), Scale::Linear, points.iter().map(|point| or_nan(point, "y"))),
        spans: Vec::new(),
        guides: Vec::new(),
        series,
    }
    .one_scale()
    .figure()
}

fn words(point: &Value) -> String {
    match (text(point, "role"), text(point, "level")) {
        ("unprefixed", level) => format!("unprefixed key, {level}"),
        ("mean", _) => "mean prefixed key".to_owned(),
        _ => "key behind a prefix".to_owned(),
    }
}
