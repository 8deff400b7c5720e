//! The stand-in of a build without the feature `cuda`: everything is absent.

use std::sync::Arc;

use super::{DeviceInfo, GpuError, Machine};

const REASON: &str = "this build is without the feature cuda";

/// No device.
///
/// # Errors
/// Always: the build has no CUDA.
pub fn probe() -> Result<Vec<DeviceInfo>, String> {
    Err(REASON.to_owned())
}

/// No device either.
///
/// # Errors
/// Always: the build has no CUDA.
pub fn open(_ordinal: usize) -> Result<Arc<dyn Machine>, GpuError> {
    Err(GpuError::Absent(REASON.to_owned()))
}

/// No driver.
///
/// # Errors
/// Always: the build has no CUDA.
pub fn driver_version() -> Result<String, String> {
    Err(REASON.to_owned())
}

/// No compiler.
///
/// # Errors
/// Always: the build has no CUDA.
pub fn nvrtc_version() -> Result<String, String> {
    Err(REASON.to_owned())
}
