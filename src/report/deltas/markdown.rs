//! The report as a comment on a pull request: verdict, expectations, facts, the most changed tensors.
//!
//! Bounded by `--top`, so that it stays far below the 64 KB that a comment may have. Whatever comes from a file is
//! escaped: a tensor name cannot open a table cell, a tag, a link or a mention.

use std::io::{self, Write};

use super::ranking::{self, COLUMNS};
use super::write::{DeltasReport, Page};
use super::{histogram, overview};
use crate::deltas::{Deltas, Level};
use crate::report::escape::{code, prose};
use crate::report::text::{self, SENTENCE_COLUMNS};

/// Columns that a name may take: beyond that the page scrolls.
const NAME_COLUMNS: usize = 100;
/// Columns of a histogram.
const HISTOGRAM_WIDTH: usize = 80;

pub(super) fn write(report: &DeltasReport<'_>, page: &Page, out: &mut dyn Write) -> io::Result<()> {
    let deltas = report.deltas;
    verdict(deltas, out)?;
    if !deltas.expectations.is_empty() {
        writeln!(out, "Checks:\n")?;
    }
    for expectation in &deltas.expectations {
        let mark = if expectation.held { "✅" } else { "❌" };
        writeln!(
            out,
            "- {mark} {}: {}",
            code(&expectation.expect),
            prose(&text::name(&expectation.found, SENTENCE_COLUMNS))
        )?;
    }
    if !deltas.expectations.is_empty() {
        writeln!(out)?;
    }
    writeln!(out, "| | |\n|:---|:---|")?;
    for (label, value) in overview::facts(deltas) {
        writeln!(out, "| {label} | {} |", prose(&value))?;
    }
    most_changed(deltas, page.top, out)?;
    if let Some(histogram) = report.histogram {
        writeln!(out, "\n```text")?;
        for line in histogram::lines(histogram, HISTOGRAM_WIDTH) {
            writeln!(out, "{}", line.replace('`', "\\x60"))?;
        }
        writeln!(out, "```")?;
    }
    Ok(())
}

fn verdict(deltas: &Deltas, out: &mut dyn Write) -> io::Result<()> {
    let mark = match deltas.verdict.level {
        Level::Identical | Level::Healthy => "✅",
        Level::Suspect => "⚠️",
        Level::Collapsed | Level::Invalid => "❌",
    };
    writeln!(out, "### {mark} diagnose deltas · {}\n", prose(&overview::headline(deltas)))?;
    for reason in &deltas.verdict.reasons {
        writeln!(out, "- {}", prose(&text::name(reason, SENTENCE_COLUMNS)))?;
    }
    if deltas.verdict.reasons.is_empty() { Ok(()) } else { writeln!(out) }
}

fn most_changed(deltas: &Deltas, top: usize, out: &mut dyn Write) -> io::Result<()> {
    let (rows, more) = ranking::most_changed(deltas, top);
    if rows.is_empty() {
        return Ok(());
    }
    write!(out, "\n| tensor |")?;
    for column in COLUMNS {
        write!(out, " {} |", prose(column.header))?;
    }
    write!(out, "\n|:---|")?;
    for column in COLUMNS {
        write!(out, "{}", if column.right_aligned { "---:|" } else { ":---|" })?;
    }
    for tensor in rows {
        write!(out, "\n| {} |", code(&text::name(&tensor.name, NAME_COLUMNS)))?;
        for column in COLUMNS {
            write!(out, " {} |", (column.cell)(tensor))?;
        }
    }
    writeln!(out, "\n\n{}", ranking::leftovers(deltas, more))
}
