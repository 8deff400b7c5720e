//! Block Golub–Kahan–Lanczos: the leading singular values of a matrix that is only multiplied with.
//!
//! ```text
//! U₁ = orth(A Ω),   Vⱼ = orth(Aᵀ Uⱼ),   Uⱼ₊₁ = orth(A Vⱼ),   T = Vᵀ Aᵀ U
//! ```
//!
//! Ω is random and seeded; `orth` is against all earlier blocks (full reorthogonalisation, Golub & Van Loan,
//! Matrix Computations, §10.4). The singular values of the small T are those of A, from below: the i-th of T
//! never exceeds the i-th of A. Squaring A would save half of the passes and lose everything below 10⁻⁸ σ₁,
//! where the rounding of an F32 matrix stands.
//!
//! In exact arithmetic T is block bidiagonal: `Aᵀ Uⱼ` lies in Vⱼ₋₁ and Vⱼ alone. The whole upper triangle is
//! kept, as the rest of it is the rounding that full reorthogonalisation took out, and T then is the
//! projection of A to working precision.
//!
//! Cost of step j: two passes over A of 8 m n multiply-adds each, and 256 j (m + n) for the two bases.
//! Memory: 64 (m + n) bytes a step. A step of eight vectors reads A as often as a step of one would, and a
//! value of up to eightfold multiplicity is found in all its directions.

use super::basis::{Basis, Coefficients, combine};
use super::engine::{self, EngineError, Svd};
use super::operator::{Block, LANES, RowSource, multiply, multiply_transposed};
use crate::tensor::Matrix;

/// The two bases of a running iteration, and the matrix in them.
pub(super) struct Lanczos<'a, S> {
    a: &'a S,
    left: Basis<'a>,
    right: Basis<'a>,
    /// Row i, column j: coefficients of `Aᵀ Uⱼ` on `Vᵢ`.
    projected: Vec<Vec<Coefficients>>,
    /// What `A Vⱼ` of the newest j has outside of the left basis.
    beyond: Coefficients,
    /// The next left block, once it has been computed.
    next_left: Option<Block>,
    /// Largest length of a product so far: what is tiny is tiny against this.
    scale: f64,
    random: SplitMix,
    /// Times that the whole matrix was read.
    pub(super) passes: usize,
}

impl<'a, S: RowSource> Lanczos<'a, S> {
    /// Starts with the image of eight random vectors.
    ///
    /// `excluded` are orthonormal left and right vectors; what is iterated on is the matrix without them,
    /// `(I − L Lᵀ) A (I − R Rᵀ)`.
    pub(super) fn start(a: &'a S, excluded: (&'a [Block], &'a [Block]), seed: u64) -> Result<Self, S::Error> {
        let mut random = SplitMix(seed);
        let right = Basis { excluded: excluded.1, blocks: Vec::new() };
        let omega = right.orthonormalise(random.block(a.cols()), 1.0).block;
        let image = multiply(a, &omega)?;
        let left = Basis { excluded: excluded.0, blocks: Vec::new() };
        let scale = longest(&image);
        let first = left.orthonormalise(image, scale);
        Ok(Self {
            a,
            left,
            right,
            projected: Vec::new(),
            beyond: first.own,
            next_left: Some(first.block),
            scale,
            random,
            passes: 1,
        })
    }

    /// Blocks in each basis.
    pub(super) fn steps(&self) -> usize {
        self.right.blocks.len()
    }

    /// Takes the next left block into the basis, and the transpose's image of it into the right basis.
    ///
    /// False where there is none, because the bases already hold everything.
    ///
    /// Two passes over the matrix at most: one for [`measure`](Self::measure), where it has not been done,
    /// and one for the transpose.
    pub(super) fn grow(&mut self) -> Result<bool, S::Error> {
        self.measure()?;
        let block = self.next_left.take().unwrap_or_default();
        let block = self.fill_up(block);
        if block.iter().flatten().all(|&component| component == 0.0) {
            self.next_left = Some(block);
            return Ok(false);
        }
        let image = multiply_transposed(self.a, &block)?;
        self.passes += 1;
        self.left.blocks.push(block);
        self.scale = self.scale.max(longest(&image));
        let orthonormal = self.right.orthonormalise(image, self.scale);
        self.right.blocks.push(orthonormal.block);
        for (row, part) in self.projected.iter_mut().zip(orthonormal.on_basis) {
            row.push(part);
        }
        let mut row = vec![[[0.0; LANES]; LANES]; self.projected.len()];
        row.push(orthonormal.own);
        self.projected.push(row);
        Ok(true)
    }

