// What a kernel needs of the machine that it is compiled for: a GPU by NVRTC, or the CPU by a C++17 compiler (cpu/shim.h).
//
// No header of CUDA is included, so that a driver and NVRTC are all that a machine needs. Arithmetic rounds as it is
// written on both: a GPU compiles with --fmad=false, --ftz=false, --prec-div=true and --prec-sqrt=true, the CPU with
// -ffp-contract=off, and a fused multiply-add is an fma() in the text.
#ifndef PORTABLE_CUH
#define PORTABLE_CUH

#ifndef __CUDACC__
#include "shim.h"
#endif

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int i32;
typedef long long i64;

constexpr u32 WARP = 32;

// 16 bytes at an address that is a multiple of 16: one load of a thread.
struct alignas(16) Vector {
    u32 word[4];
};

// A load of bytes that are used once: they take no place in the first-level cache.
__device__ inline Vector load_once(const void* address) {
    Vector v;
#ifdef __CUDACC__
    asm("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
        : "=r"(v.word[0]), "=r"(v.word[1]), "=r"(v.word[2]), "=r"(v.word[3])
        : "l"(address));
#else
    require_aligned(address, sizeof v);
    v = *static_cast<const Vector*>(address);
#endif
    return v;
}

__device__ inline bool is_aligned(const void* address, u64 bytes) {
    return reinterpret_cast<u64>(address) % bytes == 0;
}

// The dtypes of stored weights, by the numbers that the host sends.
enum Dtype : u32 { F32 = 0, F16 = 1, BF16 = 2, F8_E4M3 = 3, F8_E5M2 = 4 };

__device__ constexpr u32 bytes_of(u32 dtype) {
    return dtype == F32 ? 4 : dtype <= BF16 ? 2 : 1;
}

__device__ inline float f32_of_bits(u32 bits) {
    return __uint_as_float(bits);
}

__device__ inline u32 bits_of_f32(float value) {
    return __float_as_uint(value);
}

__device__ inline double f64_of_bits(u64 bits) {
    return __longlong_as_double(static_cast<i64>(bits));
}

__device__ inline u64 bits_of_f64(double value) {
    return static_cast<u64>(__double_as_longlong(value));
}

__device__ inline float f32_of_f16(u32 bits) {
#ifdef __CUDACC__
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(static_cast<u16>(bits)));
    return value;
#else
    const u32 sign = (bits & 0x8000) << 16, exponent = bits >> 10 & 0x1f, mantissa = bits & 0x3ff;
    if (exponent == 0x1f) {
        return f32_of_bits(sign | 0x7f800000 | mantissa << 13);
    }
    const float magnitude = exponent == 0 ? ldexpf(static_cast<float>(mantissa), -24)
                                          : ldexpf(static_cast<float>(mantissa | 0x400), static_cast<int>(exponent) - 25);
    return sign ? -magnitude : magnitude;
#endif
}

// The value of an element's bits, which stand in the lower part of a word; exact.
template <u32 DTYPE>
__device__ inline float f32_of(u32 bits) {
    if (DTYPE == F32) {
        return f32_of_bits(bits);
    } else if (DTYPE == F16) {
        return f32_of_f16(bits);
    } else if (DTYPE == BF16) {
        return f32_of_bits(bits << 16);
    } else if (DTYPE == F8_E5M2) {
        // The upper half of an F16.
        return f32_of_f16(bits << 8);
    }
    // F8_E4M3: one code is NaN and none infinite; as F16 the exponent is eight too small.
    if ((bits & 0x7f) == 0x7f) {
        return f32_of_bits(0x7fc00000 | (bits & 0x80) << 24);
    }
    return f32_of_f16((bits & 0x80) << 8 | (bits & 0x7f) << 7) * 256.0f;
}

// The bits of element `at`, counted from an address that is a multiple of the dtype's own size only.
template <u32 DTYPE>
__device__ inline u32 element(const void* base, u64 at) {
    if (bytes_of(DTYPE) == 4) {
        return static_cast<const u32*>(base)[at];
    } else if (bytes_of(DTYPE) == 2) {
        return static_cast<const u16*>(base)[at];
    }
    return static_cast<const u8*>(base)[at];
}

