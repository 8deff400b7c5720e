//! The spectrum of a change.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::Device;
use crate::gpu::GpuError;
use crate::gpu::delta_matvec::{BLOCK, DeviceDelta};
use crate::linalg::engine::EngineError;
use crate::linalg::{self, Block, ChangeSpectrum, Lanes, Products, SpectrumOptions, StoredMatrix};

/// Products that an iteration makes with a matrix, about.
const PRODUCTS: u64 = 32;

/// [`linalg::spectrum_of_change`]; the products with the change are made on a device that has room for both matrices, all
/// else on the processor.
///
/// A product that the device cannot make is made on the processor too: the result is the same but for rounding.
///
/// # Errors
/// As there.
pub fn spectrum_of_change(
    device: &Device,
    before: StoredMatrix<'_>,
    after: StoredMatrix<'_>,
    options: &SpectrumOptions,
) -> Result<ChangeSpectrum, EngineError> {
    let bytes = (before.bytes.len() + after.bytes.len()) as u64;
    let machine = device.machine(bytes * PRODUCTS).filter(|_| bytes <= device.memory() as u64);
    let has_kernel = before.dtype == after.dtype && DeviceDelta::reads(before.dtype);
    let delta = machine.filter(|_| has_kernel).and_then(|machine| {
        let shape = (before.rows, before.cols);
        DeviceDelta::new(machine, before.dtype, shape, before.bytes, after.bytes).ok()
    });
    let products = delta.map(|delta| OnDevice(Mutex::new(delta)));
    let products = products.as_ref().map(|products| products as &dyn Products);
    linalg::spectrum_of_change(before, after, products, options)
}

/// A difference on a device, which makes one product at a time.
struct OnDevice<'m>(Mutex<DeviceDelta<'m>>);

impl<'m> OnDevice<'m> {
    fn product(
        &self,
        make: impl FnOnce(&mut DeviceDelta<'m>) -> Result<Vec<f64>, GpuError>,
    ) -> Option<Block> {
        let mut delta = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        make(&mut delta).ok().map(|flat| flat.as_chunks().0.to_vec())
    }
}

impl Products for OnDevice<'_> {
    fn times(&self, x: &[Lanes]) -> Option<Block> {
        self.product(|delta| delta.times(x.as_flattened(), BLOCK))
    }

    fn transposed_times(&self, y: &[Lanes]) -> Option<Block> {
        self.product(|delta| delta.transposed_times(y.as_flattened(), BLOCK))
    }
}

impl fmt::Debug for OnDevice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("products on a device")
    }
}
