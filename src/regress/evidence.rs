//! The test of one metric: what samples and standard errors say of a change.
//!
//! | both sides have | test | interval |
//! |---|---|---|
//! | the same items, all of them 0 or 1 | McNemar, mid-p | bootstrap of the mean difference |
//! | the same items | Wilcoxon's signed ranks | bootstrap of the mean difference |
//! | shares of a known number of items | two shares, pooled | Newcombe |
//! | standard errors | two means, normal | ± 1.96 standard errors |

use super::metric::Metric;
use super::outcome::{Interval, IntervalKind, Test, TestKind};
use super::rules::Rules;
use crate::stats::{Share, compare_pairs, detectable, mcnemar, signed_rank, two_sided};

/// Probability with which the smallest detectable change would be found.
const POWER: f64 = 0.8;

/// The test that the two sides allow; `None` where they allow none, or a value is not finite.
pub(super) fn test(baseline: &Metric, current: &Metric, rules: &Rules) -> Option<Test> {
    if !(baseline.value.is_finite() && current.value.is_finite()) {
        return None;
    }
    paired(baseline, current, rules)
        .or_else(|| shares(baseline, current, rules))
        .or_else(|| standard_errors(baseline, current, rules))
}

/// Pairs by item; `None` unless both have the same items, and at least two.
fn paired(baseline: &Metric, current: &Metric, rules: &Rules) -> Option<Test> {
    let (before, after) = (&baseline.samples, &current.samples);
    if before.len() < 2 || !before.keys().eq(after.keys()) {
        return None;
    }
    let differences: Vec<f64> =
        before.values().zip(after.values()).map(|(before, after)| after - before).collect();
    let mean = compare_pairs(&differences, rules.resamples, rules.seed);
    let inference = mean.inference?;
    let n = differences.len() as f64;
    let binary = before.values().chain(after.values()).all(|value| *value == 0.0 || *value == 1.0);
    let count = |sign: f64| differences.iter().filter(|d| **d * sign > 0.0).count() as u64;
    let (kind, p_value, seen) = if binary {
        let found = mcnemar(count(-1.0), count(1.0));
        // So many changed items of one sign are the fewest that mid-p = ½ᵏ calls a change.
        let fewest = rules.alpha.log(0.5).floor() + 1.0;
        let spread = ((found.lost + found.won) as f64).sqrt() / n;
        (TestKind::McNemar, found.mid_p, detectable(spread, rules.alpha, POWER).max(fewest / n))
    } else {
        let seen = detectable(inference.standard_error, rules.alpha, POWER);
        match signed_rank(&differences).filter(|ranks| ranks.lean * mean.mean >= 0.0) {
            Some(ranks) => (TestKind::SignedRank, ranks.p_value, seen),
            None => (TestKind::PairedT, inference.p_value, seen),
        }
    };
    Some(Test {
        kind,
        n: Some(differences.len() as u64),
        p_value,
        adjusted_p: None,
        interval: Some((inference.bootstrap, IntervalKind::Bootstrap)),
        detectable: Some(seen),
        flipped: binary.then(|| (count(-1.0), count(1.0))),
    })
}

fn shares(baseline: &Metric, current: &Metric, rules: &Rules) -> Option<Test> {
    let (before, after) = (share(baseline)?, share(current)?);
    let (n, m) = (baseline.n?, current.n?);
    let pooled = (before.value() * n as f64 + after.value() * m as f64) / (n + m) as f64;
    let spread = (pooled * (1.0 - pooled) * (1.0 / n as f64 + 1.0 / m as f64)).sqrt();
    Some(Test {
        kind: TestKind::PooledShares,
        n: Some(n.min(m)),
        p_value: before.pooled_p_value(after),
        adjusted_p: None,
        interval: Some((before.newcombe(after), IntervalKind::Newcombe)),
        detectable: Some(detectable(spread, rules.alpha, POWER)),
        flipped: None,
    })
}

