//! The AVX2 routine: 32 elements of F32, F16 or BF16 a step.
//!
//! The lanes are those of the AVX-512 routine in registers half as wide: a sum is four registers, and group
//! g of eight elements is added to registers 2(g mod 2) and 2(g mod 2) + 1. AVX2 compares 16-bit numbers as
//! signed ones and cannot compress them, so boundaries are lowered by one, and keys inside the windows are
//! stored one by one: cheap, as the windows are chosen so that few keys fall into them.

use std::arch::is_x86_feature_detected;
#[cfg_attr(not(test), expect(clippy::wildcard_imports, reason = "intrinsics"))]
use std::arch::x86_64::*;

use super::{BF16, Boundaries, ChunkPair, ChunkStats, F16, F32, Lanes, Scratch, padded};
use crate::tensor::Dtype;

/// Whether this processor has every feature that the routine is compiled for: Haswell, Zen and most later.
pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("f16c")
        && is_x86_feature_detected!("popcnt")
}

/// `None` where the dtype has no vector routine.
#[target_feature(enable = "avx2,fma,f16c,popcnt")]
pub(super) fn chunk(
    pair: ChunkPair<'_>,
    boundaries: &Boundaries,
    scratch: &mut Scratch,
) -> Option<ChunkStats> {
    match pair.dtype_before {
        Dtype::F32 => Some(steps::<128, F32>(pair, boundaries, scratch)),
        Dtype::F16 => Some(steps::<64, F16>(pair, boundaries, scratch)),
        Dtype::BF16 => Some(steps::<64, BF16>(pair, boundaries, scratch)),
        _ => None,
    }
}

/// Walks the chunk 32 elements at a time; what is left over is padded with zeros on both sides.
#[target_feature(enable = "avx2,fma,f16c,popcnt")]
#[inline]
fn steps<const BYTES: usize, const DTYPE: u8>(
    pair: ChunkPair<'_>,
    boundaries: &Boundaries,
    scratch: &mut Scratch,
) -> ChunkStats {
    let width = BYTES / 32;
    let (before, before_rest) = pair.before.as_chunks::<BYTES>();
    let (after, after_rest) = pair.after.as_chunks::<BYTES>();
    let mut sums = Sums::new();
    // Every boundary is at least 1 and at most 0x8000, so one less is a key that a signed comparison knows.
    let windows = Windows {
        edges: boundaries.edges.map(|edge| _mm256_set1_epi16(edge.saturating_sub(1).cast_signed())),
        single: boundaries.single.map(|single| if single { u32::MAX } else { 0 }),
    };
    for (a, b) in before.iter().zip(after) {
        step::<BYTES, DTYPE>(a, b, &windows, &mut sums, scratch);
    }
    let rest = before_rest.len().min(after_rest.len()) / width;
    if rest > 0 {
        step::<BYTES, DTYPE>(&padded(before_rest), &padded(after_rest), &windows, &mut sums, scratch);
    }
    sums.finish((before.len().min(after.len()) * 32 + rest) as u64)
}

/// The boundaries of keys, less one, in every lane.
struct Windows {
    edges: [__m256i; 5],
    single: [u32; 2],
}

/// Running sums: lane `l` of a sum is element `l % 4` of its vector `l / 4`.
struct Sums {
    before_squares: [__m256d; 4],
    after_squares: [__m256d; 4],
    delta_squares: [__m256d; 4],
    abs_delta: [__m256d; 4],
    largest_keys: __m256i,
    changed: u64,
    not_below: [u64; 2],
    single: [u64; 2],
}

impl Sums {
    #[target_feature(enable = "avx2")]
    #[inline]
    fn new() -> Self {
        let zero = [_mm256_setzero_pd(); 4];
        Self {
            before_squares: zero,
            after_squares: zero,
            delta_squares: zero,
            abs_delta: zero,
            largest_keys: _mm256_setzero_si256(),
            changed: 0,
            not_below: [0; 2],
            single: [0; 2],
        }
    }

