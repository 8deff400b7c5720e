//! One report in every format.

use std::io::{self, Write};

use super::record::{Head, Record, RowRecord};
use super::{benchmark, csv, sheet, words};
use crate::regress::{Comparison, Direction, Metrics, Row, Rules, Status};
use crate::report::checks::{Check, Outcome, Rule};
use crate::report::parts::{self, Parts};
use crate::report::sheet::Sheet;
use crate::report::{Format, Page, json};

/// What `diagnose regress` has to show.
#[derive(Clone, Copy, Debug)]
pub struct RegressReport<'a> {
    /// The measurement before.
    pub baseline: &'a Metrics,
    /// The measurement now.
    pub current: &'a Metrics,
    /// What came of it.
    pub comparison: &'a Comparison,
    /// What it was judged by.
    pub rules: &'a Rules,
}

impl RegressReport<'_> {
    /// Writes the report.
    ///
    /// JSON lines are a summary without the rows, then a line a metric (`record` is `row`). CSV has a row a metric. Markdown
    /// stays below 60,000 bytes, what GitHub takes in a comment less some room: rows that pass are left out first, and
    /// counted. `JUnit` has a case a metric, SARIF a result for each that does not pass.
    ///
    /// # Errors
    /// Where `out` does not take it.
    pub fn write(&self, format: Format, page: &Page, out: &mut dyn Write) -> io::Result<()> {
        parts::write(self, format, page, out)
    }

    /// Writes the current values of the metrics of one direction as github-action-benchmark reads them.
    ///
    /// # Errors
    /// Where `out` does not take it.
    pub fn write_benchmark(&self, direction: Direction, out: &mut dyn Write) -> io::Result<()> {
        benchmark::write(self.comparison, direction, out)
    }

    /// A sentence for each metric that fails: regressed, or missing where that is not allowed.
    pub fn failed(&self) -> Vec<String> {
        let failed = self.comparison.rows.iter().filter(|row| self.outcome(row) == Outcome::Failed);
        failed.map(|row| format!("check failed: {}: {}", row.metric, words::reason(row))).collect()
    }

    fn outcome(&self, row: &Row) -> Outcome {
        match row.status {
            Status::Missing if self.rules.allow_missing => Outcome::Skipped,
            Status::Regressed | Status::Missing => Outcome::Failed,
            Status::Improved | Status::Ok | Status::New => Outcome::Passed,
        }
    }
}

impl Parts for RegressReport<'_> {
    fn document(&self, out: &mut dyn Write) -> io::Result<()> {
        json::write_document(&Record::from(self), out)
    }

    fn rows(&self, out: &mut dyn Write) -> io::Result<()> {
        csv::write(self.comparison, out)
    }

    fn sheet(&self, _page: &Page) -> Sheet {
        sheet::sheet(self, &sheet::Shown::default())
    }

    fn markdown(&self, _page: &Page, out: &mut dyn Write) -> io::Result<()> {
        sheet::markdown(self, out)
    }

    fn lines(&self, out: &mut dyn Write) -> io::Result<()> {
        json::write_part("summary", Head::from(self), out)?;
        for row in &self.comparison.rows {
            json::write_part("row", RowRecord::from(row), out)?;
        }
        Ok(())
    }

    fn checks(&self) -> Vec<Check> {
        let check = |row: &Row| Check {
            name: row.metric.clone(),
            rule: match row.status {
                Status::Missing => Rule {
                    id: "regress/missing",
                    asks: "a metric that was measured before is measured again",
                },
                _ => Rule {
                    id: "regress/regressed",
                    asks: "no metric is worse than before by more than is allowed",
                },
            },
            outcome: self.outcome(row),
            message: words::reason(row),
            file: self.current.path.clone(),
        };
        self.comparison.rows.iter().map(check).collect()
    }
}
