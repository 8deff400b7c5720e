//! `diagnose correlate` from outside: tables of every kind, groups, gaps, rules, and what is refused.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::runner::{Ran, diagnose};

/// Two editors of eight models each. Perplexity ruins sst2, has nothing to do with the coin, and one model is infinite, one NaN.
const TABLE: &str = include_str!("../fixtures/correlate/edits.csv");

struct Bench(TempDir);

impl Bench {
    fn new() -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        fs::write(bench.0.path().join("edits.csv"), TABLE).unwrap();
        bench
    }

    fn at(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn put(&self, name: &str, text: &str) -> String {
        fs::write(self.0.path().join(name), text).unwrap();
        self.at(name)
    }

    fn run(&self, args: &[&str]) -> Ran {
        diagnose(&[&["correlate", &self.at("edits.csv")], args].concat())
    }

    fn json(&self, args: &[&str]) -> Value {
        document(&self.run(&[args, &["--format", "json"]].concat()))
    }
}

#[track_caller]
fn document(ran: &Ran) -> Value {
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert!(!ran.stdout.contains("NaN") && !ran.stdout.contains("Infinity"));
    serde_json::from_str(&ran.stdout).unwrap()
}

fn pair<'a>(group: &'a Value, y: &str) -> &'a Value {
    group["pairs"].as_array().unwrap().iter().find(|pair| pair["y"] == y).unwrap()
}

#[test]
fn an_infinite_perplexity_is_a_rank_a_nan_is_counted_and_a_gap_is_missing() {
    let found = Bench::new().json(&["--by", "editor"]);
    assert_eq!(found["schema"], "diagnose.correlate/1");
    let groups = found["groups"].as_array().unwrap();
    let by: Vec<&Value> = groups.iter().map(|group| &group["by"]["editor"]).collect();
    assert_eq!(by, ["rome", "memit"]);
    let rome = pair(&groups[0], "sst2/acc");
    assert_eq!(
        ["n", "missing", "nan", "infinite", "ties_x", "ties_y"].map(|field| rome[field].as_u64().unwrap()),
        [7, 1, 1, 1, 0, 0]
    );
    // scipy.stats.spearmanr of the ranks 1 … 7 and 6, 7, 5, 4, 3, 2, 1; exact: the sorted one, 6 next to it, and as many turned round.
    assert!((rome["coefficient"].as_f64().unwrap() + 0.964_285_714_285_714_3).abs() < 1e-15, "{rome}");
    assert_eq!(rome["p_method"], "exact");
    assert!((rome["p_value"].as_f64().unwrap() * 5040.0 - 14.0).abs() < 1e-9, "{rome}");
    assert_eq!(rome["direction_ok"], true);
    let memit = pair(&groups[1], "sst2/acc");
    assert_eq!([&memit["n"], &memit["missing"], &memit["nan"]].map(|n| n.as_u64().unwrap()), [7, 1, 0]);
}

#[test]
fn every_other_column_of_numbers_is_compared_and_what_cannot_be_says_why() {
    let found = Bench::new().json(&[]);
    assert_eq!(found["x"], "perplexity");
    let y: Vec<&Value> =
        found["groups"][0]["pairs"].as_array().unwrap().iter().map(|pair| &pair["y"]).collect();
    assert_eq!(y, ["sst2/acc", "coin", "constant"]);
    assert_eq!(found["mixed_columns"], serde_json::json!(["mixed"]));
    let constant = pair(&found["groups"][0], "constant");
    assert_eq!((&constant["status"], &constant["coefficient"]), (&"constant-y".into(), &Value::Null));
    assert_eq!((&found["comparisons"], &constant["p_holm"]), (&2.into(), &Value::Null));
    let [sst2, coin] = ["sst2/acc", "coin"].map(|y| pair(&found["groups"][0], y));
    let adjusted = |pair: &Value| pair["p_holm"].as_f64().unwrap() / pair["p_value"].as_f64().unwrap();
    assert!((adjusted(sst2) - 2.0).abs() < 1e-12, "{sst2}");
    assert_eq!(coin["direction_ok"], Value::Null);
}

