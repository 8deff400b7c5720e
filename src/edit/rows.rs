//! The rows of tokens that an optimisation runs: a request behind each context template, with the target's tokens but the last.
//!
//! ```text
//! row        BOS?  template(prompt with the subject)  T₁ … T₍ₘ₋₁₎
//! label                                  at its last m positions: T₁ … Tₘ, each predicted where it is not yet seen
//! lookup     the subject's last token
//! ```

use super::request::joins;
use super::{EditError, Request};
use crate::keys::in_context;
use crate::model::{Model, PlacedPrompt, place};

/// Rows of one request, in the order of the templates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Tokens of each row.
    pub tokens: Vec<Vec<u32>>,
    /// Position of the subject's last token in each.
    pub lookup: Vec<usize>,
}

impl Rows {
    /// A request behind templates, each with one `{}` for the prompt.
    ///
    /// A row is the encoding of the whole text, and is refused where that does not end in the target's tokens.
    ///
    /// # Errors
    /// [`EditError::Request`], where a row's tokens cannot be trusted or do not fit into the context.
    pub fn of(model: &Model, request: &Request, templates: &[String]) -> Result<Self, EditError> {
        let tokenizer = model.tokenizer()?;
        let mut rows = Self::default();
        for (number, template) in templates.iter().enumerate() {
            let prompt = in_context(template, &request.prompt);
            let placed = placed(model, request, &prompt, number)?;
            let text = prompt.replacen("{}", &request.subject, 1);
            let mut tokens = tokenizer.leading_special().to_vec();
            tokens.extend(tokenizer.encode(&[&*text, &*request.target].concat())?);
            let before = tokens.strip_suffix(request.target_tokens.as_slice());
            if !before.is_some_and(|before| placed.tokens.starts_with(before)) {
                return Err(request.refuse("target-joins", joins(&text, &request.target)));
            }
            tokens.pop();
            rows.push(model, request, tokens, placed.subject_last)?;
        }
        Ok(rows)
    }

    /// Adds the row of another prompt about the subject, up to the subject's last token.
    pub(super) fn add(&mut self, model: &Model, request: &Request, prompt: &str) -> Result<(), EditError> {
        let PlacedPrompt { mut tokens, subject_last, .. } =
            placed(model, request, prompt, self.tokens.len())?;
        tokens.truncate(subject_last + 1);
        self.push(model, request, tokens, subject_last)
    }

    fn push(
        &mut self,
        model: &Model,
        request: &Request,
        tokens: Vec<u32>,
        lookup: usize,
    ) -> Result<(), EditError> {
        if let Some(context) = model.config().context_length.filter(|context| tokens.len() > *context) {
            let (row, found) = (self.tokens.len(), tokens.len());
            let reason = format!(
                "prompt and target have {found} tokens behind template {row}, the context of the model holds {context}"
            );
            return Err(request.refuse("too-long", reason));
        }
        self.tokens.push(tokens);
        self.lookup.push(lookup);
        Ok(())
    }
}

/// The subject in a prompt, or which template it cannot be trusted behind.
fn placed(model: &Model, request: &Request, prompt: &str, number: usize) -> Result<PlacedPrompt, EditError> {
    let behind = if number == 0 { String::new() } else { format!("behind template {number}: ") };
    place(model.tokenizer()?, prompt, &request.subject)
        .map_err(|refused| request.refuse(refused.kind(), format!("{behind}{refused}")))
}
