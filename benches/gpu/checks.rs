//! Whether each kernel gives on the device what the processor gives.

use std::sync::Arc;

use collapse_diagnostics::compute::{self, Device};
use collapse_diagnostics::gpu::delta_matvec::{self, DeviceDelta};
use collapse_diagnostics::gpu::key_fraction::{self, KeyBatch, key_fraction};
use collapse_diagnostics::gpu::pair_stats::{self, PairDtype, Windows};
use collapse_diagnostics::gpu::pair_stream::PairStream;
use collapse_diagnostics::gpu::position_stats::{self, ActivationDtype, PositionStats};
use collapse_diagnostics::gpu::second_moment::add_second_moment;
use collapse_diagnostics::gpu::{GpuError, Machine, Memory, Queue};
use collapse_diagnostics::linalg::{self, Boundaries, CHUNK, ChunkPair, Scratch, engine::add_gram};
use collapse_diagnostics::stats::{self, Measure};
use collapse_diagnostics::tensor::{Dtype, Matrix};

use super::Outcome;
use super::inputs::Chance;

/// Every check; the first that fails ends the program.
pub(crate) fn all(device: &Arc<dyn Machine>, seed: u64) -> Outcome<()> {
    let machine: &dyn Machine = device.as_ref();
    for dtype in [Dtype::F32, Dtype::F16, Dtype::BF16, Dtype::F8_E4M3, Dtype::F8_E5M2] {
        told(&format!("pair_stats {dtype}"), pairs(machine, dtype, seed)?, 1e-12)?;
        told(&format!("delta_matvec {dtype}"), products(machine, dtype, seed)?, 1e-12)?;
    }
    told("second_moment", moments(machine, seed)?, 1e-12)?;
    told("key_fraction", fractions(machine, seed)?, 1e-12)?;
    told("position_stats", positions(machine, seed)?, 1e-10)?;
    told("rank_permute", permutations(device, seed)?, 0.0)
}

/// `error` is the largest, relative to the size of what was added up.
fn told(name: &str, error: f64, bound: f64) -> Outcome<()> {
    if error <= bound {
        println!("check {name}\t{error:.1e}\twithin {bound:.0e}");
        Ok(())
    } else {
        Err(format!("{name} is wrong on the device: {error:e} is above {bound:e}").into())
    }
}

fn apart(found: f64, expected: f64) -> f64 {
    if found == expected { 0.0 } else { (found / expected - 1.0).abs() }
}

/// Any bits at all, NaN and infinities among them.
fn any_bytes(count: usize, seed: u64) -> Vec<u8> {
    let mut chance = Chance::new(seed);
    (0..count).map(|_| chance.below(256) as u8).collect()
}

