//! The header of a safetensors file: 8 bytes of length, that many bytes of JSON, then the data.
//!
//! ```text
//! bytes          content
//! 0 … 8          N, the header's length, a little-endian u64
//! 8 … 8 + N      one JSON object in UTF-8, spaces after it allowed; by name of a tensor
//!                  {"dtype": "BF16", "shape": [rows, cols], "data_offsets": [begin, end]}
//!                and, at most once, "__metadata__": an object of strings
//! 8 + N … end    the elements, little-endian, row-major; offsets count from 8 + N, end exclusive
//! ```
//!
//! The checks, in order; what fails first is what is reported:
//!
//! ```text
//! the file          holds the 8 bytes, then N more; N is at most the cap; the header is UTF-8
//! the JSON          no key twice, no more tensors than the cap, every entry with its three fields
//! each tensor       a known dtype, begin ≤ end, sizes within 64 bits, whole bytes, as many
//!                   bytes as shape and dtype need
//! all together      laid end to end from the first byte of data to the last byte of the file
//! ```
//!
//! That the tensors tile the data is the format's own rule: bytes that no tensor owns could make the file a
//! valid one of another kind as well.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};

use super::Limits;
use super::header_error::HeaderError;
use super::json::{Object, UniqueMap};
use crate::tensor::{Dtype, Entry, Shape};

/// Width of the little-endian length that opens the file.
pub(super) const LENGTH_BYTES: usize = 8;

/// The key that holds free text in the place of a tensor.
const METADATA: &str = "__metadata__";

