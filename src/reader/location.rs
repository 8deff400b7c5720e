//! From the path a user typed to the file that describes the checkpoint.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::sniff::has_pickle_name;
use super::{ReadError, hub};

/// The file to begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Location {
    /// One safetensors file that holds everything.
    File(PathBuf),
    /// The index of a sharded checkpoint.
    Index(PathBuf),
}

/// File names in a directory that mean the checkpoint, in the order of their authority.
const INDEX_NAME: &str = "model.safetensors.index.json";
const SINGLE_NAMES: [&str; 2] = ["model.safetensors", "adapter_model.safetensors"];

/// Finds the checkpoint that `path` means.
///
/// A file is itself; a name that ends in `.json` is an index. In a directory the index comes first, then
/// `model.safetensors`, then PEFT's `adapter_model.safetensors`, then a lone `*.safetensors`. In a hub
/// cache entry it is the directory of the revision; `PATH@REVISION` picks one, where no file or directory
/// has that very name.
pub(super) fn locate(path: &Path) -> Result<Location, ReadError> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => in_directory(&model_folder(path)?),
        Ok(_) => file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => in_directory(&model_folder(path)?),
        Err(cause) => Err(ReadError::Io { path: path.to_owned(), action: "open", cause }),
    }
}

/// The folder of a model that `path` means: itself, or the snapshot of a hub cache entry (also as `PATH@REVISION`).
///
/// # Errors
/// [`ReadError::NotFound`] where there is none, [`ReadError::NotADirectory`] where a file stands there,
/// [`ReadError::NoRevision`] where the entry has no such snapshot.
pub fn model_folder(path: &Path) -> Result<PathBuf, ReadError> {
    if path.is_dir() {
        return Ok(hub::snapshot(path, None)?.unwrap_or_else(|| path.to_owned()));
    }
    match hub::split_revision(path) {
        Some((entry, revision)) if !path.exists() && entry.is_dir() => {
            hub::snapshot(&entry, Some(&revision))?.ok_or(ReadError::NoRevision {
                path: entry,
                revision,
                found: Vec::new(),
            })
        }
        _ if path.exists() => Err(ReadError::NotADirectory { path: path.to_owned() }),
        _ => Err(absent(path)),
    }
}

/// The error for a path that leads nowhere: a dangling link is told apart from nothing at all.
pub(super) fn absent(path: &Path) -> ReadError {
    match fs::read_link(path) {
        Ok(target) => ReadError::BrokenLink { path: path.to_owned(), target },
        Err(_) => ReadError::NotFound { path: path.to_owned() },
    }
}

fn file(path: &Path) -> Result<Location, ReadError> {
    if has_pickle_name(path) {
        return Err(ReadError::Pickle { path: path.to_owned() });
    }
    let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    Ok(if is_json { Location::Index(path.to_owned()) } else { Location::File(path.to_owned()) })
}

fn in_directory(directory: &Path) -> Result<Location, ReadError> {
    let names = names_in(directory)?;
    let holds = |wanted: &str| names.iter().any(|name| name == wanted);
    if holds(INDEX_NAME) {
        return Ok(Location::Index(directory.join(INDEX_NAME)));
    }
    if let Some(name) = SINGLE_NAMES.into_iter().find(|name| holds(name)) {
        return Ok(Location::File(directory.join(name)));
    }
    let with = |keep: &dyn Fn(&Path) -> bool| -> Vec<String> {
        names.iter().filter(|name| keep(Path::new(name))).cloned().collect()
    };
    let path = directory.to_owned();
    let safetensors = with(&|name| name.extension() == Some(OsStr::new("safetensors")));
    let pickles = with(&has_pickle_name);
    match safetensors.as_slice() {
        [only] => Ok(Location::File(directory.join(only))),
        [] if pickles.is_empty() => Err(ReadError::NoCheckpoint { path, found: names }),
        [] => Err(ReadError::OnlyPickles { path, found: pickles }),
        _ => Err(ReadError::Ambiguous { path, found: safetensors }),
    }
}

/// Names in a directory, sorted; broken links count, so that they are reported and not passed over.
pub(super) fn names_in(directory: &Path) -> Result<Vec<String>, ReadError> {
    let failed = |cause| ReadError::Io { path: directory.to_owned(), action: "list", cause };
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        names.push(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}
