//! One report, five formats.

use std::io::{self, Write};
use std::path::PathBuf;

use super::record::{GroupRecord, Head, Record};
use super::{csv, sheet};
use crate::correlate::{Correlations, Plan};
use crate::report::parts::{self, Parts};
use crate::report::sheet::Sheet;
use crate::report::{Format, Page, json};

/// What `diagnose correlate` has to show.
#[derive(Clone, Copy, Debug)]
pub struct CorrelateReport<'a> {
    /// The tables, as typed.
    pub tables: &'a [PathBuf],
    /// How they were compared.
    pub plan: &'a Plan<'a>,
    /// What was found.
    pub correlations: &'a Correlations,
}

impl CorrelateReport<'_> {
    /// Writes the report.
    ///
    /// JSON lines are a summary without the groups, then one line a group (`record` is `group`). CSV has a row a pair.
    ///
    /// # Errors
    /// Where `out` does not take it.
    pub fn write(&self, format: Format, page: &Page, out: &mut dyn Write) -> io::Result<()> {
        parts::write(self, format, page, out)
    }
}

impl Parts for CorrelateReport<'_> {
    fn document(&self, out: &mut dyn Write) -> io::Result<()> {
        json::write_document(&Record::from(self), out)
    }

    fn rows(&self, out: &mut dyn Write) -> io::Result<()> {
        csv::write(self, out)
    }

    fn sheet(&self, page: &Page) -> Sheet {
        sheet::sheet(self, page.top)
    }

    fn lines(&self, out: &mut dyn Write) -> io::Result<()> {
        json::write_part("summary", Head::from(self), out)?;
        let group = |group| json::write_part("group", GroupRecord::new(group, self), out);
        self.correlations.groups.iter().try_for_each(group)
    }
}
