//! The functions that an MLP applies to each number, and their derivatives.

#![expect(clippy::inline_always, reason = "kernels become part of their caller, see `simd`")]

use super::Real;

/// `√(2/π)`, of the tanh form of gelu.
const ROOT_TWO_OVER_PI: f64 = 0.797_884_560_802_865_4;
/// The cubic term of the tanh form of gelu (Hendrycks and Gimpel 2016).
const CUBIC: f64 = 0.044_715;
/// `1/√(2π)`, the density of the normal distribution at 0.
const DENSITY_AT_ZERO: f64 = 0.398_942_280_401_432_7;

/// A function that an MLP applies to each number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::model) enum Activation {
    /// x: what remains is the bias.
    Identity,
    /// gelu in its tanh form (`gelu_new`, `gelu_pytorch_tanh`).
    GeluTanh,
    /// gelu by the normal distribution itself (`gelu`).
    GeluErf,
    /// `silu`, also called `swish`.
    Silu,
    /// `relu`.
    Relu,
}

/// A function of one number and its derivative. A type for each, so that a loop is compiled for each.
pub(super) trait Curve: Send + Sync + 'static {
    /// f(x).
    fn value<T: Real>(x: T) -> T;
    /// f′(x).
    fn slope<T: Real>(x: T) -> T;
}

/// Calls a generic function with the curve of an [`Activation`] as its first type.
macro_rules! with_curve {
    ($activation:expr, $call:ident $arguments:tt) => {
        match $activation {
            Activation::Identity => $call::<$crate::model::ops::curve::Identity, _>$arguments,
            Activation::GeluTanh => $call::<$crate::model::ops::curve::GeluTanh, _>$arguments,
            Activation::GeluErf => $call::<$crate::model::ops::curve::GeluErf, _>$arguments,
            Activation::Silu => $call::<$crate::model::ops::curve::Silu, _>$arguments,
            Activation::Relu => $call::<$crate::model::ops::curve::Relu, _>$arguments,
        }
    };
}
pub(super) use with_curve;

/// x.
pub(super) struct Identity;

impl Curve for Identity {
    #[inline(always)]
    fn value<T: Real>(x: T) -> T {
        x
    }

    #[inline(always)]
    fn slope<T: Real>(_: T) -> T {
        T::ONE
    }
}

/// `x · σ(2u)` with `u = √(2/π) (x + 0.044715 x³)`, which is `x (1 + tanh u) / 2`.
///
/// Written with the logistic function because `1 + tanh u` loses all its digits on the left.
pub(super) struct GeluTanh;

impl Curve for GeluTanh {
    #[inline(always)]
    fn value<T: Real>(x: T) -> T {
        x * logistic(gelu_argument(x))
    }

    #[inline(always)]
    fn slope<T: Real>(x: T) -> T {
        let s = logistic(gelu_argument(x));
        let inner = T::narrow(2.0 * ROOT_TWO_OVER_PI) * (T::ONE + T::narrow(3.0 * CUBIC) * x * x);
        s + x * s * (T::ONE - s) * inner
    }
}

/// `x · Φ(x)`.
pub(super) struct GeluErf;

impl Curve for GeluErf {
    #[inline(always)]
    fn value<T: Real>(x: T) -> T {
        x * x.normal_cdf()
    }

    #[inline(always)]
    fn slope<T: Real>(x: T) -> T {
        x.normal_cdf() + x * T::narrow(DENSITY_AT_ZERO) * (T::narrow(-0.5) * x * x).exp()
    }
}

/// `x · σ(x)`.
pub(super) struct Silu;

impl Curve for Silu {
    #[inline(always)]
    fn value<T: Real>(x: T) -> T {
        x * logistic(x)
    }

    #[inline(always)]
    fn slope<T: Real>(x: T) -> T {
        let s = logistic(x);
        s * (T::ONE + x * (T::ONE - s))
    }
}

/// The larger of x and 0; NaN of NaN.
pub(super) struct Relu;

impl Curve for Relu {
    #[inline(always)]
    fn value<T: Real>(x: T) -> T {
        if x < T::ZERO { T::ZERO } else { x }
    }

    #[inline(always)]
    fn slope<T: Real>(x: T) -> T {
        if x > T::ZERO { T::ONE } else { T::ZERO }
    }
}

/// `σ(x) = 1 / (1 + e⁻ˣ)`.
#[inline(always)]
fn logistic<T: Real>(x: T) -> T {
    T::ONE / (T::ONE + (-x).exp())
}

/// 2u of [`GeluTanh`].
#[inline(always)]
fn gelu_argument<T: Real>(x: T) -> T {
    T::narrow(2.0 * ROOT_TWO_OVER_PI) * (x + T::narrow(CUBIC) * x * x * x)
}
