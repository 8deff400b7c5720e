//! How much attention every token pays to one.

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use super::attention::Attention;
use super::read;
use super::simd::row_of;
use super::tile::{LANES, softmax};

impl Attention {
    /// The share of its attention that each token pays to the token at position `key` of its row, `(tokens, heads)`;
    /// 0 where it does not see it. Rows start at their first token: what stands before them is not counted.
    pub(in crate::model) fn shares_of(&self, packed: &Tensor, key: usize) -> Result<Vec<f32>> {
        read(packed, |packed: &[f32]| {
            let rows: Vec<&[f32]> = self.rows(packed).collect();
            rows.into_par_iter().flat_map_iter(|row| self.shares_in(row, key)).collect()
        })
    }

    /// The shares of one row.
    fn shares_in(&self, row: &[f32], key: usize) -> Vec<f32> {
        let heads = self.heads;
        let tokens = row.len() / heads.packed();
        let sharing = (heads.queries / heads.keys.max(1)).max(1);
        let vector = |token, slot| row_of(row_of(row, token, heads.packed()), slot, heads.size);
        let mut scores = vec![0.0; tokens.next_multiple_of(LANES)];
        let mut shares = Vec::with_capacity(tokens * heads.queries);
        for query in 0..tokens {
            for head in 0..heads.queries {
                let seen = self.seen_by(query, tokens);
                for (token, score) in scores.iter_mut().enumerate().take(seen.end).skip(seen.start) {
                    let both = vector(query, head).iter().zip(vector(token, heads.queries + head / sharing));
                    *score = both.map(|(q, k)| q * k).sum();
                }
                let bias = self.bias.as_ref().map_or(&[][..], |bias| bias.of(head, query));
                #[expect(clippy::cast_possible_truncation, reason = "rounding to the nearest is meant")]
                softmax(&mut scores, seen, self.scale as f32, bias);
                shares.push(scores.get(key).copied().unwrap_or(0.0));
            }
        }
        shares
    }
}
