// The sums that the fraction of a ROME update rests on, all of a case in one pass over its vectors.
//
//     0 ‖kᵘ‖²    1 ‖k̄‖²    2 ‖r‖²    3 rᵀkᵘ    4 rᵀk̄    5 kᵘᵀk̄    6 ‖kᵘ − k̄‖²    7 (kᵘ − k̄)ᵀq
//
// unprefixed kᵘ, mean k̄, adjusted r = C⁻¹k̄ and, or null, q = C⁻¹(kᵘ − k̄): (cases, f) f64 each. out: (cases, 8) f64; the
// last sum of a case is void where q is null. CPU reference: of_adjusted in src/keys/fraction.rs.
//
// Error: with m = ⌈f/256⌉ steps of a lane, a sum of x·y is off by at most γ(m + 13) Σ|x||y|, γ(j) = j·2⁻⁵³/(1 − j·2⁻⁵³);
// where kᵘ − k̄ stands in it, rounded once itself, by γ(m + 15) Σ|x||y|. What is not finite goes into the sums as it is.
//
// One version: a block a case. The work is cut into eight warps however many there are, so that bits depend on nothing
// but the vectors; eight loads of 256 bytes a warp are under way, and the eight sums of a lane do not wait for each other.
#include "portable.cuh"

namespace {

constexpr u32 SUMS = 8;
// Warps that a case is cut into.
constexpr u32 PARTS = 8;
constexpr u32 LANES = PARTS * WARP;

// Adds every LANES-th component from `first` on. q may be null.
__device__ void add(double (&sum)[SUMS], const double* u, const double* k, const double* r, const double* q, u64 first,
                    u64 f) {
#pragma unroll 4
    for (u64 at = first; at < f; at += LANES) {
        const double uu = u[at], kk = k[at], rr = r[at], qq = q ? q[at] : 0.0;
        const double apart = uu - kk;
        sum[0] = fma(uu, uu, sum[0]);
        sum[1] = fma(kk, kk, sum[1]);
        sum[2] = fma(rr, rr, sum[2]);
        sum[3] = fma(rr, uu, sum[3]);
        sum[4] = fma(rr, kk, sum[4]);
        sum[5] = fma(uu, kk, sum[5]);
        sum[6] = fma(apart, apart, sum[6]);
        sum[7] = fma(apart, qq, sum[7]);
    }
}

}  // namespace

extern "C" __global__ void key_fraction(const double* unprefixed, const double* mean, const double* adjusted,
                                        const double* apart_adjusted, double* out, u64 f) {
    __shared__ double parts[PARTS][SUMS];
    const u64 row = blockIdx.x * f;
    const double* q = apart_adjusted ? apart_adjusted + row : nullptr;
    for (u32 part = threadIdx.x / WARP; part < PARTS; part += blockDim.x / WARP) {
        double sum[SUMS] = {};
        add(sum, unprefixed + row, mean + row, adjusted + row, q, part * WARP + threadIdx.x % WARP, f);
        for (u32 at = 0; at < SUMS; ++at) {
            const double whole = warp_sum(sum[at]);
            if (threadIdx.x % WARP == 0) {
                parts[part][at] = whole;
            }
        }
    }
    __syncthreads();
    if (threadIdx.x < SUMS) {
        double sum = 0.0;
        for (u32 part = 0; part < PARTS; ++part) {
            sum += parts[part][threadIdx.x];
        }
        out[blockIdx.x * static_cast<u64>(SUMS) + threadIdx.x] = sum;
    }
}
