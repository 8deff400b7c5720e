//! Which columns are compared.

use super::{CorrelateError, Plan};
use crate::reader::{Cell, Column, Table};

/// Names of a perplexity, the one that is meant first where a table has several kinds.
const PERPLEXITIES: [&str; 8] = [
    "perplexity",
    "mean_of_text_perplexities",
    "me_ppl",
    "ppl",
    "word_perplexity",
    "wikitext_perplexity",
    "token_perplexity",
    "byte_perplexity",
];

/// The columns of a comparison.
#[derive(Debug)]
pub(super) struct Choice<'a> {
    pub(super) x: &'a Column,
    pub(super) y: Vec<&'a Column>,
    /// Columns that hold numbers and texts, and were not asked for by name.
    pub(super) mixed: Vec<String>,
    /// Other measures of the task that x measures, such as bits per byte beside a perplexity: they say the same, and were not
    /// asked for by name.
    pub(super) same_task: Vec<String>,
}

impl<'a> Choice<'a> {
    pub(super) fn of(table: &'a Table, plan: &Plan<'_>) -> Result<Self, CorrelateError> {
        let x = match plan.x {
            Some(name) => numeric(table, name)?,
            None => perplexity(table)?,
        };
        if !plan.y.is_empty() {
            let y = plan.y.iter().map(|name| numeric(table, name)).collect::<Result<_, _>>()?;
            return Ok(Self { x, y, mixed: Vec::new(), same_task: Vec::new() });
        }
        let others =
            table.columns.iter().filter(|column| column.name != x.name && !plan.by.contains(&column.name));
        let (numeric, rest): (Vec<&Column>, Vec<&Column>) =
            others.partition(|column| has_numbers(column) && !has_texts(column));
        let (same_task, y): (Vec<&Column>, Vec<&Column>) = numeric
            .into_iter()
            .partition(|column| task(&x.name).is_some() && task(&column.name) == task(&x.name));
        if y.is_empty() {
            return Err(CorrelateError::NothingToCompare { x: x.name.clone() });
        }
        let names = |columns: Vec<&Column>| columns.into_iter().map(|column| column.name.clone()).collect();
        let mixed = names(rest.into_iter().filter(|column| has_numbers(column)).collect());
        Ok(Self { x, y, mixed, same_task: names(same_task) })
    }
}

/// The task of a `task/metric`.
fn task(name: &str) -> Option<&str> {
    name.rsplit_once('/').map(|(task, _)| task)
}

/// The column of that name.
pub(super) fn column<'a>(table: &'a Table, name: &str) -> Result<&'a Column, CorrelateError> {
    table.column(name).ok_or_else(|| CorrelateError::NoColumn { name: name.to_owned(), known: names(table) })
}

fn numeric<'a>(table: &'a Table, name: &str) -> Result<&'a Column, CorrelateError> {
    let found = column(table, name)?;
    if has_numbers(found) { Ok(found) } else { Err(CorrelateError::NoNumbers { name: name.to_owned() }) }
}

fn names(table: &Table) -> Vec<String> {
    table.columns.iter().map(|column| column.name.clone()).collect()
}

/// The one column that is named like a perplexity: by its whole name, else by what stands behind a task or an object.
fn perplexity(table: &Table) -> Result<&Column, CorrelateError> {
    let numeric = || table.columns.iter().filter(|column| has_numbers(column));
    let whole = |name: &str| name.to_ascii_lowercase();
    let last = |name: &str| {
        let part = name.rsplit(['/', '.']).next().unwrap_or(name);
        part.split(',').next().unwrap_or(part).to_ascii_lowercase()
    };
    let by_whole =
        PERPLEXITIES.iter().map(|known| numeric().filter(|c| whole(&c.name) == *known).collect::<Vec<_>>());
    let by_last = [PERPLEXITIES[4], PERPLEXITIES[0]]
        .into_iter()
        .chain(PERPLEXITIES)
        .map(|known| numeric().filter(|column| last(&column.name) == known).collect::<Vec<_>>());
    match by_whole.chain(by_last).find(|found| !found.is_empty()).as_deref() {
        Some([one]) => Ok(one),
        Some(several) => {
            let found = several.iter().map(|column| column.name.clone()).collect();
            Err(CorrelateError::SeveralPerplexities { found })
        }
        None => Err(CorrelateError::NoPerplexity { known: names(table) }),
    }
}

fn has_numbers(column: &Column) -> bool {
    column.cells.iter().any(|cell| matches!(cell, Cell::Number(_)))
}

fn has_texts(column: &Column) -> bool {
    column.cells.iter().any(|cell| matches!(cell, Cell::Text(_)))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    fn table(names: &[&str]) -> Table {
        let column = |name: &&str| Column { name: (*name).to_owned(), cells: vec![Cell::Number(1.0)] };
        Table { path: "t".into(), columns: names.iter().map(column).collect(), rows: 1 }
    }

    fn found(names: &[&str]) -> Result<String, &'static str> {
        perplexity(&table(names)).map(|column| column.name.clone()).map_err(|error| error.kind())
    }

    #[test]
    fn a_whole_name_comes_before_a_part_and_perplexity_of_words_before_that_of_an_answer() {
        assert_eq!(found(&["a/perplexity", "ppl", "Perplexity"]), Ok("Perplexity".to_owned()));
        let harness = [
            "lambada/perplexity",
            "standard/perplexity",
            "wiki/byte_perplexity",
            "wiki/word_perplexity,none",
        ];
        assert_eq!(found(&harness), Ok("wiki/word_perplexity,none".to_owned()));
        assert_eq!(found(&harness[..2]), Err("several-perplexity-columns"));
        assert_eq!(found(&["after.perplexity", "acc"]), Ok("after.perplexity".to_owned()));
        assert_eq!(found(&["acc", "not_perplexity_at_all"]), Err("no-perplexity-column"));
    }

    #[test]
    fn a_long_list_of_columns_is_cut_and_counted() {
        let many: Vec<String> = (0..20).map(|at| format!("c{at}")).collect();
        let names: Vec<&str> = many.iter().map(String::as_str).collect();
        let error = perplexity(&table(&names)).unwrap_err().to_string();
        assert!(error.ends_with("c10, c11 and 8 more)"), "{error}");
    }
}
