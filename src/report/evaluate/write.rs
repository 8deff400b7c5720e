//! One report, five formats.

use std::io::{self, Write};

use super::record::{CaseRecord, Head, Record};
use super::steps::StepRecord;
use super::task_record::TaskRecord;
use super::{csv, sheet};
use crate::evaluate::Evaluation;
use crate::report::parts::{self, Parts};
use crate::report::refused::RefusedRecord;
use crate::report::sheet::Sheet;
use crate::report::{Format, Page, json};

/// What `diagnose evaluate` has to show.
#[derive(Clone, Copy, Debug)]
pub struct EvaluateReport<'a> {
    /// What was found.
    pub evaluation: &'a Evaluation,
    /// Whether every prompt, text and item is shown too, where the format can.
    pub detail: bool,
}

impl EvaluateReport<'_> {
    /// Writes the report.
    ///
    /// JSON lines are a summary, then a line a case, a refused record and a task file (`record` is `case`, `refused`,
    /// `step` or `task`). CSV has a row a step of a ledger, else a row a case, those that were refused last; without cases a row a task file, and without those a row
    /// of the perplexity. A table and Markdown show all cases together and the worst of them.
    ///
    /// # Errors
    /// Where `out` does not take it.
    pub fn write(&self, format: Format, page: &Page, out: &mut dyn Write) -> io::Result<()> {
        parts::write(self, format, page, out)
    }
}

impl Parts for EvaluateReport<'_> {
    fn document(&self, out: &mut dyn Write) -> io::Result<()> {
        json::write_document(&Record::from(self), out)
    }

    fn rows(&self, out: &mut dyn Write) -> io::Result<()> {
        csv::write(self.evaluation, out)
    }

    fn sheet(&self, page: &Page) -> Sheet {
        sheet::sheet(self, page.top)
    }

    fn lines(&self, out: &mut dyn Write) -> io::Result<()> {
        json::write_part("summary", Head::from(self.evaluation), out)?;
        if let Some(cases) = &self.evaluation.cases {
            for row in CaseRecord::all(cases, self.detail) {
                json::write_part("case", row, out)?;
            }
            for refused in &cases.quality.refused {
                json::write_part("refused", RefusedRecord::from(refused), out)?;
            }
        }
        for step in self.evaluation.walk.iter().flat_map(|walk| &walk.steps) {
            json::write_part("step", StepRecord::from(step), out)?;
        }
        for task in &self.evaluation.tasks {
            json::write_part("task", TaskRecord::new(task, self.detail), out)?;
        }
        Ok(())
    }
}
