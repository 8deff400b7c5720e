//! A CUDA device as a [`Machine`]: its primary context, two streams, and the kernels compiled for it so far.

#![expect(unsafe_code, reason = "the driver's functions take raw handles")]

use std::collections::BTreeMap;
use std::ffi::{CString, c_void};
use std::sync::Mutex;

use cudarc::driver::result::{self as driver, DriverError};
use cudarc::driver::sys;
use cudarc::nvrtc::{CompileError, CompileOptions, compile_ptx_with_opts};

use super::machine::{Launch, Machine, Memory, Queue};
use super::present::{guarded, initialised_driver, nvrtc_version, reason};
use super::sources::Source;
use super::{DeviceInfo, GpuError};

/// An opened CUDA device.
pub struct CudaDevice {
    info: DeviceInfo,
    handle: sys::CUdevice,
    context: sys::CUcontext,
    streams: [sys::CUstream; 2],
    modules: Mutex<BTreeMap<&'static str, Module>>,
}

/// A file's kernels, loaded into the context.
#[derive(Clone, Copy)]
struct Module(sys::CUmodule);

// SAFETY: contexts, streams and modules are handles of the driver, which any thread may use once the context is current there.
unsafe impl Send for Module {}
// SAFETY: as above.
unsafe impl Send for CudaDevice {}
// SAFETY: as above; what changes is behind a lock.
unsafe impl Sync for CudaDevice {}

impl CudaDevice {
    /// Opens the device of that ordinal.
    ///
    /// # Errors
    /// [`GpuError::Absent`] where there is no driver, no compiler or no such device; [`GpuError::Driver`].
    pub fn open(ordinal: usize) -> Result<Self, GpuError> {
        let devices = super::probe().map_err(GpuError::Absent)?;
        let count = devices.len();
        let no_such =
            || GpuError::Absent(format!("the driver has {count} devices, and none is number {ordinal}"));
        let info = devices.into_iter().find(|device| device.ordinal == ordinal).ok_or_else(no_such)?;
        nvrtc_version().map_err(GpuError::Absent)?;
        guarded(|| {
            initialised_driver()?;
            Self::of(info).map_err(reason)
        })
        .map_err(|reason| GpuError::Driver { doing: format!("opening cuda:{ordinal}"), reason })
    }

    fn of(info: DeviceInfo) -> Result<Self, DriverError> {
        let handle = driver::device::get(i32::try_from(info.ordinal).unwrap_or(i32::MAX))?;
        // SAFETY: the handle is the driver's own; the context is released when `self` is dropped.
        let context = unsafe { driver::primary_ctx::retain(handle) }?;
        // SAFETY: the context was retained one line above.
        unsafe { driver::ctx::set_current(context) }?;
        let stream = || driver::stream::create(driver::stream::StreamKind::NonBlocking);
        let streams = [stream()?, stream()?];
        Ok(Self { info, handle, context, streams, modules: Mutex::default() })
    }

    /// What it is.
    pub fn info(&self) -> &DeviceInfo {
        &self.info
    }

    /// Seconds between the first and the last operation that `work` asks of the first queue, by the device's own clock.
    ///
    /// # Errors
    /// [`GpuError::Driver`], and whatever `work` fails with.
    pub fn timed(&self, work: impl FnOnce() -> Result<(), GpuError>) -> Result<f64, GpuError> {
        self.current()?;
        let doing = |error| self.failed("timing", error);
        let stream = self.stream(Queue::First);
        let event = || driver::event::create(sys::CUevent_flags::CU_EVENT_DEFAULT).map_err(doing);
        let (start, end) = (event()?, event()?);
        // SAFETY: events and stream are of this context.
        unsafe { driver::event::record(start, stream) }.map_err(doing)?;
        work()?;
        // SAFETY: as above; both events are over when they are compared, and nobody else has them.
        unsafe {
            driver::event::record(end, stream).map_err(doing)?;
            driver::event::synchronize(end).map_err(doing)?;
            let milliseconds = driver::event::elapsed(start, end).map_err(doing)?;
            driver::event::destroy(start).map_err(doing)?;
            driver::event::destroy(end).map_err(doing)?;
            Ok(f64::from(milliseconds) / 1e3)
        }
    }

