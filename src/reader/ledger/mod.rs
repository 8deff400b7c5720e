//! Ledgers: what a run of edits did to a model, small enough to keep for every edit of thousands.
//!
//! ```text
//! FILE                        JSON lines: a header (schema diagnose.ledger/1), then a line a step, in order
//! FILE.factors/000000.safetensors   the update of step 0: layer.N.left (d, r) and layer.N.right (f, r) in F32, or
//!                             layer.N.weight (d, f) and layer.N.bias in the dtype of the checkpoint; d the hidden
//!                             size, f the width of the keys, whichever way round the checkpoint stores the matrix;
//!                             of AlphaEdit layer.N.past_keys too, the keys (f, m) that it adds to those of earlier
//!                             steps, or layer.N.all_past_keys in the place of them all, in F64
//! ```
//!
//! Factors are in F32 because the update is made of the rounded ones: what is replayed is what was applied. A rank-one edit
//! of GPT-2 XL has (1600 + 6400) · 4 bytes of factors, 32 KB; 21,919 of them are 0.7 GB.
//!
//! A line counts once its newline is there: a last line without it was torn by a kill and is no part of the ledger.

mod entry;
mod error;
mod factors;
mod parse;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

pub use entry::{
    BaseTensor, DivisionLine, GuardLine, LayerLine, LedgerHeader, LedgerLine, LineKind, PassLine, RectLine,
    RefusedLine, RequestLine, ScheduleKind, ValueLine,
};
pub use error::LedgerError;
pub use factors::{LedgerChange, LedgerFactors, LedgerUpdate, RememberedKeys};

use super::{ReadError, read_whole};

/// Longest ledger that is read: 21,919 edits with the losses of 20 passes each are some 70 MB.
const LONGEST: u64 = 4 << 30;

/// A ledger, its lines read and held to their order; factors are read one by one.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// The file.
    pub path: PathBuf,
    /// What the run was.
    pub header: LedgerHeader,
    /// Its steps.
    pub lines: Vec<LedgerLine>,
    /// Bytes of the file.
    pub bytes: u64,
    /// Those up to the end of the last whole line.
    pub whole_bytes: u64,
}

impl Ledger {
    /// Reads a ledger.
    ///
    /// # Errors
    /// [`ReadError::Ledger`]; else as for any input file.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let bytes = read_whole(path, LONGEST)?;
        let end = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let refused = |cause| ReadError::Ledger { path: path.to_owned(), cause };
        let (header, lines) = parse::parse(bytes.get(..end).unwrap_or_default()).map_err(refused)?;
        let (bytes, whole_bytes) = (bytes.len() as u64, end as u64);
        Ok(Self { path: path.to_owned(), header, lines, bytes, whole_bytes })
    }

    /// The lines that edited something.
    pub fn edits(&self) -> impl Iterator<Item = &LedgerLine> {
        self.lines.iter().filter(|line| !line.layers.is_empty())
    }
}

/// The folder beside a ledger that holds its factors.
pub fn factors_folder(ledger: &Path) -> PathBuf {
    let mut name = ledger.file_name().map(OsString::from).unwrap_or_default();
    name.push(".factors");
    ledger.with_file_name(name)
}

/// The file of a step's factors in that folder.
pub fn factors_name(index: usize) -> String {
    format!("{index:06}.safetensors")
}
