//! A stored matrix, or the difference of two, as rows of f64.

#![expect(
    clippy::inline_always,
    reason = "a kernel is compiled for the instructions of its caller, see `Kernel`"
)]

use std::convert::Infallible;

use super::operator::{Products, RowSource};
use super::simd::{self, Arithmetic, Kernel};
use crate::tensor::{Dtype, decode};

/// `out = after − before`, element by element in f64.
///
/// Shapes: both byte slices hold `out.len()` little-endian elements of their dtype; a shorter slice leaves the
/// rest of `out` as it was. Exact wherever f64 holds both values and their difference (every pair of 8-,
/// 16- and 32-bit values within 2²⁹ of each other).
/// Degenerate: a NaN or infinity in either gives what IEEE subtraction gives.
pub fn difference(before: (Dtype, &[u8]), after: (Dtype, &[u8]), out: &mut [f64]) {
    match (before.0, after.0) {
        (Dtype::BF16, Dtype::BF16) => simd::run(Widen::difference(bf16_to_f32, before.1, after.1, out)),
        (Dtype::F16, Dtype::F16) => simd::run(Widen::difference(f16_to_f32, before.1, after.1, out)),
        (Dtype::F32, Dtype::F32) => simd::run(Widen::difference(f32_of, before.1, after.1, out)),
        _ => {
            widen(after.0, after.1, out);
            subtract(before, out);
        }
    }
}

/// As [`decode`], with fast loops for the dtypes that models are stored in.
pub fn widen(dtype: Dtype, bytes: &[u8], out: &mut [f64]) {
    match dtype {
        Dtype::BF16 => simd::run(Widen::values(bf16_to_f32, bytes, out)),
        Dtype::F16 => simd::run(Widen::values(f16_to_f32, bytes, out)),
        Dtype::F32 => simd::run(Widen::values(f32_of, bytes, out)),
        _ => decode(dtype, bytes, out),
    }
}

/// `out −= values`, a piece at a time through a small buffer.
fn subtract((dtype, bytes): (Dtype, &[u8]), out: &mut [f64]) {
    const PIECE: usize = 1024;
    let Some(width) = dtype.bytes() else { return };
    let mut values = [0.0; PIECE];
    for (piece, encoded) in out.chunks_mut(PIECE).zip(bytes.chunks(PIECE * width)) {
        widen(dtype, encoded, &mut values);
        for (slot, value) in piece.iter_mut().zip(&values) {
            *slot -= value;
        }
    }
}

/// Reads `N`-byte elements through `read`, and subtracts those of a second slice where there is one.
struct Widen<'a, const N: usize, F> {
    read: F,
    minus: Option<&'a [u8]>,
    bytes: &'a [u8],
    out: &'a mut [f64],
}

impl<'a, const N: usize, F: Fn([u8; N]) -> f32> Widen<'a, N, F> {
    fn values(read: F, bytes: &'a [u8], out: &'a mut [f64]) -> Self {
        Self { read, minus: None, bytes, out }
    }

    fn difference(read: F, before: &'a [u8], after: &'a [u8], out: &'a mut [f64]) -> Self {
        Self { read, minus: Some(before), bytes: after, out }
    }
}

impl<const N: usize, F: Fn([u8; N]) -> f32> Kernel for Widen<'_, N, F> {
    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "see `Kernel`; cut to size first")]
    fn run<const ROWS: usize, A: Arithmetic>(self) {
        let elements = self.bytes.as_chunks::<N>().0;
        let length = self.out.len().min(elements.len());
        let (out, elements) = (&mut self.out[..length], &elements[..length]);
        let Some(minus) = self.minus else {
            for at in 0..length {
                out[at] = f64::from((self.read)(elements[at]));
            }
            return;
        };
        let minus = minus.as_chunks::<N>().0;
        let length = length.min(minus.len());
        let (out, elements, minus) = (&mut out[..length], &elements[..length], &minus[..length]);
        for at in 0..length {
            out[at] = f64::from((self.read)(elements[at])) - f64::from((self.read)(minus[at]));
        }
    }
}

#[inline(always)]
fn f32_of(bytes: [u8; 4]) -> f32 {
    f32::from_le_bytes(bytes)
}

#[inline(always)]
fn bf16_to_f32(bytes: [u8; 2]) -> f32 {
    f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16)
}

/// IEEE half to single without a branch, so that the loop around it becomes vector instructions.
///
/// Exponent and mantissa are shifted into place and the bias is corrected by an addition; a subnormal half
/// becomes `2⁻¹⁴ (1 + mantissa)` first, and the `2⁻¹⁴` is then subtracted exactly.
#[inline(always)]
fn f16_to_f32(bytes: [u8; 2]) -> f32 {
    const EXPONENT: u32 = 0x7c00 << 13;
    const REBIAS: u32 = (127 - 15) << 23;
    let half = u32::from(u16::from_le_bytes(bytes));
    let shifted = (half & 0x7fff) << 13;
    let exponent = shifted & EXPONENT;
    let normal = shifted + REBIAS;
    let subnormal = f32::from_bits(normal + (1 << 23)) - f32::from_bits(113 << 23);
    let magnitude = if exponent == 0 {
        subnormal.to_bits()
    } else if exponent == EXPONENT {
        normal + REBIAS
    } else {
        normal
    };
    f32::from_bits(magnitude | (half & 0x8000) << 16)
}

