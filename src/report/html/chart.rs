//! Pictures in numbers and marks, as SVG that is part of a page.
//!
//! Text is text and colours are classes of the page's style, so that one picture serves light, dark and paper; shapes differ as
//! well as colours, and every mark says in words what it is. What has no place on an axis is counted in the description.

use std::fmt::Write as _;

use super::page::{Figure, Key};
use super::scale::Axis;
use crate::report::number::counted;
use crate::report::text::{self, SENTENCE_COLUMNS};

/// Extent of a picture, in the units of its text.
const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 340.0;
/// Room of labels around the marks.
const LEFT: f64 = 66.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 50.0;
/// Marks of a series that are drawn at most, and dots.
const MARKS: usize = 1000;
const DOTS: usize = 6000;

/// A colour of Okabe and Ito, by what it is for; the style has one shade of it for light and one for dark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) enum Hue {
    Grey,
    Blue,
    Green,
    Orange,
    Vermilion,
    Purple,
}

impl Hue {
    /// For things without a meaning of their own.
    pub(in crate::report) const NEUTRAL: [Self; 6] =
        [Self::Blue, Self::Vermilion, Self::Green, Self::Purple, Self::Orange, Self::Grey];

    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Grey => "grey",
            Self::Blue => "blue",
            Self::Green => "green",
            Self::Orange => "orange",
            Self::Vermilion => "vermilion",
            Self::Purple => "purple",
        }
    }
}

/// How a number is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) enum Shape {
    /// A small mark without words: for points of which there are thousands.
    Dot,
    Circle,
    Triangle,
    Cross,
    /// Points joined.
    Line,
    /// A bar from zero, almost a unit wide; or as wide as said.
    Bar,
    /// A line from one number to another with a mark between: an estimate and its interval.
    Interval,
}

/// A number in the plane.
#[derive(Clone, Debug)]
pub(in crate::report) struct Point {
    pub(in crate::report) x: f64,
    pub(in crate::report) y: f64,
    /// Ends of an interval, along x.
    pub(in crate::report) span: Option<(f64, f64)>,
    /// What it is; shown where a pointer rests on it.
    pub(in crate::report) words: String,
}

impl Point {
    pub(in crate::report) fn new(x: f64, y: f64, words: impl Into<String>) -> Self {
        Self { x, y, span: None, words: words.into() }
    }
}

/// Points of one kind.
#[derive(Clone, Debug)]
pub(in crate::report) struct Series {
    pub(in crate::report) name: String,
    pub(in crate::report) hue: Hue,
    pub(in crate::report) shape: Shape,
    pub(in crate::report) points: Vec<Point>,
}

/// A straight line to compare with.
#[derive(Clone, Debug)]
pub(in crate::report) struct Guide {
    /// Its ends in numbers.
    pub(in crate::report) from: (f64, f64),
    pub(in crate::report) to: (f64, f64),
    /// What it says, at its end.
    pub(in crate::report) words: String,
}

/// A region between two places along x.
#[derive(Clone, Debug)]
pub(in crate::report) struct Span {
    pub(in crate::report) from: f64,
    pub(in crate::report) to: f64,
    pub(in crate::report) hue: Hue,
    pub(in crate::report) words: String,
}

/// One picture.
#[derive(Clone, Debug)]
pub(in crate::report) struct Chart {
    pub(in crate::report) title: String,
    /// What is to be seen, for those who do not see it too.
    pub(in crate::report) description: String,
    pub(in crate::report) x: Axis,
    pub(in crate::report) y: Axis,
    pub(in crate::report) spans: Vec<Span>,
    pub(in crate::report) guides: Vec<Guide>,
    pub(in crate::report) series: Vec<Series>,
}

impl Chart {
    /// The picture, or nothing where no point has a place.
    pub(in crate::report) fn figure(self) -> Option<Figure> {
        let all: usize = self.series.iter().map(|series| series.points.len()).sum();
        let drawn: usize = self.series.iter().map(|series| self.placed(series).count()).sum();
        if drawn == 0 {
            return None;
        }
        let mut svg = String::new();
        self.spans(&mut svg);
        self.axes(&mut svg);
        self.guides(&mut svg);
        for series in &self.series {
            self.series(series, &mut svg);
        }
        self.guide_words(&mut svg);
        let mut description = self.description.clone();
        for series in &self.series {
            let more = self.placed(series).count().saturating_sub(most(series.shape));
            if more > 0 {
                let _ =
                    write!(description, " No room for {} of {}.", counted(more, "more point"), series.name);
            }
        }
        let missing = all - drawn;

        if missing > 0 {
            let _ = write!(
                description,
                " Not drawn: {}, not finite or with no place on the axis.",
                counted(missing, "point")
            );
        }
        Some(Figure {
            title: text::name(&self.title, SENTENCE_COLUMNS),
            description: text::name(&description, 4 * SENTENCE_COLUMNS),
            view_box: format!("0 0 {WIDTH} {HEIGHT}"),
            svg,
            keys: self.keys(),
        })
    }

