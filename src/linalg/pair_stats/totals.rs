//! Chunks of one tensor added up, in order.

use super::{Boundaries, ChunkStats};

/// A sum of f64 that keeps what rounding would lose (Neumaier 1974): the error of the total does not
/// grow with the number of terms.
///
/// ```text
/// s' = fl(s + x)     lost += the part of s or x, whichever is smaller, that s' does not hold
/// ```
///
/// Terms are squares and magnitudes, never negative, so the total of N chunk sums is within 2⁻⁵³ + N²·2⁻¹⁰⁶
/// of their exact sum, relative to it (Ogita, Rump & Oishi, Accurate sum and dot product, SIAM J. Sci.
/// Comput. 26, 2005: the same sum as their Sum2).
#[derive(Clone, Copy, Debug, Default)]
struct Compensated {
    sum: f64,
    lost: f64,
}

impl Compensated {
    fn add(&mut self, term: f64) {
        let sum = self.sum + term;
        // A sum that is no longer finite has nothing to compensate: it stays as it is.
        if sum.is_finite() {
            self.lost +=
                if self.sum.abs() >= term.abs() { (self.sum - sum) + term } else { (term - sum) + self.sum };
        }
        self.sum = sum;
    }

    fn value(self) -> f64 {
        if self.sum.is_finite() { self.sum + self.lost } else { self.sum }
    }
}

/// Everything the chunks of one tensor add up to. Chunks must come in order.
///
/// The order is that of the tensor and not of the threads that finished them, which is what keeps the totals
/// the same to the last bit for any number of threads.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Elements.
    pub elements: u64,
    /// Elements whose stored value differs.
    pub changed: u64,
    before_squares: Compensated,
    after_squares: Compensated,
    delta_squares: Compensated,
    abs_delta: Compensated,
    /// The chunks that hold the largest key: one of them holds max |d|.
    pub largest_in: Vec<usize>,
    largest: u16,
    /// Keys below each window.
    pub below: [u64; 2],
    single: [u64; 2],
    /// Count of each key that was counted one by one; empty until one was.
    pub key_counts: Vec<u64>,
    /// NaN, +∞, −∞ before.
    pub nonfinite_before: [u64; 3],
    /// NaN, +∞, −∞ after.
    pub nonfinite_after: [u64; 3],
    /// Finite before, not finite after.
    pub new_nonfinite: u64,
    chunks: usize,
}

impl Totals {
    /// Adds the next chunk.
    pub fn add(&mut self, chunk: &ChunkStats) {
        self.elements += chunk.elements;
        self.changed += chunk.changed;
        self.before_squares.add(chunk.before_squares);
        self.after_squares.add(chunk.after_squares);
        self.delta_squares.add(chunk.delta_squares);
        self.abs_delta.add(chunk.abs_delta);
        if chunk.keys.largest > self.largest {
            self.largest = chunk.keys.largest;
            self.largest_in.clear();
        }
        if chunk.keys.largest == self.largest {
            self.largest_in.push(self.chunks);
        }
        for (total, count) in [
            (&mut self.nonfinite_before, chunk.nonfinite_before),
            (&mut self.nonfinite_after, chunk.nonfinite_after),
        ] {
            total.iter_mut().zip(count).for_each(|(total, count)| *total += count);
        }
        self.new_nonfinite += chunk.new_nonfinite;
        for (total, count) in [(&mut self.below, chunk.keys.below), (&mut self.single, chunk.keys.single)] {
            total.iter_mut().zip(count).for_each(|(total, count)| *total += count);
        }
        let length = chunk.keys.counts.last().map_or(0, |&(key, _)| usize::from(key) + 1);
        if self.key_counts.len() < length {
            self.key_counts.resize(length, 0);
        }
        for &(key, count) in &chunk.keys.counts {
            if let Some(total) = self.key_counts.get_mut(usize::from(key)) {
                *total += u64::from(count);
            }
        }
        self.chunks += 1;
    }

    /// The key of the `rank`-th smallest |d| (from 1), or `None` where it lies outside the windows.
    ///
    /// Ranks run over all elements, unchanged ones included: those have key 0. `boundaries` are those that
    /// every chunk was counted with. Cost: one walk over the counters of a window, at most 2¹⁵ of them.
    pub fn key_at_rank(&self, boundaries: &Boundaries, rank: u64) -> Option<u16> {
        let [start, stop, start_90, stop_90, tail] = boundaries.edges;
        let [below, below_90] = self.below;
        if rank <= below {
            // Everything below key 1 has key 0.
            return (start == 1).then_some(0);
        }
        let [single, single_90] = self.single;
        for (below, first, stop, single) in
            [(below, start, stop, single), (below_90, start_90, stop_90, single_90)]
        {
            if rank <= below {
                return None;
            }
            if rank <= below + single {
                return Some(first);
            }
            let keys = usize::from(first)..usize::from(stop).min(self.key_counts.len());
            let inside: u64 = self.key_counts.get(keys).unwrap_or_default().iter().sum();
            if rank <= below + inside {
                return self.key_from(first, rank - below);
            }
        }
        let counted: u64 = self.key_counts.iter().skip(usize::from(tail)).sum();
        let before_tail = self.elements - counted;
        (rank > before_tail).then(|| self.key_from(tail, rank - before_tail)).flatten()
    }

    /// The key of the `rank`-th smallest among those counted from `first` on.
    fn key_from(&self, first: u16, rank: u64) -> Option<u16> {
        let mut seen = 0;
        for (key, &count) in self.key_counts.iter().enumerate().skip(usize::from(first)) {
            seen += count;
            if seen >= rank {
                return u16::try_from(key).ok();
            }
        }
        None
    }

    /// ‖before‖, Frobenius.
    pub fn before_norm(&self) -> f64 {
        self.before_squares.value().sqrt()
    }

    /// ‖after‖, Frobenius.
    pub fn after_norm(&self) -> f64 {
        self.after_squares.value().sqrt()
    }

    /// ‖d‖, Frobenius.
    pub fn delta_norm(&self) -> f64 {
        self.delta_squares.value().sqrt()
    }

    /// Σ |d|.
    pub fn abs_delta(&self) -> f64 {
        self.abs_delta.value()
    }

    /// Cosine between before and after.
    ///
    /// ```text
    /// ⟨a, b⟩ = (‖a‖² + ‖b‖² − ‖b − a‖²) / 2        cosine = ⟨a, b⟩ / (‖a‖ ‖b‖)
    /// ```
    ///
    /// Absolute error below 10⁻¹² wherever neither norm is 10⁶ times the other. Degenerate: NaN where
    /// either side is zero or any norm is not finite.
    pub fn cosine(&self) -> f64 {
        let (a, b) = (self.before_squares.value(), self.after_squares.value());
        let inner = 0.5 * (a + b - self.delta_squares.value());
        let cosine = inner / (a.sqrt() * b.sqrt());
        if a > 0.0 && b > 0.0 { cosine.clamp(-1.0, 1.0) } else { f64::NAN }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compensation_keeps_what_a_plain_sum_loses() {
        let mut sum = Compensated::default();
        for term in [1.0, 1e100, 1.0, -1e100] {
            sum.add(term);
        }
        assert_eq!(sum.value(), 2.0);
    }

    #[test]
    fn an_infinite_sum_stays_infinite() {
        let mut sum = Compensated::default();
        for term in [1.0, f64::INFINITY, 1.0] {
            sum.add(term);
        }
        assert_eq!(sum.value(), f64::INFINITY);
    }
}
