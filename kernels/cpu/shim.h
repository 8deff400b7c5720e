// A GPU's thread block on one thread of a CPU, to run a kernel where there is no GPU.
//
// Each thread of a block is a fibre with a stack of its own; blocks run one after the other. A fibre runs until a
// barrier, a shuffle or its end, then the next in line has its turn: ascending, descending or shuffled. So a value that
// is read without the barrier it needs is read too early in one order or another. Shared memory is filled with 0xff,
// a NaN of every format, before each block. A barrier that some threads of a block never reach is told of, not waited for.
//
// Not here: two blocks at a time, races of memory order, tensor cores (portable text stands in), dynamic shared memory.
#ifndef SHIM_H
#define SHIM_H

#include <cmath>
#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ucontext.h>

#define __global__
#define __device__
#define __forceinline__ inline
#define __restrict__ __restrict
#define __launch_bounds__(...)
#define __shared__ static __attribute__((section("shared_memory")))

struct Dim3 {
    unsigned x, y, z;
};

extern thread_local Dim3 gridDim, blockDim, blockIdx, threadIdx;

namespace shim {

// Gives the turn to the next fibre; comes back when all threads of the block, or of the warp, have come as far.
void wait_for_block();
void wait_for_warp();
// A place for a value of each lane. There are two, used in turn: who is late still reads the one, who is early writes the other.
uint64_t* exchange();
void fail(const char* what);

template <class T>
T from_lane(unsigned mask, T value, unsigned source) {
    static_assert(sizeof(T) <= 8, "one register or two");
    if (mask != 0xffffffff) {
        fail("a shuffle of part of a warp");
    }
    uint64_t* values = exchange();
    memcpy(&values[threadIdx.x % 32], &value, sizeof value);
    wait_for_warp();
    T answer;
    memcpy(&answer, &values[source % 32], sizeof answer);
    return answer;
}

}  // namespace shim

inline void __syncthreads() { shim::wait_for_block(); }
inline void __syncwarp(unsigned = 0xffffffff) { shim::wait_for_warp(); }
inline void __threadfence() {}

template <class T>
T __shfl_sync(unsigned mask, T value, unsigned lane) {
    return shim::from_lane(mask, value, lane);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned distance) {
    const unsigned lane = threadIdx.x % 32;
    return shim::from_lane(mask, value, lane + distance < 32 ? lane + distance : lane);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, unsigned bits) {
    return shim::from_lane(mask, value, threadIdx.x % 32 ^ bits);
}
inline unsigned __ballot_sync(unsigned mask, int predicate) {
    unsigned votes = 0;
    for (unsigned lane = 0; lane < 32; ++lane) {
        votes |= shim::from_lane(mask, predicate != 0 ? 1u : 0u, lane) << lane;
    }
    return votes;
}
inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }

// Fibres change hands at waits alone, so that plain operations are atomic.
template <class T>
T atomicAdd(T* address, T value) {
    const T old = *address;
    *address = old + value;
    return old;
}
template <class T>
T atomicMax(T* address, T value) {
    const T old = *address;
    *address = old < value ? value : old;
    return old;
}

template <class To, class From>
To same_bits(From value) {
    static_assert(sizeof(To) == sizeof(From), "bits of one length");
    To answer;
    memcpy(&answer, &value, sizeof answer);
    return answer;
}
inline float __uint_as_float(unsigned bits) { return same_bits<float>(bits); }
inline unsigned __float_as_uint(float value) { return same_bits<unsigned>(value); }
inline double __longlong_as_double(long long bits) { return same_bits<double>(bits); }
inline long long __double_as_longlong(double value) { return same_bits<long long>(value); }

inline int __popc(unsigned bits) { return __builtin_popcount(bits); }
inline int __ffs(int bits) { return __builtin_ffs(bits); }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return static_cast<unsigned long long>(static_cast<unsigned __int128>(a) * b >> 64);
}

// A vector load of a GPU faults at an address that is no multiple of its size.
inline void require_aligned(const void* address, size_t bytes) {
    if (reinterpret_cast<uintptr_t>(address) % bytes != 0) {
        shim::fail("a misaligned load");
    }
}

template <class T>
T min(T a, T b) {
    return b < a ? b : a;
}
template <class T>
T max(T a, T b) {
    return a < b ? b : a;
}

#endif
