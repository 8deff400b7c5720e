//! An error as a record.

use std::io::{self, Write};

use serde::Serialize;

use super::json;

/// What could not be done, for a program to read: `{"error":{"kind","message","path"?,"hint"?}}`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ErrorRecord<'a> {
    /// A word that stays the same across versions (`usage`, `device`, `output`, a reader's kind).
    pub kind: &'a str,
    /// What was being done and what was found.
    pub message: &'a str,
    /// The file it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<&'a str>,
    /// What would fix it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<&'a str>,
}

/// What stands on stderr, on one line.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Document<'a> {
    error: &'a ErrorRecord<'a>,
}

impl ErrorRecord<'_> {
    /// The record on one line.
    ///
    /// # Errors
    /// Where `out` does not take it.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        json::write_line(&Document { error: self }, out)
    }
}

#[cfg(test)]
super::schema::published!("error", Document<'static>);
