//! The pass over the bytes of all pairs: equality first, numbers only where bytes differ.
//!
//! ```text
//! chunk of a pair      equal bytes, no difference met yet   compared only, as memory is
//!                      different bytes                      the pair's numbers are wanted from here on
//!                      numbers wanted                       sums, extremes, keys
//! afterwards           chunks that passed as equal first    read again, as numbers
//!                      chunks with the largest key          read again, for the exact |d|
//!                      a quantile outside its window        whole pair again, every key counted
//! ```
//!
//! Which chunks are met before the first difference depends on the threads; the result does not, because
//! every chunk of a changed pair ends up with its numbers, and they are added in the order of the tensor.

#![expect(
    clippy::cast_possible_truncation,
    reason = "chunks, and their number in a batch, fit any machine's words"
)]

use std::cell::RefCell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use super::change::change;
use super::streamed::numbers;
use super::{Change, DeltasError, Quantiles, windows};
use crate::compute::{
    Boundaries, CHUNK, ChunkPair, ChunkStats, Device, Largest, PairStreams, Scratch, StreamedPair, Totals,
    largest_of, pair_stats,
};
use crate::tensor::{Entry, NumberKind, Source};

/// Told how far a comparison is; every method may be called from any thread.
pub trait Progress: Sync {
    /// A stage begins; it will read about that many bytes.
    fn begin(&self, stage: &str, total_bytes: u64);
    /// So many more bytes are read.
    fn advance(&self, bytes: u64);
    /// The stage is over.
    fn end(&self);
}

/// Nobody is told.
impl Progress for () {
    fn begin(&self, _: &str, _: u64) {}
    fn advance(&self, _: u64) {}
    fn end(&self) {}
}

/// Chunks that are in memory as results at one time: about 10 MB.
const BATCH: u64 = 4096;

/// Two tensors of one shape.
pub(super) struct Pair<'a, S> {
    pub(super) before: (&'a S, &'a Entry),
    pub(super) after: (&'a S, &'a Entry),
}

impl<S> Clone for Pair<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Pair<'_, S> {}

impl<S: Source> Pair<'_, S> {
    pub(super) fn bytes(&self) -> u64 {
        self.before.1.bytes + self.after.1.bytes
    }

    /// False where either dtype is only compared as bytes.
    pub(super) fn is_numeric(&self) -> bool {
        [self.before, self.after].iter().all(|(_, entry)| entry.dtype.kind() != NumberKind::Opaque)
    }

    /// True where both sides are the same bytes on the same disk.
    pub(super) fn is_same_storage(&self) -> bool {
        self.before.0.same_storage(self.before.1, self.after.0, self.after.1)
    }

    fn chunks(&self) -> u64 {
        match self.before.1.dtype.bytes() {
            Some(_) => self.before.1.elements.div_ceil(CHUNK as u64),
            None => self.before.1.bytes.div_ceil(CHUNK as u64),
        }
    }

    /// Hands both sides of one chunk to `use_it`.
    fn chunk<T>(
        &self,
        chunk: u64,
        use_it: impl FnOnce(ChunkPair<'_>, &mut Scratch) -> T,
    ) -> Result<T, S::Error> {
        BUFFERS.with_borrow_mut(|buffers| {
            let before = read_chunk(self.before, chunk, &mut buffers.before)?;
            let after = read_chunk(self.after, chunk, &mut buffers.after)?;
            let (dtype_before, dtype_after) = (self.before.1.dtype, self.after.1.dtype);
            let pair = ChunkPair { dtype_before, before, dtype_after, after };
            Ok(use_it(pair, &mut buffers.scratch))
        })
    }
}

/// Reusable memory of one thread.
#[derive(Default)]
struct Buffers {
    before: Vec<u8>,
    after: Vec<u8>,
    scratch: Scratch,
}

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::default();
}

/// One side of a chunk: [`CHUNK`] elements, or as many bytes for a packed dtype; the last chunk is shorter.
fn read_chunk<'a, S: Source>(
    (source, entry): (&'a S, &Entry),
    chunk: u64,
    buffer: &'a mut Vec<u8>,
) -> Result<&'a [u8], S::Error> {
    let size = (CHUNK * entry.dtype.bytes().unwrap_or(1)) as u64;
    let offset = chunk * size;
    let len = size.min(entry.bytes.saturating_sub(offset));
    source.read(entry, offset, len as usize, buffer)
}

