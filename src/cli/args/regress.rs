//! Arguments of `diagnose regress`, as they were typed.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::deltas::NamePattern;
use crate::regress::MetricTolerance;

const EXAMPLES: &str = "\
Examples:
  diagnose regress base.json edited.json
      two records of one command; write evaluations with --detail and perplexities with --per-text for paired tests
  diagnose regress lm-eval/base/ lm-eval/edited/ --tolerance 'hellaswag/*=0.01' --tolerance '*/word_perplexity=2%'
  diagnose regress base.csv now.csv --key model --noise repeated.csv --format markdown -o comment.md
  diagnose regress base.json now.json --format sarif -o regress.sarif --benchmark-json charts/";

const RULES: &str = "\
How a change is judged, by the first of these that there is:
  not finite  a value that was finite and is no longer is a regression
  tolerance   --tolerance, else regress.toml, else the spread of --noise: worse by more is a regression
  test        paired where both sides have the same samples, else by standard errors: significantly worse is one
  nothing     any worsening is one
A metric that is missing, or measured by another protocol, fails unless --allow-missing.

regress.toml in the current folder, or --rules FILE, keeps the same next to the code:
  noise = [\"runs.csv\"]
  lower-is-better = [\"latency/*\"]
  [tolerance]
  \"perplexity/mean_nll\" = 0.02
  \"*/acc\" = \"1%\"";

/// Compare two measurements metric by metric, and fail where one got worse
///
/// A measurement is a record of this program (perplexity, evaluate, deltas, keys, correlate, sequence; as json), a file or
/// folder of lm-evaluation-harness with its samples, or a table (CSV, JSON, JSON lines, Parquet).
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{RULES}"))]
pub(in crate::cli) struct RegressArgs {
    /// The measurement before
    pub(in crate::cli) baseline: PathBuf,
    /// The measurement now
    pub(in crate::cli) current: PathBuf,

    /// How far metrics may get worse: in their units, or in percent of the baseline; may be given again
    #[arg(long, value_name = "METRIC=ABS|REL%", help_heading = "Checks")]
    pub(in crate::cli) tolerance: Vec<MetricTolerance>,

    /// Metrics of which more is better; a name or a glob, may be given again
    #[arg(long, value_name = "METRIC", help_heading = "Checks")]
    pub(in crate::cli) higher_is_better: Vec<NamePattern>,

    /// Metrics of which less is better; a name or a glob, may be given again
    #[arg(long, value_name = "METRIC", help_heading = "Checks")]
    pub(in crate::cli) lower_is_better: Vec<NamePattern>,

    /// Metrics that are missing do not fail
    #[arg(long, help_heading = "Checks")]
    pub(in crate::cli) allow_missing: bool,

    /// Repeated runs of one model, whose spread tells how much a metric may move; may be given again
    #[arg(long, value_name = "FILE", help_heading = "Checks")]
    pub(in crate::cli) noise: Vec<PathBuf>,

    /// File of rules [default: regress.toml, where there is one]
    #[arg(long, value_name = "FILE", help_heading = "Checks")]
    pub(in crate::cli) rules: Option<PathBuf>,

    /// Compare only metrics whose name matches; may be given again
    #[arg(long, value_name = "GLOB")]
    pub(in crate::cli) only: Vec<NamePattern>,

    /// Column of a table that tells its rows apart
    #[arg(long, value_name = "COLUMN")]
    pub(in crate::cli) key: Option<String>,

    /// Chance of a false alarm that is accepted, between 0 and 1 [default: 0.05]
    #[arg(long, value_name = "P", value_parser = level, help_heading = "Tests")]
    pub(in crate::cli) alpha: Option<f64>,

    /// How the tests of all metrics are taken together [default: holm]
    #[arg(long, value_name = "METHOD", help_heading = "Tests")]
    pub(in crate::cli) correction: Option<CorrectionName>,

    /// Seed of the bootstrap intervals
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Tests")]
    pub(in crate::cli) seed: u64,

    /// Resamples of the bootstrap intervals
    #[arg(long, value_name = "N", default_value_t = crate::stats::RESAMPLES, help_heading = "Tests")]
    #[arg(value_parser = crate::cli::measure_args::resamples)]
    pub(in crate::cli) resamples: usize,

    /// Write the current values for github-action-benchmark too: DIR/bigger-is-better.json and smaller-is-better.json
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) benchmark_json: Option<PathBuf>,
}

/// A correction by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum CorrectionName {
    /// No false alarm in any metric, but for one gate in 1 / alpha
    Holm,
    /// Of the alarms a share of alpha may be false (Benjamini and Hochberg)
    Bh,
    /// Each metric for itself
    None,
}

/// A probability that is neither 0 nor 1.
pub(in crate::cli) fn level(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(alpha) if alpha > 0.0 && alpha < 1.0 => Ok(alpha),
        _ => Err("not a number between 0 and 1".to_owned()),
    }
}
