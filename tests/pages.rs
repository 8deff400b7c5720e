//! Reports as HTML, and records of many runs as one page. What only a browser can tell is asked of one: `tests/page/check.py`.

use std::fs;
use std::path::Path;

use collapse_diagnostics::reader::RecordFile;
use collapse_diagnostics::report::CollectionReport;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::runner::{Bench, Ran, diagnose};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");

/// What stands between the head and the script: the page without its style.
fn body(page: &str) -> &str {
    let from = page.find("<body>").expect("a body");
    let to = page.find("<p id=\"said\"").expect("the end of the page's own text");
    &page[from..to]
}

fn page(bench: &Bench, args: &[&str]) -> String {
    let ran = bench.diagnose(args);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran.stdout
}

/// A checkpoint pair's record in the bench, under that name.
/// Without spectra, whose values below the rounding edge are not the same with every linear algebra.
fn record(bench: &Bench, name: &str) {
    page(bench, &["deltas", "before.safetensors", "after.safetensors", "--spectrum", "none", "-o", name]);
}

fn put(bench: &Bench, name: &str, record: &Value) {
    fs::write(bench.at(name), record.to_string()).expect("a writable directory");
}

#[test]
fn a_comparison_is_a_page_of_its_own() {
    let bench = Bench::new();
    let deltas = ["deltas", "before.safetensors", "after.safetensors", "--expect-changed"];
    let page_of = |more: &[&str]| page(&bench, &[&deltas[..], more].concat());
    let plain = page_of(&["--spectrum", "none", "--format", "html"]);
    insta::assert_snapshot!("deltas_page", body(&plain));
    bench.diagnose(&[&deltas[..], &["--spectrum", "none", "-o", "page.htm"]].concat());
    assert_eq!(
        fs::read_to_string(bench.at("page.htm")).expect("written"),
        plain,
        "the extension asks for the same"
    );
    assert!(page_of(&["--format", "html"]).contains("Directions of the change"), "the spectrum is drawn");
    assert!(!plain.contains("Directions of the change"), "there is none");
}

#[test]
fn every_command_that_writes_a_page_writes_one_that_names_no_other_place() {
    let model = format!("{FIXTURES}/world/model");
    let texts = format!("{FIXTURES}/world/texts.txt");
    let cases = format!("{FIXTURES}/world/cases.json");
    let moments = format!("{model}/second_moment.safetensors");
    let contexts = format!("{FIXTURES}/world/contexts.json");
    let runs: [&[&str]; 5] = [
        &[
            "keys",
            "--model",
            &model,
            "--layer",
            "0",
            "--case",
            &cases,
            "--moments",
            &moments,
            "--contexts",
            &contexts,
        ],
        &[
            "perplexity",
            "--model",
            &model,
            "--baseline",
            &model,
            "--texts",
            &texts,
            "--per-text",
            "--resamples",
            "100",
        ],
        &["first-token", "--model", &model, "--texts", &texts],
        &["trace", "--model", &model, "--case", &cases, "--samples", "1"],
        &["keys", "--model", &model, "--screen", &cases],
    ];
    for run in runs {
        let ran = diagnose(&[run, &["--format", "html"]].concat());
        assert_eq!(ran.code, Some(0), "{run:?}: {}", ran.stderr);
        let page = &ran.stdout;
        assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"), "{run:?}");
        assert!(!page.contains("://") && !page.contains("src=\""), "{run:?} names another place");
        let pictures = page.matches("role=\"img\"").count();
        assert!(run.contains(&"--screen") || pictures > 0, "{run:?} has no picture");
        assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count(), "{run:?}");
    }
}

