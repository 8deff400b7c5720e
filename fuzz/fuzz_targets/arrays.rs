//! Any bytes as a file of arrays: no panic, and what is taken has as many elements as its shape says.

#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use collapse_diagnostics::reader::{ArrayFile, IoMode, Limits, SecondMoment, read_dumped_keys};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

fuzz_target!(|bytes: &[u8]| {
    let path: PathBuf = FOLDER.path().join("arrays");
    fs::write(&path, bytes).unwrap();
    let (limits, io) = (Limits::default(), IoMode::Auto);
    if let Ok(mut file) = ArrayFile::open(&path, &limits, io) {
        for name in file.names() {
            if let Ok(Some(array)) = file.array(&name) {
                assert_eq!(array.len(), array.shape().iter().product());
            }
        }
    }
    if let Ok(moment) = SecondMoment::read(&path, None, &limits, io) {
        assert!(moment.sum.is_square());
    }
    let _ = read_dumped_keys(&path, &limits, io);
});
