//! Arguments of `diagnose report`.

use std::path::PathBuf;

use clap::Args;

use super::EXIT_CODES;

const EXAMPLES: &str = "\
Examples:
  diagnose report deltas.json keys.json perplexity.json -o report.html
      what was changed, why it is or is not a collapse, and what the model reads like now, on one page
  diagnose report runs/ -o report.html --title 'GPT-2 XL after 50 edits'
      every record of a folder";

/// Lay records of other commands out as one HTML page: the verdict first, then why, with pictures
///
/// A record is the JSON document that a command writes (--format json, or -o with a name that ends in .json). The page is one
/// file that asks nothing of a network; it repeats verdicts and numbers and makes none. A file that is no record is a row of the
/// page and stops no other; the exit code is 1 then, and 2 where there is no record at all.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub(in crate::cli) struct ReportArgs {
    /// Records, or folders of them
    #[arg(required = true, value_name = "RUN")]
    pub(in crate::cli) runs: Vec<PathBuf>,

    /// Title of the page
    #[arg(long, value_name = "TEXT", default_value = "What was found")]
    pub(in crate::cli) title: String,
}
