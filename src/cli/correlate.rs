//! `diagnose correlate`: how well perplexity explains the scores of tasks.

use std::path::Path;

use super::args::{CorrelateArgs, IntervalArg, MethodArg, PArg};
use super::failure::Failure;
use super::keys::plot_format;
use super::settings::Settings;
use super::{exit, output};
use crate::compute::Device;
use crate::correlate::{Correlations, IntervalChoice, PChoice, Plan, correlate, scatter};
use crate::reader::{Table, read_tables};
use crate::regress::{Direction, known_direction};
use crate::report::{CorrelatePlot, CorrelateReport, Format, PlotFormat};
use crate::stats::Measure;

/// Pairs that are drawn at most.
const PANELS: usize = 12;

/// Compares and reports.
pub(super) fn run(args: &CorrelateArgs, settings: &Settings) -> Result<u8, Failure> {
    let format = settings.format(&Format::ALL)?;
    let device = settings.device()?;
    let plot = args.plot.as_deref().map(|path| plot_format(path).map(|format| (path, format))).transpose()?;
    output::check(args.plot.as_deref())?;
    let table = read_tables(&args.tables)?;
    let plan = plan(args, &device);
    let correlations = correlate(&table, &plan)?;
    let report = CorrelateReport { tables: &args.tables, plan: &plan, correlations: &correlations };
    output::write(settings.output.as_deref(), |out| report.write(format, &settings.page(args.top), out))?;
    match plot {
        Some(plot) => draw(plot, &table, &correlations, report).map(|()| exit::OK),
        None => Ok(exit::OK),
    }
}

fn plan<'a>(args: &'a CorrelateArgs, device: &'a Device) -> Plan<'a> {
    Plan {
        x: args.x.as_deref(),
        y: &args.y,
        by: &args.by,
        measure: match args.method {
            MethodArg::Spearman => Measure::Spearman,
            MethodArg::Kendall => Measure::Kendall,
            MethodArg::Pearson => Measure::Pearson,
        },
        p: match args.p {
            PArg::Auto => PChoice::Auto,
            PArg::Exact => PChoice::Exact,
            PArg::Permutation => PChoice::Permutation,
            PArg::T => PChoice::Limit,
        },
        permutations: args.permutations,
        interval: match args.interval {
            IntervalArg::Fisher => IntervalChoice::Fisher,
            IntervalArg::Bootstrap => IntervalChoice::Bootstrap,
        },
        resamples: usize::try_from(args.resamples).unwrap_or(usize::MAX),
        seed: args.seed,
        collapsed: args.collapsed.as_ref(),
        device,
        higher_is_better: |name| known_direction(name).map(|direction| direction == Direction::Higher),
    }
}

/// The first pairs that have a coefficient.
fn draw(
    (path, format): (&Path, PlotFormat),
    table: &Table,
    correlations: &Correlations,
    report: CorrelateReport<'_>,
) -> Result<(), Failure> {
    let pairs =
        correlations.groups.iter().flat_map(|group| group.pairs.iter().map(move |pair| (group, pair)));
    let drawn = pairs.filter_map(|(group, pair)| Some((group, pair, scatter(table, group, pair)?)));
    let panels: Vec<_> = drawn.take(PANELS).collect();
    if panels.is_empty() {
        return Err(Failure::new("nothing-to-draw", "no pair of columns has a coefficient to draw"));
    }
    output::write(Some(path), |out| CorrelatePlot { report, panels: &panels }.write(format, out))
}
