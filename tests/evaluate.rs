//! Cases and tasks against `transformers` in float64, labels and words against scikit-learn, NLTK and `NumPy`
//! (`fixtures/make/evaluate_expected.py`, `evaluate_texts.py`).

use std::fs;
use std::path::{Path, PathBuf};

use collapse_diagnostics::evaluate::{
    self, IdfTable, Measure, PromptKind, Quality, QualitySummary, consistency, ngram_entropy,
    normalized_entropy, quality, treebank_words,
};
use collapse_diagnostics::model::Model;
use collapse_diagnostics::reader::{
    Case, IoMode, Limits, parse_cases, parse_tasks, read_cases, read_contexts, read_tasks,
};
use collapse_diagnostics::stats::{matthews, weighted_f1};
use serde_json::Value;
use tempfile::TempDir;

use crate::runner::diagnose;

/// What f32 arithmetic may add, relative to a value or to a hundredth.
const BOUND: f64 = 1e-4;
/// The same in a destroyed model, whose update of norm 1,820 cancels against itself.
const BOUND_OF_BROKEN: f64 = 1e-3;
const EDITS: [&str; 3] = ["after-rome-normal", "after-rome-collapse", "after-c-rome-collapse"];
const KINDS: [(PromptKind, &str); 5] = [
    (PromptKind::Rewrite, "rewrite"),
    (PromptKind::Paraphrase, "paraphrase"),
    (PromptKind::Neighborhood, "neighborhood"),
    (PromptKind::PrefixedRewrite, "prefixed-rewrite"),
    (PromptKind::PrefixedParaphrase, "prefixed-paraphrase"),
];
const MEASURES: [(Measure, &str); 5] = [
    (Measure::Success, "success"),
    (Measure::Magnitude, "magnitude"),
    (Measure::Correct, "correct"),
    (Measure::TokenAccuracy, "token-accuracy"),
    (Measure::Agreement, "agreement"),
];

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(path)
}

fn json(name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(fixture(name)).unwrap()).unwrap()
}

fn open(path: &Path) -> Model {
    Model::open(path, &Limits::default(), IoMode::Auto).unwrap()
}

