//! The numbers of an evaluation by name, each with the protocol that it was measured by.

use super::outcome::{Evaluation, GenerationSummary};
use super::prompts::{Measure, PromptKind};
use super::summary::Spread;

/// A number over all cases, with its name and protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// The name that records use.
    pub name: &'static str,
    /// How it was measured.
    pub protocol: &'static str,
    /// On the model.
    pub value: Spread,
    /// On the baseline.
    pub before: Option<f64>,
}

/// Names and protocols of what is measured on a case: kind of prompt, measure, name, protocol.
///
/// | protocol | what is compared |
/// |---|---|
/// | `counterfact-nll` | mean NLL a token of the wanted text and of the other one |
/// | `counterfact-argmax` | every token of the wanted text with the most probable one |
/// | `easyedit-token-accuracy` | each token of the new target with the most probable one |
/// | `gold-token-accuracy` | the same for a neighbour's own answer, which does not see what the model said before |
/// | `easyedit-locality` | the most probable tokens with those of the baseline, in the place of the neighbour's answer |
pub const CASE_METRICS: [(PromptKind, Measure, &str, &str); 21] = {
    use Measure::{Agreement, Correct, Magnitude, Success, TokenAccuracy};
    use PromptKind::{Neighborhood, Paraphrase, PrefixedParaphrase, PrefixedRewrite, Rewrite};
    [
        (Rewrite, Success, "efficacy_success", NLL),
        (Rewrite, Magnitude, "efficacy_magnitude", NLL),
        (Rewrite, Correct, "efficacy_correct", ARGMAX),
        (Rewrite, TokenAccuracy, "efficacy_token_accuracy", TOKENS),
        (Paraphrase, Success, "generalization_success", NLL),
        (Paraphrase, Magnitude, "generalization_magnitude", NLL),
        (Paraphrase, Correct, "generalization_correct", ARGMAX),
        (Paraphrase, TokenAccuracy, "generalization_token_accuracy", TOKENS),
        (Neighborhood, Success, "specificity_success", NLL),
        (Neighborhood, Magnitude, "specificity_magnitude", NLL),
        (Neighborhood, Correct, "specificity_correct", ARGMAX),
        (Neighborhood, TokenAccuracy, "locality_token_accuracy", "gold-token-accuracy"),
        (Neighborhood, Agreement, "locality_agreement", "easyedit-locality"),
        (PrefixedRewrite, Success, "efficacy_prefixed_success", NLL),
        (PrefixedRewrite, Magnitude, "efficacy_prefixed_magnitude", NLL),
        (PrefixedRewrite, Correct, "efficacy_prefixed_correct", ARGMAX),
        (PrefixedRewrite, TokenAccuracy, "efficacy_prefixed_token_accuracy", TOKENS),
        (PrefixedParaphrase, Success, "generalization_prefixed_success", NLL),
        (PrefixedParaphrase, Magnitude, "generalization_prefixed_magnitude", NLL),
        (PrefixedParaphrase, Correct, "generalization_prefixed_correct", ARGMAX),
        (PrefixedParaphrase, TokenAccuracy, "generalization_prefixed_token_accuracy", TOKENS),
    ]
};

const NLL: &str = "counterfact-nll";
const ARGMAX: &str = "counterfact-argmax";
const TOKENS: &str = "easyedit-token-accuracy";

/// Takes a mean from the others.
type OfWritten = fn(&GenerationSummary) -> Option<Spread>;

/// What is measured on the texts of a case: name, protocol, and where it stands.
const WRITTEN: [(&str, &str, OfWritten); 3] = [
    ("fluency", "counterfact-ngram-entropy", |found| found.fluency),
    ("normalized_entropy", "gcf-normalized-entropy", |found| found.normalized_entropy),
    ("consistency", "counterfact-tfidf", |found| found.consistency),
];

impl Evaluation {
    /// Every number over all cases that there is, in the order of a report.
    pub fn metrics(&self) -> Vec<Metric> {
        let Some(cases) = &self.cases else { return Vec::new() };
        let of_cases = CASE_METRICS.iter().filter_map(|(kind, measure, name, protocol)| {
            let before = cases.before.as_ref().and_then(|before| before.metric(*kind, *measure));
            let value = cases.summary.metric(*kind, *measure)?;
            Some(Metric { name, protocol, value, before: before.map(|before| before.mean) })
        });
        let scored = cases.quality.cases.len();
        let before = cases.before.as_ref();
        let scores = [
            ("score", cases.summary.score, before.and_then(|before| before.score)),
            ("prefixed_score", cases.summary.prefixed_score, before.and_then(|before| before.prefixed_score)),
        ];
        let scores = scores.into_iter().filter_map(|(name, score, before)| {
            let value = Spread { cases: scored, mean: score?, deviation: 0.0 };
            Some(Metric { name, protocol: "counterfact-harmonic-mean", value, before })
        });
        let written = cases.written.iter().flat_map(|written| {
            WRITTEN.iter().filter_map(|(name, protocol, of)| {
                let before = written.before.as_ref().and_then(of).map(|before| before.mean);
                Some(Metric { name, protocol, value: of(&written.summary)?, before })
            })
        });
        of_cases.chain(scores).chain(written).collect()
    }
}
