//! The heat map as a picture: a panel a kind side by side, tokens down, layers across, one scale of colours.

use std::io::{self, Write};

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::heat::{HeatMap, Panel};
use crate::report::number::significant;
use crate::report::plot::{DrawingResult, Picture, write_picture};
use crate::report::{PlotFormat, text};
use crate::trace::{Summary, Traces};

/// Pixels around the panels, of a row, and of the largest panel's cells together.
const MARGIN: i32 = 16;
const CAPTION: i32 = 34;
const ROW: i32 = 20;
const CELLS: i32 = 336;
/// Pixels of labels at the left of a panel, of the title above and of the numbers below it.
const LABELS: i32 = 150;
const TITLE: i32 = 26;
const AXIS: i32 = 40;
/// Pixels of the scale below the panels.
const SCALE: i32 = 56;
/// Characters that a label may take.
const LABEL: usize = 20;

/// What is drawn: a single case, or the averages of many.
#[derive(Clone, Copy, Debug)]
pub struct TracePlot<'a> {
    /// The traces.
    pub traces: &'a Traces,
    /// Their averages.
    pub summary: &'a Summary,
    /// One line above them.
    pub caption: &'a str,
}

impl TracePlot<'_> {
    /// Draws into `out`.
    ///
    /// # Errors
    /// Where the picture cannot be drawn or `out` does not take it.
    pub fn write(&self, format: PlotFormat, out: &mut dyn Write) -> io::Result<()> {
        let map = HeatMap::of(self.traces, self.summary);
        write_picture(&Drawing { map: &map, caption: self.caption }, format, out)
    }
}

struct Drawing<'a> {
    map: &'a HeatMap,
    caption: &'a str,
}

impl Picture for Drawing<'_> {
    fn size(&self) -> (u32, u32) {
        let rows = self.map.panels.iter().map(|panel| panel.labels.len()).max().unwrap_or(0);
        let panels = pixels(self.map.panels.len().max(1));
        let width = 2 * MARGIN + panels * (LABELS + CELLS + MARGIN);
        let height = 2 * MARGIN + CAPTION + TITLE + pixels(rows) * ROW + AXIS + SCALE;
        (width.unsigned_abs(), height.unsigned_abs())
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> DrawingResult<B> {
        area.fill(&WHITE)?;
        let caption = text::elide(self.caption, 90);
        area.draw(&Text::new(caption, (MARGIN, MARGIN), ("sans-serif", 20)))?;
        for (at, panel) in self.map.panels.iter().enumerate() {
            let left = MARGIN + pixels(at) * (LABELS + CELLS + MARGIN) + LABELS;
            draw_panel(panel, self.map.largest, (left, MARGIN + CAPTION + TITLE), area)?;
        }
        let (_, height) = self.size();
        draw_scale(self.map.largest, i32::try_from(height).unwrap_or(i32::MAX) - MARGIN - SCALE, area)?;
        area.present()
    }
}

/// One panel whose cells begin at `(left, top)`.
fn draw_panel<B: DrawingBackend>(
    panel: &Panel,
    largest: f64,
    (left, top): (i32, i32),
    area: &DrawingArea<B, Shift>,
) -> DrawingResult<B> {
    let layers = pixels(panel.values.ncols().max(1));
    let column = |layer: i32| left + layer * CELLS / layers;
    area.draw(&Text::new(text::elide(&panel.title, 62), (left - LABELS, top - TITLE), ("sans-serif", 14)))?;
    let right = ("sans-serif", 13).into_text_style(area).pos(Pos::new(HPos::Right, VPos::Center));
    let below = ("sans-serif", 12).into_text_style(area).pos(Pos::new(HPos::Center, VPos::Top));
    for (row, (label, values)) in panel.labels.iter().zip(panel.values.rows()).enumerate() {
        let y = top + pixels(row) * ROW;
        area.draw(&Text::new(text::elide(label.trim(), LABEL), (left - 6, y + ROW / 2), right.clone()))?;
        for (layer, &effect) in values.iter().enumerate() {
            let (from, to) = (column(pixels(layer)), column(pixels(layer) + 1));
            area.draw(&Rectangle::new([(from, y), (to, y + ROW)], colour(effect, largest).filled()))?;
        }
    }
    let bottom = top + pixels(panel.labels.len()) * ROW;
    area.draw(&Rectangle::new([(left, top), (left + CELLS, bottom)], BLACK.mix(0.5)))?;
    let step = usize::try_from(layers).map_or(1, |layers| layers.div_ceil(12));
    for layer in (0..panel.values.ncols()).step_by(step) {
        let middle = i32::midpoint(column(pixels(layer)), column(pixels(layer) + 1));
        area.draw(&Text::new(layer.to_string(), (middle, bottom + 4), below.clone()))?;
    }
    area.draw(&Text::new("layer", (left + CELLS / 2, bottom + 20), below))
}

