//! How well labels are told: weighted F1 and the correlation coefficient of Matthews, of any number of labels.

use std::collections::BTreeMap;

/// Counts of true and of predicted labels, over the labels that occur as either.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Counts {
    /// Per label: times that it is true, times that it is predicted, times that it is both.
    labels: BTreeMap<i64, [u64; 3]>,
    items: u64,
}

fn counts(pairs: &[(i64, i64)]) -> Counts {
    let mut counts = Counts::default();
    for (truth, predicted) in pairs {
        counts.labels.entry(*truth).or_default()[0] += 1;
        counts.labels.entry(*predicted).or_default()[1] += 1;
        if truth == predicted {
            counts.labels.entry(*truth).or_default()[2] += 1;
        }
        counts.items += 1;
    }
    counts
}

/// F1 of each label, weighted by how often it is true; from pairs of the true label and the predicted one.
///
/// ```text
/// F1(label) = 2 · both / (true + predicted),      mean weighted by `true`
/// ```
///
/// A label that is predicted and never true has no weight, but costs the others their recall: an answer that could not be
/// read counts so, as a label of its own. Equals `f1_score(average="weighted")` of scikit-learn.
///
/// Degenerate: `None` of nothing; a label that is true and never predicted has F1 0.
pub fn weighted_f1(pairs: &[(i64, i64)]) -> Option<f64> {
    let counts = counts(pairs);
    let weighted = counts
        .labels
        .values()
        .map(|[truth, predicted, both]| *truth as f64 * 2.0 * *both as f64 / (*truth + *predicted) as f64);
    let sum: f64 = weighted.sum();
    (counts.items > 0).then(|| sum / counts.items as f64)
}

/// The correlation coefficient of Matthews for any number of labels (Gorodkin, Comput. Biol. Chem. 28, 2004); from pairs of
/// the true label and the predicted one.
///
/// ```text
/// (c·n − Σ tₖ pₖ) / √((n² − Σ pₖ²)(n² − Σ tₖ²))      c right ones of n; tₖ times true, pₖ times predicted
/// ```
///
/// Degenerate: `None` of nothing; 0 where all true labels or all predicted ones are the same, as in scikit-learn.
pub fn matthews(pairs: &[(i64, i64)]) -> Option<f64> {
    let counts = counts(pairs);
    let n = counts.items as f64;
    let sum = |of: fn(&[u64; 3]) -> f64| counts.labels.values().map(of).sum::<f64>();
    let right = sum(|[_, _, both]| *both as f64);
    let products = sum(|[truth, predicted, _]| *truth as f64 * *predicted as f64);
    let [truth, predicted] =
        [sum(|[truth, ..]| (*truth as f64).powi(2)), sum(|[_, predicted, _]| (*predicted as f64).powi(2))];
    let below = (n * n - predicted) * (n * n - truth);
    (counts.items > 0).then(|| if below == 0.0 { 0.0 } else { (right * n - products) / below.sqrt() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_are_all_right_are_one_and_all_wrong_are_minus_one() {
        let right = [(0, 0), (1, 1), (1, 1)];
        assert_eq!((weighted_f1(&right), matthews(&right)), (Some(1.0), Some(1.0)));
        let wrong = [(0, 1), (1, 0)];
        assert_eq!((weighted_f1(&wrong), matthews(&wrong)), (Some(0.0), Some(-1.0)));
    }

    #[test]
    fn an_answer_that_could_not_be_read_costs_recall_and_has_no_weight() {
        // Label 1: recall 1/2, precision 1, F1 2/3 of weight 2; label 0: F1 1 of weight 1.
        let pairs = [(1, 1), (1, -1), (0, 0)];
        assert!(weighted_f1(&pairs).is_some_and(|f1| (f1 - (2.0 * 2.0 / 3.0 + 1.0) / 3.0).abs() < 1e-15));
    }

    #[test]
    fn nothing_has_no_score_and_a_constant_no_correlation() {
        assert_eq!((weighted_f1(&[]), matthews(&[])), (None, None));
        assert_eq!(matthews(&[(0, 1), (1, 1)]), Some(0.0));
        assert_eq!(matthews(&[(1, 0), (1, 1)]), Some(0.0));
        assert_eq!(weighted_f1(&[(1, -1)]), Some(0.0));
    }
}
