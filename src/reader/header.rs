//! The header of a safetensors file: 8 bytes of length, that many bytes of JSON, then the data.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};

use super::Limits;
use super::header_error::HeaderError;
use super::json::{Object, UniqueMap};
use crate::tensor::{Dtype, Shape};

/// Width of the little-endian length that opens the file.
pub(super) const LENGTH_BYTES: u64 = 8;

/// The key that holds free text in the place of a tensor.
const METADATA: &str = "__metadata__";

/// Where one tensor lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorEntry {
    /// Its name, unescaped: show it through [`crate::tensor::Printable`].
    pub name: String,
    /// Type of its elements.
    pub dtype: Dtype,
    /// Extents, outermost first.
    pub shape: Shape,
    /// Product of the extents.
    pub elements: u64,
    /// Position of its file in [`super::Checkpoint::files`].
    pub file: usize,
    /// First byte, counted from the start of the file.
    pub offset: u64,
    /// Length in bytes.
    pub bytes: u64,
}

/// A header that was found sound: its tensors tile the data section exactly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The tensors by name, all with `file` 0.
    pub tensors: BTreeMap<String, TensorEntry>,
    /// The free text under `__metadata__`.
    pub metadata: BTreeMap<String, String>,
    /// First byte of the data section.
    pub data_start: u64,
}

/// Reads and checks a header.
///
/// `bytes` is the file from its first byte up to at least the end of the header (more does no harm),
/// `file_len` the length of the whole file. Every entry of the result lies inside the file.
///
/// # Errors
/// [`HeaderError`], one variant a cause; no bytes make it panic.
pub fn parse_header(bytes: &[u8], file_len: u64, limits: &Limits) -> Result<Header, HeaderError> {
    let data_start = header_end(bytes, file_len, limits)?;
    let text = usize::try_from(data_start)
        .ok()
        .and_then(|end| bytes.get(LENGTH_BYTES as usize..end))
        .ok_or(HeaderError::Incomplete { file_len: bytes.len() as u64, needed: data_start })?;
    let text = std::str::from_utf8(text)
        .map_err(|error| HeaderError::NotUtf8 { position: LENGTH_BYTES + error.valid_up_to() as u64 })?;
    let raw = parse_json(text, limits)?;
    let mut tensors = BTreeMap::new();
    for (name, entry) in raw.tensors {
        tensors.insert(name.clone(), place(name, entry, data_start)?);
    }
    check_tiling(&tensors, data_start, file_len)?;
    Ok(Header { tensors, metadata: raw.metadata, data_start })
}

/// End of the header by its length prefix, held against the cap and the file's real length.
pub(super) fn header_end(bytes: &[u8], file_len: u64, limits: &Limits) -> Result<u64, HeaderError> {
    let prefix = bytes.first_chunk().ok_or(HeaderError::NoLength { file_len })?;
    let claimed = u64::from_le_bytes(*prefix);
    let needed = claimed.saturating_add(LENGTH_BYTES);
    if needed > file_len {
        return Err(HeaderError::Incomplete { file_len, needed });
    }
    if claimed > limits.header_bytes {
        return Err(HeaderError::TooLong { claimed, cap: limits.header_bytes });
    }
    Ok(needed)
}

/// A tensor's entry as it is written. Fields beyond these are passed over, as the format's own reader does.
#[derive(Deserialize)]
struct RawEntry {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

#[derive(Default)]
struct RawHeader {
    tensors: BTreeMap<String, RawEntry>,
    metadata: BTreeMap<String, String>,
}

fn parse_json(text: &str, limits: &Limits) -> Result<RawHeader, HeaderError> {
    let mut cause = None;
    let mut json = serde_json::Deserializer::from_str(text);
    let visitor = HeaderVisitor { cap: limits.tensors, cause: &mut cause };
    let parsed = visitor.deserialize(&mut json).and_then(|header| json.end().map(|()| header));
    parsed.map_err(|error| cause.unwrap_or_else(|| HeaderError::Json { reason: error.to_string() }))
}

/// Walks the object key by key, so that caps and duplicates are met where they stand.
///
/// serde's errors are text; `cause` carries the typed one past it.
struct HeaderVisitor<'a> {
    cap: usize,
    cause: &'a mut Option<HeaderError>,
}