/// The colours, and the effects at their ends.
fn draw_scale<B: DrawingBackend>(largest: f64, top: i32, area: &DrawingArea<B, Shift>) -> DrawingResult<B> {
    const STEPS: i32 = 64;
    for step in 0..STEPS {
        let from = MARGIN + step * 4;
        let effect = largest * f64::from(2 * step - STEPS) / f64::from(STEPS);
        area.draw(&Rectangle::new([(from, top), (from + 4, top + 14)], colour(effect, largest).filled()))?;
    }
    let centred = ("sans-serif", 12).into_text_style(area).pos(Pos::new(HPos::Center, VPos::Top));
    let end = MARGIN + STEPS * 4;
    for (x, value) in [(MARGIN + 14, -largest), (MARGIN + STEPS * 2, 0.0), (end - 14, largest)] {
        area.draw(&Text::new(significant(value, 2), (x, top + 17), centred.clone()))?;
    }
    let words =
        "indirect effect: probability of the answer that comes back   * the subject   grey: not a number";
    area.draw(&Text::new(words, (end + 16, top), ("sans-serif", 13)))
}

/// White at 0, blue to the largest effect, vermilion to its negative: colours that colour-blind readers tell apart.
fn colour(effect: f64, largest: f64) -> RGBColor {
    if effect.is_nan() {
        return RGBColor(153, 153, 153);
    }
    let share = if largest > 0.0 { (effect / largest).clamp(-1.0, 1.0) } else { 0.0 };
    let (red, green, blue) = if share < 0.0 { (213, 94, 0) } else { (0, 70, 140) };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it lies between 0 and 255")]
    let mixed = |end: u8| (255.0 - share.abs() * (255.0 - f64::from(end))).round() as u8;
    RGBColor(mixed(red), mixed(green), mixed(blue))
}

fn pixels(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX / 4096)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use ndarray::array;

    use super::*;

    fn drawn(format: PlotFormat) -> Vec<u8> {
        let panel = |title: &str| Panel {
            title: title.into(),
            labels: vec!["  0 <b>*".into(), "  1 is ".into()],
            values: array![[0.1, 0.9, f64::NAN], [-0.2, 0.0, 0.4]],
        };
        let map = HeatMap { panels: vec![panel("one"), panel("two")], largest: 0.9 };
        let mut out = Vec::new();
        write_picture(&Drawing { map: &map, caption: "Kolpisoft <i>" }, format, &mut out).unwrap();
        out
    }

    #[test]
    fn the_picture_has_labels_layers_and_a_scale_and_its_text_is_no_markup() {
        let svg = String::from_utf8(drawn(PlotFormat::Svg)).unwrap();
        for words in ["one", "two", "layer", "indirect effect", "0.90", "0 &lt;b&gt;*", "Kolpisoft &lt;i&gt;"]
        {
            assert!(svg.contains(words), "{words}: {svg}");
        }
        assert!(!svg.contains("<b>") && !svg.contains("<i>"));
        // Background, two panels of six cells and a frame, and the scale.
        assert_eq!(svg.matches("<rect").count(), 1 + 2 * 7 + 64);
    }

    #[test]
    fn the_same_effects_give_the_same_bytes_in_both_formats() {
        for format in [PlotFormat::Svg, PlotFormat::Png] {
            assert_eq!(drawn(format), drawn(format));
        }
        assert!(drawn(PlotFormat::Png).starts_with(b"\x89PNG\r\n\x1a\n"));
    }

    #[test]
    fn colours_go_from_vermilion_over_white_to_blue() {
        let found = [-1.0, 0.0, 1.0, 7.0, f64::NAN].map(|effect| colour(effect, 1.0));
        let [below, none, above, beyond, nan] = found;
        assert_eq!((none, above, beyond), (WHITE, RGBColor(0, 70, 140), above));
        assert_eq!((below, nan), (RGBColor(213, 94, 0), RGBColor(153, 153, 153)));
        assert_eq!(colour(1.0, 0.0), WHITE);
    }
}
