//! `diagnose deltas`: opens two checkpoints, has them compared, writes the report, judges the checks.

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use super::args::{DeltasArgs, FailOn, Spectrum};
use super::failure::Failure;
use super::settings::Settings;
use super::{exit, output};
use crate::deltas::{self, Deltas, DeltasError, Level, NamePattern, Plan, Receipt, SpectrumPlan};
use crate::reader::{self, Checkpoint, ReadError};
use crate::report::{self, DeltasReport, Format};

/// Compares and reports; the exit code says whether the checks hold.
pub(super) fn run(args: &DeltasArgs, settings: &Settings) -> Result<u8, Failure> {
    let format = settings.format(&Format::ALL)?;
    if args.histogram.is_some() && format == Format::Csv {
        return Err(Failure::new("usage", "--histogram has no place in csv").hint("use another --format"));
    }
    let plan = plan(args)?;
    let plan_histogram = patterns("--histogram", args.histogram.as_slice())?.pop();
    settings.computes_on_cpu("deltas")?;
    let (before, after) = (open(&args.before, settings)?, open(&args.after, settings)?);
    let started = Instant::now();
    let mut deltas = deltas::compare(&before, &after, &plan, &settings.narrator()).map_err(incomparable)?;
    if args.hash {
        deltas.before.sha256 = hashes(&before).map_err(|error| unreadable(&error))?;
        deltas.after.sha256 = hashes(&after).map_err(|error| unreadable(&error))?;
    }
    if settings.verbose {
        tell(&speed(&deltas, started));
    }
    let histogram =
        plan_histogram.as_ref().map(|name| deltas::histogram(&before, &after, name).map(|h| (name.as_str(), h)));
    let histogram = histogram.transpose().map_err(incomparable)?;
    let report = DeltasReport { deltas: &deltas, histogram: histogram.as_ref().map(|(name, h)| (*name, h)) };
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
    Checkpoint::open(path, &settings.limits, settings.io).map_err(|error| unreadable(&error))
}

fn unreadable(error: &ReadError) -> Failure {
    let mut failure = Failure::new(error.kind(), error);
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
        DeltasError::Read(error) => unreadable(&error),
        other => Failure::new("deltas", other),
    }
}

/// The plan as meant. Patterns are checked here, before any file is opened.
fn plan(args: &DeltasArgs) -> Result<Plan, Failure> {
    Ok(Plan {
        only: patterns("--only", &args.only)?,
        spectrum: match args.spectrum {
            None => SpectrumPlan::default(),
            Some(Spectrum::Leading(k)) => SpectrumPlan::Every(k),
            Some(Spectrum::None) => SpectrumPlan::Skip,
        },
        norms: args.norms,
        receipt: Receipt {
            expect: patterns("--expect", &args.expect)?,
            expect_rank: args.expect_rank,
            forbid_others: args.forbid_others,
            expect_changed: args.expect_changed,
            expect_identical: args.expect_identical,
        },
    })
}

fn patterns(flag: &str, texts: &[String]) -> Result<Vec<NamePattern>, Failure> {
    let unclear = |error| {
        Failure::new("usage", format!("{flag}: {error}"))
            .hint("* stands for any text, ? for one character, [a-z] for one of a set, {a,b} for either")
    };
    texts.iter().map(|text| text.parse().map_err(unclear)).collect()
}

/// File name and SHA-256 of each file of a checkpoint.
fn hashes(checkpoint: &Checkpoint) -> Result<Vec<(String, String)>, ReadError> {
    let hash = |file: &reader::SourceFile| {
        let name = file.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok((name, reader::sha256(file)?))
    };
    checkpoint.files().iter().map(hash).collect()
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

fn speed(deltas: &Deltas, started: Instant) -> String {
    let read = deltas.before.bytes + deltas.after.bytes;
    let seconds = started.elapsed().as_secs_f64();
    let rate = report::significant(read as f64 / seconds / 1e9, 3);
    let threads = rayon::current_num_threads();
    format!(
        "compared {} in {} s on {threads} threads: {rate} GB/s",
        report::bytes(read),
        report::significant(seconds, 3)
    )
}

/// A line on stderr; that it cannot be written changes nothing.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{}", crate::tensor::Printable(line));
}
