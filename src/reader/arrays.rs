//! Named arrays of numbers, whichever format they are in: `.npy`, `.npz` or safetensors.
//!
//! The format is told by the first bytes and not by the name. An `.npz` is a zip archive of `.npy` files, and a zip
//! archive may claim anything, so of each member the claimed length is held against a cap and against the length that
//! it was packed into, and what is unpacked against what was claimed. Members that are not asked for are not unpacked.

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use ndarray::ArrayD;
use zip::ZipArchive;
use zip::result::ZipError;

use super::{Checkpoint, IoMode, Limits, NpyError, ReadError, SourceFile, parse_npy};
use crate::tensor::{Dtype, NumberKind, Source as _, decode};

/// Most bytes of one array: a second moment of keys of length 32,768 in f64.
const LARGEST_ARRAY: u64 = 8 << 30;
/// Most bytes that one packed byte may become. Numbers that were measured pack to a half at best; zip bombs live by 1,000.
const LARGEST_RATIO: u64 = 200;
/// What small members may become whatever their ratio.
const UNSUSPICIOUS: u64 = 1 << 20;

/// Why an array of a file cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what the messages say of them")]
pub enum ArrayError {
    /// The member is no array that can be read.
    #[error("{}: {cause}", super::error::Excerpt(name))]
    Npy { name: String, cause: NpyError },
    /// No zip archive, or one that cannot be unpacked.
    #[error("not an archive that can be unpacked: {reason}")]
    Archive { reason: String },
    /// A member that claims to be larger than any array here.
    #[error(
        "{} would be {bytes} bytes unpacked, more than the {cap} that are read",
        super::error::Excerpt(name)
    )]
    TooLarge { name: String, bytes: u64, cap: u64 },
    /// A member that is packed as no measured numbers can be.
    #[error("{} would unpack {packed} bytes into {bytes}, as a zip bomb does", super::error::Excerpt(name))]
    Bomb { name: String, packed: u64, bytes: u64 },
    /// A member that is not as long as it claims.
    #[error("{} claims {claimed} bytes and unpacks to {found}", super::error::Excerpt(name))]
    Lying { name: String, claimed: u64, found: String },
    /// Two members of one name, or bytes that belong to two members.
    #[error("its members overlap or share a name, so which one is meant is open")]
    Overlapping,
    /// An encrypted member.
    #[error("{} is encrypted", super::error::Excerpt(name))]
    Encrypted { name: String },
    /// More members than an archive of arrays has.
    #[error("{members} members, more than the {cap} that are read")]
    TooMany { members: usize, cap: usize },
    /// A tensor whose dtype has no numbers.
    #[error("{} has elements of {dtype}, which are not read as numbers", super::error::Excerpt(name))]
    Opaque { name: String, dtype: Dtype },
}

impl ArrayError {
    /// A stable word for the cause, for scripts.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Npy { cause: NpyError::Objects, .. } => "pickle",
            Self::Npy { .. } => "malformed-array",
            Self::Archive { .. } | Self::Overlapping => "malformed-archive",
            Self::TooLarge { .. } | Self::TooMany { .. } => "too-long",
            Self::Bomb { .. } | Self::Lying { .. } => "zip-bomb",
            Self::Encrypted { .. } => "encrypted",
            Self::Opaque { .. } => "not-numeric",
        }
    }
}

/// An open file of named arrays.
pub struct ArrayFile {
    path: PathBuf,
    content: Content,
}

enum Content {
    /// One array, under the file's own name without its extension.
    Npy(SourceFile, String),
    Npz(Box<ZipArchive<BufReader<Positioned>>>),
    Safetensors(Box<Checkpoint>),
}

