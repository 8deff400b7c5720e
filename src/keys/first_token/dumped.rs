//! The first token in arrays that somebody dumped: no model, no tokenizer.

use std::path::Path;

use ndarray::{Array2, Axis, concatenate};

use super::separation::separation;
use super::verdict::verdict;
use super::{FirstToken, FirstTokenError, Measurement};
use crate::reader::DumpedTexts;
use crate::tensor::Matrix;

/// Measures dumped vectors: the first row of each text against its other rows.
///
/// # Errors
/// [`FirstTokenError::TooFewTexts`] where a collection has fewer than two texts of two tokens.
pub fn measure_dump(path: &Path, dumps: &[DumpedTexts]) -> Result<FirstToken, FirstTokenError> {
    let mut measurements = Vec::new();
    let (mut texts, mut short, mut tokens) = (0, 0, 0);
    for dump in dumps {
        let usable: Vec<&Array2<f64>> = dump.texts.iter().filter(|text| text.nrows() >= 2).collect();
        if usable.len() < 2 {
            return Err(FirstTokenError::TooFewTexts {
                path: path.to_owned(),
                usable: usable.len(),
                texts: dump.texts.len(),
                tokens: 2,
            });
        }
        texts += usable.len();
        short += dump.texts.len() - usable.len();
        tokens += usable.iter().map(|text| text.nrows()).sum::<usize>();
        let measurement = |found| Measurement {
            layer: None,
            site: None,
            array: Some(dump.name.clone()),
            position: 0,
            special: false,
            swap: None,
            found,
        };
        let (first, later) = (stacked(&usable, |text| (0, 1.min(text))), stacked(&usable, |text| (1, text)));
        measurements.push(measurement(separation(&first, &later)));
    }
    Ok(FirstToken {
        path: path.to_owned(),
        tokenizer_sha256: None,
        leading_special: 0,
        texts,
        short_texts: short,
        truncated_texts: 0,
        tokens,
        verdict: verdict(&measurements),
        measurements,
        massive: Vec::new(),
        profiles: Vec::new(),
        attention: Vec::new(),
    })
}

/// A range of rows of every text, widened, one below the other.
fn stacked(texts: &[&Array2<f64>], range: impl Fn(usize) -> (usize, usize)) -> Matrix {
    let parts: Vec<_> = texts
        .iter()
        .map(|text| {
            let (begin, end) = range(text.nrows());
            text.slice(ndarray::s![begin..end, ..])
        })
        .collect();
    concatenate(Axis(0), &parts).unwrap_or_default()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::keys::first_token::Unmeasured;

    fn dump(texts: Vec<Array2<f64>>) -> Result<FirstToken, FirstTokenError> {
        measure_dump(Path::new("d.npz"), &[DumpedTexts { name: "keys".into(), texts }])
    }

    #[test]
    fn the_first_row_of_each_text_is_held_against_the_others() {
        let found = dump(vec![
            array![[9.0, 0.0], [1.0, 2.0], [-1.0, 0.5]],
            array![[5.0, 5.0]],
            array![[7.0, 0.0], [0.0, -2.0]],
        ]);
        let found = found.unwrap();
        let separation = found.measurements.first().unwrap().found.as_ref().unwrap();
        assert_eq!((separation.first_tokens, separation.later_tokens, separation.first_norm), (2, 3, 8.0));
        assert_eq!((found.texts, found.short_texts, found.tokens), (2, 1, 5));
    }

    #[test]
    fn texts_of_one_token_alone_are_refused_and_nan_is_a_row() {
        let error = dump(vec![array![[1.0]], array![[1.0], [2.0]]]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "d.npz: 1 of 2 texts have the 2 tokens that are needed; two such texts are the least"
        );
        let found = dump(vec![array![[1.0], [f64::NAN]], array![[1.0], [2.0]]]).unwrap();
        let unmeasured = &found.measurements.first().unwrap().found;
        assert_eq!(unmeasured, &Err(Unmeasured::NonFinite { first: 0, later: 1 }));
        assert_eq!(found.verdict.sentence, "nothing could be measured");
    }
}
