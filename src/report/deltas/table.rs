//! The report for a person at a terminal: the verdict first, then why, then the numbers.
//!
//! ```text
//! headline        verdict in one line, then a bullet for each reason
//! expectations    ✓ or ✗, what was asked for, what was found; left out where there are none
//! facts           a label of 12 columns and its value
//! table           the most changed tensors, as many as `--top`; why spectra are missing; what is not shown
//! histogram       where it was asked for
//! ```
//!
//! Sentences run to 110 columns at most; the table takes the page's width. Every text from a file goes
//! through [`Printable`], so that a name cannot move the cursor or colour the page.

use std::io::{self, Write};

use comfy_table::{Attribute, Cell, CellAlignment, LineStyle, Table, TableStyle};

use super::ranking::{self, GAP, Layout};
use super::write::{DeltasReport, Page};
use super::{histogram, overview, words};
use crate::deltas::{Deltas, SpectrumOutcome, TensorDelta};
use crate::report::number::counted;
use crate::report::paint::Tone;
use crate::report::text::{self, SENTENCE_COLUMNS};
use crate::tensor::Printable;

/// Columns that labels take, their gap included.
const LABEL: usize = 12;
/// The narrowest page that is laid out; a narrower terminal wraps by itself.
const NARROWEST: usize = 40;
/// The widest that sentences run, and bars: only the table of tensors gains from more.
const PROSE: usize = 110;

/// Writes the report; no line of it is wider than the page.
pub(super) fn write(report: &DeltasReport<'_>, page: &Page, out: &mut dyn Write) -> io::Result<()> {
    let page = &Page { width: page.width.max(NARROWEST), ..*page };
    verdict(report.deltas, page, out)?;
    expectations(report.deltas, page, out)?;
    facts(report.deltas, page, out)?;
    most_changed(report.deltas, page, out)?;
    if let Some(histogram) = report.histogram {
        writeln!(out)?;
        for line in histogram::lines(histogram, prose_width(page)) {
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

fn verdict(deltas: &Deltas, page: &Page, out: &mut dyn Write) -> io::Result<()> {
    let tone = words::level_tone(deltas.verdict.level);

    for line in text::wrap(&overview::headline(deltas), prose_width(page)) {
        writeln!(out, "{}", page.paint.paint(tone, &line))?;
    }
    for reason in &deltas.verdict.reasons {
        paragraph("  • ", &text::name(reason, SENTENCE_COLUMNS), page, None, out)?;
    }
    writeln!(out)
}

fn expectations(deltas: &Deltas, page: &Page, out: &mut dyn Write) -> io::Result<()> {
    for expectation in &deltas.expectations {
        let (mark, tone) = if expectation.held { ("✓", Tone::Good) } else { ("✗", Tone::Bad) };
        let sentence = format!(
            "{}: {}",
            Printable(&expectation.expect),
            text::name(&expectation.found, SENTENCE_COLUMNS)
        );
        let lines = text::wrap(&sentence, prose_width(page) - 4);
        for (i, line) in lines.iter().enumerate() {
            let mark = if i == 0 { page.paint.paint(tone, mark) } else { " ".to_owned() };
            writeln!(out, "  {mark} {line}")?;
        }
    }
    if deltas.expectations.is_empty() { Ok(()) } else { writeln!(out) }
}

fn facts(deltas: &Deltas, page: &Page, out: &mut dyn Write) -> io::Result<()> {
    for (label, value) in overview::facts(deltas) {
        for (i, line) in text::wrap(&value, prose_width(page) - LABEL).iter().enumerate() {
            let label = format!("{:LABEL$}", if i == 0 { label } else { "" });
            writeln!(out, "{}{line}", page.paint.paint(Tone::Faint, &label))?;
        }
    }
    Ok(())
}

fn most_changed(deltas: &Deltas, page: &Page, out: &mut dyn Write) -> io::Result<()> {
    let (rows, more) = ranking::most_changed(deltas, page.top);
    if rows.is_empty() && more == 0 {
        return Ok(());
    }
    if !rows.is_empty() {
        let layout = ranking::layout(&rows, page.width);
        let dtype = layout.shared_dtype.as_ref().map(|dtype| format!(" ({dtype})")).unwrap_or_default();
        let title = format!("Most changed tensors{dtype}");
        writeln!(out, "\n{}", page.paint.paint(Tone::Strong, &title))?;
        for line in table(&rows, &layout, page).lines() {
            writeln!(out, "{}", line.trim_end())?;
        }
        skipped_spectra(&rows, page, out)?;
    }
    paragraph("", &ranking::leftovers(deltas, more), page, Some(Tone::Faint), out)
}

fn table(rows: &[&TensorDelta], layout: &Layout, page: &Page) -> Table {
    // The table itself keeps one column between two, for the line that is not drawn.
    let padding = u16::try_from(GAP.saturating_sub(1)).unwrap_or(u16::MAX);
    let mut table = Table::new();
    table.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')));
    if page.paint.colour {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    let headers = ["tensor"].into_iter().chain(layout.columns.iter().map(|column| column.header));
    table.set_header(headers.map(|header| Cell::new(header).add_attribute(Attribute::Bold)));
    for tensor in rows {
        let name = text::name(&tensor.name, layout.name_room);
        table.add_row([name].into_iter().chain(layout.columns.iter().map(|column| (column.cell)(tensor))));
    }
    for (i, column) in table.column_iter_mut().enumerate() {
        column.set_padding((if i == 0 { 0 } else { padding }, 0));
        if i > 0 && layout.columns.get(i - 1).is_some_and(|column| column.right_aligned) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Says once for each reason why a spectrum that could be there is not.
fn skipped_spectra(rows: &[&TensorDelta], page: &Page, out: &mut dyn Write) -> io::Result<()> {
    let mut reasons: Vec<(&str, usize)> = Vec::new();
    for tensor in rows {
        let SpectrumOutcome::Skipped(reason) = &tensor.spectrum else { continue };
        match reasons.iter_mut().find(|(known, _)| known == reason) {
            Some((_, n)) => *n += 1,
            None => reasons.push((reason, 1)),
        }
    }
    for (reason, n) in reasons {
        let note = format!("no spectrum of {}: {}", counted(n, "tensor"), Printable(reason));
        paragraph("", &note, page, Some(Tone::Faint), out)?;
    }
    Ok(())
}

fn prose_width(page: &Page) -> usize {
    page.width.min(PROSE)
}

/// A wrapped sentence behind a bullet; its further lines are indented by the bullet's width.
fn paragraph(
    bullet: &str,
    sentence: &str,
    page: &Page,
    tone: Option<Tone>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let indent = text::width(bullet);
    for (i, line) in text::wrap(sentence, prose_width(page) - indent).iter().enumerate() {
        let line = tone.map_or_else(|| line.clone(), |tone| page.paint.paint(tone, line));
        let start = if i == 0 { bullet.to_owned() } else { " ".repeat(indent) };
        writeln!(out, "{start}{line}")?;
    }
    Ok(())
}
