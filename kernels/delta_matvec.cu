#include "portable.cuh"

// Products of a difference with eight vectors: Y = (B − A) X and Z = (B − A)ᵀ Y, for two stored matrices, in f64.
//
//   y[r][v] = Σ_c d[r][c] x[c][v],   z[c][v] = Σ_r d[r][c] y[r][v],   d = f64(b) − f64(a)
//
// Shapes: A and B (rows, cols) of one dtype, row-major; X and Z (cols, 8), Y (rows, 8), f64, a component of all eight
// vectors side by side. The difference is never written anywhere: an element of it lives in a register.
// CPU reference: `multiply` and `multiply_transposed` of src/linalg/operator.rs, over `StoredDelta` of src/linalg/stored.rs.
// Error: |fl(y) − y| ≤ γₙ Σ |d| |x|, γₙ = n u / (1 − n u), u = 2⁻⁵³, n the number of terms: it holds in any order of them.
// A value that is not finite spreads to the sums that it belongs to and to no others.
//
// Version 1: a thread an element of the product, one fused multiply-add after the other.
// Version 2: a warp takes 16 rows × `part` columns (transposed: 128 bytes of columns × `part` rows) on the f64 tensor cores.
//   A lane loads 16 bytes of A and of B; how its elements are dealt to the products is chosen so that they are where the
//   tensor core wants them: no shuffle, no shared memory, no barrier. A component of X serves 16 rows. It is read through
//   the first-level cache, which the warps of a block share, as they work on the same columns. Sums of a part go to memory
//   as (part, row, 8), and `delta_fold` adds the parts in order. By counting, not measured, memory is the limit: an
//   element of bf16 needs 4 bytes, and of an SM two conversions to f64 (16 a clock), a subtraction (64 a clock) and
//   8 products (128 a clock).
// Bits: `part` is chosen by the shape alone and a warp works for itself, so that the size of a block is not in the result.
//   Two kinds of tensor core may add the 16 terms of a product in different orders.

constexpr u32 VECTORS = 8;
// A warp's rows in a product with X; rows of a step of the transposed product.
constexpr u32 STRIP = 16;
// The most threads of a block, as their registers have to fit.
constexpr u32 THREADS = 256;

// One element's difference, of two vectors of stored ones.
template <u32 DTYPE>
__device__ inline double difference(const Vector& before, const Vector& after, u32 at) {
    return static_cast<double>(f32_of<DTYPE>(element<DTYPE>(after, at))) -
           static_cast<double>(f32_of<DTYPE>(element<DTYPE>(before, at)));
}

// The 16 bytes from element `at` on; where not WHOLE, the first `count` elements of them one by one, then zeros.
template <u32 DTYPE, bool WHOLE>
__device__ inline Vector piece(const u8* base, u64 at, u64 count) {
    if (WHOLE) {
        return load_once(base + at * bytes_of(DTYPE));
    }
    Vector v = {{0, 0, 0, 0}};
#pragma unroll
    for (u32 i = 0; i < per_vector<DTYPE>(); ++i) {
        if (i < count) {
            v.word[i * bytes_of(DTYPE) / 4] |= element<DTYPE>(base, at + i) << (i * bytes_of(DTYPE) % 4 * 8);
        }
    }
    return v;
}

// Whether rows begin at multiples of 16 bytes, so that vectors can be loaded.
template <u32 DTYPE>
__device__ inline bool has_whole_rows(const u8* before, const u8* after, u64 cols) {
    return is_aligned(before, 16) && is_aligned(after, 16) && cols % per_vector<DTYPE>() == 0;
}

// sums += D X for 16 rows and 128 bytes of columns: lane % 4 picks vectors of 16 bytes, lane / 4 the row and the one 8 on.
//
// A product's terms are element s of each vector: the order in which a row's columns are summed is s, then vectors.
template <u32 DTYPE, bool WHOLE>
__device__ inline void times_chunk(const u8* before, const u8* after, const u64 (&row)[2], u64 first_col, u64 cols,
                                   const double* __restrict__ x, double (&sums)[4]) {
    constexpr u32 PER = per_vector<DTYPE>();
    const u32 lane = threadIdx.x % WARP;
    const u64 col[2] = {first_col + lane % 4 * PER, first_col + (4 + lane % 4) * PER};
    Vector a[2][2], b[2][2];
#pragma unroll
    for (u32 i = 0; i < 4; ++i) {
        const u64 at = row[i % 2] * cols + col[i / 2], count = col[i / 2] < cols ? cols - col[i / 2] : 0;
        a[i / 2][i % 2] = piece<DTYPE, WHOLE>(before, at, count);
        b[i / 2][i % 2] = piece<DTYPE, WHOLE>(after, at, count);
    }
#pragma unroll
    for (u32 s = 0; s < 2 * PER; s += 4) {
        double d[8], factor[4];
#pragma unroll
        for (u32 i = 0; i < 4; ++i) {
            const u32 half = s / PER, at = s % PER + i;
            const bool inside = WHOLE || col[half] + at < cols;
            factor[i] = inside ? x[(col[half] + at) * VECTORS + lane / 4] : 0.0;
            d[2 * i] = difference<DTYPE>(a[half][0], b[half][0], at);
            d[2 * i + 1] = difference<DTYPE>(a[half][1], b[half][1], at);
        }
        multiply_add_16x8x16(d, factor, sums);
    }
}

