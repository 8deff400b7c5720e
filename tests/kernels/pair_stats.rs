//! `pair_stats.cu` against `linalg`'s `pair_stats`, and the stream against one call.
//!
//! A sum of n terms that are never negative is within n · 2⁻⁵³ of the exact one where each term passes n additions. An
//! element passes at most 138 here, n/16 + 16 in `linalg`, and n in version 1; d² itself is rounded like in `linalg`.

use collapse_diagnostics::gpu::pair_stats::{
    BLOCK, CHUNK, ChunkSums, DevicePair, PairDtype, PairStats, Windows, pair_stats, pair_stats_plain,
};
use collapse_diagnostics::gpu::pair_stream::{PairStream, StreamError};
use collapse_diagnostics::gpu::{GpuError, Launch, Machine, Memory, Queue, SOURCES};
use collapse_diagnostics::linalg::{self, Boundaries, ChunkPair, ChunkStats, Largest, Scratch};
use collapse_diagnostics::tensor::{Dtype, decode};
use half::{bf16, f16};
use std::sync::Mutex;

use super::shim::{Shim, need_compiler};

const DTYPES: [Dtype; 5] = [Dtype::F32, Dtype::F16, Dtype::BF16, Dtype::F8_E4M3, Dtype::F8_E5M2];
const BLOCKS: [u32; 4] = [32, 64, 256, 1024];
const ORDERS: [u64; 3] = [0, 1, 7];
/// The relative error of one rounding.
const UNIT: f64 = f64::EPSILON / 2.0;
/// Additions that an element passes.
const DEPTH: f64 = 138.0;

#[derive(Clone)]
struct Pair {
    dtype: Dtype,
    before: Vec<u8>,
    after: Vec<u8>,
}

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

fn store(dtype: Dtype, value: f64, code: u64, out: &mut Vec<u8>) {
    match dtype {
        Dtype::F32 => out.extend((value as f32).to_le_bytes()),
        Dtype::F16 => out.extend(f16::from_f64(value).to_le_bytes()),
        Dtype::BF16 => out.extend(bf16::from_f64(value).to_le_bytes()),
        _ => out.push(code as u8),
    }
}

impl Pair {
    /// Weights of about 0.02, most of them changed by about 10⁻³; of 8 bits a value any finite ones, half of them changed.
    fn weights(dtype: Dtype, elements: usize, seed: u64) -> Self {
        let mut next = numbers(seed);
        let mut pair = Self { dtype, before: Vec::new(), after: Vec::new() };
        for i in 0..elements {
            let mut uniform = || (next() >> 11) as f64 / (1_u64 << 53) as f64 * 2.0 - 1.0;
            let base = 0.02 * (uniform() + uniform() + uniform());
            let moved = if i % 7 == 3 { base } else { base + 1e-3 * uniform() * uniform() };
            // With bit 3 clear an exponent is never the largest.
            let code = next() & 0xf7f7_f7f7_f7f7_f7f7;
            store(dtype, base, code, &mut pair.before);
            store(dtype, moved, if code >> 63 == 1 { code } else { code >> 8 }, &mut pair.after);
        }
        pair
    }