#[test]
fn the_reading_says_in_one_line_what_was_found() {
    let bench = Bench::new();
    let headline = |args: &[&str]| bench.run(args).stdout.lines().next().unwrap().to_owned();
    let sst2 = headline(&["--y", "sst2/acc", "--p", "t"]);
    assert!(
        sst2.starts_with("perplexity explains sst2/acc, ρ = −0.") && sst2.ends_with(", n = 14"),
        "{sst2}"
    );
    let coin = headline(&["--y", "coin"]);
    assert!(coin.starts_with("perplexity does not surely explain coin, ρ = "), "{coin}");
}

#[test]
fn every_method_and_every_source_of_p_is_named_in_the_record() {
    let bench = Bench::new();
    for (method, p, named) in [
        ("spearman", "auto", "exact"),
        ("spearman", "t", "t"),
        ("kendall", "t", "normal"),
        ("kendall", "exact", "exact"),
        ("kendall", "permutation", "permutation"),
    ] {
        let found =
            bench.json(&["--by", "editor", "--y", "sst2/acc", "--method", method, "--p", p, "--seed", "3"]);
        let own = pair(&found["groups"][0], "sst2/acc");
        assert_eq!((&own["method"], &own["p_method"]), (&method.into(), &named.into()));
        assert!(own["p_value"].as_f64().is_some_and(|p| p > 0.0 && p < 0.05), "{own}");
    }
    let pearson = bench.json(&["--y", "sst2/acc", "--method", "pearson"]);
    assert_eq!(pair(&pearson["groups"][0], "sst2/acc")["status"], "infinite");
}

#[test]
fn permutations_and_bootstraps_depend_on_the_seed_and_not_on_threads() {
    let bench = Bench::new();
    let run = |seed: &str, threads: &str| {
        let args = ["--p", "permutation", "--interval", "bootstrap", "--collapsed", "note=gone"];
        let ran =
            bench.run(&[&args[..], &["--seed", seed, "--threads", threads, "--format", "json"]].concat());
        document(&ran);
        ran.stdout
    };
    assert_eq!(run("1", "1"), run("1", "2"));
    assert_ne!(run("1", "1"), run("2", "1"));
}

#[test]
fn a_rule_tells_collapsed_models_and_each_column_is_tried_as_a_test() {
    let bench = Bench::new();
    for rule in ["note=gone", "perplexity>=1000"] {
        let found = bench.json(&["--collapsed", rule, "--y", "sst2/acc", "coin"]);
        assert_eq!(found["collapsed"], rule);
        let separation = found["groups"][0]["separation"].as_array().unwrap();
        let of = |score: &str| separation.iter().find(|own| own["score"] == score);
        assert_eq!(of("perplexity").is_some(), rule == "note=gone", "a rule is not tried on itself");
        let sst2 = of("sst2/acc").unwrap();
        assert_eq!(
            (&sst2["auroc"], &sst2["above"], &sst2["threshold"]),
            (&0.0.into(), &false.into(), &0.55.into())
        );
        assert!(sst2["ci_high"].as_f64().is_some_and(|high| high > 0.1 && high < 0.6), "{sst2}");
    }
    let refused = bench.run(&["--collapsed", "note"]);
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.stderr.contains("row 1 of the column `note` is `fine`, which says neither"),
        "{}",
        refused.stderr
    );
}

#[test]
fn tables_of_every_kind_are_one_table() {
    let bench = Bench::new();
    let lines = bench.put(
        "more.jsonl",
        "{\"perplexity\": 35, \"sst2/acc\": 0.7}\n{\"perplexity\": Infinity, \"sst2/acc\": 0.5}\n",
    );
    let record = bench.put(
        "record.json",
        r#"{"schema": "diagnose.perplexity/1", "models": [{"perplexity": null, "nonfinite": {"perplexity": "inf"}, "sst2/acc": 0.5}]}"#,
    );
    let found = bench.run(&[&lines, &record, "--y", "sst2/acc", "--format", "json"]);
    let own = &document(&found)["groups"][0];
    assert_eq!(
        (&own["rows"], &own["pairs"][0]["infinite"], &own["pairs"][0]["n"]),
        (&19.into(), &3.into(), &17.into())
    );
}

