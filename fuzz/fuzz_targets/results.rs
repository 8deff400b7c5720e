//! Any bytes as results of lm-evaluation-harness and as its samples: no panic, scores in order, rows for lines that are none.

#![no_main]

use std::path::Path;

use collapse_diagnostics::reader::{parse_lm_eval, parse_lm_eval_samples};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(results) = parse_lm_eval(Path::new("r"), bytes) {
        assert!(!results.scores.is_empty());
        assert!(results.scores.iter().all(|score| score.standard_error.is_none_or(|error| error >= 0.0)));
    }
    let (_, bad) = parse_lm_eval_samples(bytes);
    assert!(bad.iter().is_sorted_by_key(|row| row.index));
});
