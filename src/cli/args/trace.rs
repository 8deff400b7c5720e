//! Arguments of `diagnose trace`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::EXIT_CODES;

const EXAMPLES: &str = "\
Examples:
  diagnose trace --model gpt2-xl/ --case '{\"prompt\": \"{} is in\", \"subject\": \"The Space Needle\"}'
      which states bring the fact back, token by token and layer by layer
  diagnose trace --model gpt2-xl/ --case known.json --kind mlp -o trace.json --plot trace.svg
      averages over many facts, by where a token stands to the subject
  diagnose trace --model gpt2/ --case counterfact.json --answer target_true --noise 0.1";

/// Find the states of a model that bring a fact back, once noise on its subject has taken it away
///
/// Causal tracing, as of Meng et al. 2022: the prompt runs clean, then with noise on the embeddings of the subject's tokens,
/// then with noise and clean states put back at one token and one layer (or a window of layers). What that gives back of the
/// probability of the answer is the indirect effect.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub(in crate::cli) struct TraceArgs {
    /// The model: a directory with config.json, tokenizer.json and the weights, or a hub cache entry
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) model: PathBuf,

    /// The cases: a file, - for stdin, or one case as JSON
    #[arg(long, value_name = "FILE|JSON|-")]
    pub(in crate::cli) case: String,

    /// What is put back
    #[arg(long, value_name = "KIND", default_value = "all")]
    pub(in crate::cli) kind: TraceKind,

    /// Layers of a window of MLP or attention outputs
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    pub(in crate::cli) window: u16,

    /// Standard deviation of the noise [default: 3 times that of the embeddings of the subjects' tokens]
    #[arg(long, value_name = "X", value_parser = sigma)]
    pub(in crate::cli) noise: Option<f64>,

    /// Draws of noise for each case
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    pub(in crate::cli) samples: u16,

    /// Seed of the noise
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(in crate::cli) seed: u64,

    /// Whose first token is the answer
    #[arg(long, value_name = "WHICH", default_value = "predicted")]
    pub(in crate::cli) answer: TraceAnswer,

    /// Draw the heat map, as .svg or .png
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) plot: Option<PathBuf>,

    /// Most cases to show (json, jsonl and csv have them all)
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(in crate::cli) top: usize,
}

/// What is put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum TraceKind {
    /// One hidden state: what a block gives out
    Hidden,
    /// What the MLPs of a window of layers give out
    Mlp,
    /// What attention gives out in a window of layers
    Attention,
    /// Each of them
    All,
}

/// Whose first token is the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum TraceAnswer {
    /// What the model itself says without noise
    Predicted,
    /// The case's `target_true`
    #[value(name = "target_true", alias = "target-true")]
    TargetTrue,
}

/// A standard deviation.
fn sigma(text: &str) -> Result<f64, String> {
    let refused = || "not a number from 0 on".to_owned();
    text.parse().ok().filter(|sigma: &f64| sigma.is_finite() && *sigma >= 0.0).ok_or_else(refused)
}