fn pairs(machine: &dyn Machine, dtype: Dtype, seed: u64) -> Outcome<f64> {
    let width = dtype.bytes().unwrap_or(1);
    let elements = 3 * CHUNK + 12_345;
    let (before, mut after) = (any_bytes(elements * width, seed), any_bytes(elements * width, seed ^ 1));
    // Finite throughout in the first chunk, where the exponent's top bit is clear; unchanged in part of it.
    let mut before = before;
    for side in [&mut before, &mut after] {
        side.iter_mut().take(CHUNK * width).for_each(|byte| *byte &= 0xbf);
    }
    after.splice(..CHUNK * width / 3, before.iter().take(CHUNK * width / 3).copied());
    let kind = PairDtype::of(dtype).ok_or("no kernel")?;
    let mut worst = 0.0_f64;
    let mut runs = Vec::new();
    for units in [1, 3] {
        let mut stream = PairStream::new(machine, PairStream::bytes_for(units), pair_stats::BLOCK)?;
        let fill = |first: u64, to_before: &mut [u8], to_after: &mut [u8]| -> Result<(), GpuError> {
            let at = first as usize * width;
            to_before.copy_from_slice(before.get(at..at + to_before.len()).unwrap_or_default());
            to_after.copy_from_slice(after.get(at..at + to_after.len()).unwrap_or_default());
            Ok(())
        };
        runs.push(stream.run(kind, elements as u64, Windows::ALL, fill)?);
    }
    let [found, other] = &runs[..] else { return Err("two runs".into()) };
    if format!("{found:?}") != format!("{other:?}") {
        return Err(format!("pair_stats {dtype} depends on the size of its groups").into());
    }
    let mut scratch = Scratch::default();
    let sides = before.chunks(CHUNK * width).zip(after.chunks(CHUNK * width));
    for (found, (before, after)) in found.chunks.iter().zip(sides) {
        let pair = ChunkPair { dtype_before: dtype, before, dtype_after: dtype, after };
        let expected = linalg::pair_stats(pair, &Boundaries::ALL, &mut scratch);
        let counts = (found.changed, found.nonfinite_before, found.nonfinite_after, found.new_nonfinite);
        if counts
            != (expected.changed, expected.nonfinite_before, expected.nonfinite_after, expected.new_nonfinite)
        {
            return Err(format!("pair_stats {dtype} counts {counts:?}").into());
        }
        for (found, expected) in [
            (found.before_squares, expected.before_squares),
            (found.after_squares, expected.after_squares),
            (found.delta_squares, expected.delta_squares),
            (found.abs_delta, expected.abs_delta),
        ] {
            let error = if found.is_nan() && expected.is_nan() { 0.0 } else { apart(found, expected) };
            worst = if error.is_nan() { f64::INFINITY } else { worst.max(error) };
        }
    }
    Ok(worst)
}

fn products(machine: &dyn Machine, dtype: Dtype, seed: u64) -> Outcome<f64> {
    let (rows, cols, width) = (301, 1111, dtype.bytes().unwrap_or(1));
    let mut sides = [any_bytes(rows * cols * width, seed), any_bytes(rows * cols * width, seed ^ 2)];
    sides.iter_mut().flatten().for_each(|byte| *byte &= 0xbf);
    let [before, after] = &sides;
    let mut delta = vec![0.0; rows * cols];
    linalg::difference((dtype, before), (dtype, after), &mut delta);
    let delta = Matrix::from_shape_vec((rows, cols), delta)?;
    let mut on_device = DeviceDelta::new(machine, dtype, (rows, cols), before, after)?;
    let mut chance = Chance::new(seed);
    let x = Matrix::from_shape_vec((cols, 8), chance.normals(cols * 8))?;
    let y = Matrix::from_shape_vec((rows, 8), chance.normals(rows * 8))?;
    let times = on_device.times(x.as_slice().unwrap_or_default(), delta_matvec::BLOCK)?;
    let transposed = on_device.transposed_times(y.as_slice().unwrap_or_default(), delta_matvec::BLOCK)?;
    let size = delta.mapv(f64::abs);
    let mut worst = 0.0_f64;
    for (found, expected, size) in [
        (times, delta.dot(&x), size.dot(&x.mapv(f64::abs))),
        (transposed, delta.t().dot(&y), size.t().dot(&y.mapv(f64::abs))),
    ] {
        for ((found, expected), size) in found.iter().zip(&expected).zip(&size) {
            worst = worst.max((found - expected).abs() / size);
        }
    }
    Ok(worst)
}

fn moments(machine: &dyn Machine, seed: u64) -> Outcome<f64> {
    let (rows, cols) = (1003, 517);
    let keys: Vec<f32> = Chance::new(seed).normals(rows * cols).into_iter().map(|x| x as f32).collect();
    let (memory, sum) = (Memory::of(machine, &keys)?, Memory::zeroed(machine, cols * cols * 8)?);
    add_second_moment(machine, Dtype::F32, &memory, rows, cols, None, &sum)?;
    let found: Vec<f64> = sum.read(Queue::First)?;
    let keys = Matrix::from_shape_vec((rows, cols), keys.into_iter().map(f64::from).collect())?;
    let (mut expected, mut size) = (Matrix::zeros((cols, cols)), Matrix::zeros((cols, cols)));
    add_gram(&mut expected, &keys)?;
    add_gram(&mut size, &keys.mapv(f64::abs))?;
    let errors = found.iter().zip(&expected).zip(&size).filter(|(_, size)| **size > 0.0);
    Ok(errors.map(|((found, expected), size)| (found - expected).abs() / size).fold(0.0, f64::max))
}

