//! Small multiples of a run: a panel a series, drawn as SVG or PNG.
//!
//! Raw values are faint, the published smoothing is blue, fitted lines are black. What is gradual has a light ground, what is
//! catastrophic a darker one; the interval of the onset is vermilion, disabling edits are vermilion lines, the early warning is an
//! orange one. Distances and norms of updates are drawn over logarithms, where a random walk is a line of slope 1/2.

use std::io::{self, Write};

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::panel::{Panel, panels};
use crate::report::number::significant;
use crate::report::plot::{BLUE, DrawingResult, GREY, ORANGE, Picture, VERMILION, write_picture};
use crate::report::{PlotFormat, text};
use crate::sequence::analysis::{PhaseKind, RunAnalysis};

/// Pixels of a panel, of the caption above all of them and of the legend below.
const PANEL: (u32, u32) = (520, 250);
const CAPTION: u32 = 44;
const LEGEND: u32 = 34;
/// Most panels in one picture.
const MOST: usize = 40;

/// What is drawn.
#[derive(Clone, Copy, Debug)]
pub struct SequencePlot<'a> {
    /// The runs.
    pub runs: &'a [RunAnalysis],
    /// One line above them.
    pub caption: &'a str,
}

impl SequencePlot<'_> {
    /// Draws into `out`; of more than 40 series the first, and the caption says so.
    ///
    /// # Errors
    /// Where the picture cannot be drawn or `out` does not take it.
    pub fn write(&self, format: PlotFormat, out: &mut dyn Write) -> io::Result<()> {
        let several = self.runs.len() > 1;
        let mut all: Vec<Panel> = self.runs.iter().flat_map(|run| panels(run, several)).collect();
        let more = all.len().saturating_sub(MOST);
        all.truncate(MOST);
        let mut caption = text::elide(self.caption, 100);
        if more > 0 {
            caption = format!("{caption} ({more} series not drawn)");
        }
        write_picture(&Multiples { panels: &all, caption: &caption }, format, out)
    }
}

struct Multiples<'a> {
    panels: &'a [Panel],
    caption: &'a str,
}

type Chart<'a, 'b, B> = ChartContext<'a, B, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

impl Multiples<'_> {
    /// Panels side by side, and rows of them.
    fn grid(&self) -> (usize, usize) {
        let columns = if self.panels.len() > 3 { 2 } else { 1 };
        (columns, self.panels.len().div_ceil(columns).max(1))
    }
}

impl Picture for Multiples<'_> {
    fn size(&self) -> (u32, u32) {
        let (columns, rows) = self.grid();
        let times = |n: usize, size: u32| u32::try_from(n).unwrap_or(1) * size;
        (times(columns.max(2), PANEL.0), times(rows, PANEL.1) + CAPTION + LEGEND)
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> DrawingResult<B> {
        area.fill(&WHITE)?;
        area.draw(&Text::new(self.caption, (16, 14), ("sans-serif", 17)))?;
        let (_, below) = area.split_vertically(CAPTION);
        let (body, legend) = below.split_vertically(self.size().1 - CAPTION - LEGEND);
        let (columns, rows) = self.grid();
        for (panel, part) in self.panels.iter().zip(body.split_evenly((rows, columns))) {
            draw_panel(panel, &part)?;
        }
        let words = "points: values   blue: means of 5, averaged over 10   black: fitted   yellow: gradual   red: catastrophic   \
                     orange line: early warning   red lines: disabling edits";
        legend.draw(&Text::new(words, (16, 8), ("sans-serif", 13).into_font().color(&BLACK.mix(0.7))))?;
        area.present()
    }
}

