//! The program itself on a CUDA driver that is none (`kernels/cpu/driver.cpp`): opening a device, compiling, streaming, errors.
//!
//! NVRTC compiles the kernels as it would for a GPU, the driver takes names and sizes of arguments from what comes out, and runs
//! the same text on the CPU. Nothing is done before it is waited for, so that a buffer which is used too early shows.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;

use collapse_diagnostics::gpu::{SOURCES, nvrtc_version};
use serde_json::Value;
use tempfile::TempDir;

use super::compiled::require_nvrtc;
use super::shim::{compile, compile_kernels, need_compiler};

/// The folder with the driver and the kernels, or `None` where there is no NVRTC.
fn driver() -> Option<&'static Path> {
    static BUILT: OnceLock<Option<TempDir>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        if let Err(reason) = nvrtc_version() {
            require_nvrtc(&reason);
            eprintln!("SKIPPED: the program on a pretended device, because {reason}");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        compile("driver.cpp", &["-fvisibility=hidden"], &folder.path().join("libcuda.so.1"));
        for source in SOURCES {
            compile_kernels(source.name, source.text, &folder.path().join(format!("{}.so", source.name)));
        }
        Some(folder)
    });
    built.as_ref().map(TempDir::path)
}

fn diagnose(driver: &Path, args: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut libraries = OsString::from(driver);
    if let Some(others) = std::env::var_os("LD_LIBRARY_PATH") {
        libraries.push(":");
        libraries.push(others);
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_diagnose"));
    command.args(args).env("LD_LIBRARY_PATH", libraries).env("PRETEND_KERNELS", driver);
    command.envs(environment.iter().copied()).output().unwrap()
}

/// The record of two oracle checkpoints, on that device.
fn compared(driver: &Path, device: &[&str]) -> (String, String) {
    let pair = ["fixtures/oracle/model.safetensors", "fixtures/oracle/after-rome-collapse.safetensors"];
    let run = diagnose(driver, &[&["deltas", "--format", "json"], device, &pair].concat(), &[]);
    let told = String::from_utf8(run.stderr).unwrap();
    assert!(run.status.success(), "{told}");
    (String::from_utf8(run.stdout).unwrap(), told)
}

/// The same but for numbers, which are within 10⁻¹⁰ of each other.
fn agree(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && agree(a.1, b.1))
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| agree(a, b)),
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= 1e-10 * b.abs().max(1.0)
        }
        _ => found == expected,
    }
}

#[test]
fn the_report_of_a_device_is_that_of_the_processor_whatever_memory_it_may_take() {
    need_compiler!();
    let Some(driver) = driver() else { return };
    let (expected, _) = compared(driver, &["--device", "cpu"]);
    let (found, told) = compared(driver, &["--device", "cuda", "--device-memory", "4"]);
    let (again, _) = compared(driver, &["--device", "cuda:0", "--device-memory", "900"]);
    assert_eq!(found, again);
    assert_eq!(told, "released with 0 buffers and 0 pinned\n");
    let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert!(agree(&parsed(&found), &parsed(&expected)), "{found}");
    // It did run there: sums are added in another order.
    assert_ne!(found, expected);
}

#[test]
fn permutations_on_a_device_give_the_same_report() {
    need_compiler!();
    let Some(driver) = driver() else { return };
    let correlated = |device: &str| {
        let args =
            ["correlate", "fixtures/correlate/edits.csv", "--p", "permutation", "--permutations", "200"];
        let run = diagnose(driver, &[&args[..], &["--format", "json", "--device", device]].concat(), &[]);
        assert!(run.status.success());
        String::from_utf8(run.stdout).unwrap()
    };
    assert_eq!(correlated("cuda"), correlated("cpu"));
}

#[test]
fn a_device_that_fails_is_told_of_and_leaves_no_report() {
    need_compiler!();
    let Some(driver) = driver() else { return };
    let pair = ["fixtures/oracle/model.safetensors", "fixtures/oracle/after-rome-collapse.safetensors"];
    for (name, value, reason) in [
        ("PRETEND_FAIL", "cuMemAlloc", "bytes of memory left: the CUDA driver says: pretended failure"),
        ("PRETEND_FAIL", "cuModuleLoadData", "loading pair_stats on Pretended device"),
        ("PRETEND_FAIL", "cuLaunchKernel", "running pair_stats_2_f32 on Pretended device"),
        ("PRETEND_FAIL", "cuStreamSynchronize", "waiting for Pretended device"),
        ("PRETEND_MEMORY", "3000000", "bytes of memory left: the CUDA driver says: out of memory"),
    ] {
        let args = [&["deltas", "--device", "cuda"][..], &pair].concat();
        let run = diagnose(driver, &args, &[(name, value)]);
        let told = String::from_utf8(run.stderr).unwrap();
        assert_eq!((run.status.code(), run.stdout.is_empty()), (Some(2), true), "{value}: {told}");
        assert!(told.contains(reason) && told.contains("--device cpu"), "{value}: {told}");
        assert!(told.contains("released with 0 buffers and 0 pinned"), "{value}: {told}");
    }
}

#[test]
fn doctor_shows_the_device() {
    need_compiler!();
    let Some(driver) = driver() else { return };
    let run = diagnose(driver, &["doctor"], &[]);
    let told = String::from_utf8(run.stdout).unwrap();
    assert!(told.contains("cuda:0 Pretended device, compute 9.0, 1.0 GiB"), "{told}");
}
