//! Any two files as a pair of checkpoints, from opening them to the last number.
//!
//! An input is two bytes (little-endian) of length, a file of that length, and the rest as the second file.

#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use collapse_diagnostics::deltas::{Plan, SpectrumPlan, compare};
use collapse_diagnostics::reader::{Checkpoint, IoMode, Limits, ReadError};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

fuzz_target!(|bytes: &[u8]| {
    let Some((length, files)) = bytes.split_first_chunk() else { return };
    let (before, after) = files.split_at(files.len().min(usize::from(u16::from_le_bytes(*length))));
    let (Ok(before), Ok(after)) = (opened("before", before), opened("after", after)) else { return };
    let plan = Plan { norms: true, spectrum: SpectrumPlan::Every(4), ..Plan::default() };
    compare(&before, &after, &plan, &()).unwrap();
});

fn opened(name: &str, bytes: &[u8]) -> Result<Checkpoint, ReadError> {
    let path: PathBuf = FOLDER.path().join(name);
    fs::write(&path, bytes).unwrap();
    Checkpoint::open(&path, &Limits::default(), IoMode::Auto)
}
