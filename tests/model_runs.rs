//! What a model does besides one plain pass: attention, continuations, patches, shared prefixes; alike for any number of
//! threads, and without a panic where weights are not finite.

use std::path::{Path, PathBuf};

use collapse_diagnostics::model::{At, Model, Patch, Site, Tap};
use collapse_diagnostics::reader::{Checkpoint, IoMode, Limits};
use collapse_diagnostics::tensor::Source;
use ndarray::Array2;
use serde_json::Value;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

fn open(folder: &Path) -> Model {
    Model::open(folder, &Limits::default(), IoMode::Auto).unwrap()
}

fn oracle() -> Model {
    open(&fixtures().join("oracle"))
}

fn json(path: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(fixtures().join(path)).unwrap()).unwrap()
}

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| u32::try_from(id.as_u64().unwrap()).unwrap()).collect()
}

/// Rows of a tiny model that have at least two tokens.
fn rows_of(name: &str) -> Vec<Vec<u32>> {
    let expected = json(&format!("architectures/{name}/expected.json"));
    expected["rows"].as_array().unwrap().iter().map(ids).filter(|row| row.len() > 1).collect()
}

/// Rows of the oracle's model: the 21 contexts, each before a few subjects, cut off at places of all kinds.
fn prompts(model: &Model) -> Vec<Vec<u32>> {
    let contexts = json("oracle/contexts.json");
    let contexts = contexts["context_templates"].as_array().unwrap().clone();
    let encode = |text: &str| model.tokenizer().unwrap().encode(text).unwrap();
    let subjects = ["Benland", "Felix Tenez was", "The city of Liville is in Danany", "Porax Mini"];
    contexts
        .iter()
        .flat_map(|context| subjects.map(|subject| encode(&context.as_str().unwrap().replace("{}", subject))))
        .collect()
}

fn worst(found: &Array2<f32>, other: &Array2<f32>) -> f32 {
    assert_eq!(found.dim(), other.dim());
    found.iter().zip(other).map(|(a, b)| (a - b).abs()).fold(0.0, |most, x| if x > most { x } else { most })
}

#[test]
fn attention_to_a_position_is_that_of_transformers() {
    let runs = json("architectures/runs.json");
    for (name, run) in runs.as_object().unwrap() {
        let model = open(&fixtures().join("architectures").join(name));
        let rows = rows_of(name);
        let layers: Vec<usize> = (0..model.config().layers).collect();
        let found = model.attention_to(&rows, 1, &layers, &[]).unwrap();
        for (found, expected) in found.iter().zip(run["attention_to_1"].as_array().unwrap()) {
            let expected: Vec<f64> = expected
                .as_array()
                .unwrap()
                .iter()
                .flat_map(|row| row.as_array().unwrap())
                .flat_map(|token| token.as_array().unwrap())
                .map(|share| share.as_f64().unwrap())
                .collect();
            assert_eq!(found.len(), expected.len(), "{name}");
            for (found, expected) in found.iter().zip(expected) {
                assert!((f64::from(*found) - expected).abs() < 1e-5, "{name}: {found} for {expected}");
            }
        }
    }
}

#[test]
fn the_most_probable_continuation_is_that_of_transformers() {
    let runs = json("architectures/runs.json");
    let mut checked = 0;
    for (name, run) in runs.as_object().unwrap() {
        let Some(expected) = run["continuations"].as_array() else { continue };
        let model = open(&fixtures().join("architectures").join(name));
        let expected: Vec<Vec<u32>> = expected.iter().map(ids).collect();
        assert_eq!(model.generate(&rows_of(name), 8, 1, 0).unwrap(), expected, "{name}");
        checked += 1;
    }
    assert_eq!(checked, 7);
}

#[test]
fn a_continuation_that_is_drawn_depends_on_seed_and_row_and_not_on_other_rows() {
    let model = oracle();
    let rows: Vec<Vec<u32>> = prompts(&model).into_iter().take(6).collect();
    let all = model.generate(&rows, 5, 10, 7).unwrap();
    assert_eq!(all, model.generate(&rows, 5, 10, 7).unwrap());
    assert_ne!(all, model.generate(&rows, 5, 10, 8).unwrap());
    assert_eq!(all[..2], model.generate(&rows[..2], 5, 10, 7).unwrap());
    assert!(all.iter().all(|row| row.len() == 5));
    assert_eq!(model.generate(&[vec![1; 44]], 6, 1, 0).unwrap_err().kind(), "row-too-long");
    assert_eq!(model.generate(&[vec![1; 43]], 6, 1, 0).unwrap()[0].len(), 6);
    assert!(model.generate(&rows, 1, 0, 0).is_err());
}

