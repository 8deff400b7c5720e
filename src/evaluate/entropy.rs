//! How varied the words of texts are: a broken model says one thing over and over.

use std::collections::BTreeMap;

use super::words::{spaced_words, treebank_words};

/// Entropy of the n-grams of a list in bits: `−Σ p log₂ p` over how often each occurs. 0 where there is none.
pub fn ngram_entropy(words: &[String], n: usize) -> f64 {
    let mut counts: BTreeMap<&[String], u64> = BTreeMap::new();
    for gram in words.windows(n.max(1)) {
        *counts.entry(gram).or_default() += 1;
    }
    let total = counts.values().sum::<u64>() as f64;
    let terms = counts.values().map(|count| {
        let share = *count as f64 / total;
        -share * share.log2()
    });
    // Of nothing the sum is −0.
    terms.sum::<f64>().max(0.0)
}

/// Fluency of a text as the code of ROME and MEMIT has it, in bits.
///
/// ```text
/// mean(2/3 H₂, 4/3 H₃) = H₂/3 + 2 H₃/3        over the words of `treebank_words`
/// ```
///
/// Summaries of those papers show it times 100. Degenerate: a text of fewer than n words has `H_n = 0`.
pub fn fluency(text: &str) -> f64 {
    let words = treebank_words(text);
    ngram_entropy(&words, 2) / 3.0 + ngram_entropy(&words, 3) * 2.0 / 3.0
}

/// Entropy of the words of texts over its maximum, from 0 to 1: `H₁ / log₂(distinct words)`.
///
/// Words as of `spaced_words`, of all texts together. Source: `downstream_eval/generation_entropy.py` of Gupta et al.
/// (Findings of ACL 2024). Degenerate: 0 where there is one distinct word or none, for which the formula is 0/0.
pub fn normalized_entropy(texts: &[String]) -> f64 {
    let words: Vec<String> = texts.iter().flat_map(|text| spaced_words(text)).collect();
    let distinct = words.iter().collect::<std::collections::BTreeSet<_>>().len();
    if distinct < 2 { 0.0 } else { ngram_entropy(&words, 1) / (distinct as f64).log2() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn entropies_are_those_worked_out_by_hand() {
        // a b, b a, a b: shares 2/3 and 1/3.
        let two_thirds: f64 = 2.0 / 3.0;
        let expected = -two_thirds * two_thirds.log2() - (1.0_f64 / 3.0).log2() / 3.0;
        assert!((ngram_entropy(&words("a b a b"), 2) - expected).abs() < 1e-15);
        assert_eq!(ngram_entropy(&words("a b c d"), 1), 2.0);
        assert_eq!([ngram_entropy(&words("a a a"), 2), ngram_entropy(&words("a"), 2)], [0.0; 2]);
        // Two bigrams and one trigram, and all different: H₂ = 2, H₃ = log₂ 3.
        assert!((fluency("a b c d e") - (2.0 + 2.0 * 3.0_f64.log2()) / 3.0).abs() < 1e-15);
        assert_eq!((fluency(""), fluency("one")), (0.0, 0.0));
    }

    #[test]
    fn normalised_entropy_runs_from_one_word_to_all_different() {
        let of =
            |texts: &[&str]| normalized_entropy(&texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>());
        assert_eq!((of(&["The the THE. the"]), of(&[]), of(&[""])), (0.0, 0.0, 0.0));
        assert_eq!((of(&["a b"]), of(&["a b", "c d"])), (1.0, 1.0));
        let [p, q] = [0.75_f64, 0.25];
        assert!((of(&["a a", "a b."]) + p * p.log2() + q * q.log2()).abs() < 1e-15);
    }
}
