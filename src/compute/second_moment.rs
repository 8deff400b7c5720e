//! Second moments of keys.

use ndarray::ArrayView2;

use super::Device;
use crate::gpu::second_moment::add_second_moment;
use crate::gpu::{GpuError, Memory, Queue};
use crate::tensor::{Dtype, Matrix};

/// `sum[i, j] += Σ_r keys[r, i] · keys[r, j]` for j ≤ i on a device, over the rows whose `skip` is 0; false where the processor
/// is to do it.
///
/// Shapes: keys `(n, f)`, skip `(n)`, sum `(f, f)`. The sum of these rows is made on the device in f64 and then added: it differs
/// from that of [`add_gram`](super::add_gram) by rounding, within the same bound.
///
/// # Errors
/// [`GpuError`] of the device; shapes that do not belong together.
pub fn add_keys(
    device: &Device,
    sum: &mut Matrix,
    keys: ArrayView2<'_, f32>,
    skip: &[u8],
) -> Result<bool, GpuError> {
    let (rows, cols) = keys.dim();
    let work = (rows as u64).saturating_mul(cols as u64).saturating_mul(cols as u64);
    let (Some(machine), Some(values)) = (device.machine(work), keys.as_slice()) else { return Ok(false) };
    let keys = Memory::of(machine, values)?;
    let added = Memory::zeroed(machine, size_of_val(sum.as_slice().unwrap_or_default()))?;
    add_second_moment(machine, Dtype::F32, &keys, rows, cols, Some(skip), &added)?;
    let added: Vec<f64> = added.read(Queue::First)?;
    for (row, (mut own, added)) in sum.rows_mut().into_iter().zip(added.chunks_exact(cols.max(1))).enumerate()
    {
        for (total, added) in own.iter_mut().zip(added).take(row + 1) {
            *total += added;
        }
    }
    Ok(true)
}