    /// The same with NaN, infinities, zeros of both signs and the ends of the range strewn in.
    fn strewn(dtype: Dtype, elements: usize, seed: u64) -> Self {
        let mut pair = Self::weights(dtype, elements, seed);
        let mut next = numbers(seed + 1);
        let most = if dtype == Dtype::F16 { 6.5e4 } else { 3e38 };
        let values = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, most, -most, 1e-40, 1e-7];
        let width = dtype.bytes().unwrap();
        for _ in 0..=elements / 50 {
            let at = (next() as usize % elements.max(1)) * width;
            for side in [&mut pair.before, &mut pair.after] {
                let mut bytes = Vec::new();
                store(dtype, values[next() as usize % values.len()], next(), &mut bytes);
                if !next().is_multiple_of(3) && elements > 0 {
                    side[at..at + width].copy_from_slice(&bytes);
                }
            }
        }
        pair
    }

    fn elements(&self) -> usize {
        self.before.len() / self.dtype.bytes().unwrap()
    }

    /// The statistics as the kernel has them, each side so many elements into its memory.
    fn run(
        &self,
        machine: &Shim,
        boundaries: &Boundaries,
        block: u32,
        firsts: [usize; 2],
    ) -> Result<PairStats, GpuError> {
        self.on(machine, firsts, |pair| pair_stats(pair, windows(boundaries), block))
    }

    fn on<T>(&self, machine: &Shim, firsts: [usize; 2], work: impl FnOnce(DevicePair<'_, '_>) -> T) -> T {
        let width = self.dtype.bytes().unwrap();
        let [before, after] = [(&self.before, firsts[0]), (&self.after, firsts[1])].map(|(bytes, first)| {
            let shifted = [vec![0xff; first * width], bytes.clone()].concat();
            (Memory::of(machine, &shifted).unwrap(), first as u64)
        });
        work(DevicePair {
            dtype: PairDtype::of(self.dtype).unwrap(),
            elements: self.elements() as u64,
            before: (&before.0, before.1),
            after: (&after.0, after.1),
        })
    }

    /// The reference, chunk by chunk.
    fn reference(&self, boundaries: &Boundaries) -> Vec<(ChunkStats, Largest)> {
        let bytes = CHUNK * self.dtype.bytes().unwrap();
        let mut scratch = Scratch::default();
        let chunks = self.before.chunks(bytes).zip(self.after.chunks(bytes));
        chunks
            .map(|(before, after)| {
                let pair = ChunkPair { dtype_before: self.dtype, before, dtype_after: self.dtype, after };
                let stats = linalg::pair_stats(pair, boundaries, &mut scratch);
                (stats, linalg::largest_of(&pair, &mut scratch))
            })
            .collect()
    }
}

fn windows(boundaries: &Boundaries) -> Windows {
    Windows::new(boundaries.windows().0).unwrap()
}

fn bits(found: &PairStats) -> String {
    format!("{found:?}")
}

/// A NaN's key depends on which NaN it is; here all are one.
fn key_of_nan(key: u16) -> u16 {
    if key > 0x7f80 { 0x7fc0 } else { key }
}

fn assert_close(found: f64, expected: f64, roundings: f64, what: &str) {
    let same = found == expected || (found.is_nan() && expected.is_nan());
    assert!(
        same || (found - expected).abs() <= roundings * UNIT * expected,
        "{what}: {found:e} for {expected:e}"
    );
}

fn assert_is_reference(pair: &Pair, boundaries: &Boundaries, found: &PairStats, what: &str) {
    let reference = pair.reference(boundaries);
    assert_eq!(found.chunks.len(), reference.len(), "{what}");
    let mut counts = vec![0_u64; 1 << 15];
    let mut singles = [0_u64; 2];
    for (chunk, (stats, largest)) in found.chunks.iter().zip(&reference) {
        let roundings = DEPTH + stats.elements as f64 / 16.0 + 16.0;
        assert_close(chunk.before_squares, stats.before_squares, roundings, what);
        assert_close(chunk.after_squares, stats.after_squares, roundings, what);
        assert_close(chunk.delta_squares, stats.delta_squares, roundings, what);
        assert_close(chunk.abs_delta, stats.abs_delta, roundings, what);
        assert_close(chunk.largest, largest.magnitude, 0.0, what);
        assert_eq!(chunk.largest_at, largest.position, "{what}");
        assert_eq!(chunk.largest_key, key_of_nan(stats.keys.largest), "{what}");
        assert_eq!(
            (
                chunk.elements,
                chunk.changed,
                chunk.below,
                chunk.nonfinite_before,
                chunk.nonfinite_after,
                chunk.new_nonfinite
            ),
            (
                stats.elements,
                stats.changed,
                stats.keys.below,
                stats.nonfinite_before,
                stats.nonfinite_after,
                stats.new_nonfinite
            ),
            "{what}"
        );
        for &(key, count) in &stats.keys.counts {
            counts[usize::from(key_of_nan(key))] += u64::from(count);
        }
        singles.iter_mut().zip(stats.keys.single).for_each(|(all, count)| *all += count);
    }
    // A window of a single key stands among the others here.
    let ([a, _, c, _, _], single) = boundaries.windows();
    for ((key, single), count) in [a, c].into_iter().zip(single).zip(singles) {
        counts[usize::from(key) % (1 << 15)] += if single { count } else { 0 };
    }
    assert!(found.key_counts == counts, "{what}: counts of keys");
}

