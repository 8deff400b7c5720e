//! Any bytes as a safetensors file: no panic, what is taken tiles the file, and the reference takes it too.

#![no_main]

use collapse_diagnostics::reader::{Header, Limits, parse_header};
use libfuzzer_sys::fuzz_target;
use safetensors::SafeTensors;

fuzz_target!(|bytes: &[u8]| {
    let file_len = bytes.len() as u64;
    if let Ok(header) = parse_header(bytes, file_len, &Limits::default()) {
        let data: u64 = header.tensors.values().map(|entry| entry.bytes).sum();
        assert_eq!(header.data_start + data, file_len);
        assert!(header.tensors.values().all(|entry| entry.offset + entry.bytes <= file_len));
        assert_reference_agrees(&header, bytes);
    }
});

/// The `safetensors` crate must find the same tensors, except where it recurses into fields it ignores.
fn assert_reference_agrees(header: &Header, bytes: &[u8]) {
    match SafeTensors::deserialize(bytes) {
        Ok(reference) => {
            assert_eq!(reference.len(), header.tensors.len());
            for (name, view) in reference.iter() {
                let entry = &header.tensors[name];
                assert_eq!(
                    (entry.offset, entry.bytes),
                    (place(bytes, view.data()), view.data().len() as u64)
                );
            }
        }
        Err(error) => assert!(error.to_string().contains("recursion limit"), "{error}"),
    }
}

fn place(file: &[u8], data: &[u8]) -> u64 {
    (data.as_ptr().addr() - file.as_ptr().addr()) as u64
}
