//! Products of the difference of two stored matrices with eight vectors at once: `kernels/delta_matvec.cu`.
//!
//! ```text
//! Y = (B − A) X,   Z = (B − A)ᵀ Y,   |fl(y) − y|ᵢ ≤ γₙ Σⱼ |dᵢⱼ| |xⱼ|,   γₙ = n u / (1 − n u),   u = 2⁻⁵³
//! ```
//!
//! The difference is never formed. Both matrices stay on the machine, as an iteration multiplies with them
//! dozens of times.

#![expect(unsafe_code, reason = "a launch reads and writes where its arguments say")]

use crate::tensor::Dtype;

use super::machine::{Launch, Machine, Memory, Queue};
use super::{GpuError, sources};

/// Vectors in a block: a component of all of them stands side by side.
pub const VECTORS: usize = 8;
/// Threads of a block that suit the kernels.
pub const BLOCK: u32 = 128;
/// The most threads of a block.
pub const MAX_BLOCK: u32 = 256;

/// Threads of a warp.
const WARP: usize = 32;
/// Rows that a warp multiplies with X.
const STRIP: usize = 16;
/// So many warps fill any GPU of today: with fewer, sums are cut shorter.
const WARPS: usize = 2048;

/// Two matrices of one shape and dtype on a machine, as their difference after − before.
///
/// Shapes: `(rows, cols)`, row-major. Degenerate: no rows or no columns give empty products, or products of
/// zeros.
pub struct DeviceDelta<'m> {
    machine: &'m dyn Machine,
    dtype: Dtype,
    rows: usize,
    cols: usize,
    before: Memory<'m>,
    after: Memory<'m>,
    /// The vectors that are multiplied, at most `max(rows, cols)` components.
    vectors: Memory<'m>,
    /// Sums of parts: `(parts, components of the product, 8)`.
    sums: Memory<'m>,
    /// The product.
    product: Memory<'m>,
}

/// Which of the two products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// (B − A) X.
    Times,
    /// (B − A)ᵀ Y.
    Transposed,
}

/// A product's extents: components that come out, terms of a sum, and how its work is cut.
struct Plan {
    outputs: usize,
    terms: usize,
    /// Warps side by side in a part.
    warps: usize,
    /// Terms of a part.
    part: usize,
    parts: usize,
}

impl<'m> DeviceDelta<'m> {
    /// Whether a kernel reads this dtype.
    pub fn reads(dtype: Dtype) -> bool {
        names(dtype).is_some()
    }

    /// Copies both matrices to the machine.
    ///
    /// # Errors
    /// [`GpuError::Driver`] for a dtype that no kernel reads; [`GpuError::Shape`] where either has another
    /// number of bytes than its shape asks for; [`GpuError::Memory`], [`GpuError::Driver`] of the machine.
    pub fn new(
        machine: &'m dyn Machine,
        dtype: Dtype,
        (rows, cols): (usize, usize),
        before: &[u8],
        after: &[u8],
    ) -> Result<Self, GpuError> {
        let (Some(width), true) = (dtype.bytes(), Self::reads(dtype)) else {
            return Err(refused(format!("no kernel reads {dtype}")));
        };
        let needs =
            rows.checked_mul(cols).and_then(|elements| elements.checked_mul(width)).unwrap_or(usize::MAX);
        for has in [before.len(), after.len()] {
            if has != needs {
                return Err(GpuError::Shape { what: "a matrix of a difference", needs, has });
            }
        }
        let sums = [Product::Times, Product::Transposed].map(|product| {
            let plan = plan(product, rows, cols, width);
            plan.parts.saturating_mul(bytes_of(plan.outputs))
        });
        Ok(Self {
            machine,
            dtype,
            rows,
            cols,
            before: Memory::of(machine, before)?,
            after: Memory::of(machine, after)?,
            vectors: Memory::new(machine, bytes_of(rows.max(cols)))?,
            sums: Memory::new(machine, sums.into_iter().max().unwrap_or(0))?,
            product: Memory::new(machine, bytes_of(rows.max(cols)))?,
        })
    }