/// Every key; windows around common differences; windows of one key; windows that begin at tiny keys, and ones that no
/// difference reaches.
fn all_boundaries() -> [Boundaries; 6] {
    [
        Boundaries::ALL,
        Boundaries::around((0x3950, 0x3990), (0x3a00, 0x3a20), 0x3a40),
        Boundaries::around((0x3980, 0x3980), (0x3a00, 0x3a00), 0x3a40),
        Boundaries::around((0x3980, 0x3990), (0x3a00, 0x3a00), 0x3a00),
        Boundaries::around((0x0002, 0x1fff), (0x3a00, 0x3a10), 0x3a40),
        Boundaries::around((0x7f00, 0x7f7f), (0x7f80, 0x7fff), 0xffff),
    ]
}

#[test]
fn statistics_are_those_of_the_reference_for_every_length_and_dtype() {
    need_compiler!();
    let machine = Shim::new(0);
    for dtype in DTYPES {
        for elements in
            [0, 1, 3, 31, 32, 33, 127, 509, 4095, 4096, 4097, 10_007, CHUNK - 1, CHUNK, CHUNK + 5003]
        {
            for pair in [Pair::weights(dtype, elements, 1), Pair::strewn(dtype, elements, 2)] {
                let what = format!("{elements} elements of {dtype:?}");
                let found = pair.run(&machine, &Boundaries::ALL, BLOCK, [0, 0]).unwrap();
                assert_is_reference(&pair, &Boundaries::ALL, &found, &what);
            }
        }
    }
}

#[test]
fn keys_are_counted_inside_windows_wherever_they_lie() {
    need_compiler!();
    let machine = Shim::new(7);
    for dtype in DTYPES {
        for boundaries in all_boundaries() {
            for pair in [Pair::weights(dtype, CHUNK + 999, 3), Pair::strewn(dtype, 9001, 4)] {
                let found = pair.run(&machine, &boundaries, BLOCK, [0, 0]).unwrap();
                assert_is_reference(&pair, &boundaries, &found, &format!("{dtype:?} {boundaries:?}"));
            }
        }
    }
}

#[test]
fn no_bit_depends_on_blocks_turns_or_alignment() {
    need_compiler!();
    let boundaries = Boundaries::around((0x3950, 0x3990), (0x3a00, 0x3a20), 0x3a40);
    for dtype in DTYPES {
        for elements in [1, 33, 4097, 13_001] {
            for pair in [Pair::weights(dtype, elements, 5), Pair::strewn(dtype, elements, 6)] {
                let expected = bits(&pair.run(&Shim::new(0), &boundaries, BLOCK, [0, 0]).unwrap());
                for (block, order) in BLOCKS.into_iter().flat_map(|block| ORDERS.map(|order| (block, order)))
                {
                    let found = pair.run(&Shim::new(order), &boundaries, block, [0, 0]).unwrap();
                    assert_eq!(
                        bits(&found),
                        expected,
                        "{elements} of {dtype:?}, {block} threads, order {order}"
                    );
                }
                for firsts in [[1, 0], [0, 3], [5, 5], [16, 16]] {
                    let found = pair.run(&Shim::new(0), &boundaries, BLOCK, firsts).unwrap();
                    assert_eq!(bits(&found), expected, "{elements} of {dtype:?}, from {firsts:?}");
                }
            }
        }
    }
}

