//! The names that records give to kinds, and reasons in sentences.

use crate::regress::{
    Direction, DirectionFrom, IntervalKind, Row, Status, Test, TestKind, ToleranceFrom, Why,
};
use crate::report::number::{count, significant};

pub(super) const fn status(status: Status) -> &'static str {
    match status {
        Status::Regressed => "regressed",
        Status::Missing => "missing",
        Status::Improved => "improved",
        Status::Ok => "ok",
        Status::New => "new",
    }
}

pub(super) const fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Higher => "higher",
        Direction::Lower => "lower",
    }
}

pub(super) const fn direction_from(from: DirectionFrom) -> &'static str {
    match from {
        DirectionFrom::Told => "told",
        DirectionFrom::Reported => "reported",
        DirectionFrom::Known => "known",
    }
}

pub(super) const fn tolerance_from(from: ToleranceFrom) -> &'static str {
    match from {
        ToleranceFrom::Absolute => "absolute",
        ToleranceFrom::Relative => "relative",
        ToleranceFrom::Noise => "noise",
    }
}

pub(super) const fn test(kind: TestKind) -> &'static str {
    match kind {
        TestKind::McNemar => "mcnemar-mid-p",
        TestKind::SignedRank => "wilcoxon-signed-rank",
        TestKind::PairedT => "paired-t",
        TestKind::PooledShares => "pooled-proportions",
        TestKind::StandardErrors => "standard-errors",
    }
}

pub(super) const fn interval(kind: IntervalKind) -> &'static str {
    match kind {
        IntervalKind::Bootstrap => "bca",
        IntervalKind::Newcombe => "newcombe",
        IntervalKind::Normal => "normal",
    }
}

pub(super) fn shown(x: f64) -> String {
    significant(x, 4)
}

/// Why a metric has its status, in a sentence.
pub(super) fn reason(row: &Row) -> String {
    let change = row.change().unwrap_or(f64::NAN);
    let size = shown(change.abs());
    let [before, now] = [row.baseline, row.current].map(|value| shown(value.unwrap_or(f64::NAN)));
    let moved = if row.status == Status::Improved { "better" } else { "worse" };
    match &row.why {
        Why::Same => "unchanged".to_owned(),
        Why::Tolerated => format!("changed by {size}, within {}", tolerance(row)),
        Why::BeyondTolerance => format!("{moved} by {size}, beyond {}", tolerance(row)),
        Why::NotShown => not_shown(row.test),
        Why::Shown => format!("{moved} by {size} ({})", found(row.test)),
        Why::AnyChange if row.status == Status::Improved => format!("better by {size}"),
        Why::AnyChange => {
            format!(
                "worse by {size}, and nothing says how much it varies: give --tolerance, --noise, or samples"
            )
        }
        Why::NoDirection { shown } => {
            let found = if *shown { format!(" ({})", found(row.test)) } else { String::new() };
            format!(
                "changed by {size}{found}, and nothing says which way is better: --higher-is-better or --lower-is-better does"
            )
        }
        Why::NotFinite => format!("{before} became {now}"),
        Why::FiniteAgain => format!("finite again: {before} became {now}"),
        Why::NeverFinite => format!("{before} before and now"),
        Why::Absent => "not measured now".to_owned(),
        Why::OtherProtocol { baseline, current } => {
            format!("measured in another way: {baseline}; now {current}")
        }
        Why::Added => "not measured before".to_owned(),
    }
}

fn tolerance(row: &Row) -> String {
    let Some(tolerance) = row.tolerance else { return "no tolerance".to_owned() };
    let from = match (tolerance.from, row.noise) {
        (ToleranceFrom::Noise, Some(noise)) => format!(" (from {} runs)", noise.runs),
        (ToleranceFrom::Relative, _) => " (relative to the baseline)".to_owned(),
        _ => String::new(),
    };
    format!("the tolerance of {}{from}", shown(tolerance.value))
}

fn found(test: Option<Test>) -> String {
    let Some(test) = test else { return "not tested".to_owned() };
    let p = format!("{}, p = {}", called(test.kind), shown(test.adjusted_p.unwrap_or(test.p_value)));
    match (test.flipped, test.n) {
        (Some((lost, won)), Some(n)) => {
            format!("{} lost and {} won of {}; {p}", count(lost), count(won), count(n))
        }
        (None, Some(n)) => format!("{} samples; {p}", count(n)),
        (_, None) => p,
    }
}

fn not_shown(test: Option<Test>) -> String {
    let seen = test
        .and_then(|test| test.detectable)
        .map_or(String::new(), |least| format!(", where {} would be seen four times in five", shown(least)));
    format!("no change that can be told from chance ({}){seen}", found(test))
}

/// What people call a test.
const fn called(kind: TestKind) -> &'static str {
    match kind {
        TestKind::McNemar => "McNemar",
        TestKind::SignedRank => "Wilcoxon",
        TestKind::PairedT => "paired t",
        TestKind::PooledShares => "two shares",
        TestKind::StandardErrors => "standard errors",
    }
}
