//! Perplexity, second moments and first-token statistics against `transformers` in float64, `NumPy` and `SciPy`
//! (`fixtures/make/measures_expected.py`), and an interrupted sum.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use collapse_diagnostics::compute::CPU;
use collapse_diagnostics::evaluate::{self, EvaluateError, Perplexity, Scoring};
use collapse_diagnostics::keys::first_token::{self, FirstToken, FirstTokenPlan, Measurement, Standing};
use collapse_diagnostics::keys::{MomentError, MomentPlan, Moments};
use collapse_diagnostics::model::{Model, Site};
use collapse_diagnostics::reader::{IoMode, Limits, SecondMoment, read_texts};
use serde_json::Value;
use tempfile::TempDir;

use crate::runner::{Ran, diagnose, finish, names, program};

/// What f32 arithmetic may add to a mean NLL, in nats or, above one nat, relative to it.
const F32: f64 = 1e-5;

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(path)
}

fn expected() -> Value {
    serde_json::from_str(&fs::read_to_string(fixture("measures/expected.json")).unwrap()).unwrap()
}

fn texts() -> Vec<String> {
    let rows = read_texts(&fixture("oracle/texts.txt")).unwrap();
    rows.into_iter().map(|row| row.unwrap().text).collect()
}

fn open(path: &Path) -> Model {
    Model::open(path, &Limits::default(), IoMode::Auto).unwrap()
}

/// A folder with the oracle's configuration and tokenizer, and other weights.
fn with_weights(weights: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "tokenizer.json"] {
        fs::copy(fixture("oracle").join(file), folder.path().join(file)).unwrap();
    }
    let weights = fixture("oracle").join(format!("{weights}.safetensors"));
    fs::copy(weights, folder.path().join("model.safetensors")).unwrap();
    folder
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

#[track_caller]
fn close(what: &str, found: f64, expected: &Value, bound: f64) {
    let expected = number(expected);
    let error = (found - expected).abs() / expected.abs().max(1e-3);
    assert!(error <= bound, "{what}: found {found:e}, expected {expected:e}, off by {error:e}");
}

fn measured(model: &Model, scoring: Scoring) -> Perplexity {
    evaluate::perplexity(model, &texts(), scoring, |_| {}).unwrap()
}

#[track_caller]
fn check_perplexity(what: &str, found: &Perplexity, expected: &Value) {
    let summary = &found.summary;
    assert_eq!(summary.tokens as u64, expected["tokens"].as_u64().unwrap(), "{what}");
    for (field, found) in [
        ("mean_nll", summary.mean_nll),
        ("perplexity", summary.perplexity),
        ("mean_of_text_perplexities", summary.mean_of_text_perplexities),
        ("median", summary.median),
        ("max", summary.max),
        ("standard_error", summary.standard_error.unwrap()),
    ] {
        close(&format!("{what} {field}"), found, &expected[field], 2.0 * F32);
    }
    let per_text = expected["mean_nll_per_text"].as_array().unwrap();
    assert_eq!(found.texts.len(), per_text.len());
    for (text, expected) in found.texts.iter().zip(per_text) {
        let error = (text.mean_nll.unwrap() - number(expected)).abs();
        assert!(error <= F32 * number(expected).max(1.0), "{what}: {text:?} is not {expected}");
    }
}

#[test]
fn both_means_and_every_text_are_what_transformers_finds_before_and_after_edits() {
    let expected = expected();
    let models = expected["perplexity"].as_object().unwrap();
    assert_eq!(models.len(), 4);
    let base = measured(&open(&fixture("oracle")), Scoring::default());
    for (name, values) in models {
        let folder = with_weights(name);
        let found = measured(&open(folder.path()), Scoring::default());
        check_perplexity(name, &found, values);
        let paired = evaluate::compare(&found, &base, 10_000, 5).unwrap();
        let Some(expected) = expected["paired"].get(name) else {
            assert_eq!(paired.mean_delta_nll, 0.0, "{name} against itself");
            continue;
        };
        let inference = paired.inference.unwrap();
        close("Δ", paired.mean_delta_nll, &expected["mean_delta_nll"], 1e-4);
        close("log ratio", paired.log_ratio, &expected["log_ratio"], 1e-4);
        let p = number(&expected["p_value"]);
        assert!((inference.p_value / p - 1.0).abs() < 0.02, "{name}: p {:e} {p:e}", inference.p_value);
        let width = number(&expected["t_ci"][1]) - number(&expected["t_ci"][0]);
        for (found, method, end, noise) in [
            (inference.student.low, "t_ci", 0, 1e-3),
            (inference.student.high, "t_ci", 1, 1e-3),
            (inference.bootstrap.low, "bca", 0, 0.05),
            (inference.bootstrap.high, "bca", 1, 0.05),
        ] {
            let off = (found - number(&expected[method][end])).abs() / width;
            assert!(off < noise, "{name} {method}[{end}]: {found} {}", expected[method][end]);
        }
    }
}

