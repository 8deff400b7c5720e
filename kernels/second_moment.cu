#include "portable.cuh"

// The second moment of keys, S += Kᵀ K, in f64: the lower triangle, with rows left out.
//
//   s[i][j] += Σ_r k[r][i] k[r][j]   for j ≤ i, over the rows r with skip[r] = 0
//
// Shapes: K (rows, cols) of F32, F16 or BF16, row-major, at any multiple of the dtype's size; skip (rows) bytes, or null;
// S (cols, cols) of f64, of which nothing above the diagonal is read or written.
// CPU reference: `add_gram` of src/linalg/engine/mod.rs.
// Error: at most γₙ (|s before| + Σ |k[r][i]| |k[r][j]|), γₙ = n u / (1 − n u), u = 2⁻⁵³, n the number of rows.
// A value that is not finite spreads to its row and column of S and no further; one in a row that is left out does nothing.
//
// Version 1: a thread an element of S. Right for any block.
// Version 2: a block a tile of 64 × 64, 16 elements a thread in registers, 16 rows of K at a time in shared memory, widened
//   once for 64 uses. Right for any block up to 512; of 256 threads each has one of the 16 × 16 places.
// Version 3: f64 tensor cores, on paper twice the arithmetic of version 2 on H100 and A100. A block of 256 threads a tile of
//   128 × 128, a warp 64 × 32 of it in 128 registers. 16 rows wait in shared memory as f32, exact for the three dtypes;
//   the next 16 are on their way meanwhile: loads to registers, then a second place in shared memory, one barrier a step.
//   Rows of a place are 136 apart, so that a warp's 4 rows × 8 columns lie in 32 banks. f32 becomes f64 as it leaves
//   shared memory: 48 conversions (8 clocks each) go with the 1024 clocks of a step's products on an H100.
// Sums start from what S has and take the rows in order, so that no second pass is needed, and splitting the rows into
//   several calls changes no bit: anywhere for versions 1 and 2, at multiples of 16 rows for version 3, whose tensor cores
//   add up to 16 products in an order of their own.
// cuBLAS's dsyrk would do where keys are f64 in one buffer; here widening, mask and triangle come without that buffer.

// Rows of K in shared memory at a time.
constexpr u32 DEPTH = 16;

// An element's bits, or those of zero beyond the last row or column and in a row that is left out.
template <u32 DTYPE>
__device__ inline u32 kept_bits(const void* keys, u64 rows, u64 cols, const u8* skip, u64 row, u64 col) {
    if (row >= rows || col >= cols || (skip && skip[row])) {
        return 0;
    }
    return element<DTYPE>(keys, row * cols + col);
}

// The same as f64, of a dtype that is known at run time.
__device__ inline double kept(u32 dtype, const void* keys, u64 rows, u64 cols, const u8* skip, u64 row, u64 col) {
    switch (dtype) {
        case F32: return f32_of<F32>(kept_bits<F32>(keys, rows, cols, skip, row, col));
        case F16: return f32_of<F16>(kept_bits<F16>(keys, rows, cols, skip, row, col));
        default: return f32_of<BF16>(kept_bits<BF16>(keys, rows, cols, skip, row, col));
    }
}

extern "C" __global__ void __launch_bounds__(1024)
second_moment_1(u32 dtype, const void* keys, u64 rows, u64 cols, const u8* skip, double* sum) {
    const u64 id = static_cast<u64>(blockIdx.x) * blockDim.x + threadIdx.x, i = id / cols, j = id % cols;
    if (i >= cols || j > i) {
        return;
    }
    double s = sum[id];
    for (u64 row = 0; row < rows; ++row) {
        s = fma(kept(dtype, keys, rows, cols, skip, row, i), kept(dtype, keys, rows, cols, skip, row, j), s);
    }
    sum[id] = s;
}

constexpr u32 SMALL_TILE = 64;

