//! The reproduction to read: paper by paper, each experiment with its claims, tables and figures.

use std::io::{self, Write};

use super::{figure_file, table_file};
use crate::report::escape::prose;
use crate::report::number::{count, significant};
use crate::reproduce::{Agreement, Cell, Claim, Experiment, Reproduction, Status, Table};

/// Rows of a table that are shown; its file has all.
const SHOWN: usize = 40;

pub(super) fn write(reproduction: &Reproduction, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "# The papers' experiments on {}\n", prose(&reproduction.model.to_string_lossy()))?;
    for (label, value) in &reproduction.facts {
        writeln!(out, "- {label}: {}", prose(value))?;
    }
    overview(reproduction, out)?;
    let mut paper = None;
    for experiment in &reproduction.experiments {
        if paper.replace(experiment.paper) != Some(experiment.paper) {
            writeln!(out, "\n## {}", experiment.paper.title())?;
        }
        write_experiment(experiment, out)?;
    }
    Ok(())
}

/// Every claim in one table.
fn overview(reproduction: &Reproduction, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n| paper | | claim | published | here | |\n|:---|:---|:---|:---|:---|:---|")?;
    for experiment in &reproduction.experiments {
        let (paper, id) = (experiment.paper.title(), experiment.id);
        if let Status::NotRun(why) = &experiment.status {
            writeln!(out, "| {paper} | {id} | {} | | | not run: {} |", experiment.title, prose(why))?;
        }
        for Claim { statement, published, found, agreement } in &experiment.claims {
            let [found, published] = [found.as_str(), published].map(prose);
            let word = agreement_word(agreement);
            writeln!(out, "| {paper} | {id} | {} | {published} | {found} | {word} |", prose(statement))?;
        }
    }
    Ok(())
}

/// What is said of a claim.
pub(super) fn agreement_word(agreement: &Agreement) -> String {
    match agreement {
        Agreement::Agrees => "agrees".to_owned(),
        Agreement::InKind => "agrees in kind".to_owned(),
        Agreement::Differs(why) => format!("differs: {}", prose(why)),
    }
}

fn write_experiment(experiment: &Experiment, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n### {} · {}\n", experiment.id, experiment.title)?;
    if let Status::NotRun(why) = &experiment.status {
        writeln!(out, "Not run: {}", prose(why))?;
    }
    for claim in &experiment.claims {
        let published =
            if claim.published.is_empty() { String::new() } else { format!(" ({})", prose(claim.published)) };
        let word = agreement_word(&claim.agreement);
        writeln!(out, "- {}{published}. Here: {}; {word}.", prose(claim.statement), prose(&claim.found))?;
    }
    for (at, table) in experiment.tables.iter().enumerate() {
        write_table(table, &table_file(experiment, at), out)?;
    }
    for figure in &experiment.figures {
        let file = figure_file(experiment, figure.name);
        writeln!(out, "\n![{}]({file})", prose(&figure.caption))?;
    }
    Ok(())
}

fn write_table(table: &Table, file: &str, out: &mut dyn Write) -> io::Result<()> {
    if !table.title.is_empty() {
        writeln!(out, "\n**{}**", prose(&table.title))?;
    }
    let line = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    writeln!(out, "\n{}", line(table.columns.iter().map(|column| prose(column)).collect()))?;
    let is_text =
        |at: usize| table.rows.iter().all(|row| matches!(row.get(at), Some(Cell::Text(_) | Cell::Missing)));
    let rules = (0..table.columns.len()).map(|at| if is_text(at) { ":---" } else { "---:" });
    writeln!(out, "|{}|", rules.collect::<Vec<_>>().join("|"))?;
    for row in table.rows.iter().take(SHOWN) {
        writeln!(out, "{}", line(row.iter().map(shown).collect()))?;
    }
    let left = table.rows.len().saturating_sub(SHOWN);
    if left > 0 {
        writeln!(out, "\n{} more rows in [{file}]({file})", count(left as u64))?;
    }
    Ok(())
}

fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => prose(text),
        Cell::Number(x) => significant(*x, 4),
        Cell::Count(n) => count(*n as u64),
        Cell::Missing => "–".to_owned(),
    }
}
