//! The three routines against each other, to the last bit, and against plain sums.

use half::{bf16, f16};
use proptest::prelude::*;

use super::*;

const LEVELS: [SimdLevel; 3] = [SimdLevel::Portable, SimdLevel::Avx2, SimdLevel::Avx512];

/// A stream of 64-bit numbers from a seed (`SplitMix64`).
fn numbers(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// Weights of about 0.02 and a change of about `change` times that, stored as `dtype`.
fn weights(dtype: Dtype, elements: usize, change: f64, seed: u64) -> (Vec<u8>, Vec<u8>) {
    let mut next = numbers(seed);
    let mut uniform = move || (next() >> 11) as f64 / (1_u64 << 53) as f64 * 2.0 - 1.0;
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for i in 0..elements {
        let base = store(dtype, 0.02 * (uniform() + uniform() + uniform()), &mut before);
        let moved = if i % 7 == 3 { base } else { base + 0.02 * change * uniform() * uniform() };
        store(dtype, moved, &mut after);
    }
    (before, after)
}

fn store(dtype: Dtype, value: f64, out: &mut Vec<u8>) -> f64 {
    match dtype {
        Dtype::F32 => out.extend((value as f32).to_le_bytes()),
        Dtype::F16 => out.extend(f16::from_f64(value).to_le_bytes()),
        Dtype::BF16 => out.extend(bf16::from_f64(value).to_le_bytes()),
        _ => out.extend(value.to_le_bytes()),
    }
    let mut read = [0.0];
    crate::tensor::decode(dtype, &out[out.len() - dtype.bytes().unwrap()..], &mut read);
    read[0]
}

fn on(level: SimdLevel, dtype: Dtype, before: &[u8], after: &[u8], boundaries: &Boundaries) -> ChunkStats {
    let pair = ChunkPair { dtype_before: dtype, before, dtype_after: dtype, after };
    pair_stats_on(level, pair, boundaries, &mut Scratch::default())
}

/// Equality to the bit, with NaN equal to itself.
fn same(a: &ChunkStats, b: &ChunkStats) -> bool {
    format!("{a:?}") == format!("{b:?}")
}

const FLOATS: [Dtype; 3] = [Dtype::F32, Dtype::F16, Dtype::BF16];

#[test]
fn every_level_gives_the_same_bits_for_every_length() {
    for dtype in FLOATS {
        for elements in (0..70).chain([1000, 4096, CHUNK - 1, CHUNK]) {
            let (before, after) = weights(dtype, elements, 0.1, elements as u64 + 1);
            let middle = Boundaries::around((0x3980, 0x39c0), (0x3a40, 0x3a80), 0x3b00);
            let single = Boundaries::around((0x39c0, 0x39c0), (0x3a40, 0x3a80), 0x3b00);
            let single_90 = Boundaries::around((0x3980, 0x39c0), (0x3a40, 0x3a40), 0x3b00);
            let both = Boundaries::around((0x39c0, 0x39c0), (0x3a40, 0x3a40), 0x3a48);
            let low = Boundaries::around((0, 0), (0, 5), 0x3900);
            for boundaries in [Boundaries::ALL, middle, single, single_90, both, low] {
                let plain = on(SimdLevel::Portable, dtype, &before, &after, &boundaries);
                assert_eq!(plain.elements, elements as u64);
                for level in LEVELS {
                    let stats = on(level, dtype, &before, &after, &boundaries);
                    assert!(same(&stats, &plain), "{dtype} {elements} {level}:\n{stats:?}\n{plain:?}");
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_give_the_same_bits_on_every_level(bytes in proptest::collection::vec(any::<u8>(), 0..400), dtype in 0..3_usize) {
        let dtype = FLOATS[dtype];
        let side = bytes.len() / 2 / dtype.bytes().unwrap() * dtype.bytes().unwrap();
        let (before, after) = (&bytes[..side], &bytes[side..2 * side]);
        let plain = on(SimdLevel::Portable, dtype, before, after, &Boundaries::ALL);
        for level in LEVELS {
            let stats = on(level, dtype, before, after, &Boundaries::ALL);
            prop_assert!(same(&stats, &plain), "{} {}:\n{:?}\n{:?}", dtype, level, stats, plain);
        }
        let total: u64 = plain.keys.below[0] + plain.keys.counts.iter().map(|&(_, n)| u64::from(n)).sum::<u64>();
        prop_assert_eq!(total, plain.elements);
    }
}

#[test]
fn sums_stay_within_the_stated_bound_of_exact_arithmetic() {
    for dtype in FLOATS {
        let (before, after) = weights(dtype, CHUNK, 0.3, 9);
        let stats = on(SimdLevel::detect(), dtype, &before, &after, &Boundaries::ALL);
        // A sum in two f64 (Dekker's product, Knuth's sum) is exact far beyond the bound.
        let width = dtype.bytes().unwrap();
        let mut exact = [(0.0, 0.0); 4];
        for (a, b) in before.chunks(width).zip(after.chunks(width)) {
            let (mut x, mut y) = ([0.0], [0.0]);
            crate::tensor::decode(dtype, a, &mut x);
            crate::tensor::decode(dtype, b, &mut y);
            let d = y[0] - x[0];
            for (sum, (p, q)) in exact.iter_mut().zip([(x[0], x[0]), (y[0], y[0]), (d, d), (d.abs(), 1.0)]) {
                add_exactly(sum, p, q);
            }
        }
        let bound = (CHUNK as f64 / 16.0 + 16.0) * 2f64.powi(-53);
        let found = [stats.before_squares, stats.after_squares, stats.delta_squares, stats.abs_delta];
        for (found, (high, low)) in found.into_iter().zip(exact) {
            let error = ((found - high) - low).abs() / high;
            assert!(error <= bound, "{dtype}: {error:e} above {bound:e}");
        }
    }
}

fn add_exactly(sum: &mut (f64, f64), p: f64, q: f64) {
    let product = p * q;
    let product_error = p.mul_add(q, -product);
    let high = sum.0 + product;
    let part = high - sum.0;
    let sum_error = (sum.0 - (high - part)) + (product - part);
    *sum = (high, sum.1 + (sum_error + product_error));
}

#[test]
fn key_counts_are_those_of_a_plain_count() {
    for dtype in FLOATS {
        let (before, after) = weights(dtype, 5000, 0.5, 3);
        let width = dtype.bytes().unwrap();
        let mut plain = std::collections::BTreeMap::new();
        for (a, b) in before.chunks(width).zip(after.chunks(width)) {
            let (mut x, mut y) = ([0.0], [0.0]);
            crate::tensor::decode(dtype, a, &mut x);
            crate::tensor::decode(dtype, b, &mut y);
            *plain.entry(key_of(y[0] as f32 - x[0] as f32)).or_insert(0_u32) += 1;
        }
        let stats = on(SimdLevel::detect(), dtype, &before, &after, &Boundaries::ALL);
        assert_eq!(u64::from(plain.remove(&0).unwrap_or(0)), stats.keys.below[0]);
        assert_eq!(plain.into_iter().collect::<Vec<_>>(), stats.keys.counts);
    }
}

/// Two thirds of the differences are one of two values, as with weights of few bits.
#[test]
fn what_a_scratch_has_seen_before_changes_nothing() {
    let singles = |values: [f32; 3], len: usize| -> Vec<u8> {
        (0..len)
            .flat_map(|i| (values[i % 3] * if i % 3 == 2 { i as f32 } else { 1.0 }).to_le_bytes())
            .collect()
    };
    let zeros = vec![0; 4 * 7001];
    let chunks = [
        singles([0.5, 0.25, 1e-4], 7001),
        singles([0.25, 0.75, 1e-3], 7001),
        singles([f32::NAN, 0.25, 1.0], 7001),
    ];
    let windows = [Boundaries::ALL, Boundaries::around((0x3e00, 0x3e90), (0x3f00, 0x3f40), 0x3f41)];
    for level in LEVELS {
        let mut scratch = Scratch::default();
        for boundaries in windows {
            for chunk in chunks.iter().chain([&chunks[1], &chunks[2], &chunks[0], &chunks[0]]) {
                let pair = ChunkPair {
                    dtype_before: Dtype::F32,
                    before: &zeros,
                    dtype_after: Dtype::F32,
                    after: chunk,
                };
                let stats = pair_stats_on(level, pair, &boundaries, &mut scratch);
                let fresh = on(SimdLevel::Portable, Dtype::F32, &zeros, chunk, &boundaries);
                assert!(same(&stats, &fresh), "{level}:\n{stats:?}\n{fresh:?}");
            }
        }
    }
}

#[test]
fn a_value_that_stays_nan_is_no_change_and_a_new_one_is_found() {
    let bytes = |values: [f32; 4]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>();
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    let stays = on(
        SimdLevel::detect(),
        Dtype::F32,
        &bytes([nan, 1.0, -inf, 0.0]),
        &bytes([nan, 3.0, -inf, 0.0]),
        &Boundaries::ALL,
    );
    assert_eq!((stays.delta_squares, stays.changed, stays.new_nonfinite), (4.0, 1, 0));
    assert_eq!((stays.nonfinite_before, stays.nonfinite_after), ([1, 0, 1], [1, 0, 1]));
    assert!(stays.before_squares.is_nan() && stays.keys.largest == key_of(2.0));
    let new = on(
        SimdLevel::detect(),
        Dtype::F32,
        &bytes([0.0; 4]),
        &bytes([nan, inf, -inf, 1.0]),
        &Boundaries::ALL,
    );
    assert_eq!((new.changed, new.new_nonfinite, new.nonfinite_after), (4, 3, [1, 1, 1]));
    assert!(new.keys.largest == key_of(f32::NAN) && new.delta_squares.is_nan());
}

#[test]
fn two_float_dtypes_are_compared_by_value_on_every_level() {
    for (from, to) in [(Dtype::F32, Dtype::BF16), (Dtype::F16, Dtype::F32), (Dtype::BF16, Dtype::F16)] {
        let (before, _) = weights(from, 5000, 0.0, 4);
        let (_, mut after) = weights(to, 5000, 0.1, 4);
        // The first element: −0 on one side, +0 on the other.
        let mut before = before;
        before[..from.bytes().unwrap()].fill(0);
        before[from.bytes().unwrap() - 1] = 0x80;
        after[..to.bytes().unwrap()].fill(0);
        let pair = ChunkPair { dtype_before: from, before: &before, dtype_after: to, after: &after };
        let run = |level| pair_stats_on(level, pair, &Boundaries::ALL, &mut Scratch::default());
        let plain = run(SimdLevel::Portable);
        assert!(plain.changed > 1000 && plain.changed < 5000, "{plain:?}");
        for level in LEVELS {
            assert!(same(&run(level), &plain), "{from} {to} {level}:\n{:?}\n{plain:?}", run(level));
        }
    }
}

#[test]
fn other_dtypes_and_mixed_ones_are_read_as_numbers() {
    let pair = ChunkPair {
        dtype_before: Dtype::I16,
        before: &[1, 0, 0xff, 0xff],
        dtype_after: Dtype::I16,
        after: &[1, 0, 2, 0],
    };
    let stats = pair_stats(pair, &Boundaries::ALL, &mut Scratch::default());
    assert_eq!((stats.elements, stats.changed, stats.delta_squares, stats.before_squares), (2, 1, 9.0, 2.0));
    let after: Vec<u8> = [1f32, f32::NAN].iter().flat_map(|v| v.to_le_bytes()).collect();
    let before: Vec<u8> = [1f64, f64::NAN].iter().flat_map(|v| v.to_le_bytes()).collect();
    let pair =
        ChunkPair { dtype_before: Dtype::F64, before: &before, dtype_after: Dtype::F32, after: &after };
    let stats = pair_stats(pair, &Boundaries::ALL, &mut Scratch::default());
    assert_eq!((stats.changed, stats.delta_squares), (0, 0.0));
}

#[test]
fn the_largest_difference_is_the_first_of_its_size_whatever_stays_nan() {
    for dtype in FLOATS {
        let (mut before, mut after) = weights(dtype, 9000, 0.1, 6);
        let width = dtype.bytes().unwrap();
        let put = |side: &mut Vec<u8>, at: usize, value: f64| {
            let mut bytes = Vec::new();
            store(dtype, value, &mut bytes);
            side[at * width..(at + 1) * width].copy_from_slice(&bytes);
        };
        for at in [4500, 6300, 6400] {
            put(&mut before, at, 0.0);
            put(&mut after, at, -0.5);
        }
        for at in [10, 4499, 7000] {
            put(&mut before, at, f64::NAN);
            put(&mut after, at, f64::NAN);
        }
        let largest = |before: &[u8], after: &[u8]| {
            let pair = ChunkPair { dtype_before: dtype, before, dtype_after: dtype, after };
            let found = largest_of(&pair, &mut Scratch::default());
            (found.magnitude, found.position)
        };
        assert_eq!(largest(&before, &after), (0.5, 4500), "{dtype}");
        put(&mut after, 8001, f64::NAN);
        let (magnitude, position) = largest(&before, &after);
        assert!(magnitude.is_nan() && position == 8001, "{dtype}: {magnitude} at {position}");
        assert_eq!(largest(&before, &before), (0.0, 0), "{dtype}");
    }
}
