// Statistics of a pair of buffers in one pass: sums, extremes and counts of a (before), b (after) and d = b - a.
//
//   Σ a², Σ b², Σ d², Σ |d|, max |d| and its first place, the largest key, elements changed, keys below each window,
//   NaN, +∞ and −∞ of each side, finite values that became others; and how often each key inside the windows is met
//
// d is taken in f64 and is 0 where both sides hold the same bits. The key of an element is the upper half of |d| as f32,
// b - a rounded once; every NaN has the key 0x7fc0. Five ascending edges, at least 1, say which keys are counted one by one:
// from the first to below the second, from the third to below the fourth, and from the fifth on.
//
// Shapes: both sides hold `elements` of one dtype. Results stand a chunk of 2^17 elements, RESULT words of 64 bits each, and
// are zero before; counts are 2^15 words for the whole call. Reference: src/linalg/pair_stats/, scalar.rs and largest.rs,
// which counts windows of a single key apart. Error: counts, keys and max |d| are exact. A sum takes at most 128 additions
// in a lane, five in a warp and five of strips, of terms that are never negative: within 138 · 2⁻⁵³ of the terms' own
// sum, relative to it. Σ ab is left out, as it is (Σ a² + Σ b² − Σ d²) / 2.
//
//   pair_stats_1   a thread takes a chunk and adds element after element.
//   pair_stats_2   a warp takes a strip of 4096 elements by loads of 16 bytes, each lane its own sums. Values that are not
//                  finite, differences far beyond the windows, tails and misaligned buffers go element by element in the
//                  same order, so that no bit depends on the way. Keys are counted in shared memory first, and
//                  `pair_stats_fold` makes chunks of strips; it looks for max |d| in f64 where |d| in f32 is largest.
//
// Budget of version 2 for BF16: about 36 instructions for the four bytes of a pair, two conversions and five operations in
// f64 among them; F32 has as many for eight bytes and is bound by memory, 8 bits a value are bound by arithmetic.
#include "portable.cuh"

constexpr u32 CHUNK = 1 << 17;
// Elements of a warp: a chunk has as many strips as a warp has lanes.
constexpr u32 STRIP = CHUNK / WARP;
// Elements whose values a lane holds at a time: with more of them it runs out of registers.
constexpr u32 PIECE = 4;
// Keys counted in shared memory: 16 powers of two from the first edge on. Where that is below 2⁻⁶³, as where every key
// is counted, they begin at 2⁻²³. Others are counted in global memory.
constexpr u32 NEAR_KEYS = 2048;
constexpr u32 EDGE_LEAST = 0x2000;
constexpr u32 NEAR_LEAST = 0x3400;
constexpr u32 INFINITE = 0x7f800000;
constexpr u32 NOT_A_NUMBER = 0x7fc00000;
constexpr u64 NOT_A_NUMBER_64 = 0x7ff8000000000000;

// Words of a strip and of a chunk. The sums come first in both; then words that only strips or only chunks have.
enum Word : u32 {
    BEFORE_SQUARES, AFTER_SQUARES, DELTA_SQUARES, ABS_DELTA, CHANGED, LARGEST_BITS, REACHED, PARTIAL = 8,
    LARGEST = 5, LARGEST_AT, LARGEST_KEY, BELOW, NONFINITE = 10, RESULT = 17
};

// What a lane sums up over a strip.
struct Lane {
    double sums[4];
    // |b - a| in f32, as bits.
    u32 largest;
    u32 changed;
    // Keys at or past the first edge of each window.
    u32 reached[2];
    // Seven counts of a byte each; a lane of a strip has 128 elements.
    u64 nonfinite;
};

struct Keys {
    // The largest |d| in f32 below each edge, as bits.
    u32 below[5];
    // The first near key, and what |d| has to stay below so that its key is near if it is counted at all.
    u32 near_from, limit;
    u32* near;
    u64* far;
};

struct Pair {
    const void* before;
    const void* after;
    u64 elements;
};

