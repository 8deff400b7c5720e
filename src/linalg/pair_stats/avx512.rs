//! The AVX-512 routine: 32 elements of F32, F16 or BF16 a step.
//!
//! ```text
//! register of a sum       0                 1
//! lanes                   0 … 7             8 … 15
//! added to it, in turn    half 0, half 1    half 0, half 1
//! ```
//!
//! Half h of a step is elements 16h to 16h + 15 of F32 and F16, and the even (0) or odd (1) elements of
//! BF16.
//!
//! A step of 32 elements takes 8 conversions to f64, 24 vector operations for the four sums, and 5
//! comparisons that place all 32 keys against the windows; no branch in it depends on the values.

use std::arch::is_x86_feature_detected;
#[cfg_attr(not(test), expect(clippy::wildcard_imports, reason = "intrinsics"))]
use std::arch::x86_64::*;

use super::keys::Collector;
use super::{BF16, Boundaries, ChunkPair, ChunkStats, F16, F32, Lanes, Scratch, padded};
use crate::tensor::Dtype;

/// Whether this processor has every feature that the routine is compiled for; VBMI2 brings the compression
/// of 16-bit keys, which Skylake-X and Cascade Lake lack: they run AVX2.
pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vbmi2")
        && is_x86_feature_detected!("popcnt")
}

/// `None` where the dtype has no vector routine.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,popcnt")]
pub(super) fn chunk(
    pair: ChunkPair<'_>,
    boundaries: &Boundaries,
    scratch: &mut Scratch,
) -> Option<ChunkStats> {
    match pair.dtype_before {
        Dtype::F32 => Some(windowed::<128, F32>(pair, boundaries, scratch)),
        Dtype::F16 => Some(windowed::<64, F16>(pair, boundaries, scratch)),
        Dtype::BF16 => Some(windowed::<64, BF16>(pair, boundaries, scratch)),
        _ => None,
    }
}

/// A copy of the loop for each choice of windows that are a single key: those are counted and not collected.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,popcnt")]
#[inline]
fn windowed<const BYTES: usize, const DTYPE: u8>(
    pair: ChunkPair<'_>,
    boundaries: &Boundaries,
    scratch: &mut Scratch,
) -> ChunkStats {
    match boundaries.single {
        [false, false] => steps::<BYTES, DTYPE, false, false>(pair, boundaries, scratch),
        [false, true] => steps::<BYTES, DTYPE, false, true>(pair, boundaries, scratch),
        [true, false] => steps::<BYTES, DTYPE, true, false>(pair, boundaries, scratch),
        [true, true] => steps::<BYTES, DTYPE, true, true>(pair, boundaries, scratch),
    }
}

/// Walks the chunk 32 elements at a time; what is left over is padded with zeros on both sides.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,popcnt")]
#[inline]
fn steps<const BYTES: usize, const DTYPE: u8, const SINGLE: bool, const SINGLE_90: bool>(
    pair: ChunkPair<'_>,
    boundaries: &Boundaries,
    scratch: &mut Scratch,
) -> ChunkStats {
    let width = BYTES / 32;
    let (before, before_rest) = pair.before.as_chunks::<BYTES>();
    let (after, after_rest) = pair.after.as_chunks::<BYTES>();
    let mut sums = Sums::new();
    let edges = boundaries.edges.map(|edge| _mm512_set1_epi16(edge.cast_signed()));
    let frequent = scratch.frequent();
    let mut collected = scratch.collector();
    for (a, b) in before.iter().zip(after) {
        prefetch(a);
        prefetch(b);
        step::<BYTES, DTYPE, SINGLE, SINGLE_90>(a, b, &edges, &mut sums, &mut collected);
    }
    let rest = before_rest.len().min(after_rest.len()) / width;
    if rest > 0 {
        step::<BYTES, DTYPE, SINGLE, SINGLE_90>(
            &padded(before_rest),
            &padded(after_rest),
            &edges,
            &mut sums,
            &mut collected,
        );
    }
    let counts = set_apart(frequent, &mut collected);
    let length = collected.length;
    scratch.collected(length, counts);
    sums.finish::<SINGLE, SINGLE_90>((before.len().min(after.len()) * 32 + rest) as u64)
}

/// Running sums: lane `l` of a sum is element `l % 8` of its vector `l / 8`.
struct Sums {
    before_squares: [__m512d; 2],
    after_squares: [__m512d; 2],
    delta_squares: [__m512d; 2],
    abs_delta: [__m512d; 2],
    largest_keys: __m512i,
    changed: u64,
    /// Keys at or above each edge but the last; of a window that is collected, its first edge alone.
    not_below: [u64; 4],
}

