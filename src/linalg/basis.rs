//! An orthonormal basis that grows by blocks of eight vectors.
//!
//! ```text
//! y ← y − Q (Qᵀ y)     shapes (n, 8) − (n, 8b) · (8b, 8), one block of Q after the other
//! y = Q' R             the eight among themselves; R is (8, 8), upper triangular
//! ```
//!
//! Both lines are done twice. One round leaves a part of Q that is as large as rounding against what was
//! taken away; after the second, orthogonality is at the level of 2⁻⁵³ unless y was dependent to working
//! precision ("twice is enough": Giraud, Langou & Rozložník, Comput. Math. Appl. 50, 2005). Cost: 256 n
//! multiply-adds for each block that Q has, so a basis of b blocks takes 128 n b² in all; every inner
//! product is one sum in the order of the components, whatever the number of threads.

#![expect(
    clippy::inline_always,
    reason = "a kernel is compiled for the instructions of its caller, see `Kernel`"
)]

use super::operator::{Block, LANES, Lanes, add_scaled, keep_lanes_together};
use super::simd::{self, Arithmetic, Kernel};

/// Coefficients of one block in another: row a, column b belongs to vectors a and b.
pub(super) type Coefficients = [Lanes; LANES];

/// What is left of a vector, relative to the largest seen, below which it is rounding of the arithmetic.
const DEPENDENT: f64 = 1e-14;

/// Orthonormal vectors in blocks of eight; a vector that would be dependent on the others is zero instead.
pub(super) struct Basis<'a> {
    /// Orthonormal vectors that new ones are kept away from, without being part of the basis.
    pub(super) excluded: &'a [Block],
    /// The basis.
    pub(super) blocks: Vec<Block>,
}

/// A block that has been made orthonormal to a basis and in itself: `before = Q · on_basis + after · own`.
pub(super) struct Orthonormal {
    /// The orthonormal vectors; zero where one was dependent.
    pub(super) block: Block,
    /// Coefficients on each block of the basis.
    pub(super) on_basis: Vec<Coefficients>,
    /// Coefficients on the new vectors.
    pub(super) own: Coefficients,
}

impl Basis<'_> {
    /// Splits `y` into its part in the basis and an orthonormal rest.
    ///
    /// Gram–Schmidt by blocks, twice: the second time removes what the first left because a vector was
    /// nearly in the basis. A vector whose rest is below 10⁻¹⁴ of `scale` becomes zero.
    ///
    /// The coefficients are those of both rounds together: `Q · on_basis + block · own` is the y that came
    /// in, but for what was dropped as dependent and what was taken out along `excluded`. `scale` is the
    /// largest length that products with this matrix have had: dependence is judged against the matrix and
    /// not against the vector at hand.
    pub(super) fn orthonormalise(&self, mut y: Block, scale: f64) -> Orthonormal {
        let mut on_basis = vec![[[0.0; LANES]; LANES]; self.blocks.len()];
        let mut own = identity();
        let mut scale = scale;
        for _ in 0..2 {
            for block in self.excluded {
                let part = inner(block, &y);
                subtract(block, &part, &mut y);
            }
            for (block, total) in self.blocks.iter().zip(&mut on_basis) {
                let part = inner(block, &y);
                subtract(block, &part, &mut y);
                add_product(&part, &own, total);
            }
            let step = orthonormalise_within(&mut y, scale);
            let mut product = [[0.0; LANES]; LANES];
            add_product(&step, &own, &mut product);
            own = product;
            scale = 1.0; // from here on the vectors have unit length
        }
        Orthonormal { block: y, on_basis, own }
    }
}

/// `Σ block · coordinates`: vectors given by their coordinates in a basis.
///
/// Shapes: blocks and coordinates are paired, `(n, 8) · (8, 8)` each; without a block the result is empty.
pub(super) fn combine(blocks: &[Block], coordinates: impl Iterator<Item = Coefficients>) -> Block {
    let mut y = vec![[0.0; LANES]; blocks.first().map_or(0, Vec::len)];
    for (block, coordinates) in blocks.iter().zip(coordinates) {
        subtract(block, &coordinates.map(|row| row.map(|c| -c)), &mut y);
    }
    y
}

fn identity() -> Coefficients {
    std::array::from_fn(|row| std::array::from_fn(|col| f64::from(u8::from(row == col))))
}

