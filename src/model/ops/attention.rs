//! Attention of packed rows: scores, softmax and weighted sum in one go, without a matrix of all scores.

#![expect(clippy::inline_always, reason = "kernels become part of their caller, see `simd`")]

use std::ops::Range;
use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::attention_slope::AttentionSlope;
use super::simd::{Kernel, row_of, run};
use super::tile::{LANES, Panels, QUERIES, multiply, softmax};
use super::{Real, is_double, values};

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
        let out = match is_double(packed)? {
            false => Real::storage(self.forward::<f32>(values(packed, layout)?)),
            true => Real::storage(self.forward::<f64>(values(packed, layout)?)),
        };
        Ok((out, (tokens, self.heads.queries * self.heads.size).into()))
    }

    fn bwd(&self, packed: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        if !self.past.is_empty() {
            bail!("gradients do not reach tokens that were run before")
        }
        packed.apply_op2_no_bwd(&gradient.contiguous()?, &AttentionSlope(self.clone())).map(Some)
    }
}

/// Some queries of one row.
struct Block<'a, T> {
    attention: &'a Attention,
    /// Queries, keys and values of the row.
    own: &'a [T],
    /// Keys and values before the row.
    past: &'a [T],
    /// The first query's place in the row.
    first: usize,
    /// Where the answers go.
    out: &'a mut [T],
}

/// What the heads of a block use one after the other.
struct Scratch<T> {
    /// Keys of one head as columns.
    keys: Panels<T>,
    /// Values of one head as rows.
    values: Panels<T>,
    /// Queries, transposed.
    asked: Vec<[T; QUERIES]>,
    /// Scores of each query, and then their softmax.
    scores: [Vec<T>; QUERIES],
    /// Their softmax, transposed.
    weights: Vec<[T; QUERIES]>,
}

impl<T: Real> Scratch<T> {
    fn new(size: usize, seen: usize) -> Self {
        Self {
            keys: Panels::new(size, seen),
            values: Panels::new(seen, size),
            asked: vec![[T::ZERO; QUERIES]; size],
            scores: std::array::from_fn(|_| vec![T::ZERO; seen.next_multiple_of(LANES)]),
            weights: vec![[T::ZERO; QUERIES]; seen],
        }
    }
}

impl<T: Real> Kernel for Block<'_, T> {
    #[inline(always)]
    fn run<const FUSED: bool>(mut self) {
        let Heads { queries, keys, size } = self.attention.heads;
        let before = self.past.len() / self.attention.heads.keys_and_values().max(1);
        let in_row = self.own.len() / self.attention.heads.packed().max(1);
        let asked = self.out.len() / (queries * size).max(1);
        let seen = before + if self.attention.causal { self.first + asked } else { in_row };
        let mut scratch = Scratch::new(size, seen);
        let sharing = (queries / keys.max(1)).max(1);
        for head in 0..queries {
            if head % sharing == 0 {
                self.lay_out(&mut scratch, head / sharing, before, seen);
            }
            for first in (0..asked).step_by(QUERIES) {
                self.answer::<FUSED>(&mut scratch, head, first..asked.min(first + QUERIES), before);
            }
        }
    }
}

impl<T: Real> Block<'_, T> {
    /// Lays out the keys and values of one head.
    #[inline(always)]
    fn lay_out(&self, scratch: &mut Scratch<T>, group: usize, before: usize, seen: usize) {
        let Heads { queries, keys, size } = self.attention.heads;
        for token in 0..seen {
            let both = if token < before {
                row_of(self.past, token, 2 * keys * size)
            } else {
                let packed = row_of(self.own, token - before, (queries + 2 * keys) * size);
                packed.get(queries * size..).unwrap_or_default()
            };
            scratch.keys.set_column(token, row_of(both, group, size));
            scratch.values.set_row(token, row_of(both, keys + group, size));
        }
    }

    /// Answers up to [`QUERIES`] queries of one head; `asked` counts from the block's first.
    #[inline(always)]
    fn answer<const FUSED: bool>(
        &mut self,
        scratch: &mut Scratch<T>,
        head: usize,
        asked: Range<usize>,
        before: usize,
    ) {
        let Heads { queries, size, .. } = self.attention.heads;
        for (at, query) in asked.clone().enumerate() {
            let packed = row_of(self.own, self.first + query, self.attention.heads.packed());
            for (slot, value) in scratch.asked.iter_mut().zip(row_of(packed, head, size)) {
                if let Some(slot) = slot.get_mut(at) {
                    *slot = *value;
                }
            }
        }
        for (group, keys) in scratch.keys.each().enumerate() {
            let tile = multiply::<T, FUSED>(&scratch.asked, keys);
            for (scores, tile) in scratch.scores.iter_mut().zip(tile) {
                for (score, value) in scores.iter_mut().skip(group * LANES).zip(tile) {
                    *score = value;
                }
            }
        }
        for (at, scores) in scratch.scores.iter_mut().enumerate() {
            let position = before + self.first + asked.start + at;
            let seen = self.attention.seen_by(position, scratch.weights.len());
            let bias = self.attention.bias.as_ref().map_or(&[][..], |bias| bias.of(head, position));
            softmax(scores, seen, T::narrow(self.attention.scale), bias);
            for (slot, score) in scratch.weights.iter_mut().zip(scores.iter()) {
                if let Some(slot) = slot.get_mut(at) {
                    *slot = *score;
                }
            }
        }
        for (group, values) in scratch.values.each().enumerate() {
            let tile = multiply::<T, FUSED>(&scratch.weights, values);
            for (query, tile) in asked.clone().zip(tile) {
                let start = (query * queries + head) * size;
                let answer = self.out.get_mut(start..start + size).unwrap_or_default();
                for (slot, value) in answer.iter_mut().skip(group * LANES).zip(tile) {
                    *slot = value;
                }
            }
        }
    }
}
