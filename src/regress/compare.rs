//! Every metric of two measurements: first what is known of each, then all tests together, then a status each.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::direction::known_direction;
use super::error::RegressError;
use super::evidence;
use super::metric::{Direction, Metric, Metrics};
use super::outcome::{Comparison, DirectionFrom, Row, Status, Summary, ToleranceFrom, Tolerated, Why};
use super::rules::{Correction, Rules, Tolerance};
use crate::stats::{benjamini_hochberg, holm};

/// Compares two measurements.
///
/// A change is judged by the first of these that there is:
///
/// 1. a value that is no longer finite is a regression, whatever is allowed;
/// 2. a tolerance that was given, else one from noise: worse by more is a regression;
/// 3. a test: worse with an adjusted p below α is a regression;
/// 4. nothing: any worsening is one.
///
/// Where it is not known which way is better, every change that would count is a regression. A change may pass its tolerance by
/// four units in the last place of the larger value: 0.8 − 0.79 is more than 0.01 in f64.
///
/// # Errors
/// [`RegressError::NothingInCommon`], where the two share no name: a gate that compares nothing must not pass.
pub fn compare(baseline: &Metrics, current: &Metrics, rules: &Rules) -> Result<Comparison, RegressError> {
    let by_name = |metrics: &'_ Metrics| -> BTreeMap<String, Metric> {
        metrics.rows.iter().map(|metric| (metric.name.clone(), metric.clone())).collect()
    };
    let (before, after) = (by_name(baseline), by_name(current));
    if !before.keys().any(|name| after.contains_key(name)) {
        return Err(nothing_in_common(baseline, current));
    }
    let shared = before.keys().filter(|name| after.contains_key(*name));
    let noisy =
        shared.filter(|name| rules.tolerance(name).is_none() && rules.noise.spread(name).is_some()).count();
    let alpha = match rules.correction {
        Correction::None => rules.alpha,
        Correction::Holm | Correction::BenjaminiHochberg => rules.alpha / noisy.max(1) as f64,
    };
    // Each metric resamples by itself from the one seed: the order in which threads take them changes nothing.
    let mut rows: Vec<Row> = before
        .par_iter()
        .map(|(_, metric)| metric)
        .map(|metric| match after.get(&metric.name) {
            Some(later) => row(metric, later, rules, alpha),
            None => one_sided(metric, true, Status::Missing, Why::Absent),
        })
        .collect();
    let added = after.values().filter(|metric| !before.contains_key(&metric.name));
    rows.extend(added.map(|metric| one_sided(metric, false, Status::New, Why::Added)));
    let tests = adjust(&mut rows, rules.correction);
    for row in &mut rows {
        judge(row, rules.alpha);
    }
    rows.sort_by(|a, b| (a.status, &a.metric).cmp(&(b.status, &b.metric)));
    Ok(Comparison { summary: Summary::of(&rows), rows, tests })
}

/// What is known of a metric that both sides have; the status is still open, but for protocols that differ.
fn row(baseline: &Metric, current: &Metric, rules: &Rules, alpha: f64) -> Row {
    let told = rules.direction(&baseline.name).map(|direction| (direction, DirectionFrom::Told));
    let reported =
        baseline.direction.or(current.direction).map(|direction| (direction, DirectionFrom::Reported));
    let known = || known_direction(&baseline.name).map(|direction| (direction, DirectionFrom::Known));
    let noise = rules.noise.spread(&baseline.name);
    let given = rules.tolerance(&baseline.name).map(|given| Tolerated {
        value: given.tolerance.absolute(baseline.value),
        from: match given.tolerance {
            Tolerance::Absolute(_) => ToleranceFrom::Absolute,
            Tolerance::Relative(_) => ToleranceFrom::Relative,
        },
    });
    let of_noise =
        || noise.map(|spread| Tolerated { value: spread.tolerance(alpha), from: ToleranceFrom::Noise });
    let (status, why) = match (&baseline.protocol, &current.protocol) {
        (Some(before), Some(after)) if before != after => {
            let (baseline, current) = (before.clone(), after.clone());
            (Status::Missing, Why::OtherProtocol { baseline, current })
        }
        _ => (Status::Ok, Why::Same),
    };
    Row {
        metric: baseline.name.clone(),
        baseline: Some(baseline.value),
        current: Some(current.value),
        direction: told.or(reported).or_else(known),
        tolerance: given.or_else(of_noise),
        noise,
        test: if status == Status::Ok { evidence::test(baseline, current, rules) } else { None },
        status,
        why,
    }
}

