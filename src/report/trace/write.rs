//! One report, five formats.

use std::io::{self, Write};
use std::path::Path;

use super::heat::HeatMap;
use super::record::{CaseRecord, Head, Record};
use super::{csv, sheet};
use crate::model::Architecture;
use crate::report::parts::{self, Parts};
use crate::report::refused::RefusedRecord;
use crate::report::sheet::Sheet;
use crate::report::{Format, Page, json};
use crate::trace::{Summary, Traces};

/// What `diagnose trace` has to show.
#[derive(Clone, Copy, Debug)]
pub struct TraceReport<'a> {
    /// The model, as typed.
    pub model: &'a Path,
    /// Its architecture.
    pub architecture: Architecture,
    /// The traces.
    pub traces: &'a Traces,
    /// Their averages.
    pub summary: &'a Summary,
}

impl TraceReport<'_> {
    /// Writes the report.
    ///
    /// JSON lines are a summary without the cases, then a line a case (`record` is `case` or `refused`). CSV has a row for each
    /// case, kind, position and layer. A table or Markdown shows a single case as a heat map, and of many the averages.
    ///
    /// # Errors
    /// Where `out` does not take it.
    pub fn write(&self, format: Format, page: &Page, out: &mut dyn Write) -> io::Result<()> {
        parts::write(self, format, page, out)
    }
}

impl Parts for TraceReport<'_> {
    fn document(&self, out: &mut dyn Write) -> io::Result<()> {
        json::write_document(&Record::from(self), out)
    }

    fn rows(&self, out: &mut dyn Write) -> io::Result<()> {
        csv::write(self.traces, out)
    }

    fn sheet(&self, page: &Page) -> Sheet {
        sheet::sheet(self, page.top)
    }

    fn terminal(&self, page: &Page, out: &mut dyn Write) -> io::Result<()> {
        self.sheet(page).write_terminal(page, out)?;
        HeatMap::of(self.traces, self.summary).write(page.width, out)
    }

    fn markdown(&self, page: &Page, out: &mut dyn Write) -> io::Result<()> {
        self.sheet(page).write_markdown(out)?;
        HeatMap::of(self.traces, self.summary).write_markdown(out)
    }

    fn lines(&self, out: &mut dyn Write) -> io::Result<()> {
        json::write_part("summary", Head::from(self), out)?;
        for case in &self.traces.cases {
            json::write_part("case", CaseRecord::from(case), out)?;
        }
        for refused in &self.traces.refused {
            json::write_part("refused", RefusedRecord::from(refused), out)?;
        }
        Ok(())
    }
}
