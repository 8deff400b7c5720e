//! What logits are held against: a token that shall follow, or the distribution that was there before. Losses in f64, with their
//! gradient by the logits.
//!
//! ```text
//! p = softmax(z)
//! token          ℓ = −ln p_t                  ∂ℓ/∂z = p − onehot(t)
//! distribution   ℓ = Σ p (ln p − ln q)        ∂ℓ/∂z = p ⊙ (ln p − ln q − ℓ)        KL(now ‖ before)
//! ```

use rayon::prelude::*;

/// What one row of logits is held against.
#[derive(Clone, Copy, Debug)]
pub(super) enum Goal<'a> {
    /// This token shall follow.
    Token(u32),
    /// The distribution shall stay: ln q of every token.
    Stay(&'a [f64]),
}

/// Rows of losses with their gradients.
#[derive(Clone, Debug)]
pub(super) struct Losses {
    /// ℓ of each row, not weighted.
    pub(super) each: Vec<f64>,
    /// Weight · ∂ℓ/∂z, one row after the other.
    pub(super) gradient: Vec<f64>,
}

/// Losses of rows of logits, each with its goal and its weight. One row is one thread's, in one order.
///
/// Degenerate: a logit that is NaN or +∞ makes its row NaN; a goal of probability 0 has the loss ∞.
pub(super) fn losses(logits: &[f64], goals: &[(Goal<'_>, f64)]) -> Losses {
    let vocabulary = logits.len() / goals.len().max(1);
    let mut gradient = vec![0.0; logits.len()];
    let rows =
        logits.par_chunks_exact(vocabulary.max(1)).zip(gradient.par_chunks_exact_mut(vocabulary.max(1)));
    let each = rows.zip(goals).map(|((logits, gradient), (goal, weight))| match goal {
        Goal::Token(token) => token_loss(logits, *token as usize, *weight, gradient),
        Goal::Stay(before) => stay_loss(logits, before, *weight, gradient),
    });
    Losses { each: each.collect(), gradient }
}

/// ln p of every token.
pub(super) fn log_probabilities(logits: &[f64]) -> Vec<f64> {
    let all = softmax(logits, &mut vec![0.0; logits.len()]);
    logits.iter().map(|z| z - all).collect()
}

fn token_loss(logits: &[f64], token: usize, weight: f64, gradient: &mut [f64]) -> f64 {
    let all = softmax(logits, gradient);
    for slope in gradient.iter_mut() {
        *slope *= weight;
    }
    if let Some(own) = gradient.get_mut(token) {
        *own -= weight;
    }
    all - logits.get(token).copied().unwrap_or(f64::NEG_INFINITY)
}

fn stay_loss(logits: &[f64], before: &[f64], weight: f64, gradient: &mut [f64]) -> f64 {
    let all = softmax(logits, gradient);
    let apart = || logits.iter().zip(before).map(|(z, q)| z - all - q);
    let loss: f64 = gradient.iter().zip(apart()).map(|(p, apart)| p * apart).sum();
    for (slope, apart) in gradient.iter_mut().zip(apart()) {
        *slope *= weight * (apart - loss);
    }
    loss
}

/// Fills in p of every token and gives ln Σ exp(z).
fn softmax(logits: &[f64], out: &mut [f64]) -> f64 {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for (p, z) in out.iter_mut().zip(logits) {
        *p = (z - largest).exp();
        sum += *p;
    }
    for p in out {
        *p /= sum;
    }
    largest + sum.ln()
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test may fail")]
mod tests {
    use super::*;

    fn logits() -> Vec<f64> {
        (0..7).map(|at| 2.0 * f64::from(at).sin()).collect()
    }

    fn loss(logits: &[f64], goal: Goal<'_>) -> f64 {
        losses(logits, &[(goal, 1.0)]).each[0]
    }

    #[test]
    fn gradients_are_difference_quotients() {
        let before = log_probabilities(&[0.3, -0.2, 0.9, 0.0, 0.1, -1.0, 0.5]);
        for goal in [Goal::Token(3), Goal::Stay(&before)] {
            let found = losses(&logits(), &[(goal, 0.25)]).gradient;
            for at in 0..7 {
                let shifted = |by: f64| {
                    let mut logits = logits();
                    logits[at] += by;
                    loss(&logits, goal)
                };
                let quotient = 0.25 * (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
                assert!((found[at] - quotient).abs() < 1e-9, "{goal:?}: {} for {quotient}", found[at]);
            }
        }
    }

    #[test]
    fn a_distribution_that_stays_costs_nothing_and_pulls_nowhere() {
        let before = log_probabilities(&logits());
        let found = losses(&logits(), &[(Goal::Stay(&before), 1.0)]);
        assert!(found.each[0].abs() < 1e-15);
        assert!(found.gradient.iter().all(|slope| slope.abs() < 1e-15));
    }

    #[test]
    fn even_odds_cost_the_logarithm_of_their_number() {
        assert!((loss(&[5.0; 8], Goal::Token(2)) - 8.0_f64.ln()).abs() < 1e-15);
    }

    #[test]
    fn logits_that_are_not_finite_are_a_loss_that_is_not() {
        assert!(loss(&[0.0, f64::NAN], Goal::Token(0)).is_nan());
        assert!(loss(&[0.0, f64::INFINITY], Goal::Token(0)).is_nan());
        assert_eq!(loss(&[0.0, f64::NEG_INFINITY], Goal::Token(1)), f64::INFINITY);
    }
}