    fn finish(self, elements: u64) -> ChunkStats {
        let lanes = Lanes {
            before_squares: bytemuck::cast(self.before_squares),
            after_squares: bytemuck::cast(self.after_squares),
            delta_squares: bytemuck::cast(self.delta_squares),
            abs_delta: bytemuck::cast(self.abs_delta),
        };
        let mut stats = ChunkStats { elements, changed: self.changed, ..ChunkStats::default() };
        let largest: [u16; 16] = bytemuck::cast(self.largest_keys);
        stats.keys.largest = largest.into_iter().fold(0, u16::max);
        stats.keys.single = self.single;
        stats.keys.below = self.not_below.map(|count| elements - count);
        lanes.fold(&mut stats);
        stats
    }
}

/// Eight f32 of each side.
type Pair = (__m256, __m256);

/// Adds 32 elements of each side: 16 conversions to f64, 48 vector operations for the sums, 10 comparisons.
#[target_feature(enable = "avx2,fma,f16c,popcnt")]
#[inline]
fn step<const BYTES: usize, const DTYPE: u8>(
    before: &[u8; BYTES],
    after: &[u8; BYTES],
    windows: &Windows,
    sums: &mut Sums,
    scratch: &mut Scratch,
) {
    // Groups 0 and 1 are lanes 0..8 and 8..16 of the first half, groups 2 and 3 those of the second.
    let (groups, changed) = widen::<BYTES, DTYPE>(before, after);
    sums.changed += u64::from(changed);
    for (group, (a, b)) in groups.into_iter().enumerate() {
        let (a, b) = (to_f64(a), to_f64(b));
        for quarter in 0..2 {
            let (a, b) = (a[quarter], b[quarter]);
            let lane = (group % 2) * 2 + quarter;
            let d = _mm256_sub_pd(b, a);
            let magnitude = _mm256_andnot_pd(_mm256_set1_pd(-0.0), d);
            sums.before_squares[lane] = _mm256_fmadd_pd(a, a, sums.before_squares[lane]);
            sums.after_squares[lane] = _mm256_fmadd_pd(b, b, sums.after_squares[lane]);
            sums.delta_squares[lane] = _mm256_fmadd_pd(d, d, sums.delta_squares[lane]);
            sums.abs_delta[lane] = _mm256_add_pd(sums.abs_delta[lane], magnitude);
        }
    }
    let [first, second, third, fourth] = groups;
    count_keys([first, second], windows, sums, scratch);
    count_keys([third, fourth], windows, sums, scratch);
}

/// 32 elements of each side as f32, and how many of them differ in bits.
///
/// F32 and F16 come in order, BF16 as its even and then its odd elements.
#[target_feature(enable = "avx2,f16c,popcnt")]
#[inline]
fn widen<const BYTES: usize, const DTYPE: u8>(before: &[u8; BYTES], after: &[u8; BYTES]) -> ([Pair; 4], u32) {
    let load = |bytes: &[u8; BYTES], at: usize| -> __m256i {
        bytemuck::pod_read_unaligned(bytes.get(32 * at..32 * at + 32).unwrap_or_default())
    };
    if DTYPE == F32 {
        let mut same = 0;
        let groups = [0, 1, 2, 3].map(|at| {
            let (a, b) = (load(before, at), load(after, at));
            same += _mm256_movemask_epi8(_mm256_cmpeq_epi32(a, b)).count_ones() / 4;
            (_mm256_castsi256_ps(a), _mm256_castsi256_ps(b))
        });
        return (groups, 32 - same);
    }
    let (a, b) = ([load(before, 0), load(before, 1)], [load(after, 0), load(after, 1)]);
    let same = [0, 1].map(|at| _mm256_movemask_epi8(_mm256_cmpeq_epi16(a[at], b[at])).count_ones() / 2);
    let (a, b) = if DTYPE == F16 { (from_f16(a), from_f16(b)) } else { (from_bf16(a), from_bf16(b)) };
    ([0, 1, 2, 3].map(|group| (a[group], b[group])), 32 - same[0] - same[1])
}

