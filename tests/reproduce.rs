//! The papers' experiments from the command line: on the world's model the claims hold, on its control they do not.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use tempfile::TempDir;

use crate::runner::{Bench, Ran, finish, names, program};

fn world(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/world").join(file)
}

/// A run of the two papers on single edits, with two cases of each set, few texts and few tasks.
pub(crate) struct Run {
    ran: Ran,
    folder: TempDir,
}

impl Run {
    fn of(model: &str, encoder: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let first = |file: &str, lines: usize| {
            let all = fs::read_to_string(world(file)).unwrap();
            let some: Vec<&str> = all.lines().take(lines).collect();
            let name = Path::new(file).file_name().unwrap().to_str().unwrap();
            fs::write(at(name), some.join("\n")).unwrap();
            at(name)
        };
        let (texts, facts, choices) =
            (first("texts.txt", 6), first("tasks/facts.jsonl", 8), first("tasks/choices.jsonl", 8));
        let (model, out) = (world(model).display().to_string(), at("out"));
        let args = ["reproduce", "--model", &model, "-o", &out, "--most", "2", "--progress", "always"];
        let small = ["--texts", &texts, "--tasks", &facts, &choices];
        let bert = at("bert");
        if encoder {
            encoder_that_reads(Path::new(&bert));
        }
        let with: &[&str] = if encoder { &["--encoder", &bert] } else { &[] };
        let only = ["--only", "fall-of-rome", "butterfly"];
        let ran = finish(&mut program(&[&args[..], &small, with, &only].concat()));
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        Self { ran, folder }
    }

    pub(crate) fn world() -> &'static Self {
        static RUN: OnceLock<Run> = OnceLock::new();
        RUN.get_or_init(|| Self::of("model", true))
    }

    fn control() -> &'static Self {
        static RUN: OnceLock<Run> = OnceLock::new();
        RUN.get_or_init(|| Self::of("control", false))
    }

    fn experiment(&self, paper: &str, id: &str) -> Value {
        let record = self.record();
        let mut all = record["experiments"].as_array().unwrap().iter();
        all.find(|found| found["id"] == id && found["paper"].as_str().unwrap().contains(paper))
            .unwrap()
            .clone()
    }

    pub(crate) fn record(&self) -> Value {
        let bytes = fs::read(self.folder.path().join("out/reproduction.json")).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    /// Experiment, statement and agreement of every claim.
    fn claims(&self) -> Vec<(String, String, String)> {
        let record = self.record();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let of = |experiment: &Value| {
            let id = text(&experiment["id"]);
            let claims = experiment["claims"].as_array().unwrap().clone();
            claims
                .into_iter()
                .map(move |claim| (id.clone(), text(&claim["statement"]), text(&claim["agreement"])))
                .collect::<Vec<_>>()
        };
        record["experiments"].as_array().unwrap().iter().flat_map(of).collect()
    }

    /// The agreement of the claim that holds some words.
    fn agreement(&self, id: &str, words: &str) -> String {
        let claims = self.claims();
        let found = claims.iter().find(|(of, statement, _)| of == id && statement.contains(words));
        found.unwrap_or_else(|| panic!("no claim of {id} about {words}: {claims:?}")).2.clone()
    }
}

#[test]
fn on_the_world_the_claims_of_both_papers_hold() {
    let run = Run::world();
    for (id, words) in [
        ("T1", "two orders of magnitude"),
        ("T1", "one size"),
        ("T2", "ROME destroys the model on every collapse case"),
        ("T2", "destroys no model where ROME does"),
        ("F3", "lie apart and in one place"),
        ("F4", "first tokens of normal prompts"),
        ("F4", "lets ROME edit it without harm"),
        ("T3", "has a part in it"),
        ("T4", "do not show"),
        ("T5", "restores"),
        ("F1", "one edit can destroy a model"),
        ("F3", "moved far more"),
        ("F5", "collapse by a single edit is ROME's"),
    ] {
        assert_eq!(run.agreement(id, words), "agrees", "{id} {words}");
    }
    // Planted in one position, the anomaly is stronger than a trained model's, and the report says that it differs.
    assert_eq!(run.agreement("T3", "does not always lead"), "differs");
}

#[test]
fn on_the_control_most_claims_differ() {
    let control = Run::control();
    let claims = control.claims();
    let differ = claims.iter().filter(|(.., agreement)| agreement == "differs").count();
    assert!(2 * differ > claims.len(), "{claims:#?}");
    for (id, words) in [
        ("T1", "two orders of magnitude"),
        ("T2", "ROME destroys the model"),
        ("T2", "destroys no model where ROME does"),
        ("F4", "lets ROME edit it without harm"),
        ("F1", "one edit can destroy a model"),
        ("F3", "moved far more"),
        ("F5", "collapse by a single edit is ROME's"),
    ] {
        assert_eq!(control.agreement(id, words), "differs", "{id} {words}");
    }
    let cases = control.record()["facts"].to_string();
    assert!(cases.contains("the keys of no case foretell a collapse"), "{cases}");
}

