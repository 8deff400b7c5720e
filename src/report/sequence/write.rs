//! One report, every format.

use std::io::{self, Write};

use super::record::{Head, Record, RunRecord};
use super::{checks, csv, sheet};
use crate::report::checks::Check;
use crate::report::parts::{self, Parts};
use crate::report::sheet::Sheet;
use crate::report::{Format, Page, json};
use crate::sequence::analysis::{AnalysisPlan, RunAnalysis};

/// What `diagnose sequence` has to show.
#[derive(Clone, Copy, Debug)]
pub struct SequenceReport<'a> {
    /// The runs, in the order in which they were given.
    pub runs: &'a [RunAnalysis],
    /// What was asked for.
    pub plan: AnalysisPlan,
}

impl SequenceReport<'_> {
    /// Writes the report.
    ///
    /// JSON lines are a summary without the runs, then one line a run (`record` is `run`). CSV has a row a value of a series.
    ///
    /// # Errors
    /// Where `out` does not take it.
    pub fn write(&self, format: Format, page: &Page, out: &mut dyn Write) -> io::Result<()> {
        parts::write(self, format, page, out)
    }
}

impl Parts for SequenceReport<'_> {
    fn document(&self, out: &mut dyn Write) -> io::Result<()> {
        json::write_document(&Record::from(self), out)
    }

    fn rows(&self, out: &mut dyn Write) -> io::Result<()> {
        csv::write(self, out)
    }

    fn sheet(&self, page: &Page) -> Sheet {
        sheet::sheet(self, page.top)
    }

    fn checks(&self) -> Vec<Check> {
        checks::checks(self.runs)
    }

    fn lines(&self, out: &mut dyn Write) -> io::Result<()> {
        json::write_part("summary", Head::from(self), out)?;
        self.runs.iter().try_for_each(|run| json::write_part("run", RunRecord::from(run), out))
    }
}
