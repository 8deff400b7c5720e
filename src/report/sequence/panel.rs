//! What a panel of the plot shows: one series with its course, as numbers still.

use std::ops::Range;

use crate::reader::{Measure, RunSeries};
use crate::sequence::analysis::{Course, Phase, RunAnalysis};
use crate::stats::{buckets, moving_average};

/// Buckets of the published smoothing, and how many of them are averaged.
const BUCKET: usize = 5;
const AVERAGED: usize = 10;
/// Values from which on a series is smoothed.
const LONG: usize = BUCKET * AVERAGED * 2;

/// One series.
#[derive(Debug)]
pub(super) struct Panel {
    pub(super) title: String,
    /// Whether both axes hold logarithms of base 10.
    pub(super) logarithmic: bool,
    pub(super) points: Vec<(f64, f64)>,
    /// Means of 5, then a moving average of 10: as published; empty for a short series.
    pub(super) smooth: Vec<(f64, f64)>,
    /// The lines of the course.
    pub(super) lines: Vec<(f64, f64)>,
    pub(super) phases: Vec<Phase>,
    /// The interval of the onset.
    pub(super) onset: Option<(f64, f64)>,
    /// Disabling edits, and the early warning.
    pub(super) jumps: Vec<f64>,
    pub(super) warning: Option<f64>,
}

/// Every series of a run that has a point to draw; forgetting last.
pub(super) fn panels(found: &RunAnalysis, several: bool) -> Vec<Panel> {
    let name =
        found.run.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let of = if several { format!("{name}: ") } else { String::new() };
    let series = found.run.series.iter().zip(&found.courses);
    let mut panels: Vec<Panel> = series.map(|(series, course)| panel(found, series, course, &of)).collect();
    if let Ok(forgetting) = &found.forgetting {
        let curve = forgetting.curve.iter().map(|point| (point.edit as f64, point.share)).collect();
        panels.push(Panel { lines: curve, ..empty(format!("{of}share of learnt edits found lost")) });
    }
    panels.retain(|panel| !panel.points.is_empty() || !panel.lines.is_empty());
    panels
}

fn panel(found: &RunAnalysis, series: &RunSeries, course: &Result<Course, String>, of: &str) -> Panel {
    let weights = series.measure.layer().is_some();
    let logarithmic = matches!(series.measure, Measure::Distance { .. } | Measure::Perplexity) || weights;
    // Of a perplexity only the value is so wide that it needs a logarithm; of a distance the growth is a straight line.
    let x = |edit: u64| if weights { (edit as f64).log10() } else { edit as f64 };
    let y = |value: f64| if logarithmic { value.log10() } else { value };
    let drawn = |(edit, value): &(u64, f64)| {
        Some((x(*edit), y(*value))).filter(|(x, y)| x.is_finite() && y.is_finite())
    };
    let points: Vec<(f64, f64)> = series.points.iter().filter_map(drawn).collect();
    let smooth = if points.len() >= LONG && !weights {
        moving_average(&buckets(&points, BUCKET), AVERAGED)
    } else {
        Vec::new()
    };
    let course = course.as_ref().ok();
    // Lines are fitted to scores; those of a perplexity are not shown among its logarithms.
    let straight = course.filter(|_| series.measure == Measure::Score);
    let lines = straight.map_or_else(Vec::new, |course| {
        course.points.iter().zip(&course.fitted).map(|((edit, _), fit)| (*edit as f64, *fit)).collect()
    });
    let onset = course.and_then(|course| course.onset.as_ref()?.interval);
    let own = |layer: &str| series.measure.layer() == Some(layer);
    let warning = found.warning.as_ref().ok().and_then(Option::as_ref).filter(|warning| own(&warning.layer));
    Panel {
        logarithmic: weights,
        points,
        smooth,
        lines,
        phases: course.map_or_else(Vec::new, |course| course.phases.clone()),
        onset: onset.map(|(low, high)| (low as f64, high as f64)),
        jumps: found
            .disabling
            .iter()
            .flatten()
            .filter(|jump| own(&jump.layer))
            .map(|jump| x(jump.edit))
            .collect(),
        warning: warning.map(|warning| x(warning.edit)),
        ..empty(match (weights, logarithmic) {
            (false, true) => format!("{of}log10 of {}", series.name),
            _ => format!("{of}{}", series.name),
        })
    }
}

fn empty(title: String) -> Panel {
    Panel {
        title,
        logarithmic: false,
        points: Vec::new(),
        smooth: Vec::new(),
        lines: Vec::new(),
        phases: Vec::new(),
        onset: None,
        jumps: Vec::new(),
        warning: None,
    }
}

impl Panel {
    /// Ranges of both axes, with room around the outermost points.
    pub(super) fn ranges(&self) -> (Range<f64>, Range<f64>) {
        let all = || self.points.iter().chain(&self.lines);
        (range(all().map(|at| at.0), 0.02), range(all().map(|at| at.1), 0.08))
    }
}

fn range(values: impl Iterator<Item = f64>, margin: f64) -> Range<f64> {
    let (low, high) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
    let room = (high - low) * margin;
    // One value, or several that are equal: any range shows it.
    if room > 0.0 { low - room..high + room } else { low - 0.5..high + 0.5 }
}
