//! `diagnose report`: records of several runs as one page.

use std::path::PathBuf;

use super::args::ReportArgs;
use super::failure::Failure;
use super::output;
use super::settings::Settings;
use crate::reader::{list_records, read_record};
use crate::report::{CollectionReport, Format, Unread};

/// The cause of a document that is whole, and somebody else's.
const FOREIGN: &str = "dataset-layout";

/// Reads and lays out; the exit code says whether every record could be read.
///
/// A file that cannot be read is a row of the page and stops no other. A folder may hold other documents: they are rows too,
/// and no failure.
pub(super) fn run(args: &ReportArgs, settings: &Settings) -> Result<u8, Failure> {
    settings.format_else(&[Format::Html], Format::Html)?;
    let (mut records, mut unread, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for run in &args.runs {
        for path in list_records(run)? {
            match read_record(&path) {
                Ok(record) => records.push(record),
                Err(error) => {
                    if path == *run || error.kind() != FOREIGN {
                        failed.push(format!("check failed: {error}"));
                    }
                    unread.push(Unread { path, kind: error.kind(), reason: error.to_string() });
                }
            }
        }
    }
    if records.is_empty() {
        return Err(nothing(&args.runs, unread.first()));
    }
    let report = CollectionReport { title: &args.title, records: &records, unread: &unread };
    output::write(settings.output.as_deref(), |out| report.write(out))?;
    Ok(output::judged(&failed, settings.quiet))
}

/// Why there is no page at all.
fn nothing(runs: &[PathBuf], first: Option<&Unread>) -> Failure {
    let message = match first {
        Some(unread) => format!("no record could be read: {}", unread.reason),
        None => "no record could be read: there is no .json file in the folders that were named".to_owned(),
    };
    let failure = Failure::new("no-records", message).hint(
        "a record is what every command writes with --format json, or with -o and a name that ends in .json",
    );
    match runs {
        [run] => failure.at(run),
        _ => failure,
    }
}
