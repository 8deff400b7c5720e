//! How fast each kernel is on the device, in figures that `gpu.sh` puts beside those of `PyTorch`.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use collapse_diagnostics::compute::{self, Device};
use collapse_diagnostics::deltas::{Plan, SpectrumPlan, compare};
use collapse_diagnostics::gpu::delta_matvec::{self, DeviceDelta, Product};
use collapse_diagnostics::gpu::key_fraction::{self, KeyBatch, key_fraction};
use collapse_diagnostics::gpu::pair_stats::{self, DevicePair, PairDtype, PairMemory, Windows};
use collapse_diagnostics::gpu::position_stats::{self, ActivationDtype, PositionStats};
use collapse_diagnostics::gpu::second_moment::add_second_moment;
use collapse_diagnostics::gpu::{CudaDevice, GpuError, Machine, Memory, Pinned, Queue};
use collapse_diagnostics::reader::{Checkpoint, IoMode, Limits};
use collapse_diagnostics::stats::Measure;
use collapse_diagnostics::tensor::Dtype;

use super::Outcome;
use super::inputs::{Chance, bf16, f32_bytes, pair};

/// Times of which the best is taken, after one that is not counted.
const REPEATS: usize = 10;
const GIB: usize = 1 << 30;

pub(crate) fn all(device: &Arc<CudaDevice>, seed: u64, folder: &Path) -> Outcome<()> {
    let copy = copies(device)?;
    pairs(device, seed, copy)?;
    products(device, seed, copy)?;
    moments(device, seed)?;
    vectors(device, seed, copy)?;
    permutations(device, seed)?;
    end_to_end(device, seed, folder)
}

fn figure(name: &str, value: f64, unit: &str) {
    println!("{name}\t{value:.4}\t{unit}");
}

/// The best of several times, in seconds.
fn best(device: &CudaDevice, mut work: impl FnMut() -> Result<(), GpuError>) -> Outcome<f64> {
    device.timed(&mut work)?;
    let mut best = f64::INFINITY;
    for _ in 0..REPEATS {
        best = best.min(device.timed(&mut work)?);
    }
    Ok(best)
}

/// Bytes read and written a second when memory is copied on the device, and from the host.
fn copies(device: &CudaDevice) -> Outcome<f64> {
    let (from, to) = (Memory::zeroed(device, 2 * GIB)?, Memory::zeroed(device, 2 * GIB)?);
    let copy = 4.0 * GIB as f64 / best(device, || device.copy(&from, &to))?;
    figure("copy", copy / 1e9, "GB/s read and written");
    let pinned = Pinned::new(device, GIB)?;
    let host = GIB as f64 / best(device, || from.take_from(Queue::First, &pinned, GIB))?;
    figure("host to device", host / 1e9, "GB/s");
    Ok(copy)
}

fn pairs(device: &CudaDevice, seed: u64, copy: f64) -> Outcome<()> {
    let windows = Windows::new([0x3800, 0x3840, 0x3880, 0x38a0, 0x38e0]).ok_or("windows")?;
    for (name, dtype, encode) in [
        ("bf16", Dtype::BF16, bf16 as fn(f64, &mut [u8])),
        ("f32", Dtype::F32, f32_bytes as fn(f64, &mut [u8])),
    ] {
        let kind = PairDtype::of(dtype).ok_or("no kernel")?;
        let sides = pair(2 * GIB, seed, encode, kind.bytes());
        let [before, after] = &sides;
        let (before, after) = (Memory::of(device, before)?, Memory::of(device, after)?);
        let elements = (before.bytes() / kind.bytes()) as u64;
        let both = DevicePair { dtype: kind, elements, before: (&before, 0), after: (&after, 0) };
        let memory = PairMemory::new(device, elements)?;
        let seconds = best(device, || memory.launch(both, windows, pair_stats::BLOCK))?;
        let rate = 4.0 * GIB as f64 / seconds;
        figure(&format!("pair_stats {name}"), seconds * 1e3, "ms for 2 × 2 GiB");
        figure(&format!("pair_stats {name} over copy"), rate / copy, "goal 0.85");
    }
    Ok(())
}

fn products(device: &CudaDevice, seed: u64, copy: f64) -> Outcome<()> {
    let side = 16_384;
    let bytes = side * side * 2;
    let [before, after] = pair(bytes, seed, bf16, 2);
    let mut delta = DeviceDelta::new(device, Dtype::BF16, (side, side), &before, &after)?;
    let x = Chance::new(seed).normals(side * 8);
    delta.times(&x, delta_matvec::BLOCK)?;
    delta.transposed_times(&x, delta_matvec::BLOCK)?;
    for (name, product) in
        [("delta_matvec", Product::Times), ("delta_matvec transposed", Product::Transposed)]
    {
        let seconds = best(device, || delta.launch_again(product, delta_matvec::BLOCK))?;
        figure(name, seconds * 1e3, "ms for 16384 × 16384 bf16 and 8 vectors");
        figure(&format!("{name} over copy"), 2.0 * bytes as f64 / seconds / copy, "goal 0.8");
    }
    Ok(())
}

