//! Files that are read whole: configurations, tokenizers, datasets. A cap is asked for before anything is allocated.

use std::io::{self, Read};
use std::path::Path;

use super::sniff::LFS_POINTER;
use super::{ReadError, SourceFile};

/// All bytes of a file of at most `cap` bytes.
///
/// # Errors
/// [`ReadError::TooLong`] above the cap; else as for any input file, where it is absent, no regular file, unreadable
/// or was changed while it was read.
pub fn read_whole(path: &Path, cap: u64) -> Result<Vec<u8>, ReadError> {
    let file = SourceFile::open(path)?;
    if file.bytes() > cap {
        return Err(ReadError::TooLong { path: path.to_owned(), cap });
    }
    let bytes = file.leading(cap)?;
    file.verify_unchanged()?;
    if bytes.starts_with(LFS_POINTER) {
        return Err(ReadError::LfsPointer { path: path.to_owned() });
    }
    Ok(bytes)
}

/// All bytes of what `path` means: a file, or standard input where it is `-`.
///
/// # Errors
/// As [`read_whole`].
pub fn read_input(path: &Path, cap: u64) -> Result<Vec<u8>, ReadError> {
    if path == Path::new("-") {
        read_stream(&mut io::stdin().lock(), path, cap)
    } else {
        read_whole(path, cap)
    }
}

/// All bytes of a stream of at most `cap` bytes; `name` is what messages call it.
fn read_stream(stream: &mut dyn Read, name: &Path, cap: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    let read = stream.take(cap.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|cause| ReadError::Io { path: name.to_owned(), action: "read", cause })?;
    if bytes.len() as u64 > cap {
        return Err(ReadError::TooLong { path: name.to_owned(), cap });
    }
    Ok(bytes)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests take apart what they made")]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_comes_whole_up_to_its_cap_and_not_beyond() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read_whole(&path, 5).unwrap(), b"12345");
        let error = read_whole(&path, 4).unwrap_err();
        assert_eq!(error.kind(), "too-long");
        assert!(
            error.to_string().ends_with("a.json: longer than the 4 bytes that are read of such a file"),
            "{error}"
        );
    }

    #[test]
    fn a_stream_comes_whole_up_to_its_cap_and_not_beyond() {
        let read = |cap| read_stream(&mut &b"12345"[..], Path::new("-"), cap);
        assert_eq!(read(5).unwrap(), b"12345");
        assert_eq!(read(4).unwrap_err().kind(), "too-long");
    }

    #[test]
    fn the_stand_in_of_git_lfs_is_told_from_a_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        fs::write(&path, "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n").unwrap();
        assert_eq!(read_whole(&path, 1000).unwrap_err().kind(), "lfs-pointer");
    }

    #[test]
    fn an_absent_file_and_a_folder_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read_whole(&folder.path().join("a"), 1).unwrap_err().kind(), "not-found");
        assert_eq!(read_whole(folder.path(), 1).unwrap_err().kind(), "not-a-file");
    }
}
