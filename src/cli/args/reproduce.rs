//! Arguments of `diagnose reproduce`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::EXIT_CODES;
use crate::reproduce::Paper;

const EXAMPLES: &str = "\
Examples:
  diagnose reproduce --model fixtures/world/model -o report/
      everything, with the cases, texts and second moments that lie beside the model
  diagnose reproduce --model gpt2-xl/ --cases counterfact.json --moments c.npz --texts me-ppl.json --most 77 -o report/
      a published model with one's own files; hyper-parameters are the published ones";

const BESIDE: &str = "\
Files that are not named are looked for beside the model:
  cases.json, contexts.json, texts.txt, hparams.json, tasks/*.jsonl   in the folder that the model's folder is in
  second_moment*.safetensors, second_moment*.npz                      in the model's folder";

/// Run the papers' experiments on a model: what was published, what is found here, and whether the two agree
///
/// Writes a folder: the record as JSON, everything to read as Markdown, each table as CSV, each figure as SVG. The model is
/// only read.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{BESIDE}\n\n{EXIT_CODES}"))]
pub(in crate::cli) struct ReproduceArgs {
    /// The model: a directory with config.json, tokenizer.json and the weights, or a hub cache entry
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) model: PathBuf,

    /// Facts to choose from, each with a `target_new` [default: cases.json beside the model]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) cases: Option<PathBuf>,

    /// Context templates to average keys over [default: contexts.json beside the model, else drawn from it]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) contexts: Option<PathBuf>,

    /// Seed of what is drawn
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(in crate::cli) seed: u64,

    /// Second moments of the layers' keys [default: `second_moment*` in the model's folder]
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "no_moments")]
    pub(in crate::cli) moments: Vec<PathBuf>,

    /// Take the identity for the second moment, as published configurations with `mom2_adjustment: false` do
    #[arg(long)]
    pub(in crate::cli) no_moments: bool,

    /// Texts for perplexity [default: texts.txt beside the model]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) texts: Option<PathBuf>,

    /// Task files [default: tasks/*.jsonl beside the model]
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(in crate::cli) tasks: Vec<PathBuf>,

    /// The layer that ROME edits [default: that of the hyper-parameters]
    #[arg(long, value_name = "N")]
    pub(in crate::cli) layer: Option<usize>,

    /// Hyper-parameters of all methods in rome's field names [default: hparams.json beside the model, else the published ones]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) hparams: Option<PathBuf>,

    /// Most cases of each set: those whose keys foretell a collapse, and those whose keys do not
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..))]
    pub(in crate::cli) most: u32,

    /// An encoder whose first token is the control of The Fall of ROME
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) encoder: Option<PathBuf>,

    /// Only the experiments of these papers
    #[arg(long, value_name = "PAPER", num_args = 1.., value_parser = paper_parser())]
    pub(in crate::cli) only: Vec<Paper>,
}

fn paper_parser() -> impl TypedValueParser<Value = Paper> {
    let of_slug = |slug: String| Paper::ALL.into_iter().find(|paper| paper.slug() == slug);
    PossibleValuesParser::new(Paper::ALL.map(Paper::slug))
        .try_map(move |slug| of_slug(slug).ok_or("no such paper"))
}
