//! What rounding to a stored dtype does to a matrix: the noise it adds, and the structure it leaves.

#![expect(
    clippy::inline_always,
    reason = "a kernel is compiled for the instructions of its caller, see `Kernel`"
)]

use rayon::prelude::*;

use super::operator::{Block, LANES, RowSource};
use super::simd::{self, Arithmetic, Kernel};
use crate::tensor::{Dtype, NumberKind, rounding_step};

/// The largest singular value that independent rounding errors would have.
///
/// ```text
/// vᵢⱼ = stepᵢⱼ² / 12        edge = maxᵢ √(Σⱼ vᵢⱼ) + maxⱼ √(Σᵢ vᵢⱼ)
/// ```
///
/// Rounding to the nearest spreads an error over ±step/2, evenly where what is stored moves over many steps:
/// variance step²/12. For a matrix of independent errors of those variances the edge bounds the expected
/// spectral norm up to a term that does not grow with the shape (Bandeira & van Handel, Sharp nonasymptotic
/// bounds on the norm of random matrices with independent entries, Annals of Probability 44, 2016, theorem
/// 1.1 and corollary 3.11); for equal variances it is the σ(√m + √n) at which the spectrum of such a matrix
/// ends (Marchenko & Pastur 1967). Where the variances are unequal it may be up to twice too high.
///
/// Shapes: both matrices are `(m, n)`. The steps are those of the after values; where the dtypes differ the
/// before values were rounded to another grid, and the variances of both add up.
/// Degenerate: a matrix without elements and an opaque dtype give 0; integers have step 1.
///
/// # Errors
/// Whatever keeps the rows from being read.
pub fn rounding_noise_edge<B, A>(before: (Dtype, &B), after: (Dtype, &A)) -> Result<f64, A::Error>
where
    B: RowSource<Error = A::Error>,
    A: RowSource,
{
    let (rows, cols) = (after.1.rows(), after.1.cols());
    let stripe_rows = rows.div_ceil(STRIPES).max(1);
    let stripes: Vec<(f64, Vec<f64>)> = (0..rows.div_ceil(stripe_rows))
        .into_par_iter()
        .map(|stripe| {
            let rows = stripe * stripe_rows..rows.min((stripe + 1) * stripe_rows);
            let mut sums = Sums { by_col: vec![0.0; cols], largest_row: 0.0 };
            let mut values = vec![0.0; cols];
            for row in rows {
                let mut row_sum = 0.0;
                after.1.fill(row, 0, &mut values)?;
                sums.add(after.0, &values, &mut row_sum);
                if before.0 != after.0 {
                    before.1.fill(row, 0, &mut values)?;
                    sums.add(before.0, &values, &mut row_sum);
                }
                sums.largest_row = sums.largest_row.max(row_sum);
            }
            Ok((sums.largest_row, sums.by_col))
        })
        .collect::<Result<_, A::Error>>()?;
    let mut by_col = vec![0.0; cols];
    let mut largest_row = 0.0_f64;
    for (row, stripe) in &stripes {
        largest_row = largest_row.max(*row);
        by_col.iter_mut().zip(stripe).for_each(|(sum, part)| *sum += part);
    }
    let largest_col = by_col.into_iter().fold(0.0, f64::max);
    Ok((largest_row / 12.0).sqrt() + (largest_col / 12.0).sqrt())
}

/// Parts of the rows whose column sums are added up one after the other, whatever the number of threads.
const STRIPES: usize = 16;

struct Sums {
    by_col: Vec<f64>,
    largest_row: f64,
}

impl Sums {
    fn add(&mut self, dtype: Dtype, values: &[f64], row_sum: &mut f64) {
        if let Some(grid) = Grid::of(dtype) {
            simd::run(SquaredSteps { grid, values, by_col: &mut self.by_col, row_sum });
        }
    }
}

/// The numbers that a dtype can hold, as far as their spacing goes.
#[derive(Clone, Copy)]
struct Grid {
    /// Smallest and largest biased f64 exponent that has a spacing of its own.
    exponents: (u64, u64),
    mantissa_bits: u64,
}

impl Grid {
    fn of(dtype: Dtype) -> Option<Self> {
        let smallest = rounding_step(dtype, 0.0).to_bits() >> 52;
        match dtype.kind() {
            NumberKind::Float { mantissa_bits } => {
                let mantissa_bits = u64::from(mantissa_bits);
                Some(Self { exponents: (smallest + mantissa_bits, 2046), mantissa_bits })
            }
            NumberKind::Integer => Some(Self { exponents: (1023, 1023), mantissa_bits: 0 }),
            NumberKind::Opaque => None,
        }
    }

    /// Biased exponent of the step around a value, before the mantissa's bits are taken off.
    #[inline(always)]
    fn exponent(self, value: f64) -> u64 {
        let exponent = (value.to_bits() >> 52) & 0x7ff;
        let exponent = if exponent < self.exponents.0 { self.exponents.0 } else { exponent };
        if exponent > self.exponents.1 { self.exponents.1 } else { exponent }
    }

    /// step², made of its exponent alone.
    #[inline(always)]
    fn squared_step(self, value: f64) -> f64 {
        let (doubled, offset) = (2 * self.exponent(value), 1023 + 2 * self.mantissa_bits);
        f64::from_bits(doubled.saturating_sub(offset) << 52)
    }

