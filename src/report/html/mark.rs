//! One mark of a picture, and the words in it: what would be acted upon is escaped.

use super::chart::Shape;
use crate::report::text::{self, SENTENCE_COLUMNS};

/// Marks of a series that are drawn at most, and dots.
const MARKS: usize = 1000;
const DOTS: usize = 6000;

/// Marks of a shape that are drawn at most: a dot takes a tenth of the bytes of a mark with words.
pub(super) const fn most(shape: Shape) -> usize {
    match shape {
        Shape::Dot => DOTS,
        _ => MARKS,
    }
}

pub(super) fn mark(shape: Shape, x: f64, y: f64) -> String {
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
pub(super) fn sample(shape: Shape) -> String {
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