#[test]
fn every_file_that_the_record_names_is_there_and_no_other() {
    let run = Run::world();
    let record = run.record();
    assert_eq!(record["schema"], "diagnose.reproduce/1");
    let mut named = vec!["reproduction.json".to_owned(), "reproduction.md".to_owned()];
    for experiment in record["experiments"].as_array().unwrap() {
        let tables = experiment["tables"].as_array().unwrap().iter().map(|table| &table["file"]);
        let files = tables.chain(experiment["figures"].as_array().unwrap());
        named.extend(files.map(|file| file.as_str().unwrap().to_owned()));
    }
    named.sort();
    assert_eq!(names(&run.folder.path().join("out")), named);
    let page = fs::read_to_string(run.folder.path().join("out/reproduction.md")).unwrap();
    let is_figure = |name: &&String| Path::new(name).extension().is_some_and(|end| end == "svg");
    for figure in named.iter().filter(is_figure) {
        assert!(page.contains(&format!("]({figure})")), "{figure}");
        assert!(fs::read_to_string(run.folder.path().join("out").join(figure)).unwrap().starts_with("<svg"));
    }
    let table = fs::read_to_string(run.folder.path().join("out/fall-of-rome-t1.csv")).unwrap();
    assert_eq!(table.lines().count(), 7, "{table}");
    assert!(
        table.starts_with("set,quantity,edits,mean,median,least,largest\ncollapse,|denominator|,2,"),
        "{table}"
    );
}

#[test]
fn the_report_names_its_files_and_what_was_not_run_and_the_run_says_where_it_is() {
    let run = Run::world();
    let facts = run.record()["facts"].to_string();
    for name in ["cases.json", "contexts.json", "texts.txt", "hparams.json", "second_moment.safetensors"] {
        assert!(facts.contains(name), "{facts}");
    }
    let Ran { stdout, stderr, .. } = &run.ran;
    assert!(stdout.contains("butterfly F5 MEND was not run: it edits with a network"), "{stdout}");
    assert!(stdout.contains("reproduction.md"), "{stdout}");
    assert!(stderr.contains("editing every case alone: 50% of 4 parts"), "{stderr}");
    assert!(stderr.contains(" left"), "{stderr}");
}

/// The random encoder of the architectures with a tokenizer, its vocabulary grown to what that needs.
fn encoder_that_reads(folder: &Path) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    fs::create_dir(folder).unwrap();
    let tokenizer = fs::read(fixtures.join("tokenizers/bert/tokenizer.json")).unwrap();
    let parsed: Value = serde_json::from_slice(&tokenizer).unwrap();
    let tokens = parsed["model"]["vocab"].as_object().unwrap().len();
    fs::write(folder.join("tokenizer.json"), tokenizer).unwrap();
    let config = fs::read(fixtures.join("architectures/bert/config.json")).unwrap();
    let mut config: Value = serde_json::from_slice(&config).unwrap();
    let before = usize::try_from(config["vocab_size"].as_u64().unwrap()).unwrap();
    config["vocab_size"] = tokens.into();
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
    let bytes = fs::read(fixtures.join("architectures/bert/model.safetensors")).unwrap();
    let grown: Vec<(String, Vec<usize>, Vec<u8>)> = SafeTensors::deserialize(&bytes)
        .unwrap()
        .iter()
        .map(|(name, tensor)| {
            let (mut shape, mut data) = (tensor.shape().to_vec(), tensor.data().to_vec());
            if shape.first() == Some(&before) {
                let length = data.len() / before * tokens;
                data = data.iter().copied().cycle().take(length).collect();
                shape[0] = tokens;
            }
            (name.to_owned(), shape, data)
        })
        .collect();
    let views = grown
        .iter()
        .map(|(name, shape, data)| (name, TensorView::new(Dtype::F32, shape.clone(), data).unwrap()));
    fs::write(folder.join("model.safetensors"), safetensors::serialize(views, None).unwrap()).unwrap();
}

#[test]
fn an_encoder_is_measured_layer_by_layer_and_without_one_the_report_says_what_it_needs() {
    let measured = Run::world().experiment("Fall", "F5");
    assert_eq!(measured["status"], "done", "{measured}");
    let rows = measured["tables"][0]["rows"].as_array().unwrap();
    let of: Vec<&str> = rows.iter().map(|row| row[0].as_str().unwrap()).collect();
    assert_eq!(of, ["the model", "the encoder", "the encoder"]);
    let missing = Run::control().experiment("Fall", "F5");
    assert_eq!(missing["status"], "not-run");
    assert!(missing["reason"].as_str().unwrap().contains("--encoder DIR"), "{missing}");
}

fn refused(ran: &Ran, words: &str) {
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{}", ran.stderr);
    assert!(ran.stderr.contains(words), "{}", ran.stderr);
}

#[test]
fn what_is_missing_is_named_with_its_flag() {
    let bench = Bench::new();
    let model = world("model").display().to_string();
    refused(&bench.diagnose(&["reproduce", "--model", &model]), "name one that is not there yet with -o DIR");
    refused(
        &bench.diagnose(&["reproduce", "--model", &model, "-o", "out", "--only", "iliad"]),
        "fall-of-rome",
    );
    fs::create_dir(bench.at("taken")).unwrap();
    fs::write(bench.at("taken/file"), "").unwrap();
    refused(&bench.diagnose(&["reproduce", "--model", &model, "-o", "taken"]), "the directory is not empty");
    // A model with nothing beside it.
    fs::create_dir(bench.at("alone")).unwrap();
    for file in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        fs::copy(world("model").join(file), bench.at("alone").join(file)).unwrap();
    }
    let alone =
        |more: &[&str]| bench.diagnose(&[&["reproduce", "--model", "alone", "-o", "out"], more].concat());
    refused(&alone(&[]), "--cases is not given, and there is no cases.json in .");
    let [cases, texts, hparams] =
        ["cases.json", "texts.txt", "hparams.json"].map(|file| world(file).display().to_string());
    refused(&alone(&["--cases", &cases]), "--texts is not given");
    refused(&alone(&["--cases", &cases, "--texts", &texts]), "no hyper-parameters of rome are published");
    let given = ["--cases", &cases, "--texts", &texts, "--hparams", &hparams];
    refused(&alone(&given), "give --moments FILE");
    refused(&alone(&[&given[..], &["--layer", "9", "--no-moments"]].concat()), "the model has no layer 9");
    assert!(!bench.at("out").exists());
}
