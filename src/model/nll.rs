//! Negative log-likelihoods of tokens from the logits that predict them.

use candle_core::Tensor;
use rayon::prelude::*;

use super::ModelError;
use super::ops::{log_sum_exp, read};
use super::stack::Stack;

/// Bytes of logits that are worked out together: 64 MiB.
const PIECE_BYTES: usize = 64 << 20;

/// `−ln p(target)` of each token in nats, from the residual stream `x` at the token before it, `(targets, d)`.
///
/// ```text
/// −ln p(target) = ln Σ_v exp(z_v) − z_target
/// ```
///
/// The sum runs in f64. A logit that is NaN or +∞ makes it NaN; a target of logit −∞ has ∞.
pub(super) fn nll(stack: &Stack, x: &Tensor, targets: &[u32]) -> Result<Vec<f64>, ModelError> {
    let vocabulary = stack.blueprint.config.vocabulary;
    let rows = (PIECE_BYTES / (4 * vocabulary)).max(1);
    let mut all = Vec::with_capacity(targets.len());
    for (at, targets) in targets.chunks(rows).enumerate() {
        let logits = stack.logits(&x.narrow(0, at * rows, targets.len())?)?;
        let piece = read(&logits, |logits: &[f32]| -> Vec<f64> {
            let rows = logits.par_chunks_exact(vocabulary).zip(targets);
            rows.map(|(logits, target)| {
                let own = logits.get(*target as usize).copied().unwrap_or(f32::NEG_INFINITY);
                log_sum_exp(logits) - f64::from(own)
            })
            .collect()
        });
        all.extend(piece?);
    }
    Ok(all)
}
