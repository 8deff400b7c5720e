//! A matrix that is only ever seen a tile at a time, and its products with blocks of eight vectors.
//!
//! Every element of a product is one sum in the order of the matrix's rows or columns, so that neither the
//! number of threads nor the size of a tile is in the result.
//!
//! ```text
//! |fl(y) − y|ᵢ ≤ γₙ Σⱼ |aᵢⱼ| |xⱼ|,   γₙ = n u / (1 − n u),   u = 2⁻⁵³
//! ```
//!
//! (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1; it holds whether or not
//! the processor fuses.) An element of the matrix is produced once a product and used for eight vectors while
//! it is in a register or in the first-level cache.

#![expect(
    clippy::inline_always,
    reason = "a kernel is compiled for the instructions of its caller, see `Kernel`"
)]

use std::fmt;

use rayon::prelude::*;

use super::simd::{self, Arithmetic, Kernel};
use crate::tensor::Matrix;

/// A row-major matrix of f64 that need not exist as such: pieces of rows are produced when they are needed.
///
/// [`fill`](Self::fill) is called from several threads, for pieces of any row in any order, and has to give
/// the same values every time: an iteration multiplies with the matrix again and again.
pub trait RowSource: Sync {
    /// Why a piece could not be produced.
    type Error: Send;

    /// Number of rows.
    fn rows(&self) -> usize;

    /// Number of columns.
    fn cols(&self) -> usize;

    /// Fills `out` with the elements of `row` from `first_col` on; `first_col + out.len() <= cols`.
    ///
    /// # Errors
    /// Whatever keeps the source from producing them.
    fn fill(&self, row: usize, first_col: usize, out: &mut [f64]) -> Result<(), Self::Error>;

    /// Who multiplies with this very matrix in place of the loops here, where there is someone.
    fn products(&self) -> Option<&dyn Products> {
        None
    }
}

/// Products with blocks of eight vectors, made elsewhere: on a device that holds the matrix.
///
/// Each element is within the bound above of the exact one. `None` where it cannot be made, and then is made here.
pub trait Products: Sync + fmt::Debug {
    /// `A X`, shapes `(m, n) · (n, 8) = (m, 8)`.
    fn times(&self, x: &[Lanes]) -> Option<Block>;

    /// `Aᵀ Y`, shapes `(m, n)ᵀ · (m, 8) = (n, 8)`.
    fn transposed_times(&self, y: &[Lanes]) -> Option<Block>;
}

impl RowSource for Matrix {
    type Error = std::convert::Infallible;

    fn rows(&self) -> usize {
        self.nrows()
    }

    fn cols(&self) -> usize {
        self.ncols()
    }

    fn fill(&self, row: usize, first_col: usize, out: &mut [f64]) -> Result<(), Self::Error> {
        for (slot, value) in out.iter_mut().zip(self.row(row).iter().skip(first_col)) {
            *slot = *value;
        }
        Ok(())
    }
}

/// Vectors in a block: one AVX-512 register of f64, two of AVX2.
pub(super) const LANES: usize = 8;

/// One component of each vector of a block.
pub type Lanes = [f64; LANES];

/// Eight vectors of one length, a component of all of them side by side.
pub type Block = Vec<Lanes>;

/// Rows of a tile: as many as are held in registers at most.
const TILE_ROWS: usize = 8;
/// Columns of a tile: with [`TILE_ROWS`], 16 KiB of f64, half of a first-level cache.
const TILE_COLS: usize = 256;
/// Rows that one task multiplies: enough that a tile of X is read from near memory, few enough to share out.
const TASK_ROWS: usize = 64;

