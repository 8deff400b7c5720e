//! `kernels/position_stats.cu` against loops in f64 that go over all values twice.

use collapse_diagnostics::gpu::position_stats::{ActivationDtype, PositionStats, PositionSummary};
use collapse_diagnostics::gpu::{GpuError, Memory};
use half::{bf16, f16};

use super::shim::{Shim, need_compiler};

const HALF_STEP: f64 = 1.110_223_024_625_156_5e-16;
const DTYPES: [ActivationDtype; 3] = [ActivationDtype::F32, ActivationDtype::F16, ActivationDtype::BF16];

/// Activations `(texts, positions, length)` as they are stored, and as numbers.
struct Activations {
    dtype: ActivationDtype,
    positions: usize,
    length: usize,
    lengths: Vec<u32>,
    bytes: Vec<u8>,
    values: Vec<f64>,
}

impl Activations {
    fn new(dtype: ActivationDtype, lengths: &[u32], positions: usize, length: usize) -> Self {
        let mut state = 1_u64;
        let mut value = |at: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let size = if at % 997 == 40 { 3000.0 } else { 1.0 };
            ((state >> 40) as f32 / 2.0_f32.powi(24) - 0.4) * size
        };
        let values: Vec<f32> = (0..lengths.len() * positions * length).map(&mut value).collect();
        Self::of(dtype, lengths, positions, &values)
    }

    fn of(dtype: ActivationDtype, lengths: &[u32], positions: usize, values: &[f32]) -> Self {
        let stored = |&value: &f32| match dtype {
            ActivationDtype::F32 => (value.to_le_bytes().to_vec(), f64::from(value)),
            ActivationDtype::F16 => {
                let value = f16::from_f32(value);
                (value.to_le_bytes().to_vec(), value.to_f64())
            }
            ActivationDtype::BF16 => {
                let value = bf16::from_f32(value);
                (value.to_le_bytes().to_vec(), value.to_f64())
            }
        };
        let (bytes, numbers): (Vec<Vec<u8>>, Vec<f64>) = values.iter().map(stored).unzip();
        let length = values.len() / (lengths.len() * positions);
        Self { dtype, positions, length, lengths: lengths.to_vec(), bytes: bytes.concat(), values: numbers }
    }

    /// The summaries, with the texts cut into groups of that many.
    fn summaries(&self, shim: &Shim, block: u32, group: usize) -> Result<Vec<PositionSummary>, GpuError> {
        let mut stats = PositionStats::new(shim, self.positions, self.length, self.dtype, block)?;
        let bytes = self.bytes.len() / self.lengths.len();
        for (bytes, lengths) in self.bytes.chunks(bytes * group).zip(self.lengths.chunks(group)) {
            stats.add(&Memory::of(shim, bytes)?, lengths)?;
        }
        stats.summaries()
    }

    /// The vectors at a position.
    fn at(&self, position: usize) -> Vec<&[f64]> {
        let texts = self.values.chunks(self.positions * self.length).zip(&self.lengths);
        texts
            .filter(|(_, length)| position < **length as usize)
            .map(|(text, _)| &text[position * self.length..][..self.length])
            .collect()
    }
}

/// A sum to about twice the digits of f64.
fn sum(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut rest) = (0.0_f64, 0.0);
    for value in values {
        let before = sum;
        sum += value;
        let part = sum - before;
        rest += (before - (sum - part)) + (value - part);
    }
    sum + rest
}

#[track_caller]
fn assert_near(found: f64, expected: f64, bound: f64) {
    assert!((found - expected).abs() <= bound, "{found} is not {expected} within {bound:e}");
}

