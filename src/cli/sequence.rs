//! `diagnose sequence`: what a run of many edits did to a model.
//!
//! The exit code is 1 where a run is as bad as `--fail-on` says. Records that cannot be used are told of, and stop no other.

use std::fs;
use std::path::{Path, PathBuf};

use super::args::{SequenceArgs, SequenceLevel};
use super::deltas::incomparable;
use super::failure::Failure;
use super::keys::plot_format;
use super::output;
use super::progress::Unit;
use super::settings::Settings;
use crate::deltas::Progress as _;
use crate::reader::{Ledger, Run, RunSource, read_run};
use crate::report::{Format, SequencePlot, SequenceReport};
use crate::sequence::analysis::{AnalysisPlan, Level, RunAnalysis, analyse, checkpoint_run, ledger_run};

/// Reads, analyses and reports.
pub(super) fn run(args: &SequenceArgs, settings: &Settings) -> Result<u8, Failure> {
    let format = settings.format(&Format::ALL)?;
    settings.computes_on_cpu("sequence")?;
    let plot = args.plot.as_deref().map(|path| plot_format(path).map(|format| (path, format))).transpose()?;
    output::check(args.plot.as_deref())?;
    let plan = AnalysisPlan { warn_exponent: args.warn_exponent };
    let runs: Vec<RunAnalysis> = read(args, settings)?.into_iter().map(|run| analyse(run, &plan)).collect();
    let report = SequenceReport { runs: &runs, plan };
    output::write(settings.output.as_deref(), |out| report.write(format, &settings.page(args.top), out))?;
    if let Some((path, format)) = plot {
        let caption = caption(&runs);
        let plot = SequencePlot { runs: &runs, caption: &caption };
        output::write(Some(path), |out| plot.write(format, out))?;
    }
    Ok(output::judged(&failed_checks(&runs, args.fail_on), settings.quiet))
}

/// Every run that the arguments name: checkpoints are one together, an evaluation belongs to its ledger.
fn read(args: &SequenceArgs, settings: &Settings) -> Result<Vec<Run>, Failure> {
    let (mut runs, mut ledgers, mut checkpoints) = (Vec::new(), Vec::new(), Vec::new());
    for path in &args.runs {
        match read_run(path)? {
            RunSource::Runs(found) => runs.extend(found),
            RunSource::Ledger(ledger) => ledgers.push(of_ledger(&ledger, settings)?),
            RunSource::Checkpoint => checkpoints.push(path.clone()),
        }
    }
    for run in runs {
        let own = run
            .ledger
            .as_deref()
            .and_then(|path| ledgers.iter_mut().find(|ledger: &&mut Run| same(&ledger.path, path)));
        match own {
            Some(ledger) => ledger.unite(run),
            None => ledgers.push(run),
        }
    }
    match checkpoints.as_slice() {
        [] => {}
        [one] => {
            return Err(Failure::new(
                "one-checkpoint",
                format!("{} is one checkpoint, and no run", one.display()),
            )
            .at(one)
            .hint("name the checkpoint before the edits and those after it, in order"));
        }
        several => ledgers.push(of_checkpoints(several, settings)?),
    }
    Ok(ledgers)
}

fn of_ledger(ledger: &Ledger, settings: &Settings) -> Result<Run, Failure> {
    let narrator = settings.counter(Unit::Things("steps"));
    narrator.begin("summing updates", ledger.lines.len() as u64);
    let run = ledger_run(ledger, &settings.limits, &mut || narrator.advance(1));
    narrator.end();
    Ok(run?)
}

fn of_checkpoints(paths: &[PathBuf], settings: &Settings) -> Result<Run, Failure> {
    checkpoint_run(paths, &settings.limits, settings.io, &settings.narrator()).map_err(incomparable)
}

/// Whether two paths lead to one file.
fn same(a: &Path, b: &Path) -> bool {
    a == b || fs::canonicalize(a).ok().zip(fs::canonicalize(b).ok()).is_some_and(|(a, b)| a == b)
}

fn caption(runs: &[RunAnalysis]) -> String {
    match runs {
        [run] => format!("{}: {}", run.run.path.display(), run.level.name()),
        runs => format!("{} runs", runs.len()),
    }
}

fn failed_checks(runs: &[RunAnalysis], fail_on: Option<SequenceLevel>) -> Vec<String> {
    let threshold = fail_on.map(|level| match level {
        SequenceLevel::Warning => Level::Warning,
        SequenceLevel::Collapse => Level::Collapse,
    });
    let Some(threshold) = threshold else { return Vec::new() };
    let bad = runs.iter().filter(|run| run.level >= threshold);
    bad.map(|run| {
        let [level, threshold] = [run.level, threshold].map(Level::name);
        format!("check failed: --fail-on {threshold}: {} is {level}", run.run.path.display())
    })
    .collect()
}
