//! Where the quantiles of |d| probably lie: a small sample, so that the pass counts only around them.
//!
//! Were the 32,768 elements of the sample independent, the median's share would have a standard error of
//! 0.5/√32768 = 0.28 %, and its window would hold 0.8 % of the ranks on either side. Elements of a run are
//! not independent, so the error is measured between runs; the windows of an uneven change are wider. A
//! sample that misleads costs a second pass over the tensor and never a wrong quantile.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "keys have 15 bits, ranks lie between 1 and the number of elements"
)]

use crate::compute::{Boundaries, CHUNK, Totals, difference, key_lower_edge, key_of};
use crate::tensor::{Entry, Source};

use super::Quantiles;

/// Up to this many elements every key is counted: no sample would pay.
const COUNT_ALL: u64 = 2 * CHUNK as u64;
/// Runs of neighbouring elements in a sample.
const RUNS: u64 = 256;
/// Elements in a run: long enough that fetching its first line is not all the work.
const RUN: u64 = 128;
/// Half width of a window in standard errors of the sample.
const WIDTH: f64 = 3.0;
/// The ranks that are reported: ⌈q·n⌉ of n.
const REPORTED: [f64; 4] = [0.5, 0.9, 0.99, 0.999];

/// Windows around the median and the 90th percentile of |d|, and a tail that holds the 99th.
///
/// The runs are spread over the tensor with a fixed jitter, so that no stride of its rows is met, and
/// the spread between runs (not between elements) sets the width: rows of a low-rank change differ.
///
/// Cost: 512 short reads, 256 on either side, however large the tensor is; none where it has at most 2
/// [`CHUNK`].
pub(super) fn boundaries<S: Source>(
    before: (&S, &Entry),
    after: (&S, &Entry),
) -> Result<Boundaries, S::Error> {
    let elements = before.1.elements;
    if elements <= COUNT_ALL {
        return Ok(Boundaries::ALL);
    }
    let keys = sample(before, after)?;
    let cumulative = cumulative(&keys);
    let window = |quantile: f64| {
        let middle = at(&cumulative, quantile);
        let error = WIDTH * standard_error(&keys, middle) + 1.0 / keys.len() as f64;
        (at(&cumulative, quantile - error), at(&cumulative, quantile + error))
    };
    let (tail, _) = window(0.99);
    Ok(Boundaries::around(window(0.5), window(0.9), tail))
}

/// The keys of the sample, run by run.
///
/// All bytes are fetched before any is looked at: the runs lie in memory that no cache holds, and reads that
/// wait for nothing else wait for it together.
fn sample<S: Source>(before: (&S, &Entry), after: (&S, &Entry)) -> Result<Vec<u16>, S::Error> {
    let starts = starts(before.1.elements);
    let [a, b] = [gather(before, &starts)?, gather(after, &starts)?];
    let [width, width_after] = [before.1, after.1].map(|entry| entry.dtype.bytes().unwrap_or(1));
    let mut differences = [0.0; RUN as usize];
    let mut keys = Vec::with_capacity((RUNS * RUN) as usize);
    for (a, b) in a.chunks(RUN as usize * width).zip(b.chunks(RUN as usize * width_after)) {
        difference((before.1.dtype, a), (after.1.dtype, b), &mut differences);
        keys.extend(differences.iter().map(|&d| key_of(d as f32)));
    }
    Ok(keys)
}

/// The first element of each run.
fn starts(elements: u64) -> Vec<u64> {
    let stride = elements / RUNS;
    (0..RUNS).map(|run| run * stride + scatter(run) % (stride - RUN + 1)).collect()
}

/// The bytes of one side's runs.
fn gather<S: Source>((source, entry): (&S, &Entry), starts: &[u64]) -> Result<Vec<u8>, S::Error> {
    let width = entry.dtype.bytes().unwrap_or(1) as u64;
    let bytes = (RUN * width) as usize;
    let (mut gathered, mut scratch) = (Vec::with_capacity(starts.len() * bytes), Vec::new());
    for first in starts {
        gathered.extend_from_slice(source.read(entry, first * width, bytes, &mut scratch)?);
    }
    Ok(gathered)
}

/// A fixed number for each run that looks like chance (the finaliser of `SplitMix64`).
fn scatter(run: u64) -> u64 {
    let mut z = (run + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// How many keys of the sample are at most `key`, for every key up to the largest.
fn cumulative(keys: &[u16]) -> Vec<u32> {
    let mut counts = vec![0; usize::from(keys.iter().max().copied().unwrap_or(0)) + 1];
    for &key in keys {
        if let Some(count) = counts.get_mut(usize::from(key)) {
            *count += 1;
        }
    }
    let mut sum = 0;
    for count in &mut counts {
        sum += *count;
        *count = sum;
    }
    counts
}

/// The key at a quantile of the sample; the first one below 0, the last one above 1.
fn at(cumulative: &[u32], quantile: f64) -> u16 {
    let total = cumulative.last().copied().unwrap_or(0);
    let position = (quantile * f64::from(total)).clamp(0.0, f64::from(total.saturating_sub(1)));
    cumulative.partition_point(|&count| f64::from(count) <= position.floor()) as u16
}

/// Standard error of the share of keys below `middle`, from the spread between runs.
///
/// ```text
/// √( Σᵣ (sᵣ − s̄)² / (R − 1) / R ),   sᵣ the share in run r, R = 256 runs
/// ```
fn standard_error(keys: &[u16], middle: u16) -> f64 {
    let shares: Vec<f64> = keys
        .chunks(RUN as usize)
        .map(|run| run.iter().filter(|&&key| key < middle).count() as f64 / run.len() as f64)
        .collect();
    let mean = shares.iter().sum::<f64>() / shares.len() as f64;
    let squares: f64 = shares.iter().map(|share| (share - mean).powi(2)).sum();
    (squares / (shares.len() as f64 - 1.0) / shares.len() as f64).sqrt()
}

/// The reported quantiles, or `None` where one of them lies outside the windows.
///
/// The quantile q of n elements is the ⌈q n⌉-th smallest |d|, the lower edge of its bucket; no
/// interpolation, as `numpy.quantile` has it under `method="inverted_cdf"`, but for the bucket.
pub(super) fn quantiles(totals: &Totals, boundaries: &Boundaries) -> Option<Quantiles> {
    let [p50, p90, p99, p999] = REPORTED.map(|quantile| {
        let rank = (quantile * totals.elements as f64).ceil().max(1.0) as u64;
        totals.key_at_rank(boundaries, rank.min(totals.elements)).map(key_lower_edge)
    });
    Some(Quantiles { p50: p50?, p90: p90?, p99: p99?, p999: p999? })
}
