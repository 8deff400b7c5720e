//! Arguments of `diagnose edit`.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args, ValueEnum};

use super::EXIT_CODES;
use super::keys::Style;
use crate::edit::{Method, PruneForm};
use crate::sequence::GuardMode;

const EXAMPLES: &str = "\
Examples:
  diagnose edit --method rome --model gpt2-xl/ --case '{\"prompt\": \"{} is in\", \"subject\": \"Paris\", \"target_new\": \"Rome\"}' \\
      --moments c.npz -o edited/
      one fact, and a folder with the edited model
  diagnose edit --method rome --model gpt2-xl/ --case counterfact.json --moments c.npz --ledger edits.jsonl --resume
      every fact from the original model; 32 KB an edit, and a killed run goes on where it was
  diagnose edit --method c-rome --model gpt2-xl/ --case facts.json --moments c.npz --sequential --ledger edits.jsonl -o edited/
  diagnose edit --method rome --guard=fix --model gpt2-xl/ --case facts.json --moments c.npz --sequential -o edited/
      where ROME would break the model, C-ROME makes the edit
  diagnose edit --replay edits.jsonl --model gpt2-xl/ -o edited-again/ --upto 100
      the checkpoint after the first 100 edits, bit for bit";

/// Edit facts of a model: ROME and its variants, MEMIT, EMMET, fine-tuning; one fact or thousands
///
/// The report goes to stdout; -o names the folder of the edited model. The original is only read. A case that cannot be
/// edited is reported and stops no other; the exit code is 1 then, and 2 where no case could be edited.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
#[command(group = ArgGroup::new("facts").required(true).args(["case", "replay"]))]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(in crate::cli) struct EditArgs {
    /// How to edit
    #[arg(long, value_name = "METHOD", required_unless_present = "replay", value_parser = method_parser())]
    pub(in crate::cli) method: Option<Method>,

    /// The model: a directory with config.json, tokenizer.json and the weights, or a hub cache entry
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) model: PathBuf,

    /// The facts, each with a `target_new`: a file, - for stdin, or one case as JSON
    #[arg(long, value_name = "FILE|JSON|-", requires = "method")]
    pub(in crate::cli) case: Option<String>,

    /// Layers whose MLP is edited [default: those of the hyper-parameters]
    #[arg(long, value_name = "N", num_args = 1..)]
    pub(in crate::cli) layer: Vec<usize>,

    /// Hyper-parameters in rome's field names [default: the published ones of the model and method]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) hparams: Option<PathBuf>,

    /// Most cases to show (json, jsonl and csv have them all)
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(in crate::cli) top: usize,

    /// Second moments of the layers' keys: rome's .npz, one a layer, or the .safetensors of 'diagnose moments'
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "no_moments", help_heading = "Keys")]
    pub(in crate::cli) moments: Vec<PathBuf>,

    /// Take the identity for the second moment, as published configurations with `mom2_adjustment: false` do
    #[arg(long, help_heading = "Keys")]
    pub(in crate::cli) no_moments: bool,

    /// Add R times the mean of its diagonal to the second moment's diagonal
    #[arg(long, value_name = "R", conflicts_with = "no_moments", help_heading = "Keys")]
    pub(in crate::cli) ridge: Option<f64>,

    /// Context templates to average keys over [default: drawn from the model]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["context_style", "seed"], help_heading = "Keys")]
    pub(in crate::cli) contexts: Option<PathBuf>,

    /// How context templates are drawn [default: collapse; memit for memit and emmet]
    #[arg(long, value_name = "STYLE", help_heading = "Keys")]
    pub(in crate::cli) context_style: Option<Style>,

    /// Seed of what is drawn
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Keys")]
    pub(in crate::cli) seed: u64,

    /// Edits add up, each on top of those before [default: each from the original model]
    #[arg(long, help_heading = "Schedule")]
    pub(in crate::cli) sequential: bool,

    /// Cases an edit, of the methods that edit several at once
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..), help_heading = "Schedule")]
    pub(in crate::cli) batch: u32,

    /// Diagnose each case first: refuse the edit where ROME would break the model, or (fix) have C-ROME make it
    #[arg(long, value_name = "refuse|fix", num_args = 0..=1, require_equals = true, default_missing_value = "refuse")]
    #[arg(help_heading = "What is done to an update")]
    pub(in crate::cli) guard: Option<GuardArg>,

    /// Keep the share K of an update's entries that change their weight most (RECT)
    #[arg(long, value_name = "K", value_parser = share, help_heading = "What is done to an update")]
    pub(in crate::cli) rect: Option<f64>,

    /// Which published form of RECT
    #[arg(long, value_name = "KIND", requires = "rect", help_heading = "What is done to an update")]
    pub(in crate::cli) rect_kind: Option<RectArg>,

    /// Restrain the singular values of what the whole sequence changed, at its end (PRUNE)
    #[arg(long, value_name = "intended|as-coded", num_args = 0..=1, require_equals = true, default_missing_value = "intended")]
    #[arg(help_heading = "What is done to an update")]
    pub(in crate::cli) prune: Option<PruneArg>,

    /// Project updates into the null space of the second moment (`AlphaEdit`)
    #[arg(long, help_heading = "What is done to an update")]
    pub(in crate::cli) null_space: bool,

    /// Write what each edit does: JSON lines, and factors in FILE.factors/
    #[arg(long, value_name = "FILE", help_heading = "Ledger")]
    pub(in crate::cli) ledger: Option<PathBuf>,

    /// Go on with a ledger that an interrupted run has left
    #[arg(long, requires = "ledger", help_heading = "Ledger")]
    pub(in crate::cli) resume: bool,

    /// Make the edits of a ledger again, bit for bit, and write the checkpoint
    #[arg(long, value_name = "LEDGER", help_heading = "Ledger", requires = "output")]
    #[arg(conflicts_with_all = ["method", "case", "layer", "hparams", "moments", "no_moments", "contexts", "sequential"])]
    #[arg(conflicts_with_all = ["guard", "rect", "prune", "null_space", "ledger"])]
    pub(in crate::cli) replay: Option<PathBuf>,

    /// Only the first N steps of the ledger
    #[arg(
        long,
        value_name = "N",
        requires = "replay",
        conflicts_with = "only_step",
        help_heading = "Ledger"
    )]
    pub(in crate::cli) upto: Option<usize>,

    /// Only step N of the ledger, from 0: where its edits were each made from the original
    #[arg(long, value_name = "N", requires = "replay", help_heading = "Ledger")]
    pub(in crate::cli) only_step: Option<usize>,
}