/// The bounds are those of the file's header, and a little for the reference.
fn assert_is_right(activations: &Activations, found: &[PositionSummary]) {
    for (position, found) in found.iter().enumerate() {
        let vectors = activations.at(position);
        assert_eq!(found.vectors, vectors.len() as u64);
        if vectors.is_empty() {
            assert!(found.mean.is_nan() && found.least.is_nan() && found.largest_norm.is_nan());
            assert_eq!(found.largest_component, None);
            continue;
        }
        let all = || vectors.iter().flat_map(|vector| vector.iter().copied());
        let count = all().count() as f64;
        let mean = sum(all()) / count;
        let variance = sum(all().map(|x| (x - mean) * (x - mean))) / count;
        let root_mean_square = (sum(all().map(|x| x * x)) / count).sqrt();
        let (n, t) = (activations.length.div_ceil(32) as f64, vectors.len() as f64);
        let of_mean = 2.0 * n + 3.0 * t + 32.0;
        assert_near(found.mean, mean, of_mean * HALF_STEP * root_mean_square);
        // Of a variance of 0 the bound is 0.
        let conditioned = 4.0 * of_mean * root_mean_square * variance.sqrt();
        let of_variance = (4.0 * (n + 3.0) * n + 8.0 * t + 44.0) * variance + conditioned;
        assert_near(found.variance, variance, of_variance * HALF_STEP);
        let norms: Vec<f64> = vectors.iter().map(|vector| sum(vector.iter().map(|x| x * x)).sqrt()).collect();
        let largest_norm = norms.iter().copied().fold(0.0, f64::max);
        assert_near(
            found.mean_norm,
            sum(norms.iter().copied()) / t,
            (n + t + 10.0) * HALF_STEP * largest_norm,
        );
        assert_near(found.largest_norm, largest_norm, (n + 10.0) * HALF_STEP * largest_norm);
        assert_eq!(found.least, all().fold(f64::INFINITY, f64::min));
        assert_eq!(found.largest, all().fold(f64::NEG_INFINITY, f64::max));
        let size = all().fold(0.0, |largest: f64, x| largest.max(x.abs()));
        assert_eq!(found.largest_size, size);
        let component =
            (0..activations.length).find(|&at| vectors.iter().any(|vector| vector[at].abs() == size));
        assert_eq!(found.largest_component, component);
        assert_eq!([found.nan, found.infinite, found.negative_infinite], [0; 3]);
    }
}

/// NaN is equal to NaN.
fn same(a: &[PositionSummary], b: &[PositionSummary]) -> bool {
    format!("{a:?}") == format!("{b:?}")
}

#[test]
fn every_summary_is_within_its_bound_and_of_the_same_bits_however_the_texts_come() {
    need_compiler!();
    for dtype in DTYPES {
        // Odd lengths make rows that begin at any address.
        for length in [1, 2, 31, 32, 33, 127, 129, 256, 769] {
            let activations = Activations::new(dtype, &[3, 2, 0, 1, 9], 4, length);
            let found = activations.summaries(&Shim::new(0), 256, 5).unwrap();
            assert_is_right(&activations, &found);
            for (block, order, group) in [(32, 1, 1), (64, 7, 2), (96, 0, 3), (1024, 1, 4)] {
                let other = activations.summaries(&Shim::new(order), block, group).unwrap();
                assert!(same(&other, &found), "{dtype:?}, f = {length}, block {block}, groups of {group}");
            }
        }
    }
}

#[test]
fn many_texts_and_long_vectors_are_within_the_bound_too() {
    need_compiler!();
    let activations = Activations::new(ActivationDtype::BF16, &[2; 300], 2, 65);
    assert_is_right(&activations, &activations.summaries(&Shim::new(1), 128, 77).unwrap());
    let activations = Activations::new(ActivationDtype::F32, &[1, 1], 1, 28_672);
    assert_is_right(&activations, &activations.summaries(&Shim::new(1), 32, 2).unwrap());
}

