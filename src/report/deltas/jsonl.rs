//! A JSON document a line: the record without its tensors, then one tensor a line, then the histogram.
//!
//! The field `record` says which: `summary`, `tensor`, `histogram`.
//!
//! ```text
//! {"schema": "diagnose.deltas/1", …, "record": "summary"}     once, first: all of the document but `tensors`
//! {"record": "tensor", "name": …}                             one a tensor, most changed first
//! {"record": "histogram", "name": …}                          last, where it was asked for
//! ```
//!
//! A reader can stop after the first line, or filter lines without holding the document in memory.

use std::io::{self, Write};

use serde::Serialize;

use super::record::{Head, HistogramRecord};
use super::tensor_record::TensorRecord;
use super::write::DeltasReport;
use crate::report::json;

#[derive(Serialize)]
struct SummaryLine<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    record: &'static str,
}

pub(super) fn write(report: &DeltasReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    json::write_line(&SummaryLine { head: report.deltas.into(), record: "summary" }, out)?;
    for tensor in &report.deltas.tensors {
        json::write_part("tensor", TensorRecord::from(tensor), out)?;
    }
    if let Some(histogram) = report.histogram {
        json::write_part("histogram", HistogramRecord::from(histogram), out)?;
    }
    Ok(())
}
