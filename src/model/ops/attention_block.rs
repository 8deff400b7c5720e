//! The kernel of attention: some queries of one row, head by head.

#![expect(clippy::inline_always, reason = "kernels become part of their caller, see `simd`")]

use std::ops::Range;

use super::Real;
use super::attention::{Attention, Heads};
use super::simd::{Kernel, row_of};
use super::tile::{LANES, Panels, QUERIES, multiply, softmax};

/// Some queries of one row.
pub(super) struct Block<'a, T> {
    pub(super) attention: &'a Attention,
    /// Queries, keys and values of the row.
    pub(super) own: &'a [T],
    /// Keys and values before the row.
    pub(super) past: &'a [T],
    /// The first query's place in the row.
    pub(super) first: usize,
    /// Where the answers go.
    pub(super) out: &'a mut [T],
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
