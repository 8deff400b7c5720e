//! Arguments of the commands that run a model over texts, as they were typed.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

const PERPLEXITY_EXAMPLES: &str = "\
Examples:
  diagnose perplexity --model gpt2/ --texts ME-PPL_50.json
  diagnose perplexity --model edited-1/ edited-2/ --texts texts.txt --baseline gpt2/
      each edited model against the one before, text by text
  diagnose perplexity --model gpt2/ --texts long.txt --window 1024 --stride 512";

const MOMENTS_EXAMPLES: &str = "\
Examples:
  diagnose moments --model gpt2-xl/ --texts wikipedia.jsonl --layer 17 -o moments.safetensors
  diagnose moments --model gpt-j/ --texts wikipedia.jsonl --layer 3 4 5 6 7 8 -o moments.safetensors --resume
      goes on where an earlier run was killed";

const FIRST_TOKEN_EXAMPLES: &str = "\
Examples:
  diagnose first-token --model gpt2/ --texts texts.txt
  diagnose first-token --model gpt2/ --texts texts.txt --layer 0 --swap-positions
  diagnose first-token --activations keys.npy
      an array (texts, tokens, f), or several (tokens, f), one a text, in a .npz or .safetensors file";

/// Measure perplexity of texts under one or several models, in both ways of the literature
///
/// No token is added before a text, its first token is not scored, and a text longer than the model's context is cut to
/// it, unless the flags below say otherwise.
#[derive(Clone, Debug, Args)]
#[command(after_help = PERPLEXITY_EXAMPLES)]
pub(super) struct PerplexityArgs {
    /// Folders of models, or entries of the hub cache
    #[arg(long, value_name = "DIR", required = true, num_args = 1..)]
    pub(super) model: Vec<PathBuf>,

    /// Texts: ME-PPL JSON, JSON lines with `text`, or a line a text; - for stdin
    #[arg(long, value_name = "FILE")]
    pub(super) texts: PathBuf,

    /// Compare each model with this one, text by text
    #[arg(long, value_name = "DIR")]
    pub(super) baseline: Option<PathBuf>,

    /// Show each text
    #[arg(long)]
    pub(super) per_text: bool,

    /// Put the token that begins a text before each, and score the first token too
    #[arg(long)]
    pub(super) bos: bool,

    /// Most tokens that are run together [default: the model's context]
    #[arg(long, value_name = "N")]
    pub(super) window: Option<usize>,

    /// Slide windows by N tokens over longer texts, instead of cutting them
    #[arg(long, value_name = "N")]
    pub(super) stride: Option<usize>,

    /// Seed of the bootstrap intervals
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) seed: u64,

    /// Resamples of the bootstrap intervals
    #[arg(long, value_name = "N", default_value_t = crate::stats::RESAMPLES, value_parser = resamples)]
    pub(super) resamples: usize,
}

/// Sum the second moment of keys over texts, which `diagnose keys` and the editing methods solve with
///
/// Texts are tokenised as the tokenizer does it, special tokens included, and cut to the model's context.
#[derive(Clone, Debug, Args)]
#[command(after_help = MOMENTS_EXAMPLES)]
pub(super) struct MomentsArgs {
    /// Folder of the model, or entry of the hub cache
    #[arg(long, value_name = "DIR")]
    pub(super) model: PathBuf,

    /// Texts: ME-PPL JSON, JSON lines with `text`, or a line a text; - for stdin
    #[arg(long, value_name = "FILE")]
    pub(super) texts: PathBuf,

    /// Layers, counted from 0
    #[arg(long, value_name = "N", required = true, num_args = 1..)]
    pub(super) layer: Vec<usize>,

    /// Take the first N texts only
    #[arg(long, value_name = "N")]
    pub(super) samples: Option<usize>,

    /// Leave out the first position of each text, which published statistics include
    #[arg(long)]
    pub(super) skip_first: bool,

    /// Go on with what an interrupted run left beside the output
    #[arg(long)]
    pub(super) resume: bool,

    /// Batches between two saves of what is summed so far
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) save_every: u32,
}

/// Measure whether the first token of a text is unlike the others, as it is where ROME breaks models
#[derive(Clone, Debug, Args)]
#[command(after_help = FIRST_TOKEN_EXAMPLES)]
#[command(group = ArgGroup::new("source").required(true).args(["model", "activations"]))]
pub(super) struct FirstTokenArgs {
    /// Folder of the model, or entry of the hub cache
    #[arg(long, value_name = "DIR", requires = "texts")]
    pub(super) model: Option<PathBuf>,

    /// Texts: ME-PPL JSON, JSON lines with `text`, or a line a text; - for stdin
    #[arg(long, value_name = "FILE", conflicts_with = "activations")]
    pub(super) texts: Option<PathBuf>,

    /// Vectors that were dumped: .npy, .npz or .safetensors
    #[arg(long, value_name = "PATH")]
    pub(super) activations: Option<PathBuf>,

    /// Layers, counted from 0 [default: every one]
    #[arg(long, value_name = "N", num_args = 1.., conflicts_with = "activations")]
    pub(super) layer: Vec<usize>,

    /// Measure again with the position embeddings of the first two positions swapped
    #[arg(long, conflicts_with = "activations")]
    pub(super) swap_positions: bool,

    /// Leave out the special tokens that the tokenizer adds (`[CLS]`, BOS)
    #[arg(long, conflicts_with = "activations")]
    pub(super) without_special: bool,
}

/// Enough resamples for an interval, few enough to end.
pub(super) fn resamples(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n @ 100..=10_000_000) => Ok(n),
        _ => Err("not a number from 100 to 10000000".to_owned()),
    }
}
