//! A row for each case, kind, position and layer; those that were refused come last, with their reason.
//!
//! A value that is not finite is `nan`, `inf` or `-inf`. What belongs to the whole run (model, noise, averages) is in the
//! other formats.

use std::io::{self, Write};

use crate::report::escape::{as_io, number, plain};
use crate::trace::{CaseTrace, Traces};

const HEADERS: [&str; 13] = [
    "case_id",
    "subject",
    "answer",
    "clean_probability",
    "corrupted_probability",
    "kind",
    "position",
    "token",
    "in_subject",
    "layer",
    "restored_probability",
    "indirect_effect",
    "reason",
];

pub(super) fn write(traces: &Traces, out: &mut dyn Write) -> io::Result<()> {
    let mut file = csv::Writer::from_writer(out);
    file.write_record(HEADERS).map_err(as_io)?;
    for case in &traces.cases {
        cells(case, &mut file).map_err(as_io)?;
    }
    for refused in &traces.refused {
        let mut row = vec![String::new(); HEADERS.len()];
        if let [first, .., last] = row.as_mut_slice() {
            *first = plain(refused.case_id.as_deref().unwrap_or_default());
            *last = plain(&refused.reason);
        }
        file.write_record(row).map_err(as_io)?;
    }
    file.flush()
}

fn cells(case: &CaseTrace, file: &mut csv::Writer<&mut dyn Write>) -> csv::Result<()> {
    for kind in &case.kinds {
        for (((position, layer), &restored), &effect) in kind.restored.indexed_iter().zip(&kind.effect) {
            file.write_record([
                plain(&case.case_id),
                plain(&case.subject),
                plain(&case.answer.text),
                number(case.clean),
                number(case.corrupted),
                kind.kind.name().to_owned(),
                position.to_string(),
                plain(case.tokens.get(position).map_or("", |token| &token.text)),
                case.subject_range.contains(&position).to_string(),
                layer.to_string(),
                number(restored),
                number(effect),
                String::new(),
            ])?;
        }
    }
    Ok(())
}
