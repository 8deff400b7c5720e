//! What the driver and the run-time compiler say, where their libraries are.

use std::panic::{self, UnwindSafe};
use std::sync::Arc;

use cudarc::driver::result::{self as driver, DriverError};
use cudarc::driver::sys::CUdevice_attribute as Attribute;
use cudarc::{driver::sys as driver_sys, nvrtc::sys as nvrtc_sys};

use super::{CudaDevice, DeviceInfo, GpuError, Machine};

/// Every device of the machine, without opening one.
///
/// # Errors
/// The reason where there is no driver, no device, or the driver refuses.
pub fn probe() -> Result<Vec<DeviceInfo>, String> {
    guarded(|| {
        initialised_driver()?;
        let n = driver::device::get_count().map_err(reason)?;
        (0..n).map(|ordinal| device(ordinal).map_err(reason)).collect()
    })
}

/// The device of that ordinal, to run kernels on.
///
/// # Errors
/// [`GpuError::Absent`] where there is no driver, no compiler or no such device; [`GpuError::Driver`].
pub fn open(ordinal: usize) -> Result<Arc<dyn Machine>, GpuError> {
    Ok(Arc::new(CudaDevice::open(ordinal)?))
}

/// The CUDA version that the driver speaks, such as `13.0`.
///
/// # Errors
/// The reason where there is no driver.
#[expect(unsafe_code, reason = "cudarc has no safe face for the driver's version")]
pub fn driver_version() -> Result<String, String> {
    guarded(|| {
        initialised_driver()?;
        let mut version = 0;
        // SAFETY: the library is loaded, and the pointer is to a live integer.
        unsafe { driver_sys::cuDriverGetVersion(&raw mut version) }.result().map_err(reason)?;
        Ok(format!("{}.{}", version / 1000, version % 1000 / 10))
    })
}

/// The version of NVRTC, which compiles kernels at run time, such as `13.0`.
///
/// # Errors
/// The reason where the library is not found.
#[expect(unsafe_code, reason = "cudarc has no safe face for NVRTC's version")]
pub fn nvrtc_version() -> Result<String, String> {
    guarded(|| {
        // SAFETY: loading NVRTC runs no code of ours, and the library is NVIDIA's own.
        if !unsafe { nvrtc_sys::is_culib_present() } {
            return Err("the CUDA run-time compiler (libnvrtc) is not found".to_owned());
        }
        let (mut major, mut minor) = (0, 0);
        // SAFETY: the library is loaded, and both pointers are to live integers.
        let status = unsafe { nvrtc_sys::nvrtcVersion(&raw mut major, &raw mut minor) };
        match status {
            nvrtc_sys::nvrtcResult::NVRTC_SUCCESS => Ok(format!("{major}.{minor}")),
            failure => Err(format!("NVRTC does not tell its version: {failure:?}")),
        }
    })
}

#[expect(unsafe_code, reason = "looking for the library loads it")]
pub(super) fn initialised_driver() -> Result<(), String> {
    // SAFETY: loading the driver runs no code of ours, and the library is NVIDIA's own.
    if !unsafe { driver_sys::is_culib_present() } {
        return Err("the CUDA driver (libcuda) is not found".to_owned());
    }
    driver::init().map_err(reason)
}

#[expect(unsafe_code, reason = "cudarc's queries take a raw device handle")]
fn device(ordinal: i32) -> Result<DeviceInfo, DriverError> {
    let handle = driver::device::get(ordinal)?;
    // SAFETY: the handle is the driver's own, of one line above.
    let attribute = |attribute| unsafe { driver::device::get_attribute(handle, attribute) };
    Ok(DeviceInfo {
        ordinal: usize::try_from(ordinal).unwrap_or(0),
        name: driver::device::get_name(handle)?,
        compute_capability: (
            attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
            attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
        ),
        // SAFETY: as above.
        memory: unsafe { driver::device::total_mem(handle) }? as u64,
    })
}

pub(super) fn reason(error: DriverError) -> String {
    let text = error.error_string().map(|text| text.to_string_lossy().into_owned());
    format!("the CUDA driver says: {}", text.unwrap_or_else(|_| format!("{error:?}")))
}

/// A library that lacks a symbol makes cudarc panic at the first call of it; that is a reason too.
pub(super) fn guarded<T>(ask: impl FnOnce() -> Result<T, String> + UnwindSafe) -> Result<T, String> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let answer = panic::catch_unwind(ask);
    panic::set_hook(hook);
    answer.unwrap_or_else(|_| Err("the CUDA libraries found lack a function that is needed".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_answers_or_says_why_not_and_never_panics() {
        for answer in [driver_version(), nvrtc_version(), probe().map(|devices| format!("{devices:?}"))] {
            assert!(!answer.unwrap_or_else(|reason| reason).is_empty());
        }
    }
}
