//! Attention of packed rows: scores, softmax and weighted sum in one go, without a matrix of all scores.

#![expect(clippy::inline_always, reason = "kernels become part of their caller, see `simd`")]

use std::ops::Range;
use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::attention_block::Block;
use super::attention_slope::AttentionSlope;
use super::simd::{row_of, run};
use super::{Real, in_precision, values};

/// Queries of one row that one task answers: enough of them to pay for laying out the keys.
const TASK_QUERIES: usize = 32;

/// Extents of attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::model) struct Heads {
    /// Heads that ask.
    pub(in crate::model) queries: usize,
    /// Heads that are asked; each answers `queries / keys` of the others.
    pub(in crate::model) keys: usize,
    /// Length of a head's query, key and value.
    pub(in crate::model) size: usize,
}

impl Heads {
    /// Length of a token's queries, keys and values, packed one behind the other.
    pub(in crate::model) fn packed(self) -> usize {
        self.size * (self.queries + 2 * self.keys)
    }

    /// Length of a token's keys and values.
    pub(in crate::model) fn keys_and_values(self) -> usize {
        self.size * 2 * self.keys
    }
}

/// Keys and values of the tokens that stand before each row, `(tokens, keys | values)`; rows may share them.
pub(in crate::model) type Past = Vec<Arc<CpuStorage>>;

/// `softmax(q kᵀ · scale + bias) v` for each row and each head by itself.
///
/// The input is `(tokens, packed)`: queries, keys and values of all heads, in this order; the output `(tokens,
/// queries · size)`. A score that is NaN or +∞ makes its token's output NaN.
#[derive(Clone)]
pub(in crate::model) struct Attention {
    /// Extents.
    pub(in crate::model) heads: Heads,
    /// What scores are multiplied by.
    pub(in crate::model) scale: f64,
    /// Whether a token sees only itself and those before it.
    pub(in crate::model) causal: bool,
    /// How many tokens a token sees, itself counted; `None` for all.
    pub(in crate::model) window: Option<usize>,
    /// What the distance of two tokens adds to their score.
    pub(in crate::model) bias: Option<Arc<RelativeBias>>,
    /// Where each row begins among the tokens, and behind it where the last one ends.
    pub(in crate::model) starts: Arc<[usize]>,
    /// What stands before the rows; empty for nothing. Gradients do not reach it.
    pub(in crate::model) past: Past,
}

/// A number for each head and each distance, from `−reach` to `reach`, that is added to the scores.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::model) struct RelativeBias {
    /// The largest distance that there is a number for.
    pub(in crate::model) reach: usize,
    /// `(heads, 2·reach + 1)`, by the key's position less the query's.
    pub(in crate::model) values: Vec<f32>,
}

impl RelativeBias {
    /// The numbers of a head for a query at that position: one for each key from the first on.
    pub(super) fn of(&self, head: usize, query: usize) -> &[f32] {
        row_of(&self.values, head, 2 * self.reach + 1)
            .get(self.reach.saturating_sub(query)..)
            .unwrap_or_default()
    }
}

impl Attention {
    /// The rows' outputs.
    pub(in crate::model) fn apply(self, packed: &Tensor) -> Result<Tensor> {
        packed.apply_op1(self)
    }

    /// The tokens that the token at `position` looks at, where there are `all`; both counted with what stands before.
    #[inline(always)]
    pub(super) fn seen_by(&self, position: usize, all: usize) -> Range<usize> {
        let end = if self.causal { all.min(position + 1) } else { all };
        let start = self.window.map_or(0, |window| (position + 1).saturating_sub(window));
        start.min(end)..end
    }

    /// The packed queries, keys and values of each row.
    pub(super) fn rows<'a, T>(&self, packed: &'a [T]) -> impl Iterator<Item = &'a [T]> {
        let width = self.heads.packed();
        self.starts.windows(2).map(move |ends| match ends {
            &[start, end] => packed.get(start * width..end * width).unwrap_or_default(),
            _ => &[],
        })
    }

    fn forward<T: Real>(&self, packed: &[T]) -> Vec<T> {
        let tokens = self.starts.last().copied().unwrap_or(0);
        let width = self.heads.queries * self.heads.size;
        let mut out = vec![T::ZERO; tokens * width];
        let mut blocks = Vec::new();
        let mut rest = out.as_mut_slice();
        for (row, own) in self.rows(packed).enumerate() {
            let past = self.past.get(row).and_then(|past| T::slice(past)).unwrap_or_default();
            let tokens = own.len() / self.heads.packed();
            for first in (0..tokens).step_by(TASK_QUERIES) {
                let queries = TASK_QUERIES.min(tokens - first);
                let (block, behind) = std::mem::take(&mut rest).split_at_mut(queries * width);
                rest = behind;
                blocks.push(Block { attention: self, own, past, first, out: block });
            }
        }
        blocks.into_par_iter().for_each(run);
        out
    }
}

impl CustomOp1 for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(&self, packed: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (tokens, _) = layout.shape().dims2()?;
        let out = in_precision!(packed, T => Real::storage(self.forward::<T>(values(packed, layout)?)));
        Ok((out, (tokens, self.heads.queries * self.heads.size).into()))
    }

    fn bwd(&self, packed: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        packed.apply_op2_no_bwd(&gradient.contiguous()?, &AttentionSlope(self.clone())).map(Some)
    }
}
