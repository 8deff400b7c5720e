//! The two float types that models run in, with the functions that the activations need.
//!
//! f32 is what models run in; its functions are polynomials, so that plain loops over them become vector code. f64 is
//! there for tests of the gradients, where f32 would drown a difference quotient; its functions are the standard ones.

#![expect(clippy::inline_always, reason = "kernels become part of their caller, see `simd`")]

use candle_core::{CpuStorage, DType};

/// An expression in which `$real` is the type of a storage's numbers: f32, or f64.
macro_rules! in_precision {
    ($storage:expr, $real:ident => $body:expr) => {
        if $crate::model::ops::is_double($storage)? {
            type $real = f64;
            $body
        } else {
            type $real = f32;
            $body
        }
    };
}
pub(super) use in_precision;

/// `1.5 · 2²³`: adding it to a small f32 leaves the nearest integer in the low bits of the mantissa.
const ROUNDING: f32 = 12_582_912.0;

/// A float that a forward pass can run in.
pub(in crate::model) trait Real:
    Copy
    + Send
    + Sync
    + PartialOrd
    + std::fmt::Debug
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::Div<Output = Self>
    + std::ops::Neg<Output = Self>
    + 'static
{
    /// What candle calls it.
    const DTYPE: DType;
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// Its exact value as f64.
    fn wide(self) -> f64;
    /// The nearest value to an f64.
    fn narrow(value: f64) -> Self;
    /// eˣ. In f32: relative error below 2e-7 from −87 to 88, 0 below that, ∞ above, NaN of NaN.
    fn exp(self) -> Self;
    /// The distribution function of the normal distribution, `Φ(x) = erfc(−x/√2) / 2`. In f32: absolute error below 2e-7.
    fn normal_cdf(self) -> Self;
    /// `a · b + c`; rounded once where `FUSED`.
    fn multiply_add<const FUSED: bool>(a: Self, b: Self, c: Self) -> Self;
    /// The numbers of a storage of this type; `None` for another's.
    fn slice(storage: &CpuStorage) -> Option<&[Self]>;
    /// The numbers of a storage of this type, to be changed in place.
    fn slice_mut(storage: &mut CpuStorage) -> Option<&mut [Self]>;
    /// A storage that owns these numbers.
    fn storage(values: Vec<Self>) -> CpuStorage;

    /// Adds numbers at the end of a storage; one of another type is replaced.
    fn append(storage: &mut CpuStorage, values: impl Iterator<Item = Self>);
}

impl Real for f32 {
    const DTYPE: DType = DType::F32;
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;

    #[inline(always)]
    fn wide(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "rounding to the nearest is meant")]
    fn narrow(value: f64) -> Self {
        value as Self
    }

    /// `eˣ = 2ⁿ eʳ` with n the nearest integer to x/ln 2 and |r| ≤ ln 2 / 2; eʳ by its series to r⁷.
    #[inline(always)]
    fn exp(self) -> Self {
        // Comparisons that keep a NaN, which `min` and `max` would drop.
        let capped = if self > 89.0 { 89.0 } else { self };
        let x = if capped < -87.0 { -87.0 } else { capped };
        let shifted = x * std::f32::consts::LOG2_E + ROUNDING;
        let n = shifted - ROUNDING;
        // ln 2 in two parts; the first has so few bits that n times it is exact.
        let r = (x - n * 0.693_359_4) - n * -2.121_944_4e-4;
        let mut series = 1.0 / 5040.0;
        series = series * r + 1.0 / 720.0;
        series = series * r + 1.0 / 120.0;
        series = series * r + 1.0 / 24.0;
        series = series * r + 1.0 / 6.0;
        series = series * r + 0.5;
        series = series * r + 1.0;
        series = series * r + 1.0;
        // 2ⁿ⁻¹ from its bits: n is at least −126, whose bits are those of 0, and at most 128.
        let exponent = shifted.to_bits().wrapping_sub(ROUNDING.to_bits()).wrapping_add(126);
        series * f32::from_bits(exponent << 23) * 2.0
    }

    /// `erfc(z) = t · exp(−z² + P(t))`, t = 1/(1 + z/2), with the polynomial of Numerical Recipes (`erfcc`), whose
    /// relative error is below 1.2e-7 for z ≥ 0; the other side by symmetry.
    #[inline(always)]
    fn normal_cdf(self) -> Self {
        let z = self.abs() * std::f32::consts::FRAC_1_SQRT_2;
        let t = 1.0 / (1.0 + 0.5 * z);
        let mut p: f32 = 0.170_872_76;
        p = p * t - 0.822_152_26;
        p = p * t + 1.488_515_9;
        p = p * t - 1.135_204;
        p = p * t + 0.278_868_08;
        p = p * t - 0.186_288_06;
        p = p * t + 0.096_784_18;
        p = p * t + 0.374_091_95;
        p = p * t + 1.000_023_7;
        p = p * t - 1.265_512_2;
        let half = 0.5 * t * Real::exp(p - z * z);
        if self < 0.0 { half } else { 1.0 - half }
    }

    #[inline(always)]
    fn multiply_add<const FUSED: bool>(a: Self, b: Self, c: Self) -> Self {
        if FUSED { a.mul_add(b, c) } else { a * b + c }
    }

    fn slice(storage: &CpuStorage) -> Option<&[Self]> {
        match storage {
            CpuStorage::F32(values) => Some(values),
            _ => None,
        }
    }

    fn slice_mut(storage: &mut CpuStorage) -> Option<&mut [Self]> {
        match storage {
            CpuStorage::F32(values) => Some(values),
            _ => None,
        }
    }

    fn storage(values: Vec<Self>) -> CpuStorage {
        CpuStorage::F32(values)
    }

    fn append(storage: &mut CpuStorage, values: impl Iterator<Item = Self>) {
        match storage {
            CpuStorage::F32(all) => all.extend(values),
            other => *other = CpuStorage::F32(values.collect()),
        }
    }
}

impl Real for f64 {
    const DTYPE: DType = DType::F64;
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;

    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }

    #[inline(always)]
    fn narrow(value: f64) -> Self {
        value
    }

    fn exp(self) -> Self {
        f64::exp(self)
    }

    fn normal_cdf(self) -> Self {
        0.5 * statrs::function::erf::erfc(-self * std::f64::consts::FRAC_1_SQRT_2)
    }

    #[inline(always)]
    fn multiply_add<const FUSED: bool>(a: Self, b: Self, c: Self) -> Self {
        if FUSED { a.mul_add(b, c) } else { a * b + c }
    }

    fn slice(storage: &CpuStorage) -> Option<&[Self]> {
        match storage {
            CpuStorage::F64(values) => Some(values),
            _ => None,
        }
    }

    fn slice_mut(storage: &mut CpuStorage) -> Option<&mut [Self]> {
        match storage {
            CpuStorage::F64(values) => Some(values),
            _ => None,
        }
    }

    fn storage(values: Vec<Self>) -> CpuStorage {
        CpuStorage::F64(values)
    }

    fn append(storage: &mut CpuStorage, values: impl Iterator<Item = Self>) {
        match storage {
            CpuStorage::F64(all) => all.extend(values),
            other => *other = CpuStorage::F64(values.collect()),
        }
    }
}
