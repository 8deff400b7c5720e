//! Second moments of keys as they are stored: the sum of k kᵀ and how many were summed.
//!
//! ```text
//! kmeng01/rome, .npz       mom2.mom2 (f, f), the sum and not the mean; mom2.count; sample_size, documents;
//!                          the module stands in the file's name alone
//! ours, .safetensors       second_moment.sum (f, f), second_moment.count; with several layers in one file
//!                          MODULE.second_moment.sum and so on
//! ```
//!
//! Source of the former: `util/runningstats.py` and `rome/layer_stats.py` of kmeng01/rome at 0874014. It writes a value that
//! is None as a NaN.

use std::path::Path;

use ndarray::{ArrayD, Ix2};

use super::error::{Excerpt, Listing};
use super::{ArrayFile, IoMode, Limits, ReadError};
use crate::tensor::Matrix;

/// The sum and the count in both layouts.
const LAYOUTS: [(&str, &str); 2] =
    [("second_moment.sum", "second_moment.count"), ("mom2.mom2", "mom2.count")];
/// Documents that rome's statistics were collected over.
const DOCUMENTS: &str = "sample_size";
/// What follows the module in the names of rome's files.
const ROME_SUFFIX: &str = "_float32_mom2";

/// A stored second moment: S = Σ k kᵀ over some tokens. C = S / count.
#[derive(Clone, Debug, PartialEq)]
pub struct SecondMoment {
    /// S, shape `(f, f)`; the sum, to be divided by `count` once.
    pub sum: Matrix,
    /// Tokens that were summed.
    pub count: u64,
    /// Documents that the tokens came from, where the file says.
    pub documents: Option<u64>,
    /// Module whose inputs were summed (`transformer.h.17.mlp.c_proj`), where the file or its name says.
    pub module: Option<String>,
    /// The file, as it was named.
    pub source: String,
}

/// Why a file of arrays holds no second moment, or not the one that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what the messages say of them")]
pub enum MomentError {
    /// Neither layout.
    #[error(
        "no second moment: neither mom2.mom2 nor second_moment.sum is among its arrays ({})",
        Listing(found)
    )]
    NoSum { found: Vec<String> },
    /// A sum without its count.
    #[error("the sum of k kᵀ has no count beside it: {} is missing", Excerpt(name))]
    NoCount { name: String },
    /// A count that counts nothing.
    #[error("{} holds {value}, which is no count of tokens", Excerpt(name))]
    NotACount { name: String, value: String },
    /// A sum that is no matrix.
    #[error("{} has shape {shape:?}, a square matrix is needed", Excerpt(name))]
    NotAMatrix { name: String, shape: Vec<usize> },
    /// The moments of other layers.
    #[error("no second moment of {}; there are those of {}", Excerpt(wanted), Listing(found))]
    OtherModule { wanted: String, found: Vec<String> },
    /// Several, and nothing says which.
    #[error("second moments of several modules: {}", Listing(found))]
    Several { found: Vec<String> },
}

impl SecondMoment {
    /// Reads the moment of `module` from an `.npz` of rome, or a safetensors file of ours.
    ///
    /// A file that does not say whose moment it holds is taken as it is, and so is any where no module is asked for and
    /// there is but one. Modules agree where their names do, or one is the other behind a prefix (`transformer.`).
    ///
    /// # Errors
    /// [`ReadError::Moment`] with [`MomentError`]; else as for any file of arrays.
    pub fn read(path: &Path, module: Option<&str>, limits: &Limits, io: IoMode) -> Result<Self, ReadError> {
        let mut arrays = ArrayFile::open(path, limits, io)?;
        let refused = |cause| ReadError::Moment { path: path.to_owned(), cause };
        let names = arrays.names();
        let Place { module, sum, count } = choose(path, &names, module).map_err(refused)?;
        let missing = || refused(MomentError::NoCount { name: count.clone() });
        let counted = as_count(&count, &arrays.array(&count)?.ok_or_else(missing)?).map_err(refused)?;
        let documents = match arrays.array(DOCUMENTS)? {
            Some(documents) => as_count(DOCUMENTS, &documents).ok(),
            None => None,
        };
        let none = || refused(MomentError::NoSum { found: names.clone() });
        let matrix = as_matrix(&sum, arrays.array(&sum)?.ok_or_else(none)?).map_err(refused)?;
        let source = path.to_string_lossy().into_owned();
        Ok(Self { sum: matrix, count: counted, documents, module, source })
    }
}

/// Names of the arrays of one moment.
#[derive(Debug)]
struct Place {
    module: Option<String>,
    sum: String,
    count: String,
}