/// `Y = A X`, shapes `(m, n) · (n, 8) = (m, 8)`.
///
/// Rows are shared out, so each element of Y is one thread's sum over the columns, from the first to the
/// last.
pub(super) fn multiply<S: RowSource>(a: &S, x: &[Lanes]) -> Result<Block, S::Error> {
    if let Some(y) = a.products().and_then(|made| made.times(x)) {
        return Ok(y);
    }
    let mut y = vec![[0.0; LANES]; a.rows()];
    y.par_chunks_mut(TASK_ROWS).enumerate().try_for_each(|(task, y)| {
        let mut tile = [0.0; TILE_ROWS * TILE_COLS];
        for (tile_col, x) in x.chunks(TILE_COLS).enumerate() {
            for (tile_row, y) in y.chunks_mut(TILE_ROWS).enumerate() {
                let first_row = task * TASK_ROWS + tile_row * TILE_ROWS;
                let tile = fill_tile(a, first_row, tile_col * TILE_COLS, (y.len(), x.len()), &mut tile)?;
                simd::run(TileTimesBlock { tile, x, y });
            }
        }
        Ok(())
    })?;
    Ok(y)
}

/// `Z = Aᵀ Y`, shapes `(m, n)ᵀ · (m, 8) = (n, 8)`.
///
/// Columns are shared out, so each element of Z is one thread's sum over the rows; no partial sums meet.
pub(super) fn multiply_transposed<S: RowSource>(a: &S, y: &[Lanes]) -> Result<Block, S::Error> {
    if let Some(z) = a.products().and_then(|made| made.transposed_times(y)) {
        return Ok(z);
    }
    let mut z = vec![[0.0; LANES]; a.cols()];
    z.par_chunks_mut(TILE_COLS).enumerate().try_for_each(|(tile_col, z)| {
        let mut tile = [0.0; TILE_ROWS * TILE_COLS];
        for (tile_row, y) in y.chunks(TILE_ROWS).enumerate() {
            let first_row = tile_row * TILE_ROWS;
            let tile = fill_tile(a, first_row, tile_col * TILE_COLS, (y.len(), z.len()), &mut tile)?;
            simd::run(TileTransposedTimesBlock { tile, y, z });
        }
        Ok(())
    })?;
    Ok(z)
}

/// The whole matrix, for those small enough.
pub(super) fn materialise<S: RowSource>(a: &S) -> Result<Matrix, S::Error> {
    let mut whole = Matrix::zeros((a.rows(), a.cols()));
    for (row, mut slots) in whole.rows_mut().into_iter().enumerate() {
        if let Some(slots) = slots.as_slice_mut() {
            a.fill(row, 0, slots)?;
        }
    }
    Ok(whole)
}

/// Produces `shape.0` row pieces of `shape.1` elements, one after the other in `buffer`.
fn fill_tile<'b, S: RowSource>(
    a: &S,
    first_row: usize,
    first_col: usize,
    shape: (usize, usize),
    buffer: &'b mut [f64],
) -> Result<&'b [f64], S::Error> {
    let (rows, cols) = shape;
    for (row, piece) in buffer.chunks_exact_mut(cols).take(rows).enumerate() {
        a.fill(first_row + row, first_col, piece)?;
    }
    Ok(buffer.get(..rows * cols).unwrap_or(&[]))
}

/// `y += tile · x`; the tile is `(y.len(), x.len())`, row-major.
struct TileTimesBlock<'a> {
    tile: &'a [f64],
    x: &'a [Lanes],
    y: &'a mut [Lanes],
}

impl Kernel for TileTimesBlock<'_> {
    #[inline(always)]
    fn run<const ROWS: usize, A: Arithmetic>(self) {
        let (groups, rest) = self.y.as_chunks_mut::<ROWS>();
        let mut tile = self.tile;
        for y in groups {
            rows_times_block::<ROWS, A>(tile, self.x, y);
            tile = tile.split_at(ROWS * self.x.len()).1;
        }
        for y in rest {
            rows_times_block::<1, A>(tile, self.x, std::array::from_mut(y));
            tile = tile.split_at(self.x.len()).1;
        }
    }
}

#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "see `Kernel`; lengths are cut to size first")]
fn rows_times_block<const ROWS: usize, A: Arithmetic>(tile: &[f64], x: &[Lanes], y: &mut [Lanes; ROWS]) {
    let mut rows: [&[f64]; ROWS] = [&[]; ROWS];
    for row in 0..ROWS {
        rows[row] = &tile[row * x.len()..(row + 1) * x.len()];
    }
    let mut sums = *y;
    for col in 0..x.len() {
        let lanes = x[col];
        for row in 0..ROWS {
            sums[row] = add_scaled::<A>(rows[row][col], lanes, sums[row]);
        }
    }
    *y = sums;
}

