//! What an edit asks for, in the tokens of one model.
//!
//! The target's tokens are those that stand behind the prompt where both are tokenised as one text: encoding the target by itself
//! puts a bare `▁` before it with Llama's tokenizers, and published code that cuts off the BOS token alone trains the model on it.

use super::EditError;
use crate::model::{Model, place, slot};
use crate::reader::Case;

/// A fact to edit, ready for a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The case.
    pub case_id: String,
    /// The prompt with one `{}` for the subject.
    pub prompt: String,
    /// The subject.
    pub subject: String,
    /// The new object as text, with a leading space.
    pub target: String,
    /// Its tokens, at least one.
    pub target_tokens: Vec<u32>,
}

impl Request {
    /// Prepares a case. The target gets exactly one leading space, whatever the record has.
    ///
    /// # Errors
    /// [`EditError::Request`]: no new object, or one without tokens; a subject that is absent or stands in the prompt twice, or
    /// whose tokens cannot be told from those around it; a prompt whose last token changes where the target follows.
    /// [`EditError::Model`], where the model has no tokenizer.
    pub fn of(case: &Case, model: &Model) -> Result<Self, EditError> {
        let refuse = |kind, reason| EditError::Request { case_id: case.case_id.clone(), kind, reason };
        let tokenizer = model.tokenizer()?;
        let prompt = slot(&case.prompt, &case.subject).and_then(|prompt| {
            place(tokenizer, &prompt, &case.subject)?;
            Ok(prompt.into_owned())
        });
        let prompt = prompt.map_err(|refused| refuse(refused.kind(), refused.to_string()))?;
        let Some(target) = &case.target_new else {
            return Err(refuse("no-target", "the case has no `target_new`".to_owned()));
        };
        let target = format!(" {}", target.trim_start());
        let text = prompt.replacen("{}", &case.subject, 1);
        let (before, all) = (tokenizer.encode(&text)?, tokenizer.encode(&[&*text, &*target].concat())?);
        let target_tokens = match all.strip_prefix(before.as_slice()) {
            _ if target.trim().is_empty() => &[],
            Some(tokens) => tokens,
            None => return Err(refuse("target-joins", joins(&text, &target))),
        };
        if target_tokens.is_empty() {
            return Err(refuse("empty-target", format!("the target `{target}` has no token of its own")));
        }
        Ok(Self {
            case_id: case.case_id.clone(),
            subject: case.subject.clone(),
            target_tokens: target_tokens.to_vec(),
            target,
            prompt,
        })
    }

    /// A refusal of this request.
    pub(super) fn refuse(&self, kind: &'static str, reason: String) -> EditError {
        EditError::Request { case_id: self.case_id.clone(), kind, reason }
    }
}

/// Why the tokens of a target cannot be told.
pub(super) fn joins(text: &str, target: &str) -> String {
    format!("the tokens of `{text}` are others where `{target}` follows, so which are the target's is open")
}

#[cfg(test)]
mod tests;