fn fractions(machine: &dyn Machine, seed: u64) -> Outcome<f64> {
    let (cases, length) = (37, 6401);
    let mut chance = Chance::new(seed);
    let sides: Vec<Vec<f64>> = (0..3).map(|_| chance.normals(cases * length)).collect();
    let [unprefixed, mean, adjusted] = &sides[..] else { return Err("three sides".into()) };
    let on_device: Vec<Memory<'_>> =
        sides.iter().map(|side| Memory::of(machine, side)).collect::<Result<_, _>>()?;
    let [a, b, c] = &on_device[..] else { return Err("three sides".into()) };
    let batch = KeyBatch { cases, length, unprefixed: a, mean: b, adjusted: c, apart_adjusted: None };
    let mut worst = 0.0_f64;
    let vectors = unprefixed.chunks(length).zip(mean.chunks(length)).zip(adjusted.chunks(length));
    for (sums, ((unprefixed, mean), adjusted)) in
        key_fraction(&batch, key_fraction::BLOCK)?.iter().zip(vectors)
    {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let size = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a * b).abs()).sum::<f64>();
        for (found, a, b) in [
            (sums.unprefixed, unprefixed, unprefixed),
            (sums.mean, mean, mean),
            (sums.denominator, adjusted, unprefixed),
            (sums.consistent_denominator, adjusted, mean),
            (sums.unprefixed_mean, unprefixed, mean),
        ] {
            worst = worst.max((found - dot(a, b)).abs() / size(a, b));
        }
    }
    Ok(worst)
}

fn positions(machine: &dyn Machine, seed: u64) -> Outcome<f64> {
    let (texts, positions, length) = (41, 13, 769);
    let values: Vec<f32> = Chance::new(seed)
        .normals(texts * positions * length)
        .into_iter()
        .map(|x| x as f32 * 3.0 + 1.0)
        .collect();
    let lengths: Vec<u32> = (0..texts).map(|text| (text % (positions + 1)) as u32).collect();
    let mut stats =
        PositionStats::new(machine, positions, length, ActivationDtype::F32, position_stats::BLOCK)?;
    stats.add(&Memory::of(machine, &values)?, &lengths)?;
    let mut worst = 0.0_f64;
    for (position, found) in stats.summaries()?.iter().enumerate() {
        let here = values.chunks(length).enumerate().filter(|(vector, _)| {
            vector % positions == position
                && lengths.get(vector / positions).is_some_and(|&long| long as usize > position)
        });
        let all: Vec<f64> = here.flat_map(|(_, vector)| vector.iter().map(|&x| f64::from(x))).collect();
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let variance = all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / all.len() as f64;
        worst = worst.max(apart(found.mean, mean)).max(apart(found.variance, variance));
    }
    Ok(worst)
}

fn permutations(device: &Arc<dyn Machine>, seed: u64) -> Outcome<f64> {
    let mut worst = 0.0_f64;
    for n in [50, 3000, 40_000] {
        let mut chance = Chance::new(seed);
        let x: Vec<f64> = (0..n).map(|_| chance.below(n) as f64).collect();
        let ys: Vec<Vec<f64>> = (0..3)
            .map(|task| x.iter().map(|x| x * f64::from(task) / 40.0 + chance.normal() * 1e3).collect())
            .collect();
        let ys: Vec<&[f64]> = ys.iter().map(Vec::as_slice).collect();
        let found =
            compute::permutation_p(&Device::on(Arc::clone(device)), Measure::Spearman, &x, &ys, 99, seed)?;
        let expected = stats::permutation_p(Measure::Spearman, &x, &ys, 99, seed);
        worst = if found == expected { worst } else { 1.0 };
    }
    Ok(worst)
}
