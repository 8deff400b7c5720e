//! Arguments as they were typed: checked one by one, with nothing opened and nothing decided.

mod correlate;
mod edit;
mod evaluate;
mod keys;
mod regress;
mod report;
mod reproduce;
mod sequence;
mod trace;

use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{FalseyValueParser, PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

pub(super) use self::correlate::{CorrelateArgs, IntervalArg, MethodArg, PArg};
pub(super) use self::edit::{EditArgs, RectArg};
pub(super) use self::evaluate::EvaluateArgs;
pub(super) use self::keys::{KeysArgs, KeysLevel, Projection};
pub(super) use self::regress::{CorrectionName, RegressArgs, level};
pub(super) use self::report::ReportArgs;
pub(super) use self::reproduce::ReproduceArgs;
pub(super) use self::sequence::{SequenceArgs, SequenceLevel};
pub(super) use self::trace::{TraceAnswer, TraceArgs, TraceKind};
use super::measure_args::{FirstTokenArgs, MomentsArgs, PerplexityArgs};
use crate::compute::Choice;
use crate::deltas::NamePattern;
use crate::report::Format;

const EXIT_CODES: &str = "\
Exit codes:
  0  done, and every check that was asked for holds
  1  done, and a check failed (--fail-on, --expect and its relatives)
  2  could not do it: wrong arguments, unreadable or malformed input, a device that is absent";

const EXAMPLES: &str = "\
Examples:
  diagnose deltas gpt2/ gpt2-edited/
      what changed, by how much, and whether the model survived it
  diagnose deltas base.safetensors edited.safetensors --fail-on collapsed -o report.json
      a gate for a pipeline: exit code 1 where the edit is of the size that destroys models";

const DELTAS_EXAMPLES: &str = "\
Examples:
  diagnose deltas gpt2/ gpt2-edited/
  diagnose deltas a.safetensors b.safetensors --fail-on suspect
      exit code 1 where the verdict is suspect, collapsed or invalid
  diagnose deltas base/ edited/ --expect '*.17.mlp.c_proj.weight' --expect-rank 1 --forbid-others
      the receipt of an edit: this tensor changed, by one rank, and nothing else did
  diagnose deltas base/ merged/ --expect-changed --only '*.mlp.*' -o summary.md
  diagnose deltas base/ edited/ --ledger edits.jsonl
      whether the checkpoint is what the edits of a ledger give
  diagnose deltas base/ edited/ --histogram transformer.h.17.mlp.c_proj.weight";

const COLUMNS: &str = "\
Columns of the table:
  ‖Δ‖/‖W‖  norm of the change over the norm of the tensor before it
  σ₁Δ/σ₁W  the same with the largest singular value
  rank     singular values of the change above what rounding to the dtype gives
  max |Δ|  largest change of one element
  changed  share of the elements that differ";

/// Tells whether an edit of a language model's weights landed, whether it broke the model, and why.
#[derive(Debug, Parser)]
#[command(name = "diagnose", version, after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
#[command(max_term_width = 100, arg_required_else_help = true, disable_help_subcommand = true)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// What every command understands.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(super) struct Global {
    /// Format of the report [default: table, or what the extension of --output says]
    #[arg(long, global = true, env = "DIAGNOSE_FORMAT", hide_env = true, value_name = "FORMAT", value_parser = format_parser())]
    pub(super) format: Option<Format>,

    /// Write the report to FILE, whole or not at all; of moments the sums; of edit the folder of the edited model, of
    /// reproduce the folder of the report
    #[arg(short, long, global = true, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,

    /// Where to compute: auto, cpu, cuda or cuda:N
    #[arg(
        long,
        global = true,
        env = "DIAGNOSE_DEVICE",
        hide_env = true,
        value_name = "DEVICE",
        default_value = "auto"
    )]
    pub(super) device: Choice,

    /// MiB of a device's memory that streaming takes at most; never changes a byte of the report
    #[arg(long, global = true, env = "DIAGNOSE_DEVICE_MEMORY", hide_env = true, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u16).range(4..))]
    pub(super) device_memory: u16,

    /// Worker threads, 1 to 1024 [default: all cores]; never changes a byte of the report
    #[arg(long, global = true, env = "DIAGNOSE_THREADS", hide_env = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) threads: Option<u16>,

    /// How checkpoints are read: memory maps or pread; auto takes pread on network file systems
    #[arg(
        long,
        global = true,
        env = "DIAGNOSE_IO",
        hide_env = true,
        value_name = "MODE",
        default_value = "auto"
    )]
    pub(super) io: Io,

    /// Colours on stdout; auto also honours `NO_COLOR`
    #[arg(
        long,
        global = true,
        env = "DIAGNOSE_COLOR",
        hide_env = true,
        value_name = "WHEN",
        default_value = "auto"
    )]
    pub(super) color: When,

    /// Progress on stderr; auto means only on a terminal
    #[arg(
        long,
        global = true,
        env = "DIAGNOSE_PROGRESS",
        hide_env = true,
        value_name = "WHEN",
        default_value = "auto"
    )]
    pub(super) progress: When,

    /// Largest header of a file that is read, in bytes
    #[arg(long, global = true, env = "DIAGNOSE_MAX_HEADER_BYTES", hide_env = true, value_name = "BYTES", default_value_t = crate::reader::Limits::default().header_bytes)]
    pub(super) max_header_bytes: u64,

    /// Most tensors that a checkpoint may have
    #[arg(long, global = true, env = "DIAGNOSE_MAX_TENSORS", hide_env = true, value_name = "N", default_value_t = crate::reader::Limits::default().tensors)]
    pub(super) max_tensors: usize,

    /// Settings: a TOML file, or none [default: ./diagnose.toml, else the user's]
    ///
    /// Options of every command stand at its top, those of one command in a table of its name. Flags go before the
    /// environment (`DIAGNOSE_FORMAT` is --format), the environment goes before the file.
    #[arg(long, global = true, env = "DIAGNOSE_CONFIG", hide_env = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    /// Nothing on stderr but errors
    #[arg(short, long, global = true, env = "DIAGNOSE_QUIET", hide_env = true, value_parser = FalseyValueParser::new(), conflicts_with = "verbose")]
    pub(super) quiet: bool,

    /// More on stderr
    #[arg(short, long, global = true, env = "DIAGNOSE_VERBOSE", hide_env = true, action = ArgAction::Count)]
    pub(super) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Deltas(DeltasArgs),
    Keys(KeysArgs),
    Edit(Box<EditArgs>),
    Evaluate(EvaluateArgs),
    Reproduce(Box<ReproduceArgs>),
    Perplexity(PerplexityArgs),
    Regress(Box<RegressArgs>),
    Moments(MomentsArgs),
    FirstToken(FirstTokenArgs),
    Trace(TraceArgs),
    Correlate(CorrelateArgs),
    Sequence(SequenceArgs),
    Report(ReportArgs),
    /// Show what this machine offers: linear algebra, SIMD, CUDA, threads, memory
    Doctor,
    /// Write the completions of a shell to stdout
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual page to stdout, or one page a command into a directory
    Man {
        /// Directory for the pages; made where it does not exist
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

/// Compare two checkpoints: which tensors changed, by how much, in which way, and how bad it is
///
/// A checkpoint is a .safetensors file, a directory with model.safetensors or model.safetensors.index.json, or an entry
/// of the hub cache (models--org--name).
#[derive(Clone, Debug, Args)]
#[command(after_help = DELTAS_EXAMPLES, after_long_help = format!("{DELTAS_EXAMPLES}\n\n{COLUMNS}\n\n{EXIT_CODES}"))]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct DeltasArgs {
    /// The checkpoint before the edit
    pub(super) before: PathBuf,
    /// The checkpoint after it
    pub(super) after: PathBuf,

    /// Most changed tensors to show (json, jsonl and csv have them all)
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(super) top: usize,

    /// Compare only tensors whose name matches; may be given again
    #[arg(long, value_name = "GLOB")]
    pub(super) only: Vec<NamePattern>,

    /// Leading singular values of each changed matrix, or none [default: 8, of the most changed]
    #[arg(long, value_name = "K|none")]
    pub(super) spectrum: Option<Spectrum>,

    /// Norms of identical tensors too
    #[arg(long)]
    pub(super) norms: bool,

    /// SHA-256 of every file
    #[arg(long)]
    pub(super) hash: bool,

    /// Draw how |Δ| of one tensor is distributed
    #[arg(long, value_name = "NAME")]
    pub(super) histogram: Option<NamePattern>,

    /// Exit with 1 where the verdict is this or worse
    #[arg(long, value_name = "LEVEL", help_heading = "Checks")]
    pub(super) fail_on: Option<FailOn>,

    /// A tensor whose name matches must have changed; may be given again
    #[arg(long, value_name = "GLOB", help_heading = "Checks")]
    pub(super) expect: Vec<NamePattern>,

    /// The rank that the expected change has
    #[arg(long, value_name = "N", help_heading = "Checks")]
    pub(super) expect_rank: Option<usize>,

    /// No tensor may have changed but those of --expect
    #[arg(long, requires = "expect", help_heading = "Checks")]
    pub(super) forbid_others: bool,

    /// Something must have changed
    #[arg(long, conflicts_with = "expect_identical", help_heading = "Checks")]
    pub(super) expect_changed: bool,

    /// Nothing may have changed
    #[arg(long, conflicts_with = "expect", help_heading = "Checks")]
    pub(super) expect_identical: bool,

    /// The change must be what this ledger of 'diagnose edit' gives, to the last bit, and nothing else
    #[arg(long, value_name = "LEDGER", conflicts_with = "only", help_heading = "Checks")]
    pub(super) ledger: Option<PathBuf>,
}