/// `sum += a · b`.
fn add_product(a: &Coefficients, b: &Coefficients, sum: &mut Coefficients) {
    for (row, sums) in a.iter().zip(sum) {
        for (factor, lanes) in row.iter().zip(b) {
            for (sum, lane) in sums.iter_mut().zip(lanes) {
                *sum += factor * lane;
            }
        }
    }
}

/// `aᵀ b`, shapes `(n, 8)ᵀ · (n, 8) = (8, 8)`.
pub(super) fn inner(a: &[Lanes], b: &[Lanes]) -> Coefficients {
    let mut sums = [[0.0; LANES]; LANES];
    simd::run(Inner { a, b, sums: &mut sums });
    sums
}

struct Inner<'a> {
    a: &'a [Lanes],
    b: &'a [Lanes],
    sums: &'a mut Coefficients,
}

impl Kernel for Inner<'_> {
    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "see `Kernel`; cut to size first")]
    fn run<const ROWS: usize, A: Arithmetic>(self) {
        let length = self.a.len().min(self.b.len());
        let (a, b) = (&self.a[..length], &self.b[..length]);
        let mut sums = *self.sums;
        for at in 0..length {
            for lane in 0..LANES {
                sums[lane] = add_scaled::<A>(a[at][lane], b[at], sums[lane]);
            }
        }
        *self.sums = sums;
    }
}

/// `y −= q · c`, shapes `(n, 8) · (8, 8)`.
pub(super) fn subtract(q: &[Lanes], c: &Coefficients, y: &mut [Lanes]) {
    simd::run(Subtract { q, c: c.map(|row| row.map(|value| -value)), y });
}

struct Subtract<'a> {
    q: &'a [Lanes],
    c: Coefficients,
    y: &'a mut [Lanes],
}

impl Kernel for Subtract<'_> {
    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "see `Kernel`; cut to size first")]
    fn run<const ROWS: usize, A: Arithmetic>(self) {
        let length = self.q.len().min(self.y.len());
        let (q, y, c) = (&self.q[..length], &mut self.y[..length], self.c);
        for at in 0..length {
            keep_lanes_together();
            let mut sums = y[at];
            for lane in 0..LANES {
                sums = add_scaled::<A>(q[at][lane], c[lane], sums);
            }
            y[at] = sums;
        }
    }
}

/// Gram–Schmidt among the eight vectors themselves; returns the triangular R of `before = after · R`.
///
/// The modified form: each unit vector is taken out of all later ones before the next is normalised. A
/// dependent vector becomes zero and leaves a zero row in R, its part in the earlier vectors stays in the
/// rows above.
fn orthonormalise_within(y: &mut [Lanes], scale: f64) -> Coefficients {
    let mut r = [[0.0; LANES]; LANES];
    for (pivot, r_row) in r.iter_mut().enumerate() {
        simd::run(EliminatePivot { y, pivot, smallest: DEPENDENT * scale, r_row });
    }
    r
}

/// Makes one vector of the block a unit vector (or zero) and takes its direction out of the later ones.
struct EliminatePivot<'a> {
    y: &'a mut [Lanes],
    pivot: usize,
    smallest: f64,
    r_row: &'a mut Lanes,
}

impl Kernel for EliminatePivot<'_> {
    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "the pivot is one of the lanes")]
    fn run<const ROWS: usize, A: Arithmetic>(self) {
        let pivot = self.pivot % LANES;
        let mut products = [0.0; LANES];
        for lanes in self.y.iter() {
            products = add_scaled::<A>(lanes[pivot], *lanes, products);
        }
        let norm = products[pivot].sqrt();
        let dependent = norm <= self.smallest;
        let inverse = if dependent { 0.0 } else { norm.recip() };
        for (lane, (r, product)) in self.r_row.iter_mut().zip(products).enumerate() {
            *r = if lane < pivot { 0.0 } else { product * inverse };
        }
        let mut taken = self.r_row.map(|r| -r);
        taken[pivot] = 0.0;
        for lanes in self.y.iter_mut() {
            keep_lanes_together();
            let unit = lanes[pivot] * inverse;
            *lanes = add_scaled::<A>(unit, taken, *lanes);
            lanes[pivot] = unit;
        }
    }
}