    /// `Y = (B − A) X`: `x` is `(cols, 8)`, what comes back `(rows, 8)`.
    ///
    /// The bits do not depend on `block`.
    ///
    /// # Errors
    /// [`GpuError::Shape`] where `x` has another length; [`GpuError::Driver`], also for a block that is no
    /// multiple of 32 up to [`MAX_BLOCK`]; [`GpuError::Compile`].
    pub fn times(&mut self, x: &[f64], block: u32) -> Result<Vec<f64>, GpuError> {
        self.multiply(Product::Times, true, x, block)
    }

    /// `Z = (B − A)ᵀ Y`: `y` is `(rows, 8)`, what comes back `(cols, 8)`.
    ///
    /// # Errors
    /// As [`times`](Self::times).
    pub fn transposed_times(&mut self, y: &[f64], block: u32) -> Result<Vec<f64>, GpuError> {
        self.multiply(Product::Transposed, true, y, block)
    }

    /// Makes a product once more with the vectors of the last one and leaves it where it is: what benches time.
    ///
    /// # Errors
    /// As [`times`](Self::times).
    pub fn launch_again(&mut self, product: Product, block: u32) -> Result<(), GpuError> {
        require_block(block)?;
        let plan = plan(product, self.rows, self.cols, self.dtype.bytes().unwrap_or(1));
        if plan.outputs == 0 || plan.terms == 0 { Ok(()) } else { self.in_parts(product, &plan, block) }
    }

    /// As [`times`](Self::times), each sum by one thread from the first column to the last: what the other is
    /// tested against.
    ///
    /// # Errors
    /// As [`times`](Self::times).
    pub fn times_plainly(&mut self, x: &[f64], block: u32) -> Result<Vec<f64>, GpuError> {
        self.multiply(Product::Times, false, x, block)
    }

    /// As [`transposed_times`](Self::transposed_times), each sum by one thread from the first row to the last.
    ///
    /// # Errors
    /// As [`times`](Self::times).
    pub fn transposed_times_plainly(&mut self, y: &[f64], block: u32) -> Result<Vec<f64>, GpuError> {
        self.multiply(Product::Transposed, false, y, block)
    }

    fn multiply(
        &mut self,
        product: Product,
        fast: bool,
        vectors: &[f64],
        block: u32,
    ) -> Result<Vec<f64>, GpuError> {
        let plan = plan(product, self.rows, self.cols, self.dtype.bytes().unwrap_or(1));
        let (needs, has) = (bytes_of(plan.terms), size_of_val(vectors));
        if has != needs {
            return Err(GpuError::Shape { what: "a block of eight vectors", needs, has });
        }
        require_block(block)?;
        let mut answer = vec![0.0; plan.outputs * VECTORS];
        if answer.is_empty() || vectors.is_empty() {
            return Ok(answer);
        }
        // SAFETY: `vectors` is at most as long as the memory, which was made for the longer of both, and is
        // borrowed until the wait below.
        let copied = unsafe {
            self.machine.copy_in(Queue::First, bytemuck::cast_slice(vectors), self.vectors.address())
        };
        let launched = copied.and_then(|()| {
            if fast { self.in_parts(product, &plan, block) } else { self.plainly(product, &plan, block) }
        });
        let read = launched.and_then(|()| {
            // SAFETY: the memory was made for the longer of both products; `answer` is not looked at before the
            // wait.
            unsafe {
                let to = bytemuck::cast_slice_mut(&mut answer);
                self.machine.copy_out(Queue::First, self.product.address(), to)
            }
        });
        self.machine.wait(Queue::First)?;
        read.map(|()| answer)
    }

    fn plainly(&self, product: Product, plan: &Plan, block: u32) -> Result<(), GpuError> {
        let function = match product {
            Product::Times => "delta_times_1",
            Product::Transposed => "delta_transposed_1",
        };
        let dtype = names(self.dtype).map_or(0, |names| names.number);
        let arguments = [
            dtype,
            self.before.address(),
            self.after.address(),
            self.rows as u64,
            self.cols as u64,
            self.vectors.address(),
            self.product.address(),
        ];
        self.launch(function, plan.outputs * VECTORS, block, &arguments)
    }

