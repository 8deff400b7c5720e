//! One report in every format.

use std::io::{self, Write};

use super::record::{CaseRecord, Head, Record};
use super::{checks, csv, sheet};
use crate::keys::{Diagnosis, Projection};
use crate::report::checks::Check;
use crate::report::parts::{self, Parts};
use crate::report::refused::RefusedRecord;
use crate::report::sheet::Sheet;
use crate::report::{Format, Page, json};

/// What `diagnose keys` has to show.
#[derive(Clone, Copy, Debug)]
pub struct KeysReport<'a> {
    /// The cases and what they rest on.
    pub diagnosis: &'a Diagnosis,
    /// The keys in two dimensions, where they are to be shown.
    pub projection: Option<&'a Projection>,
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
        parts::write(self, format, page, out)
    }
}

impl Parts for KeysReport<'_> {
    fn document(&self, out: &mut dyn Write) -> io::Result<()> {
        json::write_document(&Record::from(self), out)
    }

    fn rows(&self, out: &mut dyn Write) -> io::Result<()> {
        csv::write(self.diagnosis, out)
    }

    fn sheet(&self, page: &Page) -> Sheet {
        sheet::sheet(self.diagnosis, page.top)
    }

    fn checks(&self) -> Vec<Check> {
        checks::checks(self.diagnosis)
    }

    fn lines(&self, out: &mut dyn Write) -> io::Result<()> {
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
