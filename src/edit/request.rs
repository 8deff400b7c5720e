//! What an edit asks for, in the tokens of one model.

use super::EditError;
use crate::model::Model;
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
    /// Prepares a case.
    ///
    /// # Errors
    /// [`EditError::Request`]: no new object, or one without tokens; a subject that is absent or stands in the prompt twice.
    pub fn of(case: &Case, model: &Model) -> Result<Self, EditError> {
        let _ = (case, model);
        Err(EditError::Unsupported { method: "edit", why: "is not there yet".to_owned() })
    }
}
