//! Keys that another program has dumped: for each edit k̄, C⁻¹k̄ and kᵘ, without the model they came from.
//!
//! ```text
//! a folder, as Collapse-in-Model-Editing writes it with `save_keys`
//!   keys_with_prefix/key1.npy …       k̄, length f
//!   C_keys_with_prefix/key1.npy …     C⁻¹k̄ before it is normalised; k̄ itself where C was switched off
//!   keys_without_prefix/key1.npy …    the key of the denominator: kᵘ, or k̄ where C-ROME was on
//! an .npz or .safetensors              the same three names, each (n, f), or (f) for a single edit
//! ```
//!
//! Files of a folder are paired by the number in their names, never by the order in which a directory lists them. An edit
//! that one of the three lacks, or whose vectors differ in length, becomes a row of its own that says so. Source:
//! `compute_u.py` and `compute_v.py` of WanliYoung/Collapse-in-Model-Editing at 678bedd.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ndarray::{ArrayD, Axis};

use super::location::names_in;
use super::{ArrayFile, IoMode, Limits, ReadError};

const MEAN: &str = "keys_with_prefix";
const ADJUSTED: &str = "C_keys_with_prefix";
const UNPREFIXED: &str = "keys_without_prefix";

/// The keys of one edit.
#[derive(Clone, Debug, PartialEq)]
pub struct DumpedKeys {
    /// The number in the files' names, or of the row counted from 1.
    pub number: u64,
    /// k̄.
    pub mean: Vec<f64>,
    /// C⁻¹k̄; none where it was not dumped.
    pub adjusted: Option<Vec<f64>>,
    /// The key of the denominator.
    pub unprefixed: Vec<f64>,
}

/// An edit whose keys cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusableKeys {
    /// As in [`DumpedKeys`].
    pub number: u64,
    /// What is wrong with them.
    pub reason: String,
}

/// Why a path holds no dump at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what the messages say of them")]
pub enum DumpError {
    /// Neither a folder with the three nor a file with the arrays.
    #[error("no dump of keys: {MEAN} and {UNPREFIXED} are needed, {} is there", super::error::Listing(found))]
    Missing { found: Vec<String> },
    /// An array that is neither `(f)` nor `(n, f)`.
    #[error("{name} has shape {shape:?}, (edits, length of a key) is needed")]
    Shape { name: &'static str, shape: Vec<usize> },
    /// An array that is no text and no stack of texts.
    #[error(
        "{} has shape {shape:?}, (texts, tokens, f) or (tokens, f) is needed",
        super::error::Excerpt(name)
    )]
    NotTexts { name: String, shape: Vec<usize> },
    /// Texts whose vectors are of several lengths.
    #[error("{} holds vectors of length {width}, those before it have {others}", super::error::Excerpt(name))]
    Widths { name: String, width: usize, others: usize },
}

/// The edits of a dump, by number; each is usable or says why it is not.
///
/// # Errors
/// [`ReadError::Dump`] where there is no dump at all; else as for any file of arrays. A file of the folder that
/// cannot be read spoils its own edit only.
pub fn read_dumped_keys(
    path: &Path,
    limits: &Limits,
    io: IoMode,
) -> Result<Vec<Result<DumpedKeys, UnusableKeys>>, ReadError> {
    if path.join(MEAN).is_dir() || path.join(UNPREFIXED).is_dir() {
        read_folder(path, limits, io)
    } else {
        read_file(path, limits, io)
    }
}

type Rows = Vec<Result<DumpedKeys, UnusableKeys>>;

fn read_folder(path: &Path, limits: &Limits, io: IoMode) -> Result<Rows, ReadError> {
    let missing = |found| ReadError::Dump { path: path.to_owned(), cause: DumpError::Missing { found } };
    let [mean, unprefixed] = [MEAN, UNPREFIXED].map(|folder| path.join(folder));
    if !(mean.is_dir() && unprefixed.is_dir()) {
        return Err(missing(names_in(path)?));
    }
    let (mean, unprefixed) = (numbered(&mean)?, numbered(&unprefixed)?);
    let adjusted = match path.join(ADJUSTED) {
        folder if folder.is_dir() => Some((numbered(&folder)?, folder)),
        _ => None,
    };
    let mut numbers: BTreeSet<u64> = mean.keys().chain(unprefixed.keys()).copied().collect();
    numbers.extend(adjusted.iter().flat_map(|(files, _)| files.keys()));
    let vector = |folder: &str, files: &BTreeMap<u64, String>, number: u64| -> Result<Vec<f64>, String> {
        let name = files.get(&number).ok_or_else(|| format!("{folder} has no file for it"))?;
        vector_of(&path.join(folder).join(name), limits, io)
    };
    let edit = |number| {
        let read = || {
            let adjusted = match &adjusted {
                Some((files, _)) => Some(vector(ADJUSTED, files, number)?),
                None => None,
            };
            let mean = vector(MEAN, &mean, number)?;
            aligned(DumpedKeys {
                number,
                mean,
                adjusted,
                unprefixed: vector(UNPREFIXED, &unprefixed, number)?,
            })
        };
        read().map_err(|reason| UnusableKeys { number, reason })
    };
    Ok(numbers.into_iter().map(edit).collect())
}

