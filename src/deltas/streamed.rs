//! Pairs whose numbers a device makes.

use rayon::prelude::*;

use super::DeltasError;
use super::pass::Pair;
use crate::compute::{Boundaries, PairStreams, StreamError, StreamedPair};
use crate::tensor::{Entry, Source};

/// Bytes that one thread copies at a time.
const PIECE: usize = 1 << 20;

impl<S: Source> Pair<'_, S> {
    /// Whether a device can make this pair's numbers.
    pub(super) fn has_kernel(&self) -> bool {
        PairStreams::reads(self.before.1.dtype, self.after.1.dtype)
    }
}

/// The numbers of every chunk of a pair, and its largest difference.
pub(super) fn numbers<S: Source>(
    pair: &Pair<'_, S>,
    boundaries: &Boundaries,
    streams: &mut PairStreams<'_>,
) -> Result<StreamedPair, DeltasError<S::Error>> {
    let entry = pair.before.1;
    let width = entry.dtype.bytes().unwrap_or(1) as u64;
    let fill = |first: u64, before: &mut [u8], after: &mut [u8]| {
        let (before, after) = rayon::join(
            || copy(pair.before, first * width, before),
            || copy(pair.after, first * width, after),
        );
        before.and(after)
    };
    streams.pair_stats(entry.dtype, entry.elements, boundaries, fill).map_err(|error| match error {
        StreamError::Fill(error) => DeltasError::Read(error),
        StreamError::Gpu(error) => DeltasError::Device(error),
    })
}

/// A side's bytes from `offset` on.
fn copy<S: Source>((source, entry): (&S, &Entry), offset: u64, to: &mut [u8]) -> Result<(), S::Error> {
    to.par_chunks_mut(PIECE).enumerate().try_for_each(|(piece, to)| {
        let mut buffer = Vec::new();
        let bytes = source.read(entry, offset + (piece * PIECE) as u64, to.len(), &mut buffer)?;
        for (place, byte) in to.iter_mut().zip(bytes) {
            *place = *byte;
        }
        Ok(())
    })
}
