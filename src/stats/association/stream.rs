//! Chance that is counted: the k-th number of the i-th stream of a seed, without the ones before it.
//!
//! ```text
//! key    = mix(mix(seed) + i)
//! number = mix(key + (k + 1) · 0x9e3779b97f4a7c15)        k from 0, all modulo 2⁶⁴
//! ```
//!
//! `mix` is the finaliser of `SplitMix64` (G. Steele, D. Lea, C. Flood, Fast Splittable Pseudorandom Number Generators, OOPSLA
//! 2014), so that each stream is a `SplitMix64`. Streams do not depend on each other: whoever computes which, on however many
//! threads, gets the same numbers.

/// One stream of numbers.
#[derive(Clone, Copy, Debug)]
pub(in crate::stats) struct Stream {
    state: u64,
}

impl Stream {
    /// The stream of that number.
    pub(in crate::stats) const fn new(seed: u64, number: u64) -> Self {
        Self { state: mix(mix(seed).wrapping_add(number)) }
    }

    /// The next number, from 0 to one below `end`: the upper half of a product, uniform but for `end` parts in 2⁶⁴.
    pub(in crate::stats) fn below(&mut self, end: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let product = u128::from(mix(self.state)) * end as u128;
        usize::try_from(product >> 64).unwrap_or(0)
    }

    /// Permutes in place: Fisher and Yates from the end, each value exchanged with one of those up to it.
    pub(in crate::stats) fn shuffle<T>(mut self, values: &mut [T]) {
        for last in (1..values.len()).rev() {
            let other = self.below(last + 1);
            values.swap(last, other);
        }
    }

    /// As many draws with replacement from `0..n` as there are places.
    pub(in crate::stats) fn draw(mut self, n: usize) -> Vec<usize> {
        (0..n).map(|_| self.below(n)).collect()
    }
}

const fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_splitmix64_from_its_key() {
        // The first numbers of SplitMix64 from state 0, as its authors' Java and Vigna's C give them.
        let mut stream = Stream { state: 0 };
        let mut next = || {
            stream.below(usize::MAX);
            mix(stream.state)
        };
        assert_eq!(
            [next(), next(), next()],
            [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f]
        );
    }

    #[test]
    fn every_permutation_of_four_comes_as_often_as_any_other() {
        let mut counts = std::collections::BTreeMap::new();
        for number in 0..24_000 {
            let mut values = [0, 1, 2, 3];
            Stream::new(5, number).shuffle(&mut values);
            *counts.entry(values).or_insert(0.0) += 1.0;
        }
        // χ² with 23 degrees of freedom is below 49.7 in 999 of 1000 cases.
        let chi: f64 = counts.values().map(|count: &f64| (count - 1000.0).powi(2) / 1000.0).sum();
        assert!(counts.len() == 24 && chi < 49.7, "{chi}");
    }

    #[test]
    fn a_stream_is_its_seed_and_its_number() {
        let numbers = |seed, number| Stream::new(seed, number).draw(100);
        assert_eq!(numbers(1, 2), numbers(1, 2));
        assert!(numbers(1, 2) != numbers(1, 3) && numbers(1, 2) != numbers(2, 2));
        assert!(numbers(1, 2).iter().all(|&draw| draw < 100));
        assert!(Stream::new(1, 2).draw(0).is_empty());
    }
}