#[test]
fn shared_prefixes_change_nothing_but_rounding() {
    let model = oracle();
    let rows = prompts(&model);
    let last: Vec<usize> = rows.iter().map(|row| row.len() - 1).collect();
    let taps: Vec<Tap> = [Site::Key, Site::Value, Site::Block]
        .into_iter()
        .flat_map(|site| [0, 2].map(|layer| Tap { layer, site }))
        .collect();
    let shared = model.capture(&rows, At::One(&last), &taps, &[]).unwrap();
    let every = model.capture(&rows, At::EveryToken, &taps, &[]).unwrap();
    let mut end = 0;
    let ends: Vec<usize> = rows
        .iter()
        .map(|row| {
            end += row.len();
            end - 1
        })
        .collect();
    for (shared, every) in shared.iter().zip(&every) {
        let alone = every.select(ndarray::Axis(0), &ends);
        let largest = alone.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        assert!(worst(shared, &alone) < 2e-6 * largest, "{}", worst(shared, &alone) / largest);
    }
}

#[test]
fn the_same_bits_come_out_for_one_thread_and_for_three() {
    let model = oracle();
    let rows = prompts(&model);
    let last: Vec<usize> = rows.iter().map(|row| row.len() - 1).collect();
    let taps = [Tap { layer: 2, site: Site::Key }, Tap { layer: 1, site: Site::Block }];
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let captured = model.capture(&rows, At::One(&last), &taps, &[]).unwrap();
            let bits: Vec<u32> = captured.iter().flatten().map(|x| x.to_bits()).collect();
            let nll: Vec<u64> =
                model.token_nll(&rows, &[]).unwrap().concat().into_iter().map(f64::to_bits).collect();
            (bits, nll)
        })
    };
    assert_eq!(run(1), run(3));
}

/// The oracle's model with some numbers of a tensor replaced.
fn with_numbers(tensor: &str, replace: impl Fn(usize) -> Option<f32>) -> (tempfile::TempDir, Model) {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        std::fs::copy(fixtures().join("oracle").join(file), folder.path().join(file)).unwrap();
    }
    let path = folder.path().join("model.safetensors");
    let checkpoint = Checkpoint::open(&path, &Limits::default(), IoMode::Pread).unwrap();
    let entry = checkpoint.entries()[tensor].clone();
    let mut bytes = std::fs::read(&path).unwrap();
    let start = usize::try_from(entry.offset).unwrap();
    for at in 0..usize::try_from(entry.elements).unwrap() {
        if let Some(number) = replace(at) {
            bytes[start + 4 * at..start + 4 * at + 4].copy_from_slice(&number.to_le_bytes());
        }
    }
    std::fs::write(&path, bytes).unwrap();
    let model = open(folder.path());
    (folder, model)
}

#[test]
fn weights_that_are_not_finite_give_nan_and_no_panic() {
    for number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let (_folder, model) =
            with_numbers("transformer.h.1.mlp.c_fc.weight", |at| (at % 7 == 0).then_some(number));
        let rows: Vec<Vec<u32>> = prompts(&model).into_iter().take(5).collect();
        let nll = model.token_nll(&rows, &[]).unwrap().concat();
        assert!(nll.iter().all(|nll| nll.is_nan()), "{number}: {nll:?}");
        let taps = [Tap { layer: 0, site: Site::Key }, Tap { layer: 2, site: Site::Key }];
        let found = model.capture(&rows, At::EveryToken, &taps, &[]).unwrap();
        assert!(found[0].iter().all(|x| x.is_finite()));
        assert!(found[1].iter().all(|x| x.is_nan()));
        assert_eq!(model.generate(&rows, 2, 3, 0).unwrap().len(), 5);
        assert!(model.attention_to(&rows, 0, &[2], &[]).unwrap()[0].iter().all(|x| x.is_nan()));
    }
}

#[test]
fn another_position_embedding_is_a_model_with_that_row_replaced() {
    let model = oracle();
    let rows = prompts(&model);
    let d = model.config().hidden_size;
    let table = Checkpoint::open(&fixtures().join("oracle"), &Limits::default(), IoMode::Mmap).unwrap();
    let entry = table.entries()["transformer.wpe.weight"].clone();
    let mut scratch = Vec::new();
    let bytes = table.read(&entry, 0, usize::try_from(entry.bytes).unwrap(), &mut scratch).unwrap();
    let number = |at: usize| f32::from_le_bytes(bytes[4 * at..4 * at + 4].try_into().unwrap());
    let (_folder, other) = with_numbers("transformer.wpe.weight", |at| (at < d).then(|| number(d + at)));
    let patch = [Patch::PositionEmbedding { position: 0, by: 1 }];
    assert_eq!(model.token_nll(&rows, &patch).unwrap(), other.token_nll(&rows, &[]).unwrap());
    let last: Vec<usize> = rows.iter().map(|row| row.len() - 1).collect();
    let taps = [Tap { layer: 1, site: Site::Key }];
    let found = model.capture(&rows, At::One(&last), &taps, &patch).unwrap();
    let plain = model.capture(&rows, At::One(&last), &taps, &[]).unwrap();
    assert_eq!(found, other.capture(&rows, At::One(&last), &taps, &[]).unwrap());
    assert!(worst(&found[0], &plain[0]) > 0.1);
    assert!(model.token_nll(&rows, &[Patch::PositionEmbedding { position: 48, by: 0 }]).is_err());
}

