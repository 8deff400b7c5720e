//! `diagnose.replay/1`: what was made again of a ledger.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use super::json::{self, Tool};
use super::number::{bytes, counted};
use super::paint::Tone;
use super::sheet::{Grid, Sheet};
use super::{Format, Page, parts};
use crate::model::StoredTensor;
use crate::reader::{Ledger, sha256_of};

/// Name and version of the record.
const SCHEMA: &str = "diagnose.replay/1";

/// What `diagnose edit --replay` has to show.
#[derive(Clone, Copy, Debug)]
pub struct ReplayReport<'a> {
    /// The ledger.
    pub ledger: &'a Ledger,
    /// The base, as typed.
    pub model: &'a Path,
    /// Steps that were made again.
    pub steps: usize,
    /// The tensors that differ from the base.
    pub tensors: &'a [StoredTensor],
    /// The checkpoint.
    pub written: &'a Path,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Record<'a> {
    schema: &'static str,
    tool: Tool,
    model: String,
    ledger: String,
    /// Version of the program that wrote the ledger.
    ledger_version: &'a str,
    ledger_steps: usize,
    steps: usize,
    written: String,
    /// Those that differ from the base.
    tensors: Vec<TensorRecord<'a>>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct TensorRecord<'a> {
    name: &'a str,
    bytes: usize,
    sha256: String,
}

impl ReplayReport<'_> {
    /// Formats that it is written in.
    pub const FORMATS: [Format; 4] = [Format::Table, Format::Json, Format::Markdown, Format::Html];

    /// Writes the report.
    ///
    /// # Errors
    /// Where `out` does not take it.
    pub fn write(&self, format: Format, page: &Page, out: &mut dyn Write) -> io::Result<()> {
        let document = |out: &mut dyn Write| json::write_document(&self.record(), out);
        parts::write_short(document, &self.sheet(), format, page, out)
    }

    fn record(&self) -> Record<'_> {
        Record {
            schema: SCHEMA,
            tool: Tool::THIS,
            model: self.model.to_string_lossy().into_owned(),
            ledger: self.ledger.path.to_string_lossy().into_owned(),
            ledger_version: &self.ledger.header.version,
            ledger_steps: self.ledger.lines.len(),
            steps: self.steps,
            written: self.written.to_string_lossy().into_owned(),
            tensors: self.tensors.iter().map(TensorRecord::from).collect(),
        }
    }

    fn sheet(&self) -> Sheet {
        let row = |tensor: &StoredTensor| {
            let hash: String = sha256_of(&tensor.bytes).chars().take(12).collect();
            vec![tensor.name.clone(), hash, bytes(tensor.bytes.len() as u64)]
        };
        Sheet {
            command: "edit",
            tone: Tone::Good,
            headline: format!("{} of {} made again", counted(self.steps, "step"), self.ledger.path.display()),
            notes: vec!["each gave the bits that its line tells of".to_owned()],
            facts: vec![
                ("model", self.model.display().to_string()),
                ("written", self.written.display().to_string()),
            ],
            grids: vec![Grid {
                title: "Tensors that differ from the base".to_owned(),
                headers: vec!["tensor", "SHA-256", "bytes"],
                text_columns: 2,
                rows: self.tensors.iter().map(row).collect(),
            }],
        }
    }
}

impl<'a> From<&'a StoredTensor> for TensorRecord<'a> {
    fn from(StoredTensor { name, bytes }: &'a StoredTensor) -> Self {
        Self { name, bytes: bytes.len(), sha256: sha256_of(bytes) }
    }
}

#[cfg(test)]
crate::report::schema::published!(SCHEMA, Record<'static>);
