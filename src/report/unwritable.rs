//! Why a ledger or a checkpoint cannot be written.

use std::io;
use std::path::{Path, PathBuf};

use crate::reader::ReadError;

/// What stands in the way of files that are more than a report.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what the messages say of them")]
pub enum Unwritable {
    /// The operating system refused.
    #[error("cannot write {}: {cause}", .path.display())]
    Io { path: PathBuf, cause: io::Error },
    /// Something stands there that is not to be lost.
    #[error("cannot write {}: {found}", .path.display())]
    Taken { path: PathBuf, found: &'static str },
    /// A ledger that another run writes.
    #[error("cannot write {}: another run is writing it", .path.display())]
    InUse { path: PathBuf },
    /// What is to be copied cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Unwritable {
    /// For `map_err`: what the system refused at a path.
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |cause| Self::Io { path, cause }
    }
}
