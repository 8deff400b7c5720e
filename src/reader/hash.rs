//! SHA-256 of an input file.

use std::fmt::Write as _;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::{Checkpoint, ReadError, SourceFile};
use crate::tensor::{Entry, Source as _};

/// Bytes read at a time.
const CHUNK: u64 = 1 << 20;

/// SHA-256 of the whole file in lower-case hexadecimal, as `sha256sum` prints it.
///
/// The file is read once, a megabyte at a time; nothing of a hub blob's name is believed here. Like any
/// number from a checkpoint it holds once `Checkpoint::verify_unchanged` does.
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
    Ok(hexadecimal(&hash.finalize()))
}

/// SHA-256 of the file at a path, as [`sha256`].
///
/// # Errors
/// As for any input file.
pub fn sha256_of_file(path: &Path) -> Result<String, ReadError> {
    let file = SourceFile::open(path)?;
    let hash = sha256(&file)?;
    file.verify_unchanged()?;
    Ok(hash)
}

/// SHA-256 of the bytes of one tensor.
///
/// # Errors
/// As for [`sha256`].
pub fn sha256_of_tensor(checkpoint: &Checkpoint, entry: &Entry) -> Result<String, ReadError> {
    let mut hash = Sha256::new();
    let mut scratch = Vec::new();
    let mut offset = 0;
    while offset < entry.bytes {
        let len = CHUNK.min(entry.bytes - offset);
        let len_in_memory = usize::try_from(len).unwrap_or(usize::MAX);
        hash.update(checkpoint.read(entry, offset, len_in_memory, &mut scratch)?);
        offset += len;
    }
    Ok(hexadecimal(&hash.finalize()))
}

/// SHA-256 of bytes that are in memory, in lower-case hexadecimal.
pub fn sha256_of(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_standard() {
        // FIPS 180-2, appendix B.1.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_of(b"abc"), abc);
    }
}