// |d| as bits; every NaN is one.
__device__ inline u32 magnitude(float d) {
    const u32 bits = bits_of_f32(d) & 0x7fffffff;
    return bits > INFINITE ? NOT_A_NUMBER : bits;
}

__device__ inline u64 magnitude(double d) {
    return d != d ? NOT_A_NUMBER_64 : bits_of_f64(fabs(d));
}

// Adds one to a counter in shared memory where bit 31 of `flags` is set.
__device__ inline void count_if(u32 flags, u32* counter) {
#ifdef __CUDACC__
    asm volatile("{ .reg .pred p; setp.lt.s32 p, %0, 0; @p red.shared.add.u32 [%1], 1; }"
                 ::"r"(flags), "r"(static_cast<u32>(__cvta_generic_to_shared(counter))) : "memory");
#else
    if (flags >> 31) {
        atomicAdd(counter, 1u);
    }
#endif
}

// NEAR: `bits` are below the limit. An edge is reached where bit 31 of a difference is set: no predicate is needed.
template <bool NEAR>
__device__ inline void count_key(Lane& lane, u32 bits, const Keys& keys) {
    const u32 a = keys.below[0] - bits, b = keys.below[1] - bits, c = keys.below[2] - bits, d = keys.below[3] - bits;
    lane.reached[0] += a >> 31;
    lane.reached[1] += c >> 31;
    // Edges ascend, so an odd number of them is reached inside a window and in the tail alone.
    const u32 counted = a ^ b ^ c ^ d ^ (keys.below[4] - bits);
    const u32 place = (bits >> 16) - keys.near_from;
    if (NEAR || place < NEAR_KEYS) {
        count_if(counted, &keys.near[place]);
    } else if (counted >> 31) {
        atomicAdd(&keys.far[bits >> 16], static_cast<u64>(1));
    }
}

__device__ inline void add_terms(Lane& lane, double a, double b, double d) {
    lane.sums[BEFORE_SQUARES] = fma(a, a, lane.sums[BEFORE_SQUARES]);
    lane.sums[AFTER_SQUARES] = fma(b, b, lane.sums[AFTER_SQUARES]);
    lane.sums[DELTA_SQUARES] = fma(d, d, lane.sums[DELTA_SQUARES]);
    lane.sums[ABS_DELTA] += fabs(d);
}

// Adds PIECE elements of a vector of each side; false, and nothing added, where |d| reaches the limit or is no number.
template <u32 DTYPE>
__device__ __forceinline__ bool add_piece(Lane& lane, const Vector& before, const Vector& after, u32 first,
                                          const Keys& keys) {
    float a[PIECE], b[PIECE];
    u32 bits[PIECE], largest = 0;
#pragma unroll
    for (u32 at = 0; at < PIECE; ++at) {
        a[at] = f32_of<DTYPE>(element<DTYPE>(before, first + at));
        b[at] = f32_of<DTYPE>(element<DTYPE>(after, first + at));
        bits[at] = bits_of_f32(b[at] - a[at]) & 0x7fffffff;
        largest = max(largest, bits[at]);
    }
    if (largest >= keys.limit) {
        return false;
    }
    lane.largest = max(lane.largest, largest);
#pragma unroll
    for (u32 at = 0; at < PIECE; ++at) {
        add_terms(lane, a[at], b[at], static_cast<double>(b[at]) - a[at]);
        lane.changed += bits_of_f32(a[at]) != bits_of_f32(b[at]);
        count_key<true>(lane, bits[at], keys);
    }
    return true;
}

// Where a value that is not finite is counted: NaN, +∞, −∞.
__device__ inline u32 kind(float value) {
    return value != value ? 0 : value > 0 ? 1 : 2;
}

