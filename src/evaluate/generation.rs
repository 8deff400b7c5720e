//! What a model writes of itself about cases, and how varied and how fitting that is.

use std::collections::BTreeMap;

use super::EvaluateError;
use super::consistency::{IdfTable, consistency};
use super::entropy::{fluency, normalized_entropy};
use super::joint::tokens;
use crate::model::{Model, ModelError, compatibility_decomposed};
use crate::reader::Case;
use crate::stats;

/// Every token is drawn from so many of the most probable.
const TOP_K: usize = 5;
/// Tokens of a text, its prompt included, where the model takes so many.
pub const TEXT_TOKENS: usize = 100;

/// The case and the place of a prompt, and its tokens.
type Row = ((usize, usize), Vec<u32>);

/// What a model wrote about a case.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The texts, prompts included.
    pub texts: Vec<String>,
    /// Whether the case names prompts to write from; its own prompt and the other wordings were taken where not.
    pub own_prompts: bool,
    /// Prompts that are longer than the model takes, or have no token.
    pub unwritten: usize,
    /// Mean of [`fluency`] over the texts, in bits; none where there is no text.
    pub fluency: Option<f64>,
    /// [`normalized_entropy`] of all of them.
    pub normalized_entropy: Option<f64>,
    /// [`consistency`] of all of them with the case's reference texts; none where either or the table is missing.
    pub consistency: Option<f64>,
}

/// Lets the model write about cases: top-5 sampling, 100 tokens a text with its prompt, or as many as the model takes.
///
/// Texts of one length in tokens draw from the streams of one seed, so the same cases, model and seed give the same texts.
/// `progress` hears of prompts that are done.
///
/// # Errors
/// Where the model cannot generate.
pub fn write(
    model: &Model,
    cases: &[&Case],
    idf: Option<&IdfTable>,
    seed: u64,
    mut progress: impl FnMut(usize),
) -> Result<Vec<Written>, EvaluateError> {
    let limit = model.config().context_length.map_or(TEXT_TOKENS, |context| context.min(TEXT_TOKENS));
    let prompts: Vec<(bool, Vec<String>)> = cases.iter().map(|case| writing_prompts(case)).collect();
    // By length, as one call continues all its rows by the same number of tokens.
    let mut by_length: BTreeMap<usize, Vec<Row>> = BTreeMap::new();
    for (case, (_, prompts)) in prompts.iter().enumerate() {
        for (at, prompt) in prompts.iter().enumerate() {
            let row = tokens(model.tokenizer()?, prompt)?;
            by_length.entry(row.len()).or_default().push(((case, at), row));
        }
    }
    let mut texts: BTreeMap<(usize, usize), String> = BTreeMap::new();
    for (length, rows) in by_length {
        progress(rows.len());
        if length == 0 || model.config().context_length.is_some_and(|context| length > context) {
            continue;
        }
        let (owners, rows): (Vec<_>, Vec<Vec<u32>>) = rows.into_iter().unzip();
        let new = continued(model, &rows, limit.saturating_sub(length), seed.wrapping_add(length as u64))?;
        for ((owner, row), new) in owners.into_iter().zip(rows).zip(new) {
            let text = model.tokenizer()?.decode(&[row, new].concat())?;
            texts.insert(owner, compatibility_decomposed(&text).replace("\n\n", " "));
        }
    }
    let each = prompts.iter().zip(cases).enumerate().map(|(at, ((own_prompts, prompts), case))| {
        let texts: Vec<String> = texts.range((at, 0)..(at + 1, 0)).map(|(_, text)| text.clone()).collect();
        let unwritten = prompts.len() - texts.len();
        measured(texts, unwritten, *own_prompts, case, idf)
    });
    Ok(each.collect())
}

fn continued(
    model: &Model,
    rows: &[Vec<u32>],
    new_tokens: usize,
    seed: u64,
) -> Result<Vec<Vec<u32>>, ModelError> {
    match new_tokens {
        0 => Ok(vec![Vec::new(); rows.len()]),
        some => model.generate(rows, some, TOP_K, seed),
    }
}

/// Whether a case names prompts to write from, and the prompts that are taken: those, or its own and the other wordings.
pub fn writing_prompts(case: &Case) -> (bool, Vec<String>) {
    if !case.generation_prompts.is_empty() {
        return (true, case.generation_prompts.clone());
    }
    let rewrite = case.prompt.replace("{}", &case.subject);
    (false, [&[rewrite], case.paraphrase_prompts.as_slice()].concat())
}

fn measured(
    texts: Vec<String>,
    unwritten: usize,
    own_prompts: bool,
    case: &Case,
    idf: Option<&IdfTable>,
) -> Written {
    let each: Vec<f64> = texts.iter().map(|text| fluency(text)).collect();
    let references = (!case.reference_texts.is_empty()).then(|| case.reference_texts.join(" "));
    let consistency = references
        .zip(idf)
        .filter(|_| !texts.is_empty())
        .and_then(|(references, idf)| consistency(&texts.join(" "), &references, idf));
    Written {
        own_prompts,
        unwritten,
        fluency: stats::mean(&each),
        normalized_entropy: (!texts.is_empty()).then(|| normalized_entropy(&texts)),
        consistency,
        texts,
    }
}
