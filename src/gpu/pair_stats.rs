//! `kernels/pair_stats.cu`: statistics of a pair of buffers in the machine's memory, in one pass.
//!
//! The reference is `linalg`'s `pair_stats`, chunk by chunk of the same size. Counts, keys and the largest difference are
//! the same; sums are added in another order. No bit depends on the block's size, on where a buffer begins, or on how many
//! chunks one call takes.

#![expect(unsafe_code, reason = "arguments of a kernel are checked here and nowhere else")]

use super::sources::PAIR_STATS;
use super::{GpuError, Launch, Machine, Memory, Queue};
use crate::tensor::Dtype;

/// Threads of a block where nothing speaks for another number.
pub const BLOCK: u32 = 256;
/// Elements of a chunk; chunks start at its multiples.
pub const CHUNK: usize = 1 << 17;

/// Elements that one warp takes.
const STRIP: usize = 4096;
const WARP: u32 = 32;
/// Blocks of a launch at most: beyond that a warp takes several strips, and clearing a block's counters costs nothing.
const BLOCKS: u64 = 4096;
/// Words of 64 bits that the kernel writes for a strip and for a chunk.
const STRIP_WORDS: usize = 8;
const CHUNK_WORDS: usize = 17;
/// Keys there are.
const KEYS: usize = 1 << 15;

/// Bytes of memory that the strips of a chunk take, the words of a chunk, and the counts of keys.
pub(super) const PARTIAL_BYTES: usize = CHUNK / STRIP * STRIP_WORDS * 8;
pub(super) const RESULT_BYTES: usize = CHUNK_WORDS * 8;
pub(super) const COUNT_BYTES: usize = KEYS * 8;

/// A dtype that the kernel reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairDtype {
    bytes: usize,
    /// Its functions: version 1, version 2, and the fold of version 2.
    functions: [&'static str; 3],
}

impl PairDtype {
    /// F32, F16, BF16, `F8_E4M3` and `F8_E5M2`; `None` for all others.
    pub const fn of(dtype: Dtype) -> Option<Self> {
        let (bytes, functions) = match dtype {
            Dtype::F32 => (4, ["pair_stats_1_f32", "pair_stats_2_f32", "pair_stats_fold_f32"]),
            Dtype::F16 => (2, ["pair_stats_1_f16", "pair_stats_2_f16", "pair_stats_fold_f16"]),
            Dtype::BF16 => (2, ["pair_stats_1_bf16", "pair_stats_2_bf16", "pair_stats_fold_bf16"]),
            Dtype::F8_E4M3 => {
                (1, ["pair_stats_1_f8_e4m3", "pair_stats_2_f8_e4m3", "pair_stats_fold_f8_e4m3"])
            }
            Dtype::F8_E5M2 => {
                (1, ["pair_stats_1_f8_e5m2", "pair_stats_2_f8_e5m2", "pair_stats_fold_f8_e5m2"])
            }
            _ => return None,
        };
        Some(Self { bytes, functions })
    }

    /// Bytes of an element.
    pub const fn bytes(self) -> usize {
        self.bytes
    }
}

/// Which keys are counted one by one: those of two windows, and of a tail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    edges: [u16; 5],
}

impl Windows {
    /// Every key but 0.
    pub const ALL: Self = Self { edges: [1; 5] };

    /// The first key of a window and the first past it, twice, then the first of the tail; `None` unless they ascend from
    /// at least 1. Neighbours may be equal.
    pub fn new(edges: [u16; 5]) -> Option<Self> {
        let [first, ..] = edges;
        (first >= 1 && edges.is_sorted()).then_some(Self { edges })
    }

    /// The bits of the largest f32 below each edge. The largest key is that of NaN, 0x7fc0.
    fn below(self) -> [u64; 5] {
        self.edges.map(|edge| (u64::from(edge.min(0x7fff)) << 16) - 1)
    }
}

/// What one chunk of a pair adds to the whole; d = after − before, and 0 where both sides hold the same bits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChunkSums {
    /// Elements in the chunk.
    pub elements: u64,
    /// Elements whose stored value differs.
    pub changed: u64,
    /// Σ before².
    pub before_squares: f64,
    /// Σ after².
    pub after_squares: f64,
    /// Σ d².
    pub delta_squares: f64,
    /// Σ |d|.
    pub abs_delta: f64,
    /// The largest |d|, in f64; NaN where some d is NaN.
    pub largest: f64,
    /// The first element of the chunk that has it (the first NaN, where there is one); 0 where no element changed.
    pub largest_at: u64,
    /// The upper half of the largest |d| as f32; 0x7fc0 where some d is NaN.
    pub largest_key: u16,
    /// Elements with a key below each window.
    pub below: [u64; 2],
    /// NaN, +∞, −∞ before.
    pub nonfinite_before: [u64; 3],
    /// NaN, +∞, −∞ after.
    pub nonfinite_after: [u64; 3],
    /// Finite before, not finite after.
    pub new_nonfinite: u64,
}

