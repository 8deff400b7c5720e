//! What can be wrong with the header of a safetensors file: one variant a cause.

use super::error::Excerpt;
use crate::tensor::{Dtype, Shape};

/// What is wrong with a header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are what the messages say of them")]
pub enum HeaderError {
    /// The file ends inside the length prefix.
    #[error("file has {file_len} bytes, too few for the 8 bytes that give the header's length")]
    NoLength { file_len: u64 },
    /// The file ends inside the header.
    #[error("file has {file_len} bytes, header needs {needed}")]
    Incomplete { file_len: u64, needed: u64 },
    /// The header is longer than the cap.
    #[error("header of {claimed} bytes is above the cap of {cap}")]
    TooLong { claimed: u64, cap: u64 },
    /// More tensors than the cap.
    #[error("header lists more than {cap} tensors")]
    TooManyTensors { cap: usize },
    /// The header is not text.
    #[error("header is not UTF-8 at byte {position} of the file")]
    NotUtf8 { position: u64 },
    /// The header is not one JSON object.
    #[error("header is not the JSON it should be: {}", Excerpt(.reason))]
    Json { reason: String },
    /// `__metadata__` stands twice.
    #[error("header holds __metadata__ twice")]
    DuplicateMetadata,
    /// `__metadata__` is no object of strings.
    #[error("__metadata__ is not a map of strings: {}", Excerpt(.reason))]
    Metadata { reason: String },
    /// Two tensors of one name.
    #[error("header lists tensor `{}` twice", Excerpt(.tensor))]
    DuplicateTensor { tensor: String },
    /// A tensor's entry lacks a field or holds one of the wrong type.
    #[error("entry of tensor `{}` is malformed: {}", Excerpt(.tensor), Excerpt(.reason))]
    Entry { tensor: String, reason: String },
    /// A dtype that the format does not have.
    #[error("tensor `{}` has unknown dtype `{}`", Excerpt(.tensor), Excerpt(.dtype))]
    UnknownDtype { tensor: String, dtype: String },
    /// A size that does not fit into 64 bits.
    #[error("tensor `{}` of shape {} is larger than any file", Excerpt(.tensor), Excerpt(&.shape.to_string()))]
    TooLarge { tensor: String, shape: Shape },
    /// Packed elements that end inside a byte.
    #[error("tensor `{}`: {elements} elements of {dtype} do not fill whole bytes", Excerpt(.tensor))]
    PartialByte { tensor: String, dtype: Dtype, elements: u64 },
    /// The end stands before the begin.
    #[error("tensor `{}` ends at {end}, before it begins at {begin}", Excerpt(.tensor))]
    Reversed { tensor: String, begin: u64, end: u64 },
    /// The offsets hold more or fewer bytes than shape and dtype need.
    #[error(
        "tensor `{}` of shape {} and dtype {dtype} needs {needed} bytes, its offsets hold {held}",
        Excerpt(.tensor), Excerpt(&.shape.to_string())
    )]
    WrongExtent { tensor: String, dtype: Dtype, shape: Shape, needed: u64, held: u64 },
    /// Two tensors share bytes.
    #[error("tensor `{}` begins at byte {begin} of the file, inside `{}`, which ends at {end}", Excerpt(.tensor), Excerpt(.other))]
    Overlap { tensor: String, begin: u64, other: String, end: u64 },
    /// Bytes that belong to no tensor lie before one.
    #[error("bytes {from} to {to} of the file, before tensor `{}`, belong to no tensor", Excerpt(.tensor))]
    Hole { tensor: String, from: u64, to: u64 },
    /// Bytes that belong to no tensor end the file.
    #[error("file has {file_len} bytes, its tensors end at {data_end}")]
    TrailingBytes { file_len: u64, data_end: u64 },
    /// The file ends inside the data section.
    #[error("file has {file_len} bytes, its tensors need {needed}: it is truncated")]
    DataIncomplete { file_len: u64, needed: u64 },
}

impl HeaderError {
    /// A stable word for the cause, for scripts.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NoLength { .. } => "no-header-length",
            Self::Incomplete { .. } => "incomplete-header",
            Self::TooLong { .. } => "header-too-long",
            Self::TooManyTensors { .. } => "too-many-tensors",
            Self::NotUtf8 { .. } => "header-not-utf8",
            Self::Json { .. } => "header-not-json",
            Self::DuplicateMetadata => "duplicate-metadata",
            Self::Metadata { .. } => "malformed-metadata",
            Self::DuplicateTensor { .. } => "duplicate-tensor",
            Self::Entry { .. } => "malformed-entry",
            Self::UnknownDtype { .. } => "unknown-dtype",
            Self::TooLarge { .. } => "tensor-too-large",
            Self::PartialByte { .. } => "partial-byte",
            Self::Reversed { .. } => "reversed-offsets",
            Self::WrongExtent { .. } => "wrong-extent",
            Self::Overlap { .. } => "overlapping-tensors",
            Self::Hole { .. } => "hole",
            Self::TrailingBytes { .. } => "trailing-bytes",
            Self::DataIncomplete { .. } => "truncated-data",
        }
    }

    /// What would fix it, where that is known.
    pub(super) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoLength { .. } | Self::Incomplete { .. } | Self::DataIncomplete { .. } => {
                "an interrupted download or copy leaves such a file: fetch it again"
            }
            Self::TooLong { .. } => "where the file is to be trusted, raise the cap on headers",
            Self::TooManyTensors { .. } => "where the file is to be trusted, raise the cap on tensors",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}