#[test]
fn every_format_holds_the_same_pairs() {
    let bench = Bench::new();
    let run = |format: &str| {
        let ran = bench.run(&["--by", "editor", "--format", format]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        ran.stdout
    };
    let csv = run("csv");
    assert!(csv.starts_with(
        "editor,x,y,method,status,n,missing,nan,infinite,ties_x,ties_y,coefficient,p_value,log10_p,"
    ));
    assert_eq!(csv.lines().count(), 1 + 2 * 3);
    let lines: Vec<Value> = run("jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        lines.iter().map(|line| line["record"].as_str().unwrap()).collect::<Vec<_>>(),
        ["summary", "group", "group"]
    );
    for format in ["table", "markdown"] {
        let text = run(format);
        for words in ["sst2/acc", "ok", "editor = memit (8 rows)", "infinite in up to 1 row", "exact"] {
            assert!(text.contains(words), "{format}: {words}: {text}");
        }
    }
}

#[test]
fn a_plot_is_drawn_of_the_pairs_that_have_a_coefficient() {
    let bench = Bench::new();
    let plot = bench.at("scatter.svg");
    assert_eq!(bench.run(&["--plot", &plot]).code, Some(0));
    let svg = fs::read_to_string(&plot).unwrap();
    assert!(
        svg.contains("sst2/acc, by rank")
            && svg.contains("coin, by rank")
            && !svg.contains("constant, by rank")
    );
    assert_eq!(svg.matches("<circle").count(), 14 + 15);
    let nothing = bench.run(&["--y", "constant", "--plot", &plot]);
    assert_eq!(nothing.code, Some(2));
    assert!(nothing.stderr.contains("no pair of columns has a coefficient"), "{}", nothing.stderr);
}

#[test]
fn what_cannot_be_compared_is_refused_with_the_columns_that_there_are() {
    let bench = Bench::new();
    let several = bench.put("several.csv", "a/perplexity,b/perplexity,acc\n1,2,3\n");
    let none = bench.put("none.csv", "acc,f1\n1,2\n");
    let ragged = bench.put("ragged.csv", "ppl,acc\n1,2\n3\n");
    for (args, kind, words) in [
        (vec![several.as_str()], "several-perplexity-columns", "a/perplexity, b/perplexity"),
        (vec![none.as_str()], "no-perplexity-column", "(there are acc, f1)"),
        (vec![none.as_str(), "--x", "ppl"], "no-column", "no column `ppl`"),
        (vec![none.as_str(), "--x", "acc", "--y", "f2"], "no-column", "no column `f2`"),
        (vec![none.as_str(), "--x", "acc", "--by", "f2"], "no-column", "no column `f2`"),
        (vec![ragged.as_str()], "ragged-table", "line 3 has 1 cells where the header has 2"),
        (vec!["nowhere.csv"], "not-found", "no such file"),
        (vec![none.as_str(), "--x", "acc", "--collapsed", ">=3"], "usage", "no column stands in it"),
        (vec![none.as_str(), "--x", "acc", "--plot", "a.pdf"], "usage", ".svg or .png"),
    ] {
        let ran = diagnose(&[&["correlate"], &args[..], &["--format", "json"]].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{args:?}");
        let told: Value = serde_json::from_str(&ran.stderr).unwrap();
        assert_eq!(told["error"]["kind"], kind, "{args:?}: {told}");
        assert!(told["error"]["message"].as_str().unwrap().contains(words), "{args:?}: {told}");
    }
    let text = bench.run(&["--x", "note"]);
    assert!(text.stderr.contains("the column `note` holds no number"), "{}", text.stderr);
}