#[test]
fn the_fast_version_agrees_with_the_plain_one() {
    need_compiler!();
    for dtype in DTYPES {
        for (block, order) in BLOCKS.into_iter().zip([0, 1, 7, 9]) {
            let machine = Shim::new(order);
            let pair = Pair::strewn(dtype, CHUNK + 777, u64::from(block));
            let boundaries = Boundaries::around((0x3950, 0x3990), (0x3a00, 0x3a20), 0x3a40);
            let plain = pair
                .on(&machine, [0, 1], |pair| pair_stats_plain(pair, windows(&boundaries), block))
                .unwrap();
            let fast = pair.run(&machine, &boundaries, block, [0, 0]).unwrap();
            assert!(plain.key_counts == fast.key_counts, "{dtype:?}");
            for (plain, fast) in plain.chunks.iter().zip(&fast.chunks) {
                let roundings = DEPTH + plain.elements as f64;
                assert_close(fast.before_squares, plain.before_squares, roundings, "Σ before²");
                assert_close(fast.after_squares, plain.after_squares, roundings, "Σ after²");
                assert_close(fast.delta_squares, plain.delta_squares, roundings, "Σ d²");
                assert_close(fast.abs_delta, plain.abs_delta, roundings, "Σ |d|");
                let integers = |chunk: &ChunkSums| ChunkSums {
                    before_squares: 0.0,
                    after_squares: 0.0,
                    delta_squares: 0.0,
                    abs_delta: 0.0,
                    ..chunk.clone()
                };
                assert_eq!(format!("{:?}", integers(fast)), format!("{:?}", integers(plain)), "{dtype:?}");
            }
        }
    }
}

/// A sum without its rounding errors, as long as terms are not negative (Neumaier).
fn exact(terms: impl Iterator<Item = f64>) -> f64 {
    let (sum, lost) = terms.fold((0.0_f64, 0.0), |(sum, lost), term| {
        let next = sum + term;
        (next, lost + if sum >= term { (sum - next) + term } else { (term - next) + sum })
    });
    sum + lost
}

#[test]
fn sums_are_within_their_bound_of_the_exact_ones() {
    need_compiler!();
    for dtype in DTYPES {
        let pair = Pair::weights(dtype, CHUNK, 8);
        let [mut before, mut after] = [vec![0.0; CHUNK], vec![0.0; CHUNK]];
        decode(dtype, &pair.before, &mut before);
        decode(dtype, &pair.after, &mut after);
        let delta: Vec<f64> = before.iter().zip(&after).map(|(a, b)| b - a).collect();
        let found = pair.run(&Shim::new(0), &Boundaries::ALL, BLOCK, [0, 0]).unwrap();
        let squares = |values: &[f64]| exact(values.iter().map(|value| value * value));
        // One more rounding of a square, and one of the exact sum.
        let roundings = DEPTH + 2.0;
        assert_close(found.chunks[0].before_squares, squares(&before), roundings, "Σ before²");
        assert_close(found.chunks[0].after_squares, squares(&after), roundings, "Σ after²");
        assert_close(found.chunks[0].delta_squares, squares(&delta), roundings, "Σ d²");
        assert_close(found.chunks[0].abs_delta, exact(delta.iter().map(|d| d.abs())), roundings, "Σ |d|");
    }
}

