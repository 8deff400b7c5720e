//! A ledger on disk, one step at a time.
//!
//! ```text
//! begin     the header, whole or not at all; an empty folder for the factors
//! append    the factors beside, synced, renamed; then the line, synced: a line tells only of what is there
//! go on     a torn line is cut off, factors without a line are removed
//! ```
//!
//! The file is locked while a run has it open.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::header::HeaderRecord;
use super::line::LineRecord;
use crate::edit::Change;
use crate::reader::{Ledger, RememberedKeys, factors_folder, factors_name, sha256_of};
use crate::report::Unwritable;
use crate::report::json::write_line;
use crate::sequence::{RunFacts, Step};
use crate::tensor::{Dtype, Matrix, encode};

/// A ledger that is open for further steps.
#[derive(Debug)]
pub struct LedgerWriter {
    path: PathBuf,
    folder: PathBuf,
    file: File,
    /// Whether this run began it.
    begun: bool,
    /// Dtypes of the tensors of the base.
    dtypes: BTreeMap<String, Dtype>,
}

impl LedgerWriter {
    /// Begins a ledger where there is none.
    ///
    /// # Errors
    /// [`Unwritable::Taken`] where something is there; else where the system refuses.
    pub fn begin(path: &Path, run: &RunFacts) -> Result<Self, Unwritable> {
        let folder = factors_folder(path);
        for place in [path, folder.as_path()] {
            if fs::symlink_metadata(place).is_ok() {
                let found = "it is there already";
                return Err(Unwritable::Taken { path: place.to_owned(), found });
            }
        }
        let mut header = Vec::new();
        write_line(&HeaderRecord::from(run), &mut header).map_err(Unwritable::io(path))?;
        write_whole(path, &header).map_err(Unwritable::io(path))?;
        Ok(Self { begun: true, ..Self::open(path, run)? })
    }

    /// Removes a ledger that this run began, and which holds no step.
    pub fn abandon(self) {
        if self.begun {
            // What cannot be removed stays: there is nothing in it.
            let _ = fs::remove_file(&self.path).and_then(|()| fs::remove_dir(&self.folder));
        }
    }

    /// Goes on with a ledger that was read: what an interrupted step left behind is removed.
    ///
    /// # Errors
    /// [`Unwritable::InUse`]; else where the system refuses.
    pub fn go_on(ledger: &Ledger, run: &RunFacts) -> Result<Self, Unwritable> {
        let writer = Self::open(&ledger.path, run)?;
        // Whoever had the file open since it was read may have added steps.
        let found = writer.file.metadata().map_err(Unwritable::io(&writer.path))?.len();
        if found != ledger.bytes {
            return Err(Unwritable::InUse { path: writer.path });
        }
        let cleaned = writer.file.set_len(ledger.whole_bytes).and_then(|()| writer.file.sync_all());
        cleaned.map_err(Unwritable::io(&writer.path))?;
        let known: BTreeSet<String> = ledger.edits().map(|line| factors_name(line.index)).collect();
        writer.remove_orphans(&known).map_err(Unwritable::io(&writer.folder))?;
        Ok(writer)
    }

