//! `config.json`, key by key: every value is checked for its type, and a key that is missing is named.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::ModelError;

/// The keys and values of a `config.json`.
pub(super) struct Settings {
    path: PathBuf,
    keys: Map<String, Value>,
}

impl Settings {
    /// Parses a `config.json`; `path` is for messages.
    pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, ModelError> {
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(keys)) => Ok(Self { path: path.to_owned(), keys }),
            Ok(_) => {
                Err(ModelError::Malformed { path: path.to_owned(), cause: "not a JSON object".to_owned() })
            }
            Err(cause) => Err(ModelError::Malformed { path: path.to_owned(), cause: cause.to_string() }),
        }
    }

    /// The value of a key; `null` counts as absent.
    fn get(&self, key: &str) -> Option<&Value> {
        self.keys.get(key).filter(|value| !value.is_null())
    }

    fn missing(&self, key: &'static str) -> ModelError {
        ModelError::MissingKey { path: self.path.clone(), key }
    }

    /// The error for a value that cannot be used.
    pub(super) fn refused(
        &self,
        key: &'static str,
        found: impl std::fmt::Display,
        needed: &'static str,
    ) -> ModelError {
        ModelError::BadKey { path: self.path.clone(), key, found: found.to_string(), needed }
    }

    /// The error for an architecture that does not run here.
    pub(super) fn unknown_architecture(&self, found: &str, known: Vec<&'static str>) -> ModelError {
        ModelError::UnknownArchitecture { path: self.path.clone(), found: found.to_owned(), known }
    }

    /// A count that is at least 1, or `None` where the key is absent.
    pub(super) fn maybe_extent(&self, key: &'static str) -> Result<Option<usize>, ModelError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let extent =
            value.as_u64().and_then(|extent| usize::try_from(extent).ok()).filter(|extent| *extent > 0);
        extent.map(Some).ok_or_else(|| self.refused(key, value, "a whole number above 0"))
    }

    /// A count that is at least 1.
    pub(super) fn extent(&self, key: &'static str) -> Result<usize, ModelError> {
        self.maybe_extent(key)?.ok_or_else(|| self.missing(key))
    }

    /// A finite number, or `None` where the key is absent.
    pub(super) fn maybe_number(&self, key: &'static str) -> Result<Option<f64>, ModelError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        value.as_f64().map(Some).ok_or_else(|| self.refused(key, value, "a number"))
    }

    /// A finite number.
    pub(super) fn number(&self, key: &'static str) -> Result<f64, ModelError> {
        self.maybe_number(key)?.ok_or_else(|| self.missing(key))
    }

    /// An object inside this one, or `None` where the key is absent.
    pub(super) fn maybe_object(&self, key: &'static str) -> Result<Option<Self>, ModelError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Object(keys)) => Ok(Some(Self { path: self.path.clone(), keys: keys.clone() })),
            Some(value) => Err(self.refused(key, value, "an object")),
        }
    }

    /// A truth value; `absent` where the key is absent.
    pub(super) fn flag(&self, key: &'static str, absent: bool) -> Result<bool, ModelError> {
        let Some(value) = self.get(key) else { return Ok(absent) };
        value.as_bool().ok_or_else(|| self.refused(key, value, "true or false"))
    }

    /// A text, or `None` where the key is absent.
    pub(super) fn maybe_text(&self, key: &'static str) -> Result<Option<&str>, ModelError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        value.as_str().map(Some).ok_or_else(|| self.refused(key, value, "a text"))
    }

    /// A text.
    pub(super) fn text(&self, key: &'static str) -> Result<&str, ModelError> {
        self.maybe_text(key)?.ok_or_else(|| self.missing(key))
    }
}
