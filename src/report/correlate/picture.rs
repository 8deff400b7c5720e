//! Pairs as pictures: a panel each, every row at its two ranks, and the trend that never turns back.

use std::io::{self, Write};
use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::sheet::headline;
use super::words::{group_name, numbers};
use super::write::CorrelateReport;
use crate::correlate::{Axis, Group, Pair, Scatter};
use crate::report::PlotFormat;
use crate::report::number::{count, significant};
use crate::report::plot::{BLUE, DrawingResult, GREY, Picture, VERMILION, write_picture};

/// Pixels of a panel, and of the line above all.
const PANEL: (u32, u32) = (420, 360);
const CAPTION: u32 = 40;
/// Pixels that a letter of that line takes at most.
const LETTER: usize = 11;
/// Panels side by side.
const ACROSS: usize = 3;
/// Points of a panel; of more rows every k-th is drawn.
const POINTS: usize = 4000;
/// Room around the outermost ranks, as a share of all.
const MARGIN: f64 = 0.04;

/// What is drawn.
#[derive(Clone, Copy, Debug)]
pub struct CorrelatePlot<'a> {
    /// The report that the pairs are from.
    pub report: CorrelateReport<'a>,
    /// The pairs, a panel each.
    pub panels: &'a [(&'a Group, &'a Pair, Scatter)],
}

impl CorrelatePlot<'_> {
    /// Draws into `out`.
    ///
    /// # Errors
    /// Where the picture cannot be drawn or `out` does not take it.
    pub fn write(&self, format: PlotFormat, out: &mut dyn Write) -> io::Result<()> {
        let plan = self.report.plan;
        let panels = self.panels.iter().map(|(group, pair, scatter)| {
            let name = group_name(plan.by, group);
            let parts = [name, numbers(pair, plan.measure)].into_iter().filter(|part| !part.is_empty());
            (parts.collect::<Vec<_>>().join(": "), scatter)
        });
        let headline = headline(&self.report);
        let mut drawing = Drawing { panels: panels.collect(), caption: &headline };
        // A line that does not fit would lose both its ends.
        if drawing.caption.chars().count() * LETTER > drawing.size().0 as usize {
            drawing.caption = &self.report.correlations.x;
        }
        write_picture(&drawing, format, out)
    }
}

struct Drawing<'a> {
    /// Each with a line above it.
    panels: Vec<(String, &'a Scatter)>,
    caption: &'a str,
}

impl Drawing<'_> {
    fn grid(&self) -> (usize, usize) {
        let across = self.panels.len().clamp(1, ACROSS);
        (self.panels.len().div_ceil(across).max(1), across)
    }
}

impl Picture for Drawing<'_> {
    fn size(&self) -> (u32, u32) {
        let (down, across) = self.grid();
        let pixels = |panels: usize, of: u32| of * u32::try_from(panels).unwrap_or(1);
        (pixels(across, PANEL.0), CAPTION + pixels(down, PANEL.1))
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> DrawingResult<B> {
        area.fill(&WHITE)?;
        let below = area.titled(self.caption, ("sans-serif", 19))?;
        for (area, (line, scatter)) in below.split_evenly(self.grid()).iter().zip(&self.panels) {
            panel(line, scatter, area)?;
        }
        area.present()
    }
}

fn panel<B: DrawingBackend>(line: &str, scatter: &Scatter, area: &DrawingArea<B, Shift>) -> DrawingResult<B> {
    let every = scatter.points.len().div_ceil(POINTS).max(1);
    let n = scatter.points.len() as f64;
    let range = 1.0 - n * MARGIN..n + n * MARGIN;
    let mut chart = ChartBuilder::on(area)
        .caption(line, ("sans-serif", 14))
        .margin(10)
        .x_label_area_size(42)
        .y_label_area_size(64)
        .build_cartesian_2d(Ranks::of(&scatter.x, &range), Ranks::of(&scatter.y, &range))?;
    let thinned =
        if every > 1 { format!(", one of {} rows drawn", count(every as u64)) } else { String::new() };
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(GREY.mix(0.25))
        .x_desc(format!("{}, by rank{thinned}", scatter.x.name))
        .y_desc(format!("{}, by rank", scatter.y.name))
        .axis_desc_style(("sans-serif", 13))
        .label_style(("sans-serif", 11))
        .draw()?;
    let points = scatter.points.iter().step_by(every);
    chart.draw_series(points.map(|&at| Circle::new(at, 3, BLUE.mix(0.5).filled())))?;
    chart.draw_series(LineSeries::new(scatter.trend.iter().copied(), VERMILION.stroke_width(2)))?;
    Ok(())
}

/// An axis whose marks are some ranks, named by the values that have them.
struct Ranks {
    line: RangedCoordf64,
    ticks: Vec<(f64, f64)>,
}

impl Ranks {
    fn of(axis: &Axis, range: &Range<f64>) -> Self {
        Self { line: range.clone().into(), ticks: axis.ticks.clone() }
    }
}

impl Ranged for Ranks {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        self.line.map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.iter().map(|(rank, _)| *rank).collect()
    }

    fn range(&self) -> Range<f64> {
        self.line.range()
    }
}

impl ValueFormatter<f64> for Ranks {
    fn format_ext(&self, rank: &f64) -> String {
        let found = self.ticks.iter().find(|(own, _)| own == rank);
        found.map_or_else(String::new, |(_, value)| significant(*value, 3))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    fn drawn(rows: u32, format: PlotFormat) -> Vec<u8> {
        let axis = |name: &str| Axis {
            name: name.to_owned(),
            ticks: vec![(1.0, 2.5), (f64::from(rows), f64::INFINITY)],
        };
        let points: Vec<(f64, f64)> =
            (1..=rows).map(|rank| (f64::from(rank), f64::from(rows + 1 - rank))).collect();
        let scatter =
            Scatter { x: axis("perplexity"), y: axis("sst2/acc <b>"), trend: points.clone(), points };
        let panels = vec![("ρ = −1.00".to_owned(), &scatter); 4];
        let mut out = Vec::new();
        write_picture(&Drawing { panels, caption: "what perplexity explains" }, format, &mut out).unwrap();
        out
    }

    #[test]
    fn axes_are_ranks_that_name_the_values_which_stand_there() {
        let svg = String::from_utf8(drawn(9, PlotFormat::Svg)).unwrap();
        for words in ["what perplexity explains", "perplexity, by rank", "inf", "2.50", "ρ = −1.00"] {
            assert!(svg.contains(words), "{words}");
        }
        assert!(!svg.contains("<b>") && !svg.contains("rows drawn"));
        assert_eq!(svg.matches("<circle").count(), 4 * 9);
    }

    #[test]
    fn many_rows_are_thinned_out_and_the_picture_says_so() {
        let svg = String::from_utf8(drawn(9000, PlotFormat::Svg)).unwrap();
        assert!(svg.contains("one of 3 rows drawn"));
        assert_eq!(svg.matches("<circle").count(), 4 * 3000);
        assert!(drawn(9, PlotFormat::Png).starts_with(b"\x89PNG\r\n\x1a\n"));
    }
}
