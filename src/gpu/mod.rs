//! CUDA through dynamic loading: which devices there are.
//!
//! Invariant: no call panics and none needs CUDA to be there; what is absent is an `Err` that says so.

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
