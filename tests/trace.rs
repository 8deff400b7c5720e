//! Causal traces against transformers in f64, cell by cell with the same noise; what must hold of any; and the command from
//! outside.
//!
//! The model runs here in f32: 1e-4 relative and 1e-7 absolute are asked of a probability.

use std::fs;
use std::path::{Path, PathBuf};

use collapse_diagnostics::model::Model;
use collapse_diagnostics::reader::{IoMode, Limits};
use collapse_diagnostics::trace::{Kind, NoiseFacts, NoiseScale, PromptTrace, TracePrompt, trace_prompt};
use serde_json::Value;

use crate::runner::{Ran, diagnose, finish, program};

fn fixtures(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(path)
}

fn model() -> Model {
    Model::open(&fixtures("oracle"), &Limits::default(), IoMode::Auto).unwrap()
}

fn expected() -> Value {
    serde_json::from_slice(&fs::read(fixtures("measures/trace.json")).unwrap()).unwrap()
}

fn numbers<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

/// What the file asks for, traced with its noise.
fn traced(
    model: &Model,
    case: &Value,
    kinds: &[Kind],
    window: usize,
    noise: &[Vec<Vec<f32>>],
) -> PromptTrace {
    let tokens: Vec<u32> = numbers(&case["tokens"]);
    let [first, end]: [usize; 2] = numbers(&case["subject_range"]);
    let answer = numbers(&case["answer"]);
    let prompt = TracePrompt { tokens: &tokens, subject: &(first..end), answer, kinds, window };
    trace_prompt(model, &prompt, noise).unwrap()
}

#[track_caller]
fn close(what: &str, found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-4 * expected.abs() + 1e-7, "{what}: {found} is not {expected}");
}

#[test]
fn every_cell_of_every_kind_is_that_of_transformers() {
    let (model, expected) = (model(), expected());
    let grids = [
        ("hidden", Kind::Hidden, 1),
        ("mlp-2", Kind::Mlp, 2),
        ("mlp-3", Kind::Mlp, 3),
        ("attention-2", Kind::Attention, 2),
    ];
    let mut cells = 0;
    for case in expected["cases"].as_array().unwrap() {
        let noise: Vec<Vec<Vec<f32>>> = numbers(&case["noise"]);
        for (name, kind, window) in grids {
            let found = traced(&model, case, &[kind], window, &noise);
            close("clean", found.clean, case["clean"].as_f64().unwrap());
            let corrupted: Vec<f64> = numbers(&case["corrupted"]);
            close("corrupted", found.corrupted, corrupted.iter().sum::<f64>() / 3.0);
            let grid: Vec<Vec<f64>> = numbers(&case["restored"][name]);
            assert_eq!((grid.len(), grid[0].len()), found.kinds[0].restored.dim());
            for ((position, layer), p) in found.kinds[0].restored.indexed_iter() {
                close(&format!("{} {name} {position} {layer}", case["case_id"]), *p, grid[position][layer]);
                cells += 1;
            }
        }
    }
    assert_eq!(cells, 4 * 3 * (7 + 6));
}

#[test]
fn the_deviation_of_the_embeddings_is_that_of_numpy() {
    let (model, expected) = (model(), expected());
    let cases: Value = serde_json::from_slice(&fs::read(fixtures("oracle/cases.json")).unwrap()).unwrap();
    let subject = |id: &Value| {
        let case = cases.as_array().unwrap().iter().find(|case| case["case_id"] == *id).unwrap();
        case["subject"].as_str().unwrap().to_owned()
    };
    let subjects: Vec<String> =
        expected["cases"].as_array().unwrap().iter().map(|case| subject(&case["case_id"])).collect();
    let subjects: Vec<&str> = subjects.iter().map(String::as_str).collect();
    let found = NoiseFacts::of(NoiseScale::Multiple(3.0), &model, &subjects).unwrap();
    let deviation = expected["standard_deviation"].as_f64().unwrap();
    assert!((found.standard_deviation.unwrap() / deviation - 1.0).abs() < 1e-12);
    assert!((found.sigma / (3.0 * deviation) - 1.0).abs() < 1e-12);
}

