//! The inner loops of attention: a small matrix product that stays in registers, and the softmax of one row.

#![expect(clippy::inline_always, reason = "kernels become part of their caller, see `simd`")]

use std::ops::Range;

use super::Real;

/// Queries that are answered together.
pub(super) const QUERIES: usize = 4;
/// Columns of a product that are worked out together.
pub(super) const LANES: usize = 16;

/// `Σ_k a[k] ⊗ b[k]`.
#[inline(always)]
pub(super) fn multiply<T: Real, const FUSED: bool>(
    a: &[[T; QUERIES]],
    b: &[[T; LANES]],
) -> [[T; LANES]; QUERIES] {
    let mut sums = [[T::ZERO; LANES]; QUERIES];
    for (a, b) in a.iter().zip(b) {
        for (sums, a) in sums.iter_mut().zip(a) {
            for (sum, b) in sums.iter_mut().zip(b) {
                *sum = T::multiply_add::<FUSED>(*a, *b, *sum);
            }
        }
    }
    sums
}

/// Columns in groups of [`LANES`], the last group filled up with zeros: entry `(row, column)` stands in
/// `groups[(column / LANES) · rows + row][column % LANES]`.
pub(super) struct Panels<T> {
    rows: usize,
    groups: Vec<[T; LANES]>,
}

impl<T: Real> Panels<T> {
    pub(super) fn new(rows: usize, columns: usize) -> Self {
        Self { rows, groups: vec![[T::ZERO; LANES]; rows * columns.div_ceil(LANES)] }
    }

    /// Each group of columns.
    pub(super) fn each(&self) -> impl Iterator<Item = &[[T; LANES]]> {
        self.groups.chunks_exact(self.rows.max(1))
    }

    /// Puts a column down.
    #[inline(always)]
    pub(super) fn set_column(&mut self, column: usize, values: &[T]) {
        let group = self.groups.iter_mut().skip(column / LANES * self.rows);
        for (slot, value) in group.zip(values) {
            if let Some(slot) = slot.get_mut(column % LANES) {
                *slot = *value;
            }
        }
    }

    /// Puts a row down.
    #[inline(always)]
    pub(super) fn set_row(&mut self, row: usize, values: &[T]) {
        let rows = self.rows;
        for (slot, values) in self.groups.iter_mut().skip(row).step_by(rows.max(1)).zip(values.chunks(LANES))
        {
            for (slot, value) in slot.iter_mut().zip(values) {
                *slot = *value;
            }
        }
    }
}

/// `softmax(scale · x + bias)` over the columns that are seen; 0 in all others. The sum is taken in f64.
///
/// `row` is filled up to a multiple of [`LANES`] with columns that are not seen; `bias` may be empty.
#[inline(always)]
pub(super) fn softmax<T: Real>(row: &mut [T], seen: Range<usize>, scale: T, bias: &[f32]) {
    let least = T::narrow(f64::NEG_INFINITY);
    for x in &mut *row {
        *x = *x * scale;
    }
    for (x, bias) in row.iter_mut().zip(bias) {
        *x = *x + T::narrow(f64::from(*bias));
    }
    row.iter_mut().take(seen.start).for_each(|x| *x = least);
    row.iter_mut().skip(seen.end).for_each(|x| *x = least);
    let (lanes, _) = row.as_chunks_mut::<LANES>();
    let mut largest = [least; LANES];
    for x in &*lanes {
        for (x, largest) in x.iter().zip(&mut largest) {
            *largest = if *x > *largest { *x } else { *largest };
        }
    }
    let largest = largest.into_iter().fold(least, |a, b| if b > a { b } else { a });
    let mut sums = [0.0; LANES];
    for x in &mut *lanes {
        for (x, sum) in x.iter_mut().zip(&mut sums) {
            *x = (*x - largest).exp();
            *sum += x.wide();
        }
    }
    let share = T::narrow(1.0 / sums.iter().sum::<f64>());
    for x in row {
        *x = *x * share;
    }
}
