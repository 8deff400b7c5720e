//! The derivative of attention by queries, keys and values; the scores are worked out anew, as none were kept.

#![expect(clippy::inline_always, reason = "kernels become part of their caller, see `simd`")]

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
        for own in attention.rows(packed) {
            let (slope, behind) = std::mem::take(&mut rest).split_at_mut(own.len());
            let (above, later) = gradient.split_at(own.len() / attention.heads.packed() * width);
            (rest, gradient) = (behind, later);
            rows.push(Row { attention, own, above, slope });
        }
        rows.into_par_iter().for_each(run);
        out
    }
}

/// One row: its packed input, the gradient by its output, and where the gradient by its input goes.
struct Row<'a, T> {
    attention: &'a Attention,
    own: &'a [T],
    above: &'a [T],
    slope: &'a mut [T],
}

impl<T: Real> Kernel for Row<'_, T> {
    #[inline(always)]
    fn run<const FUSED: bool>(mut self) {
        let tokens = self.own.len() / self.attention.heads.packed();
        let mut shares = vec![T::ZERO; tokens.next_multiple_of(LANES)];
        for head in 0..self.attention.heads.queries {
            for query in 0..tokens {
                self.query(&mut shares, head, query, tokens);
            }
        }
    }
}

impl<T: Real> Row<'_, T> {
    /// `slope[token, slot] += factor · x`.
    #[inline(always)]
    fn add(&mut self, token: usize, slot: usize, factor: T, x: &[T]) {
        let heads = self.attention.heads;
        let start = token * heads.packed() + slot * heads.size;
        let target = self.slope.get_mut(start..start + heads.size).unwrap_or_default();
        for (target, x) in target.iter_mut().zip(x) {
            *target = *target + factor * *x;
        }
    }

    /// What one query of one head adds to the gradients.
    #[inline(always)]
    fn query(&mut self, shares: &mut [T], head: usize, query: usize, tokens: usize) {
        let attention = self.attention;
        let (heads, own) = (attention.heads, self.own);
        let group = head / (heads.queries / heads.keys.max(1)).max(1);
        let (key, value) = (heads.queries + group, heads.queries + heads.keys + group);
        let seen = attention.seen_by(query, tokens);
        for token in seen.clone() {
            if let Some(share) = shares.get_mut(token) {
                *share = dot(vector(own, heads, query, head), vector(own, heads, token, key));
            }
        }
        let bias = attention.bias.as_ref().map_or(&[][..], |bias| bias.of(head, query));
        softmax(shares, seen.clone(), T::narrow(attention.scale), bias);
        let above = row_of(row_of(self.above, query, heads.queries * heads.size), head, heads.size);
        let along: Vec<T> = seen.clone().map(|token| dot(above, vector(own, heads, token, value))).collect();
        let shares = shares.get(seen.clone()).unwrap_or_default();
        let mean = shares.iter().zip(&along).fold(0.0, |sum, (p, a)| sum + p.wide() * a.wide());
        for ((token, share), along) in seen.zip(shares).zip(&along) {
            let change = T::narrow(attention.scale * share.wide() * (along.wide() - mean));
            self.add(query, head, change, vector(own, heads, token, key));
            self.add(token, key, change, vector(own, heads, query, head));
            self.add(token, value, *share, above);
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