#[test]
fn noise_that_is_the_difference_of_two_tokens_makes_one_of_the_other() {
    let model = oracle();
    let block = [Tap { layer: 2, site: Site::Block }];
    let (one, other) = (vec![vec![9], vec![5, 280, 11, 4]], vec![vec![9], vec![5, 1210, 11, 4]]);
    let table = Checkpoint::open(&fixtures().join("oracle"), &Limits::default(), IoMode::Mmap).unwrap();
    let entry = table.entries()["transformer.wte.weight"].clone();
    let mut scratch = Vec::new();
    let bytes = table.read(&entry, 0, usize::try_from(entry.bytes).unwrap(), &mut scratch).unwrap();
    let number = |at: usize| f32::from_le_bytes(bytes[4 * at..4 * at + 4].try_into().unwrap());
    let d = model.config().hidden_size;
    let noise = vec![(1, 1, (0..d).map(|at| number(1210 * d + at) - number(280 * d + at)).collect())];
    let found = model.capture(&one, At::EveryToken, &block, &[Patch::Embedding { noise }]).unwrap();
    let expected = model.capture(&other, At::EveryToken, &block, &[]).unwrap();
    assert!(worst(&found[0], &expected[0]) < 1e-4);
    assert!(worst(&found[0], &model.capture(&one, At::EveryToken, &block, &[]).unwrap()[0]) > 0.1);
}

#[test]
fn a_state_that_is_put_back_undoes_what_noise_did_behind_it() {
    let model = oracle();
    let rows = vec![vec![5_u32, 7, 11, 4], vec![9, 3]];
    let last = [Tap { layer: 2, site: Site::Block }];
    let clean = model.capture(&rows, At::EveryToken, &last, &[]).unwrap();
    let states = model.capture(&rows, At::EveryToken, &[Tap { layer: 1, site: Site::Block }], &[]).unwrap();
    let d = model.config().hidden_size;
    let noise = Patch::Embedding { noise: vec![(0, 0, vec![0.5; d]), (1, 1, vec![-0.5; d])] };
    let noisy = model.capture(&rows, At::EveryToken, &last, std::slice::from_ref(&noise)).unwrap();
    assert!(worst(&noisy[0], &clean[0]) > 0.1);
    let starts = [0, 4];
    let state = |row: usize, position: usize| (row, position, states[0].row(starts[row] + position).to_vec());
    let all = (0..4).map(|at| state(0, at)).chain((0..2).map(|at| state(1, at))).collect();
    let restore = Patch::Restore { tap: Tap { layer: 1, site: Site::Block }, states: all };
    assert_eq!(model.capture(&rows, At::EveryToken, &last, &[noise, restore]).unwrap(), clean);
}

#[test]
fn what_is_added_to_a_value_is_added_to_the_block() {
    let model = oracle();
    let rows = vec![vec![5_u32, 7, 11, 4], vec![9, 3], vec![2, 2, 2]];
    let d = model.config().hidden_size;
    let numbers: Vec<f32> = (0..d).map(|at| (at as f32).sin()).collect();
    let vector = candle_core::Tensor::new(numbers.as_slice(), &candle_core::Device::Cpu).unwrap();
    let add = |site| {
        let positions = vec![Some(2), None, Some(0)];
        vec![Patch::Add { tap: Tap { layer: 1, site }, positions, vector: vector.clone() }]
    };
    let block = [Tap { layer: 1, site: Site::Block }];
    let run = |patches: &[Patch]| model.capture(&rows, At::EveryToken, &block, patches).unwrap().remove(0);
    let (plain, at_value) = (run(&[]), run(&add(Site::Value)));
    assert!(worst(&at_value, &run(&add(Site::Block))) < 1e-5);
    for (at, (plain, changed)) in plain.outer_iter().zip(at_value.outer_iter()).enumerate() {
        for ((plain, changed), number) in plain.iter().zip(changed).zip(&numbers) {
            let added = if at == 2 || at == 6 { *number } else { 0.0 };
            assert!((changed - plain - added).abs() < 1e-5, "token {at}");
        }
    }
    assert!(model.capture(&rows, At::EveryToken, &block, &add(Site::Key)).is_err());
    let short = vec![Patch::Add { tap: block[0], positions: vec![Some(0)], vector }];
    assert!(model.capture(&rows, At::EveryToken, &block, &short).is_err());
}
