//! JSON as this program wants it: no duplicate keys, no arrays in the place of objects, and Python's bare `NaN` as null.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};

use super::error::Excerpt;

/// An object whose keys are free; a key that stands twice is an error.
///
/// Which of two values another program takes is anyone's guess, so neither is taken here.
pub(super) struct UniqueMap<V>(pub BTreeMap<String, V>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for UniqueMap<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(UniqueKeys(PhantomData))
    }
}

struct UniqueKeys<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for UniqueKeys<V> {
    type Value = UniqueMap<V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut entries: M) -> Result<Self::Value, M::Error> {
        let mut map = BTreeMap::new();
        while let Some(key) = entries.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(M::Error::custom(format_args!("duplicate key `{}`", Excerpt(&key))));
            }
            map.insert(key, entries.next_value()?);
        }
        Ok(UniqueMap(map))
    }
}

/// A record that must be written as an object: derived readers would take an array of its fields too.
pub(super) struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields(PhantomData))
    }
}

struct Fields<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, entries: M) -> Result<Self::Value, M::Error> {
        T::deserialize(MapAccessDeserializer::new(entries)).map(Object)
    }
}

/// Numbers that Python's `json` writes and the standard does not know.
const BARE_NONFINITE: [&[u8]; 3] = [b"-Infinity", b"Infinity", b"NaN"];

/// The text with every bare `NaN`, `Infinity` and `-Infinity` outside of strings replaced by `null`, at the same length.
pub(super) fn without_bare_nonfinite(json: &[u8]) -> Cow<'_, [u8]> {
    replace_bare_nonfinite(json, |word, cleaned| {
        cleaned.extend(b"null");
        cleaned.resize(cleaned.len() + word.len().saturating_sub(4), b' ');
    })
}

/// The text with every such word made a string, for readers to whom infinity is a number like any other.
pub(super) fn with_quoted_nonfinite(json: &[u8]) -> Cow<'_, [u8]> {
    replace_bare_nonfinite(json, |word, cleaned| {
        cleaned.push(b'"');
        cleaned.extend(word);
        cleaned.push(b'"');
    })
}

fn replace_bare_nonfinite(json: &[u8], put: impl Fn(&[u8], &mut Vec<u8>)) -> Cow<'_, [u8]> {
    if !BARE_NONFINITE.iter().any(|word| json.windows(word.len()).any(|window| window == *word)) {
        return Cow::Borrowed(json);
    }
    let mut cleaned = Vec::with_capacity(json.len());
    let (mut rest, mut in_string) = (json, false);
    while let Some((&byte, behind)) = rest.split_first() {
        let word = BARE_NONFINITE.iter().find(|word| !in_string && rest.starts_with(word));
        rest = match (word, byte, in_string) {
            (Some(word), _, _) => {
                put(word, &mut cleaned);
                rest.get(word.len()..).unwrap_or_default()
            }
            (None, b'\\', true) => {
                let escape = rest.len().min(2);
                cleaned.extend(rest.get(..escape).unwrap_or_default());
                rest.get(escape..).unwrap_or_default()
            }
            _ => {
                in_string ^= byte == b'"';
                cleaned.push(byte);
                behind
            }
        };
    }
    Cow::Owned(cleaned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(json: &str) -> String {
        String::from_utf8_lossy(&without_bare_nonfinite(json.as_bytes())).into_owned()
    }

    #[test]
    fn bare_numbers_that_are_none_become_null_and_strings_stay() {
        assert_eq!(
            cleaned(r#"{"a": NaN, "b": -Infinity, "c": [Infinity]}"#),
            r#"{"a": null, "b": null     , "c": [null    ]}"#
        );
        assert_eq!(cleaned(r#"["NaN", "\"NaN", "\\", NaN]"#), r#"["NaN", "\"NaN", "\\", null]"#);
        assert_eq!(cleaned("\"NaN"), "\"NaN", "a string that does not end");
        assert_eq!(cleaned("\"NaN\\"), "\"NaN\\");
    }

    #[test]
    fn bare_numbers_that_are_none_become_strings_that_say_which_they_are() {
        let quoted = with_quoted_nonfinite(br#"{"a": NaN, "NaN": [-Infinity, Infinity]}"#);
        assert_eq!(quoted.as_ref(), br#"{"a": "NaN", "NaN": ["-Infinity", "Infinity"]}"#);
    }
}
