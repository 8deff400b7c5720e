//! The report as a comment on a pull request: verdict, expectations, facts, the most changed tensors.
//!
//! Bounded by `--top`, so that it stays far below the 64 KB that a comment may have. Whatever comes from a file is
//! escaped: a tensor name cannot open a table cell, a tag, a link or a mention.
//!
//! ```text
//! where   what                                           becomes
//! code    | and `                                        \x7c and \x60
//! prose   & < > | ` * ~ [ ] \ # $, _ but within a word   a character reference
//! prose   @ :// www.                                     the same, broken by an empty HTML comment
//! both    control and invisible characters               an escape, as in the table
//! ```

use std::fmt::Write as _;
use std::io::{self, Write};

use super::ranking::{self, COLUMNS};
use super::write::{DeltasReport, Page};
use super::{histogram, overview};
use crate::deltas::{Deltas, Level};
use crate::report::text::{self, SENTENCE_COLUMNS};
use crate::tensor::Printable;

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

/// Text as inline code. What would end the code or the cell is shown as its escape: renderers disagree on `\|`.
fn code(text: &str) -> String {
    let text = Printable(text).to_string().replace('|', "\\x7c").replace('`', "\\x60");
    if text.is_empty() { "(no name)".to_owned() } else { format!("`{text}`") }
}

/// Text as text: whatever Markdown, HTML or GitHub would act on becomes a character reference.
fn prose(text: &str) -> String {
    let text = Printable(text).to_string();
    let mut escaped = String::with_capacity(text.len());
    let mut previous = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let inside_a_word =
            previous.is_alphanumeric() && rest.peek().is_some_and(|next| next.is_alphanumeric());
        match c {
            '_' if inside_a_word => escaped.push(c),
            // A mention is looked for in the rendered text, where only a tag between the two keeps them apart.
            '@' => escaped.push_str("@<!-- -->"),
            '&' | '<' | '>' | '|' | '`' | '*' | '_' | '~' | '[' | ']' | '\\' | '#' | '$' => {
                let _ = write!(escaped, "&#{};", u32::from(c));
            }
            c => escaped.push(c),
        }
        previous = c;
    }
    // An address would become a link.
    escaped.replace("://", ":<!-- -->//").replace("www.", "www<!-- -->.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_code_or_its_cell() {
        assert_eq!(code("a|b`c\nd"), "`a\\x7cb\\x60c\\nd`");
        assert_eq!(code(""), "(no name)");
    }

    #[test]
    fn prose_cannot_open_a_tag_a_link_a_mention_or_a_cell() {
        assert_eq!(
            prose("<img src=x> | *b* [l](u)"),
            "&#60;img src=x&#62; &#124; &#42;b&#42; &#91;l&#93;(u)"
        );
        assert_eq!(prose("@all see https://x.y"), "@<!-- -->all see https:<!-- -->//x.y");
        assert_eq!(prose("mlp.c_proj _x_"), "mlp.c_proj &#95;x&#95;");
    }
}
