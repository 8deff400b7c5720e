//! What a file is that is no safetensors file, by its name and its first bytes.

use std::ffi::OsStr;
use std::path::Path;

use super::ReadError;

/// How many leading bytes [`other_format`] looks at.
pub(super) const SNIFFED_BYTES: usize = 64;

/// First bytes of the text that Git LFS leaves in the place of a file.
pub(super) const LFS_POINTER: &[u8] = b"version https://git-lfs";

/// First bytes of formats that people hand to a tool for checkpoints.
const MAGIC: [(&[u8], &str); 7] = [
    (b"GGUF", "a GGUF file"),
    (b"PK\x03\x04", "a zip archive, as NumPy's npz and PyTorch's pickles are"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"<!DOCTYPE", "an HTML page, as a failed download leaves it"),
    (b"<html", "an HTML page, as a failed download leaves it"),
    (b"{", "a JSON file"),
];

/// True for the file names under which pickles travel.
pub(super) fn has_pickle_name(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase);
    matches!(extension.as_deref(), Some("bin" | "pt" | "pth" | "ckpt" | "pkl" | "pickle"))
}

/// The clearer error for a file whose header could not be read, where its first bytes give it away.
///
/// Asked only after the header was refused, and silent where the first eight bytes may be a header's
/// length (below 2³²): a length of 640 begins like a pickle, one of 123 like JSON.
pub(super) fn other_format(path: &Path, first_bytes: &[u8]) -> Option<ReadError> {
    if matches!(first_bytes, [_, _, _, _, 0, 0, 0, 0, ..]) {
        return None;
    }
    let path = path.to_owned();
    if first_bytes.starts_with(LFS_POINTER) {
        return Some(ReadError::LfsPointer { path });
    }
    if matches!(first_bytes, [0x80, 2..=5, ..]) {
        return Some(ReadError::Pickle { path });
    }
    let (_, found) = MAGIC.into_iter().find(|(magic, _)| first_bytes.starts_with(magic))?;
    Some(ReadError::OtherFormat { path, found })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of(bytes: &[u8]) -> Option<&'static str> {
        other_format(Path::new("x"), bytes).map(|error| error.kind())
    }

    #[test]
    fn formats_are_told_apart_by_their_first_bytes() {
        assert_eq!(kind_of(b"version https://git-lfs.github.com/spec/v1\n"), Some("lfs-pointer"));
        assert_eq!(kind_of(b"\x80\x02}q\x00."), Some("pickle"));
        assert_eq!(kind_of(b"GGUF\x03\0\0\0"), Some("other-format"));
        assert_eq!(kind_of(b"PK\x03\x04"), Some("other-format"));
        assert_eq!(kind_of(b"{\n  \"architectures\": ["), Some("other-format"));
    }

    #[test]
    fn a_plausible_header_length_is_never_taken_for_another_format() {
        assert_eq!(kind_of(b"\x80\x02\0\0\0\0\0\0{"), None);
        assert_eq!(kind_of(b"{\0\0\0\0\0\0\0{"), None);
    }

    #[test]
    fn pickles_are_known_by_name_in_any_case() {
        assert!(
            ["a.bin", "b.pt", "c.PTH", "d.ckpt", "e.pkl"].iter().all(|name| has_pickle_name(Path::new(name)))
        );
        assert!(!has_pickle_name(Path::new("a.bin.safetensors")));
    }
}
