//! A pair as a picture: every row by its two ranks, and the trend that never turns back.

use super::pair::Selected;
use super::{Group, Pair};
use crate::reader::Table;
use crate::stats::{monotone_trend, ranks};

/// Values that an axis names.
const TICKS: usize = 5;

/// What is drawn of a pair.
#[derive(Clone, Debug, PartialEq)]
pub struct Scatter {
    /// What runs to the right.
    pub x: Axis,
    /// What runs up.
    pub y: Axis,
    /// The ranks of each row in both, from 1.
    pub points: Vec<(f64, f64)>,
    /// The least-squares fit of the ranks that only rises, or only falls, as the coefficient does.
    pub trend: Vec<(f64, f64)>,
}

/// An axis of ranks.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// The column.
    pub name: String,
    /// Some ranks with the values that have them, ascending.
    pub ticks: Vec<(f64, f64)>,
}

/// The picture of a pair; `None` where it has no coefficient.
pub fn scatter(table: &Table, group: &Group, pair: &Pair) -> Option<Scatter> {
    let rising = pair.found.ok()?.coefficient >= 0.0;
    let selected = Selected::of(&group.rows, table.column(&pair.x)?, table.column(&pair.y)?);
    let (x, y) = (ranks(&selected.x), ranks(&selected.y));
    Some(Scatter {
        x: axis(&pair.x, &x, &selected.x),
        y: axis(&pair.y, &y, &selected.y),
        trend: monotone_trend(&x, &y, rising),
        points: x.into_iter().zip(y).collect(),
    })
}

/// The smallest, the largest, and values at even steps of rank between them; one rank is named once.
fn axis(name: &str, ranks: &[f64], values: &[f64]) -> Axis {
    let mut sorted: Vec<(f64, f64)> = ranks.iter().copied().zip(values.iter().copied()).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let last = sorted.len().saturating_sub(1);
    let mut ticks: Vec<(f64, f64)> =
        (0..TICKS).filter_map(|tick| sorted.get(tick * last / (TICKS - 1)).copied()).collect();
    ticks.dedup_by(|a, b| a.0 == b.0);
    Axis { name: name.to_owned(), ticks }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_names_each_rank_once_and_both_ends() {
        let values = [5.0, 1.0, 1.0, f64::INFINITY, 7.0, 1.0];
        let found = axis("ppl", &ranks(&values), &values);
        assert_eq!(found.ticks, [(2.0, 1.0), (4.0, 5.0), (6.0, f64::INFINITY)]);
        assert_eq!(axis("none", &[], &[]).ticks, []);
    }
}