/// `z += tileᵀ · y`; the tile is `(y.len(), z.len())`, row-major.
struct TileTransposedTimesBlock<'a> {
    tile: &'a [f64],
    y: &'a [Lanes],
    z: &'a mut [Lanes],
}

impl Kernel for TileTransposedTimesBlock<'_> {
    #[inline(always)]
    fn run<const ROWS: usize, A: Arithmetic>(self) {
        let (groups, rest) = self.y.as_chunks::<ROWS>();
        let mut tile = self.tile;
        for y in groups {
            rows_transposed_times_block::<ROWS, A>(tile, y, self.z);
            tile = tile.split_at(ROWS * self.z.len()).1;
        }
        for y in rest {
            rows_transposed_times_block::<1, A>(tile, std::array::from_ref(y), self.z);
            tile = tile.split_at(self.z.len()).1;
        }
    }
}

#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "see `Kernel`; lengths are cut to size first")]
fn rows_transposed_times_block<const ROWS: usize, A: Arithmetic>(
    tile: &[f64],
    y: &[Lanes; ROWS],
    z: &mut [Lanes],
) {
    let mut rows: [&[f64]; ROWS] = [&[]; ROWS];
    for row in 0..ROWS {
        rows[row] = &tile[row * z.len()..(row + 1) * z.len()];
    }
    let y = *y;
    for col in 0..z.len() {
        keep_lanes_together();
        let mut sums = z[col];
        for row in 0..ROWS {
            sums = add_scaled::<A>(rows[row][col], y[row], sums);
        }
        z[col] = sums;
    }
}

/// Stands in loops whose rounds are independent: the compiler would else put eight rounds, not eight lanes,
/// into a register, and gather each operand from eight places.
#[inline(always)]
pub(super) fn keep_lanes_together() {
    std::hint::black_box(());
}

/// `sums + factor · lanes`.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "see `Kernel`; the lanes are an array")]
pub(super) fn add_scaled<A: Arithmetic>(factor: f64, lanes: Lanes, mut sums: Lanes) -> Lanes {
    for lane in 0..LANES {
        sums[lane] = A::multiply_add(factor, lanes[lane], sums[lane]);
    }
    sums
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;
    use crate::linalg::simd::{Fused, Separate};

    fn numbers(rows: usize, cols: usize, seed: usize) -> Matrix {
        Matrix::from_shape_fn((rows, cols), |(i, j)| ((i * 31 + j * 17 + seed * 7) % 101) as f64 - 50.0)
    }

    fn block(matrix: &Matrix) -> Block {
        matrix.rows().into_iter().map(|row| std::array::from_fn(|lane| row[lane])).collect()
    }

    #[test]
    fn products_with_a_block_are_those_of_the_whole_matrix() {
        // Small integers: every order of summation gives the same sum.
        for (m, n) in [(1, 1), (7, 9), (8, 256), (65, 257), (130, 515), (3, 1000)] {
            let (a, x, y) = (numbers(m, n, 1), numbers(n, LANES, 2), numbers(m, LANES, 3));
            assert_eq!(multiply(&a, &block(&x)).unwrap(), block(&a.dot(&x)), "{m}×{n}");
            assert_eq!(multiply_transposed(&a, &block(&y)).unwrap(), block(&a.t().dot(&y)), "{m}×{n}");
        }
    }

    #[test]
    fn every_copy_of_a_kernel_does_the_same() {
        let (tile, x, y) = (numbers(7, 40, 4), block(&numbers(40, LANES, 5)), block(&numbers(7, LANES, 6)));
        let tile = tile.as_slice().unwrap();
        let mut expected = y.clone();
        TileTimesBlock { tile, x: &x, y: &mut expected }.run::<4, Separate>();
        let mut fused = y.clone();
        TileTimesBlock { tile, x: &x, y: &mut fused }.run::<8, Fused>();
        let mut picked = y;
        simd::run(TileTimesBlock { tile, x: &x, y: &mut picked });
        assert_eq!((&fused, &picked), (&expected, &expected));
    }
}