// Adds any element, and gives d.
template <u32 DTYPE>
__device__ inline double add_element(Lane& lane, const Pair& pair, u64 at, const Keys& keys) {
    const u32 from = element<DTYPE>(pair.before, at), to = element<DTYPE>(pair.after, at);
    const float a = f32_of<DTYPE>(from), b = f32_of<DTYPE>(to);
    const double d = from == to ? 0.0 : static_cast<double>(b) - a;
    const u32 bits = from == to ? 0 : magnitude(b - a);
    add_terms(lane, a, b, d);
    lane.changed += from != to;
    lane.largest = max(lane.largest, bits);
    count_key<false>(lane, bits, keys);
    const bool was = magnitude(a) < INFINITE, is = magnitude(b) < INFINITE;
    lane.nonfinite += was ? 0 : static_cast<u64>(1) << 8 * kind(a);
    lane.nonfinite += is ? 0 : static_cast<u64>(1) << 8 * (3 + kind(b));
    lane.nonfinite += was && !is ? static_cast<u64>(1) << 8 * 6 : 0;
    return d;
}

// Adds a lane's share of a strip: a vector in each row of as many vectors as a warp has lanes.
template <u32 DTYPE>
__device__ __forceinline__ void add_strip(Lane& lane, const Pair& strip, const Keys& keys) {
    constexpr u32 LENGTH = per_vector<DTYPE>(), ROW = WARP * LENGTH;
    // Vectors of each side that a lane asks for before it uses one: of F32 they hold half the work of others.
    constexpr u32 IN_FLIGHT = DTYPE == F32 ? 2 : 1;
    const u32 elements = static_cast<u32>(strip.elements);
    const bool aligned = is_aligned(strip.before, 16) && is_aligned(strip.after, 16);
    for (u32 at = threadIdx.x % WARP * LENGTH; at < elements; at += IN_FLIGHT * ROW) {
        const bool whole = aligned && at + (IN_FLIGHT - 1) * ROW + LENGTH <= elements;
        Vector a[IN_FLIGHT], b[IN_FLIGHT];
#pragma unroll
        for (u32 row = 0; row < IN_FLIGHT && whole; ++row) {
            a[row] = load_once(static_cast<const u8*>(strip.before) + (at + row * ROW) * bytes_of(DTYPE));
            b[row] = load_once(static_cast<const u8*>(strip.after) + (at + row * ROW) * bytes_of(DTYPE));
        }
#pragma unroll
        for (u32 row = 0; row < IN_FLIGHT; ++row) {
            bool near = whole;
            u32 next = at + row * ROW;
#pragma unroll
            for (u32 first = 0; first < LENGTH; first += PIECE) {
                near = near && add_piece<DTYPE>(lane, a[row], b[row], first, keys);
                next += near ? PIECE : 0;
            }
#pragma unroll 1
            for (; next < min(at + row * ROW + LENGTH, elements); ++next) {
                add_element<DTYPE>(lane, strip, next, keys);
            }
        }
    }
}

template <class T>
__device__ inline T warp_max(T value) {
    for (u32 distance = WARP / 2; distance > 0; distance /= 2) {
        value = max(value, __shfl_xor_sync(FULL_WARP, value, distance));
    }
    return value;
}

__device__ inline void add_nonfinite(u64 counts, u64* result) {
    for (u32 which = 0; counts != 0; ++which, counts >>= 8) {
        if (counts & 0xff) {
            atomicAdd(&result[NONFINITE + which], counts & 0xff);
        }
    }
}

// The sums of a warp's lanes, as the words of a strip.
__device__ inline void write_strip(const Lane& lane, u64* partial) {
    const bool first = threadIdx.x % WARP == 0;
    for (u32 sum = 0; sum < 4; ++sum) {
        const double total = warp_sum(lane.sums[sum]);
        if (first) {
            partial[sum] = bits_of_f64(total);
        }
    }
    const u32 changed = warp_sum(lane.changed), largest = warp_max(lane.largest);
    const u32 reached[2] = {warp_sum(lane.reached[0]), warp_sum(lane.reached[1])};
    if (first) {
        partial[CHANGED] = changed;
        partial[LARGEST_BITS] = largest;
        partial[REACHED] = reached[0];
        partial[REACHED + 1] = reached[1];
    }
}