// Elements in 16 bytes, and the bits of one of them.
template <u32 DTYPE>
__device__ constexpr u32 per_vector() {
    return 16 / bytes_of(DTYPE);
}

template <u32 DTYPE>
__device__ inline u32 element(const Vector& v, u32 at) {
    if (bytes_of(DTYPE) == 4) {
        return v.word[at];
    } else if (bytes_of(DTYPE) == 2) {
        return v.word[at / 2] >> (at % 2 * 16) & 0xffff;
    }
    return v.word[at / 4] >> (at % 4 * 8) & 0xff;
}

constexpr u32 FULL_WARP = 0xffffffff;

// The sum of a warp's values in its first lane, as a tree: lanes 16 apart first, neighbours last.
template <class T>
__device__ inline T warp_sum(T value) {
    for (u32 distance = WARP / 2; distance > 0; distance /= 2) {
        value += __shfl_down_sync(FULL_WARP, value, distance);
    }
    return value;
}

// The sum of a block's values in its first thread: warps first, then their sums in the order of the warps.
//
// `shared` has a place a warp; the block's size is a multiple of 32. The barrier in front lets `shared` be used again.
template <class T>
__device__ inline T block_sum(T value, T* shared) {
    value = warp_sum(value);
    __syncthreads();
    if (threadIdx.x % WARP == 0) {
        shared[threadIdx.x / WARP] = value;
    }
    __syncthreads();
    T sum = 0;
    if (threadIdx.x == 0) {
        for (u32 warp = 0; warp < blockDim.x / WARP; ++warp) {
            sum += shared[warp];
        }
    }
    return sum;
}

// c += a · b for a warp's matrices of 8 × 4, 4 × 8 and 8 × 8 elements of f64, each lane holding
//   a = A[lane / 4][lane % 4],  b = B[lane % 4][lane / 4],  c0 and c1 = C[lane / 4][2 (lane % 4)] and its right neighbour.
__device__ inline void multiply_add_8x8x4(double a, double b, double& c0, double& c1) {
#if defined(__CUDACC__) && __CUDA_ARCH__ >= 800
    asm volatile("mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%0, %1}, {%2}, {%3}, {%0, %1};"
                 : "+d"(c0), "+d"(c1)
                 : "d"(a), "d"(b));
#else
    const u32 lane = threadIdx.x % WARP, row = lane / 4 * 4, col = lane % 4 * 2;
    for (u32 k = 0; k < 4; ++k) {
        const double factor = __shfl_sync(FULL_WARP, a, row + k);
        c0 = fma(factor, __shfl_sync(FULL_WARP, b, col * 4 + k), c0);
        c1 = fma(factor, __shfl_sync(FULL_WARP, b, col * 4 + 4 + k), c1);
    }
#endif
}

// c += a · b for matrices of 16 × 16, 16 × 8 and 16 × 8 elements of f64, made of the pieces above, each lane holding
//   a[i] = A[lane / 4 + 8 (i % 2)][lane % 4 + 4 (i / 2)],  b[i] = B[lane % 4 + 4 i][lane / 4],
//   c[i] = C[lane / 4 + 8 (i / 2)][2 (lane % 4) + i % 2].
// One instruction from compute capability 9.0 on. The order in which a tensor core adds the products is its own.
__device__ inline void multiply_add_16x8x16(const double (&a)[8], const double (&b)[4], double (&c)[4]) {
#if defined(__CUDACC__) && __CUDA_ARCH__ >= 900
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f64.f64.f64.f64 {%0, %1, %2, %3}, {%4, %5, %6, %7, %8, %9, %10, %11}, "
        "{%12, %13, %14, %15}, {%0, %1, %2, %3};"
        : "+d"(c[0]), "+d"(c[1]), "+d"(c[2]), "+d"(c[3])
        : "d"(a[0]), "d"(a[1]), "d"(a[2]), "d"(a[3]), "d"(a[4]), "d"(a[5]), "d"(a[6]), "d"(a[7]), "d"(b[0]), "d"(b[1]),
          "d"(b[2]), "d"(b[3]));
#else
    for (u32 i = 0; i < 8; ++i) {
        multiply_add_8x8x4(a[i], b[i / 2], c[i % 2 * 2], c[i % 2 * 2 + 1]);
    }
#endif
}

#endif
