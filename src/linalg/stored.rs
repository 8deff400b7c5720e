//! A stored matrix, or the difference of two, as rows of f64.

use std::convert::Infallible;

use super::operator::RowSource;
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
        (Dtype::F32, Dtype::F32) => simd::run(Widen::difference(f32::from_le_bytes, before.1, after.1, out)),
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
        Dtype::F32 => simd::run(Widen::values(f32::from_le_bytes, bytes, out)),
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
    fn run<const ROWS: usize, A: Arithmetic>(self) {
        let elements = self.bytes.as_chunks::<N>().0;
        let Some(minus) = self.minus else {
            for (slot, &element) in self.out.iter_mut().zip(elements) {
                *slot = f64::from((self.read)(element));
            }
            return;
        };
        for ((slot, &element), &less) in self.out.iter_mut().zip(elements).zip(minus.as_chunks::<N>().0) {
            *slot = f64::from((self.read)(element)) - f64::from((self.read)(less));
        }
    }
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
    fn from_element(&self, row: usize, col: usize) -> &'a [u8] {
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
        widen(self.dtype, self.from_element(row, first_col), out);
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
        let before = (self.before.dtype, self.before.from_element(row, first_col));
        let after = (self.after.dtype, self.after.from_element(row, first_col));
        difference(before, after, out);
        Ok(())
    }
}
