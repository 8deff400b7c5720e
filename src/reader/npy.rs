//! `NumPy`'s array format: a header in Python's notation, then the elements.
//!
//! ```text
//! \x93NUMPY  major  minor  length of the header (2 bytes little-endian; 4 from version 2 on)
//! {'descr': '<f4', 'fortran_order': False, 'shape': (256, 256), }  spaces, newline
//! elements, by rows or, in Fortran order, by columns
//! ```
//!
//! Source: `numpy/lib/format.py`. Taken are little-endian floats of 16, 32 and 64 bits, integers and booleans. Objects are
//! pickles and are refused; so are text, complex numbers and big-endian numbers, each by its name.

use ndarray::{ArrayD, IxDyn, ShapeBuilder as _};

use super::error::Excerpt;
use crate::tensor::{Dtype, decode};

const MAGIC: &[u8] = b"\x93NUMPY";
/// `NumPy` itself reads no longer header unless it is told to trust the file.
const LONGEST_HEADER: usize = 10_000;
/// `NumPy` arrays have at most so many extents.
const MOST_EXTENTS: usize = 64;

/// Why bytes are no array that can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what the messages say of them")]
pub enum NpyError {
    /// Something else, or nothing.
    #[error("not a NumPy array: it does not begin with \\x93NUMPY")]
    NotNpy,
    /// Cut off inside the header.
    #[error("the array's header is cut off: {needed} bytes are needed, {found} are there")]
    ShortHeader { needed: usize, found: usize },
    /// A version to come.
    #[error("the array has version {major} of the format; 1 to 3 are known")]
    Version { major: u8 },
    /// A header that no array needs.
    #[error("the array's header has {bytes} bytes, more than the {LONGEST_HEADER} that are read")]
    LongHeader { bytes: usize },
    /// Not the dictionary that it should be.
    #[error("the array's header is malformed: {reason}")]
    Header { reason: &'static str },
    /// Elements that are pickled Python objects.
    #[error("the array holds Python objects, which are pickles and can run code when they are read")]
    Objects,
    /// Elements that are no numbers this program reads.
    #[error(
        "elements of type `{}` cannot be read; f2, f4, f8, integers and booleans in little-endian order can",
        Excerpt(descr)
    )]
    Elements { descr: String },
    /// More or fewer bytes than the shape needs.
    #[error("shape {shape:?} of {dtype} needs {expected} bytes, {found} follow the header")]
    Length { shape: Vec<usize>, dtype: Dtype, expected: usize, found: usize },
    /// A shape whose product passes what a machine addresses.
    #[error("shape {shape:?} has more elements than can be counted")]
    TooManyElements { shape: Vec<usize> },
}

/// Reads an array; elements come as f64, by rows whatever the order in the file.
///
/// Exact for every dtype but the 64-bit integers, which are rounded to f64 beyond 2⁵³. A scalar has no extents and one
/// element.
///
/// # Errors
/// [`NpyError`]; nothing is allocated before the header's claims have been held against the bytes that are there.
pub fn parse_npy(bytes: &[u8]) -> Result<ArrayD<f64>, NpyError> {
    let (header, data) = split(bytes)?;
    let Header { descr, fortran_order, shape } = parse_header(header)?;
    let dtype = dtype_of(&descr)?;
    let elements = shape.iter().try_fold(1_usize, |product, &extent| product.checked_mul(extent));
    let width = dtype.bits() / 8;
    let expected = elements.and_then(|elements| elements.checked_mul(usize::try_from(width).ok()?));
    let (Some(elements), Some(expected)) = (elements, expected) else {
        return Err(NpyError::TooManyElements { shape });
    };
    if data.len() != expected {
        return Err(NpyError::Length { shape, dtype, expected, found: data.len() });
    }
    let mut values = vec![0.0; elements];
    decode(dtype, data, &mut values);
    let array = ArrayD::from_shape_vec(IxDyn(&shape).set_f(fortran_order), values);
    let array = array.map_err(|_| NpyError::TooManyElements { shape })?;
    Ok(if array.is_standard_layout() { array } else { array.as_standard_layout().into_owned() })
}

/// The header's text and what follows it.
fn split(bytes: &[u8]) -> Result<(&str, &[u8]), NpyError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(NpyError::NotNpy)?;
    let short = |needed| NpyError::ShortHeader { needed, found: bytes.len() };
    let (&[major, _minor], rest) = rest.split_first_chunk().ok_or_else(|| short(8))?;
    let (length, rest) = match major {
        1 => {
            let (length, rest) = rest.split_first_chunk().ok_or_else(|| short(10))?;
            (usize::from(u16::from_le_bytes(*length)), rest)
        }
        2 | 3 => {
            let (length, rest) = rest.split_first_chunk().ok_or_else(|| short(12))?;
            (usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX), rest)
        }
        _ => return Err(NpyError::Version { major }),
    };
    if length > LONGEST_HEADER {
        return Err(NpyError::LongHeader { bytes: length });
    }
    let (header, data) =
        rest.split_at_checked(length).ok_or_else(|| short(bytes.len() - rest.len() + length))?;
    let header = str::from_utf8(header).map_err(|_| NpyError::Header { reason: "it is not UTF-8" })?;
    Ok((header, data))
}

