//! The gate of a gated MLP, and its derivative.

#![expect(clippy::inline_always, reason = "kernels become part of their caller, see `simd`")]

use std::marker::PhantomData;

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};

use super::curve::{Activation, Curve, with_curve};
use super::simd::{RowKernel, each_row, row_of};
use super::{Real, in_precision, values, width_of};

/// `act(g) ∘ u` of `(tokens, 2·width)`, where a row holds g and behind it u; gives `(tokens, width)`.
pub(in crate::model) fn gate(both: &Tensor, activation: Activation) -> Result<Tensor> {
    both.apply_op1(Gate { activation })
}

/// `act(g) ∘ u`, both in one row.
struct Gate {
    activation: Activation,
}

impl Gate {
    fn forward<T: Real>(&self, both: &[T], width: usize) -> Vec<T> {
        let mut out = vec![T::ZERO; both.len() / 2];
        with_curve!(self.activation, gate_rows(&mut out, both, width));
        out
    }

    fn backward<T: Real>(&self, both: &[T], gradient: &[T], width: usize) -> Vec<T> {
        let mut out = both.to_vec();
        with_curve!(self.activation, gate_slope_rows(&mut out, gradient, width));
        out
    }
}

impl CustomOp1 for Gate {
    fn name(&self) -> &'static str {
        "gate"
    }

    fn cpu_fwd(&self, both: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (tokens, width) = layout.shape().dims2()?;
        let out =
            in_precision!(both, T => Real::storage(self.forward::<T>(values(both, layout)?, width / 2)));
        Ok((out, (tokens, width / 2).into()))
    }

    fn bwd(&self, both: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let slope = GateSlope(Self { activation: self.activation });
        both.apply_op2_no_bwd(&gradient.contiguous()?, &slope).map(Some)
    }
}

/// The gradient of [`Gate`] for both halves: `gradient ∘ u ∘ act′(g)` and `gradient ∘ act(g)`.
struct GateSlope(Gate);

impl CustomOp2 for GateSlope {
    fn name(&self) -> &'static str {
        "slope of a gate"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        g: &CpuStorage,
        gl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let width = width_of(gl);
        let out =
            in_precision!(x, T => Real::storage(self.0.backward::<T>(values(x, xl)?, values(g, gl)?, width)));
        Ok((out, xl.shape().clone()))
    }
}

fn gate_rows<C: Curve, T: Real>(out: &mut [T], both: &[T], width: usize) {
    each_row(out, width, &GateRow { both, curve: PhantomData::<C> });
}

struct GateRow<'a, T, C> {
    both: &'a [T],
    curve: PhantomData<C>,
}

impl<T: Real, C: Curve> RowKernel<T> for GateRow<'_, T, C> {
    #[inline(always)]
    fn row<const FUSED: bool>(&self, index: usize, out: &mut [T]) {
        let (gate, up) = row_of(self.both, index, 2 * out.len()).split_at(out.len());
        for ((out, gate), up) in out.iter_mut().zip(gate).zip(up) {
            *out = C::value(*gate) * *up;
        }
    }
}

fn gate_slope_rows<C: Curve, T: Real>(both: &mut [T], gradient: &[T], width: usize) {
    each_row(both, 2 * width, &GateSlopeRow { gradient, curve: PhantomData::<C> });
}

struct GateSlopeRow<'a, T, C> {
    gradient: &'a [T],
    curve: PhantomData<C>,
}

impl<T: Real, C: Curve> RowKernel<T> for GateSlopeRow<'_, T, C> {
    #[inline(always)]
    fn row<const FUSED: bool>(&self, index: usize, both: &mut [T]) {
        let width = both.len() / 2;
        let gradient = row_of(self.gradient, index, width);
        let (gate, up) = both.split_at_mut(width);
        for ((gate, up), gradient) in gate.iter_mut().zip(up).zip(gradient) {
            let (g, u) = (*gate, *up);
            *gate = *gradient * u * C::slope(g);
            *up = *gradient * C::value(g);
        }
    }
}
