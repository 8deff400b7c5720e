//! Whether what a model writes is about what texts on the new target are about: cosine of TF-IDF vectors.

use std::collections::BTreeMap;

use super::words::vector_words;

/// How rare words are: inverse document frequencies by word.
pub type IdfTable = BTreeMap<String, f64>;

/// Cosine of the TF-IDF vectors of two texts.
///
/// ```text
/// x_w = times that w occurs · idf_w,     cosine = x·y / (‖x‖ ‖y‖)
/// ```
///
/// Words as scikit-learn's default vectoriser takes them; those outside the table count nothing. This is the
/// `reference_score` of COUNTERFACT: all generations of a case joined by spaces against all reference texts.
///
/// Degenerate: `None` where either has no word of the table.
pub fn consistency(written: &str, reference: &str, table: &IdfTable) -> Option<f64> {
    let (x, y) = (vector(written, table), vector(reference, table));
    let norm = |x: &BTreeMap<String, f64>| x.values().map(|x| x * x).sum::<f64>().sqrt();
    let product: f64 = x.iter().filter_map(|(word, x)| Some(x * y.get(word)?)).sum();
    let norms = norm(&x) * norm(&y);
    (norms > 0.0).then(|| product / norms)
}

fn vector(text: &str, table: &IdfTable) -> BTreeMap<String, f64> {
    let mut weights: BTreeMap<String, f64> = BTreeMap::new();
    for word in vector_words(text) {
        if let Some(idf) = table.get(&word) {
            *weights.entry(word).or_default() += idf;
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cosine_is_that_of_weighted_counts() {
        let table: IdfTable =
            [("paris", 2.0), ("rome", 3.0)].map(|(word, idf)| (word.to_owned(), idf)).into();
        // (4, 3) and (2, 3).
        let found = consistency("Paris, PARIS and Rome!", "rome paris x", &table);
        assert!(found.is_some_and(|cosine| (cosine - 17.0 / (5.0 * 13.0_f64.sqrt())).abs() < 1e-15));
        assert_eq!(consistency("Paris", "Rome", &table), Some(0.0));
        assert_eq!((consistency("", "Rome", &table), consistency("Rome", "x y", &table)), (None, None));
    }
}