impl ArrayFile {
    /// Opens a file of arrays, or a checkpoint directory; no element is read yet.
    ///
    /// # Errors
    /// As for every input; [`ReadError::Array`] where an archive is malformed.
    pub fn open(path: &Path, limits: &Limits, io: IoMode) -> Result<Self, ReadError> {
        let opened = |content| Self { path: path.to_owned(), content };
        if path.is_dir() {
            return Ok(opened(Content::Safetensors(Box::new(Checkpoint::open(path, limits, io)?))));
        }
        let file = SourceFile::open(path)?;
        let first_bytes = file.leading(6)?;
        if first_bytes.starts_with(b"\x93NUMPY") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            return Ok(opened(Content::Npy(file, name)));
        }
        if first_bytes.starts_with(b"PK") {
            let refused = |cause| ReadError::Array { path: path.to_owned(), cause };
            let archive = open_archive(Positioned { file, at: 0 }, limits.tensors).map_err(refused)?;
            return Ok(opened(Content::Npz(Box::new(archive))));
        }
        Ok(opened(Content::Safetensors(Box::new(Checkpoint::open(path, limits, io)?))))
    }

    /// Where it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Names of its arrays, sorted; those of an archive without their `.npy`.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = match &self.content {
            Content::Npy(_, name) => vec![name.clone()],
            Content::Npz(archive) => {
                let names = archive.file_names_raw().map(|name| String::from_utf8_lossy(name).into_owned());
                names.map(|name| name.strip_suffix(".npy").unwrap_or(&name).to_owned()).collect()
            }
            Content::Safetensors(checkpoint) => checkpoint.entries().keys().cloned().collect(),
        };
        names.sort();
        names
    }

    /// An array by its name, widened to f64; none where there is no such array.
    ///
    /// # Errors
    /// [`ReadError::Array`] where it is malformed or too large; else as for every input.
    pub fn array(&mut self, name: &str) -> Result<Option<ArrayD<f64>>, ReadError> {
        let refused = |cause| ReadError::Array { path: self.path.clone(), cause };
        let npy = |cause| refused(ArrayError::Npy { name: name.to_owned(), cause });
        match &mut self.content {
            Content::Npy(_, own) if own != name => Ok(None),
            Content::Npy(file, _) => {
                if file.bytes() > LARGEST_ARRAY {
                    return Err(ReadError::TooLong { path: self.path.clone(), cap: LARGEST_ARRAY });
                }
                let bytes = file.leading(LARGEST_ARRAY)?;
                file.verify_unchanged()?;
                parse_npy(&bytes).map(Some).map_err(npy)
            }
            Content::Npz(archive) => match unpack(archive, name, LARGEST_ARRAY).map_err(refused)? {
                Some(bytes) => parse_npy(&bytes).map(Some).map_err(npy),
                None => Ok(None),
            },
            Content::Safetensors(checkpoint) => tensor(checkpoint, name),
        }
    }
}

/// Reads the directory of an archive; no member is unpacked.
fn open_archive(
    file: Positioned,
    most_members: usize,
) -> Result<ZipArchive<BufReader<Positioned>>, ArrayError> {
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| malformed(&error))?;
    if archive.len() > most_members {
        return Err(ArrayError::TooMany { members: archive.len(), cap: most_members });
    }
    if archive.has_duplicate_names() || archive.has_overlapping_files().map_err(|error| malformed(&error))? {
        return Err(ArrayError::Overlapping);
    }
    Ok(archive)
}

fn malformed(error: &ZipError) -> ArrayError {
    ArrayError::Archive { reason: error.to_string() }
}

/// The bytes of the member `name` or `name.npy`.
fn unpack(
    archive: &mut ZipArchive<BufReader<Positioned>>,
    name: &str,
    cap: u64,
) -> Result<Option<Vec<u8>>, ArrayError> {
    let index = archive.index_for_name(&format!("{name}.npy")).or_else(|| archive.index_for_name(name));
    let Some(index) = index else { return Ok(None) };
    let name = || name.to_owned();
    let member = archive.by_index(index).map_err(|error| match error {
        ZipError::InvalidPassword | ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => {
            ArrayError::Encrypted { name: name() }
        }
        other => malformed(&other),
    })?;
    let (claimed, packed) = (member.size(), member.compressed_size());
    if claimed > cap {
        return Err(ArrayError::TooLarge { name: name(), bytes: claimed, cap });
    }
    if claimed > UNSUSPICIOUS && claimed / LARGEST_RATIO > packed {
        return Err(ArrayError::Bomb { name: name(), packed, bytes: claimed });
    }
    // Grows with what is unpacked and not with what is claimed.
    let mut bytes = Vec::new();
    let read = member.take(claimed.saturating_add(1)).read_to_end(&mut bytes);
    if let Err(error) = read {
        return Err(ArrayError::Archive { reason: format!("{}: {error}", super::error::Excerpt(&name())) });
    }
    match bytes.len() as u64 {
        found if found > claimed => {
            Err(ArrayError::Lying { name: name(), claimed, found: "more".to_owned() })
        }
        found if found < claimed => {
            Err(ArrayError::Lying { name: name(), claimed, found: found.to_string() })
        }
        _ => Ok(Some(bytes)),
    }
}

