//! The operations of a forward pass that candle has no fast and differentiable version of.
//!
//! candle's own fused softmax and norms cut the gradient without a word, and its primitive operations run on one thread.
//! Those here are plain loops over rows, vectorised and run by all threads, each with its derivative. Every row is
//! worked out by one thread and in one order: the number of threads changes no bit.
//!
//! Activations lie packed: `(tokens, width)`, the tokens of all rows of a batch one after the other, without padding.

mod activation;
mod attention;
mod attention_block;
mod attention_slope;
mod attention_weights;
mod curve;
mod gate;
mod linear;
mod log_sum_exp;
mod norm;
mod real;
mod rotary;
mod simd;
#[cfg(test)]
mod tests;
mod tile;

pub(super) use activation::{activate, add_residual};
pub(super) use attention::{Attention, Heads, Past, RelativeBias};
pub(super) use curve::Activation;
pub(super) use gate::gate;
pub(super) use linear::Linear;
pub(super) use log_sum_exp::log_sum_exp;
pub(super) use norm::{Norm, NormKind};
pub(super) use real::Real;
use real::in_precision;
pub(super) use rotary::{Frequencies, Pairing, Rotary};

use candle_core::{CpuStorage, Layout, Result, Storage, Tensor, bail};

/// The numbers of a contiguous storage.
fn values<'a, T: Real>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [T]> {
    let range = layout.contiguous_offsets().map(|(start, end)| start..end);
    match range.and_then(|range| T::slice(storage)?.get(range)) {
        Some(values) => Ok(values),
        None => bail!("expected contiguous numbers of type {:?}", T::DTYPE),
    }
}

/// The numbers of a contiguous storage, to be changed in place.
fn values_mut<'a, T: Real>(storage: &'a mut CpuStorage, layout: &Layout) -> Result<&'a mut [T]> {
    let range = layout.contiguous_offsets().map(|(start, end)| start..end);
    match range.and_then(|range| T::slice_mut(storage)?.get_mut(range)) {
        Some(values) => Ok(values),
        None => bail!("expected contiguous numbers of type {:?}", T::DTYPE),
    }
}

/// A copy of the numbers of a contiguous storage.
fn copied(storage: &CpuStorage, layout: &Layout) -> Result<CpuStorage> {
    Ok(in_precision!(storage, T => Real::storage(values::<T>(storage, layout)?.to_vec())))
}

/// What a function makes of the numbers of a tensor, which are copied only where they do not lie in a row.
pub(super) fn read<T: Real, R>(tensor: &Tensor, make: impl FnOnce(&[T]) -> R) -> Result<R> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => Ok(make(values(storage, layout)?)),
        _ => bail!("expected a tensor on the CPU"),
    }
}

/// The numbers of a tensor, copied.
pub(super) fn numbers<T: Real>(tensor: &Tensor) -> Result<Vec<T>> {
    read(tensor, <[T]>::to_vec)
}

/// The numbers of a tensor that need not be there.
fn optional_numbers<T: Real>(tensor: Option<&Tensor>) -> Result<Option<Vec<T>>> {
    tensor.map(numbers).transpose()
}

/// Whether an operation runs in f64; else it runs in f32.
fn is_double(storage: &CpuStorage) -> Result<bool> {
    match storage {
        CpuStorage::F32(_) => Ok(false),
        CpuStorage::F64(_) => Ok(true),
        _ => bail!("expected numbers in f32 or f64"),
    }
}

/// Length of a row: the last extent.
fn width_of(layout: &Layout) -> usize {
    layout.dims().last().copied().unwrap_or(1)
}
