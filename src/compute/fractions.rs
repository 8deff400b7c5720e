//! The sums behind fractions of ROME updates.

use super::Device;
use crate::gpu::key_fraction::{BLOCK, FractionSums, KeyBatch, key_fraction};
use crate::gpu::{GpuError, Memory};

/// The sums of each case (kᵘ, k̄, C⁻¹k̄) on a device; `None` where the processor is to do it.
///
/// Shapes: every vector has length f, those of a case are given side by side.
///
/// # Errors
/// [`GpuError`] of the device.
pub fn fraction_sums(device: &Device, cases: &[[&[f64]; 3]]) -> Result<Option<Vec<FractionSums>>, GpuError> {
    let length = cases.first().map_or(0, |[unprefixed, ..]| unprefixed.len());
    let Some(machine) = device.machine((size_of::<f64>() * 3 * length * cases.len()) as u64) else {
        return Ok(None);
    };
    let side = |of: for<'a> fn(&[&'a [f64]; 3]) -> &'a [f64]| {
        let values: Vec<f64> = cases.iter().flat_map(|case| of(case).iter().copied()).collect();
        Memory::of(machine, &values)
    };
    let (unprefixed, mean, adjusted) =
        (side(|[unprefixed, ..]| unprefixed)?, side(|[_, mean, _]| mean)?, side(|[.., adjusted]| adjusted)?);
    let batch = KeyBatch {
        cases: cases.len(),
        length,
        unprefixed: &unprefixed,
        mean: &mean,
        adjusted: &adjusted,
        apart_adjusted: None,
    };
    key_fraction(&batch, BLOCK).map(Some)
}
