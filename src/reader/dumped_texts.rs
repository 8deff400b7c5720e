//! Vectors of texts that another program has dumped, without the model they came from.
//!
//! ```text
//! array             meaning                                   measured
//! (texts, tokens, f)  texts of one length, stacked              by itself, under its name
//! (tokens, f)         one text                                  with all others of this shape, as one collection
//! ```
//!
//! Either in an `.npy`, or any number of them in an `.npz` or safetensors file. Rows of padding would be taken for
//! tokens: texts of several lengths belong into arrays of their own.

use std::path::Path;

use ndarray::{Array2, Axis, Ix2, Ix3};

use super::{ArrayFile, DumpError, IoMode, Limits, ReadError};

/// Vectors of some texts, from one place of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct DumpedTexts {
    /// The name of the array; of the file, for arrays of a text each.
    pub name: String,
    /// One array `(tokens, f)` a text, tokens in order from the first; f is the same for all.
    pub texts: Vec<Array2<f64>>,
}

/// The collections of texts in a file.
///
/// # Errors
/// [`ReadError::Dump`] for an array of another rank, or texts of several f; else as for any file of arrays.
pub fn read_dumped_texts(path: &Path, limits: &Limits, io: IoMode) -> Result<Vec<DumpedTexts>, ReadError> {
    let mut file = ArrayFile::open(path, limits, io)?;
    let refused = |cause| ReadError::Dump { path: path.to_owned(), cause };
    let (mut collections, mut apart) = (Vec::new(), Vec::<Array2<f64>>::new());
    for name in file.names() {
        let Some(array) = file.array(&name)? else { continue };
        let shape = array.shape().to_vec();
        if shape.len() == 3 {
            let stack = array.into_dimensionality::<Ix3>().unwrap_or_default();
            let texts = stack.axis_iter(Axis(0)).map(|text| text.to_owned()).collect();
            collections.push(DumpedTexts { name, texts });
            continue;
        }
        let text = array
            .into_dimensionality::<Ix2>()
            .map_err(|_| refused(DumpError::NotTexts { name: name.clone(), shape }))?;
        if let Some(others) = apart.first().map(Array2::ncols).filter(|&width| width != text.ncols()) {
            return Err(refused(DumpError::Widths { name, width: text.ncols(), others }));
        }
        apart.push(text);
    }
    if !apart.is_empty() {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        collections.push(DumpedTexts { name, texts: apart });
    }
    Ok(collections)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests take apart what they made")]
mod tests {
    use std::fs;

    use super::*;

    type Tensor<'a> = (&'a str, &'a [usize]);

    /// A safetensors file of F64 tensors that count up from 0 each.
    fn found(tensors: &[Tensor<'_>]) -> Result<Vec<DumpedTexts>, ReadError> {
        let (mut entries, mut data) = (Vec::new(), Vec::new());
        for (name, shape) in tensors {
            let begin = data.len();
            let elements = u32::try_from(shape.iter().product::<usize>()).unwrap();
            data.extend((0..elements).flat_map(|x| f64::from(x).to_le_bytes()));
            let range = [begin, data.len()];
            entries.push(format!(
                "{name:?}:{{\"dtype\":\"F64\",\"shape\":{shape:?},\"data_offsets\":{range:?}}}"
            ));
        }
        let header = format!("{{{}}}", entries.join(","));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.safetensors");
        fs::write(&path, [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat())
            .unwrap();
        read_dumped_texts(&path, &Limits::default(), IoMode::Auto)
    }

    #[test]
    fn a_stack_is_texts_of_one_length_and_matrices_are_a_text_each() {
        let found = found(&[("a", &[2, 3, 2]), ("b", &[4, 5]), ("c", &[1, 5])]).unwrap();
        let shapes: Vec<(&str, Vec<(usize, usize)>)> = found
            .iter()
            .map(|dump| (dump.name.as_str(), dump.texts.iter().map(Array2::dim).collect()))
            .collect();
        assert_eq!(shapes, [("a", vec![(3, 2), (3, 2)]), ("keys.safetensors", vec![(4, 5), (1, 5)])]);
        let second = found.first().unwrap().texts.last().unwrap();
        assert_eq!(second.iter().copied().collect::<Vec<_>>(), [6.0, 7.0, 8.0, 9.0, 10.0, 11.0]);
    }

    #[test]
    fn arrays_of_another_rank_and_texts_of_several_widths_are_refused_by_name() {
        let refused = |tensors: &[Tensor<'_>]| found(tensors).unwrap_err().to_string();
        let rank = refused(&[("lengths", &[7])]);
        assert!(
            rank.ends_with("lengths has shape [7], (texts, tokens, f) or (tokens, f) is needed"),
            "{rank}"
        );
        let width = refused(&[("a", &[2, 3]), ("b", &[2, 4])]);
        assert!(width.ends_with("b holds vectors of length 4, those before it have 3"), "{width}");
    }
}
