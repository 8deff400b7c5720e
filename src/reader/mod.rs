//! Stand-in for the reader until it is merged: every open is refused.

use std::path::{Path, PathBuf};

/// An opened checkpoint.
#[derive(Debug)]
pub struct Checkpoint;

/// How bytes are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IoMode {
    /// Whichever suits the file system.
    Auto,
    /// Memory maps.
    Mmap,
    /// `pread` into buffers.
    Pread,
}

/// Caps on what a header may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one header.
    pub header_bytes: u64,
    /// Tensors of one checkpoint.
    pub tensors: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { header_bytes: 32 << 20, tensors: 500_000 }
    }
}

/// Why a checkpoint could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("{}: no reader yet", .0.display())]
pub struct ReadError(PathBuf);

impl ReadError {
    /// The kind.
    pub fn kind(&self) -> &'static str {
        "read"
    }
    /// The file.
    pub fn path(&self) -> Option<&Path> {
        Some(&self.0)
    }
    /// What would fix it.
    pub fn hint(&self) -> Option<String> {
        None
    }
}

impl Checkpoint {
    /// Opens a checkpoint.
    ///
    /// # Errors
    /// Always, until the real one is merged.
    pub fn open(path: &Path, _limits: &Limits, _io: IoMode) -> Result<Self, ReadError> {
        Err(ReadError(path.to_owned()))
    }
}
