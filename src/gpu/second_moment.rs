//! The second moment of keys, `S += Kᵀ K`, in f64: `kernels/second_moment.cu`.

#![expect(unsafe_code, reason = "a launch reads and writes where its arguments say")]

use std::ops::RangeInclusive;

use crate::tensor::Dtype;

use super::machine::{Launch, Machine, Memory, Queue};
use super::{GpuError, sources};

/// Threads of a block that suit every version; [`Version::TensorCores`] has no other.
pub const BLOCK: u32 = 256;

/// Rows that [`Version::TensorCores`] adds at a time: rows may be split between calls at its multiples.
pub const GROUP: usize = 16;

/// How the sum is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// A thread an element.
    Plain,
    /// A block a tile of 64 × 64, in registers.
    Tiles,
    /// A block a tile of 128 × 128, on the f64 tensor cores.
    TensorCores,
}

impl Version {
    /// The threads that a block may have, of those that are multiples of 32.
    pub fn blocks(self) -> RangeInclusive<u32> {
        match self {
            Self::Plain => 32..=1024,
            Self::Tiles => 32..=512,
            Self::TensorCores => BLOCK..=BLOCK,
        }
    }
}

/// Keys on a machine, a row each, and which of them count.
#[derive(Clone, Copy, Debug)]
pub struct Keys<'a> {
    /// F32, F16 or BF16.
    pub dtype: Dtype,
    /// `(rows, cols)`, row-major, from the first byte on; what is behind is not read.
    pub values: &'a Memory<'a>,
    /// Tokens.
    pub rows: usize,
    /// Features of a key.
    pub cols: usize,
    /// A byte a row: other than 0 where the row is left out.
    pub skip: Option<&'a [u8]>,
}

/// Adds `Kᵀ K` to the lower triangle of `sum` on the tensor cores, with the rows that `skip` does not name.
///
/// ```text
/// s[i, j] += Σ_r k[r, i] · k[r, j]      for j ≤ i, over r with skip[r] = 0
/// ```
///
/// Shapes: `keys` `(rows, cols)` of `dtype`, `skip` `(rows,)`, `sum` `(cols, cols)` of f64; what stands above
/// its diagonal is left alone. Error of an element: at most γₙ (|s before| + Σ |k k|), n rows. The same bits in
/// one call or in several that are split at multiples of [`GROUP`] rows. Degenerate: no rows add nothing; a
/// value that is not finite spreads to its row and column of the sum, and does nothing in a row that is left
/// out.
///
/// # Errors
/// [`GpuError::Driver`] for a dtype that no kernel reads; [`GpuError::Shape`] where anything is shorter than
/// its shape asks for; [`GpuError::Compile`], [`GpuError::Memory`], [`GpuError::Driver`] of the machine, some
/// only when the queue is waited for.
pub fn add_second_moment(
    machine: &dyn Machine,
    dtype: Dtype,
    keys: &Memory<'_>,
    rows: usize,
    cols: usize,
    skip: Option<&[u8]>,
    sum: &Memory<'_>,
) -> Result<(), GpuError> {
    let keys = Keys { dtype, values: keys, rows, cols, skip };
    add_second_moment_by(machine, Version::TensorCores, BLOCK, keys, sum)
}

/// As [`add_second_moment`], by a version and on blocks of so many threads.
///
/// [`Version::Plain`] and [`Version::Tiles`] give the same bits, for any block and however the rows are split
/// between calls.
///
/// # Errors
/// As [`add_second_moment`]; [`GpuError::Driver`] too for a block that is no multiple of 32 in
/// [`Version::blocks`].
pub fn add_second_moment_by(
    machine: &dyn Machine,
    version: Version,
    block: u32,
    keys: Keys<'_>,
    sum: &Memory<'_>,
) -> Result<(), GpuError> {
    if [keys.values, sum].iter().any(|memory| !memory.lies_on(machine)) {
        return Err(refused("memory of another machine".to_owned()));
    }
    let dtype = number(keys.dtype).ok_or_else(|| refused(format!("no kernel reads {}", keys.dtype)))?;
    require_lengths(keys, sum)?;
    if !block.is_multiple_of(32) || !version.blocks().contains(&block) {
        return Err(refused(format!("{block} threads are no block")));
    }
    if keys.rows == 0 || keys.cols == 0 {
        return Ok(());
    }
    let skip = keys.skip.map(|skip| Memory::of(machine, skip)).transpose()?;
    let (function, grid) = shape(version, block, keys.cols)?;
    let arguments = [
        dtype,
        keys.values.address(),
        keys.rows as u64,
        keys.cols as u64,
        skip.as_ref().map_or(0, Memory::address),
        sum.address(),
    ];
    let launch = Launch { source: &sources::SECOND_MOMENT, function, grid, block };
    // SAFETY: the arguments are the function's own, and the lengths of all four were checked. `skip` waits for
    // the queue when it is dropped.
    unsafe { machine.launch(Queue::First, launch, &arguments) }
}

fn require_lengths(keys: Keys<'_>, sum: &Memory<'_>) -> Result<(), GpuError> {
    let bytes = |rows: usize, width: usize| {
        rows.checked_mul(keys.cols).and_then(|elements| elements.checked_mul(width)).unwrap_or(usize::MAX)
    };
    let lengths = [
        ("a block of keys", bytes(keys.rows, keys.dtype.bytes().unwrap_or(1)), keys.values.bytes()),
        ("a second moment", bytes(keys.cols, size_of::<f64>()), sum.bytes()),
        ("a list of rows to leave out", keys.skip.map_or(0, |_| keys.rows), keys.skip.map_or(0, <[u8]>::len)),
    ];
    match lengths.into_iter().find(|(_, needs, has)| has < needs) {
        Some((what, needs, has)) => Err(GpuError::Shape { what, needs, has }),
        None => Ok(()),
    }
}

/// The function of a version, and its blocks: those above the diagonal end at once.
fn shape(version: Version, block: u32, cols: usize) -> Result<(&'static str, [u32; 3]), GpuError> {
    let too_wide = || refused(format!("keys of {cols} features are more than a launch has"));
    let tiles = |width: usize| {
        let tiles = u16::try_from(cols.div_ceil(width)).map_err(|_| too_wide())?;
        Ok([u32::from(tiles), u32::from(tiles), 1])
    };
    match version {
        Version::Plain => {
            let blocks = cols.checked_mul(cols).map(|elements| elements.div_ceil(block as usize));
            let blocks = blocks.and_then(|blocks| i32::try_from(blocks).ok()).ok_or_else(too_wide)?;
            Ok(("second_moment_1", [blocks.cast_unsigned(), 1, 1]))
        }
        Version::Tiles => Ok(("second_moment_2", tiles(64)?)),
        Version::TensorCores => Ok(("second_moment_3", tiles(128)?)),
    }
}

/// By which a kernel knows a dtype.
fn number(dtype: Dtype) -> Option<u64> {
    match dtype {
        Dtype::F32 => Some(0),
        Dtype::F16 => Some(1),
        Dtype::BF16 => Some(2),
        _ => None,
    }
}

fn refused(reason: String) -> GpuError {
    GpuError::Driver { doing: "adding to a second moment".to_owned(), reason }
}
