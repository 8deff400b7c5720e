//! A row a case, in the order of the steps; of a case that was refused the reason.
//!
//! A value that is not there is an empty cell; a value that is not finite is `nan`, `inf` or `-inf`. The norms of a batch, and of a
//! method that edits several layers, are those of the whole step: root of the sum of squares over its layers.

use std::io::{self, Write};

use crate::reader::{DivisionLine, LedgerLine, RequestLine};
use crate::report::escape::{as_io, number, plain};
use crate::sequence::Outcome;

/// A header and the cell under it.
type Column = (&'static str, fn(&LedgerLine, &RequestLine) -> Option<String>);

const COLUMNS: &[Column] = &[
    ("step", |line, _| Some(line.index.to_string())),
    ("record", |_, request| Some(request.record.to_string())),
    ("case_id", |_, request| Some(plain(&request.case_id))),
    ("method", |line, _| Some(line.method.clone())),
    ("initial_norm", |_, request| request.value.initial_norm.map(number)),
    ("target_norm", |_, request| request.value.target_norm.map(number)),
    ("offset_norm", |_, request| request.value.offset_norm.map(number)),
    ("clamped", |_, request| Some(request.value.clamped.to_string())),
    ("passes", |_, request| Some(request.value.passes.len().to_string())),
    ("first_loss", |_, request| request.value.passes.first().map(|pass| number(pass.total))),
    ("last_loss", |_, request| request.value.passes.last().map(|pass| number(pass.total))),
    ("numerator_norm", |_, request| division(request, |division| division.numerator_norm)),
    ("unit_denominator", |_, request| division(request, |division| division.unit_denominator)),
    ("denominator", |_, request| division(request, |division| division.denominator)),
    ("consistent_unit_denominator", |_, request| {
        division(request, |division| division.consistent_unit_denominator)
    }),
    ("right_vector_norm", |_, request| division(request, |division| division.right_vector_norm)),
    ("update_norm", |line, _| Some(number(line.update_norm()))),
    ("stored_update_norm", |line, _| Some(number(line.stored_update_norm()))),
    ("relative_update", |line, _| Some(number(line.largest_relative_update()))),
    ("guard_level", |_, request| request.guard.as_ref().map(|guard| guard.level.clone())),
    ("guard_action", |_, request| request.guard.as_ref().map(|guard| guard.action.clone())),
];

/// The last column: why there are no numbers.
const REFUSED: &str = "refused";

pub(super) fn write(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let mut rows = csv::Writer::from_writer(out);
    rows.write_record(COLUMNS.iter().map(|(header, _)| *header).chain([REFUSED])).map_err(as_io)?;
    for line in &outcome.lines {
        for request in &line.requests {
            let cells = COLUMNS.iter().map(|(_, cell)| cell(line, request).unwrap_or_default());
            rows.write_record(cells.chain([String::new()])).map_err(as_io)?;
        }
        for refused in &line.refused {
            let name = refused.case_id.as_deref().map_or_else(String::new, plain);
            let named = [line.index.to_string(), refused.record.to_string(), name];
            let empty = COLUMNS.iter().skip(named.len()).map(|_| String::new());
            let cells = named.into_iter().chain(empty).chain([plain(&refused.reason)]);
            rows.write_record(cells).map_err(as_io)?;
        }
    }
    rows.flush()
}

fn division(request: &RequestLine, of: impl Fn(&DivisionLine) -> f64) -> Option<String> {
    request.division.as_ref().map(|division| number(of(division)))
}