#[test]
fn without_noise_nothing_has_an_effect() {
    let (model, expected) = (model(), expected());
    for case in expected["cases"].as_array().unwrap() {
        let noise: Vec<Vec<Vec<f32>>> = numbers(&case["noise"]);
        let none: Vec<Vec<Vec<f32>>> =
            noise.iter().map(|draw| draw.iter().map(|vector| vec![0.0; vector.len()]).collect()).collect();
        let found = traced(&model, case, &Kind::ALL, 10, &none);
        assert!((found.clean - found.corrupted).abs() < 1e-6);
        assert!(found.kinds.iter().flat_map(|kind| &kind.effect).all(|effect| effect.abs() < 1e-6));
    }
}

#[test]
fn all_states_put_back_are_the_clean_run_and_none_the_noised_one() {
    let (model, expected) = (model(), expected());
    let case = &expected["cases"][1];
    let noise: Vec<Vec<Vec<f32>>> = numbers(&case["noise"]);
    let found = traced(&model, case, &[Kind::Hidden], 1, &noise);
    let hidden = &found.kinds[0].restored;
    let (tokens, layers) = hidden.dim();
    // The state that the answer is read from.
    close("the last state", hidden[(tokens - 1, layers - 1)], found.clean);
    // States before the subject have no noise in them, and nothing looks at the others of the last layer.
    assert!((0..3).all(|position| hidden.row(position).iter().all(|p| *p == found.corrupted)));
    assert!((0..tokens - 1).all(|position| hidden[(position, layers - 1)] == found.corrupted));
    // A prompt of one token, all of it the subject: its state is all that there is.
    let alone = TracePrompt { tokens: &[7], subject: &(0..1), answer: 5, kinds: &[Kind::Hidden], window: 1 };
    let found = trace_prompt(&model, &alone, &noise).unwrap();
    assert!((found.clean / found.corrupted - 1.0).abs() > 1e-3, "the noise has an effect");
    found.kinds[0].restored.iter().for_each(|p| close("the only state", *p, found.clean));
}

#[test]
fn a_probability_that_is_nan_is_carried_and_others_stay() {
    let (model, expected) = (model(), expected());
    let case = &expected["cases"][1];
    let mut noise: Vec<Vec<Vec<f32>>> = numbers(&case["noise"]);
    noise[1][0][0] = f32::NAN;
    let found = traced(&model, case, &[Kind::Hidden], 1, &noise);
    assert!(found.clean.is_finite() && found.corrupted.is_nan());
    let restored = &found.kinds[0].restored;
    let (tokens, layers) = restored.dim();
    close("the last state", restored[(tokens - 1, layers - 1)], found.clean);
    assert!(restored[(0, 0)].is_nan() && found.kinds[0].best(&(0..tokens)).is_none());
}

#[test]
fn noise_and_prompts_that_do_not_fit_are_refused() {
    let model = model();
    let trace = |tokens: &[u32], subject, window, noise: &[Vec<Vec<f32>>]| {
        let prompt = TracePrompt { tokens, subject: &subject, answer: 5, kinds: &[Kind::Mlp], window };
        trace_prompt(&model, &prompt, noise).unwrap_err().to_string()
    };
    let vector = vec![0.0; 64];
    assert!(
        trace(&[1, 2], 0..2, 10, &[vec![vector.clone()]]).contains("one a token of the subject: 1 given, 2")
    );
    assert!(trace(&[1, 2], 0..1, 10, &[vec![vec![0.0; 3]]]).contains("3 given, 64 needed"));
    assert!(trace(&[1, 2], 1..3, 10, &[]).contains("the end of the subject: 3 given, 2 needed"));
    assert!(trace(&[1, 2], 0..1, 0, &[]).contains("a window of layers: 0 given"));
    assert!(trace(&[1; 60], 0..1, 10, &[vec![vector]]).contains("60 tokens"));
}

const CASE: &str = r#"{"case_id": "one", "prompt": "The headquarters of {} is in", "subject": "Rinbanix"}"#;

fn command(case: &str, more: &[&str]) -> Ran {
    let fixed = ["trace", "--model", ".", "--case", case, "--samples", "3"];
    finish(program(&[&fixed[..], more].concat()).current_dir(fixtures("oracle")))
}

/// A report whose measured numbers, and the shades that stand for them, are taken out.
fn assert_words(name: &str, report: &str) {
    let measured =
        vec![(r"[█▓▒░-]?-?\d+\.\d+(e-?\d+)?", "#"), (r"[█▓▒░]", "."), (r" +\n", "\n"), (r" +#", " #")];
    insta::with_settings!({filters => measured}, { insta::assert_snapshot!(name, report) });
}