#[target_feature(enable = "avx2,f16c")]
#[inline]
fn from_f16(bits: [__m256i; 2]) -> [__m256; 4] {
    [
        _mm256_cvtph_ps(_mm256_castsi256_si128(bits[0])),
        _mm256_cvtph_ps(_mm256_extracti128_si256::<1>(bits[0])),
        _mm256_cvtph_ps(_mm256_castsi256_si128(bits[1])),
        _mm256_cvtph_ps(_mm256_extracti128_si256::<1>(bits[1])),
    ]
}

#[target_feature(enable = "avx2")]
#[inline]
fn from_bf16(bits: [__m256i; 2]) -> [__m256; 4] {
    let upper = _mm256_set1_epi32(0xffff_0000_u32.cast_signed());
    [
        _mm256_castsi256_ps(_mm256_slli_epi32::<16>(bits[0])),
        _mm256_castsi256_ps(_mm256_slli_epi32::<16>(bits[1])),
        _mm256_castsi256_ps(_mm256_and_si256(bits[0], upper)),
        _mm256_castsi256_ps(_mm256_and_si256(bits[1], upper)),
    ]
}

#[target_feature(enable = "avx2")]
#[inline]
fn to_f64(x: __m256) -> [__m256d; 2] {
    [_mm256_cvtps_pd(_mm256_castps256_ps128(x)), _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(x))]
}

/// Keys of 16 differences: counts those below the boundaries, keeps those inside the windows.
#[target_feature(enable = "avx2,popcnt")]
#[inline]
fn count_keys(groups: [Pair; 2], windows: &Windows, sums: &mut Sums, scratch: &mut Scratch) {
    let d = groups.map(|(a, b)| _mm256_castps_si256(_mm256_sub_ps(b, a)));
    // The upper halves of both vectors, interleaved; the order of keys does not matter.
    let mixed = _mm256_blend_epi16::<0b1010_1010>(_mm256_srli_epi32::<16>(d[0]), d[1]);
    let keys = _mm256_and_si256(mixed, _mm256_set1_epi16(0x7fff));
    let [first, second, third, fourth, tail] = &windows.edges;
    let first = _mm256_movemask_epi8(_mm256_cmpgt_epi16(keys, *first)).cast_unsigned();
    let second = _mm256_movemask_epi8(_mm256_cmpgt_epi16(keys, *second)).cast_unsigned();
    let third = _mm256_movemask_epi8(_mm256_cmpgt_epi16(keys, *third)).cast_unsigned();
    let fourth = _mm256_movemask_epi8(_mm256_cmpgt_epi16(keys, *fourth)).cast_unsigned();
    let tail = _mm256_movemask_epi8(_mm256_cmpgt_epi16(keys, *tail)).cast_unsigned();
    sums.largest_keys = _mm256_max_epu16(sums.largest_keys, keys);
    // Two bits stand for one key.
    sums.not_below[0] += u64::from(first.count_ones() / 2);
    sums.not_below[1] += u64::from(third.count_ones() / 2);
    let (median, p90) = (first ^ second, third ^ fourth);
    let [median_is_single, p90_is_single] = windows.single;
    sums.single[0] += u64::from((median & median_is_single).count_ones() / 2);
    sums.single[1] += u64::from((p90 & p90_is_single).count_ones() / 2);
    let mut inside = (median & !median_is_single) ^ (p90 & !p90_is_single) ^ tail;
    let keys: [u16; 16] = bytemuck::cast(keys);
    while inside != 0 {
        let at = inside.trailing_zeros() as usize / 2;
        scratch.push(keys[at % 16]);
        inside &= !(3 << (2 * at));
    }
}
