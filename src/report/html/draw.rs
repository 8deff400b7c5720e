//! A chart as SVG: spans, axes, guides, marks, and what the guides say.

use std::fmt::Write as _;

use super::chart::{Chart, Guide, Point, Series, Shape};
use super::mark::{close_text, hover, mark, most};

/// Extent of a picture, in the units of its text.
pub(super) const WIDTH: f64 = 520.0;
pub(super) const HEIGHT: f64 = 340.0;
/// Room of labels around the marks.
pub(super) const LEFT: f64 = 66.0;
pub(super) const RIGHT: f64 = 16.0;
pub(super) const TOP: f64 = 12.0;
pub(super) const BOTTOM: f64 = 50.0;
impl Chart {
    /// The points that have a place, with it.
    pub(super) fn placed<'a>(&'a self, series: &'a Series) -> impl Iterator<Item = (&'a Point, f64, f64)> {
        let place = |point: &'a Point| Some((point, self.across(point.x)?, self.up(point.y)?));
        series.points.iter().filter_map(place).filter(|(_, x, y)| {
            (LEFT - 1.0..=WIDTH - RIGHT + 1.0).contains(x) && (TOP - 1.0..=HEIGHT - BOTTOM + 1.0).contains(y)
        })
    }

    pub(super) fn across(&self, x: f64) -> Option<f64> {
        self.x.place(x).map(|place| LEFT + place * (WIDTH - LEFT - RIGHT))
    }

    pub(super) fn up(&self, y: f64) -> Option<f64> {
        self.y.place(y).map(|place| HEIGHT - BOTTOM - place * (HEIGHT - TOP - BOTTOM))
    }

    pub(super) fn axes(&self, svg: &mut String) {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        for (x, word) in self.x.ticks() {
            let Some(x) = self.across(x) else { continue };
            let _ = write!(svg, "<path class=\"grid\" d=\"M{x:.1} {TOP}V{bottom}\"/>");
            let _ = write!(
                svg,
                "<text class=\"tick\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">",
                bottom + 16.0
            );
            close_text(svg, &word);
        }
        for (y, word) in self.y.ticks() {
            let Some(y) = self.up(y) else { continue };
            let _ = write!(svg, "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{right}\"/>");
            let _ = write!(
                svg,
                "<text class=\"tick\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">",
                LEFT - 6.0,
                y + 4.0
            );
            close_text(svg, &word);
        }
        let _ = write!(svg, "<path class=\"axis\" d=\"M{LEFT} {TOP}V{bottom}H{right}\"/>");
        let (middle, half) = (f64::midpoint(LEFT, right), f64::midpoint(TOP, bottom));
        let _ = write!(
            svg,
            "<text class=\"label\" x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">",
            HEIGHT - 10.0
        );
        close_text(svg, &self.x.label);
        let _ = write!(
            svg,
            "<text class=\"label\" transform=\"translate(14 {half}) rotate(-90)\" text-anchor=\"middle\">"
        );
        close_text(svg, &self.y.label);
    }

    pub(super) fn spans(&self, svg: &mut String) {
        for span in &self.spans {
            let Some((from, to)) = self.across(span.from).zip(self.across(span.to)) else { continue };
            let (from, to) = (from.max(LEFT), to.min(WIDTH - RIGHT));
            let (width, height) = ((to - from).max(0.0), HEIGHT - TOP - BOTTOM);
            let class = span.hue.class();
            let _ = write!(
                svg,
                "<g class=\"{class}\"><rect class=\"span\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{height}\">"
            );
            hover(svg, &span.words);
            svg.push_str("</rect></g>");
        }
    }

    /// The part of each guide that lies between the axes, from left to right.
    fn guide_ends(&self) -> impl Iterator<Item = (&Guide, (f64, f64), (f64, f64))> {
        let place = |(x, y): (f64, f64)| Some((self.across(x)?, self.up(y)?));
        self.guides.iter().filter_map(move |guide| {
            let (from, to) = clipped(place(guide.from)?, place(guide.to)?)?;
            Some((guide, from, to))
        })
    }

    pub(super) fn guides(&self, svg: &mut String) {
        for (_, (x0, y0), (x1, y1)) in self.guide_ends() {
            let _ = write!(svg, "<path class=\"guide\" d=\"M{x0:.1} {y0:.1}L{x1:.1} {y1:.1}\"/>");
        }
    }

    /// What the guides say, over everything else: left of the right end, above the line, and below it at the upper edge.
    pub(super) fn guide_words(&self, svg: &mut String) {
        for (guide, (x0, y0), (x1, y1)) in self.guide_ends().filter(|(guide, ..)| !guide.words.is_empty()) {
            let steep = (y1 - y0).abs() > 0.5 * (x1 - x0).abs();
            let x = x1 - if steep { 16.0 } else { 4.0 };
            let y = if y1 < TOP + 14.0 { y1 + 12.0 } else { y1 - 5.0 };
            let _ = write!(svg, "<text class=\"note\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"end\">");
            close_text(svg, &guide.words);
        }
    }

    pub(super) fn series(&self, series: &Series, svg: &mut String) {
        let _ = write!(svg, "<g class=\"{}\">", series.hue.class());
        let placed = || self.placed(series).take(most(series.shape));
        if series.shape == Shape::Dot {
            let mut dots = String::new();
            for (_, x, y) in placed() {
                let _ = write!(dots, "M{x:.1} {y:.1}h0");
            }
            let _ = write!(svg, "<path class=\"dots\" d=\"{dots}\"/></g>");
            return;
        }
        if series.shape == Shape::Line {
            let points: Vec<String> = placed().map(|(_, x, y)| format!("{x:.1},{y:.1}")).collect();
            let _ = write!(svg, "<polyline class=\"line\" points=\"{}\"/>", points.join(" "));
        }
        let zero = self.up(0.0).unwrap_or(HEIGHT - BOTTOM).clamp(TOP, HEIGHT - BOTTOM);
        for (point, x, y) in placed() {
            svg.push_str("<g>");
            hover(svg, &point.words);
            match series.shape {
                Shape::Bar => self.bar(point, x, y, zero, svg),
                Shape::Interval => self.interval(point, x, y, svg),
                shape => svg.push_str(&mark(shape, x, y)),
            }
            svg.push_str("</g>");
        }
        svg.push_str("</g>");
    }

    fn bar(&self, point: &Point, x: f64, y: f64, zero: f64, svg: &mut String) {
        let (from, to) = point.span.unwrap_or((point.x - 0.4, point.x + 0.4));
        let (from, to) = (self.across(from).unwrap_or(x), self.across(to).unwrap_or(x));
        let (top, height) = (y.min(zero), (y - zero).abs());
        let width = (to - from).max(1.0);
        let _ = write!(
            svg,
            "<rect class=\"mark\" x=\"{from:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
        );
    }

    fn interval(&self, point: &Point, x: f64, y: f64, svg: &mut String) {
        let ends = point.span.and_then(|(low, high)| self.across(low).zip(self.across(high)));
        if let Some((from, to)) = ends {
            let _ = write!(svg, "<path class=\"line\" d=\"M{from:.1} {y:.1}H{to:.1}\"/>");
        }
        svg.push_str(&mark(Shape::Circle, x, y));
    }
}

/// The part of a line that lies between the axes, from left to right; `None` where none does.
pub(super) fn clipped(from: (f64, f64), to: (f64, f64)) -> Option<((f64, f64), (f64, f64))> {
    let (from, to) = if from.0 <= to.0 { (from, to) } else { (to, from) };
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let mut range = (0.0_f64, 1.0_f64);
    let edges = [
        (-dx, from.0 - LEFT),
        (dx, WIDTH - RIGHT - from.0),
        (-dy, from.1 - TOP),
        (dy, HEIGHT - BOTTOM - from.1),
    ];
    for (slope, room) in edges {
        if slope == 0.0 && room < 0.0 {
            return None;
        }
        if slope < 0.0 {
            range.0 = range.0.max(room / slope);
        } else if slope > 0.0 {
            range.1 = range.1.min(room / slope);
        }
    }
    let at = |t: f64| (from.0 + t * dx, from.1 + t * dy);
    (range.0 < range.1).then(|| (at(range.0), at(range.1)))
}
