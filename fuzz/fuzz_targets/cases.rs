//! Any bytes as cases, as texts and as context templates: no panic, rows in their order, and templates that survive being written.

#![no_main]

use collapse_diagnostics::reader::{parse_cases, parse_contexts, parse_texts};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(rows) = parse_cases(bytes) {
        for (at, row) in rows.iter().enumerate() {
            assert!(row.as_ref().err().is_none_or(|bad| bad.index == at));
        }
    }
    if let Ok(rows) = parse_texts(bytes) {
        assert!(!rows.is_empty());
    }
    if let Ok(templates) = parse_contexts(bytes) {
        assert!(templates.templates().all(|template| template.matches("{}").count() == 1));
        assert_eq!(parse_contexts(templates.to_json().as_bytes()), Ok(templates));
    }
});