    fn open(path: &Path, run: &RunFacts) -> Result<Self, Unwritable> {
        let file = File::options().append(true).open(path).map_err(Unwritable::io(path))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(Unwritable::InUse { path: path.to_owned() }),
            // A file system without locks: nobody else can be told.
            Err(TryLockError::Error(_)) | Ok(()) => {}
        }
        let folder = factors_folder(path);
        fs::create_dir_all(&folder).map_err(Unwritable::io(&folder))?;
        let dtypes =
            run.base.iter().filter_map(|tensor| Some((tensor.name.clone(), tensor.dtype.parse().ok()?)));
        Ok(Self { path: path.to_owned(), folder, file, begun: false, dtypes: dtypes.collect() })
    }

    /// Writes a step: its factors, then its line, which gets their hash. When this returns, both are on the disk.
    ///
    /// # Errors
    /// Where the system refuses; the ledger then ends with the step before.
    pub fn append(&mut self, step: &mut Step) -> Result<(), Unwritable> {
        if !step.updates.is_empty() {
            let place = self.folder.join(factors_name(step.line.index));
            let bytes = self.factors(step).map_err(Unwritable::io(&place))?;
            step.line.factors_sha256 = Some(sha256_of(&bytes));
            write_whole(&place, &bytes).map_err(Unwritable::io(&place))?;
        }
        let mut text = Vec::new();
        let whole = self.file.metadata().map_err(Unwritable::io(&self.path))?.len();
        let written = write_line(&LineRecord::from(&step.line), &mut text)
            .and_then(|()| self.file.write_all(&text))
            .and_then(|()| self.file.sync_data());
        written.map_err(|cause| {
            // Half a line is none: the next run would cut it off as well.
            let _ = self.file.set_len(whole);
            Unwritable::Io { path: self.path.clone(), cause }
        })
    }

    /// The safetensors file of a step.
    fn factors(&self, step: &Step) -> io::Result<Vec<u8>> {
        let (mut entries, mut data) = (Map::new(), Vec::new());
        let mut put = |layer: usize, part: &str, dtype: Dtype, shape: &[usize], bytes: Option<Vec<u8>>| {
            let bytes = bytes.ok_or_else(|| io::Error::other(format!("{dtype} is not written")))?;
            let offsets = [data.len(), data.len() + bytes.len()];
            let entry = json!({"dtype": dtype.name(), "shape": shape, "data_offsets": offsets});
            entries.insert(format!("layer.{layer}.{part}"), entry);
            data.extend(bytes);
            Ok::<_, io::Error>(())
        };
        for (update, line) in step.updates.iter().zip(&step.line.layers) {
            let layer = update.layer;
            match &update.change {
                Change::Factors { left, right, .. } => {
                    put(layer, "left", Dtype::F32, left.shape(), encode(Dtype::F32, single(left)))?;
                    put(layer, "right", Dtype::F32, right.shape(), encode(Dtype::F32, single(right)))?;
                }
                Change::Whole { weight, bias } => {
                    let dtype = |name: &str| self.dtypes.get(name).copied().unwrap_or(Dtype::F32);
                    let stored = dtype(&line.tensor);
                    put(layer, "weight", stored, weight.shape(), encode(stored, weight.iter().copied()))?;
                    if let Some(bias) = bias {
                        let stored = line.bias.as_ref().map_or(Dtype::F32, |(name, _)| dtype(name));
                        put(layer, "bias", stored, &[bias.len()], encode(stored, bias.iter().copied()))?;
                    }
                }
            }
        }
        for RememberedKeys { layer, keys, all } in &step.remembered {
            let part = if *all { "all_past_keys" } else { "past_keys" };
            let bytes = keys.iter().flat_map(|x| x.to_le_bytes()).collect();
            put(*layer, part, Dtype::F64, keys.shape(), Some(bytes))?;
        }
        Ok(safetensors(entries, &data))
    }

    fn remove_orphans(&self, known: &BTreeSet<String>) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let ours = name.ends_with(".safetensors") || name.starts_with(TEMPORARY);
            if ours && !known.contains(name.as_ref()) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

/// What names of files begin with while they are written.
const TEMPORARY: &str = ".diagnose-";

/// Entries as the nearest f32, row by row: they are what was applied.
#[expect(clippy::cast_possible_truncation, reason = "rounding to the nearest is meant")]
fn single(factor: &Matrix) -> impl Iterator<Item = f32> + '_ {
    factor.iter().map(|&x| x as f32)
}

fn safetensors(entries: Map<String, Value>, data: &[u8]) -> Vec<u8> {
    let mut header = Value::Object(entries).to_string();
    // Data begins at a multiple of eight bytes.
    header.push_str(&" ".repeat(header.len().next_multiple_of(8) - header.len()));
    let length = (header.len() as u64).to_le_bytes();
    [&length[..], header.as_bytes(), data].concat()
}

/// Writes beside, syncs, and renames; the rename is synced too.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut beside = builder.tempfile_in(folder)?;
    beside.write_all(bytes)?;
    beside.as_file().sync_all()?;
    beside.persist(path).map_err(|failed| failed.error)?;
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(())
}