impl ChunkSums {
    fn of(words: &[u64; CHUNK_WORDS], elements: u64) -> Self {
        let &[
            a,
            b,
            d,
            abs,
            changed,
            largest,
            largest_at,
            key,
            below,
            below_90,
            n,
            p,
            m,
            n_after,
            p_after,
            m_after,
            new,
        ] = words;
        Self {
            elements,
            changed,
            before_squares: f64::from_bits(a),
            after_squares: f64::from_bits(b),
            delta_squares: f64::from_bits(d),
            abs_delta: f64::from_bits(abs),
            largest: f64::from_bits(largest),
            largest_at,
            largest_key: u16::try_from(key).unwrap_or(u16::MAX),
            below: [below, below_90],
            nonfinite_before: [n, p, m],
            nonfinite_after: [n_after, p_after, m_after],
            new_nonfinite: new,
        }
    }

    /// The words of the chunks of so many elements.
    pub(super) fn all(words: &[u64], elements: u64) -> impl Iterator<Item = Self> {
        let firsts = (0..elements).step_by(CHUNK);
        words
            .as_chunks()
            .0
            .iter()
            .zip(firsts)
            .map(move |(words, first)| Self::of(words, (elements - first).min(CHUNK as u64)))
    }
}

/// What a call finds.
#[derive(Clone, Debug, PartialEq)]
pub struct PairStats {
    /// A record a chunk, in order.
    pub chunks: Vec<ChunkSums>,
    /// How often each key inside the windows was met, over all chunks; 2¹⁵ of them.
    pub key_counts: Vec<u64>,
}

/// A pair in the machine's memory. Each side is read from one of its elements on.
#[derive(Clone, Copy, Debug)]
pub struct DevicePair<'a, 'm> {
    /// Of both sides.
    pub dtype: PairDtype,
    /// Elements of each side.
    pub elements: u64,
    /// Memory, and the first element in it.
    pub before: (&'a Memory<'m>, u64),
    /// The same of the other side.
    pub after: (&'a Memory<'m>, u64),
}

impl DevicePair<'_, '_> {
    /// Where both sides begin, which lie on that machine.
    fn addresses(&self, machine: &dyn Machine) -> Result<[u64; 2], GpuError> {
        let address = |(memory, first): (&Memory<'_>, u64), what| {
            require_on(machine, memory)?;
            let width = self.dtype.bytes as u64;
            let end = first.checked_add(self.elements).and_then(|end| end.checked_mul(width));
            let needs = end.and_then(|end| usize::try_from(end).ok()).unwrap_or(usize::MAX);
            if needs > memory.bytes() {
                return Err(GpuError::Shape { what, needs, has: memory.bytes() });
            }
            Ok(memory.address() + first * width)
        };
        Ok([address(self.before, "the side before")?, address(self.after, "the side after")?])
    }

    fn chunks(&self) -> usize {
        usize::try_from(self.elements.div_ceil(CHUNK as u64)).unwrap_or(usize::MAX)
    }
}

/// Memory that a call writes into.
pub(super) struct Outputs<'a, 'm> {
    /// [`PARTIAL_BYTES`] a chunk.
    pub(super) partials: &'a Memory<'m>,
    /// [`RESULT_BYTES`] a chunk, zeros before.
    pub(super) results: &'a Memory<'m>,
    /// [`COUNT_BYTES`], added to.
    pub(super) counts: &'a Memory<'m>,
}

impl Outputs<'_, '_> {
    fn hold(&self, machine: &dyn Machine, chunks: usize) -> Result<(), GpuError> {
        for (what, memory, needs) in [
            ("the memory of strips", self.partials, chunks.saturating_mul(PARTIAL_BYTES)),
            ("the memory of results", self.results, chunks.saturating_mul(RESULT_BYTES)),
            ("the memory of counts", self.counts, COUNT_BYTES),
        ] {
            require_on(machine, memory)?;
            if memory.bytes() < needs {
                return Err(GpuError::Shape { what, needs, has: memory.bytes() });
            }
        }
        Ok(())
    }
}

fn require_on(machine: &dyn Machine, memory: &Memory<'_>) -> Result<(), GpuError> {
    if memory.lies_on(machine) {
        return Ok(());
    }
    let reason = format!("memory of {} beside that of {}", memory.machine().name(), machine.name());
    Err(GpuError::Driver { doing: "pair_stats".to_owned(), reason })
}

/// Sums, extremes and counts of a pair, a chunk of [`CHUNK`] elements at a time; `block` threads take a block.
///
/// ```text
/// Σ before²     Σ after²     Σ d²     Σ |d|     max |d|     key = upper half of |d| as f32
/// ```
///
/// A value that is not finite enters every sum it belongs to and is counted. Each sum is within 138 · 2⁻⁵³ of the
/// exact sum of its terms, relative to it. Degenerate: no elements give no chunks.
///
/// # Errors
/// [`GpuError::Shape`] where a side is shorter than the pair; those of the machine.
pub fn pair_stats(pair: DevicePair<'_, '_>, windows: Windows, block: u32) -> Result<PairStats, GpuError> {
    with_outputs(pair, |machine, outputs| launch(machine, Queue::First, pair, windows, block, outputs))
}

