// Spearman's ρ under permutations: sums Σⱼ x[π(j)] y[j] of centred ranks, and how often they are as far from 0 as the data.
//
// x: (n) i32. ys: (tasks, n) i32. rows: (permutations, n) i32, the permuted x. sums: (tasks, permutations) i64. Permutation
// i is the i-th stream of the seed (src/stats/association/stream.rs), Fisher and Yates from the end:
//     key = mix(mix(seed) + i)    other(k) = ⌊mix(key + (k + 1)·0x9e3779b97f4a7c15) · (last + 1) / 2⁶⁴⌋    last = n − 1 − k
// CPU reference: permutation_p in src/stats/association/permutation.rs. Error: none, all numbers are integers; the host
// refuses lists whose sums could pass 2⁶³.
//
// Version 1: a thread a permutation, one exchange and one product after the other.
//
// Version 2: a warp a permutation, 32 exchanges at a time. The stream is counted, so each lane has its own number at once;
// exchanges that share no place may go in any order, and those that do wait for each other, in turns. Where a permutation
// fits, it lies in shared memory as 16 bits a value. Then a warp multiplies 2 permutations with 8 tasks, which reads 10
// numbers for 16 products; the warps of a block have the same tasks, so that y comes from the cache.
#include "portable.cuh"

namespace {

// Places in shared memory: 48 KiB. The host knows this number too.
constexpr u32 CELLS = 24576;
// Permutations and tasks that a warp multiplies. The host knows them too.
constexpr u32 ROWS = 2;
constexpr u32 COLUMNS = 8;

__device__ inline u64 mix(u64 z) {
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

__device__ inline u64 key_of(u64 seed, u64 number) {
    return mix(mix(seed) + number);
}

// The place that `last` is exchanged with, in exchange number `exchange` of a stream.
__device__ inline u32 other_place(u64 key, u32 exchange, u32 last) {
    const u64 number = mix(key + (exchange + 1ull) * 0x9e3779b97f4a7c15);
    return static_cast<u32>(__umul64hi(number, last + 1ull));
}

// Permutes n values by a warp. They may lie in shared memory or not, and need no barrier before.
//
// Who reads them afterwards needs one. n is below 2²⁶.
template <class Cell>
__device__ void shuffle(Cell* cells, u32 n, u64 key) {
    const u32 lane = threadIdx.x % WARP;
    for (u32 before = 0; before + 1 < n; before += WARP) {
        const u32 exchange = before + lane;
        // A lane beyond the last exchange has a place to itself.
        const bool has_one = exchange + 1 < n;
        const u32 last = has_one ? n - 1 - exchange : n + lane;
        const u32 other = has_one ? other_place(key, exchange, last) : last;
        // An exchange is in the turn after those of all earlier ones that it shares a place with.
        u32 turn = 0, turns = 0;
        for (u32 earlier = 0; earlier < WARP; ++earlier) {
            const u32 theirs = __shfl_sync(FULL_WARP, other * WARP + turn, earlier);
            const u32 place = theirs / WARP, next = theirs % WARP + 1;
            if (earlier < lane && (place == last || place == other)) {
                turn = max(turn, next);
            }
            turns = max(turns, next);
        }
        for (u32 now = 0; now < turns; ++now) {
            __syncwarp();  // each turn
            if (has_one && turn == now) {
                const Cell kept = cells[last];
                cells[last] = cells[other];
                cells[other] = kept;
            }
        }
    }
}

}  // namespace

extern "C" __global__ void rank_permute_1(const i32* x, const i32* ys, i32* rows, i64* sums, u64 n, u64 tasks, u64 seed,
                                          u64 first, u64 permutations) {
    const u64 permutation = static_cast<u64>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (permutation >= permutations) {
        return;
    }
    i32* row = rows + permutation * n;
    for (u64 at = 0; at < n; ++at) {
        row[at] = x[at];
    }
    const u64 key = key_of(seed, first + permutation);
    for (u32 exchange = 0; exchange + 1 < n; ++exchange) {
        const u32 last = static_cast<u32>(n) - 1 - exchange, other = other_place(key, exchange, last);
        const i32 kept = row[last];
        row[last] = row[other];
        row[other] = kept;
    }
    for (u64 task = 0; task < tasks; ++task) {
        i64 sum = 0;
        for (u64 at = 0; at < n; ++at) {
            sum += static_cast<i64>(row[at]) * ys[task * n + at];
        }
        sums[task * permutations + permutation] = sum;
    }
}

// As many warps of a block have a permutation as have room for it. All |x| are below 2¹⁵ and n is not above CELLS.
extern "C" __global__ void rank_permute_2_shared(const i32* x, i32* rows, u64 n, u64 seed, u64 first, u64 permutations) {
    __shared__ short cells[CELLS];
    const u32 length = static_cast<u32>(n), warp = threadIdx.x / WARP;
    const u32 slots = min(blockDim.x / WARP, CELLS / length);
    const u64 permutation = static_cast<u64>(blockIdx.x) * slots + warp;
    if (warp >= slots || permutation >= permutations) {
        return;
    }
    short* own = cells + warp * length;
    for (u32 at = threadIdx.x % WARP; at < length; at += WARP) {
        own[at] = static_cast<short>(x[at]);
    }
    shuffle(own, length, key_of(seed, first + permutation));
    __syncwarp();  // all exchanged
    for (u32 at = threadIdx.x % WARP; at < length; at += WARP) {
        rows[permutation * n + at] = own[at];
    }
}

extern "C" __global__ void rank_permute_2_global(const i32* x, i32* rows, u64 n, u64 seed, u64 first, u64 permutations) {
    const u64 permutation = static_cast<u64>(blockIdx.x) * (blockDim.x / WARP) + threadIdx.x / WARP;
    if (permutation >= permutations) {
        return;
    }
    i32* own = rows + permutation * n;
    for (u64 at = threadIdx.x % WARP; at < n; at += WARP) {
        own[at] = x[at];
    }
    shuffle(own, static_cast<u32>(n), key_of(seed, first + permutation));
}

extern "C" __global__ void __launch_bounds__(1024)
    rank_permute_2_sums(const i32* __restrict__ rows, const i32* __restrict__ ys, i64* sums, u64 n, u64 tasks,
                        u64 permutations) {
    const u64 groups = (tasks + COLUMNS - 1) / COLUMNS;
    const u64 first_task = blockIdx.x % groups * COLUMNS;
    const u64 first_row = (blockIdx.x / groups * (blockDim.x / WARP) + threadIdx.x / WARP) * ROWS;
    if (first_row >= permutations) {
        return;
    }
    const i32 *row = rows + first_row * n, *y = ys + first_task * n;
    const u32 length = static_cast<u32>(n);
    // Where the rows and the tasks begin; beyond the last one stands the last one again, and is not written.
    const u32 second = first_row + 1 < permutations ? length : 0;
    u32 begin[COLUMNS];
    for (u32 column = 0; column < COLUMNS; ++column) {
        begin[column] = static_cast<u32>(min(static_cast<u64>(column), tasks - 1 - first_task)) * length;
    }
    i64 sum[ROWS][COLUMNS] = {};
    for (u32 at = threadIdx.x % WARP; at < length; at += WARP) {
        const i32 x[ROWS] = {row[at], row[second + at]};
        for (u32 column = 0; column < COLUMNS; ++column) {
            const i32 value = y[begin[column] + at];
            for (u32 of = 0; of < ROWS; ++of) {
                sum[of][column] += static_cast<i64>(x[of]) * value;
            }
        }
    }
    for (u32 of = 0; of < ROWS; ++of) {
        for (u32 column = 0; column < COLUMNS; ++column) {
            const i64 whole = warp_sum(sum[of][column]);
            if (threadIdx.x % WARP == 0 && first_row + of < permutations && first_task + column < tasks) {
                sums[(first_task + column) * permutations + first_row + of] = whole;
            }
        }
    }
}

// Adds to counts (tasks) u64 how many sums are at least as far from 0 as the data's, distances (tasks) i64. A block a task.
extern "C" __global__ void rank_permute_extremes(const i64* sums, const i64* distances, u64* counts, u64 permutations) {
    __shared__ u64 warps[WARP];
    const u64 task = blockIdx.x;
    u64 far = 0;
    for (u64 at = threadIdx.x; at < permutations; at += blockDim.x) {
        const i64 sum = sums[task * permutations + at];
        far += (sum < 0 ? -sum : sum) >= distances[task];
    }
    far = block_sum(far, warps);
    if (threadIdx.x == 0) {
        counts[task] += far;
    }
}
