//! Kernels, and what runs them: CUDA devices through dynamic loading.
//!
//! The text of a kernel stands in `kernels/` and is compiled by NVRTC for the device that is found. Each has one safe function
//! here, over a [`Machine`]: a device, or in the tests the processor, a fibre a thread.
//!
//! Invariant: no call panics and none needs CUDA to be there; what is absent is an `Err` that says so.
//!
//! With the feature `cuda`, libcuda and libnvrtc are looked for when they are first asked about, not when the
//! program is linked or started: one binary serves machines with and without a GPU. A probe initialises the
//! driver and reads attributes; it makes no context, takes no device memory, and leaves every setting as it
//! is.

#[cfg(not(feature = "cuda"))]
mod absent;
pub mod delta_matvec;
#[cfg(feature = "cuda")]
mod device;
mod error;
pub mod key_fraction;
mod machine;
pub mod pair_stats;
pub mod pair_stream;
pub mod position_stats;
#[cfg(feature = "cuda")]
mod present;
pub mod rank_permute;
pub mod second_moment;
mod sources;

#[cfg(not(feature = "cuda"))]
pub use absent::{driver_version, nvrtc_version, open, probe};
#[cfg(feature = "cuda")]
pub use device::{CudaDevice, compile};
pub use error::GpuError;
pub use machine::{Launch, Machine, Memory, Pinned, Queue};
#[cfg(feature = "cuda")]
pub use present::{driver_version, nvrtc_version, open, probe};
pub use sources::{SOURCES, Source};

/// One CUDA device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// The N of `cuda:N`.
    pub ordinal: usize,
    /// As the driver calls it.
    pub name: String,
    /// Major and minor compute capability.
    pub compute_capability: (i32, i32),
    /// Bytes of device memory.
    pub memory: u64,
}