/// [`pair_stats`] as version 1 of the kernel has it, a thread a chunk: slow, for tests.
///
/// # Errors
/// Those of [`pair_stats`].
pub fn pair_stats_plain(
    pair: DevicePair<'_, '_>,
    windows: Windows,
    block: u32,
) -> Result<PairStats, GpuError> {
    with_outputs(pair, |machine, outputs| {
        let [before, after] = pair.addresses(machine)?;
        outputs.hold(machine, pair.chunks())?;
        let [function, ..] = pair.dtype.functions;
        let [a, b, c, d, e] = windows.below();
        let blocks =
            u32::try_from(pair.elements.div_ceil(CHUNK as u64 * u64::from(block.max(1)))).unwrap_or(u32::MAX);
        let launch = Launch { source: &PAIR_STATS, function, grid: [blocks, 1, 1], block };
        let (results, counts) = (outputs.results.address(), outputs.counts.address());
        let arguments = [before, after, pair.elements, a, b, c, d, e, results, counts];
        // SAFETY: both sides have all elements, results all chunks, and counts all keys.
        unsafe { machine.launch(Queue::First, launch, &arguments) }
    })
}

fn with_outputs<'m>(
    pair: DevicePair<'_, 'm>,
    work: impl FnOnce(&'m dyn Machine, &Outputs<'_, 'm>) -> Result<(), GpuError>,
) -> Result<PairStats, GpuError> {
    let machine = pair.before.0.machine();
    let [_, _] = pair.addresses(machine)?;
    let memory = PairMemory::new(machine, pair.elements)?;
    if pair.elements > 0 {
        work(machine, &memory.outputs())?;
    }
    let chunks = ChunkSums::all(&memory.results.read(Queue::First)?, pair.elements).collect();
    Ok(PairStats { chunks, key_counts: memory.counts.read(Queue::First)? })
}

/// Memory that the kernels write into, for so many elements.
pub struct PairMemory<'m> {
    partials: Memory<'m>,
    results: Memory<'m>,
    counts: Memory<'m>,
}

impl<'m> PairMemory<'m> {
    /// Zeros.
    ///
    /// # Errors
    /// [`GpuError::Memory`], [`GpuError::Driver`].
    pub fn new(machine: &'m dyn Machine, elements: u64) -> Result<Self, GpuError> {
        let chunks = usize::try_from(elements.div_ceil(CHUNK as u64)).unwrap_or(usize::MAX);
        Ok(Self {
            partials: Memory::new(machine, chunks.saturating_mul(PARTIAL_BYTES))?,
            results: Memory::zeroed(machine, chunks.saturating_mul(RESULT_BYTES))?,
            counts: Memory::zeroed(machine, COUNT_BYTES)?,
        })
    }

    /// Asks for the kernels of a pair and leaves what they find where it is: what benches time.
    ///
    /// # Errors
    /// [`GpuError::Shape`] where a side is shorter than the pair, or the pair longer than the memory is for.
    pub fn launch(&self, pair: DevicePair<'_, '_>, windows: Windows, block: u32) -> Result<(), GpuError> {
        launch(self.counts.machine(), Queue::First, pair, windows, block, &self.outputs())
    }

    fn outputs(&self) -> Outputs<'_, 'm> {
        Outputs { partials: &self.partials, results: &self.results, counts: &self.counts }
    }
}

/// Asks for version 2 of the kernel and its fold; there is at least one element.
pub(super) fn launch(
    machine: &dyn Machine,
    queue: Queue,
    pair: DevicePair<'_, '_>,
    windows: Windows,
    block: u32,
    outputs: &Outputs<'_, '_>,
) -> Result<(), GpuError> {
    let [before, after] = pair.addresses(machine)?;
    outputs.hold(machine, pair.chunks())?;
    let [_, strips, fold] = pair.dtype.functions;
    let [a, b, c, d, e] = windows.below();
    let [partials, results, counts] =
        [outputs.partials, outputs.results, outputs.counts].map(Memory::address);
    let warps = u64::from((block / WARP).max(1));
    let of_strips = grid(pair.elements.div_ceil(STRIP as u64).div_ceil(warps));
    let of_chunks = grid((pair.chunks() as u64).div_ceil(warps));
    let arguments = [before, after, pair.elements, a, b, c, d, e, partials, results, counts];
    // SAFETY: both sides have all elements, partials and results all chunks, and counts all keys.
    unsafe {
        let launch = Launch { source: &PAIR_STATS, function: strips, grid: of_strips, block };
        machine.launch(queue, launch, &arguments)?;
        let launch = Launch { source: &PAIR_STATS, function: fold, grid: of_chunks, block };
        machine.launch(queue, launch, &[before, after, pair.elements, partials, results])
    }
}

/// So many blocks, up to as many as make sense: version 2 and the fold go on from there by themselves.
fn grid(blocks: u64) -> [u32; 3] {
    [u32::try_from(blocks.clamp(1, BLOCKS)).unwrap_or(1), 1, 1]
}
