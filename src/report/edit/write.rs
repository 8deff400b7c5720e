//! One report, five formats.

use std::io::{self, Write};

use super::record::{Head, Record};
use super::{csv, sheet};
use crate::report::ledger::LineRecord;
use crate::report::parts::{self, Parts};
use crate::report::sheet::Sheet;
use crate::report::{Format, Page, json};
use crate::sequence::Outcome;

/// What `diagnose edit` has to show.
#[derive(Clone, Copy, Debug)]
pub struct EditReport<'a> {
    /// The run and its steps.
    pub outcome: &'a Outcome,
}

impl EditReport<'_> {
    /// Writes the report.
    ///
    /// JSON lines are a summary without the edits, then a line a step. CSV has a row a case, refused ones among them in their
    /// order. A table or Markdown explains a single edit, and of many shows the largest.
    ///
    /// # Errors
    /// Where `out` does not take it.
    pub fn write(&self, format: Format, page: &Page, out: &mut dyn Write) -> io::Result<()> {
        parts::write(self, format, page, out)
    }
}

impl Parts for EditReport<'_> {
    fn document(&self, out: &mut dyn Write) -> io::Result<()> {
        json::write_document(&Record::from(self.outcome), out)
    }

    fn lines(&self, out: &mut dyn Write) -> io::Result<()> {
        json::write_part("summary", Head::from(self.outcome), out)?;
        self.outcome.lines.iter().try_for_each(|line| json::write_part("edit", LineRecord::from(line), out))
    }

    fn rows(&self, out: &mut dyn Write) -> io::Result<()> {
        csv::write(self.outcome, out)
    }

    fn sheet(&self, page: &Page) -> Sheet {
        sheet::sheet(self.outcome, page.top)
    }
}
