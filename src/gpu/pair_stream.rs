//! A pair of any length through little memory of the machine: groups of chunks, two of them at a time.
//!
//! ```text
//! the host fills       group 0   group 1   group 2   group 3
//! first queue                    copy 0, kernels 0   copy 2, kernels 2
//! second queue                             copy 1, kernels 1   copy 3 …
//! ```
//!
//! A group waits for nothing but its own queue, so reading a file, copying and computing run side by side. Groups are
//! whole chunks, and a chunk's bits do not depend on its group: the result is the same for any limit on memory.

use super::pair_stats::{
    CHUNK, COUNT_BYTES, ChunkSums, DevicePair, Outputs, PARTIAL_BYTES, PairDtype, PairStats, RESULT_BYTES,
    Windows, launch,
};
use super::{GpuError, Machine, Memory, Pinned, Queue};

/// Bytes of a side that go together: a chunk of the widest dtype, up to four of others.
pub const UNIT: usize = CHUNK * 4;
/// Chunks of the narrowest dtype in them.
const UNIT_CHUNKS: usize = 4;
/// Memory of the machine that a unit takes in both queues, with what the kernels write.
const UNIT_BYTES: usize = 2 * (2 * UNIT + UNIT_CHUNKS * (PARTIAL_BYTES + RESULT_BYTES));

/// Why a stream has no result.
#[derive(Debug, thiserror::Error)]
pub enum StreamError<E> {
    /// The machine fails.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// There is nothing to fill a group with.
    #[error("{0}")]
    Fill(E),
}

/// Memory that pairs pass through, taken once and used for any number of them.
pub struct PairStream<'m> {
    queues: [Half<'m>; 2],
    counts: Memory<'m>,
    block: u32,
}

/// What one of the two queues works on.
struct Half<'m> {
    queue: Queue,
    before: Pinned<'m>,
    after: Pinned<'m>,
    results: Pinned<'m>,
    device_before: Memory<'m>,
    device_after: Memory<'m>,
    device_partials: Memory<'m>,
    device_results: Memory<'m>,
    /// Elements of the group that is under way.
    under_way: u64,
}

impl<'m> PairStream<'m> {
    /// The memory of the machine that a stream needs whose groups are so many times 512 KiB a side.
    pub const fn bytes_for(units: usize) -> usize {
        COUNT_BYTES.saturating_add(UNIT_BYTES.saturating_mul(units))
    }

    /// Takes at most so many bytes of the machine, and as much of the host; `block` threads take a block.
    ///
    /// # Errors
    /// [`GpuError::Shape`] where that is less than [`bytes_for`](Self::bytes_for) one unit; [`GpuError::Memory`].
    pub fn new(machine: &'m dyn Machine, bytes: usize, block: u32) -> Result<Self, GpuError> {
        let units = bytes.saturating_sub(COUNT_BYTES) / UNIT_BYTES;
        if units == 0 {
            return Err(GpuError::Shape { what: "a stream of pairs", needs: Self::bytes_for(1), has: bytes });
        }
        let [first, second] = Queue::BOTH;
        let queues = [Half::new(machine, first, units)?, Half::new(machine, second, units)?];
        Ok(Self { queues, counts: Memory::zeroed(machine, COUNT_BYTES)?, block })
    }