/// A header that was found sound: its tensors tile the data section exactly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The tensors by name, all with `file` 0.
    pub tensors: BTreeMap<String, Entry>,
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
/// Cost: one walk over the JSON and a sort of the entries, O(n log n) for n tensors; nothing is allocated by
/// a size that the file merely claims.
///
/// # Errors
/// [`HeaderError`], one variant a cause; no bytes make it panic.
pub fn parse_header(bytes: &[u8], file_len: u64, limits: &Limits) -> Result<Header, HeaderError> {
    let data_start = header_end(bytes, file_len, limits)?;
    let text = usize::try_from(data_start)
        .ok()
        .and_then(|end| bytes.get(LENGTH_BYTES..end))
        .ok_or(HeaderError::Incomplete { file_len: bytes.len() as u64, needed: data_start })?;
    let text = std::str::from_utf8(text)
        .map_err(|error| HeaderError::NotUtf8 { position: (LENGTH_BYTES + error.valid_up_to()) as u64 })?;
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
    let needed = claimed.saturating_add(LENGTH_BYTES as u64);
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
fn place(name: String, raw: RawEntry, data_start: u64) -> Result<Entry, HeaderError> {
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
    Ok(Entry { name, dtype, shape, elements, file: 0, offset, bytes: held })
}

/// Tensors in file order must follow one another without gap or overlap, to the file's last byte.
fn check_tiling(
    tensors: &BTreeMap<String, Entry>,
    data_start: u64,
    file_len: u64,
) -> Result<(), HeaderError> {
    let mut in_file_order: Vec<&Entry> = tensors.values().collect();
    in_file_order.sort_by_key(|entry| (entry.offset, entry.bytes));
    let mut end = data_start;
    let mut before: Option<&Entry> = None;
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

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests take apart what they made")]
mod tests {
    use proptest::prelude::*;
    use safetensors::tensor::{Dtype as TheirDtype, TensorView};

    use super::*;

    /// A file of that header and so many bytes of data.
    fn file(json: &str, data: usize) -> Vec<u8> {
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend(json.as_bytes());
        bytes.resize(bytes.len() + data, 0);
        bytes
    }

    fn parse(bytes: &[u8]) -> Result<Header, HeaderError> {
        parse_header(bytes, bytes.len() as u64, &Limits::default())
    }

    fn refused(json: &str, data: usize) -> HeaderError {
        parse(&file(json, data)).unwrap_err()
    }

    /// A header with one tensor `a`.
    fn one(fields: &str) -> String {
        format!(r#"{{"a":{{{fields}}}}}"#)
    }

    fn a() -> String {
        "a".to_owned()
    }

    #[test]
    fn a_sound_header_gives_places_in_the_file() {
        let bytes = file(&one(r#""dtype":"BF16","shape":[2,1],"data_offsets":[0,4]"#), 4);
        let header = parse(&bytes).unwrap();
        let entry = &header.tensors["a"];
        assert_eq!((entry.dtype, entry.elements, entry.bytes), (Dtype::BF16, 2, 4));
        assert_eq!(entry.offset, bytes.len() as u64 - 4);
        assert_eq!(entry.offset, header.data_start);
    }

    #[test]
    fn a_file_without_room_for_the_length_is_refused() {
        assert_eq!(parse(&[0; 7]), Err(HeaderError::NoLength { file_len: 7 }));
        assert_eq!(parse(&[]), Err(HeaderError::NoLength { file_len: 0 }));
    }

    #[test]
    fn a_truncated_header_names_both_lengths() {
        let error = parse(&[3, 0, 0, 0, 0, 0, 0, 0, b'{']).unwrap_err();
        assert_eq!(error, HeaderError::Incomplete { file_len: 9, needed: 11 });
        assert_eq!(error.to_string(), "file has 9 bytes, header needs 11");
        assert_eq!(parse(&[0xff; 8]), Err(HeaderError::Incomplete { file_len: 8, needed: u64::MAX }));
    }

    #[test]
    fn fewer_bytes_than_the_header_are_refused_whatever_the_file_is_said_to_hold() {
        let error = parse_header(&[2, 0, 0, 0, 0, 0, 0, 0], 10, &Limits::default()).unwrap_err();
        assert_eq!(error, HeaderError::Incomplete { file_len: 8, needed: 10 });
    }

    #[test]
    fn a_header_above_the_cap_is_refused_before_it_is_parsed() {
        let limits = Limits { header_bytes: 2, ..Limits::default() };
        let bytes = file("?!?", 0);
        assert_eq!(parse_header(&bytes, 11, &limits), Err(HeaderError::TooLong { claimed: 3, cap: 2 }));
    }

    #[test]
    fn tensors_are_counted_while_they_are_parsed() {
        let limits = Limits { tensors: 1, ..Limits::default() };
        let empty = r#"{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"#;
        let bytes = file(&format!(r#"{{"a":{empty},"b":never read"#), 0);
        let error = parse_header(&bytes, bytes.len() as u64, &limits).unwrap_err();
        assert_eq!(error, HeaderError::TooManyTensors { cap: 1 });
    }

    #[test]
    fn bytes_that_are_no_text_are_placed_in_the_file() {
        assert_eq!(parse(&[2, 0, 0, 0, 0, 0, 0, 0, b'{', 0xff]), Err(HeaderError::NotUtf8 { position: 9 }));
    }

    #[test]
    fn a_header_that_is_no_object_is_refused() {
        for json in ["", "[]", "1", "{", "{}x", "nul"] {
            assert_eq!(refused(json, 0).kind(), "header-not-json", "{json}");
        }
    }

    #[test]
    fn two_metadata_maps_are_refused() {
        assert_eq!(refused(r#"{"__metadata__":{},"__metadata__":{}}"#, 0), HeaderError::DuplicateMetadata);
    }

    #[test]
    fn metadata_of_anything_but_strings_is_refused() {
        for json in
            [r#"{"__metadata__":{"a":1}}"#, r#"{"__metadata__":[]}"#, r#"{"__metadata__":{"a":"","a":""}}"#]
        {
            assert_eq!(refused(json, 0).kind(), "malformed-metadata", "{json}");
        }
    }

    #[test]
    fn a_tensor_that_stands_twice_is_refused_however_its_name_is_spelt() {
        let empty = r#"{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"#;
        let error = refused(&format!(r#"{{"a":{empty},"\u0061":{empty}}}"#), 0);
        assert_eq!(error, HeaderError::DuplicateTensor { tensor: a() });
    }

    #[test]
    fn an_entry_with_a_missing_doubled_or_mistyped_field_is_refused() {
        for (fields, reason) in [
            ("", "missing field `dtype`"),
            (r#""dtype":"U8","dtype":"U8","shape":[],"data_offsets":[0,1]"#, "duplicate field `dtype`"),
            (r#""dtype":8,"shape":[],"data_offsets":[0,1]"#, "invalid type: integer `8`"),
            (r#""dtype":"U8","shape":[1.0],"data_offsets":[0,1]"#, "invalid type: floating point `1.0`"),
            (r#""dtype":"U8","shape":[-1],"data_offsets":[0,1]"#, "invalid value: integer `-1`"),
            (r#""dtype":"U8","shape":[],"data_offsets":[-1,0]"#, "invalid value: integer `-1`"),
            (r#""dtype":"U8","shape":[],"data_offsets":[0]"#, "invalid length 1"),
            (r#""dtype":"U8","shape":[18446744073709551616],"data_offsets":[0,1]"#, "invalid type: floating"),
        ] {
            let text = refused(&one(fields), 1).to_string();
            assert!(
                text.starts_with("entry of tensor `a` is malformed: ") && text.contains(reason),
                "{text}"
            );
        }
        assert_eq!(refused(r#"{"a":["U8",[],[0,1]]}"#, 1).kind(), "malformed-entry");
    }

    #[test]
    fn an_unknown_dtype_is_named() {
        let error = refused(&one(r#""dtype":"F128","shape":[],"data_offsets":[0,16]"#), 16);
        assert_eq!(error, HeaderError::UnknownDtype { tensor: a(), dtype: "F128".into() });
    }

    #[test]
    fn sizes_beyond_64_bits_are_refused() {
        for fields in [
            r#""dtype":"U8","shape":[8589934592,4294967296],"data_offsets":[0,0]"#,
            r#""dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]"#,
            r#""dtype":"U8","shape":[0],"data_offsets":[18446744073709551615,18446744073709551615]"#,
        ] {
            assert_eq!(refused(&one(fields), 0).kind(), "tensor-too-large", "{fields}");
        }
    }

    #[test]
    fn packed_elements_must_fill_whole_bytes() {
        let error = refused(&one(r#""dtype":"F4","shape":[3],"data_offsets":[0,2]"#), 2);
        assert_eq!(error, HeaderError::PartialByte { tensor: a(), dtype: Dtype::F4, elements: 3 });
        assert!(parse(&file(&one(r#""dtype":"F6_E2M3","shape":[4],"data_offsets":[0,3]"#), 3)).is_ok());
    }

    #[test]
    fn reversed_offsets_are_refused() {
        let error = refused(&one(r#""dtype":"U8","shape":[1],"data_offsets":[1,0]"#), 1);
        assert_eq!(error, HeaderError::Reversed { tensor: a(), begin: 1, end: 0 });
    }

    #[test]
    fn an_extent_that_is_not_what_shape_and_dtype_need_is_refused() {
        let error = refused(&one(r#""dtype":"F16","shape":[2],"data_offsets":[0,3]"#), 3);
        assert_eq!(
            error.to_string(),
            "tensor `a` of shape 2 and dtype F16 needs 4 bytes, its offsets hold 3"
        );
    }

    /// Two tensors of two bytes, the second at `begin`.
    fn two(begin: u64, data: usize) -> HeaderError {
        let end = begin + 2;
        let a = r#""a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}"#;
        refused(&format!(r#"{{{a},"b":{{"dtype":"U8","shape":[2],"data_offsets":[{begin},{end}]}}}}"#), data)
    }

    #[test]
    fn tensors_that_share_bytes_are_refused_by_both_names() {
        let error = two(1, 3);
        assert_eq!(error.kind(), "overlapping-tensors");
        assert!(error.to_string().contains("`b`") && error.to_string().contains("`a`"), "{error}");
    }

    #[test]
    fn a_hole_between_tensors_is_refused() {
        assert_eq!(two(3, 5).kind(), "hole");
    }

    #[test]
    fn bytes_after_the_last_tensor_are_refused() {
        assert_eq!(refused("{}", 1), HeaderError::TrailingBytes { file_len: 11, data_end: 10 });
    }

    #[test]
    fn truncated_data_names_both_lengths() {
        let error = refused(&one(r#""dtype":"U8","shape":[4],"data_offsets":[0,4]"#), 3);
        assert_eq!(error, HeaderError::DataIncomplete { file_len: 64, needed: 65 });
        assert_eq!(error.to_string(), "file has 64 bytes, its tensors need 65: it is truncated");
    }

    #[test]
    fn hostile_names_are_escaped_and_cut_in_messages() {
        let name = format!(r"\u001b[31m{}", "x".repeat(10_000));
        let text = refused(&format!(r#"{{"{name}":1}}"#), 0).to_string();
        assert!(text.contains(r"\x1b[31mxxx") && text.len() < 500, "{text}");
    }

    /// Some dtypes by the reference writer's names and ours, with their width in bytes.
    const DTYPES: [(TheirDtype, Dtype, usize); 6] = [
        (TheirDtype::BOOL, Dtype::BOOL, 1),
        (TheirDtype::F8_E4M3, Dtype::F8_E4M3, 1),
        (TheirDtype::BF16, Dtype::BF16, 2),
        (TheirDtype::F32, Dtype::F32, 4),
        (TheirDtype::C64, Dtype::C64, 8),
        (TheirDtype::U64, Dtype::U64, 8),
    ];

    proptest! {
        // No empty metadata: safetensors 0.8 writes a file without tensors as `{}"__metadata__":{}}` then.
        #[test]
        fn what_the_reference_writer_writes_is_read_back(
            tensors in prop::collection::btree_map(
                any::<String>().prop_filter("reserved", |name| name != METADATA),
                (0..DTYPES.len(), prop::collection::vec(0_usize..4, 0..4)),
                0..6,
            ),
            metadata in prop::option::of(prop::collection::hash_map(any::<String>(), any::<String>(), 1..3)),
        ) {
            let data = vec![0_u8; 4 * 4 * 4 * 8];
            let views = tensors.iter().map(|(name, (dtype, shape))| {
                let (theirs, _, width) = DTYPES[*dtype];
                let bytes = shape.iter().product::<usize>() * width;
                (name.clone(), TensorView::new(theirs, shape.clone(), &data[..bytes]).unwrap())
            });
            let written = safetensors::serialize(views, metadata.clone()).unwrap();
            let (_, theirs) = safetensors::SafeTensors::read_metadata(&written).unwrap();
            let ours = parse(&written).unwrap();
            prop_assert_eq!(ours.metadata, metadata.unwrap_or_default().into_iter().collect());
            prop_assert_eq!(ours.tensors.len(), tensors.len());
            for (name, (dtype, shape)) in tensors {
                let entry = &ours.tensors[&name];
                let (begin, end) = theirs.info(&name).unwrap().data_offsets;
                prop_assert_eq!(entry.dtype, DTYPES[dtype].1);
                prop_assert_eq!(&entry.shape.0, &shape.iter().map(|&n| n as u64).collect::<Vec<_>>());
                prop_assert_eq!(entry.offset - ours.data_start, begin as u64);
                prop_assert_eq!(entry.bytes, (end - begin) as u64);
            }
        }

        #[test]
        fn no_bytes_make_the_parser_panic(soup in prop::collection::vec(any::<u8>(), 0..200), json in ".{0,200}") {
            let _ = parse(&soup);
            let _ = parse(&file(&json, 0));
        }
    }
}
