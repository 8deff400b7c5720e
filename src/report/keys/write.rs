//! One report, five formats.

use std::io::{self, Write};

use super::record::{CaseRecord, Head, Record};
use super::{csv, sheet};
use crate::keys::Diagnosis;
use crate::report::json;
use crate::report::refused::RefusedRecord;
use crate::report::{Format, Page};

/// What `diagnose keys` has to show.
#[derive(Clone, Copy, Debug)]
pub struct KeysReport<'a> {
    /// The cases and what they rest on.
    pub diagnosis: &'a Diagnosis,
}

impl KeysReport<'_> {
    /// Writes the report.
    ///
    /// JSON lines are a summary without the cases, then a line a case (`record` is `case` or `refused`). CSV has a row a
    /// case, those that were refused last. A table or Markdown explains a single case, and of many shows the worst.
    ///
    /// # Errors
    /// Where `out` does not take it.
    pub fn write(&self, format: Format, page: &Page, out: &mut dyn Write) -> io::Result<()> {
        match format {
            Format::Table => sheet::sheet(self.diagnosis, page.top).write_terminal(page, out),
            Format::Markdown => sheet::sheet(self.diagnosis, page.top).write_markdown(out),
            Format::Json => json::write_document(&Record::from(self.diagnosis), out),
            Format::Jsonl => self.write_lines(out),
            Format::Csv => csv::write(self.diagnosis, out),
        }
    }

    fn write_lines(self, out: &mut dyn Write) -> io::Result<()> {
        json::write_part("summary", Head::from(self.diagnosis), out)?;
        for case in &self.diagnosis.scan.cases {
            json::write_part("case", CaseRecord::from(case), out)?;
        }
        for refused in &self.diagnosis.scan.refused {
            json::write_part("refused", RefusedRecord::from(refused), out)?;
        }
        Ok(())
    }
}
