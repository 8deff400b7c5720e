//! The layout of the Hugging Face hub's cache: `refs/`, `snapshots/`, `blobs/`.

use std::ffi::OsStr;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use super::ReadError;
use super::location::names_in;

/// Hex digits of a blob that is named by the SHA-256 of its bytes; shorter names are git's own hashes.
const SHA256_DIGITS: usize = 64;

/// Splits `PATH@REVISION` at its last `@`.
pub(super) fn split_revision(path: &Path) -> Option<(PathBuf, String)> {
    let (entry, revision) = path.to_str()?.rsplit_once('@')?;
    (!entry.is_empty() && !revision.is_empty()).then(|| (entry.into(), revision.to_owned()))
}

/// Directory of one snapshot of a cache entry, or `None` where `entry` is no cache entry.
///
/// A revision is a name under `refs/` or the start of exactly one snapshot's name. Without one it is what
/// `refs/main` says, or the snapshot that was written last where there is no `refs/main`.
pub(super) fn snapshot(entry: &Path, revision: Option<&str>) -> Result<Option<PathBuf>, ReadError> {
    let snapshots = entry.join("snapshots");
    if !snapshots.is_dir() || !(entry.join("refs").is_dir() || entry.join("blobs").is_dir()) {
        return Ok(None);
    }
    let names = names_in(&snapshots)?;
    let wanted = revision.unwrap_or("main");
    let chosen = match read_ref(entry, wanted) {
        Some(commit) => names.iter().find(|name| **name == commit),
        None if revision.is_some() => only(names.iter().filter(|name| name.starts_with(wanted))),
        None => names.iter().max_by_key(|name| written(&snapshots.join(name))),
    };
    match chosen {
        Some(name) => Ok(Some(snapshots.join(name))),
        None => {
            Err(ReadError::NoRevision { path: entry.to_owned(), revision: wanted.to_owned(), found: names })
        }
    }
}

/// The commit under `refs/`; a revision that would lead out of that folder has none.
fn read_ref(entry: &Path, revision: &str) -> Option<String> {
    let is_inside = Path::new(revision).components().all(|part| matches!(part, Component::Normal(_)));
    let text = is_inside.then(|| fs::read_to_string(entry.join("refs").join(revision)))?.ok()?;
    Some(text.trim().to_owned())
}

fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    items.next().is_none().then_some(first)
}

fn written(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|found| found.modified()).ok()
}

/// The SHA-256 that a hub cache's blob is named by, where the path leads to such a blob.
///
/// The name is believed: the hub's client checks it when it downloads.
pub(super) fn blob_of(path: &Path) -> Option<String> {
    let target = fs::canonicalize(path).ok()?;
    let folder = target.parent()?.file_name()?;
    let name = target.file_name().and_then(OsStr::to_str)?;
    let is_sha256 = name.len() == SHA256_DIGITS && name.bytes().all(|digit| digit.is_ascii_hexdigit());
    (folder == "blobs" && is_sha256).then(|| name.to_ascii_lowercase())
}
