//! Which facts of a sequence are forgotten, and how the distance from the start grows.
//!
//! ```text
//! learnt      every token of the new object is the most probable one right after the fact's own edit
//! forgotten   learnt, and found not to be so at a later check; the first loss is final
//! share       100 · forgotten / learnt, of the edits so far
//! exponent    slope of ln |Δ| over ln n: 1/2 is a random walk
//! ```
//!
//! Source: `experiments/evaluate_history.py` and `downstream_eval/fact_forgetting.py` of gradual-catastrophic-forgetting.

/// The facts of a sequence, in the order of their edits.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts(Vec<Fact>);

#[derive(Clone, Copy, Debug)]
enum Fact {
    NotLearnt,
    Kept,
    Forgotten,
}

impl Facts {
    /// Takes up a fact that was just edited.
    pub(super) fn edited(&mut self, learnt: bool) {
        self.0.push(if learnt { Fact::Kept } else { Fact::NotLearnt });
    }

    /// Takes up a check of the facts so far.
    pub(super) fn checked(&mut self, correct: impl IntoIterator<Item = bool>) {
        for (fact, correct) in self.0.iter_mut().zip(correct) {
            if matches!(fact, Fact::Kept) && !correct {
                *fact = Fact::Forgotten;
            }
        }
    }

    /// The share that is forgotten, in percent; 0 where none was learnt.
    pub(super) fn forgotten(&self) -> f64 {
        let forgotten = self.0.iter().filter(|fact| matches!(fact, Fact::Forgotten)).count();
        let learnt = self.0.iter().filter(|fact| !matches!(fact, Fact::NotLearnt)).count();
        if learnt == 0 { 0.0 } else { 100.0 * forgotten as f64 / learnt as f64 }
    }
}

/// Slope of ln y over ln x by least squares; NaN for fewer than two different x, and where a number is not above 0.
pub(super) fn growth_exponent(points: impl IntoIterator<Item = (f64, f64)>) -> f64 {
    let points: Vec<(f64, f64)> = points.into_iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let n = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(a, b), (x, y)| (a + x / n, b + y / n));
    let (products, squares) = points.iter().fold((0.0, 0.0), |(products, squares), point| {
        (products + (point.0 - x) * (point.1 - y), squares + (point.0 - x).powi(2))
    });
    products / squares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_counts_once_learnt_and_its_first_loss_is_final() {
        let mut facts = Facts::default();
        assert_eq!(facts.forgotten(), 0.0);
        for learnt in [true, false, true] {
            facts.edited(learnt);
        }
        facts.checked([true, true, true]);
        assert_eq!(facts.forgotten(), 0.0);
        facts.checked([false, false, true]);
        assert_eq!(facts.forgotten(), 50.0);
        facts.edited(true);
        // The first fact is back, which does not help it; the second was never learnt.
        facts.checked([true, false, true, true]);
        assert!((facts.forgotten() - 100.0 / 3.0).abs() < 1e-12);
        facts.checked([true, true, false, false]);
        assert_eq!(facts.forgotten(), 100.0);
    }

    #[test]
    fn the_exponent_of_a_power_is_its_exponent() {
        for exponent in [0.5, 1.0, 2.45] {
            let points = (1..9).map(|n| (f64::from(n), 3e-8 * f64::from(n).powf(exponent)));
            assert!((growth_exponent(points) - exponent).abs() < 1e-12);
        }
        assert!(growth_exponent([(1.0, 2.0)]).is_nan());
        assert!(growth_exponent([(1.0, 2.0), (2.0, f64::NAN)]).is_nan());
    }
}