    /// Copies all of one memory of this device to the beginning of another, on the first queue.
    ///
    /// # Errors
    /// [`GpuError::Shape`] where the other is shorter; [`GpuError::Driver`].
    pub fn copy(&self, from: &Memory<'_>, to: &Memory<'_>) -> Result<(), GpuError> {
        if to.bytes() < from.bytes() {
            return Err(GpuError::Shape { what: "a copy", needs: from.bytes(), has: to.bytes() });
        }
        self.current()?;
        let stream = self.stream(Queue::First);
        // SAFETY: both have that length, and give their memory back only when both queues are done.
        unsafe { driver::memcpy_dtod_async(to.address(), from.address(), from.bytes(), stream) }
            .map_err(|error| self.failed("copying on", error))
    }

    fn stream(&self, queue: Queue) -> sys::CUstream {
        let [first, second] = self.streams;
        if queue == Queue::First { first } else { second }
    }

    /// Makes the context the thread's own, as every call of the driver needs.
    fn current(&self) -> Result<(), GpuError> {
        // SAFETY: the context is retained for as long as `self` lives.
        unsafe { driver::ctx::set_current(self.context) }.map_err(|error| self.failed("using", error))
    }

    fn failed(&self, doing: &str, error: DriverError) -> GpuError {
        GpuError::Driver { doing: format!("{doing} {}", self.info.name), reason: reason(error) }
    }

    fn no_memory(&self, bytes: usize, error: DriverError) -> GpuError {
        GpuError::Memory { device: self.info.name.clone(), bytes, reason: reason(error) }
    }

    /// The kernels of a file, compiled and loaded when they are first asked for.
    fn module(&self, source: &'static Source) -> Result<Module, GpuError> {
        let mut modules = self.modules.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(&known) = modules.get(source.name) {
            return Ok(known);
        }
        let ptx = compile(source, self.info.compute_capability)?;
        // SAFETY: NVRTC ends its text with a zero, and the context is current.
        let module = unsafe { driver::module::load_data(ptx.as_ptr().cast()) };
        let module =
            Module(module.map_err(|error| self.failed(&format!("loading {} on", source.name), error))?);
        modules.insert(source.name, module);
        Ok(module)
    }
}

/// PTX of a file for a compute capability, or for the highest below it that this NVRTC knows; ends with a zero.
///
/// Options: no contraction, no flushing of subnormals, divisions and roots rounded correctly.
///
/// # Errors
/// [`GpuError::Compile`] with the compiler's log.
pub fn compile(source: &'static Source, (major, minor): (i32, i32)) -> Result<Vec<u8>, GpuError> {
    let failure = |log: String| GpuError::Compile { source_file: source.name, log };
    let own = major * 10 + minor;
    let mut refused = String::new();
    for architecture in [own, 90, 80].into_iter().filter(|&older| older <= own) {
        let options = CompileOptions {
            fmad: Some(false),
            ftz: Some(false),
            prec_div: Some(true),
            prec_sqrt: Some(true),
            name: Some(format!("{}.cu", source.name)),
            options: vec![
                format!("--gpu-architecture=compute_{architecture}"),
                "-default-device".to_owned(),
                "-std=c++17".to_owned(),
            ],
            ..CompileOptions::default()
        };
        match compile_ptx_with_opts(source.program(), options) {
            Ok(ptx) => {
                return ptx
                    .as_bytes()
                    .map(<[u8]>::to_vec)
                    .ok_or_else(|| failure("no text came out".to_owned()));
            }
            Err(CompileError::CompileError { log, .. }) => refused = log.to_string_lossy().into_owned(),
            Err(other) => refused = other.to_string(),
        }
        if !refused.contains("gpu-architecture") {
            break;
        }
    }
    Err(failure(refused))
}

impl Machine for CudaDevice {
    fn name(&self) -> &str {
        &self.info.name
    }

