//! How claims are held against numbers, and the plain shapes that experiments are put together from.
//!
//! Each claim has a rule of two bounds: one within which a finding agrees, a wider one within which it agrees in kind. The rule is
//! said with the finding, so that a reader can judge it too.

use super::{Agreement, Axis, Cell, Claim, Experiment, Figure, Mark, Paper, Series, Status, Table};
use crate::stats;
use crate::tensor::figure;

/// A model whose perplexity is so many times that of the unedited one has collapsed.
///
/// On the models measured so far collapsed ones start at 29 times, and edits that worked end at 1.6 times.
pub(super) const COLLAPSED: f64 = 5.0;

/// Whether a perplexity is that of a collapsed model; one that is no number is.
pub(super) fn collapsed(perplexity: f64, base: f64) -> bool {
    perplexity.is_nan() || perplexity >= COLLAPSED * base
}

/// Those of some perplexities that are of collapsed models.
pub(super) fn count_collapsed(perplexities: &[f64], base: f64) -> usize {
    perplexities.iter().filter(|perplexity| collapsed(**perplexity, base)).count()
}

/// How far a rule is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Met {
    Fully,
    InKind,
    Not,
}

/// Full agreement, or agreement in kind, or neither.
pub(super) fn met(agrees: bool, in_kind: bool) -> Met {
    match (agrees, in_kind) {
        (true, _) => Met::Fully,
        (false, true) => Met::InKind,
        (false, false) => Met::Not,
    }
}

/// A claim with what was found; `why` is what is known where it differs.
pub(super) fn claim(
    statement: &'static str,
    published: &'static str,
    found: String,
    met: Met,
    why: impl Into<String>,
) -> Claim {
    let agreement = match met {
        Met::Fully => Agreement::Agrees,
        Met::InKind => Agreement::InKind,
        Met::Not => Agreement::Differs(why.into()),
    };
    Claim { statement, published, found, agreement }
}

/// An experiment that was run, still empty.
pub(super) fn experiment(paper: Paper, id: &'static str, title: &'static str) -> Experiment {
    Experiment {
        paper,
        id,
        title,
        status: Status::Done,
        tables: Vec::new(),
        figures: Vec::new(),
        claims: Vec::new(),
    }
}

/// One that was not.
pub(super) fn not_run(
    paper: Paper,
    id: &'static str,
    title: &'static str,
    why: impl Into<String>,
) -> Experiment {
    Experiment { status: Status::NotRun(why.into()), ..experiment(paper, id, title) }
}

/// A table.
pub(super) fn table(title: &str, columns: &[&str], rows: Vec<Vec<Cell>>) -> Table {
    Table {
        title: title.to_owned(),
        columns: columns.iter().map(|column| (*column).to_owned()).collect(),
        rows,
    }
}

/// Words in a cell.
pub(super) fn text(words: impl Into<String>) -> Cell {
    Cell::Text(words.into())
}

/// A number in a cell; nothing where it is NaN.
pub(super) fn number(value: f64) -> Cell {
    if value.is_nan() { Cell::Missing } else { Cell::Number(value) }
}

/// A picture.
pub(super) fn picture(
    name: &'static str,
    caption: String,
    [x, y]: [(&str, bool); 2],
    series: Vec<Series>,
) -> Figure {
    let axis = |(label, log): (&str, bool)| Axis { label: label.to_owned(), log };
    Figure { name, caption, x: axis(x), y: axis(y), series }
}

/// Points of one kind.
pub(super) fn series(name: impl Into<String>, mark: Mark, points: Vec<(f64, f64)>) -> Series {
    Series { name: name.into(), mark, points }
}

/// The median; NaN of nothing.
pub(super) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// A quantile; NaN of nothing.
pub(super) fn quantile(values: &[f64], q: f64) -> f64 {
    stats::quantile(values, q).unwrap_or(f64::NAN)
}

/// The mean of what was measured: NaN stands for what was not, and is left out.
pub(super) fn mean_measured(values: &[f64]) -> f64 {
    let measured: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    stats::mean(&measured).unwrap_or(f64::NAN)
}

/// Mean, median, least and largest, as cells.
pub(super) fn spread(values: &[f64]) -> [Cell; 4] {
    let mean = stats::mean(values).unwrap_or(f64::NAN);
    [mean, median(values), quantile(values, 0.0), quantile(values, 1.0)].map(Cell::Number)
}

/// A number in a sentence.
pub(super) fn say(value: f64) -> String {
    if value.is_nan() { "not measured".to_owned() } else { figure(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_perplexity_that_is_no_number_is_that_of_a_collapsed_model() {
        let found = [2.7, 13.4, 13.5, f64::INFINITY, f64::NAN].map(|perplexity| collapsed(perplexity, 2.7));
        assert_eq!(found, [false, false, true, true, true]);
    }

    #[test]
    fn a_claim_differs_with_its_reason_and_only_then() {
        let of = |agrees, in_kind| claim("", "", String::new(), met(agrees, in_kind), "why").agreement;
        assert_eq!([of(true, false), of(true, true)], [Agreement::Agrees, Agreement::Agrees]);
        assert_eq!(
            [of(false, true), of(false, false)],
            [Agreement::InKind, Agreement::Differs("why".into())]
        );
    }

    #[test]
    fn what_was_not_measured_is_left_out_of_a_mean_and_an_empty_one_is_said() {
        assert_eq!(mean_measured(&[1.0, f64::NAN, 2.0]), 1.5);
        assert_eq!(say(mean_measured(&[f64::NAN])), "not measured");
    }
}
