//! Pictures in numbers and marks, as SVG that is part of a page.
//!
//! Text is text and colours are classes of the page's style, so that one picture serves light, dark and paper; shapes differ as
//! well as colours, and every mark says in words what it is. What has no place on an axis is counted in the description.

use std::fmt::Write as _;

use super::draw::{BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH};
use super::mark::{most, sample};
use super::page::{Figure, Key};
use super::scale::Axis;
use crate::report::number::counted;
use crate::report::text::{self, SENTENCE_COLUMNS};

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
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::super::draw::clipped;
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
