//! Which way is better for metrics that everybody knows.

use super::metric::Direction;

/// Names, or their beginnings where a `*` ends them, and which way is better. The first that matches counts.
const KNOWN: [(&[&str], Direction); 2] = [
    (
        &[
            "acc",
            "acc_*",
            "accuracy",
            "balanced_accuracy",
            "em",
            "exact_match",
            "quasi_exact_match",
            "f1",
            "f1_*",
            "mcc",
            "matthews_correlation",
            "bleu",
            "bleu_*",
            "sacrebleu",
            "chrf",
            "rouge*",
            "pass@*",
            "pass_at_*",
            "mc1",
            "mc2",
            "auroc",
            "roc_auc",
            "precision",
            "recall",
            "likelihood_diff",
            "correct",
            "prompt_level_*",
            "inst_level_*",
            "efficacy*",
            "generalization*",
            "specificity*",
            "locality*",
            "score",
            "prefixed_score",
            "fluency",
            "normalized_entropy",
            "consistency",
            "key_cosine",
        ],
        Direction::Higher,
    ),
    (
        &[
            "perplexity",
            "word_perplexity",
            "byte_perplexity",
            "mean_of_text_perplexities",
            "ppl",
            "nll",
            "mean_nll",
            "loss",
            "bits_per_byte",
            "brier_score",
            "ece",
            "ter",
            "wer",
            "cer",
            "invalid",
            "invalid_*",
            "nonfinite*",
            "new_nonfinite",
            "norm",
            "delta_norm",
            "update_norm",
            "relative_delta",
            "relative_drift",
            "drift",
            "tensors_changed",
            "verdict",
            "at_risk",
            "collapse",
            "collapsed",
            "disabling_edits",
            "growth_exponent",
            "refused",
        ],
        Direction::Lower,
    ),
];

/// The direction of a metric by its own name: what stands behind the last slash and before a filter's comma.
///
/// `None` for a name that is not in the table; guessing would turn every second guess into a wrong gate.
pub fn known_direction(metric: &str) -> Option<Direction> {
    let own = metric.rsplit('/').next().unwrap_or(metric);
    let own = own.split(',').next().unwrap_or(own).trim().to_ascii_lowercase();
    let matches = |pattern: &&str| match pattern.strip_suffix('*') {
        Some(beginning) => own.starts_with(beginning),
        None => own == **pattern,
    };
    KNOWN.iter().find(|(names, _)| names.iter().any(&matches)).map(|(_, direction)| *direction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_part_of_a_name_decides_and_a_norm_is_no_accuracy() {
        let higher = [
            "acc",
            "mmlu/acc_norm",
            "gsm8k/exact_match,strict-match",
            "humaneval/pass@1",
            "evaluate/efficacy_success",
        ];
        assert!(higher.iter().all(|name| known_direction(name) == Some(Direction::Higher)));
        let lower = ["wiki/word_perplexity", "perplexity/mean_nll", "deltas/delta_norm", "Loss"];
        assert!(lower.iter().all(|name| known_direction(name) == Some(Direction::Lower)));
        assert_eq!(["speed", "acc/latency", "", "a/"].map(known_direction), [None; 4]);
    }
}
