//! The distribution of |d|, counted in buckets of relative width 2⁻⁷.
//!
//! The key of a difference is the upper half of its magnitude as f32: 8 exponent and 7 mantissa bits,
//! so keys order as magnitudes do, infinity above every finite value and NaN above infinity. Counting
//! all 2¹⁵ keys for each element would cost more than reading it; four quantiles need far less. A small
//! sample tells roughly where they lie, and only keys inside those windows are counted one by one;
//! outside them one count a gap is enough to know every rank. The answer is exact whatever the sample
//! was: a quantile that falls outside its window is found out and counted in full.
//!
//! ```text
//! key            0 …      a … b−1      … c−1      c … d−1      … e−1      e … 0x7fff
//! counted as     below    one by one   the rest   one by one   the rest   one by one
//!                         (median)                (p90)                   (p99, p99.9, max)
//! ```
//!
//! Ranks follow from counts alone: `below` of the first window is the number of keys before a, `below` of
//! the second the number before c, and what the tail does not hold lies before e. So the key at any rank
//! inside a window is exact, and a rank in a gap is known to be there, which is what asks for a full count.
//!
//! Resolution: a key holds 2ᵉ(1 + k/128) ≤ |d| < 2ᵉ(1 + (k + 1)/128), and its lower edge is what is reported,
//! at most 2⁻⁷ below the true order statistic of |d| in f32, relative to it. Below the normal range of f32
//! (2⁻¹²⁶) the width is 2⁻¹³³ throughout; |d| < 2⁻¹³³ has key 0 and counts as 0.

/// Number of keys.
const KEYS: usize = 1 << 15;

/// Key of a difference: the upper 16 bits of |d| as f32.
///
/// The truncation is monotone: |x| ≤ |y| gives `key_of(x) ≤ key_of(y)`, with infinity and NaN at the top.
pub fn key_of(difference: f32) -> u16 {
    (difference.abs().to_bits() >> 16) as u16
}

/// The smallest magnitude with that key.
pub fn key_lower_edge(key: u16) -> f64 {
    f64::from(f32::from_bits(u32::from(key) << 16))
}

/// Where counting key by key starts and stops: a window around the median, one around the 90th
/// percentile, and the tail.
///
/// Keys below a window are counted together, those inside it one by one. A window of a single key is one
/// count: stored weights often have a third of their differences on one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boundaries {
    /// First key of a window, then first key past it, twice; then the first key of the tail. Ascending,
    /// at least 1: key 0 is most of a sparse change and never counted by itself.
    pub(super) edges: [u16; 5],
    /// Whether each window is a single key, counted as a whole.
    pub(super) single: [bool; 2],
}

impl Boundaries {
    /// No key is counted; the largest is known all the same.
    pub(super) const NONE: Self = Self { edges: [1 << 15; 5], single: [false; 2] };

    /// Every key but 0 is counted.
    pub const ALL: Self = Self { edges: [1; 5], single: [false; 2] };

    /// Windows around the median and the 90th percentile, and the whole tail from the third key on.
    ///
    /// Each window is `(first key, last key)`; one that reaches into the other starts where that ends.
    pub fn around(median: (u16, u16), p90: (u16, u16), tail_from: u16) -> Self {
        let start = median.0.max(1);
        let stop = median.1.saturating_add(1).max(start);
        let start_90 = p90.0.max(stop);
        let stop_90 = p90.1.saturating_add(1).max(start_90);
        let edges = [start, stop, start_90, stop_90, tail_from.max(stop_90)];
        Self { edges, single: [stop - start == 1, stop_90 - start_90 == 1] }
    }

    /// First key of a window, then first key past it, twice, then the first of the tail; and whether each window is a
    /// single key, which [`pair_stats`](super::pair_stats) counts apart from all others.
    pub const fn windows(&self) -> ([u16; 5], [bool; 2]) {
        (self.edges, self.single)
    }

    /// Whether keys of that value are counted one by one.
    fn counts(&self, key: u16) -> bool {
        let [a, b, c, d, tail] = self.edges;
        let [median, p90] = self.single;
        (!median && (a..b).contains(&key)) || (!p90 && (c..d).contains(&key)) || key >= tail
    }
}

/// Counts of keys in one chunk.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyCounts {
    /// Elements with a key below each window.
    pub below: [u64; 2],
    /// Elements inside each window that is a single key.
    pub single: [u64; 2],
    /// The largest key; that of NaN where some difference is NaN.
    pub largest: u16,
    /// `(key, count)` of every key that was met inside the windows, ascending.
    pub counts: Vec<(u16, u32)>,
}

/// Reusable memory of one thread; nothing that it holds between calls changes a result.
///
/// 256 KiB for the keys of a chunk and 512 KiB of counters; the buffers for widened elements stay empty
/// unless a chunk needs them, and then take up to 2 MiB (f64) and 1 MiB (f32).
pub struct Scratch {
    /// Keys inside the windows, in the order they were met.
    collected: Vec<u16>,
    length: usize,
    /// The keys that made up most of the chunk before; 0 is none.
    frequent: [u16; 2],
    /// How often they were met in this one and not collected.
    set_apart: [u32; 2],
    /// Four histograms, so that a run of equal keys does not wait on one counter.
    histograms: Box<[[u32; 4]]>,
    /// Widened elements, for the dtypes without a vector routine.
    pub(super) before: Vec<f64>,
    pub(super) after: Vec<f64>,
    /// Elements widened to f32, for two dtypes that differ.
    pub(super) singles: [Vec<f32>; 2],
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            // A vector routine stores 32 keys at a time, whatever the number that counts.
            collected: vec![0; super::CHUNK + 32],
            length: 0,
            frequent: [0; 2],
            set_apart: [0; 2],
            histograms: vec![[0; 4]; KEYS].into_boxed_slice(),
            before: Vec::new(),
            after: Vec::new(),
            singles: Default::default(),
        }
    }
}

