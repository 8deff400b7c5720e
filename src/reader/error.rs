//! Why an input could not be read: one variant a cause, each naming its file.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::{
    ArrayError, DatasetError, DumpError, HeaderError, IndexError, LedgerError, MomentError, RunError,
    TableError,
};
use crate::tensor::Printable;

/// Text from a file inside a message: escaped, and cut where it would flood the terminal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Excerpt<'a>(pub &'a str);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(160).and_then(|(end, _)| self.0.get(..end)) {
            Some(head) => write!(f, "{}…", Printable(head)),
            None => write!(f, "{}", Printable(self.0)),
        }
    }
}

/// A path inside a message.
struct Shown<'a>(&'a Path);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Printable(&self.0.to_string_lossy()))
    }
}

/// File names inside a message: the first ten.
pub(super) struct Listing<'a>(pub &'a [String]);

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, name) in self.0.iter().take(10).enumerate() {
            write!(f, "{}{}", if at == 0 { "" } else { ", " }, Excerpt(name))?;
        }
        match self.0.len() {
            0 => f.write_str("nothing"),
            1..=10 => Ok(()),
            all => write!(f, " and {} more", all - 10),
        }
    }
}

/// Why a checkpoint could not be opened or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are what the messages say of them")]
pub enum ReadError {
    /// Nothing is at the path.
    #[error("{}: no such file or directory", Shown(.path))]
    NotFound { path: PathBuf },
    /// A symbolic link whose target is gone, as an interrupted download leaves it.
    #[error("{}: a link to {}, which does not exist", Shown(.path), Shown(.target))]
    BrokenLink { path: PathBuf, target: PathBuf },
    /// A pipe, a device, a socket, or a directory where a file belongs.
    #[error("{}: not a regular file", Shown(.path))]
    NotAFile { path: PathBuf },
    /// A file where the folder of a model belongs.
    #[error("{}: not a directory", Shown(.path))]
    NotADirectory { path: PathBuf },
    /// The operating system refused.
    #[error("{}: cannot {action}: {cause}", Shown(.path))]
    Io { path: PathBuf, action: &'static str, cause: io::Error },
    /// A pickle of `PyTorch`, by its name or by its first bytes.
    #[error("{}: a pickle, which can run code when it is read", Shown(.path))]
    Pickle { path: PathBuf },
    /// A directory with no other weights than pickles.
    #[error("{}: only pickles here ({}), which can run code when they are read", Shown(.path), Listing(.found))]
    OnlyPickles { path: PathBuf, found: Vec<String> },
    /// A file of another format, known by its first bytes.
    #[error("{}: {found}, not a safetensors file", Shown(.path))]
    OtherFormat { path: PathBuf, found: &'static str },
    /// The stand-in that git leaves where Git LFS did not fetch the file.
    #[error("{}: this is a Git LFS pointer, not the file itself", Shown(.path))]
    LfsPointer { path: PathBuf },
    /// A directory without weights.
    #[error("{}: no safetensors file in this directory (found {})", Shown(.path), Listing(.found))]
    NoCheckpoint { path: PathBuf, found: Vec<String> },
    /// A directory with several files of weights and nothing that says which are meant.
    #[error("{}: several safetensors files and no index: {}", Shown(.path), Listing(.found))]
    Ambiguous { path: PathBuf, found: Vec<String> },
    /// A hub cache entry without the snapshot that was asked for.
    #[error("{}: no single snapshot for revision `{}` (found {})", Shown(.path), Excerpt(.revision), Listing(.found))]
    NoRevision { path: PathBuf, revision: String, found: Vec<String> },
    /// The header of a safetensors file is malformed.
    #[error("{}: {cause}", Shown(.path))]
    Header { path: PathBuf, cause: HeaderError },
    /// The index of a sharded checkpoint is malformed.
    #[error("{}: {cause}", Shown(.path))]
    Index { path: PathBuf, cause: IndexError },
    /// An array cannot be had from a file of arrays.
    #[error("{}: {cause}", Shown(.path))]
    Array { path: PathBuf, cause: ArrayError },
    /// A file of arrays that holds no second moment, or not the one that is wanted.
    #[error("{}: {cause}", Shown(.path))]
    Moment { path: PathBuf, cause: MomentError },
    /// Something that holds no dump of keys.
    #[error("{}: {cause}", Shown(.path))]
    Dump { path: PathBuf, cause: DumpError },
    /// Something that is no ledger, or one whose parts do not belong together.
    #[error("{}: {cause}", Shown(.path))]
    Ledger { path: PathBuf, cause: LedgerError },
    /// A file of cases, texts or templates is malformed as a whole.
    #[error("{}: {cause}", Shown(.path))]
    Dataset { path: PathBuf, cause: DatasetError },
    /// A file that is no table of results.
    #[error("{}: {cause}", Shown(.path))]
    Table { path: PathBuf, cause: TableError },
    /// A file of settings that is no TOML, or holds a value that no setting has.
    #[error("{}, line {line}: {reason}", Shown(.path))]
    Config { path: PathBuf, line: usize, reason: String },
    /// Something that is no run of edits.
    #[error("{}: {cause}", Shown(.path))]
    Run { path: PathBuf, cause: RunError },
    /// The index names a shard that is not beside it.
    #[error("{}: missing; {} says it holds {tensors} tensors", Shown(.path), Shown(.index))]
    MissingShard { path: PathBuf, index: PathBuf, tensors: usize },
    /// The index places a tensor in a shard that lacks it.
    #[error("{}: no tensor `{}`, which {} places there", Shown(.path), Excerpt(.tensor), Shown(.index))]
    MissingTensor { path: PathBuf, index: PathBuf, tensor: String },
    /// Bytes beyond the end of a tensor were asked for.
    #[error("{}: {len} bytes at {offset} are outside tensor `{}` of {bytes} bytes", Shown(.path), Excerpt(.tensor))]
    OutOfRange { path: PathBuf, tensor: String, offset: u64, len: usize, bytes: u64 },
    /// The file lost bytes between opening and the end of reading.
    #[error("{}: file was truncated while it was being read", Shown(.path))]
    Truncated { path: PathBuf },
    /// A file that is read whole is longer than it may be.
    #[error("{}: longer than the {cap} bytes that are read of such a file", Shown(.path))]
    TooLong { path: PathBuf, cap: u64 },
    /// Another file took the path's place, or none did.
    #[error("{}: file was replaced or removed while it was being read", Shown(.path))]
    Replaced { path: PathBuf },
    /// The file was written to.
    #[error("{}: file was modified while it was being read", Shown(.path))]
    Modified { path: PathBuf },
}

impl ReadError {
    /// A stable word for the cause, for scripts.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not-found",
            Self::BrokenLink { .. } => "broken-link",
            Self::NotAFile { .. } => "not-a-file",
            Self::NotADirectory { .. } => "not-a-directory",
            Self::Io { .. } => "io",
            Self::Pickle { .. } | Self::OnlyPickles { .. } => "pickle",
            Self::OtherFormat { .. } => "other-format",
            Self::LfsPointer { .. } => "lfs-pointer",
            Self::NoCheckpoint { .. } => "no-checkpoint",
            Self::Ambiguous { .. } => "ambiguous-directory",
            Self::NoRevision { .. } => "no-revision",
            Self::Header { cause, .. } => cause.kind(),
            Self::Index { cause, .. } => cause.kind(),
            Self::Array { cause, .. } => cause.kind(),
            Self::Moment { .. } => "no-second-moment",
            Self::Dump { .. } => "no-dumped-keys",
            Self::Ledger { cause, .. } => cause.kind(),
            Self::Dataset { cause, .. } => cause.kind(),
            Self::Table { cause, .. } => cause.kind(),
            Self::Config { .. } => "config",
            Self::Run { cause, .. } => cause.kind(),
            Self::MissingShard { .. } => "missing-shard",
            Self::MissingTensor { .. } => "missing-tensor",
            Self::OutOfRange { .. } => "out-of-range",
            Self::TooLong { .. } => "too-long",
            Self::Truncated { .. } => "truncated-while-reading",
            Self::Replaced { .. } => "replaced-while-reading",
            Self::Modified { .. } => "modified-while-reading",
        }
    }