    fn alloc(&self, bytes: usize) -> Result<u64, GpuError> {
        self.current()?;
        // SAFETY: what lies there is never read before it is written or cleared.
        unsafe { driver::malloc_sync(bytes) }.map_err(|error| self.no_memory(bytes, error))
    }

    unsafe fn free(&self, address: u64) {
        if self.current().is_ok() {
            // SAFETY: the caller vouches for the address. A failure tells of what went wrong before, and was told of then.
            let _ = unsafe { driver::free_sync(address) };
        }
    }

    fn alloc_pinned(&self, bytes: usize) -> Result<*mut u8, GpuError> {
        self.current()?;
        // SAFETY: `Pinned` fills it before it reads.
        let address =
            unsafe { driver::malloc_host(bytes, 0) }.map_err(|error| self.no_memory(bytes, error))?;
        Ok(address.cast())
    }

    unsafe fn free_pinned(&self, address: *mut u8, _bytes: usize) {
        if self.current().is_ok() {
            // SAFETY: the caller vouches for the address.
            let _ = unsafe { driver::free_host(address.cast()) };
        }
    }

    unsafe fn copy_in(&self, queue: Queue, from: &[u8], to: u64) -> Result<(), GpuError> {
        self.current()?;
        // SAFETY: the caller vouches for both ends.
        unsafe { driver::memcpy_htod_async(to, from, self.stream(queue)) }
            .map_err(|error| self.failed("copying to", error))
    }

    unsafe fn copy_out(&self, queue: Queue, from: u64, to: &mut [u8]) -> Result<(), GpuError> {
        self.current()?;
        // SAFETY: the caller vouches for both ends.
        unsafe { driver::memcpy_dtoh_async(to, from, self.stream(queue)) }
            .map_err(|error| self.failed("copying from", error))
    }

    unsafe fn clear(&self, queue: Queue, address: u64, bytes: usize) -> Result<(), GpuError> {
        if bytes == 0 {
            return Ok(());
        }
        self.current()?;
        // SAFETY: the caller vouches for the address.
        unsafe { driver::memset_d8_async(address, 0, bytes, self.stream(queue)) }
            .map_err(|error| self.failed("clearing memory of", error))
    }

    unsafe fn launch(&self, queue: Queue, launch: Launch, arguments: &[u64]) -> Result<(), GpuError> {
        self.current()?;
        let Module(module) = self.module(launch.source)?;
        let doing = |error| self.failed(&format!("running {} on", launch.function), error);
        let name = CString::new(launch.function).unwrap_or_default();
        // SAFETY: the module stays loaded for as long as `self` lives.
        let function = unsafe { driver::module::get_function(module, name) }.map_err(doing)?;
        // The driver reads as many bytes of each as the kernel declares; the machine is little-endian.
        let mut arguments = arguments.to_vec();
        let mut pointers: Vec<*mut c_void> =
            arguments.iter_mut().map(|argument| std::ptr::from_mut(argument).cast()).collect();
        let [x, y, z] = launch.grid;
        let stream = self.stream(queue);
        // SAFETY: the caller vouches for the arguments; the driver copies them before it returns.
        unsafe { driver::launch_kernel(function, (x, y, z), (launch.block, 1, 1), 0, stream, &mut pointers) }
            .map_err(doing)
    }

    fn wait(&self, queue: Queue) -> Result<(), GpuError> {
        self.current()?;
        // SAFETY: the stream lives as long as `self`.
        unsafe { driver::stream::synchronize(self.stream(queue)) }
            .map_err(|error| self.failed("waiting for", error))
    }
}

impl Drop for CudaDevice {
    fn drop(&mut self) {
        if self.current().is_err() {
            return;
        }
        let modules =
            std::mem::take(&mut *self.modules.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        // SAFETY: all handles are this device's own and used by nobody any more; the driver waits for what is under way.
        unsafe {
            for stream in self.streams {
                let _ = driver::stream::destroy(stream);
            }
            for Module(module) in modules.into_values() {
                let _ = driver::module::unload(module);
            }
            let _ = driver::primary_ctx::release(self.handle);
        }
    }
}