/// The value as a share of successes, where its number of items and its standard error say that it is one:
/// √(p (1 − p) / (n − 1)), to a part in a thousand.
fn share(metric: &Metric) -> Option<Share> {
    let (n, p) = (metric.n.filter(|n| *n >= 2 && *n <= 1 << 40)?, metric.value);
    let successes = (p * n as f64).round();
    let expected = (p * (1.0 - p) / (n as f64 - 1.0)).sqrt();
    let fits = (0.0..=1.0).contains(&p)
        && (successes / n as f64 - p).abs() < 1e-9
        && metric.standard_error.is_some_and(|error| (error - expected).abs() <= 1e-3 * expected + 1e-12);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number from 0 to n")]
    let whole = successes as u64;
    if fits { Share::new(whole, n) } else { None }
}

fn standard_errors(baseline: &Metric, current: &Metric, rules: &Rules) -> Option<Test> {
    let spread = baseline.standard_error?.hypot(current.standard_error?);
    let change = current.value - baseline.value;
    let reach = 1.96 * spread;
    Some(Test {
        kind: TestKind::StandardErrors,
        n: baseline.n.zip(current.n).map(|(n, m)| n.min(m)),
        p_value: two_sided(change, spread),
        adjusted_p: None,
        interval: Some((Interval { low: change - reach, high: change + reach }, IntervalKind::Normal)),
        detectable: Some(detectable(spread, rules.alpha, POWER)),
        flipped: None,
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    fn sampled(values: &[f64]) -> Metric {
        let samples = values.iter().enumerate().map(|(i, x)| (i.to_string(), *x)).collect();
        Metric::bare("a", values.iter().sum::<f64>() / values.len() as f64).with_samples(samples)
    }

    #[test]
    fn the_same_items_are_compared_in_pairs_and_others_are_not() {
        let rules = Rules::default();
        let [before, after] = [sampled(&[1.0, 0.0, 1.0, 1.0]), sampled(&[0.0, 0.0, 1.0, 1.0])];
        let found = test(&before, &after, &rules).unwrap();
        assert_eq!((found.kind, found.flipped, found.p_value), (TestKind::McNemar, Some((1, 0)), 0.5));
        assert_eq!(
            found.detectable,
            Some(1.25),
            "five lost items are the fewest at 0.05, and there are four"
        );
        let numbers = test(&sampled(&[0.1, 0.4]), &sampled(&[0.2, 0.9]), &rules).unwrap();
        assert_eq!((numbers.kind, numbers.p_value), (TestKind::SignedRank, 0.5));
        assert_eq!(test(&before, &sampled(&[0.0, 1.0]), &rules), None, "other items, and no standard error");
    }

    #[test]
    fn ranks_that_contradict_the_mean_do_not_decide() {
        let before = sampled(&[0.0; 5]);
        let found = test(&before, &sampled(&[0.1, 0.2, 0.3, 0.4, -9.0]), &Rules::default()).unwrap();
        assert_eq!(found.kind, TestKind::PairedT);
    }

    #[test]
    fn samples_whose_mean_is_another_number_are_no_evidence() {
        let metric =
            Metric::bare("f1", 0.5).with_samples([("a".to_owned(), 1.0), ("b".to_owned(), 1.0)].into());
        assert!(metric.samples.is_empty());
    }

    #[test]
    fn a_share_is_known_by_its_standard_error() {
        let metric = |value: f64, error: f64| Metric {
            standard_error: Some(error),
            n: Some(101),
            ..Metric::bare("acc", value)
        };
        let p = 80.0 / 101.0;
        let binomial = metric(p, (p * (1.0 - p) / 100.0_f64).sqrt());
        assert_eq!(
            test(&binomial, &binomial, &Rules::default()).map(|t| t.kind),
            Some(TestKind::PooledShares)
        );
        let other = metric(p, 0.02);
        assert_eq!(
            test(&binomial, &other, &Rules::default()).map(|t| t.kind),
            Some(TestKind::StandardErrors)
        );
    }
}
