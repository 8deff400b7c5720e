//! One column against another, in the rows of a group.

use std::collections::HashMap;

use rayon::prelude::*;

use super::choice::Choice;
use super::{IntervalChoice, PChoice, Plan};
use crate::compute::{GpuError, permutation_p};
use crate::reader::{Cell, Column};
use crate::stats::{Association, Interval, PValue, tied};

/// What two columns have to do with each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// The column that explains.
    pub x: String,
    /// The column that is explained.
    pub y: String,
    /// Rows with a number in both.
    pub n: usize,
    /// Rows without; those with a NaN or a text are among them.
    pub missing: usize,
    /// Rows in which one of the two is NaN.
    pub nan: usize,
    /// Rows in which one of the two is infinite: they have a rank, and are among the n.
    pub infinite: usize,
    /// Of the n values of x, and of y, those that another one of the column equals.
    pub ties: [usize; 2],
    /// What was found.
    pub found: Result<Found, Unmeasured>,
    /// Whether the sign is the one that is expected of metrics of these names; `None` where nobody knows, or nothing was found.
    pub direction_ok: Option<bool>,
}

/// The numbers of a pair.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// From −1 to 1.
    pub coefficient: f64,
    /// Under permutations; `None` for fewer than three rows, and where an exact one was asked for and there is none.
    pub p: Option<PValue>,
    /// 95 %; `None` where every pair agrees or there are too few.
    pub interval: Option<Interval>,
    /// p by Holm's method, over all pairs of all groups.
    pub p_holm: Option<f64>,
    /// p by Benjamini and Hochberg's, over the same.
    pub q_value: Option<f64>,
}

/// Why there is no coefficient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmeasured {
    /// Fewer than two rows with a number in both.
    TooFew,
    /// All values of x are equal.
    ConstantX,
    /// All values of y are equal.
    ConstantY,
    /// An infinity, which has a rank and no place on a line: Pearson's r needs finite values.
    Infinite,
}

/// The rows of a group that have a number in both columns.
#[derive(Debug)]
pub(super) struct Selected {
    pub(super) rows: Vec<usize>,
    pub(super) x: Vec<f64>,
    pub(super) y: Vec<f64>,
    nan: usize,
}

impl Selected {
    pub(super) fn of(rows: &[usize], x: &Column, y: &Column) -> Self {
        let mut selected = Self { rows: Vec::new(), x: Vec::new(), y: Vec::new(), nan: 0 };
        for &row in rows {
            let value = |column: &Column| column.cells.get(row).and_then(Cell::number);
            let (a, b) = (value(x), value(y));
            if a.is_some_and(f64::is_nan) || b.is_some_and(f64::is_nan) {
                selected.nan += 1;
            } else if let (Some(a), Some(b)) = (a, b) {
                selected.rows.push(row);
                selected.x.push(a);
                selected.y.push(b);
            }
        }
        selected
    }
}

/// Every y against x in these rows.
pub(super) fn pairs(rows: &[usize], choice: &Choice<'_>, plan: &Plan<'_>) -> Result<Vec<Pair>, GpuError> {
    let selected: Vec<Selected> = choice.y.iter().map(|y| Selected::of(rows, choice.x, y)).collect();
    let permuted =
        if plan.p == PChoice::Permutation { permuted(&selected, plan)? } else { vec![None; selected.len()] };
    let each = choice.y.par_iter().zip(&selected).zip(permuted);
    Ok(each.map(|((y, selected), p)| pair(rows.len(), (choice.x, y), selected, p, plan)).collect())
}

fn pair(
    rows: usize,
    (x, y): (&Column, &Column),
    selected: &Selected,
    permuted: Option<PValue>,
    plan: &Plan<'_>,
) -> Pair {
    let n = selected.x.len();
    let association = Association::new(plan.measure, &selected.x, &selected.y);
    let found = association.as_ref().map(|own| found(own, permuted, plan)).ok_or_else(|| why_not(selected));
    let infinite = selected.x.iter().zip(&selected.y).filter(|(x, y)| x.is_infinite() || y.is_infinite());
    let better = (plan.higher_is_better)(&x.name).zip((plan.higher_is_better)(&y.name));
    let sign = found.ok().map(|found| found.coefficient).filter(|coefficient| *coefficient != 0.0);
    Pair {
        x: x.name.clone(),
        y: y.name.clone(),
        n,
        missing: rows - n,
        nan: selected.nan,
        infinite: infinite.count(),
        ties: [tied(&selected.x), tied(&selected.y)],
        direction_ok: better.zip(sign).map(|((x, y), sign)| (x == y) == (sign > 0.0)),
        found,
    }
}

fn found(own: &Association, permuted: Option<PValue>, plan: &Plan<'_>) -> Found {
    let p = match plan.p {
        PChoice::Auto => own.exact_p().or_else(|| own.limit_p()),
        PChoice::Exact => own.exact_p(),
        PChoice::Permutation => permuted,
        PChoice::Limit => own.limit_p(),
    };
    let interval = match plan.interval {
        IntervalChoice::Fisher => own.fisher_interval(),
        IntervalChoice::Bootstrap => own.bootstrap_interval(plan.resamples, plan.seed),
    };
    Found { coefficient: own.coefficient(), p, interval, p_holm: None, q_value: None }
}

fn why_not(selected: &Selected) -> Unmeasured {
    let constant = |values: &[f64]| values.iter().all(|value| Some(value) == values.first());
    match selected {
        Selected { x, .. } if x.len() < 2 => Unmeasured::TooFew,
        Selected { x, .. } if constant(x) => Unmeasured::ConstantX,
        Selected { y, .. } if constant(y) => Unmeasured::ConstantY,
        _ => Unmeasured::Infinite,
    }
}

/// Permuted p-values: columns with the same rows share their permutations.
fn permuted(selected: &[Selected], plan: &Plan<'_>) -> Result<Vec<Option<PValue>>, GpuError> {
    let mut same_rows: HashMap<&[usize], Vec<usize>> = HashMap::new();
    for (at, own) in selected.iter().enumerate() {
        same_rows.entry(&own.rows).or_default().push(at);
    }
    let mut found = vec![None; selected.len()];
    for places in same_rows.into_values() {
        let members: Vec<&Selected> = places.iter().filter_map(|&at| selected.get(at)).collect();
        let Some(first) = members.first() else { continue };
        let ys: Vec<&[f64]> = members.iter().map(|own| own.y.as_slice()).collect();
        let p = permutation_p(plan.device, plan.measure, &first.x, &ys, plan.permutations, plan.seed)?;
        for (at, p) in places.into_iter().zip(p) {
            if let Some(place) = found.get_mut(at) {
                *place = p;
            }
        }
    }
    Ok(found)
}