    /// Multiplies the newest right block: what falls outside of the left basis is the error of the values.
    pub(super) fn measure(&mut self) -> Result<(), S::Error> {
        let (None, Some(newest)) = (&self.next_left, self.right.blocks.last()) else { return Ok(()) };
        let image = multiply(self.a, newest)?;
        self.passes += 1;
        self.scale = self.scale.max(longest(&image));
        let orthonormal = self.left.orthonormalise(image, self.scale);
        self.beyond = orthonormal.own;
        self.next_left = Some(orthonormal.block);
        Ok(())
    }

    /// Puts new random directions where the iteration has none left, or a value that is more than
    /// eightfold would be counted eight times only.
    fn fill_up(&mut self, mut block: Block) -> Block {
        let empty: [bool; LANES] =
            std::array::from_fn(|lane| block.iter().all(|lanes| lanes.get(lane).is_none_or(|&c| c == 0.0)));
        if self.steps() == 0 || !empty.contains(&true) {
            return block;
        }
        let length = block.len() as f64;
        for lanes in &mut block {
            for (component, &is_empty) in lanes.iter_mut().zip(&empty) {
                if is_empty {
                    *component = self.random.next() / length.sqrt();
                }
            }
        }
        self.left.orthonormalise(block, 1.0).block
    }

    /// Singular values of the matrix within the bases, and their vectors' coordinates: `u` in the right basis,
    /// `vt` in the left one.
    pub(super) fn ritz(&self) -> Result<Svd, EngineError> {
        let width = self.steps() * LANES;
        let mut t = Matrix::zeros((width, width));
        for ((row, col), slot) in t.indexed_iter_mut() {
            let block = self.projected.get(row / LANES).and_then(|blocks| blocks.get(col / LANES));
            *slot = block.and_then(|c| c.get(row % LANES)?.get(col % LANES)).copied().unwrap_or(0.0);
        }
        engine::thin_svd(&t)
    }

    /// ‖A v − σ u‖ of each value, from what [`measure`](Self::measure) found.
    ///
    /// A v has a part in the left basis, which is σ u, and a part beyond it, `beyond · c` with c the
    /// coordinates of v on the newest right block: its length costs no product with A. The other side, ‖Aᵀ u
    /// − σ v‖, is zero but for rounding, because every `Aᵀ Uⱼ` lies in the right basis.
    pub(super) fn residuals(&self, ritz: &Svd) -> Vec<f64> {
        let first = (self.steps() * LANES).saturating_sub(LANES);
        let newest = |index: usize, lane: usize| ritz.u.get((first + lane, index)).copied().unwrap_or(0.0);
        (0..ritz.s.len())
            .map(|index| {
                let component = |row: &[f64; LANES]| -> f64 {
                    row.iter().enumerate().map(|(lane, factor)| factor * newest(index, lane)).sum()
                };
                self.beyond.iter().map(|row| component(row).powi(2)).sum::<f64>().sqrt()
            })
            .collect()
    }

    /// Left and right singular vectors of the first `count` values, in blocks.
    ///
    /// Shapes: ⌈count / 8⌉ blocks a side, `(m, 8)` on the left and `(n, 8)` on the right, zero in lanes past
    /// `count`.
    pub(super) fn vectors(&self, ritz: &Svd, count: usize) -> (Vec<Block>, Vec<Block>) {
        let (u, vt) = (&ritz.u, &ritz.vt);
        let pick = |vector: usize, component: usize, of_left: bool| {
            let at = if of_left { vt.get((vector, component)) } else { u.get((component, vector)) };
            at.copied().filter(|_| vector < count).unwrap_or(0.0)
        };
        let side = |blocks: &[Block], of_left: bool| -> Vec<Block> {
            (0..count.div_ceil(LANES))
                .map(|group| {
                    let coordinates = (0..blocks.len()).map(|block| {
                        std::array::from_fn(|a| {
                            std::array::from_fn(|b| pick(group * LANES + b, block * LANES + a, of_left))
                        })
                    });
                    combine(blocks, coordinates)
                })
                .collect()
        };
        (side(&self.left.blocks, true), side(&self.right.blocks, false))
    }
}

/// Length of the longest of eight vectors.
fn longest(block: &[[f64; LANES]]) -> f64 {
    let mut squares = [0.0; LANES];
    for lanes in block {
        for (sum, component) in squares.iter_mut().zip(lanes) {
            *sum += component * component;
        }
    }
    squares.into_iter().fold(0.0, f64::max).sqrt()
}

/// Steele, Lea & Flood's `SplitMix64`: enough for directions that only have to be no special ones.
///
/// Source: Fast splittable pseudorandom number generators, OOPSLA 2014. Uniform components serve as well as
/// normal ones: a start is bad only where it is orthogonal to a singular vector, which has probability zero
/// for both.
struct SplitMix(u64);

impl SplitMix {
    /// Uniform in [−1, 1).
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }

    fn block(&mut self, length: usize) -> Block {
        (0..length).map(|_| std::array::from_fn(|_| self.next())).collect()
    }
}