/// What the pass finds out about one pair.
pub(super) enum Found {
    /// The same values; nothing was added up.
    Identical,
    /// Different bytes of a dtype that has no numbers.
    DifferentBytes,
    /// What the change comes to.
    Numbers(Box<Change>),
}

/// Compares all pairs, in the order given. With `norms` the numbers of identical tensors are read too.
///
/// Pairs are taken in batches of at most [`BATCH`] chunks (or one pair that has more), and the chunks of a
/// batch are shared out among the threads: a checkpoint of many small tensors keeps them as busy as one
/// large tensor.
pub(super) fn run<S: Source>(
    pairs: &[Pair<'_, S>],
    norms: bool,
    device: &Device,
    progress: &dyn Progress,
) -> Result<Vec<Found>, DeltasError<S::Error>> {
    let bytes = pairs.iter().map(Pair::bytes).sum();
    let mut streams = PairStreams::open(device, bytes).map_err(DeltasError::Device)?;
    progress.begin("comparing", bytes);
    let mut found = Vec::with_capacity(pairs.len());
    let mut rest = pairs;
    while !rest.is_empty() {
        let mut chunks = 0;
        let fitting = rest.iter().take_while(|pair| {
            chunks += pair.chunks();
            chunks <= BATCH
        });
        let (batch, later) = rest.split_at(fitting.count().max(1));
        found.extend(run_batch(batch, norms, streams.as_mut(), progress)?);
        rest = later;
    }
    progress.end();
    Ok(found)
}

fn run_batch<S: Source>(
    pairs: &[Pair<'_, S>],
    norms: bool,
    streams: Option<&mut PairStreams<'_>>,
    progress: &dyn Progress,
) -> Result<Vec<Found>, DeltasError<S::Error>> {
    let tasks: Vec<Task<'_, S>> =
        pairs.iter().map(|&pair| Task::new(pair, norms, streams.is_some())).collect();
    let mut units: Vec<Unit<'_, S>> = tasks.iter().flat_map(Task::units).collect();
    units.par_iter_mut().try_for_each(|unit| {
        unit.stats = unit.task.look_at(unit.chunk)?;
        progress.advance(unit.task.pair.bytes() / unit.task.pair.chunks());
        Ok::<(), S::Error>(())
    })?;
    if let Some(streams) = streams {
        stream(&mut units, streams)?;
    }
    // Chunks that were equal and passed before the first difference of their tensor was met.
    units.par_iter_mut().filter(|unit| unit.stats.is_none() && unit.task.wants_numbers()).try_for_each(
        |unit| {
            unit.stats = unit.task.look_at(unit.chunk)?;
            Ok::<(), S::Error>(())
        },
    )?;
    let mut by_task = Vec::with_capacity(tasks.len());
    let mut rest = units.as_slice();
    for task in &tasks {
        let (own, others) = rest.split_at((task.pair.chunks() as usize).min(rest.len()));
        by_task.push((task, own));
        rest = others;
    }
    let found: Result<Vec<Found>, S::Error> =
        by_task.into_par_iter().map(|(task, chunks)| task.conclude(chunks)).collect();
    Ok(found?)
}

/// The numbers of pairs that a device makes, pair by pair; `units` stand in the order of their tasks.
fn stream<S: Source>(
    units: &mut [Unit<'_, S>],
    streams: &mut PairStreams<'_>,
) -> Result<(), DeltasError<S::Error>> {
    for units in units.chunk_by_mut(|a, b| std::ptr::eq(a.task, b.task)) {
        let Some(task) = units.first().map(|unit| unit.task) else { continue };
        if !(task.streams && task.wants_numbers()) {
            continue;
        }
        let StreamedPair { chunks, largest } = numbers(&task.pair, &task.boundaries()?, streams)?;
        for (unit, stats) in units.iter_mut().zip(chunks) {
            unit.stats = Some(stats);
        }
        let _ = task.largest.set(largest);
    }
    Ok(())
}

/// One pair on its way through the pass.
struct Task<'a, S> {
    pair: Pair<'a, S>,
    /// True as soon as one chunk differs, from the start where numbers are wanted anyway.
    numbers: AtomicBool,
    boundaries: OnceLock<Boundaries>,
    /// Whether a device makes the numbers, if they are wanted.
    streams: bool,
    /// The largest difference, where the device has found it.
    largest: OnceLock<Largest>,
}

/// One chunk of a task, and what it came to.
struct Unit<'a, S> {
    task: &'a Task<'a, S>,
    chunk: u64,
    stats: Option<ChunkStats>,
}

impl<'a, S: Source> Task<'a, S> {
    fn new(pair: Pair<'a, S>, norms: bool, has_device: bool) -> Self {
        let numbers = (norms && pair.is_numeric()) || pair.before.1.dtype != pair.after.1.dtype;
        let streams = has_device && pair.has_kernel();
        let numbers = AtomicBool::new(numbers);
        Self { pair, numbers, boundaries: OnceLock::new(), streams, largest: OnceLock::new() }
    }

    /// Whether every chunk has to be read as numbers.
    fn wants_numbers(&self) -> bool {
        self.pair.is_numeric() && self.numbers.load(Ordering::Relaxed)
    }

    fn units(&'a self) -> impl Iterator<Item = Unit<'a, S>> {
        (0..self.pair.chunks()).map(|chunk| Unit { task: self, chunk, stats: None })
    }

    /// `None` where the chunk is equal and its numbers are not known to be wanted.
    fn look_at(&self, chunk: u64) -> Result<Option<ChunkStats>, S::Error> {
        if self.streams && self.wants_numbers() {
            return Ok(None);
        }
        self.pair.chunk(chunk, |pair, scratch| {
            if !self.numbers.load(Ordering::Relaxed) {
                if pair.before == pair.after {
                    return Ok(None);
                }
                self.numbers.store(true, Ordering::Relaxed);
            }
            if self.streams || !self.pair.is_numeric() {
                return Ok(None);
            }
            Ok(Some(pair_stats(pair, &self.boundaries()?, scratch)))
        })?
    }

    /// The windows for this pair: sampled once, by whoever needs them first.
    fn boundaries(&self) -> Result<Boundaries, S::Error> {
        if let Some(known) = self.boundaries.get() {
            return Ok(*known);
        }
        let sampled = windows::boundaries(self.pair.before, self.pair.after)?;
        Ok(*self.boundaries.get_or_init(|| sampled))
    }

    /// What the chunks of one pair come to; `chunks` are all of them, in order.
    fn conclude(&self, chunks: &[Unit<'a, S>]) -> Result<Found, S::Error> {
        if !self.numbers.load(Ordering::Relaxed) {
            return Ok(Found::Identical);
        }
        if !self.pair.is_numeric() {
            return Ok(Found::DifferentBytes);
        }
        let totals = add_up(chunks.iter().filter_map(|unit| unit.stats.as_ref()));
        if totals.elements == 0 {
            return Ok(Found::Identical);
        }
        let boundaries = self.boundaries.get().copied().unwrap_or(Boundaries::ALL);
        let largest = match self.largest.get() {
            Some(known) => *known,
            None => largest(&self.pair, &totals)?,
        };
        let quantiles = match windows::quantiles(&totals, &boundaries) {
            Some(known) => known,
            None => {
                windows::quantiles(&count_all(&self.pair)?, &Boundaries::ALL).unwrap_or(Quantiles::UNKNOWN)
            }
        };
        let change = change(&totals, quantiles, &self.pair.before.1.shape, largest);
        Ok(Found::Numbers(Box::new(change)))
    }
}

fn add_up<'a>(chunks: impl Iterator<Item = &'a ChunkStats>) -> Totals {
    let mut totals = Totals::default();
    chunks.for_each(|chunk| totals.add(chunk));
    totals
}

/// One more pass over a pair in which every key is counted.
pub(super) fn count_all<S: Source>(pair: &Pair<'_, S>) -> Result<Totals, S::Error> {
    let chunks: Vec<ChunkStats> = (0..pair.chunks())
        .into_par_iter()
        .map(|chunk| pair.chunk(chunk, |pair, scratch| pair_stats(pair, &Boundaries::ALL, scratch)))
        .collect::<Result<_, S::Error>>()?;
    Ok(add_up(chunks.iter()))
}

/// The largest |d| of a pair: exact, and the first that is.
fn largest<S: Source>(pair: &Pair<'_, S>, totals: &Totals) -> Result<Largest, S::Error> {
    let mut largest = Largest { magnitude: 0.0, position: 0 };
    for &chunk in &totals.largest_in {
        let found = pair.chunk(chunk as u64, |chunk, scratch| largest_of(&chunk, scratch))?;
        if found.exceeds(&largest) {
            let position = chunk as u64 * CHUNK as u64 + found.position;
            largest = Largest { position, ..found };
        }
    }
    Ok(largest)
}