/// Files of a folder by the number that ends their names: `key12.npy` is 12.
fn numbered(folder: &Path) -> Result<BTreeMap<u64, String>, ReadError> {
    let number = |name: &str| {
        let stem = name.strip_suffix(".npy")?;
        let digits = stem.rfind(|c: char| !c.is_ascii_digit()).map_or(stem, |at| {
            let end = at + stem.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
            stem.get(end..).unwrap_or_default()
        });
        digits.parse::<u64>().ok()
    };
    Ok(names_in(folder)?.into_iter().filter_map(|name| Some((number(&name)?, name))).collect())
}

fn vector_of(path: &Path, limits: &Limits, io: IoMode) -> Result<Vec<f64>, String> {
    let read = || {
        let mut file = ArrayFile::open(path, limits, io)?;
        let name = file.names().into_iter().next().unwrap_or_default();
        file.array(&name)
    };
    let array = read().map_err(|error| error.to_string())?.ok_or("the file holds no array")?;
    let extents = array.shape().iter().filter(|&&extent| extent != 1).count();
    if extents > 1 {
        return Err(format!("{} has shape {:?}, a vector is needed", path.display(), array.shape()));
    }
    Ok(array.into_iter().collect())
}

fn read_file(path: &Path, limits: &Limits, io: IoMode) -> Result<Rows, ReadError> {
    let mut file = ArrayFile::open(path, limits, io)?;
    let refused = |cause| ReadError::Dump { path: path.to_owned(), cause };
    let mut rows = |name: &'static str| -> Result<Option<Vec<Vec<f64>>>, ReadError> {
        file.array(name)?.map(|array| rows_of(name, array).map_err(refused)).transpose()
    };
    let (mean, adjusted, unprefixed) = (rows(MEAN)?, rows(ADJUSTED)?, rows(UNPREFIXED)?);
    let (Some(mean), Some(unprefixed)) = (mean, unprefixed) else {
        return Err(refused(DumpError::Missing { found: file.names() }));
    };
    let edits = mean.len().max(unprefixed.len()).max(adjusted.as_ref().map_or(0, Vec::len));
    let edit = |at: usize| {
        let row = |name: &str, rows: &[Vec<f64>]| {
            rows.get(at).cloned().ok_or_else(|| format!("{name} has no row for it"))
        };
        let number = at as u64 + 1;
        let read = || {
            let adjusted = adjusted.as_ref().map(|rows| row(ADJUSTED, rows)).transpose()?;
            aligned(DumpedKeys {
                number,
                mean: row(MEAN, &mean)?,
                adjusted,
                unprefixed: row(UNPREFIXED, &unprefixed)?,
            })
        };
        read().map_err(|reason| UnusableKeys { number, reason })
    };
    Ok((0..edits).map(edit).collect())
}

fn rows_of(name: &'static str, array: ArrayD<f64>) -> Result<Vec<Vec<f64>>, DumpError> {
    match array.ndim() {
        1 => Ok(vec![array.into_iter().collect()]),
        2 => Ok(array.axis_iter(Axis(0)).map(|row| row.iter().copied().collect()).collect()),
        _ => Err(DumpError::Shape { name, shape: array.shape().to_vec() }),
    }
}

