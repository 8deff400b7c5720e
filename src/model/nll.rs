//! What logits say of the token that they predict.

use candle_core::Tensor;
use rayon::prelude::*;

use super::ModelError;
use super::ops::{log_sum_exp, read};
use super::stack::Stack;

/// Bytes of logits that are worked out together: 64 MiB.
const PIECE_BYTES: usize = 64 << 20;

/// What a model says in the place of a token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Predicted {
    /// `−ln p` of the token that stands there, in nats; NaN where a logit is NaN or +∞.
    pub nll: f64,
    /// The most probable token, of equals the first; none where a logit is NaN.
    pub likeliest: Option<u32>,
}

/// `−ln p(target)` of each token in nats, from the residual stream `x` at the token before it, `(targets, d)`.
///
/// ```text
/// −ln p(target) = ln Σ_v exp(z_v) − z_target
/// ```
///
/// The sum runs in f64. A logit that is NaN or +∞ makes it NaN; a target of logit −∞ has ∞.
pub(super) fn nll(stack: &Stack, x: &Tensor, targets: &[u32]) -> Result<Vec<f64>, ModelError> {
    each(stack, x, targets, nll_of)
}

/// The same with the token that the model finds most probable.
pub(super) fn predicted(stack: &Stack, x: &Tensor, targets: &[u32]) -> Result<Vec<Predicted>, ModelError> {
    each(stack, x, targets, |logits, target| Predicted {
        nll: nll_of(logits, target),
        likeliest: likeliest(logits),
    })
}

fn nll_of(logits: &[f32], target: u32) -> f64 {
    let own = logits.get(target as usize).copied().unwrap_or(f32::NEG_INFINITY);
    log_sum_exp(logits) - f64::from(own)
}

fn likeliest(logits: &[f32]) -> Option<u32> {
    let mut best = None;
    for (token, z) in (0..).zip(logits) {
        if z.is_nan() {
            return None;
        }
        if best.is_none_or(|(_, largest)| *z > largest) {
            best = Some((token, *z));
        }
    }
    best.map(|(token, _)| token)
}

/// What a function makes of the logits before each target, a piece of bounded memory at a time.
fn each<T: Send>(
    stack: &Stack,
    x: &Tensor,
    targets: &[u32],
    make: impl Fn(&[f32], u32) -> T + Sync,
) -> Result<Vec<T>, ModelError> {
    let vocabulary = stack.blueprint.config.vocabulary;
    let rows = (PIECE_BYTES / (4 * vocabulary)).max(1);
    let mut all = Vec::with_capacity(targets.len());
    for (at, targets) in targets.chunks(rows).enumerate() {
        let logits = stack.logits(&x.narrow(0, at * rows, targets.len())?)?;
        let piece = read(&logits, |logits: &[f32]| -> Vec<T> {
            let rows = logits.par_chunks_exact(vocabulary).zip(targets);
            rows.map(|(logits, target)| make(logits, *target)).collect()
        });
        all.extend(piece?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::likeliest;

    #[test]
    fn of_equal_logits_the_first_is_likeliest_and_of_a_nan_none() {
        assert_eq!(likeliest(&[1.0, 3.0, 3.0, f32::NEG_INFINITY]), Some(1));
        assert_eq!(likeliest(&[f32::NEG_INFINITY; 2]), Some(0));
        assert_eq!(likeliest(&[1.0, 2.0, f32::NAN]), None);
        assert_eq!(likeliest(&[0.0, f32::INFINITY]), Some(1));
        assert_eq!(likeliest(&[]), None);
    }
}
