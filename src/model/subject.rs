//! Where a subject stands in a prompt, in tokens; or why that cannot be told.
//!
//! ROME reads its key at the subject's last token. The published code finds it as `len(encode(prefix + subject)) − 1`
//! (Collapse-in-Model-Editing and `EasyEdit`, BOS counted), which is one too many where the tokenizer appends a token, as
//! T5's does, and another token's place where the subject's last token depends on what follows. Here it is read
//! from the offsets of the whole prompt's tokens, and held against the published rule, trailing special tokens left out.
//! Where the two disagree, or a token belongs to the subject and to its neighbour, the position is refused.

use std::borrow::Cow;
use std::ops::Range;

use super::Tokenizer;

/// A prompt with its subject in place, as tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedPrompt {
    /// Tokens of the prompt, with the special tokens that the tokenizer adds.
    pub tokens: Vec<u32>,
    /// Position of the subject's first token.
    pub subject_first: usize,
    /// Position of the subject's last token: where ROME reads the key.
    pub subject_last: usize,
    /// Whether special tokens stand before the text.
    pub bos: bool,
    /// Whether the subject's last token is the first of the text's own: at most special tokens and white space stand before it.
    ///
    /// This is what the collapse cases of ROME on GPT-2 and GPT-J have in common (The Fall of ROME, EMNLP 2024). Behind a
    /// BOS token it is no longer the first position of the model's input: see [`Self::bos`].
    pub first_token: bool,
}

/// Why the position of a subject cannot be trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what the messages say of them")]
pub enum Refused {
    /// The prompt has no `{}`.
    #[error("the prompt has no {{}} for the subject")]
    NoSlot,
    /// More than one `{}`.
    #[error("the prompt has {slots} {{}}, so which of them is the subject is open")]
    SeveralSlots { slots: usize },
    /// Nothing, or white space alone.
    #[error("the subject is empty")]
    EmptySubject,
    /// A prompt without `{}` that does not hold the subject.
    #[error("the prompt has no {{}}, and the subject `{subject}` does not stand in it")]
    SubjectAbsent { subject: String },
    /// A prompt without `{}` that holds the subject more than once.
    #[error("the prompt has no {{}}, and the subject `{subject}` stands in it {times} times")]
    SubjectRepeated { subject: String, times: usize },
    /// A token that begins before the subject.
    #[error("the token `{token}` joins the subject to what stands before it")]
    CrossesStart { token: String },
    /// A token that ends behind the subject.
    #[error("the token `{token}` joins the subject to what follows it")]
    CrossesEnd { token: String },
    /// The tokenizer drops every character of the subject.
    #[error("the subject `{subject}` has no token of its own")]
    NoToken { subject: String },
    /// The last token as the offsets tell it is another one than the published rule finds.
    #[error(
        "the subject's last token is number {by_offsets} in the whole prompt, and number {by_length} where the \
         prompt ends with it: what follows changes its tokens"
    )]
    Disagrees { by_offsets: usize, by_length: usize },
    /// The text cannot be tokenised at all.
    #[error("{reason}")]
    NotTokenised { reason: String },
}

impl Refused {
    /// A stable word for the cause, for scripts and for counting.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NoSlot => "no-slot",
            Self::SeveralSlots { .. } => "several-slots",
            Self::EmptySubject => "empty-subject",
            Self::SubjectAbsent { .. } => "subject-absent",
            Self::SubjectRepeated { .. } => "subject-repeated",
            Self::CrossesStart { .. } => "crosses-start",
            Self::CrossesEnd { .. } => "crosses-end",
            Self::NoToken { .. } => "no-token",
            Self::Disagrees { .. } => "position-disagrees",
            Self::NotTokenised { .. } => "not-tokenised",
        }
    }
}

/// The prompt with one `{}` for its subject: as it is, or with the subject's single occurrence replaced.
///
/// Datasets write both `The capital of {} is` (COUNTERFACT) and `The capital of France is` (zsRE, `EasyEdit`).
///
/// # Errors
/// [`Refused`], where that leaves no slot or more than one.
pub fn slot<'a>(prompt: &'a str, subject: &str) -> Result<Cow<'a, str>, Refused> {
    if subject.trim().is_empty() {
        return Err(Refused::EmptySubject);
    }
    let subject_is = || subject.to_owned();
    match (prompt.matches("{}").count(), prompt.matches(subject).count()) {
        (1, _) => Ok(Cow::Borrowed(prompt)),
        (0, 1) => Ok(Cow::Owned(prompt.replacen(subject, "{}", 1))),
        (0, 0) => Err(Refused::SubjectAbsent { subject: subject_is() }),
        (0, times) => Err(Refused::SubjectRepeated { subject: subject_is(), times }),
        (slots, _) => Err(Refused::SeveralSlots { slots }),
    }
}