// 16 products of a thread: elements (y + 16 i, x + 16 j) of a tile.
__device__ inline void multiply_small(const double (&left)[DEPTH][SMALL_TILE],
                                      const double (&right)[DEPTH][SMALL_TILE], u32 y, u32 x, double (&s)[4][4]) {
    for (u32 k = 0; k < DEPTH; ++k) {
#pragma unroll
        for (u32 at = 0; at < 16; ++at) {
            s[at / 4][at % 4] = fma(left[k][y + at / 4 * 16], right[k][x + at % 4 * 16], s[at / 4][at % 4]);
        }
    }
}

extern "C" __global__ void __launch_bounds__(512)
second_moment_2(u32 dtype, const void* keys, u64 rows, u64 cols, const u8* skip, double* sum) {
    __shared__ double left[DEPTH][SMALL_TILE], right[DEPTH][SMALL_TILE];
    if (blockIdx.x > blockIdx.y) {
        return;  // All of a block.
    }
    const u64 first_i = static_cast<u64>(blockIdx.y) * SMALL_TILE, first_j = static_cast<u64>(blockIdx.x) * SMALL_TILE;
    // A smaller block goes through the rows more than once; of a larger one, some threads only fetch.
    for (u32 first = 0; first < 256; first += blockDim.x) {
        const u32 y = (first + threadIdx.x) / 16, x = threadIdx.x % 16;
        double s[4][4];
#pragma unroll
        for (u32 at = 0; at < 16; ++at) {
            const u64 i = first_i + y + at / 4 * 16, j = first_j + x + at % 4 * 16;
            s[at / 4][at % 4] = y < 16 && i < cols && j <= i ? sum[i * cols + j] : 0.0;
        }
        for (u64 row = 0; row < rows; row += DEPTH) {
            for (u32 at = threadIdx.x; at < DEPTH * SMALL_TILE; at += blockDim.x) {
                const u32 k = at / SMALL_TILE, col = at % SMALL_TILE;
                left[k][col] = kept(dtype, keys, rows, cols, skip, row + k, first_i + col);
                right[k][col] = kept(dtype, keys, rows, cols, skip, row + k, first_j + col);
            }
            __syncthreads();  // The rows are there.
            if (y < 16) {
                multiply_small(left, right, y, x, s);
            }
            __syncthreads();  // The rows were used.
        }
#pragma unroll
        for (u32 at = 0; at < 16; ++at) {
            const u64 i = first_i + y + at / 4 * 16, j = first_j + x + at % 4 * 16;
            if (y < 16 && i < cols && j <= i) {
                sum[i * cols + j] = s[at / 4][at % 4];
            }
        }
    }
}

constexpr u32 TILE = 128, THREADS = 256, PITCH = TILE + 8;
constexpr u32 HELD = DEPTH * TILE / THREADS;

// Rows of K for one tile: those columns that are its rows, and those that are its columns.
typedef float Place[2][DEPTH][PITCH];

// A thread's share of 16 rows, on their way.
template <u32 DTYPE>
__device__ inline void fetch(const void* keys, u64 rows, u64 cols, const u8* skip, u64 row, const u64 (&first)[2],
                             u32 (&held)[2][HELD]) {
#pragma unroll
    for (u32 i = 0; i < HELD; ++i) {
        const u64 r = row + threadIdx.x / TILE + i * (THREADS / TILE);
        held[0][i] = kept_bits<DTYPE>(keys, rows, cols, skip, r, first[0] + threadIdx.x % TILE);
        held[1][i] = kept_bits<DTYPE>(keys, rows, cols, skip, r, first[1] + threadIdx.x % TILE);
    }
}

template <u32 DTYPE>
__device__ inline void put(const u32 (&held)[2][HELD], Place& place) {
#pragma unroll
    for (u32 i = 0; i < HELD; ++i) {
        const u32 k = threadIdx.x / TILE + i * (THREADS / TILE);
        place[0][k][threadIdx.x % TILE] = f32_of<DTYPE>(held[0][i]);
        place[1][k][threadIdx.x % TILE] = f32_of<DTYPE>(held[1][i]);
    }
}