#[test]
fn a_first_token_a_cut_and_sliding_windows_score_what_transformers_scores() {
    let (model, expected) = (open(&fixture("oracle")), expected());
    let bos = measured(&model, Scoring { bos: true, ..Scoring::default() });
    check_perplexity("bos", &bos, &expected["bos"]);
    assert_eq!((bos.protocol.bos, bos.summary.truncated_texts > 0), (Some(0), true));
    let cut = measured(&model, Scoring { window: Some(16), ..Scoring::default() });
    check_perplexity("cut", &cut, &expected["cut_to_16"]);
    let sliding = measured(&model, Scoring { window: Some(16), stride: Some(6), ..Scoring::default() });
    check_perplexity("sliding", &sliding, &expected["window_16_stride_6"]);
    assert_eq!(sliding.summary.truncated_texts, 0);
    let refused = evaluate::compare(&cut, &sliding, 100, 0);
    assert!(matches!(refused, Err(EvaluateError::ProtocolsDiffer { .. })));
}

#[test]
fn a_scoring_that_does_not_fit_the_model_is_refused_with_what_would() {
    let model = open(&fixture("oracle"));
    let refused = |window, stride| {
        let scoring = Scoring { window, stride, ..Scoring::default() };
        evaluate::perplexity(&model, &["The people"], scoring, |_| {}).unwrap_err().to_string()
    };
    assert!(refused(Some(49), None).ends_with("a window of 49 tokens, the model takes 2 to 48"));
    assert!(refused(Some(1), None).ends_with("a window of 1 tokens, the model takes 2 to 48"));
    assert!(refused(Some(8), Some(8)).starts_with("a stride of 8 tokens in windows of 8"));
    assert!(refused(None, Some(0)).starts_with("a stride of 0 tokens in windows of 48"));
}

#[test]
fn texts_that_cannot_be_scored_are_rows_and_only_all_of_them_are_an_error() {
    let model = open(&fixture("oracle"));
    let score = |texts: &[&str]| evaluate::perplexity(&model, texts, Scoring::default(), |_| {});
    let summary = score(&["", ".", "The people of Benland speak Morish."]).unwrap().summary;
    assert_eq!((summary.empty_texts, summary.one_token_texts, summary.scored_texts), (1, 1, 1));
    assert!(matches!(score(&["", "."]), Err(EvaluateError::NothingScored { texts: 2, .. })));
}

#[test]
fn second_moments_are_those_of_numpy_with_the_first_position_and_without() {
    let (model, texts, expected) = (open(&fixture("oracle")), texts(), expected());
    for skip_first in [false, true] {
        let plan = MomentPlan { layers: vec![2, 0], skip_first };
        let mut moments = Moments::begin(&model, &texts, &plan).unwrap();
        while moments.advance(&model, &texts, &CPU).unwrap() {}
        moments.mirror().unwrap();
        for found in &moments.layers {
            let expected = expected["moments"].as_array().unwrap().iter().find(|expected| {
                expected["layer"] == found.layer as u64 && expected["skip_first"] == skip_first
            });
            let expected = expected.unwrap();
            assert_eq!(found.count, expected["count"].as_u64().unwrap());
            let norm = number(&expected["frobenius"]);
            let probe: Vec<f64> = (0..256).map(|i| f64::from(i).cos()).collect();
            let product = found.sum.dot(&ndarray::Array1::from(probe));
            for i in 0..256 {
                let diagonal = (found.sum[(i, i)] - number(&expected["diagonal"][i])).abs();
                let product = (product[i] - number(&expected["probe"][i])).abs();
                assert!(diagonal < F32 * norm && product < F32 * norm, "layer {}: {i}", found.layer);
            }
            close("‖S‖", found.sum.iter().map(|x| x * x).sum::<f64>().sqrt(), &expected["frobenius"], F32);
        }
    }
}