/// Puts `subject` into the `{}` of `template` and finds its tokens.
///
/// The subject's tokens are those that overlap its characters in the encoding of the whole prompt; a white space before
/// it may belong to the first of them, and a token that is only a space is none of them.
///
/// # Errors
/// [`Refused`], where the tokens of the subject cannot be told from those around it.
pub fn place(tokenizer: &Tokenizer, template: &str, subject: &str) -> Result<PlacedPrompt, Refused> {
    let (prefix, suffix) = match template.matches("{}").count() {
        1 => template.split_once("{}").ok_or(Refused::NoSlot)?,
        0 => return Err(Refused::NoSlot),
        slots => return Err(Refused::SeveralSlots { slots }),
    };
    if subject.trim().is_empty() {
        return Err(Refused::EmptySubject);
    }
    let until_subject = [prefix, subject].concat();
    let text = [&until_subject, suffix].concat();
    let tokens = Tokens::of(tokenizer, &text)?;
    let span = prefix.len()..until_subject.len();
    let (first, last) =
        tokens.overlapping(&span).ok_or_else(|| Refused::NoToken { subject: subject.to_owned() })?;
    tokens.check_borders(first, last, &span)?;
    let ends_with_subject =
        if suffix.is_empty() { tokens.own.end } else { Tokens::of(tokenizer, &until_subject)?.own.end };
    if ends_with_subject != last + 1 {
        return Err(Refused::Disagrees { by_offsets: last, by_length: ends_with_subject.saturating_sub(1) });
    }
    Ok(PlacedPrompt {
        subject_first: first,
        subject_last: last,
        bos: tokens.own.start > 0,
        first_token: (tokens.own.start..last).all(|at| tokens.is_blank(at)),
        tokens: tokens.ids,
    })
}

/// A text and its tokens, special ones included.
struct Tokens<'a> {
    text: &'a str,
    ids: Vec<u32>,
    /// Bytes of the text that each token stands for.
    offsets: Vec<Range<usize>>,
    /// Which tokens stand for white space or for nothing.
    blank: Vec<bool>,
    /// Which tokens are the text's own.
    own: Range<usize>,
}

impl<'a> Tokens<'a> {
    fn of(tokenizer: &Tokenizer, text: &'a str) -> Result<Self, Refused> {
        let encoding = tokenizer
            .encoding(text, true)
            .map_err(|error| Refused::NotTokenised { reason: error.to_string() })?;
        let offsets: Vec<_> = encoding.get_offsets().iter().map(|&(start, end)| start..end).collect();
        let words = encoding.get_tokens().iter().zip(&offsets);
        Ok(Self {
            text,
            ids: encoding.get_ids().to_vec(),
            blank: words.map(|(word, bytes)| is_space_mark(word) || is_blank(text, bytes.clone())).collect(),
            offsets,
            own: tokenizer.ordinary(encoding.len()),
        })
    }

    /// Bytes of a token; none for a position that is not there.
    fn offsets(&self, at: usize) -> Range<usize> {
        self.offsets.get(at).cloned().unwrap_or_default()
    }

    /// First and last of the text's own tokens that share a byte with `span` and are not blank.
    fn overlapping(&self, span: &Range<usize>) -> Option<(usize, usize)> {
        let overlaps = |&at: &usize| {
            let token = self.offsets(at);
            !self.is_blank(at) && token.start < span.end && span.start < token.end
        };
        Some((self.own.clone().find(overlaps)?, self.own.clone().rfind(overlaps)?))
    }

    /// Refuses a first token with more than white space before the subject, and a last one that goes on behind it.
    fn check_borders(&self, first: usize, last: usize, span: &Range<usize>) -> Result<(), Refused> {
        let (first, last) = (self.offsets(first), self.offsets(last));
        let word = |token: Range<usize>| self.text.get(token).unwrap_or("�").to_owned();
        let before = self.text.get(first.start..span.start.max(first.start));
        if before.is_none_or(|before| !before.trim().is_empty()) {
            return Err(Refused::CrossesStart { token: word(first) });
        }
        if last.end > span.end {
            return Err(Refused::CrossesEnd { token: word(last) });
        }
        Ok(())
    }

    fn is_blank(&self, at: usize) -> bool {
        self.blank.get(at).copied().unwrap_or(true)
    }
}

/// True for a token that is nothing but the mark of a space.
///
/// Its offsets do not tell: the mark that `SentencePiece` puts in front of a text has those of the first character.
fn is_space_mark(token: &str) -> bool {
    token.chars().all(|character| matches!(character, '▁' | 'Ġ'))
}

fn is_blank(text: &str, bytes: Range<usize>) -> bool {
    text.get(bytes).is_some_and(|text| text.trim().is_empty())
}
