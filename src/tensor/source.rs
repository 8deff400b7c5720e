//! Where tensors come from, as the rooms above see it: names, dtypes, shapes and bytes.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Dtype, Shape};

/// One tensor of a [`Source`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, exactly as stored.
    pub name: String,
    /// Element type.
    pub dtype: Dtype,
    /// Extents.
    pub shape: Shape,
    /// Number of elements: the product of the extents.
    pub elements: u64,
    /// Index of the file that holds it.
    pub file: usize,
    /// Where its bytes begin in that file.
    pub offset: u64,
    /// How many bytes they are.
    pub bytes: u64,
}

/// A set of named tensors whose bytes can be read from many threads at once.
pub trait Source: Sync {
    /// What reading can fail with.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Where it was read from, as it was given.
    fn path(&self) -> &Path;

    /// Its tensors by name.
    fn entries(&self) -> &BTreeMap<String, Entry>;

    /// `len` bytes of a tensor from `offset` on: the stored bytes themselves where they are mapped, else
    /// a copy in `scratch`.
    ///
    /// # Errors
    /// Where the bytes cannot be read, or the range passes the end of the tensor.
    fn read<'a>(
        &'a self,
        entry: &Entry,
        offset: u64,
        len: usize,
        scratch: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], Self::Error>;

    /// True where two tensors are one and the same storage, so that their bytes are equal unread.
    fn same_storage(&self, entry: &Entry, other: &Self, other_entry: &Entry) -> bool;

    /// Whether every file still is what it was when it was opened.
    ///
    /// # Errors
    /// Where one was truncated, rewritten or replaced: what was read from it cannot be trusted.
    fn verify_unchanged(&self) -> Result<(), Self::Error>;
}