fn one_sided(metric: &Metric, before: bool, status: Status, why: Why) -> Row {
    Row {
        metric: metric.name.clone(),
        baseline: before.then_some(metric.value),
        current: (!before).then_some(metric.value),
        direction: None,
        tolerance: None,
        noise: None,
        test: None,
        status,
        why,
    }
}

/// Adjusts the p-values of the tests that decide, and gives their number.
fn adjust(rows: &mut [Row], correction: Correction) -> usize {
    let mut deciding: Vec<&mut _> =
        rows.iter_mut().filter(|row| row.tolerance.is_none()).filter_map(|row| row.test.as_mut()).collect();
    let p_values: Vec<f64> = deciding.iter().map(|test| test.p_value).collect();
    let adjusted = match correction {
        Correction::Holm => holm(&p_values),
        Correction::BenjaminiHochberg => benjamini_hochberg(&p_values),
        Correction::None => p_values,
    };
    for (test, p) in deciding.iter_mut().zip(&adjusted) {
        test.adjusted_p = Some(*p);
    }
    adjusted.len()
}

/// The status of a metric that both sides have.
fn judge(row: &mut Row, alpha: f64) {
    let (Some(baseline), Some(current)) = (row.baseline, row.current) else { return };
    if row.status == Status::Missing {
        return;
    }
    (row.status, row.why) = match (baseline.is_finite(), current.is_finite()) {
        (false, true) => (Status::Improved, Why::FiniteAgain),
        (false, false) if same_kind(baseline, current) => (Status::Ok, Why::NeverFinite),
        (_, false) => (Status::Regressed, Why::NotFinite),
        (true, true) => judge_finite(row, baseline, current, alpha),
    };
}

fn same_kind(baseline: f64, current: f64) -> bool {
    baseline == current || (baseline.is_nan() && current.is_nan())
}

fn judge_finite(row: &Row, baseline: f64, current: f64, alpha: f64) -> (Status, Why) {
    if baseline == current {
        return (Status::Ok, Why::Same);
    }
    let slack = 4.0 * f64::EPSILON * baseline.abs().max(current.abs());
    let (counts, passes, fails) = match (row.tolerance, row.test) {
        (Some(tolerance), _) => {
            ((current - baseline).abs() > tolerance.value + slack, Why::Tolerated, Why::BeyondTolerance)
        }
        (None, Some(test)) => (test.adjusted_p.is_some_and(|p| p < alpha), Why::NotShown, Why::Shown),
        (None, None) => (true, Why::Same, Why::AnyChange),
    };
    match row.direction {
        _ if !counts => (Status::Ok, passes),
        None => (Status::Regressed, Why::NoDirection { shown: fails == Why::Shown }),
        Some((direction, _)) if direction.gain(baseline, current) > 0.0 => (Status::Improved, fails),
        Some((Direction::Higher | Direction::Lower, _)) => (Status::Regressed, fails),
    }
}

fn nothing_in_common(baseline: &Metrics, current: &Metrics) -> RegressError {
    let names = |metrics: &Metrics| {
        let names: Vec<&str> = metrics.rows.iter().map(|metric| metric.name.as_str()).collect();
        crate::tensor::listed(names)
    };
    RegressError::NothingInCommon {
        baseline: baseline.path.clone(),
        has: names(baseline),
        current: current.path.clone(),
        against: names(current),
    }
}