    /// The same with one scale for both axes: distances in the picture are distances of the numbers.
    pub(in crate::report) fn one_scale(mut self) -> Self {
        let (across, up) = (WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM);
        let scale = (self.x.extent() / across).max(self.y.extent() / up);
        (self.x, self.y) = (self.x.widened(scale * across), self.y.widened(scale * up));
        self
    }

    /// What the colours and shapes mean, where there is more than one.
    fn keys(&self) -> Vec<Key> {
        let named =
            self.series.iter().filter(|series| !series.name.is_empty() && self.placed(series).count() > 0);
        let key = |series: &Series| Key {
            hue: series.hue,
            mark: sample(series.shape),
            words: text::name(&series.name, 80),
        };
        let mut keys: Vec<Key> = named.map(key).collect();
        for span in &self.spans {
            if keys.iter().all(|key| key.words != span.words) {
                let mark = "<rect class=\"span\" x=\"1\" y=\"1\" width=\"12\" height=\"12\"/>".to_owned();
                keys.push(Key { hue: span.hue, mark, words: span.words.clone() });
            }
        }
        keys
    }

    /// The points that have a place, with it.
    fn placed<'a>(&'a self, series: &'a Series) -> impl Iterator<Item = (&'a Point, f64, f64)> {
        let place = |point: &'a Point| Some((point, self.across(point.x)?, self.up(point.y)?));
        series.points.iter().filter_map(place).filter(|(_, x, y)| {
            (LEFT - 1.0..=WIDTH - RIGHT + 1.0).contains(x) && (TOP - 1.0..=HEIGHT - BOTTOM + 1.0).contains(y)
        })
    }

    fn across(&self, x: f64) -> Option<f64> {
        self.x.place(x).map(|place| LEFT + place * (WIDTH - LEFT - RIGHT))
    }

    fn up(&self, y: f64) -> Option<f64> {
        self.y.place(y).map(|place| HEIGHT - BOTTOM - place * (HEIGHT - TOP - BOTTOM))
    }

    fn axes(&self, svg: &mut String) {
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

    fn spans(&self, svg: &mut String) {
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

    fn guides(&self, svg: &mut String) {
        for (_, (x0, y0), (x1, y1)) in self.guide_ends() {
            let _ = write!(svg, "<path class=\"guide\" d=\"M{x0:.1} {y0:.1}L{x1:.1} {y1:.1}\"/>");
        }
    }

    /// What the guides say, over everything else: left of the right end, above the line, and below it at the upper edge.
    fn guide_words(&self, svg: &mut String) {
        for (guide, (x0, y0), (x1, y1)) in self.guide_ends().filter(|(guide, ..)| !guide.words.is_empty()) {
            let steep = (y1 - y0).abs() > 0.5 * (x1 - x0).abs();
            let x = x1 - if steep { 16.0 } else { 4.0 };
            let y = if y1 < TOP + 14.0 { y1 + 12.0 } else { y1 - 5.0 };
            let _ = write!(svg, "<text class=\"note\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"end\">");
            close_text(svg, &guide.words);
        }
    }

    fn series(&self, series: &Series, svg: &mut String) {
        let _ = write!(svg, "<g class=\"{}\">", series.hue.class());
        let placed = || self.placed(series).take(most(series.shape));
        if series.shape == Shape::Dot {
            let dots: String = placed().map(|(_, x, y)| format!("M{x:.1} {y:.1}h0")).collect();
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

/// Marks of a shape that are drawn at most: a dot takes a tenth of the bytes of a mark with words.
const fn most(shape: Shape) -> usize {
    match shape {
        Shape::Dot => DOTS,
        _ => MARKS,
    }
}

/// The part of a line that lies between the axes, from left to right; `None` where none does.
fn clipped(from: (f64, f64), to: (f64, f64)) -> Option<((f64, f64), (f64, f64))> {
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

fn mark(shape: Shape, x: f64, y: f64) -> String {
    match shape {
        Shape::Triangle => format!("<path class=\"mark\" d=\"M{x:.1} {:.1}l5 9h-10z\"/>", y - 6.0),
        Shape::Cross => format!("<path class=\"cross\" d=\"M{:.1} {:.1}l8 8m0 -8l-8 8\"/>", x - 4.0, y - 4.0),
        Shape::Line => format!("<circle class=\"mark\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2\"/>"),
        Shape::Dot | Shape::Circle | Shape::Bar | Shape::Interval => {
            format!("<circle class=\"mark\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/>")
        }
    }
}

/// The mark as a legend shows it, in a square of 14.
fn sample(shape: Shape) -> String {
    match shape {
        Shape::Line => "<path class=\"line\" d=\"M0 7h14\"/>".to_owned(),
        Shape::Dot => "<path class=\"dots\" d=\"M7 7h0\"/>".to_owned(),
        Shape::Bar => "<rect class=\"mark\" x=\"2\" y=\"2\" width=\"10\" height=\"10\"/>".to_owned(),
        Shape::Interval => "<path class=\"line\" d=\"M0 7h14\"/>".to_owned() + &mark(shape, 7.0, 7.0),
        shape => mark(shape, 7.0, 7.0),
    }
}

/// What a pointer shows, and what is read out.
pub(super) fn hover(svg: &mut String, words: &str) {
    if !words.is_empty() {
        svg.push_str("<title>");
        escape(svg, words);
        svg.push_str("</title>");
    }
}

/// The words of a text element, and its end.
pub(super) fn close_text(svg: &mut String, words: &str) {
    escape(svg, words);
    svg.push_str("</text>");
}

/// Text as HTML shows it: what would be acted upon becomes a character reference.
fn escape(svg: &mut String, words: &str) {
    for c in text::name(words, SENTENCE_COLUMNS).chars() {
        match c {
            '&' => svg.push_str("&amp;"),
            '<' => svg.push_str("&lt;"),
            '>' => svg.push_str("&gt;"),
            '"' => svg.push_str("&quot;"),
            '\'' => svg.push_str("&#39;"),
            c => svg.push(c),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::super::scale::Scale;
    use super::*;

    fn chart(points: Vec<Point>) -> Chart {
        Chart {
            title: "T".to_owned(),
            description: "D.".to_owned(),
            x: Axis::of("x", Scale::Log, points.iter().map(|point| point.x)),
            y: Axis::of("y", Scale::Log, points.iter().map(|point| point.y)),
            spans: Vec::new(),
            guides: Vec::new(),
            series: vec![Series { name: "s".to_owned(), hue: Hue::Blue, shape: Shape::Circle, points }],
        }
    }

    #[test]
    fn a_hostile_name_stays_text_in_a_picture() {
        let figure = chart(vec![Point::new(1.0, 2.0, "</title><script>\"'&\u{202e}")]).figure().unwrap();
        assert!(
            figure.svg.contains("<title>&lt;/title&gt;&lt;script&gt;&quot;&#39;&amp;\\u{202e}</title>"),
            "{}",
            figure.svg
        );
    }

    #[test]
    fn points_without_a_place_are_counted_and_a_picture_of_none_is_none() {
        let figure =
            chart(vec![Point::new(1.0, 2.0, "a"), Point::new(0.0, 1.0, "b"), Point::new(1.0, f64::NAN, "c")]);
        let figure = figure.figure().unwrap();
        assert_eq!(figure.svg.matches("<circle").count(), 1);
        assert!(
            figure.description.ends_with("Not drawn: 2 points, not finite or with no place on the axis.")
        );
        assert!(chart(vec![Point::new(-1.0, f64::INFINITY, "a")]).figure().is_none());
    }

    #[test]
    fn one_scale_makes_a_unit_as_long_upwards_as_across_and_loses_no_point() {
        let points = vec![Point::new(1.0, 1.0, ""), Point::new(10.0, 1e4, "")];
        let chart = chart(points).one_scale();
        let unit = |from: Option<f64>, to: Option<f64>| (to.unwrap() - from.unwrap()).abs();
        let across = unit(chart.across(1.0), chart.across(10.0));
        let up = unit(chart.up(1.0), chart.up(10.0));
        assert!((across - up).abs() < 1e-9, "{across} and {up}");
        assert!(chart.up(1e4).unwrap() >= TOP && chart.up(1.0).unwrap() <= HEIGHT - BOTTOM);
    }

    #[test]
    fn a_guide_is_cut_at_the_axes() {
        let (from, to) = clipped((LEFT - 100.0, TOP + 50.0), (WIDTH + 100.0, TOP + 50.0)).unwrap();
        assert_eq!((from, to), ((LEFT, TOP + 50.0), (WIDTH - RIGHT, TOP + 50.0)));
        assert_eq!(clipped((LEFT, TOP - 50.0), (WIDTH, TOP - 50.0)), None);
        assert_eq!(clipped((LEFT, HEIGHT + 10.0), (LEFT + 5.0, HEIGHT)), None);
    }
}
