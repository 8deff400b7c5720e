//! Biases, activations and residuals, with their derivatives; in place where no gradient is asked for.

#![expect(clippy::inline_always, reason = "kernels become part of their caller, see `simd`")]

use std::marker::PhantomData;

use candle_core::{CpuStorage, CustomOp1, CustomOp2, InplaceOp1, InplaceOp2, Layout, Result, Shape, Tensor};

use super::curve::{Activation, Curve, with_curve};
use super::simd::{RowKernel, each_row, row_of};
use super::{Real, copied, in_precision, optional_numbers, values, values_mut, width_of};

/// `act(x + bias)` of `(tokens, width)`.
pub(in crate::model) fn activate(x: Tensor, bias: Option<&Tensor>, activation: Activation) -> Result<Tensor> {
    if bias.is_none() && activation == Activation::Identity {
        return Ok(x);
    }
    let op = Activate { bias: bias.cloned(), activation };
    if x.track_op() {
        return x.apply_op1(op);
    }
    x.inplace_op1(&op)?;
    Ok(x)
}

/// `y + x`, both `(tokens, width)`; overwrites `y`, never `x`.
pub(in crate::model) fn add_residual(y: Tensor, x: &Tensor) -> Result<Tensor> {
    if y.track_op() || x.track_op() {
        return y.add(x);
    }
    y.inplace_op2(x, &AddInPlace)?;
    Ok(y)
}

/// `act(x + bias)`.
struct Activate {
    bias: Option<Tensor>,
    activation: Activation,
}

impl Activate {
    fn overwrite<T: Real>(&self, x: &mut [T], width: usize) -> Result<()> {
        let bias = optional_numbers(self.bias.as_ref())?;
        with_curve!(self.activation, activate_rows(x, width, bias));
        Ok(())
    }
}

impl InplaceOp1 for Activate {
    fn name(&self) -> &'static str {
        "activate"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let width = width_of(layout);
        in_precision!(storage, T => self.overwrite::<T>(values_mut(storage, layout)?, width))
    }
}

impl CustomOp1 for Activate {
    fn name(&self) -> &'static str {
        "activate"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let mut copy = copied(storage, layout)?;
        let whole = Layout::contiguous(layout.shape());
        InplaceOp1::cpu_fwd(self, &mut copy, &whole)?;
        Ok((copy, layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        if self.activation == Activation::Identity {
            return Ok(Some(gradient.clone()));
        }
        let slope = Slope { bias: self.bias.clone(), activation: self.activation };
        gradient.contiguous()?.apply_op2_no_bwd(x, &slope).map(Some)
    }
}

/// `gradient ∘ act′(x + bias)`.
struct Slope {
    bias: Option<Tensor>,
    activation: Activation,
}

impl Slope {
    fn forward<T: Real>(&self, gradient: &[T], x: &[T], width: usize) -> Result<Vec<T>> {
        let bias = optional_numbers(self.bias.as_ref())?;
        let mut out = gradient.to_vec();
        with_curve!(self.activation, slope_rows(&mut out, x, width, bias));
        Ok(out)
    }
}

impl CustomOp2 for Slope {
    fn name(&self) -> &'static str {
        "slope of an activation"
    }

    fn cpu_fwd(
        &self,
        g: &CpuStorage,
        gl: &Layout,
        x: &CpuStorage,
        xl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let width = width_of(gl);
        let out =
            in_precision!(g, T => Real::storage(self.forward::<T>(values(g, gl)?, values(x, xl)?, width)?));
        Ok((out, gl.shape().clone()))
    }
}

/// `y += x`.
struct AddInPlace;

impl InplaceOp2 for AddInPlace {
    fn name(&self) -> &'static str {
        "add in place"
    }

    fn cpu_fwd(&self, y: &mut CpuStorage, yl: &Layout, x: &CpuStorage, xl: &Layout) -> Result<()> {
        let width = width_of(yl);
        in_precision!(x, T => each_row(values_mut(y, yl)?, width, &Add { width, x: values::<T>(x, xl)? }));
        Ok(())
    }
}

fn activate_rows<C: Curve, T: Real>(x: &mut [T], width: usize, bias: Option<Vec<T>>) {
    each_row(x, width, &ActivateRow { bias, curve: PhantomData::<C> });
}

struct ActivateRow<T, C> {
    bias: Option<Vec<T>>,
    curve: PhantomData<C>,
}

impl<T: Real, C: Curve> RowKernel<T> for ActivateRow<T, C> {
    #[inline(always)]
    fn row<const FUSED: bool>(&self, _: usize, out: &mut [T]) {
        match &self.bias {
            Some(bias) => {
                for (x, b) in out.iter_mut().zip(bias) {
                    *x = C::value(*x + *b);
                }
            }
            None => {
                for x in out {
                    *x = C::value(*x);
                }
            }
        }
    }
}

fn slope_rows<C: Curve, T: Real>(gradient: &mut [T], x: &[T], width: usize, bias: Option<Vec<T>>) {
    let bias = bias.unwrap_or_else(|| vec![T::ZERO; width]);
    each_row(gradient, width, &SlopeRow { x, bias, curve: PhantomData::<C> });
}

struct SlopeRow<'a, T, C> {
    x: &'a [T],
    bias: Vec<T>,
    curve: PhantomData<C>,
}

impl<T: Real, C: Curve> RowKernel<T> for SlopeRow<'_, T, C> {
    #[inline(always)]
    fn row<const FUSED: bool>(&self, index: usize, out: &mut [T]) {
        let x = row_of(self.x, index, out.len());
        for ((gradient, x), bias) in out.iter_mut().zip(x).zip(&self.bias) {
            *gradient = *gradient * C::slope(*x + *bias);
        }
    }
}

struct Add<'a, T> {
    width: usize,
    x: &'a [T],
}

impl<T: Real> RowKernel<T> for Add<'_, T> {
    #[inline(always)]
    fn row<const FUSED: bool>(&self, index: usize, out: &mut [T]) {
        for (y, x) in out.iter_mut().zip(row_of(self.x, index, self.width)) {
            *y = *y + *x;
        }
    }
}
