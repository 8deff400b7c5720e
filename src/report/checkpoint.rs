//! An edited checkpoint: the folder of the original with some tensors replaced.
//!
//! ```text
//! a file that holds a replaced tensor    copied byte by byte, the tensor's bytes in their place; the header stays as it is
//! any other file of 16 MiB or more       a hard link, or a copy where the file system has no links between the two
//! any smaller file                       a copy, so that a configuration edited in place stays apart from the original's
//! ```
//!
//! All of it is made in a folder beside the destination, which is then renamed: the destination is whole or not there. Links are
//! followed, so that an entry of a hub cache becomes a folder of files. The original is only read.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::Unwritable;
use crate::model::StoredTensor;
use crate::reader::{Checkpoint, ReadError, SourceFile, model_folder};
use crate::tensor::Source as _;

/// Files from this length on are linked.
const LINKED: u64 = 16 << 20;
/// Bytes copied at a time.
const CHUNK: u64 = 1 << 20;

/// Refuses a destination that exists and is not an empty folder, one inside the original, and one that cannot be made; nothing is left
/// there.
///
/// # Errors
/// [`Unwritable`]; where the original is no folder of a model.
pub fn check_destination(destination: &Path, original: &Path) -> Result<(), Unwritable> {
    let taken = |found| Err(Unwritable::Taken { path: destination.to_owned(), found });
    match fs::read_dir(destination).map(|mut entries| entries.next().is_some()) {
        Ok(true) => return taken("the directory is not empty"),
        Err(_) if fs::symlink_metadata(destination).is_ok() => {
            return taken("something that is no directory is there");
        }
        Ok(false) | Err(_) => {}
    }
    let folder = model_folder(original)?;
    let inside = |parent: PathBuf| fs::canonicalize(&folder).is_ok_and(|folder| parent.starts_with(folder));
    if fs::canonicalize(parent_of(destination)).is_ok_and(inside) {
        return taken("it is inside the folder of the original");
    }
    beside(destination).map(drop)
}

/// Writes the folder of `original` to `destination`, with these tensors in the place of those of their names.
///
/// # Errors
/// [`Unwritable`]; nothing is at the destination then, but what was there before.
pub fn write_checkpoint(
    original: &Checkpoint,
    replaced: &[StoredTensor],
    destination: &Path,
) -> Result<(), Unwritable> {
    check_destination(destination, original.path())?;
    let folder = model_folder(original.path())?;
    let temporary = beside(destination)?;
    // Below the temporary folder, which is private, one with the rights that a folder has by default.
    let made = temporary.path().join("checkpoint");
    let failed = Unwritable::io(destination);
    fs::create_dir(&made).map_err(Unwritable::io(destination))?;
    let rewritten = rewritten(original, replaced);
    copy_folder(&folder, &made, &rewritten, destination)?;
    original.verify_unchanged()?;
    sync_folder(&made).map_err(Unwritable::io(destination))?;
    let target = fs::canonicalize(destination).unwrap_or_else(|_| destination.to_owned());
    fs::rename(&made, &target).and_then(|()| sync_folder(parent_of(&target))).map_err(failed)
}

/// A private folder beside the destination, removed when it is dropped.
pub(super) fn beside(destination: &Path) -> Result<TempDir, Unwritable> {
    let target = fs::canonicalize(destination).unwrap_or_else(|_| destination.to_owned());
    let made = tempfile::Builder::new().prefix(".diagnose-").tempdir_in(parent_of(&target));
    made.map_err(Unwritable::io(destination))
}

/// The folder that something stands in.
fn parent_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A file that is written anew: what it was, and the bytes that take the place of others, by their offset.
struct Rewritten<'a> {
    file: &'a SourceFile,
    patches: BTreeMap<u64, &'a [u8]>,
}

/// The files that hold a replaced tensor, by where they really are.
fn rewritten<'a>(original: &'a Checkpoint, replaced: &'a [StoredTensor]) -> BTreeMap<PathBuf, Rewritten<'a>> {
    let mut files: BTreeMap<PathBuf, Rewritten<'a>> = BTreeMap::new();
    for tensor in replaced {
        let Some(entry) = original.entries().get(&tensor.name) else { continue };
        let Some(file) = original.files().get(entry.file) else { continue };
        let path = file.path().to_owned();
        let file = files.entry(path).or_insert_with(|| Rewritten { file, patches: BTreeMap::new() });
        file.patches.insert(entry.offset, &tensor.bytes);
    }
    files
}

fn copy_folder(
    from: &Path,
    to: &Path,
    rewritten: &BTreeMap<PathBuf, Rewritten<'_>>,
    destination: &Path,
) -> Result<(), Unwritable> {
    let unread = |path: &Path, action| {
        let path = path.to_owned();
        move |cause| Unwritable::Read(ReadError::Io { path, action, cause })
    };
    for entry in fs::read_dir(from).map_err(unread(from, "list"))? {
        let source = entry.map_err(unread(from, "list"))?.path();
        let target = to.join(source.file_name().unwrap_or_default());
        let found = fs::metadata(&source).map_err(unread(&source, "open"))?;
        if let Some(rewritten) = rewritten.get(&source) {
            copy_patched(rewritten, &target, destination)?;
        } else if found.is_dir() {
            fs::create_dir(&target).map_err(Unwritable::io(destination))?;
            copy_folder(&source, &target, rewritten, destination)?;
        } else if found.is_file() {
            link_or_copy(&source, &target, found.len()).map_err(Unwritable::io(destination))?;
        }
    }
    Ok(())
}

/// Copies a file with the patches in their places; memory for one chunk.
fn copy_patched(rewritten: &Rewritten<'_>, target: &Path, destination: &Path) -> Result<(), Unwritable> {
    let failed = || Unwritable::io(destination);
    let mut out = File::create_new(target).map_err(failed())?;
    let (mut at, mut scratch) = (0, Vec::new());
    let end = (rewritten.file.bytes(), &[][..]);
    for (offset, patch) in rewritten.patches.iter().map(|(at, patch)| (*at, *patch)).chain([end]) {
        while at < offset {
            let len = CHUNK.min(offset - at);
            let bytes = rewritten.file.read(at, usize::try_from(len).unwrap_or(usize::MAX), &mut scratch)?;
            out.write_all(bytes).map_err(failed())?;
            at += len;
        }
        out.write_all(patch).map_err(failed())?;
        at += patch.len() as u64;
    }
    out.sync_all().map_err(failed())
}

fn link_or_copy(source: &Path, target: &Path, bytes: u64) -> io::Result<()> {
    // The file itself, where a link leads to it.
    let source = fs::canonicalize(source)?;
    if bytes >= LINKED && fs::hard_link(&source, target).is_ok() {
        return Ok(());
    }
    let mut out = File::create_new(target)?;
    io::copy(&mut File::open(&source)?, &mut out)?;
    out.sync_all()
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