#[test]
fn values_that_hardly_differ_keep_the_digits_of_their_spread() {
    need_compiler!();
    let values: Vec<f32> = (0..512).map(|at| 1.0e6 + (at % 3) as f32 * 0.0625).collect();
    let activations = Activations::of(ActivationDtype::F32, &[1], 1, &values);
    assert_is_right(&activations, &activations.summaries(&Shim::new(0), 64, 1).unwrap());
    let activations = Activations::of(ActivationDtype::F32, &[1, 1], 1, &[7.25; 200]);
    let found = activations.summaries(&Shim::new(0), 64, 1).unwrap();
    assert_eq!((found[0].mean, found[0].variance), (7.25, 0.0));
}

#[test]
fn what_is_not_finite_is_counted_and_shows() {
    need_compiler!();
    for dtype in DTYPES {
        let mut values = vec![1.0; 3 * 3 * 40];
        // Text 1 at each position: a NaN among others, both infinities, one infinity alone.
        values[120 + 33] = f32::NAN;
        values[120 + 35] = f32::from_bits(0xffc0_0001);
        values[120 + 3] = f32::INFINITY;
        values[160 + 5] = f32::INFINITY;
        values[160 + 39] = f32::NEG_INFINITY;
        values[200] = f32::NEG_INFINITY;
        // Beyond the end of text 2, where nothing counts.
        values[240 + 40] = f32::NAN;
        let activations = Activations::of(dtype, &[3, 3, 1], 3, &values);
        let found = activations.summaries(&Shim::new(7), 64, 2).unwrap();
        let counts = |at: usize| [found[at].nan, found[at].infinite, found[at].negative_infinite];
        assert_eq!([counts(0), counts(1), counts(2)], [[2, 1, 0], [0, 1, 1], [0, 0, 1]], "{dtype:?}");
        assert!(found.iter().all(|position| position.mean.is_nan() && position.variance.is_nan()));
        assert!(found[0].least.is_nan() && found[0].largest.is_nan() && found[0].largest_size.is_nan());
        assert!(found[0].mean_norm.is_nan() && found[0].largest_norm.is_nan());
        assert_eq!(
            found.iter().map(|p| p.largest_component).collect::<Vec<_>>(),
            [Some(33), Some(5), Some(0)]
        );
        assert_eq!((found[1].least, found[1].largest), (f64::NEG_INFINITY, f64::INFINITY));
        assert_eq!((found[2].least, found[2].largest), (f64::NEG_INFINITY, 1.0));
        assert_eq!((found[1].largest_size, found[1].largest_norm), (f64::INFINITY, f64::INFINITY));
        assert_eq!(found[2].mean_norm, f64::INFINITY);
        assert_eq!(found.iter().map(|position| position.vectors).collect::<Vec<_>>(), [3, 2, 2]);
    }
}

#[test]
fn nothing_is_a_text_a_position_or_a_length_too_many() {
    need_compiler!();
    let shim = Shim::new(0);
    let nothing = Memory::of::<f32>(&shim, &[]).unwrap();
    let mut none = PositionStats::new(&shim, 0, 3, ActivationDtype::F32, 32).unwrap();
    none.add(&nothing, &[5]).unwrap();
    assert!(none.summaries().unwrap().is_empty());
    let mut stats = PositionStats::new(&shim, 2, 3, ActivationDtype::F32, 32).unwrap();
    stats.add(&nothing, &[]).unwrap();
    assert!(
        stats.summaries().unwrap().iter().all(|position| position.vectors == 0 && position.mean.is_nan())
    );
    assert!(matches!(stats.add(&nothing, &[2]), Err(GpuError::Shape { needs: 24, has: 0, .. })));
    let empty = PositionStats::new(&shim, 2, 0, ActivationDtype::F16, 32);
    assert!(matches!(empty, Err(GpuError::Shape { .. })));
    let other = Shim::new(0);
    let elsewhere = Memory::of(&other, &[0.0_f32; 6]).unwrap();
    assert!(matches!(stats.add(&elsewhere, &[2]), Err(GpuError::Driver { .. })));
}