fn dtype_of(descr: &str) -> Result<Dtype, NpyError> {
    let refused = || NpyError::Elements { descr: descr.to_owned() };
    if descr.ends_with('O') {
        return Err(NpyError::Objects);
    }
    let (order, kind) = match descr.strip_prefix(['<', '|', '=']) {
        Some(kind) => (descr.chars().next(), kind),
        None => return Err(refused()),
    };
    match (kind, order) {
        ("b1", _) => Ok(Dtype::BOOL),
        ("i1", _) => Ok(Dtype::I8),
        ("u1", _) => Ok(Dtype::U8),
        // Without an order only single bytes are unambiguous.
        (_, Some('|')) => Err(refused()),
        ("f2", _) => Ok(Dtype::F16),
        ("f4", _) => Ok(Dtype::F32),
        ("f8", _) => Ok(Dtype::F64),
        ("i2", _) => Ok(Dtype::I16),
        ("i4", _) => Ok(Dtype::I32),
        ("i8", _) => Ok(Dtype::I64),
        ("u2", _) => Ok(Dtype::U16),
        ("u4", _) => Ok(Dtype::U32),
        ("u8", _) => Ok(Dtype::U64),
        _ => Err(refused()),
    }
}

#[derive(Debug, Default)]
struct Header {
    descr: String,
    fortran_order: bool,
    shape: Vec<usize>,
}

/// The dictionary: exactly its three keys, in any order.
fn parse_header(text: &str) -> Result<Header, NpyError> {
    let malformed = |reason| NpyError::Header { reason };
    let mut rest = Text(text.trim());
    rest.take('{').ok_or(malformed("it does not begin with {"))?;
    let (mut descr, mut fortran_order, mut shape) = (None, None, None);
    while rest.take('}').is_none() {
        let key = rest.string().ok_or(malformed("a key is not a string"))?;
        rest.take(':').ok_or(malformed("a key has no value"))?;
        match key {
            "descr" => descr = Some(rest.string().ok_or(malformed("its elements are records"))?.to_owned()),
            "fortran_order" => {
                fortran_order = Some(rest.boolean().ok_or(malformed("fortran_order is no boolean"))?);
            }
            "shape" => shape = Some(rest.tuple().ok_or(malformed("shape is no tuple of counts"))?),
            _ => return Err(malformed("it has a key that is none of descr, fortran_order, shape")),
        }
        if rest.take(',').is_none() && !rest.0.starts_with('}') {
            return Err(malformed("two entries are not parted by a comma"));
        }
    }
    match (descr, fortran_order, shape, rest.0) {
        (Some(descr), Some(fortran_order), Some(shape), "") => Ok(Header { descr, fortran_order, shape }),
        (_, _, _, "") => Err(malformed("one of descr, fortran_order, shape is missing")),
        _ => Err(malformed("something follows its }")),
    }
}

