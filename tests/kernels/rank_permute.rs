//! `kernels/rank_permute.cu` against `stats::permutation_p`, and against streams and shuffles written out here.

use collapse_diagnostics::gpu::GpuError;
use collapse_diagnostics::gpu::rank_permute::{CentredRanks, RankVersion, rank_permute, rank_sums};
use collapse_diagnostics::stats::{Measure, permutation_p, ranks};

use super::shim::{Shim, need_compiler};

const NO_LIMIT: usize = usize::MAX;

/// `SplitMix64`, as its authors have it.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }
}

fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn permuted(x: &[i32], seed: u64, number: u64) -> Vec<i32> {
    let mut stream = SplitMix(mix(mix(seed).wrapping_add(number)));
    let mut values = x.to_vec();
    for last in (1..values.len()).rev() {
        let other = (u128::from(stream.next()) * (last as u128 + 1)) >> 64;
        values.swap(last, other as usize);
    }
    values
}

/// Values with or without ties.
fn values(n: usize, seed: u64, different: u64) -> Vec<f64> {
    let mut stream = SplitMix(seed);
    (0..n).map(|_| (stream.next() % different) as f64).collect()
}

fn centred(values: &[f64]) -> Vec<i32> {
    let middle = values.len() as f64 + 1.0;
    ranks(values).iter().map(|rank| (2.0 * rank - middle) as i32).collect()
}

/// Counts of extremes by the CPU's p.
fn extremes_of_cpu(x: &[f64], ys: &[Vec<f64>], permutations: u64, seed: u64) -> Vec<u64> {
    let lists: Vec<&[f64]> = ys.iter().map(Vec::as_slice).collect();
    let found = permutation_p(Measure::Spearman, x, &lists, permutations, seed);
    let p_of = |count: u64| (1 + count) as f64 / (1 + permutations) as f64;
    found
        .iter()
        .map(|found| (0..=permutations).find(|&count| p_of(count) == found.unwrap().p).unwrap())
        .collect()
}

#[test]
fn the_streams_are_splitmix64() {
    // The first numbers from state 0, as the authors' Java and Vigna's C give them.
    let mut stream = SplitMix(0);
    let first = [(); 3].map(|()| stream.next());
    assert_eq!(first, [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f]);
}

#[test]
fn every_permutation_is_that_of_its_stream_in_both_versions() {
    need_compiler!();
    // Lists of y that are 0 but for one place read the permuted x out, place by place.
    for n in [1, 2, 3, 8, 31, 32, 33, 34, 65, 200] {
        let unit: Vec<i32> = (0..n * n).map(|at| i32::from(at / n == at % n)).collect();
        let small: Vec<i32> = (-100..).step_by(7).take(n).collect();
        // Above 16 bits, as the last values are: these are permuted in global memory.
        let large: Vec<i32> = small.iter().map(|value| value * 1_000_003).collect();
        let (seed, numbers) = (u64::MAX - 3, 5..10);
        for x in [&small, &large] {
            let expected: Vec<Vec<i32>> = numbers.clone().map(|number| permuted(x, seed, number)).collect();
            let expected: Vec<i64> =
                (0..n).flat_map(|at| expected.iter().map(move |row| i64::from(row[at]))).collect();
            for (block, order) in [(32, 0), (64, 1), (256, 7), (1024, 1)] {
                for version in [RankVersion::One, RankVersion::Two] {
                    let ranks = CentredRanks { x, ys: &unit };
                    let found = rank_sums(&Shim::new(order), block, version, ranks, seed, numbers.clone());
                    assert_eq!(found.unwrap(), expected, "n = {n}, block {block}, {version:?}");
                }
            }
        }
    }
}

#[test]
fn extremes_are_counted_as_on_the_cpu() {
    need_compiler!();
    for (n, different, tasks, permutations) in [
        (2, 100, 1, 40),
        (3, 100, 3, 40),
        (8, 4, 9, 100),
        (31, 5, 8, 70),
        (33, 1000, 17, 70),
        (1000, 90, 2, 20),
    ] {
        let x = values(n, 1, different);
        let ys: Vec<Vec<f64>> = (0..tasks).map(|task| values(n, 2 + task, different.max(100))).collect();
        let expected = extremes_of_cpu(&x, &ys, permutations, 11);
        let (x, ys): (Vec<i32>, Vec<i32>) = (centred(&x), ys.iter().flat_map(|y| centred(y)).collect());
        let ranks = CentredRanks { x: &x, ys: &ys };
        for (block, order) in [(32, 1), (256, 0), (1024, 7)] {
            let found = rank_permute(&Shim::new(order), block, ranks, 11, permutations, NO_LIMIT).unwrap();
            assert_eq!(found, expected, "n = {n}, block {block}");
        }
        // Room for seven permutations at a time, and for one.
        let (fixed, each) = (4 * n + ys.len() * 4 + 16 * tasks as usize, 4 * n + 8 * tasks as usize);
        for (limit, block) in [(fixed + 7 * each, 64), (fixed + each, 32)] {
            let found = rank_permute(&Shim::new(0), block, ranks, 11, permutations, limit).unwrap();
            assert_eq!(found, expected, "n = {n}, {limit} bytes");
        }
        let refused = rank_permute(&Shim::new(0), 32, ranks, 11, permutations, fixed + each - 1);
        assert!(matches!(refused, Err(GpuError::Shape { what: "one permutation", .. })));
    }
}