/// Refuses vectors of different length.
fn aligned(keys: DumpedKeys) -> Result<DumpedKeys, String> {
    let lengths =
        [keys.mean.len(), keys.adjusted.as_ref().map_or(keys.mean.len(), Vec::len), keys.unprefixed.len()];
    let [mean, adjusted, unprefixed] = lengths;
    if mean == adjusted && mean == unprefixed && mean > 0 {
        return Ok(keys);
    }
    Err(format!(
        "its vectors have lengths {mean} ({MEAN}), {adjusted} ({ADJUSTED}) and {unprefixed} ({UNPREFIXED})"
    ))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests take apart what they made")]
mod tests {
    use std::fs::{self, File};

    use ndarray::Array1;
    use ndarray_npy::WriteNpyExt as _;
    use tempfile::TempDir;

    use super::*;

    fn dump(files: &[(&str, &str, &[f32])]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (part, name, values) in files {
            fs::create_dir_all(folder.path().join(part)).unwrap();
            let file = File::create(folder.path().join(part).join(name)).unwrap();
            Array1::from(values.to_vec()).write_npy(file).unwrap();
        }
        folder
    }

    fn read(path: &Path) -> Result<Rows, ReadError> {
        read_dumped_keys(path, &Limits::default(), IoMode::Auto)
    }

    #[test]
    fn files_are_paired_by_their_numbers_and_not_by_their_order() {
        // By name key10 stands before key2.
        let folder = dump(&[
            (MEAN, "key10.npy", &[10.0]),
            (MEAN, "key2.npy", &[2.0]),
            (ADJUSTED, "key2.npy", &[0.2]),
            (ADJUSTED, "key10.npy", &[0.5]),
            (UNPREFIXED, "key10.npy", &[-10.0]),
            (UNPREFIXED, "key2.npy", &[-2.0]),
            (UNPREFIXED, "notes.npy", &[9.0]),
        ]);
        let keys: Vec<DumpedKeys> = read(folder.path()).unwrap().into_iter().map(Result::unwrap).collect();
        let shown: Vec<_> = keys.iter().map(|keys| (keys.number, keys.mean[0], keys.unprefixed[0])).collect();
        assert_eq!(shown, [(2, 2.0, -2.0), (10, 10.0, -10.0)]);
        assert_eq!(keys[1].adjusted.as_deref(), Some(&[0.5][..]));
    }

    #[test]
    fn an_edit_that_lacks_a_file_or_a_component_is_a_row_that_says_so() {
        let folder = dump(&[
            (MEAN, "key1.npy", &[1.0, 2.0]),
            (UNPREFIXED, "key1.npy", &[1.0, 2.0]),
            (MEAN, "key2.npy", &[1.0, 2.0]),
            (MEAN, "key3.npy", &[1.0]),
            (UNPREFIXED, "key3.npy", &[1.0, 2.0]),
            (MEAN, "key4.npy", &[1.0]),
        ]);
        fs::write(folder.path().join(UNPREFIXED).join("key4.npy"), "no array").unwrap();
        let rows = read(folder.path()).unwrap();
        assert!(rows[0].is_ok() && rows.len() == 4);
        let reason = |at: usize| rows[at].as_ref().unwrap_err().reason.clone();
        assert_eq!(reason(1), "keys_without_prefix has no file for it");
        assert!(reason(2).starts_with("its vectors have lengths 1 (keys_with_prefix), 1"), "{}", reason(2));
        assert!(reason(3).contains("key4.npy"), "{}", reason(3));
    }

    #[test]
    fn a_safetensors_file_holds_an_edit_a_row() {
        let header = concat!(
            r#"{"keys_with_prefix":{"dtype":"F64","shape":[2,1],"data_offsets":[0,16]},"#,
            r#""keys_without_prefix":{"dtype":"F64","shape":[1],"data_offsets":[16,24]}}"#
        );
        let data: Vec<u8> = [1.0_f64, 2.0, 3.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.safetensors");
        fs::write(&path, [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat())
            .unwrap();
        let rows = read(&path).unwrap();
        let first = DumpedKeys { number: 1, mean: vec![1.0], adjusted: None, unprefixed: vec![3.0] };
        assert_eq!(rows[0], Ok(first));
        assert_eq!(rows[1].as_ref().unwrap_err().reason, "keys_without_prefix has no row for it");
    }

    #[test]
    fn a_folder_that_is_no_dump_says_what_is_missing() {
        let folder = dump(&[(MEAN, "key1.npy", &[1.0])]);
        let error = read(folder.path()).err().unwrap().to_string();
        assert!(
            error.ends_with(
                "no dump of keys: keys_with_prefix and keys_without_prefix are needed, keys_with_prefix is there"
            ),
            "{error}"
        );
    }
}
