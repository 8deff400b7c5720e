//! p-values by permutations.

use super::{Device, GpuError};
use crate::gpu::rank_permute::{BLOCK, CentredRanks, rank_permute};
use crate::stats::{self, Measure, PValue, whole_ranks};

/// [`stats::permutation_p`], for Spearman's ρ also on a device: the same permutations and the same integers, so the same p.
///
/// # Errors
/// [`GpuError`] of the device.
pub fn permutation_p(
    device: &Device,
    measure: Measure,
    x: &[f64],
    ys: &[&[f64]],
    permutations: u64,
    seed: u64,
) -> Result<Vec<Option<PValue>>, GpuError> {
    let lists = (size_of::<i32>() * x.len() * (1 + ys.len())) as u64;
    let bytes = lists.saturating_mul(permutations);
    let machine = device.machine(bytes).filter(|_| measure == Measure::Spearman);
    let (Some(machine), Some(ranks)) = (machine, whole_ranks(x)) else {
        return Ok(stats::permutation_p(measure, x, ys, permutations, seed));
    };
    let known: Vec<Option<Vec<i32>>> =
        ys.iter().map(|y| whole_ranks(y).filter(|_| y.len() == x.len())).collect();
    let usable: Vec<i32> = known.iter().flatten().flatten().copied().collect();
    let ranks = CentredRanks { x: &ranks, ys: &usable };
    let extremes = rank_permute(machine, BLOCK, ranks, seed, permutations, device.memory())?;
    let mut extremes = extremes.into_iter();
    let p = |extreme| PValue::of_permutations(extreme, permutations);
    Ok(known.iter().map(|y| y.as_ref().and(extremes.next()).map(p)).collect())
}