#[test]
fn one_case_is_a_heat_map_that_explains_itself() {
    let ran = command(CASE, &[]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert!(ran.stdout.lines().all(|line| line.chars().count() <= 100), "{}", ran.stdout);
    assert_words("trace_one", &ran.stdout);
}

#[test]
fn the_record_has_its_documented_fields() {
    let ran = command(CASE, &["--format", "json", "--kind", "mlp", "--window", "2"]);
    let record: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(record["schema"], "diagnose.trace/1");
    let fields = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    let case = &record["cases"][0];
    insta::assert_snapshot!(
        "trace_fields",
        format!(
            "top: {}\nmodel: {}\nnoise: {}\nsummary: {}\nregion: {}\ncase: {}\ntoken: {}\nanswer: {}\nkind: {}\nbest: {}\n",
            fields(&record),
            fields(&record["model"]),
            fields(&record["noise"]),
            fields(&record["summary"]),
            fields(&record["summary"]["regions"][0]),
            fields(case),
            fields(&case["tokens"][0]),
            fields(&case["answer"]),
            fields(&case["kinds"][0]),
            fields(&case["kinds"][0]["best"]),
        )
    );
    assert_eq!((record["window"].as_u64(), record["samples"].as_u64()), (Some(2), Some(3)));
    assert_eq!(record["kinds"], serde_json::json!(["mlp"]));
    let grid: Vec<Vec<f64>> = numbers(&case["kinds"][0]["restored_probability"]);
    assert_eq!((grid.len(), grid[0].len()), (case["tokens"].as_array().unwrap().len(), 3));
    let (clean, corrupted) = (&case["clean_probability"], &case["corrupted_probability"]);
    let effect = clean.as_f64().unwrap() - corrupted.as_f64().unwrap();
    assert!((case["total_effect"].as_f64().unwrap() - effect).abs() < 1e-15);
}

#[test]
fn many_cases_are_averaged_by_region_and_every_format_has_every_case() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cases.json");
    let all: Vec<Value> = serde_json::from_slice(&fs::read(fixtures("oracle/cases.json")).unwrap()).unwrap();
    let six: Vec<&Value> = all.iter().step_by(12).collect();
    fs::write(&path, serde_json::to_vec(&six).unwrap()).unwrap();
    let run = |more: &[&str]| command(path.to_str().unwrap(), more);
    assert_words("trace_many", &run(&["--top", "2"]).stdout);
    let lines = run(&["--format", "jsonl"]).stdout;
    assert_eq!(lines.lines().count(), 7);
    assert!(lines.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
    let record: Value = serde_json::from_str(&run(&["--format", "json"]).stdout).unwrap();
    assert_eq!(record["summary"]["cases"], 6);
    assert_eq!(record["summary"]["with_target_true"], 6);
    let cells: usize = record["cases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|case| case["tokens"].as_array().unwrap().len() * 9)
        .sum();
    assert_eq!(run(&["--format", "csv"]).stdout.lines().count(), cells + 1);
    let markdown = run(&["--format", "markdown"]).stdout;
    assert!(
        markdown.starts_with("### diagnose trace · 6 cases: ") && markdown.contains("```text"),
        "{markdown}"
    );
    // The finding of the paper, on a model that knows its facts: MLPs act at the subject, attention at the last token.
    let effect = |kind: &str, region: &str| {
        let regions = record["summary"]["regions"].as_array().unwrap();
        let own = regions.iter().find(|mean| mean["kind"] == kind && mean["region"] == region).unwrap();
        numbers::<Vec<f64>>(&own["indirect_effect"]).into_iter().fold(f64::NEG_INFINITY, f64::max)
    };
    assert!(effect("attention", "last") > effect("attention", "last-subject"));
    assert!(effect("mlp", "last-subject") > effect("mlp", "first-after"));
}

#[test]
fn the_same_bytes_for_any_number_of_threads_and_others_for_another_seed() {
    let json = |more: &[&str]| command(CASE, &[&["--format", "json"], more].concat()).stdout;
    let one = json(&["--threads", "1"]);
    assert_eq!(one, json(&["--threads", "4"]));
    assert_ne!(one, json(&["--threads", "1", "--seed", "1"]));
}

#[test]
fn a_plot_is_written_in_both_formats() {
    let folder = tempfile::tempdir().unwrap();
    let (svg, png) = (folder.path().join("a.svg"), folder.path().join("a.png"));
    for path in [&svg, &png] {
        let ran = command(CASE, &["--plot", path.to_str().unwrap()]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }
    let text = fs::read_to_string(svg).unwrap();
    for words in
        ["Rinbanix: what brings back", "One hidden state put back", "Attention outputs", "indirect effect"]
    {
        assert!(text.contains(words), "{words}");
    }
    assert!(fs::read(png).unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn the_answer_is_the_models_own_or_the_true_one() {
    let case = r#"{"prompt": "{} is a company that makes", "subject": "Kolpisoft", "target_true": "phones"}"#;
    let answer = |which: &str| {
        let ran = command(case, &["--format", "json", "--kind", "hidden", "--answer", which]);
        let record: Value = serde_json::from_str(&ran.stdout).unwrap();
        record["cases"][0]["answer"].clone()
    };
    let own = answer("predicted");
    assert_eq!((own["is_target_true"].as_bool(), own["text"].as_str()), (Some(true), Some(" phones")));
    assert_eq!(answer("target_true"), own);
}

#[test]
fn noise_beyond_f32_gives_findings_and_strict_json() {
    let ran = command(CASE, &["--format", "json", "--noise", "1e300"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let record: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(record["summary"]["nonfinite_cases"], 1);
    let case = &record["cases"][0];
    assert_eq!(
        (&case["corrupted_probability"], &case["nonfinite"]["corrupted_probability"]),
        (&Value::Null, &"nan".into())
    );
    let table = command(CASE, &["--noise", "1e300"]).stdout;
    assert!(
        table.contains("1 case with probabilities that are no numbers") && table.contains('?'),
        "{table}"
    );
}

#[test]
fn one_bad_case_never_stops_the_others() {
    let long = "word ".repeat(60);
    let text = format!(
        r#"[{CASE}, {{"prompt": "no subject"}}, {{"case_id": "absent", "prompt": "Nobody is", "subject": "Kolpisoft"}},
        {{"case_id": "long", "prompt": "{long}{{}} is", "subject": "Kolpisoft"}}]"#
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cases.json");
    fs::write(&path, text).unwrap();
    let run = |more: &[&str]| command(path.to_str().unwrap(), &[&["--kind", "hidden"], more].concat());
    let ran = run(&["--format", "json"]);
    assert_eq!(ran.code, Some(1), "a record that is no case fails a check");
    assert!(ran.stderr.contains("1 of 4 records are no cases"), "{}", ran.stderr);
    let record: Value = serde_json::from_str(&ran.stdout).unwrap();
    let kinds: Vec<&str> =
        record["refused"].as_array().unwrap().iter().filter_map(|c| c["kind"].as_str()).collect();
    assert_eq!(kinds, ["bad-record", "subject-absent", "too-long"]);
    assert_eq!(record["summary"]["cases"], 1);
    let csv = run(&["--format", "csv"]).stdout;
    assert!(
        csv.lines().last().unwrap().starts_with("long,") && csv.contains("the context of the model holds 48"),
        "{csv}"
    );
    let ran = run(&["--answer", "target_true"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("cannot trace any of 4 records"), "{}", ran.stderr);
    assert!(ran.stdout.contains("the case has no `target_true`"), "{}", ran.stdout);
}

#[test]
fn what_cannot_work_is_refused_with_what_would_help() {
    let refused = |args: &[&str], words: &[&str]| {
        let ran = diagnose(&[&["trace", "--case", CASE], args].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{args:?}");
        assert!(words.iter().all(|word| ran.stderr.contains(word)), "{args:?}: {}", ran.stderr);
    };
    let of = |path: &str| fixtures(path).to_str().unwrap().to_owned();
    let (oracle, encoder) = (of("oracle"), of("architectures/bert"));
    refused(&["--model", &encoder], &["an encoder gives no probabilities", "use a decoder"]);
    refused(&["--model", &oracle, "--noise=-1"], &["not a number from 0 on"]);
    refused(&["--model", &oracle, "--noise", "nan"], &["not a number from 0 on"]);
    refused(&["--model", &oracle, "--samples", "0"], &["--samples"]);
    refused(&["--model", &oracle, "--window", "0"], &["--window"]);
    refused(&["--model", &oracle, "--plot", "a.jpg"], &[".svg or .png"]);
    refused(&["--model", "nowhere"], &["nowhere"]);
}
