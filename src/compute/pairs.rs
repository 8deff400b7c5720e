//! The statistics of whole pairs of tensors on a device.

use super::Device;
use crate::gpu::GpuError;
use crate::gpu::pair_stats::{BLOCK, ChunkSums, PairDtype, PairStats, Windows};
use crate::gpu::pair_stream::{PairStream, StreamError, UNIT};
use crate::linalg::{Boundaries, CHUNK, ChunkStats, KeyCounts, Largest};
use crate::tensor::Dtype;

/// Pairs of tensors that are streamed through a device, one after the other.
pub struct PairStreams<'d>(PairStream<'d>);

/// What a pair comes to on a device.
pub struct StreamedPair {
    /// Its chunks, in order; which keys were counted stands with the last.
    pub chunks: Vec<ChunkStats>,
    /// The largest difference.
    pub largest: Largest,
}

impl<'d> PairStreams<'d> {
    /// Buffers on the device for pairs of so many bytes together; `None` where the processor is to do it.
    ///
    /// # Errors
    /// [`GpuError`] where the device has no room for them.
    pub fn open(device: &'d Device, bytes: u64) -> Result<Option<Self>, GpuError> {
        let Some(machine) = device.machine(bytes) else { return Ok(None) };
        // No more than one queue could take of all of them.
        let units = usize::try_from(bytes).unwrap_or(usize::MAX) / (2 * UNIT) + 1;
        let memory = device.memory().min(PairStream::bytes_for(units));
        Ok(Some(Self(PairStream::new(machine, memory, BLOCK)?)))
    }

    /// Whether a kernel reads pairs of these dtypes.
    pub fn reads(before: Dtype, after: Dtype) -> bool {
        before == after && PairDtype::of(before).is_some()
    }

    /// [`pair_stats`](super::pair_stats) of every chunk, and the largest difference of all.
    ///
    /// `fill` is called with the number of an element, in ascending order, and writes both sides from there on; the next call
    /// comes while the device is at work. Sums differ from those of the processor by rounding, within the same bound; counts and
    /// the largest difference do not.
    ///
    /// # Errors
    /// What `fill` fails with, or the device.
    pub fn pair_stats<E>(
        &mut self,
        dtype: Dtype,
        elements: u64,
        boundaries: &Boundaries,
        fill: impl FnMut(u64, &mut [u8], &mut [u8]) -> Result<(), E>,
    ) -> Result<StreamedPair, StreamError<E>> {
        let no_kernel = || GpuError::Absent(format!("there is no kernel for pairs of {dtype}"));
        let dtype = PairDtype::of(dtype).ok_or_else(no_kernel)?;
        let (edges, _) = boundaries.windows();
        let windows = Windows::new(edges).unwrap_or(Windows::ALL);
        let PairStats { chunks: sums, key_counts } = self.0.run(dtype, elements, windows, fill)?;
        let mut largest = Largest { magnitude: 0.0, position: 0 };
        for (chunk, sums) in sums.iter().enumerate() {
            let position = (chunk * CHUNK) as u64 + sums.largest_at;
            let found = Largest { magnitude: sums.largest, position };
            if found.exceeds(&largest) {
                largest = found;
            }
        }
        let mut chunks: Vec<ChunkStats> = sums.iter().map(chunk_stats).collect();
        if let Some(last) = chunks.last_mut() {
            last.keys.counts = counts(&key_counts);
        }
        Ok(StreamedPair { chunks, largest })
    }
}

fn chunk_stats(sums: &ChunkSums) -> ChunkStats {
    ChunkStats {
        elements: sums.elements,
        changed: sums.changed,
        before_squares: sums.before_squares,
        after_squares: sums.after_squares,
        delta_squares: sums.delta_squares,
        abs_delta: sums.abs_delta,
        keys: KeyCounts {
            below: sums.below,
            // A window of one key is counted like any other.
            single: [0; 2],
            largest: sums.largest_key,
            counts: Vec::new(),
        },
        nonfinite_before: sums.nonfinite_before,
        nonfinite_after: sums.nonfinite_after,
        new_nonfinite: sums.new_nonfinite,
    }
}

/// Keys that were met, ascending; a count that does not fit stands in parts.
fn counts(keys: &[u64]) -> Vec<(u16, u32)> {
    let mut counts = Vec::new();
    for (key, &count) in (0..=u16::MAX).zip(keys) {
        let mut rest = count;
        while rest > 0 {
            let part = u32::try_from(rest).unwrap_or(u32::MAX);
            counts.push((key, part));
            rest -= u64::from(part);
        }
    }
    counts
}
