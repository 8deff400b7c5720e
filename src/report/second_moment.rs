//! Second moments as a safetensors file that this program reads again.
//!
//! ```text
//! tensor                        dtype  shape    for each layer
//! MODULE.second_moment.sum      F64    (f, f)   S = Σ k kᵀ: to be divided by the count once
//! MODULE.second_moment.count    I64    ()       keys summed
//! sample_size                   I64    ()       texts that they came from, once a file
//! ```
//!
//! `__metadata__` says what was summed: model, layers, texts, tokens, tokenizer. A sum that was interrupted is kept in
//! the same form.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use crate::keys::Moments;

/// Name and version of the layout, in the metadata.
const FORMAT: &str = "diagnose.second-moment/1";

/// Writes the sums; the matrices are to be whole ([`Moments::mirror`]).
///
/// # Errors
/// Where `out` does not take it.
pub fn write_second_moments(moments: &Moments, out: &mut dyn Write) -> io::Result<()> {
    let header = header(moments);
    // Data begins at a multiple of eight bytes, as F64 wants it.
    let padded = header.len().next_multiple_of(8);
    out.write_all(&(padded as u64).to_le_bytes())?;
    out.write_all(header.as_bytes())?;
    out.write_all(&vec![b' '; padded - header.len()])?;
    for layer in &moments.layers {
        for row in layer.sum.rows() {
            let bytes: Vec<u8> = row.iter().flat_map(|x| x.to_le_bytes()).collect();
            out.write_all(&bytes)?;
        }
        out.write_all(&layer.count.to_le_bytes())?;
    }
    out.write_all(&(moments.texts as u64).to_le_bytes())
}

fn header(moments: &Moments) -> String {
    let mut entries = Map::new();
    entries.insert("__metadata__".to_owned(), metadata(moments));
    let mut end = 0;
    let mut entry = |name: String, dtype: &str, shape: &[usize], bytes: usize| {
        let begin = end;
        end += bytes;
        entries.insert(name, json!({"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}));
    };
    for layer in &moments.layers {
        let (rows, cols) = layer.sum.dim();
        entry(format!("{}.second_moment.sum", layer.module), "F64", &[rows, cols], rows * cols * 8);
        entry(format!("{}.second_moment.count", layer.module), "I64", &[], 8);
    }
    entry("sample_size".to_owned(), "I64", &[], 8);
    Value::Object(entries).to_string()
}

/// The format takes texts alone.
fn metadata(moments: &Moments) -> Value {
    let layers: Vec<String> = moments.layers.iter().map(|layer| layer.layer.to_string()).collect();
    json!({
        "format": FORMAT,
        "model": moments.model.to_string_lossy(),
        "layers": layers.join(","),
        "texts": moments.texts.to_string(),
        "empty_texts": moments.empty_texts.to_string(),
        "truncated_texts": moments.truncated_texts.to_string(),
        "tokens": moments.tokens.to_string(),
        "skip_first": moments.plan.skip_first.to_string(),
        "tokenizer_sha256": moments.tokenizer_sha256,
        "identity": moments.identity,
    })
}