#[test]
fn long_lists_are_permuted_in_shared_memory_while_they_fit_and_beside_it_beyond() {
    need_compiler!();
    // Three permutations a block, one, one that fills shared memory, and two that do not fit.
    for (n, different) in [(7000, 50), (13_000, 1 << 40), (24_576, 1 << 40), (24_577, 1 << 40), (40_000, 900)]
    {
        let (x, ys) = (values(n, 3, different), vec![values(n, 4, 1 << 40), values(n, 5, 3)]);
        let expected = extremes_of_cpu(&x, &ys, 4, 2);
        let (x, ys): (Vec<i32>, Vec<i32>) = (centred(&x), ys.iter().flat_map(|y| centred(y)).collect());
        let found =
            rank_permute(&Shim::new(1), 128, CentredRanks { x: &x, ys: &ys }, 2, 4, NO_LIMIT).unwrap();
        assert_eq!(found, expected, "n = {n}");
        let ranks = CentredRanks { x: &x, ys: &ys[..n] };
        let sums = rank_sums(&Shim::new(0), 128, RankVersion::Two, ranks, 2, 3..4).unwrap();
        let exact =
            permuted(&x, 2, 3).iter().zip(&ys).map(|(&x, &y)| i64::from(x) * i64::from(y)).sum::<i64>();
        assert_eq!(sums, [exact], "n = {n}");
    }
}

#[test]
fn sums_as_large_as_they_come_are_exact_and_larger_ones_are_refused() {
    need_compiler!();
    // Two products of −2³¹ and −2³⁰ are 2⁶²; four are one too many.
    let (x, ys) = ([i32::MIN; 4], [-(1 << 30); 4]);
    let sums = |n: usize, version| {
        let ranks = CentredRanks { x: &x[..n], ys: &ys[..n] };
        rank_sums(&Shim::new(0), 32, version, ranks, 0, 0..2)
    };
    for version in [RankVersion::One, RankVersion::Two] {
        assert_eq!(sums(3, version).unwrap(), [3 << 61; 2]);
        assert!(matches!(sums(4, version), Err(GpuError::Shape { needs: 16, has: 8, .. })));
    }
    let found = rank_permute(&Shim::new(0), 32, CentredRanks { x: &x[..3], ys: &ys[..3] }, 0, 9, NO_LIMIT);
    assert_eq!(found.unwrap(), [9]);
}

#[test]
fn lists_that_do_not_belong_together_are_refused_and_nothing_has_no_counts() {
    need_compiler!();
    let shim = Shim::new(0);
    let run = |x: &[i32], ys: &[i32], permutations| {
        rank_permute(&shim, 64, CentredRanks { x, ys }, 0, permutations, NO_LIMIT)
    };
    assert!(matches!(run(&[1, 2], &[1, 2, 3], 1), Err(GpuError::Shape { .. })));
    assert!(matches!(run(&[], &[1], 1), Err(GpuError::Shape { .. })));
    assert!(run(&[], &[], 5).unwrap().is_empty());
    assert!(run(&[1, 2], &[], 5).unwrap().is_empty());
    assert_eq!(run(&[-1, 1], &[1, -1, 1, -1], 0).unwrap(), [0, 0]);
    let ranks = CentredRanks { x: &[-1, 1], ys: &[-1, 1] };
    assert!(rank_sums(&shim, 32, RankVersion::Two, ranks, 0, 5..5).unwrap().is_empty());
}

#[test]
fn without_a_barrier_of_the_warp_values_are_exchanged_or_read_too_early() {
    need_compiler!();
    let x: Vec<i32> = (0..100).collect();
    let unit: Vec<i32> = (0..100 * 100).map(|at| i32::from(at / 100 == at % 100)).collect();
    let ranks = CentredRanks { x: &x, ys: &unit };
    let sums = |shim: &Shim| rank_sums(shim, 64, RankVersion::Two, ranks, 1, 0..8);
    let right = sums(&Shim::new(0)).unwrap();
    for barrier in ["__syncwarp();  // each turn", "__syncwarp();  // all exchanged"] {
        let wrong = |order| {
            sums(&Shim::edited(order, "rank_permute", barrier, "")).map_or(true, |sums| sums != right)
        };
        assert!(wrong(0) || wrong(1), "{barrier}");
    }
}

#[test]
fn without_the_barrier_of_a_sum_over_a_block_counts_are_wrong() {
    need_compiler!();
    let x: Vec<i32> = (0..40).map(|at| 2 * at - 39).collect();
    // Beside zeros every permutation is as far from 0 as the data: all of them count.
    let all = |shim: &Shim| rank_permute(shim, 128, CentredRanks { x: &x, ys: &[0; 40] }, 5, 300, NO_LIMIT);
    assert_eq!(all(&Shim::new(0)).unwrap(), [300]);
    let barrier = "    __syncthreads();\n    T sum = 0;";
    let wrong = |order| {
        let shim = Shim::edited(order, "rank_permute", barrier, "    T sum = 0;");
        all(&shim).map_or(true, |found| found != [300])
    };
    assert!(wrong(0) || wrong(1));
}
