//! `diagnose deltas`: opens two checkpoints, has them compared, writes the report, judges the checks.

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use rayon::prelude::*;

use super::args::{DeltasArgs, FailOn, Spectrum};
use super::failure::Failure;
use super::settings::Settings;
use super::{exit, output};
use crate::deltas::{self, Deltas, DeltasError, Level, Plan, Receipt, SpectrumPlan};
use crate::reader::{Checkpoint, ReadError, sha256};
use crate::report::{self, DeltasReport, Format};

/// Compares and reports; the exit code says whether the checks hold.
pub(super) fn run(args: &DeltasArgs, settings: &Settings) -> Result<u8, Failure> {
    let format = settings.format(&Format::ALL)?;
    if args.histogram.is_some() && format == Format::Csv {
        return Err(Failure::new("usage", "--histogram has no place in csv")
            .hint("use --format table, json, jsonl or markdown"));
    }
    settings.computes_on_cpu("deltas")?;
    let (before, after) = (open(&args.before, settings)?, open(&args.after, settings)?);
    let started = Instant::now();
    let compared = deltas::compare(&before, &after, &plan(args), &settings.narrator());
    let mut deltas = compared.map_err(incomparable)?;
    if settings.verbose {
        tell(&duration(&deltas, started));
    }
    if args.hash {
        deltas.before.sha256 = hashes(&before)?;
        deltas.after.sha256 = hashes(&after)?;
    }
    let histogram = args.histogram.as_ref().map(|name| deltas::histogram(&before, &after, name));
    let histogram = histogram.transpose().map_err(incomparable)?;
    let report = DeltasReport { deltas: &deltas, histogram: histogram.as_ref() };
    let page = settings.page(args.top);
    output::write(settings.output.as_deref(), |out| report.write(format, &page, out))?;
    let failed = failed_checks(&deltas, args.fail_on);
    if !settings.quiet {
        for check in &failed {
            tell(check);
        }
    }
    Ok(if failed.is_empty() { exit::OK } else { exit::CHECK_FAILED })
}

fn open(path: &Path, settings: &Settings) -> Result<Checkpoint, Failure> {
    Checkpoint::open(path, &settings.limits, settings.io).map_err(unreadable)
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn unreadable(error: ReadError) -> Failure {
    let mut failure = Failure::new(error.kind(), format!("cannot read {error}"));
    if let Some(path) = error.path() {
        failure = failure.at(path);
    }
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn incomparable(error: DeltasError<ReadError>) -> Failure {
    match error {
        DeltasError::Read(error) => unreadable(error),
        DeltasError::NothingSelected(_) => Failure::new("nothing-selected", error),
        DeltasError::NoSuchTensor(_) => Failure::new("no-such-tensor", error),
        DeltasError::NotNumeric { .. } => Failure::new("not-numeric", error),
    }
}

/// The plan as meant.
fn plan(args: &DeltasArgs) -> Plan {
    Plan {
        only: args.only.clone(),
        spectrum: match args.spectrum {
            None => SpectrumPlan::default(),
            Some(Spectrum::Leading(k)) => SpectrumPlan::Every(k),
            Some(Spectrum::None) => SpectrumPlan::Skip,
        },
        norms: args.norms,
        receipt: Receipt {
            expect: args.expect.clone(),
            expect_rank: args.expect_rank,
            forbid_others: args.forbid_others,
            expect_changed: args.expect_changed,
            expect_identical: args.expect_identical,
        },
    }
}

/// Name and SHA-256 of each file.
fn hashes(checkpoint: &Checkpoint) -> Result<Vec<(String, String)>, Failure> {
    let hashes = checkpoint.files().par_iter().map(|file| Ok((file.name(), sha256(file)?)));
    hashes.collect::<Result<_, _>>().map_err(unreadable)
}

/// The checks that were asked for and do not hold, each in a sentence.
fn failed_checks(deltas: &Deltas, fail_on: Option<FailOn>) -> Vec<String> {
    let threshold = fail_on.map(|level| match level {
        FailOn::Suspect => (Level::Suspect, "suspect"),
        FailOn::Collapsed => (Level::Collapsed, "collapsed"),
    });
    let verdict = threshold
        .filter(|&(level, _)| deltas.verdict.level >= level)
        .map(|(_, name)| format!("check failed: the verdict is at or above --fail-on {name}"));
    let broken = deltas.expectations.iter().filter(|expectation| !expectation.held);
    let broken =
        broken.map(|expectation| format!("check failed: {}: {}", expectation.expect, expectation.found));
    verdict.into_iter().chain(broken).collect()
}

fn duration(deltas: &Deltas, started: Instant) -> String {
    let (read, threads) = (deltas.before.bytes + deltas.after.bytes, rayon::current_num_threads());
    let seconds = report::significant(started.elapsed().as_secs_f64(), 3);
    format!("compared {} in {seconds} s on {threads} threads", report::bytes(read))
}

/// A line on stderr; that it cannot be written changes nothing.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{}", crate::tensor::Printable(line));
}
