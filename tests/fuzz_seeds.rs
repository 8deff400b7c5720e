//! The seeds under `fuzz/seeds/` are made here from the corpus; `BLESS=1` writes them anew.

#![expect(clippy::unwrap_used, reason = "tests take apart what they made")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write as _};
use std::path::Path;

use crate::corpus::{disputed, entry, file, well_formed};

/// Longest seed: short ones are mutated best, and the repository stays small.
const LONGEST: usize = 256;

/// Every seed by its path under `fuzz/seeds/`; malformed files are one mutation away from these.
fn seeds() -> BTreeMap<String, Vec<u8>> {
    let headers = well_formed()
        .into_iter()
        .chain(disputed().into_iter().map(|(name, _, bytes)| (name.to_owned(), bytes)));
    let headers = headers.map(|(name, bytes)| (format!("header/{}", slug(&name)), bytes));
    let all = headers.chain(indices()).chain(pairs()).chain(arrays()).chain(datasets()).chain(results());
    all.filter(|(_, bytes)| bytes.len() <= LONGEST).collect()
}

fn slug(name: &str) -> String {
    name.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-")
}

fn indices() -> impl Iterator<Item = (String, Vec<u8>)> {
    [
        ("sound", r#"{"metadata":{"total_size":8},"weight_map":{"a":"1.safetensors","b":"2.safetensors"}}"#),
        ("empty", r#"{"weight_map":{}}"#),
        ("twice", r#"{"weight_map":{"a":"1","a":"2"}}"#),
        ("upwards", r#"{"weight_map":{"a":"../1"}}"#),
        ("escaped", r#"{"weight_map":{"\u0061\ud83d\ude00":"\u002e\u002e"}}"#),
    ]
    .into_iter()
    .map(|(name, json)| (format!("index/{name}"), json.as_bytes().to_vec()))
}

/// Inputs of the target `arrays`: one array by rows and by columns, and archives of them, packed and not.
fn arrays() -> impl Iterator<Item = (String, Vec<u8>)> {
    let npy = |order: &str, descr: &str, shape: &str, data: &[u8]| {
        let header = format!("{{'descr':'{descr}','fortran_order':{order},'shape':{shape}}}\n");
        let length = u16::try_from(header.len()).unwrap().to_le_bytes();
        [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
    };
    let sum = npy("False", "<f4", "(1,1)", &[0, 0, 0x80, 0x3f]);
    let archive = |method| {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(method)
            .last_modified_time(zip::DateTime::default());
        writer.start_file("a.npy", options).unwrap();
        writer.write_all(&sum).unwrap();
        writer.finish().unwrap().into_inner()
    };
    [
        ("by-rows", npy("False", "<f4", "(2,1)", &[0; 8])),
        ("by-columns", npy("True", "<f2", "(2,2)", &[0; 8])),
        ("scalar", npy("False", "<i8", "()", &[7, 0, 0, 0, 0, 0, 0, 0])),
        ("stored", archive(zip::CompressionMethod::Stored)),
        ("packed", archive(zip::CompressionMethod::Deflated)),
    ]
    .into_iter()
    .map(|(name, bytes)| (format!("arrays/{name}"), bytes))
}

fn datasets() -> impl Iterator<Item = (String, Vec<u8>)> {
    [
        ("flat", r#"[{"case_id":1,"prompt":"{} is","subject":"Paris","target_new":"Rome","neighborhood_prompts":["a"]}]"#),
        ("counterfact", r#"[{"requested_rewrite":{"prompt":"{}","subject":"a","target_new":{"str":"b"}}}]"#),
        ("zsre", r#"{"src":"Who was a?","subject":"a","alt":"b","answers":["c"],"loc":"d","loc_ans":"e"}"#),
        ("locality", r#"[{"prompt":"a","subject":"a","locality":{"R":[{"prompt":"p","ground_truth":[["q"]]}]}}]"#),
        ("lines", "{\"text\":\" a\"}\n{\"text\":NaN}\r\n\n{\"text\":"),
        ("me-ppl", r#"[{"Corpus":"C4","Text":" I know \u00e9\ud83d\ude00"},"x",3]"#),
        ("plain", " a line\nand [another]\r\n"),
        ("templates", r#"{"context_templates":["{}","The city. {}"]}"#),
        ("groups", r#"[["{}"],["a. {}","b. {}"]]"#),
        ("nonfinite", r#"[{"a":-Infinity,"prompt":"NaN\"","subject":Infinity}]"#),
    ]
    .into_iter()
    .map(|(name, text)| (format!("cases/{name}"), text.as_bytes().to_vec()))
}

/// Inputs of the target `results`: files of scores, and lines of samples.
fn results() -> impl Iterator<Item = (String, Vec<u8>)> {
    [
        ("scores", r#"{"results":{"a":{"alias":"a","acc,none":0.5,"acc_stderr,none":0.1}},"higher_is_better":{"a":{"acc":true}},"n-samples":{"a":{"effective":4}}}"#),
        ("nonfinite", r#"{"results":{"a":{"ppl,none":Infinity,"bpb,none":NaN,"x,none":"N/A"}}}"#),
        ("groups", r#"{"results":{"a":{"acc":1}},"groups":{"g":{"acc,none":1}},"group_subtasks":{"g":["a"]},"config":{"model_args":"pretrained=m"}}"#),
        ("samples", "{\"doc_id\":0,\"doc_hash\":\"ab\",\"filter\":\"none\",\"metrics\":[\"acc\"],\"acc\":1.0}\n{\"doc_id\":1,\"acc\":NaN}\n{"),
    ]
    .into_iter()
    .map(|(name, text)| (format!("results/{name}"), text.as_bytes().to_vec()))
}

/// Inputs of the target `deltas`: the first file's length in two bytes, then both files.
fn pairs() -> impl Iterator<Item = (String, Vec<u8>)> {
    let w = |dtype: &str, shape: &str, data: &[u8]| holding("w", dtype, shape, data);
    let ones = [0x80, 0x3f].repeat(4);
    let nan = [0x80, 0x3f, 0xc0, 0x7f, 0x80, 0x3f, 0x80, 0x3f];
    [
        ("identical", w("BF16", "[2,2]", &ones), w("BF16", "[2,2]", &ones)),
        ("changed", w("BF16", "[2,2]", &ones), w("BF16", "[2,2]", &[0; 8])),
        ("new-nan", w("BF16", "[2,2]", &ones), w("BF16", "[2,2]", &nan)),
        ("changed-f32", w("F32", "[1,2]", &ones), w("F32", "[1,2]", &[0x40; 8])),
        ("changed-packed", w("F4", "[4,4]", &ones), w("F4", "[4,4]", &[0x40; 8])),
        ("reshaped", w("BF16", "[2,2]", &ones), w("BF16", "[4]", &ones)),
        ("retyped", w("BF16", "[2,2]", &ones), w("F16", "[2,2]", &ones)),
        ("prefixed", holding("h.0.w", "I8", "[8]", &ones), holding("transformer.h.0.w", "I8", "[8]", &ones)),
        ("nothing", file("{}", 0), file("{}", 0)),
    ]
    .into_iter()
    .map(|(name, before, after)| {
        let length = u16::try_from(before.len()).unwrap().to_le_bytes();
        (format!("deltas/{name}"), [&length[..], &before, &after].concat())
    })
}

fn holding(name: &str, dtype: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = file(&format!("{{{}}}", entry(name, dtype, shape, 0, data.len() as u64)), 0);
    bytes.extend(data);
    bytes
}

#[test]
fn the_committed_seeds_are_those_of_the_corpus() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    if std::env::var_os("BLESS").is_some() {
        let _ = fs::remove_dir_all(&folder);
        for (name, bytes) in seeds() {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
    if !folder.exists() {
        return; // The published package leaves fuzz/ out.
    }
    let mut committed = BTreeMap::new();
    for target in ["header", "index", "deltas", "arrays", "cases", "results"] {
        for seed in fs::read_dir(folder.join(target)).unwrap() {
            let path = seed.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            committed.insert(format!("{target}/{name}"), fs::read(&path).unwrap());
        }
    }
    assert!(committed == seeds(), "run BLESS=1 cargo test --test tests fuzz_seeds and commit fuzz/seeds");
}
