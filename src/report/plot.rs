//! Keys in the plane, drawn as SVG or PNG.
//!
//! The same drawing in both formats. Both axes have one scale, so that distances in the picture are distances of the
//! projection. Colours are those of Okabe and Ito, which colour-blind readers tell apart, and shapes differ as well.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Once;

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

use super::number::significant;
use crate::keys::{Level, Projected, Projection, ProjectionMethod, Role};

/// Extent of the picture in pixels.
const SIZE: (u32, u32) = (960, 720);
/// Pixels of caption, axes and their labels: what the points do not have.
const AROUND: (u32, u32) = (110, 130);
/// Room around the outermost points, as a share of the extent.
const MARGIN: f64 = 0.08;

pub(super) const GREY: RGBColor = RGBColor(153, 153, 153);
pub(super) const BLUE: RGBColor = RGBColor(0, 114, 178);
pub(super) const GREEN: RGBColor = RGBColor(0, 158, 115);
pub(super) const ORANGE: RGBColor = RGBColor(230, 159, 0);
pub(super) const VERMILION: RGBColor = RGBColor(213, 94, 0);

/// A format of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlotFormat {
    /// Scalable.
    Svg,
    /// Pixels.
    Png,
}

impl PlotFormat {
    /// The format that a file's extension asks for.
    pub fn of_path(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "svg" => Some(Self::Svg),
            "png" => Some(Self::Png),
            _ => None,
        }
    }
}

/// What is drawn.
#[derive(Clone, Copy, Debug)]
pub struct KeysPlot<'a> {
    /// The points.
    pub projection: &'a Projection,
    /// One line above them.
    pub caption: &'a str,
}

impl KeysPlot<'_> {
    /// Draws into `out`.
    ///
    /// # Errors
    /// Where the picture cannot be drawn or `out` does not take it.
    pub fn write(&self, format: PlotFormat, out: &mut dyn Write) -> io::Result<()> {
        write_picture(self, format, out)
    }
}

impl Picture for KeysPlot<'_> {
    fn size(&self) -> (u32, u32) {
        SIZE
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> DrawingResult<B> {
        chart(self, area)
    }
}

/// What can be drawn in every format.
pub(super) trait Picture {
    /// Its extent in pixels.
    fn size(&self) -> (u32, u32);
    /// Draws all of it.
    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> DrawingResult<B>;
}

/// Draws a picture into `out`.
pub(super) fn write_picture(
    picture: &impl Picture,
    format: PlotFormat,
    out: &mut dyn Write,
) -> io::Result<()> {
    register();
    match format {
        PlotFormat::Svg => {
            let mut text = String::new();
            draw(picture, &SVGBackend::with_string(&mut text, picture.size()).into_drawing_area())?;
            out.write_all(text.as_bytes())
        }
        PlotFormat::Png => {
            // The encoder writes to a file with this extension only.
            let file = tempfile::Builder::new().suffix(".png").tempfile()?;
            draw(picture, &BitMapBackend::new(file.path(), picture.size()).into_drawing_area())?;
            out.write_all(&std::fs::read(file.path())?)
        }
    }
}

/// Brings the font: pictures are the same on machines without any.
pub(super) fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // A font that is part of this program is a font.
        let _ = register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular());
    });
}

fn draw<B: DrawingBackend>(picture: &impl Picture, area: &DrawingArea<B, Shift>) -> io::Result<()> {
    picture.draw(area).map_err(|error| io::Error::other(format!("cannot draw the picture: {error}")))
}

/// What drawing gives.
pub(super) type DrawingResult<B> = Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

fn chart<B: DrawingBackend>(plot: &KeysPlot<'_>, area: &DrawingArea<B, Shift>) -> DrawingResult<B> {
    let (x, y) = ranges(&plot.projection.points);
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(area)
        .caption(plot.caption, ("sans-serif", 20))
        .margin(16)
        .x_label_area_size(44)
        .y_label_area_size(60)
        .build_cartesian_2d(x, y)?;
    let [x_label, y_label] = labels(plot.projection);
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(GREY.mix(0.25))
        .x_desc(x_label)
        .y_desc(y_label)
        .axis_desc_style(("sans-serif", 16))
        .label_style(("sans-serif", 13))
        .draw()?;
    for group in GROUPS {
        points(plot.projection, group, &mut chart)?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.85))
        .border_style(GREY)
        .label_font(("sans-serif", 15))
        .draw()?;
    area.present()
}

/// Points of one kind: what they are, colour, size, and the words of the legend.
struct Group {
    role: Role,
    colour: RGBColor,
    size: i32,
    words: &'static str,
}

const GROUPS: [Group; 5] = [
    Group { role: Role::Prefixed, colour: GREY, size: 4, words: "a key behind a prefix" },
    Group { role: Role::Mean, colour: BLUE, size: 7, words: "mean prefixed key" },
    Group { role: Role::Unprefixed(Level::Safe), colour: GREEN, size: 7, words: "unprefixed key: safe" },
    Group {
        role: Role::Unprefixed(Level::AtRisk),
        colour: ORANGE,
        size: 7,
        words: "unprefixed key: at risk",
    },
    Group {
        role: Role::Unprefixed(Level::Collapse),
        colour: VERMILION,
        size: 7,
        words: "unprefixed key: collapse",
    },
];