    /// [`pair_stats`](super::pair_stats::pair_stats) of a pair that `fill` hands out: it is given the first element of a
    /// group and the bytes of both sides to write, ascending and without a gap.
    ///
    /// # Errors
    /// [`StreamError::Fill`] with what `fill` says, which ends the stream; [`StreamError::Gpu`].
    pub fn run<E>(
        &mut self,
        dtype: PairDtype,
        elements: u64,
        windows: Windows,
        mut fill: impl FnMut(u64, &mut [u8], &mut [u8]) -> Result<(), E>,
    ) -> Result<PairStats, StreamError<E>> {
        let [older, newer] = &mut self.queues;
        let (mut older, mut newer) = (older, newer);
        older.forget()?;
        newer.forget()?;
        self.counts.clear(Queue::First)?;
        self.counts.machine().wait(Queue::First)?;
        let mut chunks = Vec::new();
        let mut first = 0;
        while first < elements {
            older.finish(&mut chunks)?;
            let count = (elements - first).min((older.before.as_slice().len() / dtype.bytes()) as u64);
            let (before, after) =
                older.sides(usize::try_from(count).unwrap_or(usize::MAX) * dtype.bytes())?;
            fill(first, before, after).map_err(StreamError::Fill)?;
            older.start(dtype, count, windows, self.block, &self.counts)?;
            first += count;
            std::mem::swap(&mut older, &mut newer);
        }
        older.finish(&mut chunks)?;
        newer.finish(&mut chunks)?;
        Ok(PairStats { chunks, key_counts: self.counts.read(Queue::First)? })
    }
}

impl<'m> Half<'m> {
    fn new(machine: &'m dyn Machine, queue: Queue, units: usize) -> Result<Self, GpuError> {
        let chunks = units * UNIT_CHUNKS;
        Ok(Self {
            queue,
            before: Pinned::new(machine, units * UNIT)?,
            after: Pinned::new(machine, units * UNIT)?,
            results: Pinned::new(machine, chunks * RESULT_BYTES)?,
            device_before: Memory::new(machine, units * UNIT)?,
            device_after: Memory::new(machine, units * UNIT)?,
            device_partials: Memory::new(machine, chunks * PARTIAL_BYTES)?,
            device_results: Memory::new(machine, chunks * RESULT_BYTES)?,
            under_way: 0,
        })
    }

    fn wait(&self) -> Result<(), GpuError> {
        self.device_before.machine().wait(self.queue)
    }

    /// Waits for a group that an earlier run left.
    fn forget(&mut self) -> Result<(), GpuError> {
        self.under_way = 0;
        self.wait()
    }

    /// The pinned bytes of a group of both sides; the group before it is finished.
    fn sides(&mut self, bytes: usize) -> Result<(&mut [u8], &mut [u8]), GpuError> {
        let has = self.before.as_slice().len();
        let sides =
            self.before.as_mut_slice().get_mut(..bytes).zip(self.after.as_mut_slice().get_mut(..bytes));
        sides.ok_or(GpuError::Shape { what: "a group of chunks", needs: bytes, has })
    }

    /// Copies, computes, and copies the results back.
    fn start(
        &mut self,
        dtype: PairDtype,
        elements: u64,
        windows: Windows,
        block: u32,
        counts: &Memory<'m>,
    ) -> Result<(), GpuError> {
        let elements_here = usize::try_from(elements).unwrap_or(usize::MAX);
        self.under_way = elements;
        self.device_before.take_from(self.queue, &self.before, elements_here * dtype.bytes())?;
        self.device_after.take_from(self.queue, &self.after, elements_here * dtype.bytes())?;
        self.device_results.clear(self.queue)?;
        let pair =
            DevicePair { dtype, elements, before: (&self.device_before, 0), after: (&self.device_after, 0) };
        let outputs = Outputs { partials: &self.device_partials, results: &self.device_results, counts };
        launch(self.device_before.machine(), self.queue, pair, windows, block, &outputs)?;
        let bytes = elements_here.div_ceil(CHUNK) * RESULT_BYTES;
        self.device_results.give_to(self.queue, &mut self.results, bytes)
    }

    /// Waits for the group that is under way and adds its chunks.
    fn finish(&mut self, chunks: &mut Vec<ChunkSums>) -> Result<(), GpuError> {
        self.wait()?;
        let words: Vec<u64> = bytemuck::pod_collect_to_vec(self.results.as_slice());
        chunks.extend(ChunkSums::all(&words, std::mem::take(&mut self.under_way)));
        Ok(())
    }
}
