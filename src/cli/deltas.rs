//! `diagnose deltas`: opens two checkpoints, has them compared, writes the report, judges the checks.

use std::path::Path;
use std::time::Instant;

use rayon::prelude::*;

use super::args::{DeltasArgs, FailOn, Spectrum};
use super::failure::Failure;
use super::output;
use super::settings::Settings;
use crate::compute::Device;
use crate::deltas::{self, Deltas, DeltasError, Expectation, Level, Plan, Receipt, SpectrumPlan, Status};
use crate::reader::{Checkpoint, Ledger, ReadError, sha256};
use crate::report::{self, DeltasReport, Format};
use crate::sequence::{LedgerCheck, check_against};
use crate::tensor::listed;

/// Compares and reports; the exit code says whether the checks hold.
///
/// Format, histogram and device are settled before a file is opened, and both sides are opened (headers read
/// and checked) before a tensor is read. The report is written whatever the checks say, and before they are
/// told, so that a failing check comes with its evidence. `--quiet` silences the sentences and not the code.
pub(super) fn run(args: &DeltasArgs, settings: &Settings) -> Result<u8, Failure> {
    let format = settings.format(&Format::ALL)?;
    if args.histogram.is_some() && matches!(format, Format::Csv | Format::Parquet) {
        return Err(Failure::new("usage", format!("--histogram has no place in {format}"))
            .hint("use --format table, json, jsonl or markdown"));
    }
    let device = settings.device()?;
    let (before, after) = (open(&args.before, settings)?, open(&args.after, settings)?);
    let started = Instant::now();
    let compared = deltas::compare(&before, &after, &plan(args, device), &settings.narrator());
    let mut deltas = compared.map_err(incomparable)?;
    if settings.verbose {
        output::tell(&duration(&deltas, started));
    }
    if let Some(path) = &args.ledger {
        deltas.expectations.push(against_ledger(path, &before, &after, &deltas)?);
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
    // Taking down the pages of a large map is work of its own: one thread for each side.
    rayon::join(|| drop(before), || drop(after));
    Ok(output::judged(&failed_checks(&deltas, args.fail_on), settings.quiet))
}

fn open(path: &Path, settings: &Settings) -> Result<Checkpoint, Failure> {
    Checkpoint::open(path, &settings.limits, settings.io).map_err(Failure::from)
}

pub(super) fn incomparable(error: DeltasError<ReadError>) -> Failure {
    match error {
        DeltasError::Read(error) => error.into(),
        DeltasError::Device(error) => Failure::new("device", error)
            .hint("give less --device-memory, or run it on the processor with --device cpu"),
        DeltasError::NothingSelected(_) => Failure::new("nothing-selected", error),
        DeltasError::NoSuchTensor(_) => Failure::new("no-such-tensor", error),
        DeltasError::NotNumeric { .. } => Failure::new("not-numeric", error),
    }
}

/// Whether the change is that of a ledger: its tensors to the last bit, and no other.
fn against_ledger(
    path: &Path,
    before: &Checkpoint,
    after: &Checkpoint,
    deltas: &Deltas,
) -> Result<Expectation, Failure> {
    let ledger = Ledger::read(path)?;
    let LedgerCheck { mut held, mut found } = check_against(&ledger, before, after)?;
    let told = |name: &str| ledger.header.base.iter().any(|tensor| tensor.name == name);
    let others =
        deltas.tensors.iter().filter(|tensor| tensor.status != Status::Identical && !told(&tensor.name));
    let others: Vec<&str> = others.map(|tensor| tensor.name.as_str()).collect();
    if !others.is_empty() {
        held = false;
        found = format!("{found}, but tensors that it does not tell of differ too: {}", listed(others));
    }
    Ok(Expectation { expect: format!("--ledger {}", path.display()), held, found })
}

/// The plan as meant.
fn plan(args: &DeltasArgs, device: Device) -> Plan {
    Plan {
        device,
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
    hashes.collect::<Result<_, ReadError>>().map_err(Failure::from)
}

/// The checks that were asked for and do not hold, each in a sentence.
fn failed_checks(deltas: &Deltas, fail_on: Option<FailOn>) -> Vec<String> {
    let threshold = fail_on.map(|level| match level {
        FailOn::Suspect => Level::Suspect,
        FailOn::Collapsed => Level::Collapsed,
    });
    let level = deltas.verdict.level;
    let too_bad = threshold.filter(|&threshold| level >= threshold).map(|threshold| {
        let [level, threshold] = [level, threshold].map(report::level_name);
        format!("check failed: --fail-on {threshold}: the verdict is {level}")
    });
    let broken = deltas.expectations.iter().filter(|expectation| !expectation.held);
    let broken =
        broken.map(|expectation| format!("check failed: {}: {}", expectation.expect, expectation.found));
    too_bad.into_iter().chain(broken).collect()
}

fn duration(deltas: &Deltas, started: Instant) -> String {
    let (read, threads) = (deltas.before.bytes + deltas.after.bytes, rayon::current_num_threads());
    let seconds = report::significant(started.elapsed().as_secs_f64(), 3);
    format!("compared {} in {seconds} s on {threads} threads", report::bytes(read))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deltas::{Calibration, Expectation, Side, Signature, SignatureKind, Summary, Verdict};

    fn found(level: Level) -> Deltas {
        let side =
            || Side { path: "x".into(), files: 1, tensors: 1, parameters: 1, bytes: 4, sha256: vec![] };
        let calibration = Calibration { calibrated: false, basis: String::new() };
        Deltas {
            before: side(),
            after: side(),
            summary: Summary::default(),
            verdict: Verdict { level, reasons: vec![], calibration },
            expectations: vec![],
            signature: Signature {
                kind: SignatureKind::None,
                layers: vec![],
                estimated_edits: None,
                reasons: vec![],
            },
            tensors: vec![],
        }
    }

    #[test]
    fn a_verdict_fails_at_its_threshold_and_beyond_and_only_where_one_is_given() {
        use Level::{Collapsed, Healthy, Identical, Invalid, Suspect};
        let failing = |fail_on| {
            let levels = [Identical, Healthy, Suspect, Collapsed, Invalid];
            levels
                .into_iter()
                .filter(|&level| !failed_checks(&found(level), fail_on).is_empty())
                .collect::<Vec<_>>()
        };
        assert_eq!(failing(None), []);
        assert_eq!(failing(Some(FailOn::Suspect)), [Suspect, Collapsed, Invalid]);
        assert_eq!(failing(Some(FailOn::Collapsed)), [Collapsed, Invalid]);
    }

    #[test]
    fn every_expectation_that_does_not_hold_is_a_failed_check() {
        let expectation =
            |expect: &str, held| Expectation { expect: expect.into(), held, found: "so".into() };
        let deltas = Deltas {
            expectations: vec![expectation("a", true), expectation("b", false)],
            ..found(Level::Healthy)
        };
        assert_eq!(failed_checks(&deltas, None), ["check failed: b: so"]);
    }
}
