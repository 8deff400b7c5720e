//! Any bytes as a safetensors file: no panic, and what is taken tiles the file.

#![no_main]

use collapse_diagnostics::reader::{Limits, parse_header};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let file_len = bytes.len() as u64;
    if let Ok(header) = parse_header(bytes, file_len, &Limits::default()) {
        let data: u64 = header.tensors.values().map(|entry| entry.bytes).sum();
        assert_eq!(header.data_start + data, file_len);
        assert!(header.tensors.values().all(|entry| entry.offset + entry.bytes <= file_len));
    }
});