#[test]
fn the_first_of_equal_differences_is_named_and_f64_decides_where_f32_cannot() {
    need_compiler!();
    let largest = |before: &[f32], after: &[f32]| {
        let [before, after] = [before, after].map(|side| side.iter().flat_map(|x| x.to_le_bytes()).collect());
        let found = Pair { dtype: Dtype::F32, before, after }
            .run(&Shim::new(1), &Boundaries::ALL, 64, [0, 0])
            .unwrap();
        (found.chunks[0].largest, found.chunks[0].largest_at)
    };
    let (mut before, mut after) = (vec![0.0_f32; 20_000], vec![0.0_f32; 20_000]);
    for at in [19_000, 12_288, 12_287, 9000] {
        after[at] = -1.0;
    }
    assert_eq!(largest(&before, &after), (1.0, 9000));
    before[12_287] = 1e-9;
    assert_eq!(largest(&before, &after), (1.0 + f64::from(1e-9_f32), 12_287));
    after[15_000] = f32::INFINITY;
    assert_eq!(largest(&before, &after), (f64::INFINITY, 15_000));
    (before[17_000], after[17_000]) = (f32::INFINITY, f32::NEG_INFINITY);
    assert_eq!(largest(&before, &after), (f64::INFINITY, 15_000));
    (before[18_000], after[18_000]) = (f32::NAN, 1.0);
    (before[18_500], after[18_500]) = (1.0, f32::NAN);
    let (magnitude, at) = largest(&before, &after);
    assert!(magnitude.is_nan() && at == 18_000);
}

/// The counts of keys that one block of 64 threads finds in three strips: its first warp takes two of them.
fn counts_by_one_block(machine: &Shim, pair: &Pair) -> Result<Vec<u64>, GpuError> {
    let [before, after, partials, results, counts] =
        [pair.before.len(), pair.after.len(), 3 * 64, 17 * 8, 8 << 15]
            .map(|bytes| machine.alloc(bytes).unwrap());
    let below = [0x3950_u64, 0x3991, 0x3a00, 0x3a21, 0x3a40].map(|edge| (edge << 16) - 1);
    let arguments =
        [&[before, after, pair.elements() as u64][..], &below, &[partials, results, counts]].concat();
    let source = SOURCES.iter().find(|source| source.name == "pair_stats").unwrap();
    let launch = Launch { source, function: "pair_stats_2_bf16", grid: [1, 1, 1], block: 64 };
    let mut found = vec![0_u64; 1 << 15];
    // SAFETY: everything was taken above, with the lengths that the kernel asks for.
    unsafe {
        machine.copy_in(Queue::First, &pair.before, before)?;
        machine.copy_in(Queue::First, &pair.after, after)?;
        machine.clear(Queue::First, results, 17 * 8)?;
        machine.clear(Queue::First, counts, 8 << 15)?;
        let run = machine.launch(Queue::First, launch, &arguments);
        machine.copy_out(Queue::First, counts, bytemuck::cast_slice_mut(&mut found))?;
        for address in [before, after, partials, results, counts] {
            machine.free(address);
        }
        run.map(|()| found)
    }
}

#[test]
fn each_barrier_is_needed() {
    need_compiler!();
    let pair = Pair::weights(Dtype::BF16, 3 * 4096, 9);
    let boundaries = Boundaries::around((0x3950, 0x3990), (0x3a00, 0x3a20), 0x3a40);
    let expected = pair.run(&Shim::new(0), &boundaries, BLOCK, [0, 0]).unwrap().key_counts;
    for order in ORDERS {
        assert!(counts_by_one_block(&Shim::new(order), &pair).unwrap() == expected, "order {order}");
    }
    for barrier in
        ["__syncthreads();  // before keys are counted", "__syncthreads();  // after keys were counted"]
    {
        let noticed = ORDERS.into_iter().any(|order| {
            let found = counts_by_one_block(&Shim::edited(order, "pair_stats", barrier, ""), &pair);
            found.map_or(true, |found| found != expected)
        });
        assert!(noticed, "{barrier}");
    }
}