fn moments(device: &CudaDevice, seed: u64) -> Outcome<()> {
    let (rows, cols) = (16_384, 6400);
    let stretch: Vec<f32> = Chance::new(seed).normals(1 << 16).into_iter().map(|x| x as f32).collect();
    let keys: Vec<f32> = stretch.into_iter().cycle().take(rows * cols).collect();
    let keys = Memory::of(device, &keys)?;
    let sum = Memory::zeroed(device, cols * cols * 8)?;
    let seconds = best(device, || add_second_moment(device, Dtype::F32, &keys, rows, cols, None, &sum))?;
    figure("second_moment", seconds * 1e3, "ms for 16384 keys of 6400 f32, summed in f64");
    // Half of a square product: that is what is needed, and what its library routine (syrk) computes.
    let operations = rows as f64 * cols as f64 * (cols as f64 + 1.0);
    figure("second_moment rate", operations / seconds / 1e12, "TFLOP/s of the lower triangle");
    Ok(())
}

fn vectors(device: &CudaDevice, seed: u64, copy: f64) -> Outcome<()> {
    let (cases, length) = (8192, 6400);
    let stretch = Chance::new(seed).normals(1 << 16);
    let values: Vec<f64> = stretch.iter().copied().cycle().take(cases * length).collect();
    let side = Memory::of(device, &values)?;
    let other = [Memory::of(device, &values)?, Memory::of(device, &values)?];
    let [mean, adjusted] = &other;
    let batch = KeyBatch { cases, length, unprefixed: &side, mean, adjusted, apart_adjusted: None };
    let seconds = best(device, || key_fraction(&batch, key_fraction::BLOCK).map(drop))?;
    figure("key_fraction", seconds * 1e3, "ms for 8192 cases of 6400, sums read back");
    figure("key_fraction over copy", (3 * cases * length * 8) as f64 / seconds / copy, "");
    let (texts, positions, length) = (512, 256, 1600);
    let values: Vec<f32> =
        stretch.into_iter().map(|x| x as f32).cycle().take(texts * positions * length).collect();
    let memory = Memory::of(device, &values)?;
    let lengths = vec![positions as u32; texts];
    let mut stats =
        PositionStats::new(device, positions, length, ActivationDtype::F32, position_stats::BLOCK)?;
    let seconds = best(device, || stats.add(&memory, &lengths))?;
    figure("position_stats", seconds * 1e3, "ms for 512 texts × 256 × 1600 f32, with their lengths copied");
    figure("position_stats over copy", (values.len() * 4) as f64 / seconds / copy, "");
    Ok(())
}

fn permutations(device: &Arc<CudaDevice>, seed: u64) -> Outcome<()> {
    let mut chance = Chance::new(seed);
    let (n, tasks) = (70_000, 20);
    let x = chance.normals(n);
    let ys: Vec<Vec<f64>> = (0..tasks).map(|_| chance.normals(n)).collect();
    let ys: Vec<&[f64]> = ys.iter().map(Vec::as_slice).collect();
    let machine: Arc<dyn Machine> = device.clone();
    let on_device = Device::on(machine);
    compute::permutation_p(&on_device, Measure::Spearman, &x, &ys, 10, seed)?;
    let start = Instant::now();
    compute::permutation_p(&on_device, Measure::Spearman, &x, &ys, 1000, seed)?;
    figure(
        "rank_permute",
        start.elapsed().as_secs_f64(),
        "s for 1000 permutations of 70000 rows × 20 tasks, ranks included",
    );
    Ok(())
}

/// Two checkpoints from the page cache to a result, over what the host can send to the device.
fn end_to_end(device: &Arc<CudaDevice>, seed: u64, folder: &Path) -> Outcome<()> {
    let folder = tempfile::tempdir_in(folder)?;
    let sides = pair(2 * GIB, seed, bf16, 2);
    let paths = ["before.safetensors", "after.safetensors"].map(|name| folder.path().join(name));
    for (path, bytes) in paths.iter().zip(&sides) {
        let side = 8192;
        let tensors = bytes.chunks(side * side * 2).enumerate().map(|(at, bytes)| {
            let view =
                safetensors::tensor::TensorView::new(safetensors::Dtype::BF16, vec![side, side], bytes);
            view.map(|view| (format!("layer.{at}.weight"), view))
        });
        let tensors: Vec<_> = tensors.collect::<Result<_, _>>()?;
        safetensors::serialize_to_file(tensors, None, path)?;
    }
    let machine: Arc<dyn Machine> = device.clone();
    let plan = Plan { spectrum: SpectrumPlan::Skip, device: Device::on(machine), ..Plan::default() };
    for (name, plan) in [
        ("deltas on the device", plan),
        ("deltas on the processor", Plan { spectrum: SpectrumPlan::Skip, ..Plan::default() }),
    ] {
        let mut best = f64::INFINITY;
        for _ in 0..4 {
            let start = Instant::now();
            let open = |path| Checkpoint::open(path, &Limits::default(), IoMode::Mmap);
            let [before, after] = &paths;
            compare(&open(before)?, &open(after)?, &plan, &())?;
            best = best.min(start.elapsed().as_secs_f64());
        }
        figure(name, 4.0 * GIB as f64 / best / 1e9, "GB/s of both files");
    }
    Ok(())
}