/// A verdict that `--fail-on` can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum FailOn {
    /// Larger than healthy edits, or worse
    Suspect,
    /// Of the size that destroyed models have, or worse
    Collapsed,
}

/// When to do what a terminal is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum When {
    /// On a terminal
    Auto,
    /// Everywhere
    Always,
    /// Nowhere
    Never,
}

/// How checkpoints are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Io {
    /// Whichever suits the file system
    Auto,
    /// Memory maps
    Mmap,
    /// Reads into buffers
    Pread,
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => {
                let ordinal = text.strip_prefix("cuda:").and_then(|ordinal| ordinal.parse().ok());
                ordinal.map(Self::Cuda).ok_or_else(|| "not auto, cpu, cuda or cuda:N".to_owned())
            }
        }
    }
}

/// How many singular values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spectrum {
    /// None.
    None,
    /// So many.
    Leading(usize),
}

impl FromStr for Spectrum {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            _ => match text.parse() {
                Ok(k @ 1..=1024) => Ok(Self::Leading(k)),
                _ => Err("not none or a number from 1 to 1024".to_owned()),
            },
        }
    }
}

/// Every name that `--format` knows.
fn format_parser() -> impl TypedValueParser<Value = Format> {
    let available = Format::ALL.into_iter().map(|format| PossibleValue::new(format.name()));
    PossibleValuesParser::new(available).try_map(|name| name.parse::<Format>())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_argument_parser_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn devices_and_spectra_are_read_strictly() {
        assert_eq!("cuda:3".parse(), Ok(Choice::Cuda(3)));
        assert_eq!("cuda".parse(), Ok(Choice::Cuda(0)));
        assert!(["cuda:", "cuda:-1", "gpu", "CPU", ""].iter().all(|text| text.parse::<Choice>().is_err()));
        assert_eq!("none".parse(), Ok(Spectrum::None));
        assert_eq!("16".parse(), Ok(Spectrum::Leading(16)));
        assert!(["0", "-1", "1025", "all"].iter().all(|text| text.parse::<Spectrum>().is_err()));
    }

    #[test]
    fn global_flags_may_stand_after_the_command() {
        let after =
            Cli::try_parse_from(["diagnose", "deltas", "a", "b", "--format", "json", "--threads", "2"]);
        let before =
            Cli::try_parse_from(["diagnose", "--format", "json", "--threads", "2", "deltas", "a", "b"]);
        let [after, before] =
            [after, before].map(|cli| cli.map(|cli| (cli.global.format, cli.global.threads)).ok());
        assert_eq!(after, before);
        assert_eq!(after, Some((Some(Format::Json), Some(2))));
    }
}
