//! What the shim promises: it tells of what a GPU would not forgive.

use collapse_diagnostics::gpu::{GpuError, Launch, Machine, Memory, Queue, Source};

use super::shim::{Shim, need_compiler};

static TOY: Source = Source {
    name: "toy",
    text: r#"#include "portable.cuh"

// Reverses the numbers of a block through shared memory.
extern "C" __global__ void reverse(u32* numbers) {
    __shared__ u32 kept[1024];
    kept[threadIdx.x] = numbers[blockIdx.x * blockDim.x + threadIdx.x];
    __syncthreads();
    numbers[blockIdx.x * blockDim.x + threadIdx.x] = kept[blockDim.x - 1 - threadIdx.x];
}

// The same without its barrier.
extern "C" __global__ void reverse_early(u32* numbers) {
    __shared__ u32 kept[1024];
    kept[threadIdx.x] = numbers[threadIdx.x];
    numbers[threadIdx.x] = kept[blockDim.x - 1 - threadIdx.x];
}

extern "C" __global__ void leaves_early(u32* numbers) {
    if (threadIdx.x % 32 == 7) {
        return;
    }
    __syncthreads();
    numbers[0] = 1;
}

extern "C" __global__ void writes_beside(u32* numbers, u32 count) {
    if (threadIdx.x == 0) {
        numbers[count] = 1;
    }
}

extern "C" __global__ void loads_askew(u32* numbers) {
    numbers[threadIdx.x % 4] = load_once(numbers + 1).word[threadIdx.x % 4];
}

extern "C" __global__ void reads_stale_memory(u32* numbers) {
    __shared__ u32 never_written;
    numbers[0] = never_written;
}

// Every lane adds up the whole warp, and lane l gets the value of lane (l + 1) mod 32.
extern "C" __global__ void exchanges(u32* sums, u32* next) {
    u32 sum = threadIdx.x;
    for (u32 bits = 16; bits > 0; bits /= 2) {
        sum += __shfl_xor_sync(FULL_WARP, sum, bits);
    }
    sums[threadIdx.x] = sum;
    next[threadIdx.x] = __shfl_sync(FULL_WARP, threadIdx.x, threadIdx.x + 1);
}

extern "C" __global__ void adds_up(double* values, double* sum) {
    __shared__ double warps[32];
    const double total = block_sum(values[threadIdx.x], warps);
    if (threadIdx.x == 0) {
        *sum = total;
    }
}
"#,
};

fn run(function: &'static str, block: u32, arguments: &[u64], shim: &Shim) -> Result<(), GpuError> {
    let launch = Launch { source: &TOY, function, grid: [1, 1, 1], block };
    // SAFETY: each test gives its kernel the buffers that the kernel's text asks for.
    unsafe { shim.launch(Queue::First, launch, arguments) }
}

/// What a kernel leaves in a buffer of numbers, or what the shim says.
fn numbers_after(
    order: u64,
    function: &'static str,
    block: u32,
    numbers: &[u32],
) -> Result<Vec<u32>, String> {
    let shim = Shim::new(order);
    let memory = Memory::of(&shim, numbers).unwrap();
    run(function, block, &[memory.address(), numbers.len() as u64], &shim)
        .map_err(|error| error.to_string())?;
    Ok(memory.read(Queue::First).unwrap())
}

#[test]
fn a_barrier_is_one_and_a_missing_one_shows_in_some_order() {
    need_compiler!();
    let numbers: Vec<u32> = (0..256).collect();
    let reversed: Vec<u32> = (0..256).rev().collect();
    for order in [0, 1, 2, 99] {
        assert_eq!(numbers_after(order, "reverse", 256, &numbers), Ok(reversed.clone()), "order {order}");
    }
    assert!(
        [0, 1, 2]
            .iter()
            .all(|&order| numbers_after(order, "reverse_early", 256, &numbers) != Ok(reversed.clone()))
    );
}

#[test]
fn a_thread_that_never_reaches_a_barrier_a_write_beside_a_buffer_and_a_misaligned_load_are_told_of() {
    need_compiler!();
    let told = |function| numbers_after(0, function, 64, &[0; 16]).unwrap_err();
    assert!(told("leaves_early").contains("never reach"));
    assert!(told("writes_beside").contains("beside a buffer"));
    assert!(told("loads_askew").contains("misaligned"));
    assert!(told("no_such_kernel").contains("no kernel of that name"));
}

#[test]
fn shared_memory_holds_nothing_of_the_block_before() {
    need_compiler!();
    assert_eq!(numbers_after(0, "reads_stale_memory", 32, &[0; 4]).unwrap()[0], u32::MAX);
}

#[test]
fn shuffles_give_the_value_of_the_lane_asked_for() {
    need_compiler!();
    for order in [0, 1, 5] {
        let shim = Shim::new(order);
        let [sums, next] = [(); 2].map(|()| Memory::zeroed(&shim, 64 * 4).unwrap());
        run("exchanges", 64, &[sums.address(), next.address()], &shim).unwrap();
        let expected = |thread: u32| if thread < 32 { 31 * 32 / 2 } else { 31 * 32 / 2 + 32 * 32 };
        assert_eq!(sums.read::<u32>(Queue::First).unwrap(), (0..64).map(expected).collect::<Vec<_>>());
        let following = |thread: u32| thread / 32 * 32 + (thread + 1) % 32;
        assert_eq!(next.read::<u32>(Queue::First).unwrap(), (0..64).map(following).collect::<Vec<_>>());
    }
}

#[test]
fn a_block_adds_up_to_the_same_bits_in_every_order() {
    need_compiler!();
    let values: Vec<f64> = (0..1024).map(|at| 1.0 / f64::from(at + 1)).collect();
    let sum = |order| {
        let shim = Shim::new(order);
        let (values, sum) = (Memory::of(&shim, &values).unwrap(), Memory::zeroed(&shim, 8).unwrap());
        run("adds_up", 1024, &[values.address(), sum.address()], &shim).unwrap();
        sum.read::<f64>(Queue::First).unwrap()[0]
    };
    // The 1024th harmonic number, by Euler and Maclaurin.
    assert!((sum(0) - 7.509_175_672_278_132).abs() < 1e-13);
    assert!([1, 2, 3].iter().all(|&order| sum(order) == sum(0)));
}
