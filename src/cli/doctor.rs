//! `diagnose doctor`: what this machine offers.
//!
//! Target, engine of the factorisations, vector instructions, threads, memory, how files are read, CUDA.
//! Nothing that is absent is a failure: the exit code is 0 wherever the report could be written. Memory is
//! that of `/proc/meminfo`, and unknown where there is none.

use std::fs::File;

use super::failure::Failure;
use super::settings::Settings;
use super::{exit, output};
use crate::gpu;
use crate::linalg::{SimdLevel, engine};
use crate::reader::is_remote;
use crate::report::{CudaState, DeviceState, DoctorReport, Format};

/// Looks around and reports.
pub(super) fn run(settings: &Settings) -> Result<u8, Failure> {
    let format = settings.format(&[Format::Table, Format::Json])?;
    let report = look_around();
    output::write(settings.output.as_deref(), |out| match format {
        Format::Json => report.write_json(out),
        _ => report.write_table(out),
    })?;
    Ok(exit::OK)
}

fn look_around() -> DoctorReport {
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    DoctorReport {
        target: target(),
        linear_algebra: engine::NAME.to_owned(),
        simd: SimdLevel::detect().to_string(),
        threads: rayon::current_num_threads(),
        memory_total: meminfo(&memory, "MemTotal"),
        memory_available: meminfo(&memory, "MemAvailable"),
        io: reading(),
        cuda: cuda(),
    }
}

fn target() -> String {
    let libc = match () {
        () if cfg!(target_env = "gnu") => "-gnu",
        () if cfg!(target_env = "musl") => "-musl",
        () if cfg!(target_env = "msvc") => "-msvc",
        () => "",
    };
    format!("{}-{}{libc}", std::env::consts::ARCH, std::env::consts::OS)
}

/// How `--io auto` reads a checkpoint that lies in the current directory.
fn reading() -> String {
    match File::open(".").map(|folder| is_remote(&folder)) {
        Ok(true) => "pread: the current directory is on a network or in user space".to_owned(),
        Ok(false) => "memory maps: the current directory is on a local disk".to_owned(),
        Err(error) => format!("unknown: the current directory cannot be opened: {error}"),
    }
}

fn cuda() -> CudaState {
    let devices = gpu::probe().unwrap_or_default().into_iter().map(|device| DeviceState {
        ordinal: device.ordinal,
        name: device.name,
        compute_capability: format!("{}.{}", device.compute_capability.0, device.compute_capability.1),
        memory: device.memory,
    });
    CudaState {
        devices: devices.collect(),
        driver: gpu::driver_version().into(),
        nvrtc: gpu::nvrtc_version().into(),
    }
}

/// A value of `/proc/meminfo` in bytes.
fn meminfo(text: &str, field: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_bytes_and_unknown_where_it_is_not_told() {
        let text = "MemTotal:       24590484 kB\nMemAvailable:    100 kB\nHugePages_Total:       0\n";
        assert_eq!(meminfo(text, "MemTotal"), Some(24_590_484 * 1024));
        assert_eq!(meminfo(text, "MemAvailable"), Some(102_400));
        assert_eq!(meminfo(text, "Mem"), None);
        assert_eq!(meminfo(text, "HugePages_Total"), None);
        assert_eq!(meminfo("", "MemTotal"), None);
    }
}