fn choose(path: &Path, names: &[String], wanted: Option<&str>) -> Result<Place, MomentError> {
    let places: Vec<Place> = names.iter().filter_map(|name| place(path, name)).collect();
    if places.is_empty() {
        return Err(MomentError::NoSum { found: names.to_vec() });
    }
    let found = places.iter().filter_map(|place| place.module.clone()).collect();
    let fits = |place: &Place| match (&place.module, wanted) {
        (Some(module), Some(wanted)) => same_module(module, wanted),
        _ => true,
    };
    let mut fitting = places.into_iter().filter(fits);
    match (fitting.next(), fitting.next()) {
        (Some(place), None) => Ok(place),
        (None, _) => Err(MomentError::OtherModule { wanted: wanted.unwrap_or_default().to_owned(), found }),
        (Some(_), Some(_)) => Err(MomentError::Several { found }),
    }
}

/// The moment that an array is the sum of, if it is one.
fn place(path: &Path, name: &str) -> Option<Place> {
    LAYOUTS.iter().find_map(|(sum, count)| {
        let before = name.strip_suffix(sum)?;
        let module = match before.strip_suffix('.') {
            Some(module) => Some(module.to_owned()),
            None if before.is_empty() => module_of_name(path),
            None => return None,
        };
        Some(Place { module, sum: name.to_owned(), count: format!("{before}{count}") })
    })
}

/// The module in a name as rome gives it: `transformer.h.17.mlp.c_proj_float32_mom2_100000.npz`.
fn module_of_name(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let (module, _) = name.split_once(ROME_SUFFIX)?;
    Some(module.to_owned())
}

/// Whether two names mean one module: the hub's files of GPT-2 leave `transformer.` out.
fn same_module(a: &str, b: &str) -> bool {
    let behind =
        |long: &str, short: &str| long.strip_suffix(short).is_some_and(|prefix| prefix.ends_with('.'));
    a == b || behind(a, b) || behind(b, a)
}

fn as_count(name: &str, array: &ArrayD<f64>) -> Result<u64, MomentError> {
    let refused = |value: String| MomentError::NotACount { name: name.to_owned(), value };
    let mut values = array.iter();
    match (values.next(), values.next()) {
        // Beyond 2⁵³ an f64 does not tell neighbours apart.
        (Some(&value), None) if (0.0..=9_007_199_254_740_992.0).contains(&value) && value.fract() == 0.0 =>
        {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a whole number in range"
            )]
            Ok(value as u64)
        }
        (Some(value), None) => Err(refused(value.to_string())),
        _ => Err(refused(format!("an array of shape {:?}", array.shape()))),
    }
}