// Y of a strip of 16 rows and a part of the columns, to its place in `out`, (parts, rows, 8).
template <u32 DTYPE>
__device__ inline void times_part(const u8* before, const u8* after, u64 rows, u64 cols, u64 part, const double* x,
                                  double* out) {
    constexpr u64 CHUNK = 8 * per_vector<DTYPE>();
    const u64 strips = (rows + STRIP - 1) / STRIP, parts = (cols + part - 1) / part;
    const u64 item = static_cast<u64>(blockIdx.x) * (blockDim.x / WARP) + threadIdx.x / WARP;
    if (item >= strips * parts) {
        return;  // All of a warp.
    }
    const u32 lane = threadIdx.x % WARP;
    const u64 strip = item % strips, begin = item / strips * part, end = min(cols, begin + part);
    // A row beyond the last is the last once more, and is not written.
    const u64 wanted[2] = {strip * STRIP + lane / 4, strip * STRIP + lane / 4 + 8};
    const u64 row[2] = {min(wanted[0], rows - 1), min(wanted[1], rows - 1)};
    double sums[4] = {0.0, 0.0, 0.0, 0.0};
    u64 col = begin;
    if (has_whole_rows<DTYPE>(before, after, cols)) {
        for (; col + CHUNK <= end; col += CHUNK) {
            times_chunk<DTYPE, true>(before, after, row, col, cols, x, sums);
        }
    }
    for (; col < end; col += CHUNK) {
        times_chunk<DTYPE, false>(before, after, row, col, cols, x, sums);
    }
    for (u32 i = 0; i < 4; ++i) {
        if (wanted[i / 2] < rows) {
            out[((item / strips) * rows + wanted[i / 2]) * VECTORS + lane % 4 * 2 + i % 2] = sums[i];
        }
    }
}

// sums += Dᵀ Y for 16 rows and 128 bytes of columns: lane / 4 picks a vector of 16 bytes, lane % 4 the row and those 4 on.
template <u32 DTYPE, bool WHOLE>
__device__ inline void transposed_chunk(const u8* before, const u8* after, u64 first_row, u64 end, u64 col, u64 cols,
                                        const double* __restrict__ y, double (&sums)[per_vector<DTYPE>() / 2][4]) {
    const u32 lane = threadIdx.x % WARP;
    Vector a[4], b[4];
    double factor[4];
#pragma unroll
    for (u32 i = 0; i < 4; ++i) {
        const u64 row = first_row + 4 * i + lane % 4, at = row * cols + col;
        const bool inside = WHOLE || row < end;
        const u64 count = inside && col < cols ? cols - col : 0;
        a[i] = piece<DTYPE, WHOLE>(before, at, count);
        b[i] = piece<DTYPE, WHOLE>(after, at, count);
        factor[i] = inside ? y[row * VECTORS + lane / 4] : 0.0;
    }
#pragma unroll
    for (u32 s = 0; s < per_vector<DTYPE>(); s += 2) {
        double d[8];
#pragma unroll
        for (u32 i = 0; i < 8; ++i) {
            d[i] = difference<DTYPE>(a[i / 2], b[i / 2], s + i % 2);
        }
        multiply_add_16x8x16(d, factor, sums[s / 2]);
    }
}

