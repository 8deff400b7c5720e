//! Inverse document frequencies of words, as COUNTERFACT's evaluation keeps them: `idf.npy` and `tfidf_vocab.json`.
//!
//! The second maps each word to its place in the first.

use std::collections::BTreeMap;
use std::path::Path;

use super::json::UniqueMap;
use super::records::LONGEST_DATASET;
use super::{ArrayError, DatasetError, ReadError, parse_npy, read_whole};

/// Inverse document frequency of every word in the folder's table.
///
/// # Errors
/// [`ReadError`], where a file cannot be read, is not what it should be, or a word's place is not in the array.
pub fn read_idf(folder: &Path) -> Result<BTreeMap<String, f64>, ReadError> {
    let (array, vocabulary) = (folder.join("idf.npy"), folder.join("tfidf_vocab.json"));
    let values = parse_npy(&read_whole(&array, LONGEST_DATASET)?).map_err(|cause| ReadError::Array {
        path: array.clone(),
        cause: ArrayError::Npy { name: "idf.npy".to_owned(), cause },
    })?;
    let values: Vec<f64> = values.into_iter().collect();
    let malformed = |reason: String| ReadError::Dataset {
        path: vocabulary.clone(),
        cause: DatasetError::Json { reason },
    };
    let UniqueMap(places): UniqueMap<usize> =
        serde_json::from_slice(&read_whole(&vocabulary, LONGEST_DATASET)?)
            .map_err(|error| malformed(error.to_string()))?;
    let value = |(word, place): (String, usize)| match values.get(place) {
        Some(value) => Ok((word, *value)),
        None => Err(malformed(format!(
            "the word `{word}` has place {place}, and idf.npy has {} values",
            values.len()
        ))),
    };
    places.into_iter().map(value).collect()
}
