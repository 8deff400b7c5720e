//! Any bytes as the index of a sharded checkpoint: no panic, and every shard stays in its directory.

#![no_main]

use std::path::Path;

use collapse_diagnostics::reader::parse_index;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(index) = parse_index(bytes) {
        let directory = Path::new("directory");
        for shard in index.weight_map.values() {
            assert_eq!(directory.join(shard).parent(), Some(directory));
        }
    }
});