// Z of a tile of columns and a part of the rows, to its place in `out`, (parts, cols, 8).
template <u32 DTYPE>
__device__ inline void transposed_part(const u8* before, const u8* after, u64 rows, u64 cols, u64 part, const double* y,
                                       double* out) {
    constexpr u32 PER = per_vector<DTYPE>();
    const u64 tiles = (cols + 8 * PER - 1) / (8 * PER), parts = (rows + part - 1) / part;
    const u64 item = static_cast<u64>(blockIdx.x) * (blockDim.x / WARP) + threadIdx.x / WARP;
    if (item >= tiles * parts) {
        return;  // All of a warp.
    }
    const u32 lane = threadIdx.x % WARP;
    const u64 col = (item % tiles * 8 + lane / 4) * PER, begin = item / tiles * part, end = min(rows, begin + part);
    double sums[PER / 2][4] = {};
    u64 row = begin;
    if (has_whole_rows<DTYPE>(before, after, cols)) {
        // A vector beyond the last is the last once more, and is not written.
        const u64 clamped = min(col, cols - PER);
        for (; row + STRIP <= end; row += STRIP) {
            transposed_chunk<DTYPE, true>(before, after, row, end, clamped, cols, y, sums);
        }
    }
    for (; row < end; row += STRIP) {
        transposed_chunk<DTYPE, false>(before, after, row, end, col, cols, y, sums);
    }
#pragma unroll
    for (u32 s = 0; s < PER; ++s) {
        if (col + s < cols) {
            double* place = out + ((item / tiles) * cols + col + s) * VECTORS + lane % 4 * 2;
            place[0] = sums[s / 2][s % 2 * 2];
            place[1] = sums[s / 2][s % 2 * 2 + 1];
        }
    }
}

// An element as f64, of a dtype that is known at run time.
__device__ inline double value(u32 dtype, const u8* base, u64 at) {
    switch (dtype) {
        case F32: return f32_of<F32>(element<F32>(base, at));
        case F16: return f32_of<F16>(element<F16>(base, at));
        case BF16: return f32_of<BF16>(element<BF16>(base, at));
        case F8_E4M3: return f32_of<F8_E4M3>(element<F8_E4M3>(base, at));
        default: return f32_of<F8_E5M2>(element<F8_E5M2>(base, at));
    }
}

extern "C" __global__ void __launch_bounds__(THREADS)
delta_times_1(u32 dtype, const u8* before, const u8* after, u64 rows, u64 cols, const double* x, double* out) {
    const u64 id = static_cast<u64>(blockIdx.x) * blockDim.x + threadIdx.x, row = id / VECTORS;
    if (row >= rows) {
        return;
    }
    double sum = 0.0;
    for (u64 col = 0; col < cols; ++col) {
        const double d = value(dtype, after, row * cols + col) - value(dtype, before, row * cols + col);
        sum = fma(d, x[col * VECTORS + id % VECTORS], sum);
    }
    out[id] = sum;
}

extern "C" __global__ void __launch_bounds__(THREADS)
delta_transposed_1(u32 dtype, const u8* before, const u8* after, u64 rows, u64 cols, const double* y, double* out) {
    const u64 id = static_cast<u64>(blockIdx.x) * blockDim.x + threadIdx.x, col = id / VECTORS;
    if (col >= cols) {
        return;
    }
    double sum = 0.0;
    for (u64 row = 0; row < rows; ++row) {
        const double d = value(dtype, after, row * cols + col) - value(dtype, before, row * cols + col);
        sum = fma(d, y[row * VECTORS + id % VECTORS], sum);
    }
    out[id] = sum;
}

#define DELTA_KERNELS(DTYPE)                                                                                             \
    extern "C" __global__ void __launch_bounds__(THREADS) delta_times_2_##DTYPE(                                         \
        const u8* before, const u8* after, u64 rows, u64 cols, u64 part, const double* x, double* out) {                 \
        times_part<DTYPE>(before, after, rows, cols, part, x, out);                                                      \
    }                                                                                                                    \
    extern "C" __global__ void __launch_bounds__(THREADS) delta_transposed_2_##DTYPE(                                    \
        const u8* before, const u8* after, u64 rows, u64 cols, u64 part, const double* y, double* out) {                 \
        transposed_part<DTYPE>(before, after, rows, cols, part, y, out);                                                 \
    }

DELTA_KERNELS(F32)
DELTA_KERNELS(F16)
DELTA_KERNELS(BF16)
DELTA_KERNELS(F8_E4M3)
DELTA_KERNELS(F8_E5M2)

// out[i] = Σ_p sums[p][i], from the first part to the last; sums (parts, count).
extern "C" __global__ void __launch_bounds__(THREADS) delta_fold(const double* sums, u64 parts, u64 count, double* out) {
    const u64 id = static_cast<u64>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (id >= count) {
        return;
    }
    double sum = sums[id];
    for (u64 part = 1; part < parts; ++part) {
        sum += sums[part * count + id];
    }
    out[id] = sum;
}
