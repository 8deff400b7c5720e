//! One report in each of its formats.

use std::io::{self, Write};

use super::record::Record;
use super::{checks, csv, jsonl, markdown, table};
use crate::deltas::{Deltas, Histogram};
use crate::report::{Format, Paint, json, junit, parquet, sarif};

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
        match format {
            Format::Table => table::write(self, page, out),
            Format::Json => json::write_document(&Record::from(self), out),
            Format::Jsonl => jsonl::write(self, out),
            Format::Csv => csv::write(self.deltas, out),
            Format::Parquet => {
                let mut rows = Vec::new();
                csv::write(self.deltas, &mut rows)?;
                parquet::write(&rows, out)
            }
            Format::Markdown => markdown::write(self, page, out),
            Format::Junit => junit::write("deltas", &checks::checks(self.deltas), out),
            Format::Sarif => sarif::write(&checks::checks(self.deltas), out),
        }
    }
}