#[test]
fn a_pair_that_does_not_fit_is_refused() {
    need_compiler!();
    let machine = Shim::new(0);
    let memory = Memory::of(&machine, &[0_u8; 100]).unwrap();
    let dtype = PairDtype::of(Dtype::F32).unwrap();
    for (elements, firsts) in
        [(26, [0, 0]), (25, [1, 0]), (25, [0, 1]), (1, [u64::MAX, 0]), (u64::MAX, [0, 0])]
    {
        let pair = DevicePair { dtype, elements, before: (&memory, firsts[0]), after: (&memory, firsts[1]) };
        assert!(matches!(pair_stats(pair, Windows::ALL, BLOCK), Err(GpuError::Shape { has: 100, .. })));
        assert!(matches!(pair_stats_plain(pair, Windows::ALL, BLOCK), Err(GpuError::Shape { has: 100, .. })));
    }
    assert!(PairDtype::of(Dtype::F64).is_none() && PairDtype::of(Dtype::I8).is_none());
    assert!(Windows::new([0, 1, 1, 1, 1]).is_none() && Windows::new([2, 1, 3, 4, 5]).is_none());
}

/// A machine whose queues do nothing until they are waited for: a buffer that is used too early shows.
struct Late {
    machine: Shim,
    asked: Mutex<[Vec<Asked>; 2]>,
}

/// Addresses are kept as numbers.
enum Asked {
    CopyIn(usize, usize, u64),
    CopyOut(u64, usize, usize),
    Clear(u64, usize),
    Launch(Launch, Vec<u64>),
}

impl Late {
    fn ask(&self, queue: Queue, operation: Asked) {
        self.asked.lock().unwrap()[queue as usize].push(operation);
    }
}

impl Machine for Late {
    fn name(&self) -> &'static str {
        "late"
    }

    fn alloc(&self, bytes: usize) -> Result<u64, GpuError> {
        self.machine.alloc(bytes)
    }

    unsafe fn free(&self, address: u64) {
        // SAFETY: as the caller promises.
        unsafe { self.machine.free(address) }
    }

    fn alloc_pinned(&self, bytes: usize) -> Result<*mut u8, GpuError> {
        self.machine.alloc_pinned(bytes)
    }

    unsafe fn free_pinned(&self, address: *mut u8, bytes: usize) {
        // SAFETY: as the caller promises.
        unsafe { self.machine.free_pinned(address, bytes) }
    }

    unsafe fn copy_in(&self, queue: Queue, from: &[u8], to: u64) -> Result<(), GpuError> {
        self.ask(queue, Asked::CopyIn(from.as_ptr() as usize, from.len(), to));
        Ok(())
    }

    unsafe fn copy_out(&self, queue: Queue, from: u64, to: &mut [u8]) -> Result<(), GpuError> {
        self.ask(queue, Asked::CopyOut(from, to.as_mut_ptr() as usize, to.len()));
        Ok(())
    }

    unsafe fn clear(&self, queue: Queue, address: u64, bytes: usize) -> Result<(), GpuError> {
        self.ask(queue, Asked::Clear(address, bytes));
        Ok(())
    }

    unsafe fn launch(&self, queue: Queue, launch: Launch, arguments: &[u64]) -> Result<(), GpuError> {
        self.ask(queue, Asked::Launch(launch, arguments.to_vec()));
        Ok(())
    }

    fn wait(&self, queue: Queue) -> Result<(), GpuError> {
        let asked = std::mem::take(&mut self.asked.lock().unwrap()[queue as usize]);
        for operation in asked {
            // SAFETY: whoever asked promises that everything lives until the queue is waited for, which is now.
            unsafe {
                match operation {
                    Asked::CopyIn(from, bytes, to) => {
                        self.machine.copy_in(queue, std::slice::from_raw_parts(from as *const u8, bytes), to)
                    }
                    Asked::CopyOut(from, to, bytes) => self.machine.copy_out(
                        queue,
                        from,
                        std::slice::from_raw_parts_mut(to as *mut u8, bytes),
                    ),
                    Asked::Clear(address, bytes) => self.machine.clear(queue, address, bytes),
                    Asked::Launch(launch, arguments) => self.machine.launch(queue, launch, &arguments),
                }?;
            }
        }
        Ok(())
    }
}

