//! A file as memory, and whether its file system is one to map files from.

#![expect(unsafe_code, reason = "mapping a file, and asking what file system it is on")]

use std::fs::File;
use std::io;

use memmap2::{Mmap, MmapOptions};

use super::fault_guard::Watch;

/// A read-only map of a whole file that outlives the file's truncation.
pub(super) struct Mapping {
    /// Dropped before the map it watches: fields are dropped in this order.
    watch: Watch,
    map: Mmap,
}

impl Mapping {
    /// Maps the first `len` bytes, or gives `None` where the map could not be watched.
    pub(super) fn new(file: &File, len: u64) -> io::Result<Option<Self>> {
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?;
        // SAFETY: the bytes are only ever read as plain numbers and byte strings, of which every pattern is
        // valid, and nothing here relies on two reads agreeing. A writer can therefore change results, which
        // `Checkpoint::verify_unchanged` reports, and a truncation is survived by the watch.
        let map = unsafe { MmapOptions::new().len(len).map(file)? };
        Ok(Watch::over(map.as_ptr(), map.len()).map(|watch| Self { watch, map }))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// True once a page could not be read and zeros stand in its place.
    pub(super) fn faulted(&self) -> bool {
        self.watch.faulted()
    }
}

/// True where a page fault would wait for a network or a user-space file system.
///
/// Unknown file systems, and a system that will not say, count as local.
#[cfg(target_os = "linux")]
pub fn is_remote(file: &File) -> bool {
    use std::os::fd::AsRawFd;

    /// Magic numbers of statfs(2): NFS, SMB, CIFS, SMB2, Lustre, FUSE, Ceph, 9P, AFS (two), `BeeGFS`, GPFS.
    const REMOTE: [u32; 12] = [
        0x6969,
        0x517b,
        0xff53_4d42,
        0xfe53_4d42,
        0x0bd0_0bd0,
        0x6573_5546,
        0x00c3_6400,
        0x0102_1997,
        0x5346_414f,
        0x6b41_4653,
        0x1983_0326,
        0x4750_4653,
    ];
    // SAFETY: an all-zero statfs is a valid value of the plain C struct.
    let mut stats: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: the descriptor is open for as long as `file` is borrowed, and `stats` may be written to.
    let status = unsafe { libc::fstatfs(file.as_raw_fd(), &raw mut stats) };
    // The field's width differs between platforms; the magic numbers are 32 bits on all of them.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "magic numbers are 32 bits")]
    let magic = stats.f_type as u32;
    status == 0 && REMOTE.contains(&magic)
}

/// True where a page fault would wait for a network; only Linux is asked.
#[cfg(not(target_os = "linux"))]
pub fn is_remote(_file: &File) -> bool {
    false
}