// A warp's part of the tile: 64 rows from its first, in fours of 16, and 32 columns, in fours of 8.
struct Part {
    u32 i, j;
};

__device__ inline Part part_of_warp() {
    const u32 warp = threadIdx.x / WARP;
    return {warp / 4 * 64, warp % 4 * 32};
}

__device__ inline void multiply(const Place& place, double (&s)[4][4][4]) {
    const u32 row = threadIdx.x % 4, col = threadIdx.x % WARP / 4;
    const Part part = part_of_warp();
    double b[4][4];
#pragma unroll
    for (u32 at = 0; at < 16; ++at) {
        b[at / 4][at % 4] = place[1][at % 4 * 4 + row][part.j + at / 4 * 8 + col];
    }
#pragma unroll
    for (u32 i = 0; i < 4; ++i) {
        double a[8];
#pragma unroll
        for (u32 at = 0; at < 8; ++at) {
            a[at] = place[0][at / 2 * 4 + row][part.i + i * 16 + at % 2 * 8 + col];
        }
#pragma unroll
        for (u32 j = 0; j < 4; ++j) {
            multiply_add_16x8x16(a, b[j], s[i][j]);
        }
    }
}

// Reads a thread's elements of S, or writes them back.
template <bool WRITE>
__device__ inline void exchange(double* sum, u64 cols, const u64 (&first)[2], double (&s)[4][4][4]) {
    const Part part = part_of_warp();
#pragma unroll
    for (u32 at = 0; at < 64; ++at) {
        const u64 i = first[0] + part.i + at / 16 * 16 + at % 4 / 2 * 8 + threadIdx.x % WARP / 4;
        const u64 j = first[1] + part.j + at / 4 % 4 * 8 + threadIdx.x % 4 * 2 + at % 2;
        const bool inside = i < cols && j <= i;
        double& element = s[at / 16][at / 4 % 4][at % 4];
        if (WRITE && inside) {
            sum[i * cols + j] = element;
        } else if (!WRITE) {
            element = inside ? sum[i * cols + j] : 0.0;
        }
    }
}

template <u32 DTYPE>
__device__ inline void add_tile(const void* keys, u64 rows, u64 cols, const u8* skip, double* sum, Place (&places)[2]) {
    const u64 first[2] = {static_cast<u64>(blockIdx.y) * TILE, static_cast<u64>(blockIdx.x) * TILE};
    double s[4][4][4];
    u32 held[2][HELD];
    exchange<false>(sum, cols, first, s);
    fetch<DTYPE>(keys, rows, cols, skip, 0, first, held);
    put<DTYPE>(held, places[0]);
    __syncthreads();  // The first rows are there.
    for (u64 row = 0; row < rows; row += DEPTH) {
        const u64 step = row / DEPTH;
        if (row + DEPTH < rows) {
            fetch<DTYPE>(keys, rows, cols, skip, row + DEPTH, first, held);
        }
        multiply(places[step % 2], s);
        if (row + DEPTH < rows) {
            put<DTYPE>(held, places[(step + 1) % 2]);
        }
        __syncthreads();  // The next rows are there, and these were used.
    }
    exchange<true>(sum, cols, first, s);
}

extern "C" __global__ void __launch_bounds__(THREADS)
second_moment_3(u32 dtype, const void* keys, u64 rows, u64 cols, const u8* skip, double* sum) {
    __shared__ Place places[2];
    if (blockIdx.x > blockIdx.y) {
        return;  // All of a block.
    }
    if (dtype == F32) {
        add_tile<F32>(keys, rows, cols, skip, sum, places);
    } else if (dtype == F16) {
        add_tile<F16>(keys, rows, cols, skip, sum, places);
    } else {
        add_tile<BF16>(keys, rows, cols, skip, sum, places);
    }
}