#[test]
fn a_plan_that_cannot_be_is_refused_before_a_text_is_run() {
    let (model, texts) = (open(&fixture("oracle")), ["The people"]);
    let begin =
        |layers| Moments::begin(&model, &texts, &MomentPlan { layers, skip_first: false }).unwrap_err();
    assert!(begin(vec![3]).to_string().ends_with("there is no layer 3; it has layers 0 to 2"));
    assert!(matches!(begin(vec![]), MomentError::Layers));
    assert!(matches!(begin(vec![1, 1]), MomentError::Layers));
    let plan = MomentPlan { layers: vec![0], skip_first: false };
    let mut nothing = Moments::begin(&model, &[""], &plan).unwrap();
    while nothing.advance(&model, &[""], &CPU).unwrap() {}
    assert!(matches!(nothing.mirror(), Err(MomentError::NoTokens { texts: 1 })));
}

/// A folder with enough texts that a run takes many batches.
fn long_run() -> (TempDir, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let corpus = folder.path().join("texts.txt");
    fs::write(&corpus, fs::read_to_string(fixture("oracle/texts.txt")).unwrap().repeat(12)).unwrap();
    let [model, corpus] = [fixture("oracle"), corpus].map(|path| path.to_string_lossy().into_owned());
    let args = ["moments", "--model", &model, "--texts", &corpus, "--layer", "0", "1", "--save-every", "2"];
    (folder, args.map(str::to_owned).to_vec())
}

fn sum_into(folder: &Path, args: &[String], file: &str, more: &[&str]) -> Ran {
    let path = folder.join(file).to_string_lossy().into_owned();
    let args: Vec<&str> =
        args.iter().map(String::as_str).chain(["-o", &path]).chain(more.iter().copied()).collect();
    diagnose(&args)
}

#[test]
fn a_sum_that_was_killed_and_resumed_has_the_bytes_of_one_that_was_not() {
    let (folder, args) = long_run();
    let at = |file: &str| folder.path().join(file);
    let whole = sum_into(folder.path(), &args, "whole.safetensors", &["--threads", "2"]);
    assert_eq!(whole.code, Some(0), "{}", whole.stderr);

    let killed = at("killed.safetensors").to_string_lossy().into_owned();
    let args_killed: Vec<&str> = args.iter().map(String::as_str).chain(["-o", &killed]).collect();
    let mut child = program(&args_killed).stdout(std::process::Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while !at("killed.safetensors.part").exists() {
        assert!(started.elapsed() < Duration::from_secs(120), "no state was saved");
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!at("killed.safetensors").exists(), "it ended before it could be killed");
    // What was saved is a file of second moments itself.
    let part = read(&at("killed.safetensors.part"));
    assert!(part.count > 0 && part.count < read(&at("whole.safetensors")).count, "{}", part.count);

    let other = sum_into(folder.path(), &args, "killed.safetensors", &["--resume", "--skip-first"]);
    assert_eq!(other.code, Some(2));
    assert!(other.stderr.contains("it cannot be continued"), "{}", other.stderr);

    let resumed = sum_into(folder.path(), &args, "killed.safetensors", &["--resume", "--threads", "1"]);
    assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
    assert!(fs::read(at("killed.safetensors")).unwrap() == fs::read(at("whole.safetensors")).unwrap());
    let left: Vec<String> = names(folder.path()).into_iter().filter(|name| name.contains("part")).collect();
    assert_eq!(left, [""; 0], "the state is removed at the end");
}

fn read(path: &Path) -> SecondMoment {
    SecondMoment::read(path, Some("transformer.h.1.mlp.c_proj"), &Limits::default(), IoMode::Auto).unwrap()
}

#[test]
fn too_few_tokens_are_warned_of_and_a_missing_output_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let model = fixture("oracle").to_string_lossy().into_owned();
    let texts = fixture("oracle/texts.txt").to_string_lossy().into_owned();
    let args: Vec<String> =
        ["moments", "--model", &model, "--texts", &texts, "--layer", "1", "--samples", "3"]
            .map(str::to_owned)
            .to_vec();
    let ran = sum_into(folder.path(), &args, "few.safetensors", &["--format", "json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&report["schema"], &report["texts"]), (&"diagnose.moments/1".into(), &3.into()));
    assert_eq!(report["layers"][0]["singular"], true);
    assert_eq!(read(&folder.path().join("few.safetensors")).documents, Some(3));
    let table = sum_into(folder.path(), &args, "few.safetensors", &[]);
    assert!(table.stdout.contains("fewer keys than dimensions"), "{}", table.stdout);
    let refused = finish(&mut program(&args.iter().map(String::as_str).collect::<Vec<_>>()));
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("add -o FILE.safetensors"), "{}", refused.stderr);
}

fn first_tokens(path: &Path, plan: &FirstTokenPlan) -> FirstToken {
    first_token::measure(&open(path), &texts(), plan, &CPU, |_, _| {}).unwrap()
}

fn site(measurement: &Measurement) -> &'static str {
    match measurement.site.unwrap() {
        Site::Key => "key",
        Site::Value => "value",
        Site::Attention => "attention",
        Site::Block => "block",
    }
}

