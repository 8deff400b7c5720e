//! How likely given answers are behind given prompts: what efficacy, locality, cloze and multiple choice rest on.

use super::joint::join;
use crate::model::{Model, ModelError, Predicted};

/// Why an answer cannot be scored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what the messages say of them")]
pub enum Unanswerable {
    /// An answer that is empty, or of which nothing is left behind the prompt's tokens.
    #[error("`{answer}` has no token of its own behind `{prompt}`")]
    NoToken { prompt: String, answer: String },
    /// A prompt without a token: nothing predicts the answer's first one.
    #[error("the prompt before `{answer}` has no token, so nothing predicts it")]
    NoPrompt { answer: String },
    /// More tokens than the model takes.
    #[error("`{prompt}` with its answer has {tokens} tokens, the model takes {context}")]
    TooLong { prompt: String, tokens: usize, context: usize },
    /// The text cannot be tokenised.
    #[error("{reason}")]
    NotTokenised { reason: String },
}

impl Unanswerable {
    /// A stable word for the cause, for scripts and for counting.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NoToken { .. } => "no-token",
            Self::NoPrompt { .. } => "no-prompt",
            Self::TooLong { .. } => "too-long",
            Self::NotTokenised { .. } => "not-tokenised",
        }
    }
}

/// A prompt, and the answers that are held against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The text before.
    pub prompt: String,
    /// The texts that may follow.
    pub answers: Vec<String>,
}

/// What the model says of one answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Its tokens.
    pub tokens: Vec<u32>,
    /// `−ln p` of each of them in nats, given the prompt and those before it.
    pub nll: Vec<f64>,
    /// What the model finds most probable in the place of each; none where a logit is NaN.
    pub likeliest: Vec<Option<u32>>,
    /// Whether the prompt's own tokens are no beginning of the joint ones, see [`answer`].
    pub merged: bool,
}

impl Answer {
    /// Mean `−ln p` a token, in nats: the length-normalised figure of COUNTERFACT.
    pub fn mean_nll(&self) -> f64 {
        self.nll.iter().sum::<f64>() / self.nll.len() as f64
    }

    /// Share of its tokens that the model itself finds most probable, under teacher forcing.
    pub fn token_accuracy(&self) -> f64 {
        let hits = self.tokens.iter().zip(&self.likeliest).filter(|(token, said)| Some(**token) == **said);
        hits.count() as f64 / self.tokens.len() as f64
    }

    /// Whether the model would say exactly this if it always took the most probable token.
    pub fn is_greedy(&self) -> bool {
        self.tokens.iter().zip(&self.likeliest).all(|(token, said)| Some(*token) == *said)
    }

    /// Share of the places at which another model says the same; a place where either says nothing differs.
    pub fn agreement(&self, other: &Self) -> f64 {
        let same = self.likeliest.iter().zip(&other.likeliest).filter(|(a, b)| a.is_some() && a == b);
        same.count() as f64 / self.likeliest.len() as f64
    }
}

/// Scores every answer of every question; the model is run over all of them together.
///
/// Prompt, a space and answer are tokenised together, behind the special tokens that the tokenizer puts before a text; the
/// answer is what stands behind the tokens of the prompt alone. Where those are no beginning of the joint tokens, the answer
/// begins where the two part ([`Answer::merged`]), and its first token holds the end of the prompt.
///
/// # Errors
/// Where the model cannot be run. An answer that cannot be scored is an element of its own.
pub fn answer(
    model: &Model,
    questions: &[Question],
) -> Result<Vec<Vec<Result<Answer, Unanswerable>>>, ModelError> {
    let (mut rows, mut from) = (Vec::new(), Vec::new());
    let mut placed: Vec<Vec<Result<(usize, bool), Unanswerable>>> = Vec::with_capacity(questions.len());
    for Question { prompt, answers } in questions {
        let mut each = Vec::with_capacity(answers.len());
        for answer in answers {
            each.push(place(model, prompt, answer)?.map(|(tokens, begin, merged)| {
                rows.push(tokens);
                from.push(begin);
                (rows.len() - 1, merged)
            }));
        }
        placed.push(each);
    }
    let predicted = model.predictions(&rows, &from)?;
    let scored = |(row, merged): (usize, bool)| {
        let tokens = rows.get(row).zip(from.get(row)).and_then(|(row, from)| row.get(*from..));
        let said: &[Predicted] = predicted.get(row).map_or(&[], Vec::as_slice);
        Answer {
            tokens: tokens.unwrap_or_default().to_vec(),
            nll: said.iter().map(|predicted| predicted.nll).collect(),
            likeliest: said.iter().map(|predicted| predicted.likeliest).collect(),
            merged,
        }
    };
    Ok(placed.into_iter().map(|each| each.into_iter().map(|found| found.map(scored)).collect()).collect())
}

/// Tokens, where the answer begins, and whether the boundary merged.
type Placed = Result<(Vec<u32>, usize, bool), Unanswerable>;

fn place(model: &Model, prompt: &str, answer: &str) -> Result<Placed, ModelError> {
    if answer.trim().is_empty() {
        return Ok(Err(Unanswerable::NoToken { prompt: prompt.to_owned(), answer: answer.to_owned() }));
    }
    let joint = match join(model.tokenizer()?, prompt, answer) {
        Ok(joint) => joint,
        Err(ModelError::Tokenizer(error)) => {
            return Ok(Err(Unanswerable::NotTokenised { reason: error.to_string() }));
        }
        Err(other) => return Err(other),
    };
    let (prompt, answer) = (|| prompt.to_owned(), || answer.to_owned());
    let (tokens, context) = (joint.tokens.len(), model.config().context_length);
    Ok(match context.filter(|context| tokens > *context) {
        Some(context) => Err(Unanswerable::TooLong { prompt: prompt(), tokens, context }),
        None if joint.from == 0 => Err(Unanswerable::NoPrompt { answer: answer() }),
        None if joint.from == tokens => Err(Unanswerable::NoToken { prompt: prompt(), answer: answer() }),
        None => Ok((joint.tokens, joint.from, joint.merged)),
    })
}
