//! A checkpoint: its files, its tensors by name, and their bytes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::location::{Location, locate};
use super::{Index, IndexError, IoMode, Limits, ReadError, SourceFile, parse_index};
use crate::tensor::{Entry, Source};

/// The weights of one model, open for reading from any number of threads.
///
/// Nothing of the data section has been read when it is opened; every entry is known to lie inside its file.
pub struct Checkpoint {
    path: PathBuf,
    files: Vec<SourceFile>,
    tensors: BTreeMap<String, Entry>,
    metadata: BTreeMap<String, String>,
}

impl Checkpoint {
    /// Opens the checkpoint that `path` means and checks its headers.
    ///
    /// `path` is a safetensors file, an index, a directory that holds one of them, or a hub cache entry
    /// (`models--org--name`, also as `PATH@REVISION`). Where there is an index it is authoritative: a tensor
    /// is read from the shard that the index names, whatever else the shards hold.
    ///
    /// # Errors
    /// [`ReadError`], one variant a cause, naming the file.
    pub fn open(path: &Path, limits: &Limits, io: IoMode) -> Result<Self, ReadError> {
        let (files, tensors, metadata) = match locate(path)? {
            Location::File(file) => open_single(&file, limits, io)?,
            Location::Index(index) => open_sharded(&index, limits, io)?,
        };
        Ok(Self { path: path.to_owned(), files, tensors, metadata })
    }

    /// The files that hold tensors of this checkpoint, by name.
    pub fn files(&self) -> &[SourceFile] {
        &self.files
    }

    /// The free text under `__metadata__` of a single file; nothing for a sharded checkpoint.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }
}

impl Source for Checkpoint {
    type Error = ReadError;

    fn path(&self) -> &Path {
        &self.path
    }

    fn entries(&self) -> &BTreeMap<String, Entry> {
        &self.tensors
    }

    /// `len` bytes of a tensor from its byte `offset` on.
    ///
    /// Where the file is mapped this is a view and costs nothing; else the bytes are read into `scratch`,
    /// which is grown when it is too short and never shrunk.
    ///
    /// The bytes of a mapped file that is truncated meanwhile read as zeros: whatever was computed is to be
    /// believed only after [`Self::verify_unchanged`].
    ///
    /// # Errors
    /// [`ReadError::OutOfRange`] beyond the tensor's end, [`ReadError::Truncated`] where the file has become
    /// shorter, [`ReadError::Io`] where the system cannot read it.
    fn read<'a>(
        &'a self,
        entry: &Entry,
        offset: u64,
        len: usize,
        scratch: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], ReadError> {
        let inside = offset.checked_add(len as u64).is_some_and(|end| end <= entry.bytes);
        match (self.files.get(entry.file), entry.offset.checked_add(offset)) {
            (Some(file), Some(at)) if inside => file.read(at, len, scratch),
            _ => Err(ReadError::OutOfRange {
                path: self.path.clone(),
                tensor: entry.name.clone(),
                offset,
                len,
                bytes: entry.bytes,
            }),
        }
    }

    /// True where two tensors must be equal because they are the same bytes on disk.
    ///
    /// That is: the same range and dtype, in one inode or in hub cache blobs with one SHA-256 for a name.
    fn same_storage(&self, entry: &Entry, other: &Self, other_entry: &Entry) -> bool {
        let place = |entry: &Entry| (entry.dtype, entry.offset, entry.bytes);
        match (self.files.get(entry.file), other.files.get(other_entry.file)) {
            (Some(file), Some(other_file)) => {
                place(entry) == place(other_entry) && file.same_content(other_file)
            }
            _ => false,
        }
    }

    /// Says whether every file is still the one that was opened; to be asked after the last read.
    ///
    /// Compared are device, inode, length and both times of change. A write of the same length escapes it
    /// where it falls into one tick of the file system's clock (some milliseconds) with the write before
    /// the opening.
    ///
    /// # Errors
    /// [`ReadError::Truncated`], [`ReadError::Modified`] or [`ReadError::Replaced`]; [`ReadError::Io`] where
    /// a page of a map could not be fetched.
    fn verify_unchanged(&self) -> Result<(), ReadError> {
        self.files.iter().try_for_each(SourceFile::verify_unchanged)
    }
}

type Opened = (Vec<SourceFile>, BTreeMap<String, Entry>, BTreeMap<String, String>);

fn open_single(path: &Path, limits: &Limits, io: IoMode) -> Result<Opened, ReadError> {
    let mut file = SourceFile::open(path)?;
    let header = file.header(limits)?;
    file.map(io)?;
    Ok((vec![file], header.tensors, header.metadata))
}

fn open_sharded(path: &Path, limits: &Limits, io: IoMode) -> Result<Opened, ReadError> {
    let index = read_index(path, limits)?;
    let mut by_shard: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (tensor, shard) in &index.weight_map {
        by_shard.entry(shard).or_default().push(tensor);
    }
    let (mut files, mut tensors) = (Vec::new(), BTreeMap::new());
    for (shard, names) in by_shard {
        let shard_path = path.with_file_name(shard);
        let mut file = SourceFile::open(&shard_path).map_err(|error| match error {
            ReadError::NotFound { path: shard } => {
                ReadError::MissingShard { path: shard, index: path.to_owned(), tensors: names.len() }
            }
            other => other,
        })?;
        let mut held = file.header(limits)?.tensors;
        for name in names {
            let entry = held.remove(name).ok_or_else(|| ReadError::MissingTensor {
                path: shard_path.clone(),
                index: path.to_owned(),
                tensor: name.to_owned(),
            })?;
            tensors.insert(name.to_owned(), Entry { file: files.len(), ..entry });
        }
        file.map(io)?;
        files.push(file);
    }
    Ok((files, tensors, BTreeMap::new()))
}

fn read_index(path: &Path, limits: &Limits) -> Result<Index, ReadError> {
    let file = SourceFile::open(path)?;
    let refused = |cause| ReadError::Index { path: path.to_owned(), cause };
    if file.bytes() > limits.header_bytes {
        return Err(refused(IndexError::TooLong { bytes: file.bytes(), cap: limits.header_bytes }));
    }
    let index = parse_index(&file.leading(limits.header_bytes)?).map_err(refused)?;
    let tensors = index.weight_map.len();
    if tensors > limits.tensors {
        return Err(refused(IndexError::TooManyTensors { tensors, cap: limits.tensors }));
    }
    Ok(index)
}
