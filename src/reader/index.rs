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
