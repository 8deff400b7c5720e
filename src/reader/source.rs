//! One open input file: who it was when it was opened, and its bytes.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::header::header_end;
use super::mapping::{Mapping, is_remote};
use super::sniff::{SNIFFED_BYTES, has_pickle_name, other_format};
use super::{Header, HeaderError, IoMode, Limits, ReadError, hub, location, parse_header};

/// An input file, open for as long as this lives.
pub struct SourceFile {
    path: PathBuf,
    handle: File,
    identity: Identity,
    blob: Option<String>,
    mapping: Option<Mapping>,
}

/// What the operating system says of a file; any write or replacement changes some of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    len: u64,
    modified: (i64, i64),
    status_changed: (i64, i64),
}

impl Identity {
    fn of(found: &Metadata) -> Self {
        Self {
            device: found.dev(),
            inode: found.ino(),
            len: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
            status_changed: (found.ctime(), found.ctime_nsec()),
        }
    }

    fn same_inode(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

impl SourceFile {
    /// Opens a regular file that has not the name of a pickle; nothing is read or mapped yet.
    pub(super) fn open(path: &Path) -> Result<Self, ReadError> {
        let owned = || path.to_owned();
        if has_pickle_name(path) {
            return Err(ReadError::Pickle { path: owned() });
        }
        let failed = |cause: io::Error| match cause.kind() {
            io::ErrorKind::NotFound => location::absent(path),
            _ => ReadError::Io { path: owned(), action: "open", cause },
        };
        // Asked before opening, because opening a pipe waits for its writer.
        if !fs::metadata(path).map_err(failed)?.is_file() {
            return Err(ReadError::NotAFile { path: owned() });
        }
        let handle = File::open(path).map_err(failed)?;
        let identity = Identity::of(&handle.metadata().map_err(failed)?);
        Ok(Self { path: owned(), handle, identity, blob: hub::blob_of(path), mapping: None })
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The last part of its path.
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy().into_owned()
    }

    /// Its length in bytes when it was opened.
    pub fn bytes(&self) -> u64 {
        self.identity.len
    }

    /// True where its bytes are read through a memory map.
    pub fn is_mapped(&self) -> bool {
        self.mapping.is_some()
    }

    /// True where both are one inode, or blobs of a hub cache with one SHA-256 for a name.
    pub(super) fn same_content(&self, other: &Self) -> bool {
        let same_blob = self.blob.is_some() && self.blob == other.blob && self.bytes() == other.bytes();
        same_blob || self.identity.same_inode(&other.identity)
    }

    /// Reads and checks the safetensors header; a file of another format is named as such.
    pub(super) fn header(&self, limits: &Limits) -> Result<Header, ReadError> {
        let first_bytes = self.leading(SNIFFED_BYTES as u64)?;
        let refused = |cause: HeaderError| {
            other_format(&self.path, &first_bytes)
                .unwrap_or(ReadError::Header { path: self.path.clone(), cause })
        };
        let end = header_end(&first_bytes, self.bytes(), limits).map_err(refused)?;
        let bytes = self.leading(end)?;
        parse_header(&bytes, self.bytes(), limits).map_err(refused)
    }

    /// The first bytes of the file, at most `wanted`. The caller has held `wanted` against a cap.
    pub(super) fn leading(&self, wanted: u64) -> Result<Vec<u8>, ReadError> {
        let len = usize::try_from(wanted.min(self.bytes())).unwrap_or(usize::MAX);
        let mut bytes = vec![0; len];
        self.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// Maps the file where `io` asks for it or the file system suits it; where no map is to be had, stays
    /// with positioned reads.
    ///
    /// # Errors
    /// [`ReadError::Io`] where a map was demanded and the system refuses it.
    pub(super) fn map(&mut self, io: IoMode) -> Result<(), ReadError> {
        let wanted = match io {
            IoMode::Mmap => true,
            IoMode::Pread => false,
            IoMode::Auto => !is_remote(&self.handle),
        };
        if !wanted {
            return Ok(());
        }
        match Mapping::new(&self.handle, self.bytes()) {
            Ok(mapping) => self.mapping = mapping,
            Err(cause) if io == IoMode::Mmap => {
                return Err(ReadError::Io { path: self.path.clone(), action: "map", cause });
            }
            Err(_) => {}
        }
        Ok(())
    }

    /// `len` bytes at `offset` of the file: a view where it is mapped, else a copy in `scratch`.
    ///
    /// # Errors
    /// [`ReadError::Truncated`] beyond the end of the file, [`ReadError::Io`] where the system cannot read it.
    pub fn read<'a>(
        &'a self,
        offset: u64,
        len: usize,
        scratch: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], ReadError> {
        let truncated = || ReadError::Truncated { path: self.path.clone() };
        if let Some(mapping) = &self.mapping {
            let start = usize::try_from(offset).map_err(|_| truncated())?;
            let end = start.checked_add(len).ok_or_else(truncated)?;
            return mapping.bytes().get(start..end).ok_or_else(truncated);
        }
        if scratch.len() < len {
            scratch.resize(len, 0);
        }
        let target = scratch.get_mut(..len).ok_or_else(truncated)?;
        self.read_exact_at(target, offset)?;
        Ok(target)
    }

    /// Fills `target` from `offset` on, whether or not the file is mapped.
    pub(super) fn read_exact_at(&self, target: &mut [u8], offset: u64) -> Result<(), ReadError> {
        self.handle.read_exact_at(target, offset).map_err(|cause| match cause.kind() {
            io::ErrorKind::UnexpectedEof => ReadError::Truncated { path: self.path.clone() },
            _ => ReadError::Io { path: self.path.clone(), action: "read", cause },
        })
    }

    /// Says whether what was read is what was opened.
    pub(super) fn verify_unchanged(&self) -> Result<(), ReadError> {
        let path = || self.path.clone();
        let failed = |cause| ReadError::Io { path: path(), action: "examine", cause };
        let still_open = Identity::of(&self.handle.metadata().map_err(failed)?);
        if still_open.len < self.bytes() {
            return Err(ReadError::Truncated { path: path() });
        }
        if self.mapping.as_ref().is_some_and(Mapping::faulted) {
            // The file may have grown back since; else a page could not be fetched from the disk.
            let has_grown_back = still_open != self.identity;
            let cause = io::Error::from_raw_os_error(libc::EIO);
            let unread = ReadError::Io { path: path(), action: "read", cause };
            return Err(if has_grown_back { ReadError::Truncated { path: path() } } else { unread });
        }
        match fs::metadata(&self.path).map(|found| Identity::of(&found)) {
            Ok(now) if now == self.identity => Ok(()),
            Ok(now) if now.same_inode(&self.identity) => Err(ReadError::Modified { path: path() }),
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(failed(cause)),
            _ => Err(ReadError::Replaced { path: path() }),
        }
    }
}
