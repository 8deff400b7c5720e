//! A row a case; those that were refused come last, with their reason.
//!
//! A value that is not there is an empty cell; a value that is not finite is `nan`, `inf` or `-inf`. What belongs to the
//! whole run (model, contexts, second moment) is in the other formats.

use std::io::{self, Write};

use super::words;
use crate::keys::{CaseOutcome, Diagnosis, Fact};
use crate::report::escape::{as_io, number, plain};

/// A header and the cell under it.
type Column = (&'static str, fn(&CaseOutcome) -> Option<String>);

const COLUMNS: &[Column] = &[
    ("case_id", |c| Some(plain(&c.case_id))),
    ("level", |c| Some(words::risk_name(c.verdict.level).to_owned())),
    ("prompt", |c| fact(c, |f| plain(&f.prompt))),
    ("subject", |c| fact(c, |f| plain(&f.subject))),
    ("subject_tokens", |c| fact(c, |f| f.subject_tokens.to_string())),
    ("subject_first_index", |c| fact(c, |f| f.subject_first_index.to_string())),
    ("subject_last_index", |c| fact(c, |f| f.subject_last_index.to_string())),
    ("first_token", |c| fact(c, |f| f.first_token.to_string())),
    ("bos", |c| fact(c, |f| f.bos.to_string())),
    ("unprefixed_key_norm", |c| Some(number(c.fraction.unprefixed_key_norm))),
    ("mean_prefixed_key_norm", |c| Some(number(c.fraction.mean_prefixed_key_norm))),
    ("prefixed_key_spread", |c| c.fraction.prefixed_key_spread.map(number)),
    ("key_cosine", |c| Some(number(c.fraction.key_cosine))),
    ("key_distance", |c| Some(number(c.fraction.key_distance))),
    ("key_mahalanobis", |c| c.fraction.key_mahalanobis.map(number)),
    ("adjusted_key_norm", |c| Some(number(c.fraction.adjusted_key_norm))),
    ("denominator", |c| Some(number(c.fraction.denominator))),
    ("unit_denominator", |c| Some(number(c.fraction.unit_denominator))),
    ("consistent_denominator", |c| Some(number(c.fraction.consistent_denominator))),
    ("consistent_unit_denominator", |c| Some(number(c.fraction.consistent_unit_denominator))),
    ("denominator_ratio", |c| Some(number(c.fraction.denominator_ratio))),
    ("value_norm", |c| c.fraction.value_norm.map(number)),
    ("value_norm_ratio", |c| c.fraction.value_norm_ratio.map(number)),
    ("delta_norm_bound", |c| c.fraction.delta_norm_bound.map(number)),
    ("numerator_norm", |c| c.fraction.numerator_norm.map(number)),
    ("update_norm", |c| c.fraction.update_norm.map(number)),
    ("calibrated", |c| Some(c.verdict.calibration.calibrated.to_string())),
];

/// The last column: why there are no numbers.
const REFUSED: &str = "refused";

pub(super) fn write(diagnosis: &Diagnosis, out: &mut dyn Write) -> io::Result<()> {
    let mut rows = csv::Writer::from_writer(out);
    rows.write_record(COLUMNS.iter().map(|(header, _)| *header).chain([REFUSED])).map_err(as_io)?;
    for case in &diagnosis.scan.cases {
        let cells = COLUMNS.iter().map(|(_, cell)| cell(case).unwrap_or_default());
        rows.write_record(cells.chain([String::new()])).map_err(as_io)?;
    }
    for refused in &diagnosis.scan.refused {
        let name = refused.case_id.as_deref().map_or_else(|| format!("record {}", refused.index), plain);
        let empty = COLUMNS.iter().skip(1).map(|_| String::new());
        rows.write_record([name].into_iter().chain(empty).chain([plain(&refused.reason)])).map_err(as_io)?;
    }
    rows.flush()
}

fn fact(case: &CaseOutcome, of: impl Fn(&Fact) -> String) -> Option<String> {
    case.fact.as_ref().map(of)
}