/// A tensor of a checkpoint.
fn tensor(checkpoint: &Checkpoint, name: &str) -> Result<Option<ArrayD<f64>>, ReadError> {
    let Some(entry) = checkpoint.entries().get(name) else { return Ok(None) };
    let refused = |cause| ReadError::Array { path: checkpoint.path().to_owned(), cause };
    if entry.dtype.kind() == NumberKind::Opaque {
        return Err(refused(ArrayError::Opaque { name: name.to_owned(), dtype: entry.dtype }));
    }
    let too_large =
        || refused(ArrayError::TooLarge { name: name.to_owned(), bytes: entry.bytes, cap: LARGEST_ARRAY });
    let len = usize::try_from(entry.bytes).ok().filter(|_| entry.bytes <= LARGEST_ARRAY);
    let len = len.ok_or_else(too_large)?;
    let shape: Option<Vec<usize>> =
        entry.shape.0.iter().map(|&extent| usize::try_from(extent).ok()).collect();
    let elements = usize::try_from(entry.elements).map_err(|_| too_large())?;
    let mut scratch = Vec::new();
    let mut values = vec![0.0; elements];
    decode(entry.dtype, checkpoint.read(entry, 0, len, &mut scratch)?, &mut values);
    checkpoint.verify_unchanged()?;
    ArrayD::from_shape_vec(shape.ok_or_else(too_large)?, values).map(Some).map_err(|_| too_large())
}

/// A file as the reader of archives wants it.
struct Positioned {
    file: SourceFile,
    at: u64,
}

impl Read for Positioned {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.file.bytes().saturating_sub(self.at)).unwrap_or(usize::MAX);
        let length = target.len().min(left);
        let target = target.get_mut(..length).unwrap_or_default();
        self.file.read_exact_at(target, self.at).map_err(io::Error::other)?;
        self.at += length as u64;
        Ok(length)
    }
}

