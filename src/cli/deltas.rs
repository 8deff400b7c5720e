//! `diagnose deltas`: opens two checkpoints, has them compared, writes the report, judges the checks.

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use globset::{Glob, GlobSet, GlobSetBuilder};

use super::args::{DeltasArgs, FailOn, Spectrum};
use super::failure::Failure;
use super::settings::Settings;
use super::{exit, output};
use crate::deltas::{self, Deltas, DeltasError, Level, Plan, Receipt, SpectrumPlan};
use crate::reader::Checkpoint;
use crate::report::{self, DeltasReport, Format};

/// Singular values of each spectrum where none are asked for by number.
const SINGULAR_VALUES: usize = 8;

/// Compares and reports; the exit code says whether the checks hold.
pub(super) fn run(args: &DeltasArgs, settings: &Settings) -> Result<u8, Failure> {
    let format = settings.format(&Format::ALL)?;
    if args.histogram.is_some() && format == Format::Csv {
        return Err(Failure::new("usage", "--histogram has no place in csv").hint("use another --format"));
    }
    let plan = plan(args)?;
    settings.computes_on_cpu("deltas")?;
    let (before, after) = (open(&args.before, settings)?, open(&args.after, settings)?);
    let started = Instant::now();
    let deltas = deltas::compare(&before, &after, &plan, &settings.narrator()).map_err(incomparable)?;
    if settings.verbose {
        tell(&speed(&deltas, started));
    }
    let histogram =
        args.histogram.as_deref().map(|name| deltas::histogram(&before, &after, name).map(|h| (name, h)));
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
    Checkpoint::open(path, &settings.limits, settings.io).map_err(|error| {
        let failure = Failure::new(error.kind(), &error).at(error.path().unwrap_or(path));
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })
}

fn incomparable(error: DeltasError) -> Failure {
    Failure::new("deltas", error)
}

/// The plan as meant. Globs are checked here, before any file is opened.
fn plan(args: &DeltasArgs) -> Result<Plan, Failure> {
    globs("--expect", &args.expect)?;
    Ok(Plan {
        only: globs("--only", &args.only)?,
        spectrum: match args.spectrum {
            None => SpectrumPlan::Leading { k: SINGULAR_VALUES, all: false },
            Some(Spectrum::Leading(k)) => SpectrumPlan::Leading { k, all: true },
            Some(Spectrum::None) => SpectrumPlan::None,
        },
        norms: args.norms,
        hash: args.hash,
        expectations: Receipt {
            expect: args.expect.clone(),
            expect_rank: args.expect_rank,
            forbid_others: args.forbid_others,
            expect_changed: args.expect_changed,
            expect_identical: args.expect_identical,
        },
    })
}

/// A set of globs, or `None` where there are none.
fn globs(flag: &str, patterns: &[String]) -> Result<Option<GlobSet>, Failure> {
    let unclear = |error: globset::Error| {
        let pattern = error.glob().unwrap_or_default();
        Failure::new("usage", format!("{flag} '{pattern}' is no pattern: {}", error.kind()))
            .hint("* stands for any text, ? for one character, [a-z] for one of a set, {a,b} for either")
    };
    if patterns.is_empty() {
        return Ok(None);
    }
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(Glob::new(pattern).map_err(unclear)?);
    }
    set.build().map(Some).map_err(unclear)
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
