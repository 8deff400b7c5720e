//! Context templates drawn from a model, in the ways that are published.
//!
//! ROME averages a subject's key over texts that the model itself writes. The published code draws them without a seed and
//! keeps them for the life of the process; here the seed is an argument and the templates can be hashed, written and read.
//!
//! | style | texts begin with | texts and their length in tokens | mean |
//! |---|---|---|---|
//! | ROME | the end-of-text token | 10 of 5, 10 of 10 | over all 21 templates |
//! | Collapse-in-Model-Editing, `EasyEdit` | The, Therefore, Because, I, You | 10 of 5, 10 of 10, two a word | over all 21 templates |
//! | MEMIT, EMMET, `AlphaEdit` | the same words | 5 of 10, one a word | bare and prefixed apart |
//!
//! Every token is drawn from the five most probable. A length counts the tokens a text begins with, special ones included.
//! A text becomes the template `text. {}`, and the bare template `{}` is the first.

use crate::model::{Model, ModelError, Tokenizer, compatibility_decomposed};
use crate::reader::{ContextTemplates, DatasetError};

/// A token is drawn from this many of the most probable.
const TOP_K: usize = 5;

/// Words that the later editors let their texts begin with.
const WORDS: [&str; 5] = ["The", "Therefore", "Because", "I", "You"];

/// The way in which context templates are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContextStyle {
    /// As rome does it: twenty texts from the end-of-text token.
    Rome,
    /// As Collapse-in-Model-Editing and `EasyEdit` do it: twenty texts from five words.
    #[default]
    Collapse,
    /// As MEMIT and its kin do it: five texts from five words, in a group of their own.
    Memit,
}

/// Why no context templates can be drawn.
#[derive(Debug, thiserror::Error)]
pub enum ContextsError {
    /// The model cannot be run, or its tokenizer not be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The tokenizer names no token that ends a text.
    #[error("the tokenizer has no end-of-text token, from which ROME's context templates begin")]
    NoEndOfText,
    /// What was drawn makes no templates.
    #[error("the texts that were drawn make no templates: {0}")]
    Templates(#[from] DatasetError),
}

impl ContextsError {
    /// A stable word for the cause, for scripts.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Model(error) => error.kind(),
            Self::NoEndOfText => "no-end-of-text",
            Self::Templates(error) => error.kind(),
        }
    }

    /// What would fix it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Model(error) => error.hint(),
            Self::NoEndOfText => {
                Some("name it as eos_token in tokenizer_config.json, or take the style collapse".to_owned())
            }
            Self::Templates(_) => None,
        }
    }
}

/// Texts of one length that begin alike.
struct Batch {
    start: Vec<u32>,
    texts: usize,
    length: usize,
}

/// Draws context templates from a model; the same seed gives the same templates.
///
/// # Errors
/// [`ContextsError`], where the model cannot generate or names no end-of-text token for [`ContextStyle::Rome`].
pub fn draw_contexts(
    model: &Model,
    style: ContextStyle,
    seed: u64,
) -> Result<ContextTemplates, ContextsError> {
    draw_by(model.tokenizer()?, style, seed, &|rows, new_tokens, seed| {
        model.generate(rows, new_tokens, TOP_K, seed)
    })
}

/// A generator: rows, number of new tokens and seed in, the new tokens of each row out.
type Generate<'a> = dyn Fn(&[Vec<u32>], usize, u64) -> Result<Vec<Vec<u32>>, ModelError> + 'a;

fn draw_by(
    tokenizer: &Tokenizer,
    style: ContextStyle,
    seed: u64,
    generate: &Generate<'_>,
) -> Result<ContextTemplates, ContextsError> {
    let mut templates = Vec::new();
    for (batch, seed) in batches(tokenizer, style)?.into_iter().zip(seed..) {
        let new_tokens = batch.length.saturating_sub(batch.start.len());
        let rows = vec![batch.start.clone(); batch.texts];
        let drawn = match new_tokens {
            0 => vec![Vec::new(); batch.texts],
            some => generate(&rows, some, seed)?,
        };
        for new in drawn {
            let text = tokenizer.decode(&[batch.start.as_slice(), &new].concat())?;
            templates.push(template(&text, style));
        }
    }
    let bare = "{}".to_owned();
    let groups = match style {
        ContextStyle::Memit => vec![vec![bare], templates],
        ContextStyle::Rome | ContextStyle::Collapse => vec![[vec![bare], templates].concat()],
    };
    Ok(ContextTemplates::new(groups)?)
}

/// What is to be drawn, in the published order: the short texts first, word by word.
fn batches(tokenizer: &Tokenizer, style: ContextStyle) -> Result<Vec<Batch>, ContextsError> {
    let end = || tokenizer.end_of_text().ok_or(ContextsError::NoEndOfText);
    let starts = match style {
        ContextStyle::Rome => vec![[tokenizer.leading_special(), &[end()?]].concat()],
        ContextStyle::Collapse | ContextStyle::Memit => WORDS
            .iter()
            .map(|word| Ok([tokenizer.leading_special(), &tokenizer.encode(word)?].concat()))
            .collect::<Result<_, ModelError>>()?,
    };
    let lengths: &[(usize, usize)] = match style {
        ContextStyle::Rome | ContextStyle::Collapse => &[(5, 10), (10, 10)],
        ContextStyle::Memit => &[(10, 5)],
    };
    let batch =
        |length, all, start: &Vec<u32>| Batch { start: start.clone(), texts: all / starts.len(), length };
    let per_length = |&(length, all)| starts.iter().map(move |start| batch(length, all, start));
    Ok(lengths.iter().flat_map(per_length).collect())
}

