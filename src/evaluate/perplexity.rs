//! Perplexity of texts under a model.
//!
//! ```text
//! NLLₛ        = − mean over the scored tokens t of text s of  ln p(token t | tokens before it)     nats
//! perplexity  = exp(mean of NLL over all scored tokens)
//! mean of text perplexities = mean over texts of exp(NLLₛ)
//! ```
//!
//! The second is what the literature on model editing reports (Yang et al., ACL Findings 2024); its worst text decides
//! it. Everything is kept as logarithms: a model that has exploded has a NLL of hundreds of nats, and exp of it may be
//! infinite, which is then what the record says. A NaN is carried into every mean that it belongs to, and counted.

use std::path::{Path, PathBuf};

use super::EvaluateError;
use super::windows::{Cut, Window, windows};
use crate::model::{Model, Tokenizer};
use crate::stats;

/// Rows that go to the model at once; it batches them by length.
const ROWS: usize = 64;

/// How texts are to be scored. The default adds no token, and cuts a text to the model's context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scoring {
    /// Put the token that begins a text before each: its first token is then scored too.
    pub bos: bool,
    /// Most tokens that are run together, that token included; the model's context where it is not given.
    pub window: Option<usize>,
    /// Slide windows by so many tokens over a longer text, where it would be cut without.
    pub stride: Option<usize>,
}

/// What a perplexity depends on beside model and texts. Two are compared only where all of it is equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// SHA-256 of `tokenizer.json`.
    pub tokenizer_sha256: String,
    /// The token put before each text.
    pub bos: Option<u32>,
    /// Most tokens run together; `None` where the model sets no bound and none was given.
    pub window: Option<usize>,
    /// How far windows slide; `None` where a longer text is cut.
    pub stride: Option<usize>,
}

/// Why a text has no perplexity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unscored {
    /// It has no token.
    Empty,
    /// It has one token, which nothing comes before.
    OneToken,
}

/// One text.
#[derive(Clone, Debug, PartialEq)]
pub struct TextScore {
    /// Scored tokens.
    pub tokens: usize,
    /// Mean NLL over them, in nats.
    pub mean_nll: Result<f64, Unscored>,
    /// Whether it was cut to the window.
    pub truncated: bool,
}

/// All texts.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Texts with a perplexity.
    pub scored_texts: usize,
    /// Scored tokens.
    pub tokens: usize,
    /// Mean NLL a scored token, in nats.
    pub mean_nll: f64,
    /// exp of it.
    pub perplexity: f64,
    /// Mean over texts of their perplexities; infinite where it passes the range of f64.
    pub mean_of_text_perplexities: f64,
    /// Its logarithm, which stays finite.
    pub log_mean_of_text_perplexities: f64,
    /// Median of the texts' perplexities.
    pub median: f64,
    /// Largest of them; NaN where one is.
    pub max: f64,
    /// Standard error of their mean, s / √n; `None` for one text, not finite where a perplexity is not.
    pub standard_error: Option<f64>,
    /// Texts whose NLL is NaN or infinite.
    pub nonfinite_texts: usize,
    /// Texts that were cut.
    pub truncated_texts: usize,
    /// Texts without a token.
    pub empty_texts: usize,
    /// Texts with one token and nothing before it.
    pub one_token_texts: usize,
}

/// Perplexity of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Perplexity {
    /// Where the model was opened.
    pub path: PathBuf,
    /// What it was measured under.
    pub protocol: Protocol,
    /// The texts in their order.
    pub texts: Vec<TextScore>,
    /// All of them together.
    pub summary: Summary,
}

