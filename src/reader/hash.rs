//! SHA-256 of an input file.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::{ReadError, SourceFile};

/// Bytes read at a time.
const CHUNK: u64 = 1 << 20;

/// SHA-256 of the whole file in lower-case hexadecimal, as `sha256sum` prints it.
///
/// The file is read once, a megabyte at a time; nothing of a hub blob's name is believed here.
///
/// # Errors
/// [`ReadError::Truncated`] where the file has become shorter since it was opened, [`ReadError::Io`] where
/// the system cannot read it.
pub fn sha256(file: &SourceFile) -> Result<String, ReadError> {
    let mut hash = Sha256::new();
    let mut scratch = Vec::new();
    let mut offset = 0;
    while offset < file.bytes() {
        let len = CHUNK.min(file.bytes() - offset);
        hash.update(file.read(offset, usize::try_from(len).unwrap_or(usize::MAX), &mut scratch)?);
        offset += len;
    }
    Ok(hash.finalize().iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}