/// What is left of a header; white space before it is taken away with each step.
struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    fn advance(&mut self, rest: &'a str) {
        self.0 = rest.trim_start();
    }

    fn take(&mut self, character: char) -> Option<()> {
        let rest = self.0.strip_prefix(character)?;
        self.advance(rest);
        Some(())
    }

    /// A string in either kind of quotes; `NumPy` writes no escape into these.
    fn string(&mut self) -> Option<&'a str> {
        let quote = self.0.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let (string, rest) = self.0.strip_prefix(quote)?.split_once(quote)?;
        self.advance(rest);
        Some(string)
    }

    fn boolean(&mut self) -> Option<bool> {
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.0.strip_prefix(word) {
                self.advance(rest);
                return Some(value);
            }
        }
        None
    }

    /// Counts in parentheses, a comma after each but perhaps the last; an `L` after a count is Python 2's.
    fn tuple(&mut self) -> Option<Vec<usize>> {
        self.take('(')?;
        let mut extents = Vec::new();
        while self.take(')').is_none() {
            let end = self.0.find(|c: char| !c.is_ascii_digit())?;
            let (digits, rest) = self.0.split_at_checked(end)?;
            extents.push(digits.parse().ok()?);
            self.advance(rest.strip_prefix('L').unwrap_or(rest));
            if (self.take(',').is_none() && !self.0.starts_with(')')) || extents.len() > MOST_EXTENTS {
                return None;
            }
        }
        Some(extents)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests take apart what they made")]
mod tests {
    use ndarray::{Array2, array};
    use ndarray_npy::WriteNpyExt as _;

    use super::*;

    /// An array with a header of version 1 as it is given.
    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(header.len()).unwrap().to_le_bytes();
        [MAGIC, &[1, 0], &length, header.as_bytes(), data].concat()
    }

    fn described(descr: &str, shape: &str, data: &[u8]) -> Result<ArrayD<f64>, NpyError> {
        parse_npy(&file(
            &format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n"),
            data,
        ))
    }

    #[test]
    fn what_another_writer_wrote_comes_back_in_either_order() {
        let by_rows = array![[1.5_f32, -2.0, 3.0], [4.0, 5.0, f32::INFINITY]];
        let by_columns = by_rows.t().as_standard_layout().into_owned().reversed_axes();
        for array in [by_rows.clone(), by_columns] {
            let mut bytes = Vec::new();
            array.write_npy(&mut bytes).unwrap();
            let read = parse_npy(&bytes).unwrap();
            assert!(read.is_standard_layout());
            assert_eq!(read.into_dimensionality().ok(), Some(by_rows.mapv(f64::from)));
        }
        let mut bytes = Vec::new();
        Array2::<f64>::zeros((0, 4)).write_npy(&mut bytes).unwrap();
        assert_eq!(parse_npy(&bytes).unwrap().shape(), [0, 4]);
    }

    #[test]
    fn each_kind_of_number_is_read() {
        let one = |descr, data: &[u8]| described(descr, "(1,)", data).unwrap().into_iter().next().unwrap();
        assert_eq!(one("<f2", &[0x00, 0xc2]), -3.0);
        assert_eq!(one("<f8", &0.1_f64.to_le_bytes()), 0.1);
        assert_eq!(one("<i8", &(-7_i64).to_le_bytes()), -7.0);
        assert_eq!(one("|u1", &[255]), 255.0);
        assert_eq!(one("|b1", &[1]), 1.0);
        let scalar = described("<i8", "()", &200_000_i64.to_le_bytes()).unwrap();
        assert_eq!((scalar.ndim(), scalar.into_iter().next()), (0, Some(200_000.0)));
        let old = described("<f4", "(2L, 1L)", &[0; 8]).unwrap();
        assert_eq!(old.shape(), [2, 1]);
    }

    #[test]
    fn elements_that_are_no_numbers_are_refused_by_name() {
        assert_eq!(described("|O", "(1,)", &[]), Err(NpyError::Objects));
        for descr in ["<U5", "<c8", ">f4", "f4", "|f4", "<f16", "<M8[ns]", ""] {
            assert_eq!(
                described(descr, "(1,)", &[0; 4]),
                Err(NpyError::Elements { descr: descr.to_owned() }),
                "{descr}"
            );
        }
    }

    #[test]
    fn a_file_that_is_cut_or_too_long_names_both_lengths() {
        let error = described("<f4", "(2, 3)", &[0; 20]).unwrap_err();
        assert_eq!(error.to_string(), "shape [2, 3] of F32 needs 24 bytes, 20 follow the header");
        assert!(matches!(
            described("<f4", "(1,)", &[0; 5]),
            Err(NpyError::Length { expected: 4, found: 5, .. })
        ));
        assert_eq!(parse_npy(b"\x93NUMPY\x01\x00\xff"), Err(NpyError::ShortHeader { needed: 10, found: 9 }));
        assert_eq!(
            parse_npy(b"\x93NUMPY\x01\x00\x05\x00{}"),
            Err(NpyError::ShortHeader { needed: 15, found: 12 })
        );
        assert_eq!(parse_npy(b"PK\x03\x04"), Err(NpyError::NotNpy));
    }

    #[test]
    fn claims_are_checked_before_anything_is_allocated() {
        let vast = "(4294967296, 4294967296, 4294967296)";
        assert!(matches!(described("<f4", vast, &[]), Err(NpyError::TooManyElements { .. })));
        assert!(matches!(
            described("<f8", "(1152921504606846976,)", &[]),
            Err(NpyError::Length { .. } | NpyError::TooManyElements { .. })
        ));
        assert_eq!(parse_npy(b"\x93NUMPY\x09\x00"), Err(NpyError::Version { major: 9 }));
        assert_eq!(
            parse_npy(b"\x93NUMPY\x02\x00\xff\xff\xff\xff"),
            Err(NpyError::LongHeader { bytes: 4_294_967_295 })
        );
    }

    #[test]
    fn a_malformed_header_is_an_error_that_says_where() {
        for (header, reason) in [
            ("", "it does not begin with {"),
            ("{descr", "a key is not a string"),
            ("{'descr' '<f4'}", "a key has no value"),
            ("{'descr': [('a', '<f4')]}", "its elements are records"),
            ("{'fortran_order': 0}", "fortran_order is no boolean"),
            ("{'shape': (-1,)}", "shape is no tuple of counts"),
            ("{'shape': 3}", "shape is no tuple of counts"),
            ("{'shape': (3}", "shape is no tuple of counts"),
            ("{'x': 1}", "it has a key that is none of descr, fortran_order, shape"),
            ("{'descr': '<f4' 'shape': ()}", "two entries are not parted by a comma"),
            ("{'descr': '<f4'}", "one of descr, fortran_order, shape is missing"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': ()} x", "something follows its }"),
        ] {
            assert_eq!(parse_npy(&file(header, &[])), Err(NpyError::Header { reason }), "{header}");
        }
        assert_eq!(
            parse_npy(&file("{'shape': (1", &[])).unwrap_err(),
            NpyError::Header { reason: "shape is no tuple of counts" }
        );
    }
}
