//! The derivative of attention by queries, keys and values; the scores are worked out anew, as none were kept.
//!
//! Keys and values that stand before a row are constants: queries feel them, and no gradient goes to them.

#![expect(clippy::inline_always, reason = "kernels become part of their caller, see `simd`")]

use std::ops::Range;

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape};
use rayon::prelude::*;

use super::attention::{Attention, Heads};
use super::simd::{Kernel, row_of, run};
use super::tile::{LANES, softmax};
use super::{Real, in_precision, values};

/// The gradient by the packed input, of the packed input and the gradient by the output.
///
/// ```text
/// p = softmax(s q·k + bias)    a = p·(g vᵀ)    e = s p ∘ (g vᵀ − a)
/// ∂q = e k    ∂k = eᵀ q    ∂v = pᵀ g
/// ```
pub(super) struct AttentionSlope(pub(super) Attention);

impl CustomOp2 for AttentionSlope {
    fn name(&self) -> &'static str {
        "slope of attention"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        g: &CpuStorage,
        gl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let out = in_precision!(x, T => Real::storage(self.forward::<T>(values(x, xl)?, values(g, gl)?)));
        Ok((out, xl.shape().clone()))
    }
}

impl AttentionSlope {
    fn forward<T: Real>(&self, packed: &[T], gradient: &[T]) -> Vec<T> {
        let attention = &self.0;
        let width = attention.heads.queries * attention.heads.size;
        let mut out = vec![T::ZERO; packed.len()];
        let (mut rows, mut rest, mut gradient) = (Vec::new(), out.as_mut_slice(), gradient);
        for (row, own) in attention.rows(packed).enumerate() {
            let past = attention.past.get(row).and_then(|past| T::slice(past)).unwrap_or_default();
            let (slope, behind) = std::mem::take(&mut rest).split_at_mut(own.len());
            let (above, later) = gradient.split_at(own.len() / attention.heads.packed() * width);
            (rest, gradient) = (behind, later);
            rows.push(Row { attention, own, past, above, slope });
        }
        rows.into_par_iter().for_each(run);
        out
    }
}

/// One row: its packed input, what stands before it, the gradient by its output, and where the gradient by its input goes.
struct Row<'a, T> {
    attention: &'a Attention,
    own: &'a [T],
    past: &'a [T],
    above: &'a [T],
    slope: &'a mut [T],
}

impl<T: Real> Kernel for Row<'_, T> {
    #[inline(always)]
    fn run<const FUSED: bool>(mut self) {
        let before = self.past.len() / self.attention.heads.keys_and_values();
        let tokens = before + self.own.len() / self.attention.heads.packed();
        let mut shares = vec![T::ZERO; tokens.next_multiple_of(LANES)];
        for head in 0..self.attention.heads.queries {
            for query in before..tokens {
                self.query(&mut shares, head, query, before..tokens);
            }
        }
    }
}

impl<'a, T: Real> Row<'a, T> {
    /// `slope[token, slot] += factor · x`, for a token of the row itself.
    #[inline(always)]
    fn add(&mut self, token: usize, slot: usize, factor: T, x: &[T]) {
        let heads = self.attention.heads;
        let start = token * heads.packed() + slot * heads.size;
        let target = self.slope.get_mut(start..start + heads.size).unwrap_or_default();
        for (target, x) in target.iter_mut().zip(x) {
            *target = *target + factor * *x;
        }
    }

    /// A key or a value, counted in this order, of a token that stands before the row or, from `before` on, in it.
    #[inline(always)]
    fn asked(&self, token: usize, slot: usize, before: usize) -> &'a [T] {
        let heads = self.attention.heads;
        if token < before {
            row_of(row_of(self.past, token, heads.keys_and_values()), slot, heads.size)
        } else {
            vector(self.own, heads, token - before, heads.queries + slot)
        }
    }

    /// What one query of one head adds to the gradients. Positions count from the first token before the row; `own` are
    /// those of the row.
    #[inline(always)]
    fn query(&mut self, shares: &mut [T], head: usize, query: usize, own: Range<usize>) {
        let (attention, before) = (self.attention, own.start);
        let heads = attention.heads;
        let group = head / (heads.queries / heads.keys.max(1)).max(1);
        let (key, value) = (group, heads.keys + group);
        let asking = vector(self.own, heads, query - before, head);
        let seen = attention.seen_by(query, own.end);
        for token in seen.clone() {
            if let Some(share) = shares.get_mut(token) {
                *share = dot(asking, self.asked(token, key, before));
            }
        }
        let bias = attention.bias.as_ref().map_or(&[][..], |bias| bias.of(head, query));
        softmax(shares, seen.clone(), T::narrow(attention.scale), bias);
        let above = row_of(row_of(self.above, query - before, heads.queries * heads.size), head, heads.size);
        let along: Vec<T> = seen.clone().map(|token| dot(above, self.asked(token, value, before))).collect();
        let shares = shares.get(seen.clone()).unwrap_or_default();
        let mean = shares.iter().zip(&along).fold(0.0, |sum, (p, a)| sum + p.wide() * a.wide());
        for ((token, share), along) in seen.zip(shares).zip(&along) {
            let change = T::narrow(attention.scale * share.wide() * (along.wide() - mean));
            let at = query - before;
            self.add(at, head, change, self.asked(token, key, before));
            if let Some(token) = token.checked_sub(before) {
                self.add(token, heads.queries + key, change, asking);
                self.add(token, heads.queries + value, *share, above);
            }
        }
    }
}

/// One vector of a token: a query, a key or a value, counted in this order.
#[inline(always)]
fn vector<T>(own: &[T], heads: Heads, token: usize, slot: usize) -> &[T] {
    row_of(row_of(own, token, heads.packed()), slot, heads.size)
}

/// `Σ aᵢ bᵢ`.
#[inline(always)]
fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    a.iter().zip(b).fold(T::ZERO, |sum, (a, b)| sum + *a * *b)
}
