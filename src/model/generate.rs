//! Continuing rows of tokens, with keys and values of what was run before kept.

use candle_core::Tensor;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

use super::batches::ranges;
use super::cache::Cache;
use super::ops::numbers;
use super::pass::Pass;
use super::{Model, ModelError};

/// Bytes of keys and values that are kept at a time: 512 MiB.
const CACHE_BYTES: usize = 512 << 20;

impl Model {
    /// Continues each row by `new_tokens` tokens: the most probable one (`top_k` = 1; of equals the first), or one drawn
    /// from the `top_k` most probable with their softmax renormalised. Gives the new tokens alone; an end-of-text token
    /// ends nothing.
    ///
    /// Row r draws from the stream that `seed` gives after r jumps of xoshiro256++, whatever the other rows are.
    ///
    /// # Errors
    /// As [`Self::capture`]; where a row and its continuation do not fit into the context, `top_k` is 0, or the
    /// architecture is an encoder.
    pub fn generate(
        &self,
        rows: &[Vec<u32>],
        new_tokens: usize,
        top_k: usize,
        seed: u64,
    ) -> Result<Vec<Vec<u32>>, ModelError> {
        self.check_rows(rows)?;
        self.check_continuation(rows, new_tokens)?;
        if top_k == 0 {
            return Err(ModelError::Mismatch { what: "tokens to draw from", found: 0, needed: 1 });
        }
        let heads = self.stack.blueprint.heads;
        let token_bytes = 4 * heads.keys_and_values() * self.config().layers;
        let lengths: Vec<usize> = rows.iter().map(|row| row.len() + new_tokens).collect();
        let mut stream = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut all = Vec::with_capacity(rows.len());
        for batch in ranges(&lengths, CACHE_BYTES / token_bytes) {
            let rows = rows.get(batch).unwrap_or_default();
            let mut streams = Vec::with_capacity(rows.len());
            for _ in rows {
                streams.push(stream.clone());
                stream.jump();
            }
            all.extend(self.continue_batch(rows, new_tokens, top_k, &mut streams)?);
        }
        Ok(all)
    }

    fn continue_batch(
        &self,
        rows: &[Vec<u32>],
        new_tokens: usize,
        top_k: usize,
        streams: &mut [Xoshiro256PlusPlus],
    ) -> Result<Vec<Vec<u32>>, ModelError> {
        let mut cache = Cache::empty(self.config().layers, rows.len());
        let mut next: Vec<Vec<u32>> = rows.to_vec();
        let mut all = vec![Vec::with_capacity(new_tokens); rows.len()];
        for _ in 0..new_tokens {
            let rows: Vec<&[u32]> = next.iter().map(Vec::as_slice).collect();
            let Some(x) =
                self.stack.forward(Pass { rows: &rows, ..Pass::default() }, Some(&mut cache))?.stream
            else {
                break;
            };
            let mut end = 0;
            let ends = next.iter().map(|row| {
                end += row.len();
                i64::try_from(end - 1).unwrap_or(i64::MAX)
            });
            let last = Tensor::new(ends.collect::<Vec<_>>(), x.device())?;
            let logits = numbers::<f32>(&self.stack.logits(&x.index_select(&last, 0)?)?)?;
            let logits = logits.chunks_exact(self.config().vocabulary);
            for (((row, next), logits), stream) in
                all.iter_mut().zip(&mut next).zip(logits).zip(&mut *streams)
            {
                let token = draw(logits, top_k, stream);
                row.push(token);
                *next = vec![token];
            }
        }
        Ok(all)
    }
}

/// Draws a token. Logits that are NaN come last; where the weights of the most probable are no numbers, the first is taken.
fn draw(logits: &[f32], top_k: usize, stream: &mut Xoshiro256PlusPlus) -> u32 {
    let logit =
        |token: &usize| logits.get(*token).copied().filter(|z| !z.is_nan()).unwrap_or(f32::NEG_INFINITY);
    let mut order: Vec<usize> = (0..logits.len()).collect();
    let better = |a: &usize, b: &usize| logit(b).total_cmp(&logit(a)).then(a.cmp(b));
    if top_k < order.len() {
        order.select_nth_unstable_by(top_k - 1, better);
        order.truncate(top_k);
    }
    order.sort_unstable_by(better);
    let largest = order.first().map_or(0.0, logit);
    let weights: Vec<f64> = order.iter().map(|token| f64::from(logit(token) - largest).exp()).collect();
    // The 53 high bits as a number in [0, 1).
    let unit = (stream.next_u64() >> 11) as f64 * f64::EPSILON / 2.0;
    let mut left = unit * weights.iter().sum::<f64>();
    let chosen = weights.iter().position(|weight| {
        left -= weight;
        left < 0.0
    });
    let token = chosen.and_then(|at| order.get(at)).or(order.first()).copied().unwrap_or(0);
    u32::try_from(token).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test may fail")]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_drawn_as_often_as_their_weights_say() {
        let mut stream = Xoshiro256PlusPlus::seed_from_u64(1);
        let logits = [0.0, 3_f32.ln(), f32::NAN, 1.0_f32.ln(), -9.0];
        let mut counts = [0_u32; 5];
        for _ in 0..50_000 {
            counts[draw(&logits, 3, &mut stream) as usize] += 1;
        }
        // Of 5 weights 1, 3, 1: a fifth, three fifths, a fifth; five standard deviations of 50,000 draws are 550.
        assert_eq!((counts[2], counts[4]), (0, 0));
        for (count, expected) in [(counts[0], 10_000), (counts[1], 30_000), (counts[3], 10_000)] {
            assert!(count.abs_diff(expected) < 550, "{counts:?}");
        }
    }

    #[test]
    fn of_equal_logits_the_first_token_is_taken_and_of_no_numbers_too() {
        let mut stream = Xoshiro256PlusPlus::seed_from_u64(1);
        assert_eq!(draw(&[1.0, 2.0, 2.0], 1, &mut stream), 1);
        assert_eq!(draw(&[f32::NAN, f32::NAN], 2, &mut stream), 0);
        assert_eq!(draw(&[f32::INFINITY, 0.0], 2, &mut stream), 0);
    }
}
