//! Safetensors files as bytes: malformed ones with what must be said of them, sound ones, and ones that
//! this reader and the `safetensors` crate judge differently.

use collapse_diagnostics::tensor::Dtype;

/// A file that no reader should take.
pub(crate) struct Malformed {
    /// What is wrong with it.
    pub(crate) name: &'static str,
    /// The file.
    pub(crate) bytes: Vec<u8>,
    /// Words that the error must hold.
    pub(crate) expect_in_message: &'static str,
}

/// A file whose length prefix is true: `header`, then `data` zero bytes.
pub(crate) fn file(header: &str, data: usize) -> Vec<u8> {
    with_length(header.len() as u64, header.as_bytes(), data)
}

fn with_length(claimed: u64, header: &[u8], data: usize) -> Vec<u8> {
    let mut bytes = claimed.to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.resize(bytes.len() + data, 0);
    bytes
}

/// One entry of a header.
pub(crate) fn entry(name: &str, dtype: &str, shape: &str, begin: u64, end: u64) -> String {
    format!(r#""{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{begin},{end}]}}"#)
}

/// A file of one tensor `w`.
fn single(dtype: &str, shape: &str, begin: u64, end: u64, data: usize) -> Vec<u8> {
    file(&format!("{{{}}}", entry("w", dtype, shape, begin, end)), data)
}

/// A file of two tensors of four bytes, the second at `begin`.
fn pair(begin: u64, data: usize) -> Vec<u8> {
    let entries = [entry("a", "U8", "[4]", 0, 4), entry("b", "U8", "[4]", begin, begin + 4)];
    file(&format!("{{{}}}", entries.join(",")), data)
}

/// Files that must be refused, by both readers.
pub(crate) fn malformed() -> Vec<Malformed> {
    [lengths(), json(), fields(), extents()].into_iter().flatten().map(named).collect()
}

type Case = (&'static str, Vec<u8>, &'static str);

fn named((name, bytes, expect_in_message): Case) -> Malformed {
    Malformed { name, bytes, expect_in_message }
}

/// Wrong about how long something is.
fn lengths() -> Vec<Case> {
    vec![
        ("empty file", vec![], "file has 0 bytes, too few"),
        ("file of seven bytes", vec![0; 7], "file has 7 bytes, too few"),
        ("truncated header", with_length(40, b"{\"w\":{", 0), "file has 14 bytes, header needs 48"),
        ("header length of 100 MB claimed", with_length(100_000_000, b"{}", 0), "header needs 100000008"),
        ("header length of 2^64 - 1", with_length(u64::MAX, b"{}", 0), "header needs 18446744073709551615"),
        ("header length of zero", with_length(0, b"", 0), "header is not the JSON"),
        ("truncated data", single("F32", "[2]", 0, 8, 7), "it is truncated"),
        ("no data at all", single("F32", "[2]", 0, 8, 0), "it is truncated"),
        ("trailing bytes", single("F32", "[2]", 0, 8, 9), "its tensors end at"),
        ("trailing bytes without tensors", file("{}", 1), "file has 11 bytes, its tensors end at 10"),
        (
            "header cut inside its JSON",
            with_length(5, b"{\"w\":{}}", 0),
            "entry of tensor `w` is malformed: EOF",
        ),
    ]
}

/// No JSON object of tensors.
fn json() -> Vec<Case> {
    let deep = |open: &str, close: &str| open.repeat(100_000) + &close.repeat(100_000);
    vec![
        ("header not UTF-8", with_length(4, b"{\"\xff\"", 0), "not UTF-8 at byte 10"),
        ("header not an object", file("[]", 0), "invalid type: sequence"),
        ("header a number", file("12", 0), "invalid type: integer `12`"),
        ("header of spaces", file("        ", 0), "EOF"),
        ("header with a byte order mark", file("\u{feff}{}", 0), "expected value"),
        ("two objects", file("{}{}", 0), "trailing characters"),
        ("zero padding", file("{}\0\0\0\0\0\0", 0), "trailing characters"),
        ("trailing comma", file(&format!("{{{},}}", entry("w", "U8", "[0]", 0, 0)), 0), "trailing comma"),
        ("unclosed string", file("{\"w", 0), "EOF while parsing a string"),
        ("lone surrogate in a name", file(r#"{"\ud800":{}}"#, 0), "not the JSON"),
        ("deep JSON", file(&deep("[", "]"), 0), "invalid type: sequence"),
        ("deep JSON in an entry", file(&format!("{{\"w\":{}}}", deep("[", "]")), 0), "entry of tensor `w`"),
        ("deep JSON in a shape", single("U8", &deep("[", "]"), 0, 1, 1), "entry of tensor `w`"),
        (
            "deep JSON in the metadata",
            file(&format!("{{\"__metadata__\":{}}}", deep("{\"a\":", "1}")), 0),
            "__metadata__",
        ),
        (
            "metadata of numbers",
            file(r#"{"__metadata__":{"step":3}}"#, 0),
            "__metadata__ is not a map of strings",
        ),
        ("metadata a string", file(r#"{"__metadata__":"pt"}"#, 0), "__metadata__ is not a map of strings"),
        ("metadata twice", file(r#"{"__metadata__":{},"__metadata__":{}}"#, 0), "__metadata__ twice"),
    ]
}

/// An entry that lacks a field or holds a wrong one.
fn fields() -> Vec<Case> {
    let entry_of = |fields: &str| file(&format!(r#"{{"w":{{{fields}}}}}"#), 4);
    vec![
        ("entry a number", file(r#"{"w":1}"#, 0), "entry of tensor `w` is malformed: invalid type"),
        ("entry null", file(r#"{"w":null}"#, 0), "entry of tensor `w` is malformed: invalid type"),
        ("no dtype", entry_of(r#""shape":[1],"data_offsets":[0,4]"#), "missing field `dtype`"),
        ("no shape", entry_of(r#""dtype":"F32","data_offsets":[0,4]"#), "missing field `shape`"),
        ("no offsets", entry_of(r#""dtype":"F32","shape":[1]"#), "missing field `data_offsets`"),
        (
            "field twice",
            entry_of(r#""dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]"#),
            "duplicate field `shape`",
        ),
        ("unknown dtype", single("F128", "[1]", 0, 16, 16), "unknown dtype `F128`"),
        ("dtype in lower case", single("f32", "[1]", 0, 4, 4), "unknown dtype `f32`"),
        ("float shape", single("F32", "[1.0]", 0, 4, 4), "floating point `1.0`"),
        ("negative shape", single("F32", "[-1]", 0, 4, 4), "integer `-1`"),
        ("shape a number", single("F32", "1", 0, 4, 4), "invalid type: integer `1`"),
        ("extent of 2^64", single("U8", "[18446744073709551616]", 0, 1, 1), "floating point"),
        ("negative offset", entry_of(r#""dtype":"F32","shape":[1],"data_offsets":[-4,0]"#), "integer `-4`"),
        (
            "float offset",
            entry_of(r#""dtype":"F32","shape":[1],"data_offsets":[0,4.0]"#),
            "floating point `4.0`",
        ),
        ("one offset", entry_of(r#""dtype":"F32","shape":[1],"data_offsets":[0]"#), "invalid length 1"),
        (
            "three offsets",
            entry_of(r#""dtype":"F32","shape":[1],"data_offsets":[0,4,8]"#),
            "entry of tensor `w`",
        ),
    ]
}

/// Offsets that are no tiling, or not what shape and dtype need.
fn extents() -> Vec<Case> {
    vec![
        ("2^65 elements", single("U8", "[8589934592,4294967296]", 0, 0, 0), "larger than any file"),
        ("2^67 bytes", single("F64", "[1152921504606846976,16]", 0, 0, 0), "larger than any file"),
        ("2^64 - 1 bytes", single("U8", "[18446744073709551615]", 0, u64::MAX, 0), "larger than any file"),
        ("dtype too wide for its bytes", single("F32", "[2]", 0, 4, 4), "needs 8 bytes, its offsets hold 4"),
        (
            "dtype too narrow for its bytes",
            single("F16", "[2]", 0, 8, 8),
            "needs 4 bytes, its offsets hold 8",
        ),
        ("scalar without bytes", single("F32", "[]", 0, 0, 0), "needs 4 bytes, its offsets hold 0"),
        ("odd count of F4", single("F4", "[3]", 0, 2, 2), "do not fill whole bytes"),
        ("odd count of F6", single("F6_E3M2", "[2]", 0, 2, 2), "do not fill whole bytes"),
        ("offsets reversed", single("F32", "[1]", 4, 0, 4), "before it begins"),
        ("overlapping", pair(2, 6), "inside `a`"),
        ("same bytes twice", pair(0, 4), "inside `a`"),
        ("hole between tensors", pair(5, 9), "belong to no tensor"),
        ("hole before the first tensor", single("U8", "[4]", 4, 8, 8), "belong to no tensor"),
        (
            "empty tensor inside another",
            file(&format!("{{{},{}}}", entry("a", "U8", "[8]", 0, 8), entry("z", "U8", "[0]", 4, 4)), 8),
            "inside `a`",
        ),
        ("empty tensor beyond the data", single("U8", "[0]", 8, 8, 0), "belong to no tensor"),
    ]
}

/// Files that both readers take.
pub(crate) fn well_formed() -> Vec<(String, Vec<u8>)> {
    let u8s =
        |name: &str, count: u64, begin: u64| entry(name, "U8", &format!("[{count}]"), begin, begin + count);
    let mut files: Vec<(String, Vec<u8>)> = [
        ("no tensors", file("{}", 0)),
        ("scalar", single("F32", "[]", 0, 4, 4)),
        ("empty tensor", single("F32", "[0,7]", 0, 0, 0)),
        ("empty tensor with a vast extent", single("F32", "[0,9223372036854775807]", 0, 0, 0)),
        (
            "empty tensors around a full one",
            file(&format!("{{{},{},{}}}", u8s("z", 0, 3), u8s("a", 3, 0), u8s("b", 0, 0)), 3),
        ),
        (
            "listed in another order than stored",
            file(&format!("{{{},{}}}", u8s("a", 2, 2), u8s("b", 2, 0)), 4),
        ),
        ("unaligned data", file(&format!("{{{},{}}}", u8s("a", 1, 0), entry("b", "F64", "[1]", 1, 9)), 9)),
        ("metadata", file(&format!(r#"{{"__metadata__":{{"format":"pt"}},{}}}"#, u8s("w", 1, 0)), 1)),
        ("metadata null", file(r#"{"__metadata__":null}"#, 0)),
        ("metadata last", file(&format!(r#"{{{},"__metadata__":{{}}}}"#, u8s("w", 1, 0)), 1)),
        ("padded with spaces", file("{}                      ", 0)),
        ("spaces before the brace", file("   {}", 0)),
        (
            "unknown field",
            file(r#"{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"strides":[1,{"a":null}]}}"#, 1),
        ),
        (
            "escapes, pipes and newlines in names",
            file(
                &format!(
                    "{{{},{},{}}}",
                    u8s(r"\u001b[31mred\u001b[0m", 1, 0),
                    u8s("a|b", 1, 1),
                    u8s(r"a\nb\t\u202e", 1, 2)
                ),
                3,
            ),
        ),
        ("empty name", file(&format!("{{{}}}", u8s("", 1, 0)), 1)),
        (
            "names that differ in a null character",
            file(&format!("{{{},{}}}", u8s("a", 1, 0), u8s(r"a\u0000", 1, 1)), 2),
        ),
        ("many dimensions", single("U8", &format!("[{}]", vec!["1"; 1000].join(",")), 0, 1, 1)),
    ]
    .into_iter()
    .map(|(name, bytes)| (name.to_owned(), bytes))
    .collect();
    files.extend(Dtype::ALL.into_iter().map(|dtype| {
        let bytes = u64::from(dtype.bits());
        (format!("eight of {dtype}"), single(dtype.name(), "[2,4]", 0, bytes, dtype.bits() as usize))
    }));
    files
}

/// One of the two readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// This project's.
    Ours,
    /// The `safetensors` crate.
    Theirs,
}

/// Files on which the two readers differ on purpose: who takes it, and the file.
pub(crate) fn disputed() -> Vec<(&'static str, Reader, Vec<u8>)> {
    let w = entry("w", "U8", "[1]", 0, 1);
    let deep = "[".repeat(200) + &"]".repeat(200);
    vec![
        ("a tensor listed twice", Reader::Theirs, file(&format!("{{{w},{w}}}"), 1)),
        ("a key of the metadata twice", Reader::Theirs, file(r#"{"__metadata__":{"a":"1","a":"2"}}"#, 0)),
        ("an entry written as an array", Reader::Theirs, file(r#"{"w":["U8",[1],[0,1]]}"#, 1)),
        (
            "a dtype written as an object",
            Reader::Theirs,
            file(r#"{"w":{"dtype":{"U8":null},"shape":[1],"data_offsets":[0,1]}}"#, 1),
        ),
        ("a header above 32 MiB", Reader::Theirs, file(&format!("{{{w}}}{}", " ".repeat(32 << 20)), 1)),
        (
            "an unknown field nested deeper than 128",
            Reader::Ours,
            file(&format!(r#"{{"w":{{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":{deep}}}}}"#), 1),
        ),
    ]
}
