//! How well a column tells collapsed models from others.

use super::choice::Choice;
use super::{Plan, Rule};
use crate::reader::{Cell, Column};
use crate::stats::{Interval, Threshold, auroc, auroc_interval, best_threshold};

/// A column as a test for collapse.
#[derive(Clone, Debug, PartialEq)]
pub struct Separation {
    /// The column.
    pub score: String,
    /// Rows of collapsed models with a number in it.
    pub collapsed: usize,
    /// Rows of other models with a number in it.
    pub healthy: usize,
    /// Rows without a number, or without a label.
    pub missing: usize,
    /// The chance that a collapsed model scores above another; `None` where there are none of either.
    pub auroc: Option<f64>,
    /// 95 %, by Newcombe's method.
    pub interval: Option<Interval>,
    /// The best line between them.
    pub threshold: Option<Threshold>,
}

/// Every column of the comparison as a test, but for the one that the rule itself looks at.
pub(super) fn separations(
    rows: &[usize],
    choice: &Choice<'_>,
    labels: &[Option<bool>],
    rule: &Rule,
    plan: &Plan<'_>,
) -> Vec<Separation> {
    let scores = [choice.x].into_iter().chain(choice.y.iter().copied());
    let others = scores.filter(|column| column.name != rule.column);
    others.map(|column| separation(rows, column, labels, plan)).collect()
}

fn separation(rows: &[usize], column: &Column, labels: &[Option<bool>], plan: &Plan<'_>) -> Separation {
    let (mut collapsed, mut healthy) = (Vec::new(), Vec::new());
    for &row in rows {
        let score = column.cells.get(row).and_then(Cell::number).filter(|score| !score.is_nan());
        match (score, labels.get(row).copied().flatten()) {
            (Some(score), Some(true)) => collapsed.push(score),
            (Some(score), Some(false)) => healthy.push(score),
            _ => {}
        }
    }
    let auroc = auroc(&collapsed, &healthy);
    Separation {
        score: column.name.clone(),
        collapsed: collapsed.len(),
        healthy: healthy.len(),
        missing: rows.len() - collapsed.len() - healthy.len(),
        auroc,
        interval: auroc.and_then(|auroc| auroc_interval(auroc, collapsed.len(), healthy.len())),
        threshold: best_threshold(&collapsed, &healthy, plan.resamples, plan.seed),
    }
}