impl Scratch {
    pub(super) fn begin(&mut self) {
        self.length = 0;
        self.set_apart = [0; 2];
    }

    /// Notes one key as the boundaries ask.
    pub(super) fn note(&mut self, key: u16, boundaries: &Boundaries, counts: &mut KeyCounts) {
        let [a, b, c, d, _] = boundaries.edges;
        for (window, (from, to)) in [(a, b), (c, d)].into_iter().enumerate() {
            counts.below[window] += u64::from(key < from);
            counts.single[window] += u64::from(boundaries.single[window] && (from..to).contains(&key));
        }
        counts.largest = counts.largest.max(key);
        if boundaries.counts(key) {
            self.push(key);
        }
    }

    /// Adds one key.
    pub(super) fn push(&mut self, key: u16) {
        if let Some(slot) = self.collected.get_mut(self.length) {
            *slot = key;
            self.length += 1;
        }
    }

    /// The keys' memory, for a routine that keeps their number in a register.
    pub(super) fn collector(&mut self) -> Collector<'_> {
        Collector { keys: &mut self.collected, length: 0 }
    }

    /// The keys that made up most of the chunk before; 0 is none.
    pub(super) fn frequent(&self) -> [u16; 2] {
        self.frequent
    }

    /// How many keys a [`Collector`] holds, and how many of the frequent ones were taken out of it.
    pub(super) fn collected(&mut self, length: usize, set_apart: [u32; 2]) {
        self.length = length;
        self.set_apart = set_apart;
    }

    /// Counts the keys that were noted and forgets them.
    ///
    /// Only counters inside the windows can have moved, so only they are looked at and set back: the cost is
    /// that of the keys and of the windows, not of all 2¹⁵ counters.
    pub(super) fn count(&mut self, boundaries: &Boundaries, largest: u16) -> Vec<(u16, u32)> {
        let noted = self.collected.get(..self.length).unwrap_or_default();
        let (quads, rest) = noted.as_chunks::<4>();
        for quad in quads {
            for (lane, &key) in quad.iter().enumerate() {
                self.histograms[usize::from(key) % KEYS][lane] += 1;
            }
        }
        for &key in rest {
            self.histograms[usize::from(key) % KEYS][0] += 1;
        }
        for (&key, &count) in self.frequent.iter().zip(&self.set_apart) {
            self.histograms[usize::from(key) % KEYS][0] += count;
        }
        // As many as the windows of a large tensor hold.
        let mut counts = Vec::with_capacity(self.length.min(256));
        let [a, b, c, d, e] = boundaries.edges.map(usize::from);
        let end = usize::from(largest) + 1;
        for range in [a..b, c..d, e..end.max(e)] {
            for key in range.start..range.end.min(KEYS) {
                let count: u32 = self.histograms[key].iter().sum();
                if count > 0 {
                    counts.push((key as u16, count));
                    self.histograms[key] = [0; 4];
                }
            }
        }
        if !counts.is_empty() {
            self.frequent = frequent(&counts);
        }
        self.begin();
        counts
    }
}

/// The two keys that were met most often, where each is an eighth of all.
fn frequent(counts: &[(u16, u32)]) -> [u16; 2] {
    let all: u32 = counts.iter().map(|&(_, count)| count).sum();
    let (mut first, mut second) = ((0, all / 8), (0, all / 8));
    for &(key, count) in counts {
        if count > first.1 {
            (first, second) = ((key, count), first);
        } else if count > second.1 {
            second = (key, count);
        }
    }
    [first.0, second.0]
}

/// Keys written 32 at a time.
pub(super) struct Collector<'a> {
    pub(super) keys: &'a mut [u16],
    pub(super) length: usize,
}

impl Collector<'_> {
    /// Adds the first `count` of 32 keys.
    ///
    /// All 32 are stored, and the next call overwrites those beyond `count`: a store of fixed width needs no
    /// branch.
    #[inline]
    pub(super) fn push_front_of(&mut self, keys: [u16; 32], count: usize) {
        if let Some((slots, _)) = self.keys.get_mut(self.length..).and_then(<[u16]>::split_first_chunk_mut) {
            *slots = keys;
            self.length += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_one_part_in_two_to_the_seven_wide() {
        for key in 0x0080..0x7f7f_u16 {
            let (low, high) = (key_lower_edge(key), key_lower_edge(key + 1));
            assert!((high - low) / low <= 2f64.powi(-7));
        }
    }

    #[test]
    fn windows_that_overlap_are_merged_and_stay_ascending() {
        let boundaries = Boundaries::around((10, 20), (15, 30), 25);
        assert_eq!(boundaries.edges, [10, 21, 21, 31, 31]);
        assert!([10, 20, 21, 30, 31, 0x7f80].iter().all(|&key| boundaries.counts(key)));
        assert!(!boundaries.counts(9));
        assert!((1..0x7fff).all(|key| Boundaries::ALL.counts(key)) && !Boundaries::ALL.counts(0));
    }

    #[test]
    fn a_window_of_one_key_is_counted_by_its_edges() {
        let boundaries = Boundaries::around((10, 10), (15, 16), 25);
        assert!(!boundaries.counts(10) && boundaries.counts(15) && boundaries.counts(16));
    }

    #[test]
    fn infinity_and_nan_rank_above_every_number() {
        assert!(key_of(f32::INFINITY) > key_of(f32::MAX) && key_of(f32::NAN) > key_of(f32::INFINITY));
    }
}
