//! Names of what was found, and the one line that reads a pair.

use std::f64::consts::LN_10;

use crate::correlate::{Found, Group, IntervalChoice, Pair, Unmeasured};
use crate::report::number::significant;
use crate::stats::{Interval, Measure, PKind, PValue};

/// From here on chance is not an explanation, once all pairs are counted.
const SURE: f64 = 0.05;

pub(super) const fn measure(measure: Measure) -> &'static str {
    match measure {
        Measure::Spearman => "spearman",
        Measure::Kendall => "kendall",
        Measure::Pearson => "pearson",
    }
}

pub(super) const fn symbol(measure: Measure) -> &'static str {
    match measure {
        Measure::Spearman => "ρ",
        Measure::Kendall => "τ",
        Measure::Pearson => "r",
    }
}

pub(super) const fn p_method(kind: PKind) -> &'static str {
    match kind {
        PKind::Exact => "exact",
        PKind::Permutation => "permutation",
        PKind::T => "t",
        PKind::Normal => "normal",
    }
}

/// Whose standard error Fisher's transformation takes, or the bootstrap.
pub(super) const fn ci_method(measure: Measure, choice: IntervalChoice) -> &'static str {
    match (choice, measure) {
        (IntervalChoice::Bootstrap, _) => "bca",
        (IntervalChoice::Fisher, Measure::Spearman) => "fisher-bonett-wright",
        (IntervalChoice::Fisher, Measure::Kendall) => "fisher-fieller",
        (IntervalChoice::Fisher, Measure::Pearson) => "fisher",
    }
}

pub(super) const fn status(found: &Result<Found, Unmeasured>) -> &'static str {
    match found {
        Ok(_) => "measured",
        Err(Unmeasured::TooFew) => "too-few",
        Err(Unmeasured::ConstantX) => "constant-x",
        Err(Unmeasured::ConstantY) => "constant-y",
        Err(Unmeasured::Infinite) => "infinite",
    }
}

const fn why_not(unmeasured: Unmeasured) -> &'static str {
    match unmeasured {
        Unmeasured::TooFew => "fewer than two rows have both",
        Unmeasured::ConstantX | Unmeasured::ConstantY => "one of the two never varies",
        Unmeasured::Infinite => "an infinite value has a rank and no place on a line",
    }
}

pub(super) fn log10_p(p: PValue) -> f64 {
    p.ln_p / LN_10
}

/// Whether chance is excluded, by Holm's p.
pub(super) fn is_sure(pair: &Pair) -> bool {
    pair.found.ok().and_then(|found| found.p_holm).is_some_and(|p| p < SURE)
}

/// `perplexity explains sst2/acc, ρ = −0.86 [−0.91, −0.79], n = 72`.
pub(super) fn reading(pair: &Pair, of: Measure) -> String {
    let Pair { x, y, .. } = pair;
    if let Err(unmeasured) = pair.found {
        return format!("{x} cannot be held against {y}: {}", why_not(unmeasured));
    }
    let numbers = numbers(pair, of);
    match (is_sure(pair), pair.direction_ok) {
        (true, Some(false)) => format!("{x} goes with {y} the wrong way round, {numbers}"),
        (true, _) => format!("{x} explains {y}, {numbers}"),
        (false, _) => format!("{x} does not surely explain {y}, {numbers}"),
    }
}

/// `ρ = −0.86 [−0.91, −0.79], n = 72`; nothing of a pair without a coefficient.
pub(super) fn numbers(pair: &Pair, of: Measure) -> String {
    pair.found.map_or_else(
        |_| String::new(),
        |found| {
            let interval =
                found.interval.map_or(String::new(), |interval| format!(" {}", bracketed(interval)));
            format!("{} = {}{interval}, n = {}", symbol(of), coefficient(found.coefficient), pair.n)
        },
    )
}

pub(super) fn bracketed(Interval { low, high }: Interval) -> String {
    format!("[{}, {}]", coefficient(low), coefficient(high))
}

/// Two decimals and a minus that is as wide as a digit.
pub(super) fn coefficient(x: f64) -> String {
    let text = format!("{x:.2}");
    match text.strip_prefix('-') {
        Some("0.00") => "0.00".to_owned(),
        Some(rest) => format!("−{rest}"),
        None => text,
    }
}

/// Three digits, also below what f64 holds.
pub(super) fn p(p: PValue) -> String {
    let log10 = log10_p(p);
    if p.p > 1e-300 || !log10.is_finite() {
        return significant(p.p, 3);
    }
    // 9.996 would be shown as 10.00.
    let exponent = (log10 + 0.000_2).floor();
    format!("{:.2}e{exponent}", 10.0_f64.powf((log10 - exponent).max(0.0)))
}

/// `model = gpt2, editor = rome`; nothing where all rows are one group.
pub(super) fn group_name(by: &[String], group: &Group) -> String {
    let parts = by.iter().zip(&group.by);
    let named = parts.map(|(name, value)| format!("{name} = {}", value.as_deref().unwrap_or("(missing)")));
    named.collect::<Vec<_>>().join(", ")
}