impl Seek for Positioned {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(offset) => self.file.bytes().checked_add_signed(offset),
            SeekFrom::Current(offset) => self.at.checked_add_signed(offset),
        };
        self.at = target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests take apart what they made")]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use ndarray::array;
    use ndarray_npy::WriteNpyExt as _;
    use zip::write::{SimpleFileOptions, ZipWriter};
    use zip::{CompressionMethod, DateTime};

    use super::*;

    fn npy(values: &[f32]) -> Vec<u8> {
        let mut bytes = Vec::new();
        ndarray::aview1(values).write_npy(&mut bytes).unwrap();
        bytes
    }

    fn archive(members: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
        let mut writer = ZipWriter::new(io::Cursor::new(Vec::new()));
        let options =
            SimpleFileOptions::default().compression_method(method).last_modified_time(DateTime::default());
        for (name, bytes) in members {
            writer.start_file(*name, options).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn opened(bytes: &[u8]) -> Result<ArrayFile, ReadError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        fs::write(&path, bytes).unwrap();
        ArrayFile::open(&path, &Limits::default(), IoMode::Auto)
    }

    fn cause(error: ReadError) -> ArrayError {
        match error {
            ReadError::Array { cause, .. } => cause,
            other => unreachable!("{other}"),
        }
    }

    #[test]
    fn members_come_by_name_packed_or_not() {
        let members = [("b.npy", &npy(&[1.0, 2.0])[..]), ("a.npy", b"no array")];
        for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
            let mut file = opened(&archive(&members, method)).unwrap();
            assert_eq!(file.names(), ["a", "b"]);
            assert_eq!(file.array("b").unwrap(), Some(array![1.0, 2.0].into_dyn()));
            assert_eq!(file.array("c").unwrap(), None);
            assert!(matches!(
                cause(file.array("a").unwrap_err()),
                ArrayError::Npy { cause: NpyError::NotNpy, .. }
            ));
        }
    }

    #[test]
    fn a_zip_bomb_is_refused_unopened() {
        let zeros = npy(&vec![0.0; 1 << 20]);
        let mut file = opened(&archive(&[("a.npy", &zeros)], CompressionMethod::Deflated)).unwrap();
        let error = cause(file.array("a").unwrap_err());
        assert!(matches!(error, ArrayError::Bomb { bytes, .. } if bytes == zeros.len() as u64), "{error}");
        assert_eq!(error.kind(), "zip-bomb");
    }

    #[test]
    fn a_member_above_the_cap_is_refused_by_its_claim() {
        let bytes = archive(&[("a.npy", &npy(&[1.0; 100]))], CompressionMethod::Stored);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        fs::write(&path, bytes).unwrap();
        let file = Positioned { file: SourceFile::open(&path).unwrap(), at: 0 };
        let mut archive = open_archive(file, 10).unwrap();
        assert!(matches!(
            unpack(&mut archive, "a", 100).unwrap_err(),
            ArrayError::TooLarge { bytes: 528, cap: 100, .. }
        ));
    }

    #[test]
    fn a_claim_that_is_a_lie_is_an_error_either_way() {
        let honest = archive(&[("a.npy", &npy(&[1.0; 100]))], CompressionMethod::Deflated);
        let claim = 528_u32.to_le_bytes();
        for lie in [527_u32, 529, 5_000_000] {
            let mut bytes = honest.clone();
            let places: Vec<usize> = (0..bytes.len() - 4).filter(|&at| bytes[at..at + 4] == claim).collect();
            assert!(!places.is_empty());
            for at in places {
                bytes[at..at + 4].copy_from_slice(&lie.to_le_bytes());
            }
            let found = opened(&bytes).and_then(|mut file| file.array("a"));
            assert!(matches!(found, Err(ReadError::Array { .. })), "{lie}");
        }
    }

    #[test]
    fn a_broken_archive_is_an_error_wherever_it_is_cut() {
        let whole = archive(&[("a.npy", &npy(&[1.0; 9]))], CompressionMethod::Stored);
        for end in 2..whole.len() {
            assert!(opened(&whole[..end]).is_err(), "cut at {end}");
        }
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0xff;
            // Whatever it is now, it is no panic.
            let _ = opened(&bytes).and_then(|mut file| file.array("a"));
        }
    }

    #[test]
    fn two_members_of_one_name_are_refused() {
        let bytes = archive(&[("a.npy", b"x"), ("b.npy", b"y")], CompressionMethod::Stored);
        let renamed: Vec<u8> = {
            let mut bytes = bytes;
            for at in 0..bytes.len() - 5 {
                if &bytes[at..at + 5] == b"b.npy" {
                    bytes[at] = b'a';
                }
            }
            bytes
        };
        assert_eq!(cause(opened(&renamed).err().unwrap()), ArrayError::Overlapping);
    }

    #[test]
    fn a_lone_array_and_a_checkpoint_are_read_by_the_same_call() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.npy");
        fs::write(&path, npy(&[3.0])).unwrap();
        let mut file = ArrayFile::open(&path, &Limits::default(), IoMode::Auto).unwrap();
        assert_eq!(file.names(), ["keys"]);
        assert_eq!(file.array("keys").unwrap(), Some(array![3.0].into_dyn()));
        assert_eq!(file.array("other").unwrap(), None);
        let header = r#"{"k":{"dtype":"F16","shape":[1,2],"data_offsets":[0,4]}}"#;
        let bytes =
            [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0, 0x3c, 0, 0xc0]].concat();
        let path = folder.path().join("k.safetensors");
        fs::write(&path, bytes).unwrap();
        let mut file = ArrayFile::open(&path, &Limits::default(), IoMode::Auto).unwrap();
        assert_eq!(file.array("k").unwrap(), Some(array![[1.0, -2.0]].into_dyn()));
        assert_eq!(file.array("q").unwrap(), None);
    }
}