/// The template of a text: decomposed as published, paragraphs joined, and without braces of its own.
///
/// Braces are removed; MEMIT puts spaces in their place. ROME's own code would stumble over them.
fn template(text: &str, style: ContextStyle) -> String {
    let brace = if style == ContextStyle::Memit { " " } else { "" };
    let text = compatibility_decomposed(text).replace("\n\n", " ").replace(['{', '}'], brace);
    format!("{text}. {{}}")
}

/// The prompt behind a template's text; the `{}` that is left is the subject's.
pub fn in_context(template: &str, prompt: &str) -> String {
    template.replacen("{}", prompt, 1)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests take apart what they made")]
mod tests {
    use std::cell::RefCell;
    use std::path::Path;

    use super::*;
    use crate::reader::{IoMode, Limits};

    fn tokenizer(kind: &str) -> Tokenizer {
        Tokenizer::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(kind)).unwrap()
    }

    /// Templates where every new token is that of ` the`, and the calls: rows, new tokens, seed.
    fn drawn(kind: &str, style: ContextStyle) -> (ContextTemplates, Vec<(usize, usize, u64)>) {
        let tokenizer = tokenizer(kind);
        let the = *tokenizer.encode("in the").unwrap().last().unwrap();
        let calls = RefCell::new(Vec::new());
        let generate = |rows: &[Vec<u32>], new: usize, seed: u64| {
            calls.borrow_mut().push((rows.len(), new, seed));
            Ok(vec![vec![the; new]; rows.len()])
        };
        let templates = draw_by(&tokenizer, style, 7, &generate).unwrap();
        (templates, calls.into_inner())
    }

    #[test]
    fn a_model_writes_its_own_contexts_and_the_seed_decides_which() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/oracle");
        let model = Model::open(&folder, &Limits::default(), IoMode::Auto).unwrap();
        for style in [ContextStyle::Rome, ContextStyle::Collapse, ContextStyle::Memit] {
            let [first, again, other] = [1, 1, 2].map(|seed| draw_contexts(&model, style, seed).unwrap());
            assert_eq!(first, again);
            assert_ne!(first, other, "{style:?}");
            let mut texts: Vec<&str> = first.templates().collect();
            assert_eq!(texts.len(), if style == ContextStyle::Memit { 6 } else { 21 });
            texts.sort_unstable();
            texts.dedup();
            assert!(texts.len() > 5, "rows of one batch draw from streams of their own: {texts:?}");
        }
    }

    #[test]
    fn rome_draws_twenty_texts_from_the_end_of_text() {
        let (templates, calls) = drawn("tokenizers/byte-level", ContextStyle::Rome);
        assert_eq!(calls, [(10, 4, 7), (10, 9, 8)]);
        let all: Vec<&str> = templates.templates().collect();
        assert_eq!((all.len(), templates.groups().len()), (21, 1));
        assert_eq!(all.first(), Some(&"{}"));
        assert_eq!(all.get(1), Some(&" the the the the. {}"), "the start token is not text");
        assert_eq!(all.last().unwrap().matches("the").count(), 9);
    }

    #[test]
    fn collapse_draws_two_texts_a_word_and_length() {
        let (templates, calls) = drawn("tokenizers/byte-level", ContextStyle::Collapse);
        assert_eq!(calls.len(), 10);
        assert!(calls.iter().all(|&(rows, _, _)| rows == 2));
        assert_eq!(calls.iter().map(|&(_, _, seed)| seed).collect::<Vec<_>>(), (7..17).collect::<Vec<_>>());
        let all: Vec<&str> = templates.templates().collect();
        assert_eq!(all.len(), 21);
        assert_eq!(all.get(1..3), Some(&["The the the the the. {}"; 2][..]));
    }

    #[test]
    fn a_bos_token_counts_towards_the_length_and_is_no_text() {
        let (_, bare) = drawn("tokenizers/byte-level", ContextStyle::Collapse);
        let (templates, behind_bos) = drawn("tokenizers/byte-level-bos", ContextStyle::Collapse);
        assert_eq!(behind_bos.first().unwrap().1 + 1, bare.first().unwrap().1);
        assert!(templates.templates().nth(1).unwrap().starts_with("The the"));
    }

    #[test]
    fn memit_keeps_five_prefixed_templates_apart() {
        let (templates, calls) = drawn("tokenizers/byte-level", ContextStyle::Memit);
        assert_eq!(calls.len(), 5);
        assert_eq!(templates.groups().iter().map(Vec::len).collect::<Vec<_>>(), [1, 5]);
    }

    #[test]
    fn rome_needs_an_end_of_text() {
        let folder = tempfile::tempdir().unwrap();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tokenizers/llama/tokenizer.json");
        std::fs::copy(from, folder.path().join("tokenizer.json")).unwrap();
        std::fs::write(folder.path().join("tokenizer_config.json"), r#"{"eos_token": "<none>"}"#).unwrap();
        let tokenizer = Tokenizer::open(folder.path()).unwrap();
        let refused = draw_by(&tokenizer, ContextStyle::Rome, 0, &|_, _, _| Ok(Vec::new())).unwrap_err();
        assert_eq!(refused.kind(), "no-end-of-text");
    }

    #[test]
    fn braces_paragraphs_and_compatibility_characters_are_handled_as_published() {
        assert_eq!(template("a{b}\n\nc\n", ContextStyle::Collapse), "ab c\n. {}");
        assert_eq!(template("a{b}", ContextStyle::Memit), "a b . {}");
        assert_eq!(template("é ﬁ", ContextStyle::Rome), "e\u{301} fi. {}");
    }

    #[test]
    fn a_prompt_behind_a_template_keeps_its_slot() {
        assert_eq!(in_context("The city. {}", "The capital of {} is"), "The city. The capital of {} is");
        assert_eq!(in_context("{}", "{} is"), "{} is");
    }
}
