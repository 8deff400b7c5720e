//! `kernels/key_fraction.cu` against the sums one after the other and against `keys::of_adjusted`.

use collapse_diagnostics::gpu::key_fraction::{FractionSums, KeyBatch, key_fraction};
use collapse_diagnostics::gpu::{GpuError, Memory};
use collapse_diagnostics::keys::{KeyMeans, of_adjusted};

use super::shim::{Shim, need_compiler};

/// Rounding of one operation.
const HALF_STEP: f64 = 1.110_223_024_625_156_5e-16;

/// Numbers about zero, the same for the same seed.
fn numbers(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / 2.0_f64.powi(53) - 0.5
    };
    (0..count).map(|_| next() * 8.0).collect()
}

/// kᵘ, k̄, r and q of some cases.
struct Vectors {
    cases: usize,
    length: usize,
    lists: [Vec<f64>; 4],
}

impl Vectors {
    fn new(cases: usize, length: usize) -> Self {
        Self { cases, length, lists: [1, 2, 3, 4].map(|seed| numbers(cases * length, seed)) }
    }

    fn case(&self, case: usize) -> [&[f64]; 4] {
        self.lists.each_ref().map(|list| &list[case * self.length..][..self.length])
    }

    fn sums(&self, shim: &Shim, block: u32) -> Result<Vec<FractionSums>, GpuError> {
        let [unprefixed, mean, adjusted, apart] =
            self.lists.each_ref().map(|list| Memory::of(shim, list).unwrap());
        let keys = KeyBatch {
            cases: self.cases,
            length: self.length,
            unprefixed: &unprefixed,
            mean: &mean,
            adjusted: &adjusted,
            apart_adjusted: Some(&apart),
        };
        key_fraction(&keys, block)
    }
}

fn list(sums: &FractionSums) -> [f64; 8] {
    [
        sums.unprefixed,
        sums.mean,
        sums.adjusted,
        sums.denominator,
        sums.consistent_denominator,
        sums.unprefixed_mean,
        sums.apart,
        sums.mahalanobis.unwrap(),
    ]
}

/// Σ x y to about twice the digits of f64, and Σ |x y|.
fn accurate(x: &[f64], y: &[f64]) -> (f64, f64) {
    let (mut sum, mut rest, mut size) = (0.0_f64, 0.0_f64, 0.0);
    for (x, y) in x.iter().zip(y) {
        let product = x * y;
        let before = sum;
        sum += product;
        let part = sum - before;
        rest += x.mul_add(*y, -product) + ((before - (sum - part)) + (product - part));
        size += product.abs();
    }
    (sum + rest, size)
}

#[test]
fn every_sum_is_within_its_bound_and_of_the_same_bits_at_every_block_size() {
    need_compiler!();
    for length in [0, 1, 31, 32, 33, 255, 257, 769, 6400] {
        let vectors = Vectors::new(3, length);
        let sums = vectors.sums(&Shim::new(0), 256).unwrap();
        for (case, sums) in sums.iter().enumerate() {
            let [u, k, r, q] = vectors.case(case);
            let apart: Vec<f64> = u.iter().zip(k).map(|(u, k)| u - k).collect();
            let pairs =
                [(u, u), (k, k), (r, r), (r, u), (r, k), (u, k), (&apart[..], &apart[..]), (&apart, q)];
            for (found, (x, y)) in list(sums).into_iter().zip(pairs) {
                let (exact, size) = accurate(x, y);
                let bound = (length.div_ceil(256) + 13) as f64 * HALF_STEP * size * 1.001;
                assert!((found - exact).abs() <= bound, "f = {length}: {found} is not {exact}");
            }
        }
        for block in [32, 64, 96, 1024] {
            for order in [0, 1, 7] {
                assert_eq!(
                    vectors.sums(&Shim::new(order), block).unwrap(),
                    sums,
                    "f = {length}, block {block}"
                );
            }
        }
    }
}

#[test]
fn the_fractions_of_the_cpu_follow_from_the_sums() {
    need_compiler!();
    let vectors = Vectors::new(2, 768);
    for (case, sums) in vectors.sums(&Shim::new(1), 256).unwrap().iter().enumerate() {
        let [u, k, r, _] = vectors.case(case);
        let means = KeyMeans {
            unprefixed: u.to_vec(),
            mean: k.to_vec(),
            spread: None,
            value_norm: None,
            value_norm_ratio: None,
        };
        let cpu = of_adjusted(&means, r, 4.0);
        let pairs = [
            (sums.unprefixed_mean / (sums.unprefixed * sums.mean).sqrt(), cpu.key_cosine),
            (sums.apart.sqrt(), cpu.key_distance),
            (sums.denominator / sums.adjusted.sqrt(), cpu.unit_denominator),
            (sums.denominator / sums.consistent_denominator, cpu.denominator_ratio),
        ];
        for (found, expected) in pairs {
            assert!((found - expected).abs() <= 1e-11 * expected.abs(), "{found} is not {expected}");
        }
    }
}

#[test]
fn what_is_not_finite_shows_in_its_own_case_alone() {
    need_compiler!();
    let clean = Vectors::new(3, 300).sums(&Shim::new(0), 64).unwrap();
    let mut vectors = Vectors::new(3, 300);
    vectors.lists[0][300 + 299] = f64::NAN;
    vectors.lists[2][600] = f64::INFINITY;
    let found = vectors.sums(&Shim::new(0), 64).unwrap();
    assert_eq!(found[0], clean[0]);
    assert!(found[1].unprefixed.is_nan() && found[1].denominator.is_nan() && found[1].apart.is_nan());
    assert_eq!((found[1].mean, found[1].adjusted), (clean[1].mean, clean[1].adjusted));
    assert_eq!(found[2].adjusted, f64::INFINITY);
    assert_eq!(found[2].unprefixed, clean[2].unprefixed);
}

#[test]
fn without_the_adjusted_difference_there_is_no_distance_and_short_vectors_are_refused() {
    need_compiler!();
    let shim = Shim::new(0);
    let ones = Memory::of(&shim, &[1.0, 1.0, 2.0, 2.0]).unwrap();
    let mut keys = KeyBatch {
        cases: 2,
        length: 2,
        unprefixed: &ones,
        mean: &ones,
        adjusted: &ones,
        apart_adjusted: None,
    };
    let found = key_fraction(&keys, 32).unwrap();
    assert_eq!((found[1].unprefixed, found[1].apart, found[1].mahalanobis), (8.0, 0.0, None));
    keys.cases = 0;
    assert!(key_fraction(&keys, 32).unwrap().is_empty());
    keys.cases = 3;
    assert!(matches!(key_fraction(&keys, 32), Err(GpuError::Shape { needs: 48, has: 32, .. })));
    let other = Shim::new(0);
    let elsewhere = Memory::of(&other, &[1.0; 6]).unwrap();
    let keys = KeyBatch { cases: 2, adjusted: &elsewhere, ..keys };
    assert!(matches!(key_fraction(&keys, 32), Err(GpuError::Driver { .. })));
}

#[test]
fn without_its_barrier_the_sums_are_added_too_early() {
    need_compiler!();
    let vectors = Vectors::new(1, 500);
    let right = vectors.sums(&Shim::new(0), 256).unwrap();
    let edited = |order| Shim::edited(order, "key_fraction", "    __syncthreads();\n", "");
    let wrong = |order| vectors.sums(&edited(order), 256).map_or(true, |sums| sums != right);
    assert!(wrong(0) || wrong(1));
}
