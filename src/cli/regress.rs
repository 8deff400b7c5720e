//! `diagnose regress`: reads two measurements, compares them, writes the report; its exit code is the gate.

use std::fs;
use std::path::Path;

use super::args::RegressArgs;
use super::failure::Failure;
use super::regress_rules::rules;
use super::settings::Settings;
use super::{exit, output};
use crate::deltas::NamePattern;
use crate::reader::{
    ResultsKind, newest_of_each_task, read_lm_eval, read_lm_eval_samples, read_record, read_table,
    results_kind,
};
use crate::regress::{self, Direction, Metrics};
use crate::report::{Format, RegressReport};

/// Compares and reports; the exit code says whether a metric got worse, or is missing.
pub(super) fn run(args: &RegressArgs, settings: &Settings) -> Result<u8, Failure> {
    let format = settings.format(&Format::ALL)?;
    let (rules, key) = rules(args)?;
    let read = |path: &Path| measurement(path, key.as_deref()).map(|metrics| only(metrics, &args.only));
    let (baseline, current) = (read(&args.baseline)?, read(&args.current)?);
    let comparison = regress::compare(&baseline, &current, &rules)?;
    let report =
        RegressReport { baseline: &baseline, current: &current, comparison: &comparison, rules: &rules };
    let page = settings.page(0);
    if let Some(folder) = &args.benchmark_json {
        benchmarks(folder, &report)?;
    }
    output::write(settings.output.as_deref(), |out| report.write(format, &page, out))?;
    let failed = report.failed();
    if !settings.quiet {
        for line in failed.iter().take(TOLD) {
            output::tell(line);
        }
        if failed.len() > TOLD {
            output::tell(&format!("and {} more checks failed", failed.len() - TOLD));
        }
    }
    Ok(if failed.is_empty() { exit::OK } else { exit::CHECK_FAILED })
}

/// Failed metrics that are told on stderr; the report has them all.
const TOLD: usize = 20;

/// Metrics of whatever a path is.
fn measurement(path: &Path, key: Option<&str>) -> Result<Metrics, Failure> {
    Ok(match results_kind(path)? {
        ResultsKind::Record => regress::of_record(&read_record(path)?)?,
        ResultsKind::Table => regress::of_table(&read_table(path)?, key)?,
        ResultsKind::LmEval => {
            let runs = read_lm_eval(path)?.into_iter().collect::<Result<Vec<_>, _>>()?;
            let with_samples = |run| -> Result<_, Failure> {
                let samples = read_lm_eval_samples(&run)?;
                Ok((run, samples))
            };
            let newest = newest_of_each_task(runs).into_iter().map(with_samples);
            regress::of_lm_eval(path, &newest.collect::<Result<Vec<_>, _>>()?)?
        }
    })
}

fn only(mut metrics: Metrics, patterns: &[NamePattern]) -> Metrics {
    metrics
        .rows
        .retain(|metric| patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(&metric.name)));
    metrics
}

/// The two files of github-action-benchmark, in a folder that is made where it is not there.
fn benchmarks(folder: &Path, report: &RegressReport<'_>) -> Result<(), Failure> {
    let failed =
        |error| Failure::new("output", format!("cannot make {}: {error}", folder.display())).at(folder);
    fs::create_dir_all(folder).map_err(failed)?;
    for (name, direction) in
        [("bigger-is-better.json", Direction::Higher), ("smaller-is-better.json", Direction::Lower)]
    {
        output::write(Some(&folder.join(name)), |out| report.write_benchmark(direction, out))?;
    }
    Ok(())
}
