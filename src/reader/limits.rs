//! What the reader will believe of a file, and how it fetches its bytes.

/// Caps that are checked before anything is allocated or parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest header of one file, and longest index, in bytes.
    pub header_bytes: u64,
    /// Most tensors in one checkpoint.
    pub tensors: usize,
}

impl Default for Limits {
    /// 32 MiB and 500,000 tensors: some hundred times what published models need.
    fn default() -> Self {
        Self { header_bytes: 32 << 20, tensors: 500_000 }
    }
}

/// How the bytes of tensors reach the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IoMode {
    /// Maps on local disks, reads on network and FUSE file systems.
    #[default]
    Auto,
    /// Memory maps: no copy, and the fastest where the file is cached.
    Mmap,
    /// Positioned reads into a small buffer: a few megabytes of memory whatever the file's size.
    Pread,
}