/// A folder with the oracle's configuration and tokenizer, and other weights.
pub(crate) fn with_weights(weights: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "tokenizer.json", "tokenizer_config.json"] {
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
fn close(what: &str, found: f64, expected: f64) {
    let bound = if what.starts_with("after-rome-collapse") { BOUND_OF_BROKEN } else { BOUND };
    let error = (found - expected).abs() / expected.abs().max(1e-2);
    assert!(error <= bound, "{what}: found {found:e}, expected {expected:e}, off by {error:e}");
}

fn scored(model: &Model, contexts: &[String]) -> Quality {
    quality(model, &read_cases(&fixture("oracle/cases.json")).unwrap(), contexts, |_| ()).unwrap()
}

fn check(what: &str, found: &Quality, expected: &Value) {
    assert!(found.refused.is_empty() && found.cases.len() == 72);
    for (case, expected) in found.cases.iter().zip(expected["cases"].as_array().unwrap()) {
        let expected = expected.as_array().unwrap();
        assert_eq!(case.prompts.len(), expected.len());
        for (prompt, expected) in case.prompts.iter().zip(expected) {
            let name = format!("{what} {} `{}`", case.case_id, prompt.prompt);
            let kind = KINDS.iter().find(|(kind, _)| *kind == prompt.kind).unwrap().1;
            assert_eq!(kind, expected["kind"], "{name}");
            let other = prompt.other.as_ref().unwrap().as_ref().unwrap();
            for (found, expected) in
                [prompt.wanted.as_ref().unwrap(), other].iter().zip(expected["nll"].as_array().unwrap())
            {
                close(&name, found.mean_nll(), number(expected));
            }
        }
    }
    let summary = QualitySummary::of(found);
    for (kind, kind_name) in KINDS {
        for (measure, measure_name) in MEASURES {
            let name = format!("{kind_name} {measure_name}");
            let spread = summary.metric(kind, measure).unwrap();
            let expected = &expected["summary"][&name];
            assert_eq!(spread.cases, 72);
            close(&format!("{what} {name}"), spread.mean, number(&expected["mean"]));
            close(&format!("{what} deviation of {name}"), spread.deviation, number(&expected["deviation"]));
        }
    }
    close(what, summary.score.unwrap(), number(&expected["summary"]["score"]));
    assert_eq!((summary.nonfinite_prompts, summary.merged_prompts, summary.unscored_prompts), (0, 0, 0));
}

#[test]
fn likelihoods_and_all_measures_of_72_cases_agree_with_the_reference_before_and_after_three_edits() {
    let expected = json("evaluate/expected.json");
    let contexts: Vec<String> =
        read_contexts(&fixture("oracle/contexts.json")).unwrap().templates().map(str::to_owned).collect();
    let contexts = &contexts[1..=usize::try_from(expected["prefixes"].as_u64().unwrap()).unwrap()];
    let before = scored(&open(&fixture("oracle")), contexts);
    let mut same = before.clone();
    same.compare(&before);
    check("model", &same, &expected["models"]["model"]);
    for name in EDITS {
        let folder = with_weights(name);
        let mut after = scored(&open(folder.path()), contexts);
        after.compare(&before);
        check(name, &after, &expected["models"][name]);
    }
}

#[test]
fn tasks_of_the_world_are_answered_as_the_reference_answers_them() {
    let expected = json("evaluate/expected.json");
    let model = open(&fixture("world/model"));
    for (name, least) in [("facts", 0.95), ("choices", 1.0), ("last-words", 0.8)] {
        let records = read_tasks(&fixture("world/tasks").join(format!("{name}.jsonl"))).unwrap();
        let found = evaluate::test(&model, &records, |_| ()).unwrap();
        let expected = &expected["tasks"][name];
        let right: Vec<bool> =
            expected["right"].as_array().unwrap().iter().map(|right| right.as_u64() == Some(1)).collect();
        assert_eq!(found.items.iter().map(|item| item.correct).collect::<Vec<_>>(), right, "{name}");
        assert_eq!(found.accuracy.unwrap(), number(&expected["accuracy"]));
        assert!(found.accuracy.unwrap() >= least && found.refused.is_empty() && found.invalid == 0);
        assert_eq!(found.f1, (name == "choices").then_some(1.0));
    }
}

#[test]
fn f1_and_matthews_are_those_of_scikit_learn() {
    for labels in json("evaluate/texts.json")["labels"].as_array().unwrap() {
        let pair = |pair: &Value| (pair[0].as_i64().unwrap(), pair[1].as_i64().unwrap());
        let pairs: Vec<(i64, i64)> = labels["pairs"].as_array().unwrap().iter().map(pair).collect();
        assert!((weighted_f1(&pairs).unwrap() - number(&labels["f1"])).abs() < 1e-12, "{labels}");
        assert!((matthews(&pairs).unwrap() - number(&labels["matthews"])).abs() < 1e-12, "{labels}");
    }
}

#[test]
fn words_of_a_sentence_are_those_of_nltk() {
    for sentence in json("evaluate/texts.json")["words"].as_array().unwrap() {
        let words: Vec<&str> =
            sentence["words"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        assert_eq!(treebank_words(sentence["text"].as_str().unwrap()), words);
    }
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[test]
fn entropies_and_cosines_are_those_of_numpy_and_scikit_learn() {
    let expected = json("evaluate/texts.json");
    for fluency in expected["fluency"].as_array().unwrap() {
        let words = strings(&fluency["words"]);
        let found = ngram_entropy(&words, 2) / 3.0 + ngram_entropy(&words, 3) * 2.0 / 3.0;
        assert!((found - number(&fluency["value"])).abs() < 1e-12);
    }
    for normalized in expected["normalized"].as_array().unwrap() {
        let found = normalized_entropy(&strings(&normalized["texts"]));
        assert!((found - number(&normalized["value"])).abs() < 1e-12);
    }
    let idf = expected["idf"].as_object().unwrap().iter();
    let table: IdfTable = idf.map(|(word, idf)| (word.clone(), number(idf))).collect();
    for pair in expected["consistency"].as_array().unwrap() {
        let texts = strings(&pair["texts"]);
        let found = consistency(&texts[0], &texts[1], &table).unwrap();
        assert!((found - number(&pair["value"])).abs() < 1e-12);
    }
}

#[test]
fn generations_depend_on_the_seed_alone_and_are_as_long_as_the_model_allows() {
    let model = open(&fixture("oracle"));
    let cases: Vec<Case> =
        read_cases(&fixture("oracle/cases.json")).unwrap().into_iter().take(2).map(Result::unwrap).collect();
    let cases: Vec<&Case> = cases.iter().collect();
    let write = |seed| evaluate::write(&model, &cases, None, seed, |_| ()).unwrap();
    let (first, again, other) = (write(1), write(1), write(2));
    assert_eq!(first, again);
    assert_ne!(first, other);
    for (case, written) in cases.iter().zip(&first) {
        assert_eq!((written.texts.len(), written.own_prompts), (1 + case.paraphrase_prompts.len(), false));
        assert!(written.texts[0].starts_with(&case.prompt.replace("{}", &case.subject)), "{written:?}");
        assert!(written.fluency.unwrap() > 3.0 && written.normalized_entropy.unwrap() > 0.7, "{written:?}");
    }
    let folder = with_weights("after-rome-collapse");
    let collapsed = evaluate::write(&open(folder.path()), &cases, None, 1, |_| ()).unwrap();
    assert!(collapsed[0].fluency.unwrap() < first[0].fluency.unwrap(), "{collapsed:?}");
}

#[test]
fn a_case_that_cannot_be_scored_is_a_row_and_stops_no_other() {
    let long = "the people ".repeat(60);
    let records = format!(
        r#"[{{"prompt": "{{}} is in", "subject": "Benland"}},
        {{"prompt": "{{}} is in", "subject": "Benland", "target_new": "Rome", "paraphrase_prompts": ["{long}", ""], "neighborhood_prompts": ["x"]}},
        7, {{"prompt": "{{}}{long}", "subject": "Benland", "target_new": "Rome"}},
        {{"prompt": "{{}} is in", "subject": "Benland", "target_new": " "}}]"#
    );
    let found =
        quality(&open(&fixture("oracle")), &parse_cases(records.as_bytes()).unwrap(), &[], |_| ()).unwrap();
    let kinds: Vec<_> = found.refused.iter().map(|refused| (refused.index, refused.kind)).collect();
    assert_eq!(kinds, [(0, "no-target"), (2, "bad-record"), (3, "too-long"), (4, "no-token")]);
    assert_eq!(found.cases.len(), 1);
    let summary = QualitySummary::of(&found);
    assert_eq!(summary.unscored_prompts, 2);
    let accuracy = summary.metric(PromptKind::Rewrite, Measure::TokenAccuracy).unwrap();
    assert_eq!(accuracy.cases, 1);
    assert_eq!(summary.metric(PromptKind::Rewrite, Measure::Success), None, "no old target to compare with");
    assert_eq!(summary.score, None);
}

#[test]
fn a_model_that_computes_nan_scores_nothing_and_is_counted() {
    let folder = with_weights("model");
    let path = folder.path().join("model.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let header = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
    bytes[8 + header..].chunks_exact_mut(4).for_each(|x| x.copy_from_slice(&f32::NAN.to_le_bytes()));
    fs::write(&path, bytes).unwrap();
    let model = open(folder.path());
    let found = scored(&model, &[]);
    let summary = QualitySummary::of(&found);
    let prompts: usize = found.cases.iter().map(|case| case.prompts.len()).sum();
    assert_eq!((summary.nonfinite_prompts, summary.score), (prompts, Some(0.0)));
    for measure in [Measure::Success, Measure::Correct, Measure::TokenAccuracy] {
        assert_eq!(summary.metric(PromptKind::Rewrite, measure).unwrap().mean, 0.0);
    }
    assert!(summary.metric(PromptKind::Rewrite, Measure::Magnitude).unwrap().mean.is_nan());
    let tasks = parse_tasks(br#"[{"prompt": "a", "choices": ["b", "c"], "answer": 0}]"#).unwrap();
    let tested = evaluate::test(&model, &tasks, |_| ()).unwrap();
    assert_eq!((tested.accuracy, tested.invalid, tested.items[0].predicted), (Some(0.0), 1, Some(-1)));
}

#[test]
fn what_the_model_writes_is_searched_for_labels_behind_the_last_marker() {
    let model = open(&fixture("world/model"));
    // The model goes on with " Hethic."
    let prompt = "Answer: Yes. In Gruia, the official language is";
    let task = |extra: &str| {
        let json = format!(r#"{{"prompt": "{prompt}", "labels": ["Yes", ["heth", 5]], "answer": 5{extra}}}"#);
        let found = evaluate::test(&model, &parse_tasks(json.as_bytes()).unwrap(), |_| ()).unwrap();
        (found.items[0].predicted.unwrap(), found.invalid, found.accuracy.unwrap())
    };
    assert_eq!(task(""), (-1, 1, 0.0));
    assert_eq!(task(r#", "ignore_case": true"#), (5, 0, 1.0));
    assert_eq!(task(r#", "ignore_case": true, "marker": "Answer:""#), (0, 0, 0.0));
    let long = format!(r#"{{"prompt": "{prompt}", "labels": ["a"], "answer": 0, "new_tokens": 48}}"#);
    let refused = evaluate::test(&model, &parse_tasks(long.as_bytes()).unwrap(), |_| ()).unwrap();
    assert_eq!((refused.refused[0].kind, refused.accuracy), ("too-long", None));
}

#[test]
fn the_command_tells_a_destroyed_model_from_a_cured_one() {
    let folder = tempfile::tempdir().unwrap();
    let cases = json("oracle/cases.json");
    let case = folder.path().join("case.json");
    fs::write(&case, cases.as_array().unwrap()[0].to_string()).unwrap();
    let [base, texts, contexts] = ["oracle", "oracle/texts.txt", "oracle/contexts.json"]
        .map(|path| fixture(path).to_string_lossy().into_owned());
    let report = |weights: &str, extra: &[&str]| {
        let model = with_weights(weights);
        let [model, case] = [model.path(), &case].map(|path| path.to_string_lossy().into_owned());
        let args = ["evaluate", "--model", &model, "--baseline", &base, "--case", &case, "--format", "json"];
        let args = [&args[..], &["--prefix-at-test", "--contexts", &contexts], extra].concat();
        let ran = diagnose(&args);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        serde_json::from_str::<Value>(&ran.stdout).unwrap()
    };
    let mean = |report: &Value, name: &str| number(&report["metrics"][name]["mean"]);
    let cured = report("after-c-rome-collapse", &["--texts", &texts, "--prefixes", "5", "--seed", "3"]);
    assert_eq!(cured["summary"]["contexts"]["templates"].as_array().unwrap().len(), 5);
    assert_eq!(cured["summary"]["contexts"]["seed"], 3);
    assert!(mean(&cured, "efficacy_prefixed_correct") >= 0.8 && mean(&cured, "locality_agreement") >= 0.5);
    assert_eq!(cured["metrics"]["locality_agreement"]["protocol"], "easyedit-locality");
    assert_eq!(cured["metrics"]["efficacy_success"]["baseline"], 0.0);
    let broken = report("after-rome-collapse", &["--texts", &texts, "--generate", "--detail"]);
    assert_eq!(broken["summary"]["contexts"]["templates"].as_array().unwrap().len(), 20);
    let ratio = |report: &Value| number(&report["perplexity"]["log_ratio"]).exp();
    assert!(ratio(&broken) > 500.0 && ratio(&cured) < 1.1, "{} {}", ratio(&broken), ratio(&cured));
    assert_eq!(mean(&broken, "locality_agreement"), 0.0);
    assert!(mean(&broken, "fluency") > 0.0);
    assert_eq!(broken["cases"][0]["generated"]["text"].as_array().unwrap().len(), 3);
    assert_eq!(broken["cases"][0]["prompts"][0]["kind"], "rewrite");
}

#[test]
fn the_command_counts_what_cannot_be_used_and_refuses_what_makes_no_sense() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    };
    let good = r#"{"prompt": "{} is in", "subject": "Benland", "target_new": "Rome"}"#;
    let [cases, bad, tasks] = [
        file("cases.jsonl", &format!("{good}\n7\n")),
        file("bad.json", "[7, 8]"),
        file("tasks.jsonl", "{\"prompt\": \"a\", \"answer\": \"b\"}\n{}\n"),
    ];
    let model = fixture("oracle").to_string_lossy().into_owned();
    let evaluate = |args: &[&str]| diagnose(&[&["evaluate", "--model", &model][..], args].concat());
    let ran = evaluate(&["--case", &cases, "--tasks", &tasks, "--format", "json"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("1 of 2 records could not be used").count(), 2, "{}", ran.stderr);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (&report["refused"][0]["kind"], &report["refused"][0]["index"]),
        (&"bad-record".into(), &1.into())
    );
    assert_eq!(report["tasks"][0]["refused"][0]["reason"], "record 1: no `prompt`");
    let contexts = fixture("oracle/contexts.json").to_string_lossy().into_owned();
    let bare = file("bare.json", r#"["{}"]"#);
    for (args, said) in [
        (vec![], "--case"),
        (vec!["--case", &bad], "cannot evaluate any of the 2 records"),
        (vec!["--case", good, "--prefix-at-test"], "--contexts"),
        (vec!["--case", good, "--contexts", &contexts], "--prefix-at-test"),
        (vec!["--case", good, "--prefix-at-test", "--contexts", &bare], "no template with a text"),
        (vec!["--case", good, "--idf", "x"], "--generate"),
        (vec!["--case", good, "--generate", "--idf", "/no/such"], "/no/such"),
        (vec!["--tasks", "/no/such/file"], "/no/such/file"),
        (vec!["--case", good, "--baseline", "/no/such/model"], "/no/such/model"),
    ] {
        let ran = evaluate(&args);
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(said) && ran.stderr.lines().count() <= 3, "{args:?}: {}", ran.stderr);
    }
}

#[test]
fn references_are_weighed_with_a_table_of_the_published_layout() {
    let folder = tempfile::tempdir().unwrap();
    // Two values, 1.5 and 2, in NumPy's format 1.0.
    let mut header = "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }".to_owned();
    header.extend(std::iter::repeat_n(' ', 117 - header.len()));
    header.push('\n');
    let mut array = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    array.extend(header.as_bytes());
    array.extend([1.5_f64, 2.0].iter().flat_map(|x| x.to_le_bytes()));
    fs::write(folder.path().join("idf.npy"), array).unwrap();
    fs::write(folder.path().join("tfidf_vocab.json"), r#"{"benland": 0, "is": 1}"#).unwrap();
    let [model, idf] = [&fixture("oracle"), folder.path()].map(|path| path.to_string_lossy().into_owned());
    let case = r#"{"prompt": "{} is in", "subject": "Benland", "target_new": "Rome", "reference_texts": ["Benland is"]}"#;
    let run = || {
        diagnose(&[
            "evaluate",
            "--model",
            &model,
            "--case",
            case,
            "--generate",
            "--idf",
            &idf,
            "--format",
            "json",
        ])
    };
    let ran = run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    let cosine = number(&report["metrics"]["consistency"]["mean"]);
    assert!(cosine > 0.5 && cosine <= 1.0 + 1e-12, "{cosine}");
    fs::write(folder.path().join("tfidf_vocab.json"), r#"{"benland": 2}"#).unwrap();
    let ran = run();
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.contains("the word `benland` has place 2, and idf.npy has 2 values"),
        "{}",
        ran.stderr
    );
}

#[test]
fn threads_change_no_byte() {
    let folder = tempfile::tempdir().unwrap();
    let few: Vec<Value> = json("world/cases.json").as_array().unwrap().iter().step_by(36).cloned().collect();
    let cases = folder.path().join("cases.json");
    fs::write(&cases, Value::from(few).to_string()).unwrap();
    let [model, tasks] = ["world/model", "world/tasks/choices.jsonl"].map(fixture);
    let [model, tasks, cases] = [model, tasks, cases].map(|path| path.to_string_lossy().into_owned());
    let run = |threads| {
        let args =
            ["evaluate", "--model", &model, "--case", &cases, "--tasks", &tasks, "--generate", "--detail"];
        let ran = diagnose(&[&args[..], &["--format", "json", "--threads", threads]].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        ran.stdout
    };
    assert!(run("1") == run("3"));
}
