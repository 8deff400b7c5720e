//! A figure of points and lines, drawn as SVG.

use std::io::{self, Write};
use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;

use crate::report::number::significant;
use crate::report::plot::{BLUE, DrawingResult, GREEN, GREY, ORANGE, VERMILION, inward, register};
use crate::reproduce::{Axis, Figure, Mark, Series};

/// Extent of a figure in pixels.
const SIZE: (u32, u32) = (760, 520);
/// Room around the outermost points, as a share of the extent.
const MARGIN: f64 = 0.05;
const COLOURS: [RGBColor; 6] = [VERMILION, BLUE, GREEN, ORANGE, RGBColor(204, 121, 167), GREY];

/// Draws into `out`.
pub(super) fn write(figure: &Figure, out: &mut dyn Write) -> io::Result<()> {
    register();
    let mut picture = String::new();
    let drawn = chart(figure, &SVGBackend::with_string(&mut picture, SIZE).into_drawing_area());
    drawn.map_err(|error| io::Error::other(format!("cannot draw the picture: {error}")))?;
    out.write_all(picture.as_bytes())
}

fn chart<B: DrawingBackend>(figure: &Figure, area: &DrawingArea<B, Shift>) -> DrawingResult<B> {
    let (x, y) = (range(figure, &figure.x, |point| point.0), range(figure, &figure.y, |point| point.1));
    match (figure.x.log, figure.y.log) {
        (false, false) => draw(figure, area, x, y),
        (true, false) => draw(figure, area, x.log_scale(), y),
        (false, true) => draw(figure, area, x, y.log_scale()),
        (true, true) => draw(figure, area, x.log_scale(), y.log_scale()),
    }
}

fn draw<B, X, Y>(figure: &Figure, area: &DrawingArea<B, Shift>, x: X, y: Y) -> DrawingResult<B>
where
    B: DrawingBackend,
    X: AsRangedCoord<Value = f64>,
    Y: AsRangedCoord<Value = f64>,
    X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
    Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(area)
        .caption(&figure.caption, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(70)
        .build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(GREY.mix(0.25))
        .x_desc(&figure.x.label)
        .y_desc(&figure.y.label)
        .x_label_formatter(&|x| tick(*x))
        .y_label_formatter(&|y| tick(*y))
        .axis_desc_style(("sans-serif", 15))
        .label_style(("sans-serif", 12))
        .draw()?;
    for (series, colour) in figure.series.iter().zip(COLOURS.into_iter().cycle()) {
        let points: Vec<(f64, f64)> = drawable(figure, series).collect();
        let left_out = series.points.len() - points.len();
        let name = match left_out {
            0 => series.name.clone(),
            n => format!("{} ({n} not finite)", series.name),
        };
        let drawn = match series.mark {
            Mark::Line => chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?,
            Mark::Points => {
                let circles = points.into_iter().map(|at| Circle::new(at, 4, colour.mix(0.7).filled()));
                chart.draw_series(circles)?
            }
        };
        drawn.label(name).legend(move |at| Circle::new(inward(at), 4, colour.filled()));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.85))
        .border_style(GREY)
        .label_font(("sans-serif", 13))
        .draw()?;
    area.present()
}

/// The label of a tick. Steps are added up, so that the one at 0 may be off by rounding.
fn tick(x: f64) -> String {
    significant(if x.abs() < 1e-14 { 0.0 } else { x }, 2)
}

/// The points that have a place on both axes.
fn drawable<'a>(figure: &Figure, series: &'a Series) -> impl Iterator<Item = (f64, f64)> + use<'a> {
    let (x_log, y_log) = (figure.x.log, figure.y.log);
    let fits = |value: f64, log: bool| value.is_finite() && (!log || value > 0.0);
    series.points.iter().copied().filter(move |(x, y)| fits(*x, x_log) && fits(*y, y_log))
}

/// A range that holds every point, with room around.
fn range(figure: &Figure, axis: &Axis, of: fn((f64, f64)) -> f64) -> Range<f64> {
    let points = figure.series.iter().flat_map(|series| drawable(figure, series)).map(of);
    let scale = |x: f64| if axis.log { x.ln() } else { x };
    let (low, high) = points
        .map(scale)
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
    let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
    let room = if high > low { MARGIN * (high - low) } else { 0.5 };
    let back = |x: f64| if axis.log { x.exp() } else { x };
    back(low - room)..back(high + room)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    fn figure(log: bool) -> Figure {
        let series = |name: &str, mark, points: &[(f64, f64)]| Series {
            name: name.to_owned(),
            mark,
            points: points.to_vec(),
        };
        Figure {
            name: "",
            caption: "perplexity <of> edits".to_owned(),
            x: Axis { label: "edits".to_owned(), log: false },
            y: Axis { label: "perplexity".to_owned(), log },
            series: vec![
                series("hard", Mark::Points, &[(1.0, 2.7), (2.0, 3e4), (3.0, f64::INFINITY)]),
                series("normal", Mark::Line, &[(1.0, 2.7), (2.0, 2.8)]),
            ],
        }
    }

    fn drawn(figure: &Figure) -> String {
        let mut out = Vec::new();
        write(figure, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_figure_says_its_axes_and_counts_what_has_no_place_in_it() {
        for log in [false, true] {
            let svg = drawn(&figure(log));
            for words in ["edits", "perplexity", "hard (1 not finite)", "normal"] {
                assert!(svg.contains(words), "{words}");
            }
            assert!(!svg.contains("<of>"));
            assert_eq!(svg, drawn(&figure(log)));
        }
    }

    #[test]
    fn every_point_is_inside_and_a_figure_of_nothing_can_be_drawn() {
        let mut empty = figure(true);
        let range = range(&empty, &empty.y, |point| point.1);
        assert!(range.contains(&2.7) && range.contains(&3e4) && range.start > 0.0);
        empty.series.clear();
        assert!(drawn(&empty).contains("perplexity"));
    }
}