#[test]
fn first_tokens_are_what_numpy_finds_with_positions_as_they_are_and_swapped() {
    let expected = expected();
    let plan = FirstTokenPlan { swap_positions: true, ..FirstTokenPlan::default() };
    let found = first_tokens(&fixture("oracle"), &plan);
    let measurements = expected["first_token"]["measurements"].as_array().unwrap();
    assert_eq!((found.measurements.len(), measurements.len()), (18, 18));
    for expected in measurements {
        let is_it = |m: &&Measurement| {
            let swap = m.swap.map(|swap| serde_json::json!({"position": swap.position, "by": swap.by}));
            Some(m.layer.unwrap() as u64) == expected["layer"].as_u64()
                && site(m) == expected["site"]
                && m.position as u64 == expected["position"]
                && swap.unwrap_or(Value::Null) == expected["swap"]
        };
        let measurement = found.measurements.iter().find(is_it).unwrap();
        let separation = measurement.found.as_ref().unwrap();
        let what = format!("{measurement:?}");
        for (field, found) in [
            ("first_tokens", separation.first_tokens as f64),
            ("later_tokens", separation.later_tokens as f64),
            ("first_norm", separation.first_norm),
            ("later_norm", separation.later_norm),
            ("norm_ratio", separation.norm_ratio),
            ("first_cosine", separation.first_cosine),
            ("later_cosine", separation.later_cosine),
            ("mutual_cosine", separation.mutual_cosine),
            ("first_mahalanobis", separation.mahalanobis.first_mean),
            ("first_mahalanobis_min", separation.mahalanobis.first_min),
            ("later_mahalanobis", separation.mahalanobis.later_mean),
            ("later_mahalanobis_p99", separation.mahalanobis.later_p99),
            ("auroc", separation.mahalanobis.auroc),
            ("principal_auroc", separation.principal.auroc),
            ("principal_explained_variance", separation.principal.explained_variance),
        ] {
            close(&format!("{field} of {what}"), found, &expected[field], 1e-4);
        }
    }
}

#[test]
fn massive_activations_and_attention_are_what_transformers_finds() {
    let expected = &expected()["first_token"];
    let found = first_tokens(&fixture("oracle"), &FirstTokenPlan::default());
    for (found, expected) in found.massive.iter().zip(expected["massive"].as_array().unwrap()) {
        close("median", found.median, &expected["median"], 1e-4);
        close("first", found.first_max, &expected["first_max"], 1e-4);
        close("later", found.later_max, &expected["later_max"], 1e-4);
        assert_eq!(serde_json::json!(found.dimensions), expected["dimensions"]);
        assert!(!found.massive);
    }
    for (found, expected) in found.attention.iter().zip(expected["attention"].as_array().unwrap()) {
        close("mean", found.mean, &expected["mean"], 1e-4);
        close("head", found.head_mean, &expected["head_mean"], 1e-4);
        close("uniform", found.uniform, &expected["uniform"], 1e-12);
        assert_eq!(found.head as u64, expected["head"]);
    }
    assert_eq!((found.massive.len(), found.attention.len()), (3, 3));
    assert_eq!((found.verdict.standing, found.verdict.layers.as_slice()), (Standing::Apart, &[0][..]));
}

