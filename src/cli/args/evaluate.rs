//! Arguments of `diagnose evaluate`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::EXIT_CODES;

const EXAMPLES: &str = "\
Examples:
  diagnose evaluate --model gpt2-edited/ --case edit.json --baseline gpt2/
      whether the edit landed, generalised and stayed local, beside the model before it
  diagnose evaluate --model gpt2-edited/ --case edits.json --prefix-at-test --contexts contexts.json
      the same with the texts that C-ROME was edited with before the prompts
  diagnose evaluate --model gpt2-edited/ --texts ME-PPL_50.json --tasks sst2.jsonl --tasks facts.jsonl
      whether the model still works
  diagnose evaluate --model gpt2/ --ledger edits.jsonl --case edits.json --texts ME-PPL_50.json
      edit after edit, without a checkpoint of any of them";

const TASKS: &str = "\
Tasks (JSON lines or a JSON array, of one kind a file):
  {\"prompt\", \"answer\"}                       cloze: the answer is what the model itself would say, token by token
  {\"prompt\", \"choices\": […], \"answer\": 0}    choice: the right one is the likeliest a token
  {\"prompt\", \"labels\": […], \"answer\": 0, \"marker\"?, \"new_tokens\"?, \"ignore_case\"?}
                                             parsed: the first label found in what the model writes is the right one";

/// Measure whether edits landed, generalised and stayed local, and whether the model still works
///
/// A file of cases is COUNTERFACT, zsRE, `EasyEdit` or `KnowEdit`, as a JSON array or as JSON lines. A record that cannot be
/// used is reported and stops no other; where a record is none at all, the exit code is 1.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{TASKS}\n\n{EXIT_CODES}"))]
#[command(group = ArgGroup::new("measured").required(true).multiple(true).args(["case", "texts", "tasks"]))]
pub(in crate::cli) struct EvaluateArgs {
    /// The model: a directory with config.json, tokenizer.json and the weights, or a hub cache entry
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) model: PathBuf,

    /// The cases: a file, - for stdin, or one case as JSON
    #[arg(long, value_name = "FILE|JSON|-")]
    pub(in crate::cli) case: Option<String>,

    /// Texts to measure perplexity on: ME-PPL JSON, JSON lines with `text`, or a line a text
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) texts: Option<PathBuf>,

    /// A task to test the model on; may be given again
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) tasks: Vec<PathBuf>,

    /// The model before the edit: everything is measured on it too, and locality held against what it says
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) baseline: Option<PathBuf>,

    /// Walk the edits of this ledger, made from --model and the records of --case: each case is scored right after its own edit
    #[arg(long, value_name = "FILE", requires = "case", conflicts_with_all = ["baseline", "generate"])]
    pub(in crate::cli) ledger: Option<PathBuf>,

    /// Try the edited prompts behind the texts of --contexts too
    #[arg(long, requires_all = ["case", "contexts"])]
    pub(in crate::cli) prefix_at_test: bool,

    /// Context templates that the edit was made with
    #[arg(long, value_name = "FILE", requires = "prefix_at_test")]
    pub(in crate::cli) contexts: Option<PathBuf>,

    /// So many of the context templates, drawn by --seed [default: all that have a text before the prompt]
    #[arg(long, value_name = "N", requires = "prefix_at_test", value_parser = at_least_one)]
    pub(in crate::cli) prefixes: Option<usize>,

    /// Let the model write about the cases: fluency, entropy, consistency
    #[arg(long, requires = "case")]
    pub(in crate::cli) generate: bool,

    /// Directory with idf.npy and `tfidf_vocab.json`, for consistency with the reference texts of cases
    #[arg(long, value_name = "DIR", requires = "generate")]
    pub(in crate::cli) idf: Option<PathBuf>,

    /// Seed of what is drawn
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(in crate::cli) seed: u64,

    /// Every prompt, text and item in json and jsonl
    #[arg(long)]
    pub(in crate::cli) detail: bool,

    /// Most cases to show (json, jsonl and csv have them all)
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(in crate::cli) top: usize,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| *n > 0).ok_or_else(|| "not a number from 1".to_owned())
}