/// Scores texts under a model. `progress` hears of texts that are done.
///
/// A leading space of a text stays: tokens depend on it. The result does not depend on how texts are batched but for the
/// last bits of the model's f32 arithmetic.
///
/// # Errors
/// Where the model is an encoder or has no tokenizer, no text can be scored, or the scoring does not fit the model.
pub fn perplexity(
    model: &Model,
    texts: &[impl AsRef<str>],
    scoring: Scoring,
    mut progress: impl FnMut(usize),
) -> Result<Perplexity, EvaluateError> {
    let tokenizer = model.tokenizer()?;
    let bos = if scoring.bos { Some(first_token(tokenizer, model.path())?) } else { None };
    let (protocol, cut) = protocol(model, tokenizer, bos, scoring)?;
    let mut scores = Vec::with_capacity(texts.len());
    let mut waiting: Vec<(Vec<Window>, TextScore)> = Vec::new();
    for (i, text) in texts.iter().enumerate() {
        let tokens: Vec<u32> = bos.into_iter().chain(tokenizer.encode(text.as_ref())?).collect();
        let (rows, truncated) = windows(&tokens, cut);
        let unscored = if tokens.is_empty() { Unscored::Empty } else { Unscored::OneToken };
        waiting.push((rows, TextScore { tokens: 0, mean_nll: Err(unscored), truncated }));
        if waiting.iter().map(|(rows, _)| rows.len()).sum::<usize>() >= ROWS || i + 1 == texts.len() {
            progress(waiting.len());
            scores.extend(run(model, &mut waiting)?);
        }
    }
    let summary = score(&scores)
        .ok_or_else(|| EvaluateError::NothingScored { path: model.path().to_owned(), texts: texts.len() })?;
    Ok(Perplexity { path: model.path().to_owned(), protocol, texts: scores, summary })
}

/// The token that begins a text: what the tokenizer itself puts there, else the end of the text before.
fn first_token(tokenizer: &Tokenizer, path: &Path) -> Result<u32, EvaluateError> {
    let leading = tokenizer.leading_special().first().copied();
    leading.or(tokenizer.end_of_text()).ok_or_else(|| EvaluateError::NoBos { path: path.to_owned() })
}

fn protocol(
    model: &Model,
    tokenizer: &Tokenizer,
    bos: Option<u32>,
    scoring: Scoring,
) -> Result<(Protocol, Cut), EvaluateError> {
    let (context, path) = (model.config().context_length, || model.path().to_owned());
    let window = scoring.window.or(context);
    let longest = context.unwrap_or(usize::MAX);
    if let Some(window) = window.filter(|window| *window < 2 || *window > longest) {
        return Err(EvaluateError::Window { path: path(), window, longest });
    }
    let cut = match (window, scoring.stride) {
        (None, None) => Cut::Whole,
        (None, Some(_)) => return Err(EvaluateError::NoWindow { path: path() }),
        (Some(window), None) => Cut::After(window),
        (Some(length), Some(stride)) if (1..length).contains(&stride) => Cut::Sliding { length, stride },
        (Some(window), Some(stride)) => return Err(EvaluateError::Stride { stride, window }),
    };
    let tokenizer_sha256 = tokenizer.sha256().to_owned();
    Ok((Protocol { tokenizer_sha256, bos, window, stride: scoring.stride }, cut))
}

/// Runs the rows that wait and gives the texts their scores.
fn run(model: &Model, waiting: &mut Vec<(Vec<Window>, TextScore)>) -> Result<Vec<TextScore>, EvaluateError> {
    let rows: Vec<Vec<u32>> =
        waiting.iter().flat_map(|(rows, _)| rows.iter().map(|row| row.tokens.clone())).collect();
    let mut nll = if rows.is_empty() { Vec::new() } else { model.token_nll(&rows, &[])? }.into_iter();
    let scored = waiting.drain(..).map(|(rows, mut text)| {
        let (mut sum, mut tokens) = (0.0, 0);
        for row in &rows {
            for token in nll.next().unwrap_or_default().into_iter().skip(row.known) {
                sum += token;
                tokens += 1;
            }
        }
        if tokens > 0 {
            text = TextScore { tokens, mean_nll: Ok(sum / tokens as f64), ..text };
        }
        text
    });
    Ok(scored.collect())
}

/// Puts texts together; `None` where not one has a perplexity.
pub fn score(texts: &[TextScore]) -> Option<Summary> {
    let scored: Vec<(usize, f64)> =
        texts.iter().filter_map(|text| Some((text.tokens, text.mean_nll.ok()?))).collect();
    let tokens: usize = scored.iter().map(|(tokens, _)| tokens).sum();
    let logs: Vec<f64> = scored.iter().map(|(_, nll)| *nll).collect();
    let perplexities: Vec<f64> = logs.iter().map(|nll| nll.exp()).collect();
    let mean_nll = scored.iter().map(|(tokens, nll)| *tokens as f64 * nll).sum::<f64>() / tokens as f64;
    let log_mean = log_mean_exp(&logs)?;
    let unscored = |why| texts.iter().filter(|text| text.mean_nll == Err(why)).count();
    Some(Summary {
        scored_texts: scored.len(),
        tokens,
        mean_nll,
        perplexity: mean_nll.exp(),
        mean_of_text_perplexities: log_mean.exp(),
        log_mean_of_text_perplexities: log_mean,
        median: stats::quantile(&perplexities, 0.5)?,
        max: stats::quantile(&perplexities, 1.0)?,
        standard_error: stats::standard_error(&perplexities),
        nonfinite_texts: logs.iter().filter(|nll| !nll.is_finite()).count(),
        truncated_texts: texts.iter().filter(|text| text.truncated).count(),
        empty_texts: unscored(Unscored::Empty),
        one_token_texts: unscored(Unscored::OneToken),
    })
}

