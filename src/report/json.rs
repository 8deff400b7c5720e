//! Strict JSON: what every record shares.
//!
//! A value that is not a finite number is `null`, and its field's name stands in a sibling `nonfinite`.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::number::nonfinite_name;

/// The program that wrote a record.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Tool {
    /// `diagnose`.
    name: &'static str,
    /// Of the program that wrote the record.
    version: &'static str,
}

impl Tool {
    /// This program.
    pub(super) const THIS: Self = Self { name: "diagnose", version: env!("CARGO_PKG_VERSION") };
}

/// The fields of one record that hold no finite number, each with what it holds.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(extend("additionalProperties" = {"enum": ["nan", "inf", "-inf"]})))]
#[serde(transparent)]
pub(super) struct NonFiniteFields(BTreeMap<String, &'static str>);

impl NonFiniteFields {
    /// `x` where it is finite; else nothing, and the field is noted.
    pub(super) fn keep(&mut self, field: &str, x: f64) -> Option<f64> {
        if x.is_finite() {
            return Some(x);
        }
        self.0.insert(field.to_owned(), nonfinite_name(x));
        None
    }

    /// Each of a list; a missing one is noted as `field[3]`.
    pub(super) fn keep_all(&mut self, field: &str, xs: &[f64]) -> Vec<Option<f64>> {
        xs.iter().enumerate().map(|(i, &x)| self.keep(&format!("{field}[{i}]"), x)).collect()
    }

    /// Whether every field is finite.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A record as one indented document.
pub(super) fn write_document(record: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, record)?;
    out.write_all(b"\n")
}

/// A line of many: what it is (`record`), then its fields.
pub(super) fn write_part(
    record: &'static str,
    content: impl Serialize,
    out: &mut dyn Write,
) -> io::Result<()> {
    write_line(&Part { record, content }, out)
}

#[derive(Serialize)]
struct Part<T> {
    record: &'static str,
    #[serde(flatten)]
    content: T,
}

/// A record on one line.
pub(super) fn write_line(record: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, record)?;
    out.write_all(b"\n")
}
