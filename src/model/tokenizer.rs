//! The tokenizer of a model, with the special tokens that it adds by itself.
//!
//! `tokenizer.json` alone says what it does: `add_bos_token` and `add_eos_token` of `tokenizer_config.json` change
//! nothing where that file has its own rule, as in `transformers` 5 (held against 5.23 with either key set and unset).
//! Truncation and padding that stand in the file are switched off: a text that is cut or filled up silently would give
//! other numbers than the text that was asked about.

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tokenizers::{Encoding, NormalizedString};

use super::ModelError;
use crate::reader::{ReadError, model_folder, read_whole, sha256_of};

/// Longest `tokenizer.json`: seven times Gemma's, the largest published one known here.
const LONGEST: u64 = 256 << 20;

/// Longest `tokenizer_config.json`; some hold long chat templates.
const LONGEST_CONFIG: u64 = 16 << 20;

/// Names under which the token that ends a text is known, where no `tokenizer_config.json` says which it is.
const ENDS_OF_TEXT: [&str; 5] = ["<|endoftext|>", "</s>", "<|end_of_text|>", "<eos>", "[SEP]"];

/// Why a tokenizer cannot be read or used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what the messages say of them")]
pub enum TokenizerError {
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The folder has weights, perhaps, but no `tokenizer.json`.
    #[error("{}: no tokenizer.json in this directory", .folder.display())]
    Absent { folder: PathBuf },
    /// The file is not what the `tokenizers` library writes.
    #[error("{}: not a tokenizer: {reason}", .path.display())]
    Malformed { path: PathBuf, reason: String },
    /// A text has no tokens in this vocabulary.
    #[error("text cannot be tokenised: {reason}")]
    Text { reason: String },
    /// A token that the vocabulary lacks.
    #[error("no token has the number {token}; the vocabulary ends at {end}")]
    UnknownToken { token: u32, end: usize },
}

impl TokenizerError {
    /// A stable word for the cause, for scripts.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Read(error) => error.kind(),
            Self::Absent { .. } => "no-tokenizer",
            Self::Malformed { .. } => "malformed-tokenizer",
            Self::Text { .. } => "not-tokenised",
            Self::UnknownToken { .. } => "unknown-token",
        }
    }

    /// The file that it is about.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Read(error) => error.path(),
            Self::Absent { folder: path } | Self::Malformed { path, .. } => Some(path),
            Self::Text { .. } | Self::UnknownToken { .. } => None,
        }
    }

    /// What would fix it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Read(error) => error.hint(),
            Self::Absent { .. } => Some(
                "save it in the fast format: AutoTokenizer.from_pretrained(MODEL).save_pretrained(DIR) writes tokenizer.json"
                    .to_owned(),
            ),
            Self::Malformed { .. } => Some("download tokenizer.json again, or save it with a recent tokenizers".to_owned()),
            Self::Text { .. } | Self::UnknownToken { .. } => None,
        }
    }
}

/// `tokenizer.json` of a model.
#[derive(Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    sha256: String,
    vocabulary: usize,
    leading: Vec<u32>,
    trailing: usize,
    end_of_text: Option<u32>,
}

impl Tokenizer {
    /// Reads `tokenizer.json` of a folder (or hub cache entry); `tokenizer_config.json`, where there is one, names the
    /// end-of-text token.
    ///
    /// # Errors
    /// [`TokenizerError`], where the folder or the file is absent, unreadable or malformed.
    pub fn open(folder: &Path) -> Result<Self, ModelError> {
        let folder = model_folder(folder).map_err(TokenizerError::Read)?;
        let path = folder.join("tokenizer.json");
        let bytes = read_whole(&path, LONGEST).map_err(|error| match error {
            ReadError::NotFound { .. } => TokenizerError::Absent { folder: folder.clone() },
            other => TokenizerError::Read(other),
        })?;
        let named = end_of_text_name(&folder.join("tokenizer_config.json"))?;
        Self::from_bytes(&bytes, named.as_deref())
            .map_err(|reason| TokenizerError::Malformed { path, reason }.into())
    }

