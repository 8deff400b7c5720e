//! Arguments of `diagnose keys`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};

use super::EXIT_CODES;
use crate::keys::ContextStyle;

const EXAMPLES: &str = "\
Examples:
  diagnose keys --model gpt2-xl/ --screen counterfact.json
      which subjects are read at the first position: needs no weights, only the tokenizer
  diagnose keys --model gpt2-xl/ --case '{\"prompt\": \"{} is in\", \"subject\": \"Paris\"}' --moments c.npz
      whether ROME would break the model on this one fact, and why
  diagnose keys --model gpt2-xl/ --case counterfact.json --moments c.npz --fail-on collapse -o keys.json
  diagnose keys --activations dump/ --moments c.npz
      the same from keys that an editor has written, without a model";

/// Say whether ROME would break a model on a fact, and why, before anything is edited
///
/// A file of cases is COUNTERFACT, zsRE, `EasyEdit` or `KnowEdit`, as a JSON array or as JSON lines. A record that cannot be
/// diagnosed is reported and stops no other; where a record is no case at all, the exit code is 1.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
#[command(group = ArgGroup::new("source").required(true).args(["model", "activations"]))]
#[command(group = ArgGroup::new("cases").args(["case", "screen", "activations"]).required(true))]
pub(in crate::cli) struct KeysArgs {
    /// The model: a directory with config.json, tokenizer.json and the weights, or a hub cache entry
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) model: Option<PathBuf>,

    /// Keys that were written before: .npz, .safetensors, or a directory of .npy files
    #[arg(long, value_name = "PATH")]
    #[arg(conflicts_with_all = ["layer", "contexts", "contexts_out", "context_style", "seed", "prefixed_only"])]
    pub(in crate::cli) activations: Option<PathBuf>,

    /// The cases: a file, - for stdin, or one case as JSON
    #[arg(long, value_name = "FILE|JSON|-")]
    pub(in crate::cli) case: Option<String>,

    /// Only find where the subjects of these cases stand: at once, and without weights
    #[arg(long, value_name = "FILE", requires = "model")]
    #[arg(conflicts_with_all = ["layer", "moments", "no_moments", "ridge", "contexts", "contexts_out", "context_style"])]
    #[arg(conflicts_with_all = ["prefixed_only", "plot", "projection"])]
    pub(in crate::cli) screen: Option<PathBuf>,

    /// The layer whose MLP is edited [default: the published one of the model]
    #[arg(long, value_name = "N")]
    pub(in crate::cli) layer: Option<usize>,

    /// Second moment of the layer's keys: rome's .npz, or the .safetensors of 'diagnose moments'
    #[arg(long, value_name = "FILE", conflicts_with = "no_moments")]
    pub(in crate::cli) moments: Option<PathBuf>,

    /// Take the identity for the second moment, as published configurations with `mom2_adjustment: false` do
    #[arg(long)]
    pub(in crate::cli) no_moments: bool,

    /// Add R times the mean of its diagonal to the second moment's diagonal
    #[arg(long, value_name = "R", conflicts_with = "no_moments")]
    pub(in crate::cli) ridge: Option<f64>,

    /// Context templates to average keys over [default: drawn from the model]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["context_style", "seed"])]
    pub(in crate::cli) contexts: Option<PathBuf>,

    /// Write the context templates to FILE
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) contexts_out: Option<PathBuf>,

    /// How context templates are drawn [default: collapse]
    #[arg(long, value_name = "STYLE")]
    pub(in crate::cli) context_style: Option<Style>,

    /// Seed of what is drawn
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(in crate::cli) seed: u64,

    /// Leave the bare template out of the mean key
    #[arg(long)]
    pub(in crate::cli) prefixed_only: bool,

    /// Draw the keys in two dimensions, as .svg or .png
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) plot: Option<PathBuf>,

    /// How keys are brought to two dimensions, in the plot, on the HTML page, and then in the JSON too [default: pca]
    #[arg(long, value_name = "METHOD")]
    pub(in crate::cli) projection: Option<Projection>,

    /// Most cases to show (json, jsonl and csv have them all)
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(in crate::cli) top: usize,

    /// Exit with 1 where a case is this or worse
    #[arg(long, value_name = "LEVEL", help_heading = "Checks")]
    pub(in crate::cli) fail_on: Option<KeysLevel>,
}

/// A verdict that `--fail-on` can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum KeysLevel {
    /// The update may be far larger than a healthy one, or worse
    AtRisk,
    /// The update is of the size that destroys models
    Collapse,
}

/// How context templates are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Style {
    /// 20 texts from the end-of-text token
    Rome,
    /// 20 texts from five words
    Collapse,
    /// 5 texts from five words, averaged apart from the bare prompt
    Memit,
}

impl From<Style> for ContextStyle {
    fn from(style: Style) -> Self {
        match style {
            Style::Rome => Self::Rome,
            Style::Collapse => Self::Collapse,
            Style::Memit => Self::Memit,
        }
    }
}

/// How a plot brings keys to two dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Projection {
    /// Principal components
    Pca,
    /// t-SNE; not reproducible
    Tsne,
}
