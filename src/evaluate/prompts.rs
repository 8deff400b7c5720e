//! What is asked about a case: its prompts, what should follow each, and what that is held against.

use super::answers::{Answer, Unanswerable};
use crate::reader::Case;

/// Which of a case's prompts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PromptKind {
    /// The prompt that was edited: efficacy.
    Rewrite,
    /// Other wordings of it: generalization.
    Paraphrase,
    /// Neighbouring facts, which should stay: specificity, locality.
    Neighborhood,
    /// The prompt that was edited behind a text of the editing contexts.
    PrefixedRewrite,
    /// Other wordings behind such a text.
    PrefixedParaphrase,
}

impl PromptKind {
    /// All kinds, in the order of a report.
    pub const ALL: [Self; 5] = [
        Self::Rewrite,
        Self::Paraphrase,
        Self::Neighborhood,
        Self::PrefixedRewrite,
        Self::PrefixedParaphrase,
    ];
}

/// A prompt with the text that should follow it, and the one that should not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) kind: PromptKind,
    pub(super) prompt: String,
    pub(super) wanted: String,
    pub(super) other: Option<String>,
}

/// What a model says behind one prompt.
#[derive(Clone, Debug, PartialEq)]
pub struct PromptScore {
    /// Which prompt of the case it is.
    pub kind: PromptKind,
    /// Its text.
    pub prompt: String,
    /// What should follow: the new target, or for a neighbour its own answer.
    pub wanted: Result<Answer, Unanswerable>,
    /// What that is compared with: the old target, or for a neighbour the new one; none where the case does not name it.
    pub other: Option<Result<Answer, Unanswerable>>,
    /// Share of the wanted answer's places at which the baseline says the same; none without one.
    pub agreement: Option<f64>,
}

/// A number that is taken of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// 1 where the wanted text is likelier than the other, a token; 0 where it is not, they tie, or either is NaN.
    Success,
    /// exp(−mean NLL) of the wanted text less that of the other.
    Magnitude,
    /// 1 where every token of the wanted text is the most probable one, else 0.
    Correct,
    /// Share of its tokens that are the most probable ones.
    TokenAccuracy,
    /// Share of its places at which the baseline finds the same token most probable.
    Agreement,
}

impl Measure {
    /// All measures, in the order of a report.
    pub const ALL: [Self; 5] =
        [Self::Success, Self::Magnitude, Self::Correct, Self::TokenAccuracy, Self::Agreement];
}

impl PromptScore {
    /// The measure; none where a text that it needs is not there or could not be scored.
    ///
    /// Signs and comparisons as the code of ROME and MEMIT has them (`experiments/summarize.py`).
    pub fn measure(&self, measure: Measure) -> Option<f64> {
        let wanted = self.wanted.as_ref().ok()?;
        let one = |holds: bool| f64::from(u8::from(holds));
        let both = || Some((wanted.mean_nll(), self.other.as_ref()?.as_ref().ok()?.mean_nll()));
        match measure {
            Measure::Success => both().map(|(wanted, other)| one(other > wanted)),
            Measure::Magnitude => both().map(|(wanted, other)| (-wanted).exp() - (-other).exp()),
            Measure::Correct => Some(one(wanted.is_greedy())),
            Measure::TokenAccuracy => Some(wanted.token_accuracy()),
            Measure::Agreement => self.agreement,
        }
    }

    /// The answers that were scored.
    pub fn scored(&self) -> impl Iterator<Item = &Answer> {
        self.wanted.iter().chain(self.other.iter().flatten())
    }

    /// Why answers could not be scored.
    pub fn unscored(&self) -> impl Iterator<Item = &Unanswerable> {
        [Some(&self.wanted), self.other.as_ref()]
            .into_iter()
            .flatten()
            .filter_map(|found| found.as_ref().err())
    }
}

/// The prompts of a case; `contexts` are templates with one `{}` each, before the edited prompt and its other wordings.
///
/// What should follow a neighbour is its own answer where the case names one, else the old target, as in COUNTERFACT.
pub(super) fn prompts(case: &Case, wanted: &str, contexts: &[String]) -> Vec<Asked> {
    let truth = case.target_true.as_ref();
    let asked = |kind, prompt: String, wanted: &str, other: Option<&String>| Asked {
        kind,
        prompt,
        wanted: wanted.to_owned(),
        other: other.cloned(),
    };
    let rewrite = case.prompt.replace("{}", &case.subject);
    let edited = |kinds: [PromptKind; 2]| {
        let paraphrases = case.paraphrase_prompts.iter().map(move |prompt| (kinds[1], prompt.clone()));
        [(kinds[0], rewrite.clone())].into_iter().chain(paraphrases)
    };
    let mut all: Vec<Asked> = edited([PromptKind::Rewrite, PromptKind::Paraphrase])
        .map(|(kind, prompt)| asked(kind, prompt, wanted, truth))
        .collect();
    for neighbor in &case.neighborhood_prompts {
        if let Some(stays) = neighbor.target.as_ref().or(truth) {
            let new = case.target_new.as_ref();
            all.push(asked(PromptKind::Neighborhood, neighbor.prompt.clone(), stays, new));
        }
    }
    for context in contexts {
        let kinds = [PromptKind::PrefixedRewrite, PromptKind::PrefixedParaphrase];
        all.extend(
            edited(kinds)
                .map(|(kind, prompt)| asked(kind, context.replacen("{}", &prompt, 1), wanted, truth)),
        );
    }
    all
}
