//! A row a value of a series: run, series, edits done, value, and the phase of the series there.

use std::io::{self, Write};

use super::write::SequenceReport;
use crate::report::escape::{as_io, number, plain};
use crate::sequence::analysis::{Course, RunAnalysis};

pub(super) fn write(report: &SequenceReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut file = csv::Writer::from_writer(out);
    let head = ["source", "series", "measure", "layer", "edit", "value", "phase"];
    file.write_record(head).map_err(as_io)?;
    report.runs.iter().try_for_each(|run| rows(run, &mut file)).map_err(as_io)?;
    file.flush()
}

fn rows(found: &RunAnalysis, file: &mut csv::Writer<&mut dyn Write>) -> csv::Result<()> {
    for (series, course) in found.run.series.iter().zip(&found.courses) {
        for (edit, value) in &series.points {
            let phase = course.as_ref().ok().and_then(|course| phase(course, *edit)).unwrap_or_default();
            file.write_record([
                plain(&found.run.path.to_string_lossy()),
                plain(&series.name),
                series.measure.name().to_owned(),
                series.measure.layer().map(plain).unwrap_or_default(),
                edit.to_string(),
                number(*value),
                phase.to_owned(),
            ])?;
        }
    }
    Ok(())
}

/// The phase of a course at an edit; none before its first.
fn phase(course: &Course, edit: u64) -> Option<&'static str> {
    course.phases.iter().rev().find(|phase| phase.from_edit <= edit).map(|phase| phase.kind.name())
}
