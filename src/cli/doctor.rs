//! `diagnose doctor`: what this machine offers.

use super::failure::Failure;
use super::settings::Settings;
use super::{exit, output};
use crate::gpu;
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
        linear_algebra: linear_algebra().to_owned(),
        simd: simd().to_owned(),
        threads: rayon::current_num_threads(),
        memory_total: meminfo(&memory, "MemTotal"),
        memory_available: meminfo(&memory, "MemAvailable"),
        io: "auto".to_owned(),
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

fn linear_algebra() -> &'static str {
    if cfg!(feature = "lapack") { "OpenBLAS through ndarray-linalg" } else { "faer, built in" }
}

fn simd() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            return "AVX-512";
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("f16c") {
            return "AVX2 and F16C";
        }
    }
    "portable"
}

fn cuda() -> CudaState {
    let mut missing = Vec::new();
    let mut note = |found: Result<String, String>| {
        found
            .map_err(|reason| {
                if !missing.contains(&reason) {
                    missing.push(reason)
                }
            })
            .ok()
    };
    let driver = note(gpu::driver_version());
    let nvrtc = note(gpu::nvrtc_version());
    let devices = gpu::probe().unwrap_or_default().into_iter().map(|device| DeviceState {
        ordinal: device.ordinal,
        name: device.name,
        compute_capability: format!("{}.{}", device.compute_capability.0, device.compute_capability.1),
        memory: device.memory,
    });
    CudaState { driver, nvrtc, devices: devices.collect(), missing }
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
