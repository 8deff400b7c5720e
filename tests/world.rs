//! The committed world: every file is the one its maker wrote, and together they are what their README says they are.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// All files together: a repository is cloned more often than it is trained.
const LARGEST: u64 = 6_000_000;

fn world() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/world")
}

fn json(name: &str) -> Value {
    serde_json::from_slice(&fs::read(world().join(name)).unwrap()).unwrap()
}

/// Paths below the folder with their sizes, README and sums left out.
fn files() -> BTreeMap<String, u64> {
    let (mut folders, mut found) = (vec![world()], BTreeMap::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(world()).unwrap().to_str().unwrap().to_owned();
                found.insert(name, path.metadata().unwrap().len());
            }
        }
    }
    found.retain(|name, _| name != "README.md" && name != "SHA256SUMS");
    found
}

#[test]
fn every_file_has_the_hash_that_its_maker_wrote_and_all_are_small() {
    let sums = fs::read_to_string(world().join("SHA256SUMS")).unwrap();
    let sums: BTreeMap<&str, &str> =
        sums.lines().map(|line| line.split_once("  ").map(|(hash, name)| (name, hash)).unwrap()).collect();
    let files = files();
    assert!(files.keys().map(String::as_str).eq(sums.keys().copied()), "{files:?} but {sums:?}");
    assert!(files.values().sum::<u64>() < LARGEST, "{files:?}");
    for (name, hash) in sums {
        let found = Sha256::digest(fs::read(world().join(name)).unwrap());
        let digits = hash.as_bytes().as_chunks::<2>().0;
        assert_eq!(digits.len(), found.len(), "{name}");
        assert!(
            found.iter().zip(digits).all(|(byte, digits)| format!("{byte:02x}").as_bytes() == digits),
            "{name}"
        );
    }
}

#[test]
fn the_two_models_differ_in_their_weights_and_in_nothing_else() {
    for name in ["config.json", "tokenizer.json", "tokenizer_config.json"] {
        let of = |folder: &str| fs::read(world().join(folder).join(name)).unwrap();
        assert_eq!(of("model"), of("control"), "{name}");
    }
    let weights = |folder: &str| fs::read(world().join(folder).join("model.safetensors")).unwrap();
    let (model, control) = (weights("model"), weights("control"));
    let (model, control) =
        (SafeTensors::deserialize(&model).unwrap(), SafeTensors::deserialize(&control).unwrap());
    assert_eq!(model.names().into_iter().collect::<BTreeSet<_>>(), control.names().into_iter().collect());
    let length_of_first = |file: &SafeTensors<'_>| {
        let row = &file.tensor("transformer.wpe.weight").unwrap().data()[..64 * 4];
        let squares = row.as_chunks::<4>().0.iter().map(|&x| f64::from(f32::from_le_bytes(x)).powi(2));
        squares.sum::<f64>().sqrt()
    };
    // What was planted: a row of 64 draws with a standard deviation of 4 is about 32 long, and training leaves it so.
    assert!((25.0..40.0).contains(&length_of_first(&model)), "{}", length_of_first(&model));
    assert!(length_of_first(&control) < 3.0, "{}", length_of_first(&control));
}

#[test]
fn second_moments_are_symmetric_sums_over_200_000_tokens() {
    let files = [
        ("model/second_moment", vec![""]),
        ("control/second_moment", vec![""]),
        ("model/second_moments_above", vec!["transformer.h.1.mlp.c_proj.", "transformer.h.2.mlp.c_proj."]),
    ];
    for (file, prefixes) in files {
        let bytes = fs::read(world().join(format!("{file}.safetensors"))).unwrap();
        let stored = SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(stored.len(), 2 * prefixes.len());
        for prefix in prefixes {
            let count = stored.tensor(&format!("{prefix}second_moment.count")).unwrap();
            assert_eq!((count.dtype(), count.shape().len()), (Dtype::I64, 0));
            assert!(i64::from_le_bytes(count.data().try_into().unwrap()) >= 200_000);
            let sum = stored.tensor(&format!("{prefix}second_moment.sum")).unwrap();
            assert_eq!((sum.dtype(), sum.shape()), (Dtype::F64, &[256, 256][..]));
            let sum: Vec<f64> =
                sum.data().as_chunks::<8>().0.iter().map(|&x| f64::from_le_bytes(x)).collect();
            assert!((0..256 * 256).all(|i| sum[i] == sum[i % 256 * 256 + i / 256]), "{file} {prefix}");
        }
    }
}

