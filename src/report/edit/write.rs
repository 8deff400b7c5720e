//! One report, five formats.

use std::io::{self, Write};

use super::record::{Head, Record};
use super::{csv, sheet};
use crate::report::ledger::LineRecord;
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
        match format {
            Format::Table => sheet::sheet(self.outcome, page.top).write_terminal(page, out),
            Format::Markdown => sheet::sheet(self.outcome, page.top).write_markdown(out),
            Format::Json => json::write_document(&Record::from(self.outcome), out),
            Format::Jsonl => {
                json::write_part("summary", Head::from(self.outcome), out)?;
                self.outcome
                    .lines
                    .iter()
                    .try_for_each(|line| json::write_part("edit", LineRecord::from(line), out))
            }
            Format::Csv => csv::write(self.outcome, out),
        }
    }
}
