//! A report for people: said once, laid out for a terminal or for Markdown.
//!
//! ```text
//! headline   what was found, in one line
//! notes      a bullet for each thing to know about it
//! facts      a label and its value
//! grids      tables of numbers, each with a title
//! ```
//!
//! Every text may come from a file: control characters are escaped in both layouts, and Markdown in the second.

use std::io::{self, Write};

use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

use super::Page;
use super::escape::prose;
use super::paint::Tone;
use super::text::{self, SENTENCE_COLUMNS};

/// Columns that labels take, their gap included.
const LABEL: usize = 12;
/// The narrowest page that is laid out; a narrower terminal wraps by itself.
const NARROWEST: usize = 40;
/// The widest that sentences run.
const PROSE: usize = 110;
/// Columns that a cell of text may take.
const CELL: usize = 48;

/// The whole report.
#[derive(Debug)]
pub(super) struct Sheet {
    /// The command, for a heading.
    pub(super) command: &'static str,
    pub(super) tone: Tone,
    pub(super) headline: String,
    pub(super) notes: Vec<String>,
    pub(super) facts: Vec<(&'static str, String)>,
    pub(super) grids: Vec<Grid>,
}

/// One table; a grid without rows is left out.
#[derive(Debug)]
pub(super) struct Grid {
    pub(super) title: String,
    /// Headers; so many of them at the left hold text, the others numbers.
    pub(super) headers: Vec<&'static str>,
    pub(super) text_columns: usize,
    pub(super) rows: Vec<Vec<String>>,
}

impl Sheet {
    /// For a terminal; sentences are wrapped to the page.
    pub(super) fn write_terminal(&self, page: &Page, out: &mut dyn Write) -> io::Result<()> {
        let width = page.width.clamp(NARROWEST, PROSE);
        for line in text::wrap(&text::name(&self.headline, SENTENCE_COLUMNS), width) {
            writeln!(out, "{}", page.paint.paint(self.tone, &line))?;
        }
        for note in &self.notes {
            let lines = text::wrap(&text::name(note, SENTENCE_COLUMNS), width - 4);
            for (i, line) in lines.iter().enumerate() {
                writeln!(out, "{}{line}", if i == 0 { "  • " } else { "    " })?;
            }
        }
        if !self.facts.is_empty() {
            writeln!(out)?;
        }
        for (label, value) in &self.facts {
            for (i, line) in
                text::wrap(&text::name(value, SENTENCE_COLUMNS), width - LABEL).iter().enumerate()
            {
                let label = format!("{:LABEL$}", if i == 0 { label } else { "" });
                writeln!(out, "{}{line}", page.paint.paint(Tone::Faint, &label))?;
            }
        }
        for grid in self.grids.iter().filter(|grid| !grid.rows.is_empty()) {
            writeln!(out)?;
            for line in text::wrap(&grid.title, width) {
                writeln!(out, "{}", page.paint.paint(Tone::Strong, &line))?;
            }
            for line in grid.table(page).lines() {
                writeln!(out, "{}", line.trim_end())?;
            }
        }
        Ok(())
    }

    /// For a comment on a pull request.
    pub(super) fn write_markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        let mark = match self.tone {
            Tone::Warn => "⚠️ ",
            Tone::Bad => "❌ ",
            Tone::Good => "✅ ",
            Tone::Strong | Tone::Faint => "",
        };
        let sentence = |text: &str| prose(&text::name(text, SENTENCE_COLUMNS));
        writeln!(out, "### {mark}diagnose {} · {}\n", self.command, sentence(&self.headline))?;
        for note in &self.notes {
            writeln!(out, "- {}", sentence(note))?;
        }
        if !self.facts.is_empty() {
            let gap = if self.notes.is_empty() { "" } else { "\n" };
            writeln!(out, "{gap}| | |\n|:---|:---|")?;
        }
        for (label, value) in &self.facts {
            writeln!(out, "| {label} | {} |", sentence(value))?;
        }
        for grid in self.grids.iter().filter(|grid| !grid.rows.is_empty()) {
            writeln!(out, "\n**{}**\n", prose(&grid.title))?;
            grid.write_markdown(out)?;
        }
        Ok(())
    }
}

impl Grid {
    fn table(&self, page: &Page) -> Table {
        let mut table = Table::new();
        table.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')));
        // A page that is too narrow breaks cells, and no line is wider than it.
        let width = u16::try_from(page.width.max(NARROWEST)).unwrap_or(u16::MAX);
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        if page.paint.colour {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        table.set_header(self.headers.iter().map(|header| Cell::new(header).add_attribute(Attribute::Bold)));
        for row in &self.rows {
            table.add_row(row.iter().map(|cell| text::name(cell, CELL)));
        }
        for (i, column) in table.column_iter_mut().enumerate() {
            column.set_padding((u16::from(i > 0), 0));
            if i >= self.text_columns {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table
    }

    fn write_markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        let line = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
        writeln!(out, "{}", line(self.headers.iter().map(|header| prose(header)).collect()))?;
        let rule = |i| if i < self.text_columns { ":---" } else { "---:" };
        writeln!(out, "|{}|", (0..self.headers.len()).map(rule).collect::<Vec<_>>().join("|"))?;
        for row in &self.rows {
            writeln!(out, "{}", line(row.iter().map(|cell| prose(cell)).collect()))?;
        }
        Ok(())
    }
}