/// A row-major `(rows, cols)` matrix in the bytes of its dtype.
#[derive(Clone, Copy, Debug)]
pub struct StoredMatrix<'a> {
    /// Element type.
    pub dtype: Dtype,
    /// Little-endian elements, `rows · cols` of them.
    pub bytes: &'a [u8],
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
}

impl<'a> StoredMatrix<'a> {
    /// Bytes from an element on, as far as there are any.
    fn bytes_from(&self, row: usize, col: usize) -> &'a [u8] {
        let width = self.dtype.bytes().unwrap_or(0);
        self.bytes.get((row * self.cols + col) * width..).unwrap_or(&[])
    }
}

impl RowSource for StoredMatrix<'_> {
    type Error = Infallible;

    fn rows(&self) -> usize {
        self.rows
    }

    fn cols(&self) -> usize {
        self.cols
    }

    fn fill(&self, row: usize, first_col: usize, out: &mut [f64]) -> Result<(), Infallible> {
        widen(self.dtype, self.bytes_from(row, first_col), out);
        Ok(())
    }
}

/// `after − before` of two stored matrices of one shape.
#[derive(Clone, Copy, Debug)]
pub struct StoredDelta<'a> {
    /// The matrix that was edited.
    pub before: StoredMatrix<'a>,
    /// What the edit made of it.
    pub after: StoredMatrix<'a>,
    /// Who multiplies with the difference, where there is someone.
    pub products: Option<&'a dyn Products>,
}

impl RowSource for StoredDelta<'_> {
    type Error = Infallible;

    fn rows(&self) -> usize {
        self.after.rows
    }

    fn cols(&self) -> usize {
        self.after.cols
    }

    fn fill(&self, row: usize, first_col: usize, out: &mut [f64]) -> Result<(), Infallible> {
        let before = (self.before.dtype, self.before.bytes_from(row, first_col));
        let after = (self.after.dtype, self.after.bytes_from(row, first_col));
        difference(before, after, out);
        Ok(())
    }

    fn products(&self) -> Option<&dyn Products> {
        self.products
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMERIC: [Dtype; 15] = [
        Dtype::BOOL,
        Dtype::U8,
        Dtype::I8,
        Dtype::F8_E5M2,
        Dtype::F8_E4M3,
        Dtype::I16,
        Dtype::U16,
        Dtype::F16,
        Dtype::BF16,
        Dtype::I32,
        Dtype::U32,
        Dtype::F32,
        Dtype::F64,
        Dtype::I64,
        Dtype::U64,
    ];

    fn bytes(count: usize, seed: u64) -> Vec<u8> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        (0..count).map(|_| next()).collect()
    }

    #[track_caller]
    fn assert_same(found: &[f64], expected: &[f64]) {
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan(),
                "{found} {expected}"
            );
        }
    }

    #[test]
    fn every_half_is_the_single_that_the_format_says() {
        for bits in 0..=u16::MAX {
            let (found, expected) = (f16_to_f32(bits.to_le_bytes()), half::f16::from_bits(bits).to_f32());
            assert!(
                found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan(),
                "{bits:#06x}"
            );
        }
    }

    #[test]
    fn any_two_dtypes_subtract_as_their_decoded_values() {
        for count in [0, 1, 7, 31, 1025, 3000] {
            for (before, after) in NUMERIC.into_iter().flat_map(|b| NUMERIC.map(|a| (b, a))) {
                let (b, a) = (bytes(count * 8, 1), bytes(count * 8, 2));
                let (mut found, mut expected, mut less) =
                    (vec![0.0; count], vec![0.0; count], vec![0.0; count]);
                difference((before, &b), (after, &a), &mut found);
                decode(after, &a, &mut expected);
                decode(before, &b, &mut less);
                expected.iter_mut().zip(less).for_each(|(value, less)| *value -= less);
                assert_same(&found, &expected);
            }
        }
    }

    #[test]
    fn a_piece_of_a_row_is_read_from_its_place() {
        let bytes: Vec<u8> = (0..12_u8).flat_map(|value| f32::from(value).to_le_bytes()).collect();
        let matrix = StoredMatrix { dtype: Dtype::F32, bytes: &bytes, rows: 3, cols: 4 };
        let mut piece = [0.0; 2];
        assert_eq!(matrix.fill(2, 1, &mut piece), Ok(()));
        assert_eq!(piece, [9.0, 10.0]);
    }
}
