//! Plain loops, compiled for the widest vector instructions of the machine and run over rows by all threads.

#![expect(
    clippy::inline_always,
    reason = "a kernel is compiled for the instructions of its caller, so it must become part of it"
)]

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Elements that one task works through: some tens of microseconds, so that a task is worth its scheduling.
const TASK_ELEMENTS: usize = 16_384;

/// A loop that is to be compiled for each set of vector instructions.
///
/// Implementations are `#[inline(always)]`, as is all they call. Threads and tasks never change a result: every kernel
/// here works on rows that do not know of each other.
pub(super) trait Kernel {
    /// Does the work. `FUSED` tells whether the instructions multiply and add with one rounding.
    fn run<const FUSED: bool>(self);
}

/// Runs a kernel with the widest instructions of this machine.
pub(super) fn run(kernel: impl Kernel) {
    Arch::new().dispatch(Widest(kernel));
}

struct Widest<K>(K);

impl<K: Kernel> WithSimd for Widest<K> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        if S::IS_SCALAR { self.0.run::<false>() } else { self.0.run::<true>() }
    }
}

/// What happens to one row.
pub(super) trait RowKernel<T>: Sync {
    /// Fills `out`, the row of that number; `out` holds what it held before.
    fn row<const FUSED: bool>(&self, index: usize, out: &mut [T]);
}

/// Runs a row kernel over all rows of `out`, each `width` long.
pub(super) fn each_row<T: Send>(out: &mut [T], width: usize, kernel: &impl RowKernel<T>) {
    if width == 0 {
        return;
    }
    let rows = (TASK_ELEMENTS / width).max(1);
    let task = |(at, chunk)| run(Rows { first: at * rows, chunk, width, kernel });
    if out.len() <= TASK_ELEMENTS {
        task((0, out));
    } else {
        out.par_chunks_mut(rows * width).enumerate().for_each(task);
    }
}

struct Rows<'a, T, K> {
    first: usize,
    chunk: &'a mut [T],
    width: usize,
    kernel: &'a K,
}

impl<T, K: RowKernel<T>> Kernel for Rows<'_, T, K> {
    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        for (at, row) in self.chunk.chunks_exact_mut(self.width).enumerate() {
            self.kernel.row::<FUSED>(self.first + at, row);
        }
    }
}

/// The part of `all` that row `index` of that width is.
#[inline(always)]
pub(super) fn row_of<T>(all: &[T], index: usize, width: usize) -> &[T] {
    all.get(index * width..(index + 1) * width).unwrap_or_default()
}
