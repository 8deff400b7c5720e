//! Arguments of `diagnose correlate`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::correlate::Rule;

const EXAMPLES: &str = "\
Examples:
  diagnose correlate results/
      perplexity against every task in the results of lm-evaluation-harness, a row a file
  diagnose correlate edits.csv --x wikitext/word_perplexity --y sst2/acc rte/acc --by model,editor --plot scatter.svg
  diagnose correlate keys.json --x denominator_ratio --y key_distance --collapsed verdict.level=collapse
      how well a number tells collapsed edits from others, and where the line is best drawn
  diagnose correlate edits.parquet --method kendall --p permutation --permutations 100000 --seed 1";

/// Tell how well perplexity explains the scores of tasks: rank correlation, chance, intervals, separation
///
/// Rows come from CSV, JSON, JSON lines, Parquet, records of this program, or results of lm-evaluation-harness; those of several
/// tables are put one below the other, and columns are united by name. An infinite perplexity has the highest rank; a NaN has
/// none and is counted. p-values are adjusted for all comparisons of the report.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct CorrelateArgs {
    /// Tables, or folders of results of lm-evaluation-harness; - for stdin
    #[arg(value_name = "TABLE", required = true)]
    pub(in crate::cli) tables: Vec<PathBuf>,

    /// The column that explains [default: the one that is named like a perplexity]
    #[arg(long, value_name = "COLUMN")]
    pub(in crate::cli) x: Option<String>,

    /// Columns to explain; may be given again [default: every other that holds numbers alone, but for
    /// further measures of the task that x measures]
    #[arg(long, value_name = "COLUMN", num_args = 1..)]
    pub(in crate::cli) y: Vec<String>,

    /// Columns whose cells make groups of rows, between commas
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    pub(in crate::cli) by: Vec<String>,

    /// The measure of association
    #[arg(long, value_name = "METHOD", default_value = "spearman")]
    pub(in crate::cli) method: MethodArg,

    /// Where p-values come from
    #[arg(long, value_name = "KIND", default_value = "auto")]
    pub(in crate::cli) p: PArg,

    /// Permutations behind each p of --p permutation
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub(in crate::cli) permutations: u64,

    /// Where intervals come from
    #[arg(long, value_name = "KIND", default_value = "fisher")]
    pub(in crate::cli) interval: IntervalArg,

    /// Resamples of bootstrap intervals
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(in crate::cli) resamples: u32,

    /// Seed of permutations and bootstraps
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(in crate::cli) seed: u64,

    /// Which rows are collapsed models: a column of yes and no, or a comparison such as 'perplexity>=1000'; tells how well
    /// each column separates them from others
    #[arg(long, value_name = "RULE")]
    pub(in crate::cli) collapsed: Option<Rule>,

    /// Draw the pairs of the report by rank, with the trend, as .svg or .png; at most 12 of them
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) plot: Option<PathBuf>,

    /// Most groups to show (json, jsonl and csv have them all)
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(in crate::cli) top: usize,
}

/// A measure of association.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum MethodArg {
    /// ρ: how far ranks rise together
    Spearman,
    /// τ-b: how many pairs of rows agree
    Kendall,
    /// r: how near rows are to a line
    Pearson,
}

/// A source of p-values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum PArg {
    /// Exact for up to 22 rows without ties and 10 with, else t
    Auto,
    /// From every permutation; none where there are too many
    Exact,
    /// From seeded permutations
    Permutation,
    /// Student's t; of Kendall's τ the normal distribution
    T,
}

/// A source of intervals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum IntervalArg {
    /// Fisher's transformation, with the standard error of the method
    Fisher,
    /// Bias-corrected and accelerated bootstrap
    Bootstrap,
}
