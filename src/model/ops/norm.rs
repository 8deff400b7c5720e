//! Layer norm and RMS norm over the last extent.

#![expect(clippy::inline_always, reason = "kernels become part of their caller, see `simd`")]

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};

use super::simd::{RowKernel, each_row, row_of};
use super::{Real, in_precision, numbers, optional_numbers, values, width_of};

/// Running sums of one reduction, so that it vectorises; they are added in their order.
const LANES: usize = 16;

/// Which norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::model) enum NormKind {
    /// `w ∘ (x − mean) / √(variance + ε) + b`.
    Layer,
    /// `w ∘ x / √(mean of squares + ε)`.
    RootMeanSquare,
}

impl NormKind {
    /// Whether it has a bias.
    pub(in crate::model) fn has_bias(self) -> bool {
        self == Self::Layer
    }
}

/// A norm with its weights, which are frozen. Mean and variance are summed in f64.
#[derive(Clone)]
pub(in crate::model) struct Norm {
    /// Which.
    pub(in crate::model) kind: NormKind,
    /// ε.
    pub(in crate::model) epsilon: f64,
    /// w, as long as a row.
    pub(in crate::model) weight: Tensor,
    /// b, as long as a row.
    pub(in crate::model) bias: Option<Tensor>,
}

impl Norm {
    /// Each row of `(…, width)`, normed.
    pub(in crate::model) fn apply(&self, x: &Tensor) -> Result<Tensor> {
        x.apply_op1(self.clone())
    }

    fn forward<T: Real>(&self, x: &[T], width: usize) -> Result<Vec<T>> {
        let weight = numbers(&self.weight)?;
        let bias = optional_numbers(self.bias.as_ref())?;
        let mut out = vec![T::ZERO; x.len()];
        each_row(&mut out, width, &NormRow { kind: self.kind, epsilon: self.epsilon, x, weight, bias });
        Ok(out)
    }

    fn backward<T: Real>(&self, gradient: &[T], x: &[T], width: usize) -> Result<Vec<T>> {
        let weight = numbers(&self.weight)?;
        let mut out = gradient.to_vec();
        each_row(&mut out, width, &SlopeRow { kind: self.kind, epsilon: self.epsilon, x, weight });
        Ok(out)
    }
}

impl CustomOp1 for Norm {
    fn name(&self) -> &'static str {
        "norm"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let width = width_of(layout);
        let out = in_precision!(x, T => Real::storage(self.forward::<T>(values(x, layout)?, width)?));
        Ok((out, layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        gradient.contiguous()?.apply_op2_no_bwd(x, &Slope(self.clone())).map(Some)
    }
}

/// The gradient of a norm by its input.
struct Slope(Norm);

impl CustomOp2 for Slope {
    fn name(&self) -> &'static str {
        "slope of a norm"
    }

    fn cpu_fwd(
        &self,
        g: &CpuStorage,
        gl: &Layout,
        x: &CpuStorage,
        xl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let width = width_of(gl);
        let out = in_precision!(g, T => {
            Real::storage(self.0.backward::<T>(values(g, gl)?, values(x, xl)?, width)?)
        });
        Ok((out, gl.shape().clone()))
    }
}

/// Mean (0 for the RMS norm) and reciprocal deviation of a row.
#[inline(always)]
fn moments<T: Real>(x: &[T], kind: NormKind, epsilon: f64) -> (f64, f64) {
    let n = x.len() as f64;
    let mean = match kind {
        NormKind::Layer => sum(x, |x| x) / n,
        NormKind::RootMeanSquare => 0.0,
    };
    let variance = sum(x, |x| (x - mean) * (x - mean)) / n;
    (mean, 1.0 / (variance + epsilon).sqrt())
}

/// `Σ f(x)` in f64.
#[inline(always)]
fn sum<T: Real>(x: &[T], f: impl Fn(f64) -> f64) -> f64 {
    let mut lanes = [0.0; LANES];
    let (chunks, rest) = x.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane += f(x.wide());
        }
    }
    lanes.iter().sum::<f64>() + rest.iter().map(|x| f(x.wide())).sum::<f64>()
}

struct NormRow<'a, T> {
    kind: NormKind,
    epsilon: f64,
    x: &'a [T],
    weight: Vec<T>,
    bias: Option<Vec<T>>,
}

impl<T: Real> RowKernel<T> for NormRow<'_, T> {
    #[inline(always)]
    fn row<const FUSED: bool>(&self, index: usize, out: &mut [T]) {
        let x = row_of(self.x, index, out.len());
        let (mean, scale) = moments(x, self.kind, self.epsilon);
        let (mean, scale) = (T::narrow(mean), T::narrow(scale));
        for ((out, x), w) in out.iter_mut().zip(x).zip(&self.weight) {
            *out = (*x - mean) * scale * *w;
        }
        if let Some(bias) = &self.bias {
            for (out, b) in out.iter_mut().zip(bias) {
                *out = *out + *b;
            }
        }
    }
}

/// `s (h − mean(h) − x̂ mean(h ∘ x̂))` with `h = w ∘ gradient`, `x̂ = s (x − mean)`; the RMS norm has no `mean(h)`.
struct SlopeRow<'a, T> {
    kind: NormKind,
    epsilon: f64,
    x: &'a [T],
    weight: Vec<T>,
}

impl<T: Real> RowKernel<T> for SlopeRow<'_, T> {
    #[inline(always)]
    fn row<const FUSED: bool>(&self, index: usize, out: &mut [T]) {
        let x = row_of(self.x, index, out.len());
        let (mean, scale) = moments(x, self.kind, self.epsilon);
        let (mut along, mut level) = (0.0, 0.0);
        for ((out, x), w) in out.iter_mut().zip(x).zip(&self.weight) {
            *out = *out * *w;
            along += out.wide() * (x.wide() - mean) * scale;
            level += out.wide();
        }
        let n = out.len() as f64;
        let level = if self.kind == NormKind::Layer { level / n } else { 0.0 };
        let along = along / n;
        for (out, x) in out.iter_mut().zip(x) {
            let unit = (x.wide() - mean) * scale;
            *out = T::narrow(scale * (out.wide() - level - unit * along));
        }
    }
}