// Of the edges a to e come the largest bits below them.
__device__ inline Keys keys_of(u32 a, u32 b, u32 c, u32 d, u32 e, u32* near, u64* far) {
    const bool close = a >= EDGE_LEAST << 16;
    const u32 limit = close ? min(a + (NEAR_KEYS << 16), INFINITE) : 0;
    return {{a, b, c, d, e}, close ? (a + 1) >> 16 : NEAR_LEAST, limit, near, far};
}

// The words of each strip; and the counts of values that are not finite, which are few, into the words of its chunk.
template <u32 DTYPE>
__device__ __forceinline__ void all_strips(const Pair& pair, const Keys& keys, u64* partials, u64* results) {
    for (u32 place = threadIdx.x; place < NEAR_KEYS; place += blockDim.x) {
        keys.near[place] = 0;
    }
    __syncthreads();  // before keys are counted
    const u64 warps = static_cast<u64>(gridDim.x) * (blockDim.x / WARP);
    u64 strip = static_cast<u64>(blockIdx.x) * (blockDim.x / WARP) + threadIdx.x / WARP;
    for (; strip * STRIP < pair.elements; strip += warps) {
        const u64 from = strip * STRIP, bytes = from * bytes_of(DTYPE);
        const Pair part = {static_cast<const u8*>(pair.before) + bytes, static_cast<const u8*>(pair.after) + bytes,
                           min(pair.elements - from, static_cast<u64>(STRIP))};
        Lane lane = {};
        add_strip<DTYPE>(lane, part, keys);
        add_nonfinite(lane.nonfinite, results + strip / WARP * RESULT);
        write_strip(lane, partials + strip * PARTIAL);
    }
    __syncthreads();  // after keys were counted
    for (u32 place = threadIdx.x; place < NEAR_KEYS; place += blockDim.x) {
        if (keys.near[place] != 0) {
            atomicAdd(&keys.far[keys.near_from + place], static_cast<u64>(keys.near[place]));
        }
    }
}

struct Largest {
    u64 magnitude, at;
};

// The largest |d| in f64 of a lane's share of a strip, among elements whose |d| in f32 is `largest`; the first of equals.
template <u32 DTYPE>
__device__ inline void look_for_largest(const Pair& pair, u64 from, u32 largest, Largest& found) {
#pragma unroll 4
    for (u64 at = from + threadIdx.x % WARP; at < min(from + STRIP, pair.elements); at += WARP) {
        const u32 before = element<DTYPE>(pair.before, at), after = element<DTYPE>(pair.after, at);
        const float a = f32_of<DTYPE>(before), b = f32_of<DTYPE>(after);
        if (before != after && magnitude(b - a) == largest) {
            const u64 exact = magnitude(static_cast<double>(b) - a);
            found = exact > found.magnitude ? Largest{exact, at} : found;
        }
    }
}

// Makes a chunk's words of those of its strips, one a lane.
template <u32 DTYPE>
__device__ inline void fold_chunk(const Pair& pair, u64 chunk, const u64* partials, u64* result) {
    const u64 from = chunk * CHUNK, count = min(pair.elements - from, static_cast<u64>(CHUNK));
    const u32 lane = threadIdx.x % WARP;
    u64 words[PARTIAL] = {};
    for (u32 word = 0; word < PARTIAL && lane * STRIP < count; ++word) {
        words[word] = partials[(chunk * WARP + lane) * PARTIAL + word];
    }
    for (u32 sum = 0; sum < 4; ++sum) {
        words[sum] = bits_of_f64(warp_sum(f64_of_bits(words[sum])));
    }
    const u32 own = static_cast<u32>(words[LARGEST_BITS]), largest = warp_max(own);
    Largest found = {0, from};
    for (u32 having = __ballot_sync(FULL_WARP, own == largest && own > 0); having != 0; having &= having - 1) {
        look_for_largest<DTYPE>(pair, from + static_cast<u64>(__ffs(static_cast<i32>(having)) - 1) * STRIP, largest, found);
    }
    const u64 exact = warp_max(found.magnitude);
    // The least of the places is the largest of what lies behind them.
    const u64 behind = warp_max(found.magnitude == exact ? from + CHUNK - found.at : 0);
    for (u32 word = CHANGED; word < PARTIAL; ++word) {
        words[word] = word == LARGEST_BITS ? 0 : warp_sum(words[word]);
    }
    if (lane != 0) {
        return;
    }
    for (u32 word = 0; word <= CHANGED; ++word) {
        result[word] = words[word];
    }
    result[LARGEST] = exact;
    result[LARGEST_AT] = exact == 0 ? 0 : CHUNK - behind;
    result[LARGEST_KEY] = largest >> 16;
    for (u32 window = 0; window < 2; ++window) {
        result[BELOW + window] = count - words[REACHED + window];
    }
}