impl HeaderVisitor<'_> {
    fn fail<E: serde::de::Error>(&mut self, cause: HeaderError) -> E {
        *self.cause = Some(cause);
        E::custom("refused")
    }

    fn metadata<'de, M: MapAccess<'de>>(
        &mut self,
        map: &mut M,
    ) -> Result<BTreeMap<String, String>, M::Error> {
        let value: Option<UniqueMap<String>> = map
            .next_value()
            .map_err(|error| self.fail::<M::Error>(HeaderError::Metadata { reason: error.to_string() }))?;
        Ok(value.map(|map| map.0).unwrap_or_default())
    }

    fn entry<'de, M: MapAccess<'de>>(&mut self, tensor: &str, map: &mut M) -> Result<RawEntry, M::Error> {
        map.next_value::<Object<RawEntry>>().map(|entry| entry.0).map_err(|error| {
            self.fail(HeaderError::Entry { tensor: tensor.to_owned(), reason: error.to_string() })
        })
    }
}

impl<'de> DeserializeSeed<'de> for HeaderVisitor<'_> {
    type Value = RawHeader;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<RawHeader, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for HeaderVisitor<'_> {
    type Value = RawHeader;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<M: MapAccess<'de>>(mut self, mut map: M) -> Result<RawHeader, M::Error> {
        let mut header = RawHeader::default();
        let mut has_metadata = false;
        while let Some(name) = map.next_key::<String>()? {
            if name == METADATA {
                if has_metadata {
                    return Err(self.fail(HeaderError::DuplicateMetadata));
                }
                has_metadata = true;
                header.metadata = self.metadata(&mut map)?;
                continue;
            }
            if header.tensors.contains_key(&name) {
                return Err(self.fail(HeaderError::DuplicateTensor { tensor: name }));
            }
            if header.tensors.len() >= self.cap {
                return Err(self.fail(HeaderError::TooManyTensors { cap: self.cap }));
            }
            let entry = self.entry(&name, &mut map)?;
            header.tensors.insert(name, entry);
        }
        Ok(header)
    }
}

/// Turns one entry into a place in the file; the extent must be what shape and dtype need.
fn place(name: String, raw: RawEntry, data_start: u64) -> Result<TensorEntry, HeaderError> {
    let Ok(dtype) = raw.dtype.parse::<Dtype>() else {
        return Err(HeaderError::UnknownDtype { tensor: name, dtype: raw.dtype });
    };
    let shape = Shape(raw.shape);
    let [begin, end] = raw.data_offsets;
    let Some(held) = end.checked_sub(begin) else {
        return Err(HeaderError::Reversed { tensor: name, begin, end });
    };
    let bits = |elements: u64| elements.checked_mul(u64::from(dtype.bits()));
    let (Some(elements), Some(bits), Some(offset), Some(_)) = (
        shape.elements(),
        shape.elements().and_then(bits),
        data_start.checked_add(begin),
        data_start.checked_add(end),
    ) else {
        return Err(HeaderError::TooLarge { tensor: name, shape });
    };
    if bits % 8 != 0 {
        return Err(HeaderError::PartialByte { tensor: name, dtype, elements });
    }
    let needed = bits / 8;
    if needed != held {
        return Err(HeaderError::WrongExtent { tensor: name, dtype, shape, needed, held });
    }
    Ok(TensorEntry { name, dtype, shape, elements, file: 0, offset, bytes: held })
}

/// Tensors in file order must follow one another without gap or overlap, to the file's last byte.
fn check_tiling(
    tensors: &BTreeMap<String, TensorEntry>,
    data_start: u64,
    file_len: u64,
) -> Result<(), HeaderError> {
    let mut in_file_order: Vec<&TensorEntry> = tensors.values().collect();
    in_file_order.sort_by_key(|entry| (entry.offset, entry.bytes));
    let mut end = data_start;
    let mut before: Option<&TensorEntry> = None;
    for entry in in_file_order {
        let tensor = || entry.name.clone();
        if entry.offset > end {
            return Err(HeaderError::Hole { tensor: tensor(), from: end, to: entry.offset });
        }
        if entry.offset < end {
            let other = before.map(|other| other.name.clone()).unwrap_or_default();
            return Err(HeaderError::Overlap { tensor: tensor(), begin: entry.offset, other, end });
        }
        end = entry.offset.saturating_add(entry.bytes);
        before = Some(entry);
    }
    match end.cmp(&file_len) {
        std::cmp::Ordering::Less => Err(HeaderError::TrailingBytes { file_len, data_end: end }),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(HeaderError::DataIncomplete { file_len, needed: end }),
    }
}
