//! Patterns for tensor names, as `--only` and `--expect` take them.

use std::fmt;
use std::str::FromStr;

use globset::{GlobBuilder, GlobSet};

use crate::tensor::Printable;

/// Characters that make a pattern more than a plain name.
const WILDCARDS: [char; 5] = ['*', '?', '[', '{', '\\'];

/// A tensor's name, or a glob that stands for many.
///
/// `*` and `?` match dots too, `[0-9]` one of a class, `{a,b}` either; a backslash takes the next character as it
/// is. The whole name has to match. A pattern that is a name letter by letter always matches it, even where the
/// name holds such characters, and one without wildcards also matches the name with `.weight` behind it, so that
/// the module's name is enough.
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
        name == self.text
            || (!self.text.contains(WILDCARDS) && name.strip_suffix(".weight") == Some(&self.text))
            || self.glob.is_match(name)
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
