//! Perplexity of two models on the same texts.

use super::{EvaluateError, Perplexity};
use crate::stats::{self, Inference};

/// A model against a baseline on the same texts.
#[derive(Clone, Debug, PartialEq)]
pub struct Paired {
    /// Texts that both score.
    pub texts: usize,
    /// Mean over texts of NLL under the model less NLL under the baseline, in nats.
    pub mean_delta_nll: f64,
    /// Intervals of that mean and its p-value; `None` for fewer than two texts, or where a NLL is not finite.
    pub inference: Option<Inference>,
    /// ln(perplexity of the model / perplexity of the baseline): the difference of the means a token.
    pub log_ratio: f64,
}

/// Compares two models text by text.
///
/// `resamples` and `seed` are those of the bootstrap interval. A text that either cannot score is left out; the
/// protocols are equal, so both leave out the same.
///
/// # Errors
/// [`EvaluateError::ProtocolsDiffer`], with what differs.
pub fn compare(
    model: &Perplexity,
    baseline: &Perplexity,
    resamples: usize,
    seed: u64,
) -> Result<Paired, EvaluateError> {
    same_protocol(model, baseline)?;
    let pairs = model.texts.iter().zip(&baseline.texts);
    let differences: Vec<f64> = pairs
        .filter_map(|(model, baseline)| Some(difference(model.mean_nll.ok()?, baseline.mean_nll.ok()?)))
        .collect();
    let found = stats::compare_pairs(&differences, resamples, seed);
    Ok(Paired {
        texts: found.pairs,
        mean_delta_nll: found.mean,
        inference: found.inference,
        log_ratio: difference(model.summary.mean_nll, baseline.summary.mean_nll),
    })
}

/// The difference; 0 where both are the same infinity.
fn difference(a: f64, b: f64) -> f64 {
    if a == b { 0.0 } else { a - b }
}

/// Refuses two protocols, and two lists of texts of different lengths.
///
/// # Errors
/// [`EvaluateError::ProtocolsDiffer`].
pub fn same_protocol(a: &Perplexity, b: &Perplexity) -> Result<(), EvaluateError> {
    let shown = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
    let number = |value: Option<usize>| shown(value.map(|value| value.to_string()));
    let start = |sha256: &str| sha256.chars().take(12).collect::<String>();
    let (p, q) = (&a.protocol, &b.protocol);
    let aspects = [
        (
            "their tokenizers",
            start(&p.tokenizer_sha256),
            start(&q.tokenizer_sha256),
            p.tokenizer_sha256 == q.tokenizer_sha256,
        ),
        (
            "their first tokens",
            shown(p.bos.map(|t| t.to_string())),
            shown(q.bos.map(|t| t.to_string())),
            p.bos == q.bos,
        ),
        ("their windows", number(p.window), number(q.window), p.window == q.window),
        ("their strides", number(p.stride), number(q.stride), p.stride == q.stride),
        (
            "their numbers of texts",
            a.texts.len().to_string(),
            b.texts.len().to_string(),
            a.texts.len() == b.texts.len(),
        ),
    ];
    match aspects.into_iter().find(|(.., same)| !same) {
        None => Ok(()),
        Some((what, left, right, _)) => Err(EvaluateError::ProtocolsDiffer {
            first: a.path.clone(),
            second: b.path.clone(),
            what: format!("{what} differ ({left} and {right})"),
        }),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;
    use crate::evaluate::{Protocol, TextScore, Unscored, score};

    fn measured(path: &str, nll: &[f64], window: usize) -> Perplexity {
        let one = |&nll: &f64| TextScore { tokens: 4, mean_nll: Ok(nll), truncated: false };
        let mut texts: Vec<TextScore> = nll.iter().map(one).collect();
        texts.push(TextScore { tokens: 0, mean_nll: Err(Unscored::Empty), truncated: false });
        let protocol =
            Protocol { tokenizer_sha256: "ab".repeat(32), bos: None, window: Some(window), stride: None };
        Perplexity { path: path.into(), protocol, summary: score(&texts).unwrap(), texts }
    }

    #[test]
    fn a_model_against_itself_differs_by_nothing() {
        let model = measured("m", &[1.0, 2.0, f64::INFINITY], 48);
        let paired = compare(&model, &model, 100, 1).unwrap();
        assert_eq!((paired.texts, paired.mean_delta_nll, paired.log_ratio), (3, 0.0, 0.0));
        assert_eq!(paired.inference.unwrap().p_value, 1.0);
    }

    #[test]
    fn differences_are_of_the_model_less_the_baseline() {
        let paired =
            compare(&measured("m", &[3.0, 2.0], 48), &measured("b", &[1.0, 1.0], 48), 100, 1).unwrap();
        assert_eq!((paired.mean_delta_nll, paired.log_ratio), (1.5, 1.5));
        let broken = compare(&measured("m", &[f64::NAN, 2.0], 48), &measured("b", &[1.0, 1.0], 48), 100, 1);
        let broken = broken.unwrap();
        assert!(broken.mean_delta_nll.is_nan() && broken.log_ratio.is_nan() && broken.inference.is_none());
    }

    #[test]
    fn two_protocols_are_refused_with_what_differs() {
        let error = compare(&measured("m", &[1.0], 48), &measured("b", &[1.0], 1024), 1, 1).unwrap_err();
        assert_eq!(error.to_string(), "m and b cannot be compared: their windows differ (48 and 1024)");
        let other = Perplexity {
            protocol: Protocol { tokenizer_sha256: "cd".repeat(32), ..measured("b", &[1.0], 48).protocol },
            ..measured("b", &[1.0], 48)
        };
        let error = compare(&measured("m", &[1.0], 48), &other, 1, 1).unwrap_err();
        assert_eq!(
            error.to_string(),
            "m and b cannot be compared: their tokenizers differ (abababababab and cdcdcdcdcdcd)"
        );
    }
}
