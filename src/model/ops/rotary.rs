//! Rotary positions: pairs of a query's or key's numbers are turned by an angle that grows with the position.

#![expect(clippy::inline_always, reason = "kernels become part of their caller, see `simd`")]

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, InplaceOp1, Layout, Result, Shape, Tensor};

use super::attention::Heads;
use super::simd::{RowKernel, each_row, row_of};
use super::{Real, copied, in_precision, values_mut, width_of};

/// Which numbers of a head make a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::model) enum Pairing {
    /// Number i and number i + half (GPT-NeoX, Llama).
    Halves,
    /// Numbers 2i and 2i + 1 (GPT-J).
    Neighbours,
}

/// The rotation of all queries and keys of a batch.
///
/// The input is packed as [`Attention`](super::Attention) takes it. A pair (a, b) becomes `(a cos φ − b sin φ, b cos φ +
/// a sin φ)`. Angles are worked out in f32, as the models were trained: position times frequency, rounded once.
#[derive(Clone)]
pub(in crate::model) struct Rotary {
    /// Extents.
    pub(in crate::model) heads: Heads,
    /// Which numbers make a pair.
    pub(in crate::model) pairing: Pairing,
    /// Number of pairs of a head; its numbers behind them stay as they are.
    pub(in crate::model) pairs: usize,
    /// `(cos φ, sin φ)` of each pair of each token, `(tokens, pairs)`.
    pub(in crate::model) turns: Arc<[(f32, f32)]>,
}

/// The angles by which pairs are turned from one position to the next.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::model) struct Frequencies {
    /// An angle for each pair.
    pub(in crate::model) angles: Vec<f32>,
    /// What queries and keys are multiplied by besides (1 but for `YaRN`).
    pub(in crate::model) length: f64,
}

impl Frequencies {
    /// `(cos φ, sin φ)` of each pair at each of these positions, times the length.
    #[expect(clippy::cast_possible_truncation, reason = "rounding to the nearest is meant")]
    pub(in crate::model) fn turns(&self, positions: impl Iterator<Item = usize>) -> Arc<[(f32, f32)]> {
        let turn = |angle: f64| ((angle.cos() * self.length) as f32, (angle.sin() * self.length) as f32);
        positions
            .flat_map(|position| {
                self.angles.iter().map(move |angle| turn(f64::from(position as f32 * angle)))
            })
            .collect()
    }
}

impl Rotary {
    /// The packed input, turned; in place where no gradient is asked for.
    pub(in crate::model) fn apply(self, packed: Tensor) -> Result<Tensor> {
        if packed.track_op() {
            return packed.apply_op1(Turn { rotary: self, back: false });
        }
        packed.inplace_op1(&Turn { rotary: self, back: false })?;
        Ok(packed)
    }
}

struct Turn {
    rotary: Rotary,
    /// Whether it turns the other way round, as a gradient does.
    back: bool,
}

impl InplaceOp1 for Turn {
    fn name(&self) -> &'static str {
        "rotary positions"
    }

    fn cpu_fwd(&self, packed: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let width = width_of(layout);
        in_precision!(packed, T => each_row(values_mut::<T>(packed, layout)?, width, self));
        Ok(())
    }
}

impl CustomOp1 for Turn {
    fn name(&self) -> &'static str {
        "rotary positions"
    }

    fn cpu_fwd(&self, packed: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let mut copy = copied(packed, layout)?;
        InplaceOp1::cpu_fwd(self, &mut copy, &Layout::contiguous(layout.shape()))?;
        Ok((copy, layout.shape().clone()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let back = Self { rotary: self.rotary.clone(), back: !self.back };
        gradient.contiguous()?.apply_op1_no_bwd(&back).map(Some)
    }
}

impl<T: Real> RowKernel<T> for Turn {
    #[inline(always)]
    fn row<const FUSED: bool>(&self, index: usize, out: &mut [T]) {
        let Rotary { heads, pairing, pairs, turns } = &self.rotary;
        let turns = row_of(turns, index, *pairs);
        for head in out.chunks_exact_mut(heads.size).take(heads.queries + heads.keys) {
            match pairing {
                Pairing::Halves => {
                    let (low, rest) = head.split_at_mut(*pairs);
                    for ((a, b), turn) in low.iter_mut().zip(rest).zip(turns) {
                        (*a, *b) = self.turned(*a, *b, *turn);
                    }
                }
                Pairing::Neighbours => {
                    for ([a, b], turn) in head.as_chunks_mut::<2>().0.iter_mut().zip(turns) {
                        (*a, *b) = self.turned(*a, *b, *turn);
                    }
                }
            }
        }
    }
}

impl Turn {
    #[inline(always)]
    fn turned<T: Real>(&self, a: T, b: T, (cosine, sine): (f32, f32)) -> (T, T) {
        let cosine = T::narrow(f64::from(cosine));
        let sine = T::narrow(f64::from(if self.back { -sine } else { sine }));
        (a * cosine - b * sine, b * cosine + a * sine)
    }
}