    fn in_parts(&self, product: Product, plan: &Plan, block: u32) -> Result<(), GpuError> {
        let Some(names) = names(self.dtype) else { return Ok(()) };
        let function = match product {
            Product::Times => names.times,
            Product::Transposed => names.transposed,
        };
        // One part is the product itself.
        let sums = if plan.parts == 1 { &self.product } else { &self.sums };
        let arguments = [
            self.before.address(),
            self.after.address(),
            self.rows as u64,
            self.cols as u64,
            plan.part as u64,
            self.vectors.address(),
            sums.address(),
        ];
        self.launch(function, plan.warps * plan.parts * WARP, block, &arguments)?;
        if plan.parts == 1 {
            return Ok(());
        }
        let count = plan.outputs * VECTORS;
        let arguments = [self.sums.address(), plan.parts as u64, count as u64, self.product.address()];
        self.launch("delta_fold", count, block, &arguments)
    }

    fn launch(
        &self,
        function: &'static str,
        threads: usize,
        block: u32,
        arguments: &[u64],
    ) -> Result<(), GpuError> {
        let blocks = u32::try_from(threads.div_ceil(block as usize)).ok().filter(|blocks| *blocks < 1 << 31);
        let blocks =
            blocks.ok_or_else(|| refused(format!("{threads} threads are more than a launch has")))?;
        let launch = Launch { source: &sources::DELTA_MATVEC, function, grid: [blocks, 1, 1], block };
        // SAFETY: the arguments are the function's own; `new` checked that the matrices have `rows × cols`
        // elements, and made vectors, sums and product long enough for both products.
        unsafe { self.machine.launch(Queue::First, launch, arguments) }
    }
}

/// What the kernels of a dtype are called, and its number.
struct Names {
    number: u64,
    times: &'static str,
    transposed: &'static str,
}

fn names(dtype: Dtype) -> Option<Names> {
    let (number, times, transposed) = match dtype {
        Dtype::F32 => (0, "delta_times_2_F32", "delta_transposed_2_F32"),
        Dtype::F16 => (1, "delta_times_2_F16", "delta_transposed_2_F16"),
        Dtype::BF16 => (2, "delta_times_2_BF16", "delta_transposed_2_BF16"),
        Dtype::F8_E4M3 => (3, "delta_times_2_F8_E4M3", "delta_transposed_2_F8_E4M3"),
        Dtype::F8_E5M2 => (4, "delta_times_2_F8_E5M2", "delta_transposed_2_F8_E5M2"),
        _ => return None,
    };
    Some(Names { number, times, transposed })
}

/// Cuts a product by its shape alone, so that its bits are the same on every machine of a kind.
fn plan(product: Product, rows: usize, cols: usize, width: usize) -> Plan {
    let (outputs, terms, warps) = match product {
        Product::Times => (rows, cols, rows.div_ceil(STRIP)),
        // A warp's columns are 128 bytes wide.
        Product::Transposed => (cols, rows, cols.div_ceil(128 / width)),
    };
    let fills = |part: &usize| terms.div_ceil(*part) * warps >= WARPS;
    let part = [1024, 512, 256].into_iter().find(fills).unwrap_or(128);
    Plan { outputs, terms, warps, part, parts: terms.div_ceil(part) }
}

/// Of eight vectors with so many components each.
fn bytes_of(components: usize) -> usize {
    components.saturating_mul(VECTORS * size_of::<f64>())
}

fn require_block(block: u32) -> Result<(), GpuError> {
    let fits = block != 0 && block.is_multiple_of(32) && block <= MAX_BLOCK;
    if fits { Ok(()) } else { Err(refused(format!("{block} threads are no block"))) }
}

fn refused(reason: String) -> GpuError {
    GpuError::Driver { doing: "multiplying with a difference".to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_long_where_there_are_warps_enough() {
        let part = |product, rows, cols| plan(product, rows, cols, 2).part;
        assert_eq!(part(Product::Times, 4096, 16384), 1024);
        assert_eq!(part(Product::Transposed, 4096, 16384), 512);
        assert_eq!(part(Product::Times, 1600, 6400), 256);
        assert_eq!(part(Product::Transposed, 6400, 1600), 128);
        let plan = plan(Product::Transposed, 300, 65, 2);
        assert_eq!((plan.outputs, plan.terms, plan.warps, plan.parts), (65, 300, 2, 3));
    }
}