fn points<B: DrawingBackend>(
    projection: &Projection,
    Group { role, colour, size, words }: Group,
    chart: &mut ChartContext<'_, B, Cartesian2d<RangedCoordf64, RangedCoordf64>>,
) -> DrawingResult<B> {
    let own: Vec<(f64, f64)> =
        projection.points.iter().filter(|point| point.role == role).map(|point| (point.x, point.y)).collect();
    if own.is_empty() {
        return Ok(());
    }
    match role {
        Role::Prefixed => {
            let circles = own.into_iter().map(|at| Circle::new(at, size, colour.mix(0.7).filled()));
            chart
                .draw_series(circles)?
                .label(words)
                .legend(move |at| Circle::new(inward(at), size, colour.mix(0.7).filled()));
        }
        Role::Mean => {
            let crosses = own.into_iter().map(|at| Cross::new(at, size, colour.stroke_width(2)));
            chart
                .draw_series(crosses)?
                .label(words)
                .legend(move |at| Cross::new(inward(at), size, colour.stroke_width(2)));
        }
        Role::Unprefixed(_) => {
            let triangles = own.into_iter().map(|at| TriangleMarker::new(at, size + 1, colour.filled()));
            let series = chart.draw_series(triangles)?;
            series.label(words).legend(move |at| TriangleMarker::new(inward(at), size + 1, colour.filled()));
        }
    }
    Ok(())
}

/// A mark of the legend, away from its border.
pub(super) fn inward((x, y): (i32, i32)) -> (i32, i32) {
    (x + 10, y)
}

fn labels(projection: &Projection) -> [String; 2] {
    match (projection.method, projection.explained) {
        (ProjectionMethod::Pca, Some(explained)) => {
            let [first, second] = explained.map(|share| significant(100.0 * share, 3));
            [
                format!("first principal component ({first} % of the variance)"),
                format!("second principal component ({second} %)"),
            ]
        }
        _ => ["t-SNE (not reproducible; only neighbourhoods mean something)".into(), "t-SNE".into()],
    }
}

/// Both ranges, one scale for the two, wide enough for every point.
fn ranges(points: &[Projected]) -> (std::ops::Range<f64>, std::ops::Range<f64>) {
    let extent = |of: fn(&Projected) -> f64| {
        points
            .iter()
            .map(of)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)))
    };
    let ((left, right), (low, high)) = (extent(|point| point.x), extent(|point| point.y));
    let pixels = (f64::from(SIZE.0 - AROUND.0), f64::from(SIZE.1 - AROUND.1));
    let scale = ((right - left) / pixels.0).max((high - low) / pixels.1) * (1.0 + 2.0 * MARGIN);
    // All points on one: any scale shows it.
    let scale = if scale.is_finite() && scale > 0.0 { scale } else { 1.0 / pixels.1 };
    let around = |low: f64, high: f64, pixels: f64| {
        let (middle, half) = (f64::midpoint(low, high), scale * pixels / 2.0);
        middle - half..middle + half
    };
    (around(left, right, pixels.0), around(low, high, pixels.1))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    fn projection(method: ProjectionMethod) -> Projection {
        let point = |x, y, role| Projected { x, y, role };
        Projection {
            points: vec![
                point(0.0, 0.0, Role::Prefixed),
                point(1.0, 0.5, Role::Prefixed),
                point(0.5, 0.2, Role::Mean),
                point(9.0, -1.0, Role::Unprefixed(Level::Collapse)),
            ],
            method,
            explained: (method == ProjectionMethod::Pca).then_some([0.912, 0.05]),
            nonfinite: 0,
        }
    }

    fn drawn(projection: &Projection, format: PlotFormat) -> Vec<u8> {
        let mut out = Vec::new();
        KeysPlot { projection, caption: "Kolpisoft <b>" }.write(format, &mut out).unwrap();
        out
    }

    #[test]
    fn the_picture_says_what_its_points_and_axes_are() {
        let svg = String::from_utf8(drawn(&projection(ProjectionMethod::Pca), PlotFormat::Svg)).unwrap();
        for words in [
            "first principal component (91.2 % of the variance)",
            "mean prefixed key",
            "unprefixed key: collapse",
        ] {
            assert!(svg.contains(words), "{words}");
        }
        assert!(!svg.contains("unprefixed key: safe"), "a kind without points is not in the legend");
        assert!(!svg.contains("<b>"), "a caption is text and not markup");
        let tsne = String::from_utf8(drawn(&projection(ProjectionMethod::Tsne), PlotFormat::Svg)).unwrap();
        assert!(tsne.contains("not reproducible"));
    }

    #[test]
    fn the_same_points_give_the_same_bytes_in_both_formats() {
        let projection = projection(ProjectionMethod::Pca);
        for format in [PlotFormat::Svg, PlotFormat::Png] {
            assert_eq!(drawn(&projection, format), drawn(&projection, format));
        }
        assert!(drawn(&projection, PlotFormat::Png).starts_with(b"\x89PNG\r\n\x1a\n"));
    }

    #[test]
    fn every_point_is_inside_and_both_axes_have_one_scale() {
        let points = projection(ProjectionMethod::Pca).points;
        let (x, y) = ranges(&points);
        assert!(points.iter().all(|point| x.contains(&point.x) && y.contains(&point.y)));
        let [width, height] = [x.end - x.start, y.end - y.start];
        let pixels = f64::from(SIZE.0 - AROUND.0) / f64::from(SIZE.1 - AROUND.1);
        assert!((width / height / pixels - 1.0).abs() < 1e-12);
        let one = Projected { x: 2.0, y: 2.0, role: Role::Mean };
        assert!(ranges(&[one]).0.contains(&2.0));
    }

    #[test]
    fn the_extension_decides_the_format() {
        let of = |name: &str| PlotFormat::of_path(Path::new(name));
        assert_eq!(
            [of("a.svg"), of("b.PNG"), of("c.jpg"), of("d")],
            [Some(PlotFormat::Svg), Some(PlotFormat::Png), None, None]
        );
    }
}