// A whole chunk by one thread, its words kept in memory.
template <u32 DTYPE>
__device__ inline void plain_chunk(const Pair& pair, u64 chunk, const Keys& keys, u64* result) {
    const u64 from = chunk * CHUNK, to = min(from + CHUNK, pair.elements);
    Lane lane = {};
#pragma unroll 1
    for (u64 at = from; at < to; ++at) {
        const u64 exact = magnitude(add_element<DTYPE>(lane, pair, at, keys));
        if (exact > result[LARGEST]) {
            result[LARGEST] = exact;
            result[LARGEST_AT] = at - from;
        }
        add_nonfinite(lane.nonfinite, result);
        lane.nonfinite = 0;
    }
    for (u32 sum = 0; sum < 4; ++sum) {
        result[sum] = bits_of_f64(lane.sums[sum]);
    }
    result[CHANGED] = lane.changed;
    result[LARGEST_KEY] = lane.largest >> 16;
    for (u32 window = 0; window < 2; ++window) {
        result[BELOW + window] = to - from - lane.reached[window];
    }
}

#define PAIR_STATS(NAME, DTYPE)                                                                                            \
    extern "C" __global__ void pair_stats_1_##NAME(const void* before, const void* after, u64 elements, u32 a, u32 b,      \
                                                   u32 c, u32 d, u32 e, u64* results, u64* counts) {          \
        const u64 chunk = static_cast<u64>(blockIdx.x) * blockDim.x + threadIdx.x;                                         \
        Keys keys = keys_of(a, b, c, d, e, nullptr, counts);                                                      \
        keys.near_from = 0x8000; /* no key is near */                                                                      \
        if (chunk * CHUNK < elements) {                                                                                    \
            plain_chunk<DTYPE>({before, after, elements}, chunk, keys, results + chunk * RESULT);                          \
        }                                                                                                                  \
    }                                                                                                                      \
    extern "C" __global__ void __launch_bounds__(1024)                                                                     \
        pair_stats_2_##NAME(const void* before, const void* after, u64 elements, u32 a, u32 b, u32 c, u32 d, u32 e,        \
                            u64* partials, u64* results, u64* counts) {                                       \
        __shared__ u32 near[NEAR_KEYS];                                                                                    \
        const Keys keys = keys_of(a, b, c, d, e, near, counts);                                                   \
        all_strips<DTYPE>({before, after, elements}, keys, partials, results);                                             \
    }                                                                                                                      \
    extern "C" __global__ void pair_stats_fold_##NAME(const void* before, const void* after, u64 elements,    \
                                                      const u64* partials, u64* results) {                                 \
        const u64 warps = static_cast<u64>(gridDim.x) * (blockDim.x / WARP);                                               \
        u64 chunk = static_cast<u64>(blockIdx.x) * (blockDim.x / WARP) + threadIdx.x / WARP;                               \
        for (; chunk * CHUNK < elements; chunk += warps) {                                                                 \
            fold_chunk<DTYPE>({before, after, elements}, chunk, partials, results + chunk * RESULT);              \
        }                                                                                                                  \
    }

PAIR_STATS(f32, F32)
PAIR_STATS(f16, F16)
PAIR_STATS(bf16, BF16)
PAIR_STATS(f8_e4m3, F8_E4M3)
PAIR_STATS(f8_e5m2, F8_E5M2)
