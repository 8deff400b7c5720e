//! Patterns for tensor names, as `--only` and `--expect` take them.

use std::fmt;
use std::str::FromStr;

use globset::{GlobBuilder, GlobSet};

use crate::tensor::Printable;

/// A tensor's name, or a glob that stands for many.
///
/// `*` and `?` match dots too, `[0-9]` one of a class, `{a,b}` either; a backslash takes the next character as it
/// is. The whole name has to match. A pattern that is a name letter by letter always matches it, even where the name
/// holds such characters, and so does the name without `.weight`: the module is enough.
#[derive(Clone, Debug)]
pub struct NamePattern {
    text: String,
    glob: GlobSet,
}

/// A pattern that is no glob.
#[derive(Debug, thiserror::Error)]
#[error("pattern '{}' is not a glob: {reason}", Printable(.text))]
pub struct PatternError {
    /// The pattern as typed.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

impl NamePattern {
    /// Whether the pattern stands for this name.
    pub fn matches(&self, name: &str) -> bool {
        name == self.text || name.strip_suffix(".weight") == Some(&self.text) || self.glob.is_match(name)
    }

    /// The pattern as typed.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for NamePattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let refused =
            |error: globset::Error| PatternError { text: text.into(), reason: error.kind().to_string() };
        // A set of one: unlike a lone matcher it reports a pattern that is too large instead of panicking.
        let glob = GlobBuilder::new(text).backslash_escape(true).build().map_err(refused)?;
        let glob = GlobSet::builder().add(glob).build().map_err(refused)?;
        Ok(Self { text: text.into(), glob })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        pattern.parse::<NamePattern>().unwrap().matches(name)
    }

    #[test]
    fn a_star_crosses_dots_and_the_whole_name_has_to_match() {
        assert!(matches("*.mlp.c_proj.weight", "transformer.h.17.mlp.c_proj.weight"));
        assert!(matches("*", "") && matches("*", "a/b.c"));
        assert!(matches("h.?.w", "h.1.w") && !matches("h.?.w", "h.17.w"));
        assert!(!matches("mlp.c_proj", "h.0.mlp.c_proj.weight"));
        assert!(!matches("*.c_proj", "h.0.mlp.c_proj.weight"));
        assert!(!matches("H.0.W", "h.0.w"));
    }

    #[test]
    fn classes_and_alternatives_work() {
        assert!(matches("h.1[3-7].*", "h.15.w") && !matches("h.1[3-7].*", "h.18.w"));
        assert!(matches("h.{3,5}.w", "h.5.w") && !matches("h.{3,5}.w", "h.4.w"));
    }

    #[test]
    fn a_plain_module_stands_for_its_weight_but_not_its_bias() {
        assert!(matches("h.0.mlp.c_proj", "h.0.mlp.c_proj.weight"));
        assert!(matches("h.0.mlp.c_proj", "h.0.mlp.c_proj"));
        assert!(!matches("h.0.mlp.c_proj", "h.0.mlp.c_proj.bias"));
        assert!(!matches("h.0.mlp", "h.0.mlp.c_proj.weight"));
    }

    #[test]
    fn a_name_that_looks_like_a_glob_matches_itself() {
        assert!(matches("w[0]", "w[0]") && matches("w[0]", "w0"));
        assert!(matches("w\\[0\\]", "w[0]") && !matches("w\\[0\\]", "w0"));
    }

    #[test]
    fn a_broken_glob_is_an_error_that_shows_it() {
        let message = |text: &str| text.parse::<NamePattern>().unwrap_err().to_string();
        assert!(message("h.[0").starts_with("pattern 'h.[0' is not a glob: "), "{}", message("h.[0"));
        assert!(message("{a\u{1b}").contains("'{a\\x1b'"));
    }

    #[test]
    fn a_pattern_too_large_to_compile_is_an_error_and_no_panic() {
        let huge = "?".repeat(150_000);
        assert!(huge.parse::<NamePattern>().is_err());
    }
}