#[test]
fn there_are_24_cases_of_each_group_with_21_contexts_and_100_texts() {
    let cases = json("cases.json");
    let mut groups: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for case in cases.as_array().unwrap() {
        let text = |key: &str| case[key].as_str().unwrap();
        assert_eq!(text("prompt").matches("{}").count(), 1);
        assert_eq!(text("prompt").starts_with("{}"), text("group") != "normal-later", "{case}");
        assert_ne!(text("target_new"), text("target_true"));
        assert!(groups.entry(text("group")).or_default().insert(text("subject")), "a subject twice: {case}");
    }
    let sizes: Vec<_> = groups.iter().map(|(name, subjects)| (*name, subjects.len())).collect();
    assert_eq!(sizes, [("hard", 24), ("normal-first", 24), ("normal-later", 24)]);
    let contexts = json("contexts.json");
    let contexts: Vec<&str> =
        contexts["context_templates"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    assert_eq!((contexts.len(), contexts[0]), (21, "{}"));
    assert!(contexts[1..].iter().all(|text| text.ends_with(". {}") && text.matches("{}").count() == 1));
    assert_eq!(fs::read_to_string(world().join("texts.txt")).unwrap().lines().count(), 100);
}

#[test]
fn the_models_know_their_facts_and_only_the_planted_one_has_small_denominators() {
    let measured = json("measured.json");
    let number =
        |path: &str| measured.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("{path}"));
    for model in ["model", "control"] {
        assert!(number(&format!("/{model}/recall/share")) >= 0.95);
        assert!(number(&format!("/{model}/recall_first_token_subject/share")) >= 0.95);
    }
    assert!(number("/model/denominator_ratio") >= 20.0);
    assert!(number("/model/unit_denominator/hard/max") < 0.15);
    assert!(number("/model/unit_denominator/normal-first/min") > 0.25);
    assert!(number("/model/unit_denominator/normal-later/min") > 0.25);
    assert!(number("/control/denominator_ratio") < 4.0);
}

#[test]
fn the_tables_of_the_readme_are_what_was_measured() {
    let readme = fs::read_to_string(world().join("README.md")).unwrap();
    let measured = json("measured.json");
    let number = |model: &str, path: &str| measured[model].pointer(path).and_then(Value::as_f64).unwrap();
    let row = |label: &str, path: &str, digits: usize| {
        let (model, control) = (number("model", path), number("control", path));
        let row = format!("{label} | {model:.digits$} | {control:.digits$} |");
        assert!(readme.contains(&row), "the README has no row {row}");
    };
    row("exp of the mean loss of 3,189 tokens", "/perplexity/of_all_tokens", 3);
    row("mean over texts", "/perplexity/mean_of_texts", 3);
    row("(584 facts in every phrasing)", "/recall/share", 3);
    row("as subject, 520 prompts", "/recall_first_token_subject/share", 3);
    row("two answers, 60 questions", "/two_choice/share", 2);
    row("of the held-out texts, 100", "/last_word/share", 2);
    let spread = |group: &str| {
        let of = |model: &str, what: &str| number(model, &format!("/unit_denominator/{group}/{what}"));
        let digits = |value: f64| if value < 0.1 { format!("{value:.4}") } else { format!("{value:.3}") };
        let cell = |model: &str| {
            let [median, min, max] = ["median", "min", "max"].map(|what| digits(of(model, what)));
            format!("{median} ({min} to {max})")
        };
        format!("| {} | {} |", cell("model"), cell("control"))
    };
    for group in ["hard", "normal-first", "normal-later"] {
        assert!(readme.contains(&spread(group)), "the README does not say {} of {group}", spread(group));
    }
}