/// Hands out a pair's bytes.
fn filling(pair: &Pair) -> impl FnMut(u64, &mut [u8], &mut [u8]) -> Result<(), String> {
    let width = pair.dtype.bytes().unwrap();
    move |first, before, after| {
        let from = first as usize * width;
        before.copy_from_slice(&pair.before[from..from + before.len()]);
        after.copy_from_slice(&pair.after[from..from + after.len()]);
        Ok(())
    }
}

#[test]
fn a_stream_has_the_bits_of_one_call_for_any_limit_on_memory() {
    need_compiler!();
    let boundaries = Boundaries::around((0x3950, 0x3990), (0x3a00, 0x3a20), 0x3a40);
    let machine = Late { machine: Shim::new(7), asked: Mutex::default() };
    let pairs = [
        Pair::strewn(Dtype::F32, 6 * CHUNK + 4099, 10),
        Pair::weights(Dtype::BF16, 5 * CHUNK + 17, 11),
        Pair::weights(Dtype::F8_E5M2, 6 * CHUNK, 12),
        Pair::weights(Dtype::F16, 0, 13),
    ];
    let expected =
        pairs.clone().map(|pair| bits(&pair.run(&machine.machine, &boundaries, BLOCK, [0, 0]).unwrap()));
    for units in [1, 2, 3, 7] {
        let mut stream = PairStream::new(&machine, PairStream::bytes_for(units) + 100, BLOCK).unwrap();
        for (pair, expected) in pairs.iter().zip(&expected) {
            let (dtype, elements) = (PairDtype::of(pair.dtype).unwrap(), pair.elements() as u64);
            let found = stream.run(dtype, elements, windows(&boundaries), filling(pair)).unwrap();
            assert!(bits(&found) == *expected, "{units} units, {:?}", pair.dtype);
        }
    }
}

#[test]
fn a_stream_goes_on_after_one_that_could_not_be_filled() {
    need_compiler!();
    let machine = Late { machine: Shim::new(0), asked: Mutex::default() };
    let pair = Pair::weights(Dtype::F32, 3 * CHUNK, 14);
    let dtype = PairDtype::of(Dtype::F32).unwrap();
    let mut stream = PairStream::new(&machine, PairStream::bytes_for(1), BLOCK).unwrap();
    let mut fill = filling(&pair);
    let failed = stream.run(dtype, 3 * CHUNK as u64, Windows::ALL, |first, before, after| {
        if first > 0 { Err("the file ends".to_owned()) } else { fill(first, before, after) }
    });
    assert!(matches!(failed, Err(StreamError::Fill(reason)) if reason == "the file ends"));
    let found = stream.run(dtype, 3 * CHUNK as u64, Windows::ALL, filling(&pair)).unwrap();
    assert_is_reference(&pair, &Boundaries::ALL, &found, "after a failure");
}

#[test]
fn a_stream_says_the_least_memory_that_it_needs() {
    need_compiler!();
    let machine = Shim::new(0);
    let least = PairStream::bytes_for(1);
    let refused = PairStream::new(&machine, least - 1, BLOCK).err().unwrap();
    assert!(matches!(refused, GpuError::Shape { needs, has, .. } if needs == least && has == least - 1));
}

#[test]
fn two_sides_on_two_machines_are_refused() {
    need_compiler!();
    let (one, other) = (Shim::new(0), Shim::new(0));
    let (before, after) = (Memory::of(&one, &[0_u32; 8]).unwrap(), Memory::of(&other, &[0_u32; 8]).unwrap());
    let dtype = PairDtype::of(Dtype::F32).unwrap();
    let pair = DevicePair { dtype, elements: 8, before: (&before, 0), after: (&after, 0) };
    for refused in [pair_stats(pair, Windows::ALL, 32), pair_stats_plain(pair, Windows::ALL, 32)] {
        assert!(matches!(refused, Err(GpuError::Driver { .. })), "{refused:?}");
    }
}