#[test]
fn the_anomaly_goes_with_the_position_and_not_with_the_token() {
    let plan = FirstTokenPlan { layers: vec![0], swap_positions: true, ..FirstTokenPlan::default() };
    let found = first_tokens(&fixture("oracle"), &plan);
    let key = |position, swapped| {
        let is_it = |m: &&Measurement| {
            m.site == Some(Site::Key) && m.position == position && m.swap.is_some() == swapped
        };
        found.measurements.iter().find(is_it).unwrap().found.clone().unwrap()
    };
    let standing = |position, swapped| Standing::of(&key(position, swapped));
    assert_eq!((standing(0, false), standing(1, false)), (Standing::Apart, Standing::Alike));
    assert_eq!((standing(0, true), standing(1, true)), (Standing::Separable, Standing::Apart));
}

/// A random model of some architecture with a tokenizer of its kind: rows of the embedding are repeated until there are
/// enough of them.
fn with_tokenizer(architecture: &str, tokenizer: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let from = fixture("architectures").join(architecture);
    let mut config: Value = serde_json::from_slice(&fs::read(from.join("config.json")).unwrap()).unwrap();
    let small = usize::try_from(config["vocab_size"].as_u64().unwrap()).unwrap();
    let large = 500;
    config["vocab_size"] = large.into();
    fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let bytes = fs::read(from.join("model.safetensors")).unwrap();
    let weights = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let repeated = weights.tensors().into_iter().map(|(name, tensor)| {
        let (mut shape, mut data) = (tensor.shape().to_vec(), tensor.data().to_vec());
        if shape.first() == Some(&small) {
            let row = data.len() / small;
            shape[0] = large;
            data = data.iter().copied().cycle().take(row * large).collect();
        }
        (name, shape, data, tensor.dtype())
    });
    let repeated: Vec<_> = repeated.collect();
    let views = repeated.iter().map(|(name, shape, data, dtype)| {
        (name, safetensors::tensor::TensorView::new(*dtype, shape.clone(), data).unwrap())
    });
    let written = safetensors::serialize(views, None).unwrap();
    fs::write(folder.path().join("model.safetensors"), written).unwrap();
    fs::copy(
        fixture("tokenizers").join(tokenizer).join("tokenizer.json"),
        folder.path().join("tokenizer.json"),
    )
    .unwrap();
    folder
}

#[test]
fn special_tokens_stay_in_place_and_are_measured_apart() {
    let texts = ["the mother tongue", "danielle spoke french", "toko plays the guitar"];
    let measure = |architecture, tokenizer, plan: &FirstTokenPlan| {
        let folder = with_tokenizer(architecture, tokenizer);
        first_token::measure(&open(folder.path()), &texts, plan, &CPU, |_, _| {})
    };
    let positions = |found: &FirstToken| {
        let keys = found.measurements.iter().filter(|m| m.layer == Some(0) && m.site == Some(Site::Key));
        keys.map(|m| (m.position, m.special)).collect::<Vec<_>>()
    };
    let plan = FirstTokenPlan::default();
    let bert = measure("bert", "bert", &plan).unwrap();
    assert_eq!((bert.leading_special, positions(&bert)), (1, vec![(1, false), (0, true)]));
    let tokens = bert.measurements[0].found.as_ref().unwrap();
    // [CLS] and [SEP] of three texts are neither first nor later.
    assert_eq!(tokens.first_tokens + tokens.later_tokens, bert.tokens - 6);
    let llama = measure("llama-tied", "llama", &plan).unwrap();
    assert_eq!((llama.leading_special, positions(&llama)), (1, vec![(1, false), (0, true)]));
    let t5 = measure("t5-relu", "t5", &plan).unwrap();
    assert_eq!((t5.leading_special, positions(&t5)), (0, vec![(0, false)]));
    let tokens = t5.measurements[0].found.as_ref().unwrap();
    assert_eq!(tokens.first_tokens + tokens.later_tokens, t5.tokens - 3);
    let bare = FirstTokenPlan { without_special: true, ..FirstTokenPlan::default() };
    let bare = measure("bert", "bert", &bare).unwrap();
    assert_eq!((bare.tokens, positions(&bare)), (bert.tokens - 6, vec![(0, false)]));
    // A causal model gives BOS one key whatever follows; an encoder looks at all of the text.
    let special = |found: &FirstToken| {
        let is_it = |m: &&Measurement| m.special && m.layer == Some(1);
        found.measurements.iter().find(is_it).unwrap().found.as_ref().unwrap().mutual_cosine
    };
    assert!(special(&llama) > 1.0 - 1e-6 && special(&bert) < 1.0 - 1e-6, "{}", special(&bert));

    let swap = FirstTokenPlan { swap_positions: true, ..FirstTokenPlan::default() };
    let swapped = measure("bert", "bert", &swap).unwrap();
    assert!(swapped.measurements.iter().any(|m| m.swap.is_some_and(|s| (s.position, s.by) == (2, 1))));
    for (architecture, tokenizer) in [("t5-relu", "t5"), ("llama-tied", "llama")] {
        let refused = measure(architecture, tokenizer, &swap).unwrap_err().to_string();
        assert!(
            refused.ends_with("positions cannot be swapped, it has no learned position embeddings"),
            "{refused}"
        );
    }
}