    fn from_bytes(bytes: &[u8], end_of_text: Option<&str>) -> Result<Self, String> {
        let mut inner = tokenizers::Tokenizer::from_bytes(bytes).map_err(|error| error.to_string())?;
        inner.with_truncation(None).map_err(|error| error.to_string())?;
        inner.with_padding(None);
        let sample = inner.encode("a", true).map_err(|error| error.to_string())?;
        let is_special = sample.get_special_tokens_mask();
        let leading = is_special.iter().take_while(|&&special| special == 1).count();
        let trailing = is_special.iter().skip(leading).rev().take_while(|&&special| special == 1).count();
        let end_of_text = match end_of_text {
            Some(name) => inner.token_to_id(name),
            None => ENDS_OF_TEXT.iter().find_map(|name| inner.token_to_id(name)),
        };
        Ok(Self {
            sha256: sha256_of(bytes),
            vocabulary: inner.get_vocab(true).values().max().map_or(0, |&last| last as usize + 1),
            leading: sample.get_ids().iter().take(leading).copied().collect(),
            trailing,
            end_of_text,
            inner,
        })
    }

    /// Tokens of a text, without special tokens.
    ///
    /// # Errors
    /// [`TokenizerError::Text`], where the text cannot be tokenised.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        Ok(self.encoding(text, false)?.get_ids().to_vec())
    }

    /// Tokens of a text with the special tokens that the tokenizer itself adds (Llama's BOS, T5's EOS, BERT's `[CLS]` and `[SEP]`).
    ///
    /// # Errors
    /// [`TokenizerError::Text`], where the text cannot be tokenised.
    pub fn encode_with_special(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        Ok(self.encoding(text, true)?.get_ids().to_vec())
    }

    /// Text of tokens; special tokens are left out.
    ///
    /// # Errors
    /// [`TokenizerError::UnknownToken`], where the vocabulary lacks one.
    pub fn decode(&self, tokens: &[u32]) -> Result<String, ModelError> {
        if let Some(&token) = tokens.iter().find(|&&token| self.inner.id_to_token(token).is_none()) {
            return Err(TokenizerError::UnknownToken { token, end: self.vocabulary }.into());
        }
        let text = self.inner.decode(tokens, true);
        text.map_err(|error| TokenizerError::Text { reason: error.to_string() }.into())
    }

    /// The end of the vocabulary: every token, special ones included, has a number below it.
    pub fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    /// Special tokens that [`Self::encode_with_special`] puts before every text.
    pub fn leading_special(&self) -> &[u32] {
        &self.leading
    }

    /// The end-of-text token, from which published code starts its context templates.
    pub fn end_of_text(&self) -> Option<u32> {
        self.end_of_text
    }

    /// SHA-256 of `tokenizer.json`, in hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Tokens of a text with all that the library knows of them; offsets count bytes of the text.
    pub(super) fn encoding(&self, text: &str, special: bool) -> Result<Encoding, TokenizerError> {
        self.inner.encode(text, special).map_err(|error| TokenizerError::Text { reason: error.to_string() })
    }

    /// Which of `tokens` tokens are the text's own where special ones stand around them.
    pub(super) fn ordinary(&self, tokens: usize) -> Range<usize> {
        self.leading.len()..tokens.saturating_sub(self.trailing)
    }
}

/// A text in Unicode's normalisation form KD, to which published code brings the texts that a model writes.
pub fn compatibility_decomposed(text: &str) -> String {
    let mut normalized = NormalizedString::from(text);
    normalized.nfkd();
    normalized.get().to_owned()
}

/// As much of `tokenizer_config.json` as matters here.
#[derive(Deserialize)]
struct TokenizerConfig {
    eos_token: Option<SpecialToken>,
}

/// A special token as `transformers` writes it: its text, or an object around it.
#[derive(Deserialize)]
#[serde(untagged)]
enum SpecialToken {
    Text(String),
    Object { content: String },
}

/// The end-of-text token that `tokenizer_config.json` names.
fn end_of_text_name(path: &Path) -> Result<Option<String>, TokenizerError> {
    let bytes = match read_whole(path, LONGEST_CONFIG) {
        Err(ReadError::NotFound { .. }) => return Ok(None),
        read => read?,
    };
    let malformed = |error: serde_json::Error| TokenizerError::Malformed {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let config: TokenizerConfig = serde_json::from_slice(&bytes).map_err(malformed)?;
    Ok(config.eos_token.map(|token| match token {
        SpecialToken::Text(name) | SpecialToken::Object { content: name } => name,
    }))
}
