//! The index of a sharded checkpoint: which tensor is in which file.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::error::Excerpt;
use super::json::{Object, UniqueMap};

/// `model.safetensors.index.json`, as far as it matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// The shard of each tensor, by the tensor's name; every shard is a plain file name.
    pub weight_map: BTreeMap<String, String>,
}

/// What is wrong with an index.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are what the messages say of them")]
pub enum IndexError {
    /// The index is longer than the cap on headers.
    #[error("index of {bytes} bytes is above the cap of {cap}")]
    TooLong { bytes: u64, cap: u64 },
    /// More tensors than the cap.
    #[error("index lists {tensors} tensors, above the cap of {cap}")]
    TooManyTensors { tensors: usize, cap: usize },
    /// The index is not an object with a `weight_map` of strings.
    #[error("index is not the JSON it should be: {}", Excerpt(.reason))]
    Json { reason: String },
    /// A shard's name would lead out of the directory, or to no file at all.
    #[error("index places tensor `{}` in `{}`, which is no plain file name", Excerpt(.tensor), Excerpt(.shard))]
    ShardName { tensor: String, shard: String },
}

impl IndexError {
    /// A stable word for the cause, for scripts.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "index-too-long",
            Self::TooManyTensors { .. } => "too-many-tensors",
            Self::Json { .. } => "index-not-json",
            Self::ShardName { .. } => "unsafe-shard-name",
        }
    }
}

/// The index as it is written; `metadata` and whatever else stands there is passed over.
#[derive(Deserialize)]
struct RawIndex {
    weight_map: UniqueMap<String>,
}

/// Reads and checks an index.
///
/// # Errors
/// [`IndexError`]; no bytes make it panic.
pub fn parse_index(bytes: &[u8]) -> Result<Index, IndexError> {
    let raw: Object<RawIndex> =
        serde_json::from_slice(bytes).map_err(|error| IndexError::Json { reason: error.to_string() })?;
    let weight_map = raw.0.weight_map.0;
    match weight_map.iter().find(|(_, shard)| !is_plain_file_name(shard)) {
        Some((tensor, shard)) => Err(IndexError::ShardName { tensor: tensor.clone(), shard: shard.clone() }),
        None => Ok(Index { weight_map }),
    }
}

/// True for a name that can only mean a file in the index's own directory.
fn is_plain_file_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\\', '\0'])
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests take apart what they made")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kind_of(json: &str) -> &'static str {
        parse_index(json.as_bytes()).unwrap_err().kind()
    }

    #[test]
    fn an_index_gives_the_shard_of_each_tensor() {
        let index =
            parse_index(br#"{"metadata":{"total_size":4},"weight_map":{"a":"x.safetensors"}}"#).unwrap();
        assert_eq!(index.weight_map.get("a").map(String::as_str), Some("x.safetensors"));
    }

    #[test]
    fn shard_names_that_lead_elsewhere_are_refused() {
        for shard in ["../x", "/etc/passwd", "a/b", "..", ".", "", r"a\\b", r"a\u0000b"] {
            assert_eq!(
                kind_of(&format!(r#"{{"weight_map":{{"a":"{shard}"}}}}"#)),
                "unsafe-shard-name",
                "{shard}"
            );
        }
    }

    #[test]
    fn what_is_no_index_is_refused() {
        for json in [
            "",
            "[]",
            "{}",
            r#"[{"a":"b"}]"#,
            r#"{"weight_map":{"a":1}}"#,
            r#"{"weight_map":{},"weight_map":{}}"#,
        ] {
            assert_eq!(kind_of(json), "index-not-json", "{json}");
        }
        assert_eq!(parse_index(b"{\"\xff\":1}").unwrap_err().kind(), "index-not-json");
    }

    #[test]
    fn a_tensor_with_two_shards_is_refused() {
        let error = parse_index(br#"{"weight_map":{"a":"x","a":"y"}}"#).unwrap_err();
        assert!(error.to_string().contains("duplicate key `a`"), "{error}");
    }

    #[test]
    fn deep_json_is_refused_and_not_recursed_into() {
        let deep = format!(r#"{{"weight_map":{}1{}}}"#, r#"{"a":"#.repeat(100_000), "}".repeat(100_000));
        assert_eq!(kind_of(&deep), "index-not-json");
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(soup in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_index(&soup);
        }
    }
}
