//! One report in each of its formats.

use std::io::{self, Write};

use super::record::Record;
use super::{checks, csv, jsonl, markdown, sheet, table};
use crate::deltas::{Deltas, Histogram};
use crate::report::checks::Check;
use crate::report::json;
use crate::report::parts::{self, Parts};
use crate::report::sheet::Sheet;
use crate::report::{Format, Paint};

/// What `diagnose deltas` has to show.
#[derive(Clone, Copy, Debug)]
pub struct DeltasReport<'a> {
    /// The comparison.
    pub deltas: &'a Deltas,
    /// The distribution of |Δ| of one tensor, where it was asked for.
    pub histogram: Option<&'a Histogram>,
}

/// The page that a format for people is laid out on.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Columns of the terminal.
    pub width: usize,
    /// Whether to colour.
    pub paint: Paint,
    /// Most changed tensors to show; the formats for programs have them all.
    pub top: usize,
}

impl DeltasReport<'_> {
    /// Writes the report.
    ///
    /// JSON and JSONL carry names exactly as they are in the files; the other formats escape what could disturb a
    /// terminal, a spreadsheet or a page.
    ///
    /// # Errors
    /// Where `out` does not take it.
    pub fn write(&self, format: Format, page: &Page, out: &mut dyn Write) -> io::Result<()> {
        parts::write(self, format, page, out)
    }
}

impl Parts for DeltasReport<'_> {
    fn document(&self, out: &mut dyn Write) -> io::Result<()> {
        json::write_document(&Record::from(self), out)
    }

    fn lines(&self, out: &mut dyn Write) -> io::Result<()> {
        jsonl::write(self, out)
    }

    fn rows(&self, out: &mut dyn Write) -> io::Result<()> {
        csv::write(self.deltas, out)
    }

    fn checks(&self) -> Vec<Check> {
        checks::checks(self.deltas)
    }

    fn sheet(&self, page: &Page) -> Sheet {
        sheet::sheet(self, page)
    }

    fn terminal(&self, page: &Page, out: &mut dyn Write) -> io::Result<()> {
        table::write(self, page, out)
    }

    fn markdown(&self, page: &Page, out: &mut dyn Write) -> io::Result<()> {
        markdown::write(self, page, out)
    }
}
