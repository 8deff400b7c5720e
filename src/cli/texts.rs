//! The texts of a command: those that can be used, and those that cannot, told and counted.

use std::io::Write as _;
use std::path::Path;

use super::failure::Failure;
use crate::reader::{BadRecord, read_texts};
use crate::tensor::Printable;

/// Bad records that are told one by one.
const TOLD: usize = 5;

/// The texts of a file.
#[derive(Debug)]
pub(super) struct Texts {
    /// Those that can be used.
    pub(super) usable: Vec<String>,
    /// Where each stands among the file's records, from 0.
    pub(super) indices: Vec<usize>,
    /// The others.
    pub(super) bad: Vec<BadRecord>,
}

impl Texts {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let mut found = Self { usable: Vec::new(), indices: Vec::new(), bad: Vec::new() };
        for (index, row) in read_texts(path)?.into_iter().enumerate() {
            match row {
                Ok(text) => {
                    found.usable.push(text.text);
                    found.indices.push(index);
                }
                Err(bad) => found.bad.push(bad),
            }
        }
        Ok(found)
    }

    /// Tells on stderr what could not be used; true where there is any.
    pub(super) fn tell_bad(&self, path: &Path, quiet: bool) -> bool {
        let mut out = std::io::stderr().lock();
        let mut tell = |line: String| {
            if !quiet {
                // A stderr that takes nothing changes nothing.
                let _ = writeln!(out, "{}", Printable(&line));
            }
        };
        for bad in self.bad.iter().take(TOLD) {
            tell(format!("{}: {bad}", path.display()));
        }
        if !self.bad.is_empty() {
            let (bad, all) = (self.bad.len(), self.bad.len() + self.usable.len());
            tell(format!("check failed: {}: {bad} of {all} records could not be used", path.display()));
        }
        !self.bad.is_empty()
    }
}
