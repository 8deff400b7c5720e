//! Rows that belong together, and the whole comparison.

use std::collections::HashMap;

use super::choice::{Choice, column};
use super::pair::pairs;
use super::separation::separations;
use super::{CorrelateError, Pair, Plan, Separation};
use crate::reader::{Cell, Column, Table};
use crate::stats::{benjamini_hochberg, holm};

/// What a table says.
#[derive(Clone, Debug, PartialEq)]
pub struct Correlations {
    /// The column that explains.
    pub x: String,
    /// In the order in which they first come in the table.
    pub groups: Vec<Group>,
    /// Columns with numbers and texts in them, which were not compared because nobody named them.
    pub mixed: Vec<String>,
}

/// The rows with the same cells in the columns of `by`.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Those cells, in the order of `by`; `None` where they are missing.
    pub by: Vec<Option<String>>,
    /// Which rows of the table, from 0.
    pub rows: Vec<usize>,
    /// x against each y.
    pub pairs: Vec<Pair>,
    /// How well each column tells collapsed models from others; nothing without a rule.
    pub separations: Vec<Separation>,
}

/// Compares the columns of a table.
///
/// Each pair takes the rows of its group that have a number in both columns. An infinity is a number with a rank; a NaN is none
/// and is counted. p-values are adjusted over all pairs of all groups together.
///
/// # Errors
/// [`CorrelateError`], where a column is not there or holds no number, perplexity cannot be found among several, or the rule
/// for collapsed models does not apply.
pub fn correlate(table: &Table, plan: &Plan<'_>) -> Result<Correlations, CorrelateError> {
    let choice = Choice::of(table, plan)?;
    let labels = plan.collapsed.map(|rule| rule.labels(table)).transpose()?;
    let by = plan.by.iter().map(|name| column(table, name)).collect::<Result<Vec<_>, _>>()?;
    let mut groups: Vec<Group> = Vec::new();
    for (by, rows) in grouped(table.rows, &by) {
        let separations = match (&labels, plan.collapsed) {
            (Some(labels), Some(rule)) => separations(&rows, &choice, labels, rule, plan),
            _ => Vec::new(),
        };
        groups.push(Group { by, pairs: pairs(&rows, &choice, plan), separations, rows });
    }
    adjust(&mut groups);
    Ok(Correlations { x: choice.x.name.clone(), groups, mixed: choice.mixed })
}

/// Rows by the cells of columns; one group of all rows where there are no columns.
fn grouped(rows: usize, by: &[&Column]) -> Vec<(Vec<Option<String>>, Vec<usize>)> {
    let mut groups: Vec<(Vec<Option<String>>, Vec<usize>)> = Vec::new();
    let mut places: HashMap<Vec<Option<String>>, usize> = HashMap::new();
    for row in 0..rows {
        let key: Vec<Option<String>> =
            by.iter().map(|column| column.cells.get(row).and_then(shown)).collect();
        let place = *places.entry(key).or_insert_with_key(|key| {
            groups.push((key.clone(), Vec::new()));
            groups.len() - 1
        });
        if let Some((_, rows)) = groups.get_mut(place) {
            rows.push(row);
        }
    }
    groups
}

/// A cell as the name of a group.
fn shown(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Missing => None,
        Cell::Number(x) => Some(x.to_string()),
        Cell::Text(text) => Some(text.clone()),
    }
}

fn adjust(groups: &mut [Group]) {
    let mut found: Vec<_> = groups
        .iter_mut()
        .flat_map(|group| &mut group.pairs)
        .filter_map(|pair| pair.found.as_mut().ok().filter(|found| found.p.is_some()))
        .collect();
    let p: Vec<f64> = found.iter().filter_map(|found| found.p.map(|own| own.p)).collect();
    for ((found, holm), q) in found.iter_mut().zip(holm(&p)).zip(benjamini_hochberg(&p)) {
        (found.p_holm, found.q_value) = (Some(holm), Some(q));
    }
}
