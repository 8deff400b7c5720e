//! One report, five formats.
//!
//! JSON lines are a summary without the cases, then one line a case. CSV has a row a case; what a refused case lacks is an
//! empty cell.

use std::io::{self, Write};

use super::record::{CaseRecord, Head, Record, status};
use super::sheet;
use crate::keys::{ScreenRefusal, ScreenRow, Screened, SubjectPosition};
use crate::report::escape::{as_io, plain};
use crate::report::parts::{self, Parts};
use crate::report::sheet::Sheet;
use crate::report::{Format, Page, json};

/// What `diagnose keys --screen` has to show.
#[derive(Clone, Copy, Debug)]
pub struct ScreenReport<'a> {
    /// The rows and what they add up to.
    pub screened: &'a Screened<'a>,
    /// The file of cases, as typed.
    pub cases: &'a str,
    /// The tokenizer's folder, as typed.
    pub model: &'a str,
    /// SHA-256 of its `tokenizer.json`.
    pub tokenizer_sha256: &'a str,
}

/// A header and the cell under it.
type Column = (&'static str, fn(&ScreenRow<'_>) -> Option<String>);

const COLUMNS: &[Column] = &[
    ("index", |row| Some(row.index.to_string())),
    ("case_id", |row| row.case_id.map(plain)),
    ("status", |row| Some(status(row).to_owned())),
    ("prompt", |row| row.prompt.map(plain)),
    ("subject", |row| row.subject.map(plain)),
    ("subject_tokens", |row| found(row, |at| at.subject_tokens.to_string())),
    ("subject_first_index", |row| found(row, |at| at.subject_first.to_string())),
    ("subject_last_index", |row| found(row, |at| at.subject_last.to_string())),
    ("first_token", |row| found(row, |at| at.first_token.to_string())),
    ("bos", |row| found(row, |at| at.bos.to_string())),
    ("at_risk", |row| found(row, |at| at.at_risk().to_string())),
    ("refused", |row| refusal(row, |refusal| refusal.kind.to_owned())),
    ("reason", |row| refusal(row, |refusal| plain(&refusal.reason))),
];

fn found(row: &ScreenRow<'_>, of: impl Fn(&SubjectPosition) -> String) -> Option<String> {
    row.found.as_ref().ok().map(of)
}

fn refusal(row: &ScreenRow<'_>, of: impl Fn(&ScreenRefusal) -> String) -> Option<String> {
    row.found.as_ref().err().map(of)
}

impl ScreenReport<'_> {
    /// Writes the report.
    ///
    /// # Errors
    /// Where `out` does not take it.
    pub fn write(&self, format: Format, page: &Page, out: &mut dyn Write) -> io::Result<()> {
        parts::write(self, format, page, out)
    }
}

impl Parts for ScreenReport<'_> {
    fn document(&self, out: &mut dyn Write) -> io::Result<()> {
        json::write_document(&Record::from(self), out)
    }

    fn sheet(&self, page: &Page) -> Sheet {
        sheet::sheet(self, page.top)
    }

    fn lines(&self, out: &mut dyn Write) -> io::Result<()> {
        json::write_part("summary", Head::from(self), out)?;
        let mut cases = self.screened.rows.iter().map(CaseRecord::from);
        cases.try_for_each(|content| json::write_part("case", content, out))
    }

    fn rows(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut file = csv::Writer::from_writer(out);
        file.write_record(COLUMNS.iter().map(|(header, _)| header)).map_err(as_io)?;
        for row in &self.screened.rows {
            let cells = COLUMNS.iter().map(|(_, cell)| cell(row).unwrap_or_default());
            file.write_record(cells).map_err(as_io)?;
        }
        file.flush()
    }
}
