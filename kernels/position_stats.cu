// What the activations at each position of many texts are like: their mean, spread, extremes and norms.
//
//     mean = Σ x / (v f)    deviations = Σ (x − mean)²    over the v vectors x of length f that stand at a position
//
// Beside them the least and the largest x, the largest |x| and its component, Σ ‖x‖, the largest ‖x‖, and the number of NaN,
// +∞ and −∞. activations: (texts, positions, f) F32, F16 or BF16; lengths: (texts) u32, and what stands at or beyond a
// text's length does not count. CPU reference: plain loops in f64 in tests/kernels/position_stats.rs; norms as in
// src/keys/first_token/separation.rs, largest |x| as in src/keys/first_token/massive.rs.
//
// First a warp a vector; its lanes take 16 bytes in turn, and sum x − p and (x − p)² with p the first value of the lane:
//     deviations of n values = Σ (x − p)² − (Σ (x − p))²/n,    Σ (x − p)² ≤ n · deviations, as p is one of the values
// so that no digits are lost but those of n. Lanes are merged by Chan's formula (T. Chan, G. Golub, R. LeVeque, 1979). Then
// a thread a position takes its texts one after the other, onto what the texts before left: bits depend neither on the
// number of texts that come at a time nor on the block's size.
//
// Error, with n = ⌈f/32⌉, t texts and κ the root mean square of x over its standard deviation, in parts of 2⁻⁵³: of the mean
// m = 2n + 3t + 30 times the root mean square; of deviations 4n(n + 3) + 8t + 40 + 4mκ relative, where plain sums of x and
// x² would have κ²; of a norm n + 8 relative. Counts and extremes are exact.
//
// A NaN among the values is the least, the largest and the largest of sizes; means and norms become what arithmetic gives.
#include "portable.cuh"

namespace {

// Words of 64 bits about one vector: (texts, 7, positions).
enum Partial : u32 { MEAN, DEVIATIONS, SQUARES, LARGEST, RANGE, NAN_ABOVE, BELOW, PARTIALS };
// Words of 64 bits about one position: (10, positions), all zeros before the first text.
enum State : u32 { S_VECTORS, S_MEAN, S_DEVIATIONS, S_NORMS, S_NORM, S_LARGEST, S_RANGE, S_NAN, S_ABOVE, S_BELOW };

constexpr u32 INFINITE = 0x7f800000, ONE_NAN = 0x7fc00000, NOWHERE = 0xffffffff;

// What one lane has seen.
struct Lane {
    double pilot, sum, squared, squares;
    float low, high;
    u32 count, size, component, nan, above, below;
};

template <class T>
__device__ inline T lesser(T a, T b) {
    return b < a || b != b ? b : a;
}

template <class T>
__device__ inline T greater(T a, T b) {
    return b > a || b != b ? b : a;
}

__device__ inline void add(Lane& lane, float x, u32 component) {
    const double value = x, apart = value - lane.pilot;
    lane.count += 1;
    lane.sum += apart;
    lane.squared = fma(apart, apart, lane.squared);
    lane.squares = fma(value, value, lane.squares);
    lane.low = lesser(lane.low, x);
    lane.high = greater(lane.high, x);
    // The bits of sizes are in the order of the sizes; all NaN are one, above infinity.
    const u32 size = x != x ? ONE_NAN : bits_of_f32(x) & 0x7fffffff;
    if (size > lane.size) {
        lane.size = size;
        lane.component = component;
    }
    if (size >= INFINITE) {
        lane.nan += size == ONE_NAN;
        lane.above += size == INFINITE && x > 0.0f;
        lane.below += size == INFINITE && x < 0.0f;
    }
}

// Everything that a lane has of a vector. Which values it has and in which order does not depend on the address.
template <u32 DTYPE>
__device__ Lane read(const u8* row, u64 f) {
    constexpr u32 PER = per_vector<DTYPE>();
    u64 first = threadIdx.x % WARP * PER;
    Lane lane = {};
    lane.low = f32_of_bits(INFINITE);
    lane.high = -lane.low;
    lane.component = first < f ? static_cast<u32>(first) : NOWHERE;
    lane.pilot = first < f ? f32_of<DTYPE>(element<DTYPE>(row, first)) : 0.0f;
    if (is_aligned(row, sizeof(Vector))) {
#pragma unroll 2
        for (; first + PER <= f; first += WARP * PER) {
            const Vector v = load_once(row + first * bytes_of(DTYPE));
            for (u32 at = 0; at < PER; ++at) {
                add(lane, f32_of<DTYPE>(element<DTYPE>(v, at)), static_cast<u32>(first) + at);
            }
        }
    }
    for (; first < f; first += WARP * PER) {
        for (u32 at = 0; at < PER && first + at < f; ++at) {
            add(lane, f32_of<DTYPE>(element<DTYPE>(row, first + at)), static_cast<u32>(first) + at);
        }
    }
    return lane;
}

// The mean and the deviations of a warp's lanes, in its first lane.
__device__ void merge_lanes(const Lane& lane, double& mean, double& deviations) {
    double count = lane.count;
    mean = lane.count ? lane.pilot + lane.sum / count : 0.0;
    deviations = lane.count ? lane.squared - lane.sum * lane.sum / count : 0.0;
    for (u32 distance = WARP / 2; distance > 0; distance /= 2) {
        const double their_count = __shfl_down_sync(FULL_WARP, count, distance);
        const double apart = __shfl_down_sync(FULL_WARP, mean, distance) - mean;
        const double their_deviations = __shfl_down_sync(FULL_WARP, deviations, distance);
        const double both = count + their_count;
        const double share = their_count > 0.0 ? their_count / both : 0.0;
        if (their_count > 0.0) {
            mean = fma(apart, share, mean);
            deviations = deviations + their_deviations + apart * apart * (count * share);
        }
        count = both;
    }
}

template <u32 DTYPE>
__device__ void of_vectors(const u8* activations, const u32* lengths, u64* partials, u64 texts, u64 positions, u64 f) {
    const u64 vector = static_cast<u64>(blockIdx.x) * (blockDim.x / WARP) + threadIdx.x / WARP;
    const u64 text = vector / positions, position = vector % positions;
    // A warp as a whole.
    if (text >= texts || position >= lengths[text]) {
        return;
    }
    Lane lane = read<DTYPE>(activations + vector * f * bytes_of(DTYPE), f);
    double mean, deviations;
    merge_lanes(lane, mean, deviations);
    u64 largest = static_cast<u64>(lane.size) << 32 | (NOWHERE - lane.component);
    for (u32 distance = WARP / 2; distance > 0; distance /= 2) {
        largest = max(largest, __shfl_down_sync(FULL_WARP, largest, distance));
        lane.low = lesser(lane.low, __shfl_down_sync(FULL_WARP, lane.low, distance));
        lane.high = greater(lane.high, __shfl_down_sync(FULL_WARP, lane.high, distance));
    }
    const double squares = warp_sum(lane.squares);
    const u64 nan = warp_sum(lane.nan), above = warp_sum(lane.above), below = warp_sum(lane.below);
    if (threadIdx.x % WARP == 0) {
        u64* own = partials + text * PARTIALS * positions + position;
        own[MEAN * positions] = bits_of_f64(mean);
        own[DEVIATIONS * positions] = bits_of_f64(deviations);
        own[SQUARES * positions] = bits_of_f64(squares);
        own[LARGEST * positions] = largest;
        own[RANGE * positions] = static_cast<u64>(bits_of_f32(lane.high)) << 32 | bits_of_f32(lane.low);
        own[NAN_ABOVE * positions] = above << 32 | nan;
        own[BELOW * positions] = below;
    }
}

}  // namespace