fn draw_panel<B: DrawingBackend>(panel: &Panel, area: &DrawingArea<B, Shift>) -> DrawingResult<B> {
    let (x, y) = panel.ranges();
    let (bottom, top) = (y.start, y.end);
    let mut chart = ChartBuilder::on(area)
        .caption(text::elide(&panel.title, 60), ("sans-serif", 15))
        .margin(8)
        .x_label_area_size(28)
        .y_label_area_size(58)
        .build_cartesian_2d(x, y)?;
    let label = |value: &f64| {
        if panel.logarithmic { significant(10_f64.powf(*value), 2) } else { significant(*value, 3) }
    };
    let edits = |value: &f64| {
        let value = if panel.logarithmic { 10_f64.powf(*value) } else { *value };
        format!("{value:.0}")
    };
    chart
        .configure_mesh()
        .disable_mesh()
        .x_labels(6)
        .y_labels(5)
        .x_label_formatter(&edits)
        .y_label_formatter(&label)
        .label_style(("sans-serif", 12))
        .draw()?;
    for phase in &panel.phases {
        let ground = match phase.kind {
            PhaseKind::Stable => continue,
            PhaseKind::Gradual => ORANGE.mix(0.12),
            PhaseKind::Catastrophic => VERMILION.mix(0.16),
        };
        let corners = [(phase.from_edit as f64, bottom), (phase.to_edit as f64, top)];
        chart.draw_series([Rectangle::new(corners, ground.filled())])?;
    }
    if let Some((low, high)) = panel.onset {
        chart.draw_series([Rectangle::new([(low, bottom), (high, top)], VERMILION.mix(0.5).filled())])?;
    }
    series(panel, &mut chart)?;
    let upright =
        |x: f64, colour: RGBColor| PathElement::new([(x, bottom), (x, top)], colour.stroke_width(2));
    chart.draw_series(panel.jumps.iter().map(|x| upright(*x, VERMILION)))?;
    chart.draw_series(panel.warning.iter().map(|x| upright(*x, ORANGE)))?;
    Ok(())
}

fn series<B: DrawingBackend>(panel: &Panel, chart: &mut Chart<'_, '_, B>) -> DrawingResult<B> {
    let faint = GREY.mix(if panel.smooth.is_empty() { 0.9 } else { 0.35 });
    chart.draw_series(panel.points.iter().map(|at| Circle::new(*at, 2, faint.filled())))?;
    chart.draw_series(LineSeries::new(panel.lines.iter().copied(), BLACK.stroke_width(1)))?;
    chart.draw_series(LineSeries::new(panel.smooth.iter().copied(), BLUE.stroke_width(2)))?;
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::reader::{Measure, Run, RunKind};
    use crate::sequence::analysis::{AnalysisPlan, analyse};

    fn drawn(format: PlotFormat) -> Vec<u8> {
        let mut run = Run::new(Path::new("r"), RunKind::Table);
        for edit in 1..=200_u32 {
            let broken = edit >= 150;
            let distance = f64::from(edit).sqrt() + if broken { 99.0 } else { 0.0 };
            run.put("distance of <5>", Measure::Distance { layer: "<5>".into() }, edit.into(), distance);
            run.put("efficacy", Measure::Score, edit.into(), if broken { 0.1 } else { 0.9 });
            run.put(
                "perplexity",
                Measure::Perplexity,
                edit.into(),
                if broken { f64::INFINITY } else { 20.0 },
            );
        }
        let runs = [analyse(run, &AnalysisPlan::default())];
        let mut out = Vec::new();
        SequencePlot { runs: &runs, caption: "a run <b>" }.write(format, &mut out).unwrap();
        out
    }

    #[test]
    fn the_picture_has_a_panel_a_series_and_its_text_is_no_markup() {
        let svg = String::from_utf8(drawn(PlotFormat::Svg)).unwrap();
        for words in ["distance of &lt;5&gt;", "efficacy", "log10 of perplexity", "a run &lt;b&gt;"] {
            assert!(svg.contains(words), "{words}");
        }
        assert!(!svg.contains("<b>") && !svg.contains("NaN") && !svg.contains("inf"));
        // The jump, on the panel of distances alone.
        assert!(svg.matches("#D55E00").count() >= 1);
    }

    #[test]
    fn the_same_run_gives_the_same_bytes_in_both_formats() {
        for format in [PlotFormat::Svg, PlotFormat::Png] {
            assert_eq!(drawn(format), drawn(format));
        }
        assert!(drawn(PlotFormat::Png).starts_with(b"\x89PNG\r\n\x1a\n"));
    }
}