#[test]
fn first_tokens_that_cannot_be_measured_are_refused_with_what_is_needed() {
    let model = open(&fixture("oracle"));
    let measure = |texts: &[&str], layers| {
        let plan = FirstTokenPlan { layers, ..FirstTokenPlan::default() };
        first_token::measure(&model, texts, &plan, &CPU, |_, _| {}).unwrap_err().to_string()
    };
    assert!(
        measure(&["The people", "The city"], vec![3]).ends_with("there is no layer 3; it has layers 0 to 2")
    );
    let few = measure(&["The people", "", "."], vec![]);
    assert!(
        few.ends_with("1 of 3 texts have the 2 tokens that are needed; two such texts are the least"),
        "{few}"
    );
}

#[test]
fn the_commands_refuse_and_count_what_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let texts = folder.path().join("texts.jsonl");
    fs::write(&texts, "{\"text\": \"The people of Benland\"}\n{\"text\": 7}\n{\"text\": \"\"}\n").unwrap();
    let [model, texts] = [fixture("oracle"), texts].map(|path| path.to_string_lossy().into_owned());
    let ran =
        diagnose(&["perplexity", "--model", &model, "--texts", &texts, "--per-text", "--format", "json"]);
    // The record that is no text fails the run, and stops nothing.
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("record 1") && ran.stderr.contains("1 of 3 records could not be used"),
        "{}",
        ran.stderr
    );
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&report["bad_records"], &report["models"][0]["empty_texts"]), (&1.into(), &1.into()));
    assert_eq!(report["models"][0]["texts_detail"][1]["index"], 2);
    for (args, said) in [
        (vec!["perplexity", "--texts", &texts], "--model"),
        (vec!["perplexity", "--model", &model, "--texts", "/no/such/file"], "/no/such/file"),
        (vec!["perplexity", "--model", "/no/such/model", "--texts", &texts], "/no/such/model"),
        (vec!["perplexity", "--model", &model, "--texts", &texts, "--window", "49"], "2 to 48"),
        (vec!["perplexity", "--model", &model, "--texts", &texts, "--resamples", "9"], "100 to 10000000"),
        (vec!["first-token", "--model", &model], "--texts"),
        (vec!["first-token"], "--activations"),
        (vec!["first-token", "--model", &model, "--texts", &texts, "--layer", "7"], "layers 0 to 2"),
        (vec!["moments", "--model", &model, "--texts", &texts, "--layer", "0"], "-o FILE.safetensors"),
    ] {
        let ran = diagnose(&args);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(said) && ran.stderr.lines().count() <= 3, "{args:?}: {}", ran.stderr);
    }
}

#[test]
fn threads_change_no_byte_of_any_of_the_three_reports() {
    let [model, texts] =
        ["oracle", "oracle/texts.txt"].map(|path| fixture(path).to_string_lossy().into_owned());
    let perplexity = ["perplexity", "--model", &model, "--texts", &texts, "--per-text", "--format", "json"];
    let first = ["first-token", "--model", &model, "--texts", &texts, "--swap-positions", "--format", "json"];
    for args in [&perplexity[..], &first[..]] {
        let run = |threads| {
            let ran = diagnose(&[args, &["--threads", threads]].concat());
            assert_eq!(ran.code, Some(0), "{}", ran.stderr);
            ran.stdout
        };
        let one = run("1");
        assert!(run("3") == one, "{args:?}");
    }
}
