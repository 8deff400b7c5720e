//! Perplexities: text by text against the baseline where both are there, else model by model.

use serde_json::Value;

use crate::report::field::{items, or_nan, text};
use crate::report::html::{Axis, Chart, Figure, Guide, Hue, Point, Scale, Series, Shape};
use crate::report::number::significant;

pub(super) fn figures(record: &Value) -> Vec<Figure> {
    text_by_text(record).or_else(|| by_model(record)).into_iter().collect()
}

fn text_by_text(record: &Value) -> Option<Figure> {
    let baseline = record.get("baseline").filter(|baseline| !items(baseline, "texts_detail").is_empty())?;
    let before: std::collections::BTreeMap<u64, f64> = items(baseline, "texts_detail")
        .iter()
        .filter_map(|text| Some((text.get("index")?.as_u64()?, or_nan(text, "perplexity"))))
        .collect();
    let series = items(record, "models").iter().zip(Hue::NEUTRAL.into_iter().cycle()).map(|(model, hue)| {
        let point = |text: &Value| {
            let index = text.get("index")?.as_u64()?;
            let (was, now) = (*before.get(&index)?, or_nan(text, "perplexity"));
            let words = format!("text {index}: {} before, {} now", significant(was, 4), significant(now, 4));
            Some(Point::new(was, now, words))
        };
        let points = items(model, "texts_detail").iter().filter_map(point).collect();
        Series { name: text(model, "path").to_owned(), hue, shape: Shape::Circle, points }
    });
    let series: Vec<Series> = series.collect();
    let both =
        |of: fn(&Point) -> f64| series.iter().flat_map(|series| &series.points).map(of).collect::<Vec<f64>>();
    let (xs, ys) = (both(|point| point.x), both(|point| point.y));
    let positive = |x: &&f64| x.is_finite() && **x > 0.0;
    let least = xs.iter().chain(&ys).filter(positive).fold(f64::INFINITY, |least, x| least.min(*x));
    let most = xs.iter().chain(&ys).filter(positive).fold(0.0_f64, |most, x| most.max(*x));
    Chart {
        title: "Perplexity of each text, before and now".to_owned(),
        description: "A mark a text, on scales of ratios. On the dashed line nothing changed; above it the text reads worse.".to_owned(),
        x: Axis::of("perplexity under the baseline", Scale::Log, xs.clone()),
        y: Axis::of("perplexity now", Scale::Log, ys.into_iter().chain(xs)),
        spans: Vec::new(),
        guides: vec![Guide { from: (least / 10.0, least / 10.0), to: (most * 10.0, most * 10.0), words: "as before".to_owned() }],
        series,
    }
    .figure()
}

fn by_model(record: &Value) -> Option<Figure> {
    let models: Vec<&Value> = record
        .get("baseline")
        .filter(|model| model.is_object())
        .into_iter()
        .chain(items(record, "models"))
        .collect();
    if models.len() < 2 {
        return None;
    }
    let point = |(i, model): (usize, &&Value)| {
        let perplexity = or_nan(model, "perplexity");
        Point::new(
            perplexity,
            i as f64,
            format!("{}: perplexity {}", text(model, "path"), significant(perplexity, 4)),
        )
    };
    let points: Vec<Point> = models.iter().enumerate().map(point).collect();
    let names = models.iter().map(|model| short(text(model, "path")));
    Chart {
        title: "Perplexity of each model".to_owned(),
        description: "Over all tokens of the texts, on a scale of ratios; further to the right is worse."
            .to_owned(),
        x: Axis::of("perplexity", Scale::Log, points.iter().map(|point| point.x)),
        y: Axis::named("", names),
        spans: Vec::new(),
        guides: Vec::new(),
        series: vec![Series { name: String::new(), hue: Hue::Blue, shape: Shape::Circle, points }],
    }
    .figure()
}

/// The last part of a path: as much as an axis has room for.
fn short(path: &str) -> String {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or(path).chars().take(9).collect()
}
