//! A prompt and what follows it as one row of tokens, and where the second begins.

use crate::model::{ModelError, Tokenizer};

/// A prompt and its continuation, tokenised together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Joint {
    /// All tokens, those included that the tokenizer puts before every text.
    pub(super) tokens: Vec<u32>,
    /// Where the continuation begins.
    pub(super) from: usize,
    /// Whether the prompt's own tokens are no beginning of the joint ones.
    pub(super) merged: bool,
}

/// Tokens of `prompt`, a space and `target`.
///
/// Published code tokenises both texts together and counts the tokens of the prompt alone to find where the target begins.
/// Where the tokens of the prompt alone are no beginning of the joint ones, that count points to the wrong place and nothing
/// says so. Here the target then begins where the two part, so that its first token holds the end of the prompt, and `merged`
/// says so.
///
/// A target that begins with white space gets no second space; a prompt keeps the one it ends with.
pub(super) fn join(tokenizer: &Tokenizer, prompt: &str, target: &str) -> Result<Joint, ModelError> {
    let space = if target.starts_with(char::is_whitespace) { "" } else { " " };
    let before = tokens(tokenizer, prompt)?;
    let all = tokens(tokenizer, &[prompt, space, target].concat())?;
    let from = before.iter().zip(&all).take_while(|(a, b)| a == b).count();
    Ok(Joint { merged: from < before.len(), tokens: all, from })
}

/// Tokens of a text behind the special ones that the tokenizer puts before it; none behind it.
pub(super) fn tokens(tokenizer: &Tokenizer, text: &str) -> Result<Vec<u32>, ModelError> {
    Ok([tokenizer.leading_special(), &tokenizer.encode(text)?].concat())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use std::path::Path;

    use super::*;

    fn tokenizer(folder: &str) -> Tokenizer {
        Tokenizer::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(folder)).unwrap()
    }

    #[test]
    fn a_target_begins_behind_the_prompt_and_a_space() {
        let tokenizer = tokenizer("oracle");
        let joint = join(&tokenizer, "The capital of Rome is", "lamps").unwrap();
        assert_eq!(tokenizer.decode(joint.tokens.get(joint.from..).unwrap()).unwrap(), " lamps");
        assert!(!joint.merged);
        assert_eq!(join(&tokenizer, "The capital of Rome is", " lamps").unwrap(), joint);
    }

    #[test]
    fn tokens_that_the_tokenizer_puts_first_are_the_prompt_s() {
        let [bare, bos] =
            ["byte-level", "byte-level-bos"].map(|kind| tokenizer(&format!("tokenizers/{kind}")));
        let of = |tokenizer| join(tokenizer, "The city is", "in").unwrap();
        assert_eq!(of(&bos).from, of(&bare).from + 1);
        assert_eq!(of(&bos).tokens.first(), bos.leading_special().first());
    }

    #[test]
    fn a_prompt_whose_end_the_joint_tokens_swallow_is_told() {
        // Without cutting at spaces first, `a` and the space behind it become one token.
        let json = r#"{"version": "1.0", "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, " ": 2, "a ": 3}, "merges": [["a", " "]]}}"#;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tokenizer.json"), json).unwrap();
        let tokenizer = Tokenizer::open(folder.path()).unwrap();
        assert_eq!(
            join(&tokenizer, "ba", "b").unwrap(),
            Joint { tokens: vec![1, 3, 1], from: 1, merged: true },
            "the target begins where the tokens part, with the end of the prompt in its first one"
        );
        assert_eq!(
            join(&tokenizer, "ab", "b").unwrap(),
            Joint { tokens: vec![0, 1, 2, 1], from: 2, merged: false }
        );
    }
}