    /// The nearest number of the grid, ties to even.
    ///
    /// Adding and subtracting 1.5 · 2⁵² steps leaves nothing below a step; f64 itself is its own grid.
    #[inline(always)]
    fn nearest(self, value: f64) -> f64 {
        if self.mantissa_bits > 50 {
            return value;
        }
        let exponent = self.exponent(value) + 52 - self.mantissa_bits;
        let large = f64::from_bits(exponent << 52 | 1 << 51);
        (value + large) - large
    }
}

/// Elements that a kernel holds on the stack at a time.
const PIECE: usize = 256;

/// Adds the squared steps of a row to the column sums and to the row's own.
struct SquaredSteps<'a> {
    grid: Grid,
    values: &'a [f64],
    by_col: &'a mut [f64],
    row_sum: &'a mut f64,
}

impl Kernel for SquaredSteps<'_> {
    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "see `Kernel`; cut to size first")]
    fn run<const ROWS: usize, A: Arithmetic>(self) {
        let length = self.values.len().min(self.by_col.len());
        let mut lanes = [0.0; LANES];
        let mut first = 0;
        while first < length {
            let piece = (length - first).min(PIECE);
            let (values, sums) = (&self.values[first..][..piece], &mut self.by_col[first..][..piece]);
            let mut squares = [0.0; PIECE];
            for at in 0..piece {
                squares[at] = self.grid.squared_step(values[at]);
                sums[at] += squares[at];
            }
            for group in 0..PIECE / LANES {
                for lane in 0..LANES {
                    lanes[lane] += squares[group * LANES + lane];
                }
            }
            first += piece;
        }
        *self.row_sum += lanes.iter().sum::<f64>();
    }
}

/// What would be stored if a low-rank update were rounded: `round(W + U diag(σ) Vᵀ) − W`.
pub(super) struct RoundedUpdate<'a, B> {
    before: &'a B,
    grid: Option<Grid>,
    /// Left vectors times their values, one a row of `rank` numbers for each matrix row.
    scaled_left: Vec<f64>,
    /// Right vectors, one after the other.
    right: Vec<f64>,
    rank: usize,
}

impl<'a, B: RowSource> RoundedUpdate<'a, B> {
    /// The first `rank` triplets as the update of `before`, to be stored as `dtype`.
    pub(super) fn new(
        before: &'a B,
        dtype: Dtype,
        (values, left, right): (&[f64], &[Block], &[Block]),
        rank: usize,
    ) -> Self {
        let component = |blocks: &[Block], vector: usize, row: usize| {
            let lanes = blocks.get(vector / 8).and_then(|block| block.get(row));
            lanes.and_then(|lanes| lanes.get(vector % 8)).copied().unwrap_or(0.0)
        };
        let value = |vector: usize| values.get(vector).copied().unwrap_or(0.0);
        let scaled_left = (0..before.rows())
            .flat_map(|row| (0..rank).map(move |vector| (row, vector)))
            .map(|(row, vector)| component(left, vector, row) * value(vector))
            .collect();
        let right = (0..rank)
            .flat_map(|vector| (0..before.cols()).map(move |col| (vector, col)))
            .map(|(vector, col)| component(right, vector, col))
            .collect();
        Self { before, grid: Grid::of(dtype), scaled_left, right, rank }
    }
}

impl<B: RowSource> RowSource for RoundedUpdate<'_, B> {
    type Error = B::Error;

    fn rows(&self) -> usize {
        self.before.rows()
    }

    fn cols(&self) -> usize {
        self.before.cols()
    }

    fn fill(&self, row: usize, first_col: usize, out: &mut [f64]) -> Result<(), B::Error> {
        self.before.fill(row, first_col, out)?;
        if let Some(grid) = self.grid {
            let factors = self.scaled_left.get(row * self.rank..(row + 1) * self.rank).unwrap_or(&[]);
            let right = self.right.get(first_col..).unwrap_or(&[]);
            simd::run(RoundRow { grid, factors, right, stride: self.before.cols(), row: out });
        }
        Ok(())
    }
}

/// `row = round(row + Σ factor · right) − row`, a piece at a time.
struct RoundRow<'a> {
    grid: Grid,
    factors: &'a [f64],
    right: &'a [f64],
    stride: usize,
    row: &'a mut [f64],
}

impl Kernel for RoundRow<'_> {
    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "see `Kernel`; a piece is inside its row")]
    fn run<const ROWS: usize, A: Arithmetic>(self) {
        let mut first = 0;
        while first < self.row.len() {
            let row = &mut self.row[first..];
            let length = row.len().min(PIECE);
            let row = &mut row[..length];
            let mut sums = [0.0; PIECE];
            sums[..length].copy_from_slice(row);
            for vector in 0..self.factors.len() {
                let right = &self.right[vector * self.stride + first..][..length];
                let factor = self.factors[vector];
                for at in 0..length {
                    sums[at] = A::multiply_add(factor, right[at], sums[at]);
                }
            }
            for at in 0..length {
                row[at] = self.grid.nearest(sums[at]) - row[at];
            }
            first += length;
        }
    }
}

#[cfg(test)]
mod tests;