    /// The file or directory that the error is about.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::NotFound { path }
            | Self::BrokenLink { path, .. }
            | Self::NotAFile { path }
            | Self::NotADirectory { path }
            | Self::Io { path, .. }
            | Self::Pickle { path }
            | Self::OnlyPickles { path, .. }
            | Self::OtherFormat { path, .. }
            | Self::LfsPointer { path }
            | Self::NoCheckpoint { path, .. }
            | Self::Ambiguous { path, .. }
            | Self::NoRevision { path, .. }
            | Self::Header { path, .. }
            | Self::Index { path, .. }
            | Self::Array { path, .. }
            | Self::Moment { path, .. }
            | Self::Dump { path, .. }
            | Self::Ledger { path, .. }
            | Self::Dataset { path, .. }
            | Self::Table { path, .. }
            | Self::Config { path, .. }
            | Self::Run { path, .. }
            | Self::MissingShard { path, .. }
            | Self::MissingTensor { path, .. }
            | Self::OutOfRange { path, .. }
            | Self::TooLong { path, .. }
            | Self::Truncated { path }
            | Self::Replaced { path }
            | Self::Modified { path } => Some(path),
        }
    }

    /// What would fix it, where that is known.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Pickle { .. } | Self::OnlyPickles { .. } => {
                "where you trust its origin, convert it once: load it and call \
                 save_pretrained(DIR, safe_serialization=True), or write it with safetensors.torch.save_file"
            }
            Self::LfsPointer { .. } => "run git lfs pull",
            Self::BrokenLink { .. } | Self::MissingShard { .. } => {
                "download the model again; parts of it are missing"
            }
            Self::Ambiguous { .. } => {
                "name one of the files, or add the model.safetensors.index.json that belongs to them"
            }
            Self::NotADirectory { .. } => {
                "name the directory that holds config.json, tokenizer.json and the weights, or a hub cache entry"
            }
            Self::NoCheckpoint { .. } => {
                "name a .safetensors file, or a directory that holds model.safetensors or its index"
            }
            Self::Moment { .. } => {
                "give the .npz of kmeng01/rome or the .safetensors of 'diagnose moments', of this model and layer"
            }
            Self::Dump { .. } => {
                "name the folder that holds keys_with_prefix/ and keys_without_prefix/, or a file with arrays of these names"
            }
            Self::NoRevision { .. } => {
                "write PATH@REVISION with a name under refs/ or the start of a snapshot's name"
            }
            Self::Truncated { .. } | Self::Replaced { .. } | Self::Modified { .. } => {
                "wait until nothing writes to the file, then run again"
            }
            Self::Dataset { cause: DatasetError::TemplateSlots { .. }, .. } => {
                "a template is a text with {} where the prompt goes, such as \"The city was quiet. {}\""
            }
            Self::Ledger { cause, .. } => cause.hint(),
            Self::Table { cause, .. } => return cause.hint().map(str::to_owned),
            Self::Config { .. } => {
                "a setting is a line such as fail-on = \"suspect\", below a table such as [deltas]"
            }
            Self::Run { cause, .. } => cause.hint(),
            Self::Header { cause, .. } => return cause.hint(),
            Self::Index { cause: IndexError::TooLong { .. }, .. } => {
                "where the file is to be trusted, raise the cap on headers"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_listing_is_cut_and_counted() {
        let found: Vec<String> = (0..12).map(|at| format!("{at}\u{1b}")).collect();
        let text = ReadError::Ambiguous { path: "d".into(), found }.to_string();
        assert!(
            text.ends_with(
                r": 0\x1b, 1\x1b, 2\x1b, 3\x1b, 4\x1b, 5\x1b, 6\x1b, 7\x1b, 8\x1b, 9\x1b and 2 more"
            ),
            "{text}"
        );
    }

    #[test]
    fn a_path_is_escaped_too() {
        let error = ReadError::NotFound { path: "a\nb".into() };
        assert_eq!(error.to_string(), r"a\nb: no such file or directory");
        assert_eq!(error.path(), Some(Path::new("a\nb")));
    }
}
