//! A field of numbers as shades of one colour, from nothing to the largest.

use std::fmt::Write as _;

use super::mark::{close_text, hover};
use super::page::Figure;
use crate::report::number::significant;
use crate::report::text::{self, SENTENCE_COLUMNS};

const WIDTH: f64 = 520.0;
const LEFT: f64 = 120.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 48.0;
/// Characters of a row's name.
const NAME: usize = 17;
/// Rows and columns that are drawn at most.
const CELLS: usize = 128;

/// Numbers by row and column.
#[derive(Clone, Debug)]
pub(in crate::report) struct HeatMap {
    pub(in crate::report) title: String,
    pub(in crate::report) description: String,
    /// What the columns are.
    pub(in crate::report) columns: String,
    /// Each row with its name; the first is at the top.
    pub(in crate::report) rows: Vec<(String, Vec<f64>)>,
    /// The number of the darkest shade: one for pictures that are compared.
    pub(in crate::report) most: f64,
}

impl HeatMap {
    /// The picture, or nothing where the darkest shade is of no positive number. What is negative or none has no shade.
    pub(in crate::report) fn figure(self) -> Option<Figure> {
        let most = self.most;

        let columns = self.rows.iter().map(|(_, row)| row.len()).max().unwrap_or(0).min(CELLS);
        if !(most > 0.0 && most.is_finite()) || columns == 0 {
            return None;
        }
        let rows = self.rows.len().min(CELLS);
        let cell = ((WIDTH - LEFT - RIGHT) / columns as f64, 20.0_f64);
        let height = TOP + cell.1 * rows as f64 + BOTTOM;
        let mut svg = String::from("<g class=\"blue\">");
        for (i, (name, row)) in self.rows.iter().take(CELLS).enumerate() {
            let y = TOP + cell.1 * i as f64;
            for (j, x) in row.iter().take(CELLS).enumerate() {
                shade(&mut svg, (LEFT + cell.0 * j as f64, y), cell, (*x, most), &format!("{name}, {j}"));
            }
        }
        svg.push_str("</g>");
        self.labels(&mut svg, cell, (rows, columns), height);
        Some(Figure {
            title: text::name(&self.title, SENTENCE_COLUMNS),
            description: text::name(&self.description, 4 * SENTENCE_COLUMNS)
                + &format!(" The darkest shade is {}.", significant(most, 3)),
            view_box: format!("0 0 {WIDTH} {height:.0}"),
            svg,
            keys: Vec::new(),
        })
    }

    fn labels(&self, svg: &mut String, cell: (f64, f64), (rows, columns): (usize, usize), height: f64) {
        for (i, (name, _)) in self.rows.iter().take(rows).enumerate() {
            let y = TOP + cell.1 * (i as f64 + 0.5) + 4.0;
            let _ =
                write!(svg, "<text class=\"tick\" x=\"{}\" y=\"{y:.1}\" text-anchor=\"end\">", LEFT - 6.0);
            close_text(svg, &text::name(name, NAME));
        }
        for j in (0..columns).step_by(columns.div_ceil(12)) {
            let x = LEFT + cell.0 * (j as f64 + 0.5);
            let _ = write!(
                svg,
                "<text class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{j}</text>",
                height - BOTTOM + 16.0
            );
        }
        let middle = f64::midpoint(LEFT, WIDTH - RIGHT);
        let _ = write!(
            svg,
            "<text class=\"label\" x=\"{middle}\" y=\"{:.1}\" text-anchor=\"middle\">",
            height - 10.0
        );
        close_text(svg, &self.columns);
    }
}

fn shade(
    svg: &mut String,
    (x, y): (f64, f64),
    (width, height): (f64, f64),
    (number, most): (f64, f64),
    place: &str,
) {
    let opacity = if number.is_finite() { (number / most).clamp(0.0, 1.0) } else { 0.0 };
    let _ = write!(
        svg,
        "<rect class=\"shade\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill-opacity=\"{opacity:.2}\">"
    );
    hover(svg, &format!("{place}: {}", significant(number, 3)));
    svg.push_str("</rect>");
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    #[test]
    fn the_largest_number_is_the_darkest_and_none_has_no_shade() {
        let map = |rows: Vec<(String, Vec<f64>)>, most: f64| HeatMap {
            title: "T".to_owned(),
            description: "D.".to_owned(),
            columns: "layer".to_owned(),
            rows,
            most,
        };
        let figure = map(vec![("<a>".to_owned(), vec![0.5, 2.0, f64::NAN, -1.0])], 2.0).figure().unwrap();
        let shades: Vec<&str> = figure.svg.split("fill-opacity=\"").skip(1).map(|rest| &rest[..4]).collect();
        assert_eq!(shades, ["0.25", "1.00", "0.00", "0.00"]);
        assert!(figure.svg.contains("&lt;a&gt;, 2: nan"), "{}", figure.svg);
        assert!(figure.description.ends_with("The darkest shade is 2.00."));
        for most in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(map(vec![("a".to_owned(), vec![1.0])], most).figure().is_none());
        }
    }
}