fn as_matrix(name: &str, array: ArrayD<f64>) -> Result<Matrix, MomentError> {
    let shape = array.shape().to_vec();
    match array.into_dimensionality::<Ix2>() {
        Ok(matrix) if matrix.is_square() => Ok(matrix),
        _ => Err(MomentError::NotAMatrix { name: name.to_owned(), shape }),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests take apart what they made")]
mod tests {
    use std::fs;
    use std::io::{Cursor, Write as _};
    use std::path::PathBuf;

    use ndarray::{Array0, Array1, Array2, arr0, array};
    use ndarray_npy::WriteNpyExt;
    use tempfile::TempDir;
    use zip::write::{SimpleFileOptions, ZipWriter};

    use super::*;

    type Member<'a> = (&'a str, &'a dyn Fn(&mut Vec<u8>));

    fn npz(members: &[Member<'_>]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, write) in members {
            let mut bytes = Vec::new();
            write(&mut bytes);
            writer.start_file(format!("{name}.npy"), SimpleFileOptions::default()).unwrap();
            writer.write_all(&bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn saved(name: &str, bytes: &[u8]) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    fn read(path: &Path, module: Option<&str>) -> Result<SecondMoment, ReadError> {
        SecondMoment::read(path, module, &Limits::default(), IoMode::Auto)
    }

    fn cause(result: Result<SecondMoment, ReadError>) -> MomentError {
        match result {
            Err(ReadError::Moment { cause, .. }) => cause,
            other => unreachable!("{other:?}"),
        }
    }

    fn rome(count: i64) -> Vec<u8> {
        let sum: Array2<f32> = array![[4.0, 2.0], [2.0, 6.0]];
        let boxed_none: Array0<f64> = arr0(f64::from_bits(0xFFF8_0000_0000_0002));
        npz(&[
            ("mom2.mom2", &move |out| sum.write_npy(out).unwrap()),
            ("mom2.count", &move |out| arr0(count).write_npy(out).unwrap()),
            ("sample_size", &move |out| boxed_none.write_npy(out).unwrap()),
        ])
    }

    /// A safetensors file of F64 tensors.
    fn safetensors(tensors: &[(&str, &[usize], &[f64])]) -> Vec<u8> {
        let (mut entries, mut data) = (Vec::new(), Vec::new());
        for (name, shape, values) in tensors {
            let begin = data.len();
            data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            let range = [begin, data.len()];
            entries.push(format!(
                "{name:?}:{{\"dtype\":\"F64\",\"shape\":{shape:?},\"data_offsets\":{range:?}}}"
            ));
        }
        let header = format!("{{{}}}", entries.join(","));
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat()
    }

    #[test]
    fn the_file_of_the_oracle_holds_the_sum_and_not_the_mean() {
        let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/oracle/second_moment.npz"));
        let moment = read(path, Some("transformer.h.0.mlp.c_proj")).unwrap();
        assert_eq!(moment.sum.dim(), (256, 256));
        assert_eq!((moment.count, moment.documents, moment.module), (200_000, Some(5000), None));
        // Keys of norm about 6: their squares are the trace of C.
        let trace = moment.sum.diag().sum() / 200_000.0;
        assert!((10.0..100.0).contains(&trace), "{trace}");
    }

    #[test]
    fn the_module_stands_in_the_name_of_a_file_of_rome() {
        let (_folder, path) = saved("transformer.h.17.mlp.c_proj_float32_mom2_100000.npz", &rome(3));
        let moment = read(&path, Some("h.17.mlp.c_proj")).unwrap();
        assert_eq!(moment.module.as_deref(), Some("transformer.h.17.mlp.c_proj"));
        assert_eq!(moment.sum, array![[4.0, 2.0], [2.0, 6.0]]);
        // A boxed None is no number of documents.
        assert_eq!((moment.count, moment.documents), (3, None));
        assert_eq!(
            cause(read(&path, Some("transformer.h.7.mlp.c_proj"))).to_string(),
            "no second moment of transformer.h.7.mlp.c_proj; there are those of transformer.h.17.mlp.c_proj"
        );
    }

    #[test]
    fn one_file_of_ours_holds_several_layers() {
        let file = safetensors(&[
            ("h.0.mlp.second_moment.sum", &[1, 1], &[2.0]),
            ("h.0.mlp.second_moment.count", &[], &[4.0]),
            ("h.1.mlp.second_moment.sum", &[1, 1], &[9.0]),
            ("h.1.mlp.second_moment.count", &[], &[3.0]),
        ]);
        let (_folder, path) = saved("moments.safetensors", &file);
        let moment = read(&path, Some("transformer.h.1.mlp")).unwrap();
        assert_eq!((moment.sum, moment.count), (array![[9.0]], 3));
        let both = vec!["h.0.mlp".to_owned(), "h.1.mlp".to_owned()];
        assert_eq!(cause(read(&path, None)), MomentError::Several { found: both.clone() });
        assert_eq!(
            cause(read(&path, Some("h.11.mlp"))),
            MomentError::OtherModule { wanted: "h.11.mlp".into(), found: both }
        );
    }

    #[test]
    fn a_lone_moment_without_a_name_fits_any_module() {
        let file =
            safetensors(&[("second_moment.sum", &[1, 1], &[2.0]), ("second_moment.count", &[1], &[4.0])]);
        let (_folder, path) = saved("m.safetensors", &file);
        assert_eq!(read(&path, Some("x")).unwrap().count, 4);
        assert_eq!(read(&path, None).unwrap().module, None);
    }

    #[test]
    fn a_file_without_a_sum_or_with_no_count_says_what_it_holds() {
        let (_folder, path) = saved("m.safetensors", &safetensors(&[("w", &[1], &[2.0])]));
        assert_eq!(
            cause(read(&path, None)).to_string(),
            "no second moment: neither mom2.mom2 nor second_moment.sum is among its arrays (w)"
        );
        let (_folder, path) = saved("m.safetensors", &safetensors(&[("second_moment.sum", &[1, 1], &[2.0])]));
        assert_eq!(cause(read(&path, None)), MomentError::NoCount { name: "second_moment.count".into() });
        for (shape, values) in [(vec![], vec![-1.0]), (vec![], vec![0.5]), (vec![2], vec![1.0, 1.0])] {
            let file = safetensors(&[
                ("second_moment.sum", &[1, 1], &[2.0]),
                ("second_moment.count", &shape, &values),
            ]);
            let (_folder, path) = saved("m.safetensors", &file);
            assert!(matches!(cause(read(&path, None)), MomentError::NotACount { .. }));
        }
    }

    #[test]
    fn a_sum_that_is_no_square_matrix_names_its_shape() {
        let flat: Array1<f64> = array![1.0, 2.0];
        let bytes = npz(&[
            ("mom2.mom2", &move |out| flat.write_npy(out).unwrap()),
            ("mom2.count", &|out| arr0(1_i64).write_npy(out).unwrap()),
        ]);
        let (_folder, path) = saved("m.npz", &bytes);
        assert_eq!(
            cause(read(&path, None)),
            MomentError::NotAMatrix { name: "mom2.mom2".into(), shape: vec![2] }
        );
    }
}
