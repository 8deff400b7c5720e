//! What a report is made of, and the one place that makes each format of it.

use std::io::{self, Write};

use super::checks::Check;
use super::sheet::Sheet;
use super::{Format, Page, figures, html, junit, parquet, sarif};

/// A report in parts: a format for programs each, and the page for people.
pub(super) trait Parts {
    /// One strict JSON document.
    fn document(&self, out: &mut dyn Write) -> io::Result<()>;

    /// A summary, then a JSON document a line.
    fn lines(&self, out: &mut dyn Write) -> io::Result<()>;

    /// CSV with a header.
    fn rows(&self, out: &mut dyn Write) -> io::Result<()>;

    /// The page, of whose long tables only `page.top` rows are shown.
    fn sheet(&self, page: &Page) -> Sheet;

    /// The page on a terminal.
    fn terminal(&self, page: &Page, out: &mut dyn Write) -> io::Result<()> {
        self.sheet(page).write_terminal(page, out)
    }

    /// The page as Markdown.
    fn markdown(&self, page: &Page, out: &mut dyn Write) -> io::Result<()> {
        self.sheet(page).write_markdown(out)
    }

    /// What it holds for right or wrong; a report that judges nothing has none, and is not asked for its checks.
    fn checks(&self) -> Vec<Check> {
        Vec::new()
    }

    /// The page as HTML, with the pictures that belong to the record.
    fn html(&self, page: &Page, out: &mut dyn Write) -> io::Result<()> {
        let mut document = Vec::new();
        self.document(&mut document)?;
        html::write_sheet(&self.sheet(page), figures::of_document(&document), out)
    }
}

/// Writes a report in one format.
pub(super) fn write(report: &impl Parts, format: Format, page: &Page, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Table => report.terminal(page, out),
        Format::Markdown => report.markdown(page, out),
        Format::Json => report.document(out),
        Format::Jsonl => report.lines(out),
        Format::Csv => report.rows(out),
        Format::Junit => junit::write(report.sheet(page).command, &report.checks(), out),
        Format::Sarif => sarif::write(&report.checks(), out),
        Format::Parquet => {
            let mut rows = Vec::new();
            report.rows(&mut rows)?;
            parquet::write(&rows, out)
        }
        Format::Html => report.html(page, out),
    }
}

/// Writes a report that has no rows: JSON, Markdown, HTML, or the page.
pub(super) fn write_short(
    document: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    sheet: &Sheet,
    format: Format,
    page: &Page,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        Format::Json => document(out),
        Format::Markdown => sheet.write_markdown(out),
        Format::Html => html::write_sheet(sheet, Vec::new(), out),
        _ => sheet.write_terminal(page, out),
    }
}