/// ln(mean of exp x), scaled by the largest: exact to rounding where exp x alone would overflow.
fn log_mean_exp(logs: &[f64]) -> Option<f64> {
    let largest = stats::quantile(logs, 1.0)?;
    if !largest.is_finite() {
        return Some(largest);
    }
    let sum: f64 = logs.iter().map(|x| (x - largest).exp()).sum();
    Some(largest + (sum / logs.len() as f64).ln())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    fn text(tokens: usize, mean_nll: f64) -> TextScore {
        TextScore { tokens, mean_nll: Ok(mean_nll), truncated: false }
    }

    #[test]
    fn the_two_means_are_those_on_paper() {
        let summary = score(&[text(1, 4.0_f64.ln()), text(3, 2.0_f64.ln()), text(4, 8.0_f64.ln())]).unwrap();
        // 4 · 2³ · 8⁴ = 2¹⁷ over 8 tokens.
        assert!((summary.perplexity - 2.0_f64.powf(17.0 / 8.0)).abs() < 1e-14);
        assert!((summary.mean_of_text_perplexities - 14.0 / 3.0).abs() < 1e-14);
        assert!((summary.median - 4.0).abs() < 1e-14 && (summary.max - 8.0).abs() < 1e-14);
        // s² = 28/3, over n = 3.
        assert!((summary.standard_error.unwrap() - (28.0_f64 / 9.0).sqrt()).abs() < 1e-14);
        assert_eq!((summary.tokens, summary.scored_texts, summary.nonfinite_texts), (8, 3, 0));
    }

    #[test]
    fn a_model_beyond_the_range_of_exp_keeps_its_logarithms() {
        let summary = score(&[text(10, 2.0), text(10, 900.0), text(10, 898.0)]).unwrap();
        assert_eq!((summary.mean_of_text_perplexities, summary.max), (f64::INFINITY, f64::INFINITY));
        assert_eq!((summary.perplexity, summary.nonfinite_texts), (600.0_f64.exp(), 0));
        let expected = 900.0 + (1.0 + (-2.0_f64).exp()).ln() - 3.0_f64.ln();
        assert!((summary.log_mean_of_text_perplexities - expected).abs() < 1e-12);
    }

    #[test]
    fn one_nan_is_counted_and_reaches_the_means_and_the_maximum_but_not_the_median() {
        let summary = score(&[text(5, f64::NAN), text(5, 0.0), text(5, 0.0)]).unwrap();
        assert!(
            [summary.mean_nll, summary.mean_of_text_perplexities, summary.max].iter().all(|x| x.is_nan())
        );
        assert_eq!((summary.nonfinite_texts, summary.median), (1, 1.0));
        let infinite = score(&[text(5, f64::INFINITY), text(5, 0.0)]).unwrap();
        assert_eq!((infinite.nonfinite_texts, infinite.perplexity), (1, f64::INFINITY));
    }

    #[test]
    fn texts_without_a_prediction_are_counted_by_their_reason_and_weigh_nothing() {
        let without = |why| TextScore { tokens: 0, mean_nll: Err(why), truncated: false };
        let texts =
            [without(Unscored::Empty), text(2, 1.0), without(Unscored::OneToken), without(Unscored::Empty)];
        let summary = score(&texts).unwrap();
        assert_eq!((summary.empty_texts, summary.one_token_texts, summary.scored_texts), (2, 1, 1));
        assert_eq!((summary.mean_nll, summary.standard_error), (1.0, None));
        assert_eq!(score(&[without(Unscored::Empty)]), None);
    }
}