#[test]
fn the_plane_of_keys_is_in_the_record_where_it_is_asked_for() {
    let oracle = format!("{FIXTURES}/oracle");
    let [cases, moments, contexts] =
        ["cases.json", "second_moment.npz", "contexts.json"].map(|file| format!("{oracle}/{file}"));
    let run = |more: &[&str]| -> Value {
        let base = ["keys", "--model", &oracle, "--layer", "0", "--case", &cases, "--moments", &moments];
        let ran = diagnose(&[&base[..], &["--contexts", &contexts, "--format", "json"], more].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        serde_json::from_str(&ran.stdout).expect("JSON")
    };
    let plain = run(&[]);
    assert!(plain.get("projection").is_none());
    assert_eq!(plain["thresholds"], json!({"collapse": 0.08, "safe": 0.25}));
    let with = run(&["--projection", "pca"]);
    let points = with["projection"]["points"].as_array().expect("points");
    let cases = with["cases"].as_array().expect("cases").len();
    let of = |role: &str| points.iter().filter(|point| point["role"] == role).count();
    assert_eq!((of("mean"), of("unprefixed")), (cases, cases));
    let explained: f64 =
        with["projection"]["explained"].as_array().expect("shares").iter().filter_map(Value::as_f64).sum();
    assert!(explained > 0.3 && explained <= 1.0, "{explained}");
}

#[test]
fn records_of_a_folder_become_one_page_with_the_worst_verdict_on_top() {
    let bench = Bench::new();
    fs::create_dir(bench.at("runs")).expect("a writable directory");
    record(&bench, "runs/b.json");
    let case = |id: &str, level: &str, ratio: f64| {
        json!({"case_id": id, "subject": "S", "denominator_ratio": ratio, "unit_denominator": ratio, "consistent_unit_denominator": 1.0,
            "key_cosine": ratio, "key_distance": 1.0, "verdict": {"level": level, "reasons": ["because"],
            "calibration": {"status": "heuristic", "basis": "few"}}})
    };
    let summary =
        json!({"cases": 2, "safe": 1, "at_risk": 0, "collapse": 1, "first_token_cases": 1, "refused": 0});
    let keys = json!({"schema": "diagnose.keys/1", "tool": {"name": "diagnose", "version": "9.9"}, "summary": summary, "activations": "dump",
        "cases": [case("one", "collapse", 0.01), case("two", "safe", 1.0)], "refused": []});
    put(&bench, "runs/a.json", &keys);
    put(&bench, "runs/config.json", &json!({"model_type": "gpt2"}));
    let page = page(&bench, &["report", "runs"]);
    insta::assert_snapshot!("collection", body(&page));
    let top = page.find("collapse: ROME would break the model with 1 of 2 cases").expect("the worst verdict");
    assert!(top < page.find("<nav").expect("contents"), "it stands at the top");
    assert!(
        page.find("runs/b.json").expect("deltas") < page.find("runs/a.json").expect("keys"),
        "in the order of a story"
    );
}

#[test]
fn a_file_that_is_no_record_is_a_row_and_stops_no_other() {
    let bench = Bench::new();
    record(&bench, "good.json");
    fs::write(bench.at("broken.json"), "{\"schema\": \"diagnose.deltas/1\", ").expect("a writable directory");
    let ran: Ran = bench.diagnose(&["report", "broken.json", "good.json", "absent.json", "-o", "page.html"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("check failed: broken.json: ")
            && ran.stderr.contains("check failed: absent.json: "),
        "{}",
        ran.stderr
    );
    let page = fs::read_to_string(bench.at("page.html")).expect("written all the same");
    assert!(
        page.contains("2 files could not be read as a record") && page.contains("<td>dataset-not-json</td>"),
        "{page}"
    );
    assert!(page.contains("good.json"));
}

#[test]
fn no_record_at_all_is_a_refusal_that_leaves_no_page() {
    let bench = Bench::new();
    for (run, says) in [(".", "there is no .json file"), ("before.safetensors", "before.safetensors")] {
        let ran = bench.diagnose(&["report", run, "-o", "page.html"]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains(says) && ran.stderr.contains("--format json"), "{}", ran.stderr);
        assert!(!bench.at("page.html").exists());
    }
}

#[test]
fn a_record_of_a_later_version_is_shown_with_all_that_it_holds_and_its_names_stay_text() {
    let bench = Bench::new();
    let hostile = "</td><script>alert(1)</script>\u{202e}\" onload='x";
    let later = json!({"schema": "diagnose.later/7", "tool": {"name": "diagnose", "version": hostile}, "finding": {"of": hostile, "size": 0.125},
        "rows": [{hostile: hostile, "n": 12345}]});
    put(&bench, "later.json", &later);
    let page = page(&bench, &["report", "later.json", "--title", hostile]);
    assert_eq!(page.matches("<script>").count(), 1, "the page's own");
    assert!(!page.contains('\u{202e}') && !page.contains("</td><script"));
    for told in ["finding size", "0.1250", "12,345", "&lt;script&gt;", "diagnose.later/7"] {
        assert!(page.replace("&#60;", "&lt;").replace("&#62;", "&gt;").contains(told), "{told}");
    }
}

#[test]
fn a_long_record_gives_a_page_that_is_not() {
    let bench = Bench::new();
    let text = |i: u32| json!({"index": i, "tokens": 20, "mean_nll": 1.0, "perplexity": 2.0 + f64::from(i), "status": "scored"});
    let model = |path: &str| json!({"path": path, "perplexity": 3.0, "texts_detail": (0..20_000).map(text).collect::<Vec<_>>()});
    put(
        &bench,
        "long.json",
        &json!({"schema": "diagnose.perplexity/1", "models": [model("a")], "baseline": model("b")}),
    );
    let page = page(&bench, &["report", "long.json"]);
    assert!(page.len() < 400_000, "{} bytes", page.len());
    assert!(page.contains("19,900 rows more in the record"), "what is left out is counted");
    assert!(page.contains("No room for 19,000 more points"));
}

#[test]
fn the_same_records_give_the_same_bytes() {
    let bench = Bench::new();
    record(&bench, "a.json");
    let [once, again] = [(); 2].map(|()| page(&bench, &["report", "a.json", "a.json"]));
    assert_eq!(once, again);
    assert!(
        Path::new(FIXTURES).is_dir() && once.matches("id=\"record-2\"").count() == 1,
        "each has a name of its own"
    );
}

/// Fields that the pages look for, so that documents drawn at random have them in every shape.
const FIELDS: [&str; 40] = [
    "summary",
    "verdict",
    "level",
    "reasons",
    "calibration",
    "basis",
    "tensors",
    "status",
    "role",
    "layer",
    "relative_delta",
    "spectrum",
    "singular_values",
    "cases",
    "case_id",
    "unit_denominator",
    "consistent_unit_denominator",
    "projection",
    "points",
    "explained",
    "models",
    "baseline",
    "texts_detail",
    "index",
    "perplexity",
    "metrics",
    "efficacy_success",
    "mean",
    "edits",
    "requests",
    "division",
    "runs",
    "series",
    "phases",
    "name",
    "groups",
    "pairs",
    "coefficient",
    "nonfinite",
    "experiments",
];

fn documents() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "changed", "collapse", "nan", "inf", "key", "done", "<b>", "\u{202e}", "stable", "",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        words.prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 96, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(prop::sample::select(FIELDS.to_vec()), inner, 0..8).prop_map(
                |fields| Value::Object(
                    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
                )
            ),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_a_document_holds_a_page_comes_of_it(value in documents()) {
        let commands = [
            "deltas", "keys", "edit", "perplexity", "evaluate", "first-token", "trace", "correlate", "sequence", "regress", "reproduce",
            "screen", "later",
        ];
        let record = |command: &str| {
            RecordFile { path: "r.json".into(), command: command.to_owned(), version: 1, value: value.clone() }
        };
        let records = commands.map(record);
        let mut page = Vec::new();
        CollectionReport { title: "t", records: &records, unread: &[] }.write(&mut page).expect("memory takes it");
        let page = String::from_utf8(page).expect("UTF-8");
        let (whole, plain) = (page.ends_with("</html>\n"), !page.contains('\u{202e}'));
        prop_assert!(whole && plain);
        prop_assert_eq!(page.matches("<b>").count(), records.len(), "the names of the commands alone");
        prop_assert!(!page.contains("NaN") && page.matches("<svg").count() == page.matches("</svg>").count());
    }
}
