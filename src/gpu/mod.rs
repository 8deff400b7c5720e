//! CUDA through dynamic loading: which devices there are.
//!
//! Invariant: no call panics and none needs CUDA to be there; what is absent is an `Err` that says so.
//!
//! With the feature `cuda`, libcuda and libnvrtc are looked for when they are first asked about, not when the
//! program is linked or started: one binary serves machines with and without a GPU. A probe initialises the
//! driver and reads attributes; it makes no context, takes no device memory, and leaves every setting as it
//! is.

#[cfg(not(feature = "cuda"))]
mod absent;
#[cfg(feature = "cuda")]
mod present;

#[cfg(not(feature = "cuda"))]
pub use absent::{driver_version, nvrtc_version, probe};
#[cfg(feature = "cuda")]
pub use present::{driver_version, nvrtc_version, probe};

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