extern "C" __global__ void position_stats_f32(const u8* activations, const u32* lengths, u64* partials, u64 texts,
                                              u64 positions, u64 f) {
    of_vectors<F32>(activations, lengths, partials, texts, positions, f);
}

extern "C" __global__ void position_stats_f16(const u8* activations, const u32* lengths, u64* partials, u64 texts,
                                              u64 positions, u64 f) {
    of_vectors<F16>(activations, lengths, partials, texts, positions, f);
}

extern "C" __global__ void position_stats_bf16(const u8* activations, const u32* lengths, u64* partials, u64 texts,
                                               u64 positions, u64 f) {
    of_vectors<BF16>(activations, lengths, partials, texts, positions, f);
}

// Adds the vectors of some more texts to the state of each position, a thread a position.
extern "C" __global__ void __launch_bounds__(1024)
    position_stats_merge(const u64* partials, const u32* lengths, u64* state, u64 texts, u64 positions, u64 f) {
    const u64 position = static_cast<u64>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (position >= positions) {
        return;
    }
    u64* own = state + position;
    u64 vectors = own[S_VECTORS * positions], largest = own[S_LARGEST * positions];
    u64 nan = own[S_NAN * positions], above = own[S_ABOVE * positions], below = own[S_BELOW * positions];
    double mean = f64_of_bits(own[S_MEAN * positions]), deviations = f64_of_bits(own[S_DEVIATIONS * positions]);
    double norms = f64_of_bits(own[S_NORMS * positions]), norm = f64_of_bits(own[S_NORM * positions]);
    const u64 range = own[S_RANGE * positions];
    float low = f32_of_bits(vectors ? static_cast<u32>(range) : INFINITE);
    float high = vectors ? f32_of_bits(static_cast<u32>(range >> 32)) : -low;
    const double length = static_cast<double>(f);
    for (u64 text = 0; text < texts; ++text) {
        if (position >= lengths[text]) {
            continue;
        }
        const u64* next = partials + text * PARTIALS * positions + position;
        const u64 their_range = next[RANGE * positions], their_nan = next[NAN_ABOVE * positions];
        const double before = static_cast<double>(vectors), share = 1.0 / (before + 1.0);
        const double apart = f64_of_bits(next[MEAN * positions]) - mean;
        mean = fma(apart, share, mean);
        deviations += f64_of_bits(next[DEVIATIONS * positions]) + apart * apart * (length * (before * share));
        const double their_norm = sqrt(f64_of_bits(next[SQUARES * positions]));
        norms += their_norm;
        norm = greater(norm, their_norm);
        largest = max(largest, next[LARGEST * positions]);
        low = lesser(low, f32_of_bits(static_cast<u32>(their_range)));
        high = greater(high, f32_of_bits(static_cast<u32>(their_range >> 32)));
        nan += their_nan & 0xffffffff;
        above += their_nan >> 32;
        below += next[BELOW * positions];
        vectors += 1;
    }
    own[S_VECTORS * positions] = vectors;
    own[S_MEAN * positions] = bits_of_f64(mean);
    own[S_DEVIATIONS * positions] = bits_of_f64(deviations);
    own[S_NORMS * positions] = bits_of_f64(norms);
    own[S_NORM * positions] = bits_of_f64(norm);
    own[S_LARGEST * positions] = largest;
    own[S_RANGE * positions] = static_cast<u64>(bits_of_f32(high)) << 32 | bits_of_f32(low);
    own[S_NAN * positions] = nan;
    own[S_ABOVE * positions] = above;
    own[S_BELOW * positions] = below;
}
