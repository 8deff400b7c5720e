//! Arguments of `diagnose sequence`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::EXIT_CODES;

const EXAMPLES: &str = "\
Examples:
  diagnose sequence edits.jsonl
      growth of the distance of each layer from a ledger, and the edits that jump
  diagnose sequence edits.jsonl evaluation.json --plot run.svg
      together with 'diagnose evaluate --ledger edits.jsonl': where scores decline and where they break
  diagnose sequence results/ROME/run_000 --fail-on collapse
      a folder of case_*.json; exit code 1 where the run collapses
  diagnose sequence gpt2/ step-100/ step-200/ step-300/
      checkpoints in order, each held against the first";

/// Tell what a run of many edits did to a model: growth, jumps, decline, collapse, forgetting
///
/// A RUN is a ledger, a record of 'diagnose evaluate --ledger', a folder of case_*.json, a result file of gradual-catastrophic-forgetting,
/// or a table (CSV, JSON lines, JSON, Parquet) with a column 'edit'. Two or more checkpoints are one run, in their order. An evaluation
/// is put together with its ledger where both are given.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub(in crate::cli) struct SequenceArgs {
    /// The runs
    #[arg(value_name = "RUN", required = true)]
    pub(in crate::cli) runs: Vec<PathBuf>,

    /// Growth exponent above which a distance grows faster than healthy ones; a random walk has 0.5
    #[arg(long, value_name = "X", default_value_t = 0.75, value_parser = exponent)]
    pub(in crate::cli) warn_exponent: f64,

    /// Draw every series, as .svg or .png
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) plot: Option<PathBuf>,

    /// Most rows of a table to show (json and jsonl have them all)
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(in crate::cli) top: usize,

    /// Exit with 1 where a run is this or worse
    #[arg(long, value_name = "LEVEL", help_heading = "Checks")]
    pub(in crate::cli) fail_on: Option<SequenceLevel>,
}

/// A level that `--fail-on` can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum SequenceLevel {
    /// Distances grow faster than a random walk, an edit jumps, or worse
    Warning,
    /// Scores break, or distances jump where there are no scores
    Collapse,
}

fn exponent(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(x) if x.is_finite() && x >= 0.5 => Ok(x),
        _ => Err("not a number from 0.5".to_owned()),
    }
}
