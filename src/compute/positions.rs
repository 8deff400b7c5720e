//! Statistics of activations by position.

use super::Device;
use crate::gpu::position_stats::{ActivationDtype, BLOCK, PositionStats};
use crate::gpu::{GpuError, Memory};
use crate::linalg::{self, PositionSummary};

/// [`linalg::position_stats`]; on a device means and variances differ by rounding, within the bound of both.
///
/// # Errors
/// [`GpuError`] of the device.
pub fn position_stats(
    device: &Device,
    activations: &[f32],
    lengths: &[u32],
    positions: usize,
    length: usize,
) -> Result<Vec<PositionSummary>, GpuError> {
    let machine = device.machine(size_of_val(activations) as u64).filter(|_| length > 0);
    let Some(machine) = machine else {
        return Ok(linalg::position_stats(activations, lengths, positions, length));
    };
    let mut stats = PositionStats::new(machine, positions, length, ActivationDtype::F32, BLOCK)?;
    stats.add(&Memory::of(machine, activations)?, lengths)?;
    let found = stats.summaries()?.into_iter().map(|found| PositionSummary {
        vectors: found.vectors,
        mean: found.mean,
        variance: found.variance,
        least: found.least,
        largest: found.largest,
        largest_size: found.largest_size,
        largest_component: found.largest_component,
        mean_norm: found.mean_norm,
        largest_norm: found.largest_norm,
        nonfinite: [found.nan, found.infinite, found.negative_infinite],
    });
    Ok(found.collect())
}