/// What the guard does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum GuardArg {
    /// Refuse the edit
    Refuse,
    /// Have C-ROME make it
    Fix,
}

impl From<GuardArg> for GuardMode {
    fn from(guard: GuardArg) -> Self {
        match guard {
            GuardArg::Refuse => Self::Refuse,
            GuardArg::Fix => Self::Fix,
        }
    }
}

/// A form of PRUNE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum PruneArg {
    /// The restrained change takes the place of the change
    Intended,
    /// The restrained change is added to it, as published code does
    AsCoded,
}

impl From<PruneArg> for PruneForm {
    fn from(prune: PruneArg) -> Self {
        match prune {
            PruneArg::Intended => Self::Intended,
            PruneArg::AsCoded => Self::AsCoded,
        }
    }
}

/// A published form of RECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum RectArg {
    /// |ΔW / W|, the smallest entries zeroed by their number
    Relative,
    /// |ΔW / (W + 10⁻⁸)|, entries at or above the threshold kept
    Shifted,
}

fn method_parser() -> impl TypedValueParser<Value = Method> {
    let of_name = |name: String| Method::ALL.into_iter().find(|method| method.name() == name);
    PossibleValuesParser::new(Method::ALL.map(Method::name))
        .try_map(move |name| of_name(name).ok_or("no such method"))
}

/// A share that keeps something.
fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
        _ => Err("not a share above 0 and at most 1".to_owned()),
    }
}