impl Sums {
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn new() -> Self {
        let zero = [_mm512_setzero_pd(); 2];
        Self {
            before_squares: zero,
            after_squares: zero,
            delta_squares: zero,
            abs_delta: zero,
            largest_keys: _mm512_setzero_si512(),
            changed: 0,
            not_below: [0; 4],
        }
    }

    /// Lanes to sums, and keys at or above an edge to keys below it.
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn finish<const SINGLE: bool, const SINGLE_90: bool>(self, elements: u64) -> ChunkStats {
        let lanes = Lanes {
            before_squares: bytemuck::cast(self.before_squares),
            after_squares: bytemuck::cast(self.after_squares),
            delta_squares: bytemuck::cast(self.delta_squares),
            abs_delta: bytemuck::cast(self.abs_delta),
        };
        let mut stats = ChunkStats { elements, changed: self.changed, ..ChunkStats::default() };
        let largest: [u16; 32] = bytemuck::cast(self.largest_keys);
        stats.keys.largest = largest.into_iter().fold(0, u16::max);
        let [first, second, third, fourth] = self.not_below;
        stats.keys.below = [first, third].map(|count| elements - count);
        stats.keys.single =
            [if SINGLE { first - second } else { 0 }, if SINGLE_90 { third - fourth } else { 0 }];
        lanes.fold(&mut stats);
        stats
    }
}

/// Adds 32 elements of each side; `d` is f32 for the keys and f64 for the sums, as the plain routine has it.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,popcnt")]
#[inline]
fn step<const BYTES: usize, const DTYPE: u8, const SINGLE: bool, const SINGLE_90: bool>(
    before: &[u8; BYTES],
    after: &[u8; BYTES],
    edges: &[__m512i; 5],
    sums: &mut Sums,
    collected: &mut Collector<'_>,
) {
    let (a, b, changed) = widen::<BYTES, DTYPE>(before, after);
    sums.changed += u64::from(changed.count_ones());
    let d = [_mm512_sub_ps(b[0], a[0]), _mm512_sub_ps(b[1], a[1])];
    count_keys::<SINGLE, SINGLE_90>(d, edges, sums, collected);
    for half in 0..2 {
        let (a, b) = (to_f64(a[half]), to_f64(b[half]));
        for lane in 0..2 {
            let (a, b) = (a[lane], b[lane]);
            let d = _mm512_sub_pd(b, a);
            let magnitude = _mm512_abs_pd(d);
            sums.before_squares[lane] = _mm512_fmadd_pd(a, a, sums.before_squares[lane]);
            sums.after_squares[lane] = _mm512_fmadd_pd(b, b, sums.after_squares[lane]);
            sums.delta_squares[lane] = _mm512_fmadd_pd(d, d, sums.delta_squares[lane]);
            sums.abs_delta[lane] = _mm512_add_pd(sums.abs_delta[lane], magnitude);
        }
    }
}

