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
    /// Other measures of the task that x measures, which were not compared because nobody named them.
    pub same_task: Vec<String>,
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
/// for collapsed models does not apply; or the device fails.
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
        groups.push(Group { by, pairs: pairs(&rows, &choice, plan)?, separations, rows });
    }
    adjust(&mut groups);
    Ok(Correlations { x: choice.x.name.clone(), groups, mixed: choice.mixed, same_task: choice.same_task })
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

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may fail")]
mod tests {
    use super::*;
    use crate::compute::CPU;
    use crate::correlate::{IntervalChoice, PChoice, Rule, Unmeasured, scatter};
    use crate::stats::{Measure, PKind, permutation_p};

    const NAN: f64 = f64::NAN;
    const INF: f64 = f64::INFINITY;

    fn numbers(name: &str, values: &[f64]) -> Column {
        Column { name: name.to_owned(), cells: values.iter().map(|&x| Cell::Number(x)).collect() }
    }

    fn table() -> Table {
        let texts = ["b", "a", "b", "a", "b", "a", "b", "a"].map(|text| Cell::Text(text.to_owned()));
        let mut gaps = numbers("gaps", &[1.0, 4.0, 3.0, 2.0, 5.0, 8.0, 7.0, 6.0]);
        gaps.cells[0] = Cell::Missing;
        gaps.cells[1] = Cell::Text("OOM".to_owned());
        let columns = vec![
            Column { name: "model".to_owned(), cells: texts.to_vec() },
            numbers("perplexity", &[2.0, 3.0, INF, 5.0, 6.0, NAN, 8.0, 9.0]),
            numbers("acc", &[0.9, 0.8, 0.1, 0.7, 0.6, 0.5, 0.4, 0.3]),
            gaps,
        ];
        Table { path: "t".into(), columns, rows: 8 }
    }

    fn plan<'a>() -> Plan<'a> {
        Plan {
            x: None,
            y: &[],
            by: &[],
            measure: Measure::Spearman,
            p: PChoice::Auto,
            permutations: 500,
            interval: IntervalChoice::Fisher,
            resamples: 100,
            seed: 1,
            collapsed: None,
            device: &CPU,
            higher_is_better: |name| Some(name == "acc"),
        }
    }

    #[test]
    fn rows_are_grouped_in_their_order_and_each_pair_counts_what_it_leaves_out() {
        let by = ["model".to_owned()];
        let found = correlate(&table(), &Plan { by: &by, ..plan() }).unwrap();
        let rows: Vec<_> =
            found.groups.iter().map(|group| (group.by[0].as_deref(), group.rows.clone())).collect();
        assert_eq!(rows, [(Some("b"), vec![0, 2, 4, 6]), (Some("a"), vec![1, 3, 5, 7])]);
        assert_eq!(found.mixed, ["gaps"]);
        let [b, a] = [0, 1].map(|group| found.groups[group].pairs[0].clone());
        assert_eq!((b.n, b.missing, b.nan, b.infinite, b.direction_ok), (4, 0, 0, 1, Some(true)));
        assert_eq!((a.n, a.missing, a.nan, a.infinite), (3, 1, 1, 0));
        assert_eq!(a.found.map(|found| found.coefficient), Ok(-1.0));
    }

    #[test]
    fn other_measures_of_the_task_of_x_are_compared_where_they_are_named_and_not_else() {
        let columns =
            ["wiki/word_perplexity", "wiki/bits", "rte/acc"].map(|name| numbers(name, &[1.0, 3.0, 2.0]));
        let table = Table { path: "t".into(), columns: columns.to_vec(), rows: 3 };
        let y = |found: &Correlations| {
            found.groups[0].pairs.iter().map(|pair| pair.y.clone()).collect::<Vec<_>>()
        };
        let found = correlate(&table, &plan()).unwrap();
        assert_eq!((y(&found), found.same_task), (vec!["rte/acc".to_owned()], vec!["wiki/bits".to_owned()]));
        let named = ["wiki/bits".to_owned()];
        assert_eq!(y(&correlate(&table, &Plan { y: &named, ..plan() }).unwrap()), named);
    }

    #[test]
    fn permutations_are_shared_by_columns_with_the_same_rows_and_give_what_each_alone_gives() {
        let y = ["acc".to_owned(), "gaps".to_owned()];
        let plan = Plan { y: &y, p: PChoice::Permutation, ..plan() };
        let found = correlate(&table(), &plan).unwrap();
        let p = |pair: usize| found.groups[0].pairs[pair].found.unwrap().p.unwrap();
        let (x, acc) = ([2.0, 3.0, INF, 5.0, 6.0, 8.0, 9.0], [0.9, 0.8, 0.1, 0.7, 0.6, 0.4, 0.3]);
        assert_eq!(Some(p(0)), permutation_p(Measure::Spearman, &x, &[&acc], 500, 1)[0]);
        let (x, gaps) = ([INF, 5.0, 6.0, 8.0, 9.0], [3.0, 2.0, 5.0, 7.0, 6.0]);
        assert_eq!(Some(p(1)), permutation_p(Measure::Spearman, &x, &[&gaps], 500, 1)[0]);
        assert_eq!(p(0).kind, PKind::Permutation);
    }

    #[test]
    fn p_is_adjusted_over_all_groups_together() {
        let by = ["model".to_owned()];
        let found = correlate(&table(), &Plan { by: &by, ..plan() }).unwrap();
        let all: Vec<_> =
            found.groups.iter().flat_map(|group| &group.pairs).map(|pair| pair.found.unwrap()).collect();
        let p: Vec<f64> = all.iter().map(|found| found.p.unwrap().p).collect();
        assert_eq!(all.iter().map(|found| found.p_holm.unwrap()).collect::<Vec<_>>(), holm(&p));
        assert_eq!(
            all.iter().map(|found| found.q_value.unwrap()).collect::<Vec<_>>(),
            benjamini_hochberg(&p)
        );
    }

    #[test]
    fn a_pair_without_a_coefficient_says_why() {
        let why = |x: &[f64], y: &[f64], measure| {
            let columns = vec![numbers("ppl", x), numbers("y", y)];
            let table = Table { path: "t".into(), columns, rows: x.len() };
            let found = correlate(&table, &Plan { measure, ..plan() }).unwrap();
            let group = &found.groups[0];
            assert_eq!(scatter(&table, group, &group.pairs[0]), None);
            group.pairs[0].found.unwrap_err()
        };
        assert_eq!(why(&[1.0, NAN], &[1.0, 2.0], Measure::Spearman), Unmeasured::TooFew);
        assert_eq!(why(&[1.0, 1.0], &[1.0, 2.0], Measure::Kendall), Unmeasured::ConstantX);
        assert_eq!(why(&[1.0, 2.0], &[1.0, 1.0], Measure::Spearman), Unmeasured::ConstantY);
        assert_eq!(why(&[1.0, INF], &[1.0, 2.0], Measure::Pearson), Unmeasured::Infinite);
    }

    #[test]
    fn collapsed_models_are_told_by_every_column_but_the_one_of_the_rule() {
        let rule: Rule = "perplexity>=8".parse().unwrap();
        let found = correlate(&table(), &Plan { collapsed: Some(&rule), ..plan() }).unwrap();
        let [acc] = &found.groups[0].separations[..] else { panic!("one column besides the rule's") };
        assert_eq!((acc.score.as_str(), acc.collapsed, acc.healthy, acc.missing), ("acc", 3, 4, 1));
        assert_eq!(
            (acc.auroc, acc.threshold.map(|line| (line.above, line.value))),
            (Some(0.0), Some((false, 0.4)))
        );
    }
}
