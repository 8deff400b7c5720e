//! The tokenizer of a model, and where a subject stands in a prompt.

use std::path::Path;

use super::ModelError;

/// `tokenizer.json` of a model.
pub struct Tokenizer {}

impl Tokenizer {
    /// Reads `tokenizer.json` of a folder.
    ///
    /// # Errors
    /// Where it is absent or malformed.
    pub fn open(_folder: &Path) -> Result<Self, ModelError> {
        Err(ModelError::NotYet)
    }

    /// Tokens of a text, without special tokens.
    ///
    /// # Errors
    /// Where the text cannot be tokenised.
    pub fn encode(&self, _text: &str) -> Result<Vec<u32>, ModelError> {
        Err(ModelError::NotYet)
    }

    /// Tokens of a text with the special tokens that the tokenizer itself adds (Llama's BOS, T5's EOS, BERT's [CLS] and [SEP]).
    ///
    /// # Errors
    /// Where the text cannot be tokenised.
    pub fn encode_with_special(&self, _text: &str) -> Result<Vec<u32>, ModelError> {
        Err(ModelError::NotYet)
    }

    /// Text of tokens; special tokens are left out.
    ///
    /// # Errors
    /// Where a token is unknown.
    pub fn decode(&self, _tokens: &[u32]) -> Result<String, ModelError> {
        Err(ModelError::NotYet)
    }

    /// Number of tokens, special ones included.
    pub fn vocabulary(&self) -> usize {
        0
    }

    /// Special tokens that [`Self::encode_with_special`] puts before every text.
    pub fn leading_special(&self) -> &[u32] {
        &[]
    }

    /// The end-of-text token, from which published code starts its context templates.
    pub fn end_of_text(&self) -> Option<u32> {
        None
    }

    /// SHA-256 of `tokenizer.json`, in hexadecimal.
    pub fn sha256(&self) -> &str {
        ""
    }
}

/// A prompt with its subject in place, as tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedPrompt {
    /// Tokens of the prompt, special tokens included where the model is used with them.
    pub tokens: Vec<u32>,
    /// Position of the subject's first token.
    pub subject_first: usize,
    /// Position of the subject's last token: where ROME reads the key.
    pub subject_last: usize,
    /// Whether special tokens stand before the text.
    pub bos: bool,
}

/// Why the position of a subject cannot be trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The prompt has no `{}`.
    #[error("the prompt has no {{}} for the subject")]
    NoSlot,
}

/// Puts `subject` into the `{}` of `template` and finds its tokens.
///
/// # Errors
/// [`Refused`], where the tokens of the subject cannot be told from those around it.
pub fn place(_tokenizer: &Tokenizer, _template: &str, _subject: &str) -> Result<PlacedPrompt, Refused> {
    Err(Refused::NoSlot)
}