/// 32 elements of each side as f32, and which of them differ in bits.
///
/// F32 and F16 come as their first and last 16, BF16 as its even and its odd elements.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn widen<const BYTES: usize, const DTYPE: u8>(
    before: &[u8; BYTES],
    after: &[u8; BYTES],
) -> ([__m512; 2], [__m512; 2], u32) {
    if DTYPE == F32 {
        let load = |bytes: &[u8; BYTES], at: usize| -> __m512i {
            bytemuck::pod_read_unaligned(bytes.get(64 * at..64 * at + 64).unwrap_or_default())
        };
        let (a, b) = ([load(before, 0), load(before, 1)], [load(after, 0), load(after, 1)]);
        let low = u32::from(_mm512_cmpneq_epi32_mask(a[0], b[0]));
        let high = u32::from(_mm512_cmpneq_epi32_mask(a[1], b[1]));
        let (a, b) = ([as_f32(a[0]), as_f32(a[1])], [as_f32(b[0]), as_f32(b[1])]);
        return (a, b, low | (high << 16));
    }
    let (a, b): (__m512i, __m512i) =
        (bytemuck::pod_read_unaligned(before.as_slice()), bytemuck::pod_read_unaligned(after.as_slice()));
    let changed = _mm512_cmpneq_epi16_mask(a, b);
    if DTYPE == F16 { (from_f16(a), from_f16(b), changed) } else { (from_bf16(a), from_bf16(b), changed) }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn as_f32(bits: __m512i) -> __m512 {
    _mm512_castsi512_ps(bits)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn from_f16(bits: __m512i) -> [__m512; 2] {
    [_mm512_cvtph_ps(_mm512_castsi512_si256(bits)), _mm512_cvtph_ps(_mm512_extracti64x4_epi64::<1>(bits))]
}

#[target_feature(enable = "avx512f")]
#[inline]
fn from_bf16(bits: __m512i) -> [__m512; 2] {
    let odd = _mm512_and_si512(bits, _mm512_set1_epi32(0xffff_0000_u32.cast_signed()));
    [_mm512_castsi512_ps(_mm512_slli_epi32::<16>(bits)), _mm512_castsi512_ps(odd)]
}

#[target_feature(enable = "avx512f,avx512dq")]
#[inline]
fn to_f64(x: __m512) -> [__m512d; 2] {
    [_mm512_cvtps_pd(_mm512_castps512_ps256(x)), _mm512_cvtps_pd(_mm512_extractf32x8_ps::<1>(x))]
}

/// Keys of 32 differences: counts those below the boundaries, keeps those inside the windows.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,popcnt")]
#[inline]
fn count_keys<const SINGLE: bool, const SINGLE_90: bool>(
    d: [__m512; 2],
    edges: &[__m512i; 5],
    sums: &mut Sums,
    collected: &mut Collector<'_>,
) {
    let d = [_mm512_castps_si512(d[0]), _mm512_castps_si512(d[1])];
    // The upper halves of both vectors, interleaved; the order of keys does not matter.
    let upper = _mm512_set1_epi32(0xffff_0000_u32.cast_signed());
    let mixed = _mm512_ternarylogic_epi32::<0xca>(upper, d[1], _mm512_srli_epi32::<16>(d[0]));
    let keys = _mm512_and_si512(mixed, _mm512_set1_epi16(0x7fff));
    let [first, second, third, fourth, tail] = edges.map(|edge| _mm512_cmpge_epu16_mask(keys, edge));
    sums.largest_keys = _mm512_max_epu16(sums.largest_keys, keys);
    let ones = |mask: __mmask32| u64::from(mask.count_ones());
    sums.not_below[0] += ones(first);
    sums.not_below[2] += ones(third);
    let mut inside = tail;
    if SINGLE {
        sums.not_below[1] += ones(second);
    } else {
        inside ^= first ^ second;
    }
    if SINGLE_90 {
        sums.not_below[3] += ones(fourth);
    } else {
        inside ^= third ^ fourth;
    }
    let kept = _mm512_maskz_compress_epi16(inside, keys);
    collected.push_front_of(bytemuck::cast(kept), inside.count_ones() as usize);
}

/// Takes two keys out of those collected and returns how many there were of each.
///
/// Differences of BF16 lie on few values, and a handful of keys is most of what is collected: comparing 32 at a time
/// counts them faster than one counter after the other.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,popcnt")]
#[inline]
fn set_apart(frequent: [u16; 2], collected: &mut Collector<'_>) -> [u32; 2] {
    let mut counts = [0; 2];
    if frequent == [0; 2] {
        return counts;
    }
    let wanted = frequent.map(|key| _mm512_set1_epi16(key.cast_signed()));
    let all = std::mem::take(&mut collected.length);
    for at in (0..all).step_by(32) {
        let Some(&block) = collected.keys.get(at..).and_then(<[u16]>::first_chunk::<32>) else { break };
        let keys: __m512i = bytemuck::cast(block);
        let valid = u32::MAX >> (32 - (all - at).min(32));
        let met = wanted.map(|key| _mm512_cmpeq_epi16_mask(keys, key) & valid);
        let rest = valid & !(met[0] | met[1]);
        collected.push_front_of(
            bytemuck::cast(_mm512_maskz_compress_epi16(rest, keys)),
            rest.count_ones() as usize,
        );
        counts[0] += met[0].count_ones();
        counts[1] += met[1].count_ones();
    }
    counts
}

/// Asks for the bytes that lie [`AHEAD`] of these.
#[inline]
#[expect(unsafe_code, reason = "prefetching takes an address")]
fn prefetch<const BYTES: usize>(bytes: &[u8; BYTES]) {
    let address = bytes.as_ptr().wrapping_add(AHEAD);
    // SAFETY: a prefetch reads nothing the program can see; an address that is not mapped is ignored.
    unsafe {
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
        if BYTES > 64 {
            _mm_prefetch::<_MM_HINT_T0>(address.wrapping_add(64).cast());
        }
    }
}

/// Far enough that a page walk is over before its bytes are due.
const AHEAD: usize = 4096;
