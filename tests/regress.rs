//! `diagnose regress` from outside, and its statistics against `SciPy`, statsmodels and enumeration.

use std::fs;
use std::path::Path;

use collapse_diagnostics::stats::{Share, benjamini_hochberg, detectable, holm, mcnemar, signed_rank};
use serde_json::{Value, json};

use crate::runner::{Bench, Ran, finish, program};

/// Relative error of a probability or of an end of an interval, but for what lies below 10⁻¹² anyway.
const CLOSE: f64 = 1e-9;

fn fixtures() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/regress")
}

fn expected() -> Value {
    serde_json::from_slice(&fs::read(fixtures().join("statistics.json")).unwrap()).unwrap()
}

fn close(found: f64, expected: &Value, what: &str) {
    let expected = expected.as_f64().unwrap();
    assert!((found - expected).abs() <= CLOSE * expected.abs() + 1e-12, "{what}: {found} and not {expected}");
}

fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

/// The program, run beside the fixtures, so that paths in reports are the same everywhere.
fn regress(args: &[&str]) -> Ran {
    finish(program(&["regress"]).args(args).current_dir(fixtures()))
}

fn json_of(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}\n{}", ran.stdout, ran.stderr))
}

fn row<'a>(record: &'a Value, metric: &str) -> &'a Value {
    let rows = record["rows"].as_array().unwrap();
    rows.iter().find(|row| row["metric"] == metric).unwrap_or_else(|| panic!("no {metric} in {rows:?}"))
}

fn statuses(record: &Value) -> Vec<(String, String)> {
    let rows = record["rows"].as_array().unwrap().iter();
    rows.map(|row| (row["metric"].as_str().unwrap().into(), row["status"].as_str().unwrap().into())).collect()
}

/// Two tables in a folder of their own, compared with these arguments.
fn tables(baseline: &str, current: &str, args: &[&str]) -> (Ran, Bench) {
    let bench = Bench::new();
    fs::write(bench.at("a.csv"), baseline).unwrap();
    fs::write(bench.at("b.csv"), current).unwrap();
    let ran = bench.diagnose(&[&["regress", "a.csv", "b.csv"], args].concat());
    (ran, bench)
}

#[test]
fn mcnemar_is_that_of_scipy_from_nothing_to_a_million_items() {
    for case in expected()["mcnemar"].as_array().unwrap() {
        let found = mcnemar(case["lost"].as_u64().unwrap(), case["won"].as_u64().unwrap());
        close(found.exact_p, &case["exact_p"], &format!("exact {case}"));
        close(found.mid_p, &case["mid_p"], &format!("mid {case}"));
    }
}

#[test]
fn signed_ranks_are_those_of_scipy_and_with_ties_those_of_all_choices_of_signs() {
    for case in expected()["signed_rank"].as_array().unwrap() {
        let differences = numbers(&case["differences"]);
        let found = signed_rank(&differences).unwrap();
        close(found.p_value, &case["p_value"], &format!("{differences:?}"));
        let moved = differences.iter().filter(|d| **d != 0.0).count();
        assert_eq!(found.exact, moved <= 200, "{moved} differences");
        assert_eq!(found.n + found.zeros, differences.len());
    }
    assert_eq!(signed_rank(&[f64::NAN, 1.0]), None);
    assert_eq!(signed_rank(&[f64::INFINITY, 1.0, 2.0]).map(|found| found.p_value), Some(0.25));
}

#[test]
fn shares_their_difference_and_what_can_be_seen_are_those_of_statsmodels() {
    let expected = expected();
    for case in expected["shares"].as_array().unwrap() {
        let share = |side: &str| {
            Share::new(case[side][0].as_u64().unwrap(), case[side][1].as_u64().unwrap()).unwrap()
        };
        let (before, after) = (share("before"), share("after"));
        for (found, side) in [(before.wilson(), "wilson"), (before.newcombe(after), "newcombe")] {
            close(found.low, &case[side][0], &format!("low {side} {case}"));
            close(found.high, &case[side][1], &format!("high {side} {case}"));
        }
        close(before.pooled_p_value(after), &case["pooled_p"], &format!("pooled {case}"));
    }
    for case in expected["detectable"].as_array().unwrap() {
        let [error, alpha, power] =
            ["standard_error", "alpha", "power"].map(|field| case[field].as_f64().unwrap());
        let (found, wanted) = (detectable(error, alpha, power), case["change"].as_f64().unwrap());
        // The power that statsmodels solves for counts the other tail too: a part in ten thousand at these sizes.
        assert!((found / wanted - 1.0).abs() < 1e-4, "{found} and not {wanted}");
    }
    assert_eq!([Share::new(1, 0), Share::new(3, 2)], [None, None]);
}

#[test]
fn many_tests_are_adjusted_as_statsmodels_does() {
    for case in expected()["adjusted"].as_array().unwrap() {
        let p = numbers(&case["p"]);
        for (found, side) in [(holm(&p), "holm"), (benjamini_hochberg(&p), "bh")] {
            for (at, found) in found.iter().enumerate() {
                close(*found, &case[side][at], &format!("{side} of {}", p[at]));
            }
        }
    }
}

#[test]
fn runs_of_the_harness_are_compared_sample_by_sample_and_in_the_right_direction() {
    let ran = regress(&["lm-eval/base", "lm-eval/edited", "--format", "json"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let record = json_of(&ran);
    let told = ["facts/acc", "wiki/bits_per_byte", "wiki/word_perplexity"].map(|name| (name, "regressed"));
    let others = [("gone/acc", "missing"), ("names/acc", "ok")];
    let wanted: Vec<_> = told.into_iter().chain(others).map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
    assert_eq!(statuses(&record), wanted);

    let facts = row(&record, "facts/acc");
    let wanted = &expected()["lm_eval"];
    close(facts["change"].as_f64().unwrap(), &wanted["change"], "change");
    close(facts["test"]["p_value"].as_f64().unwrap(), &wanted["facts"]["mid_p"], "p");
    assert_eq!(
        [&facts["test"]["kind"], &facts["test"]["lost"], &facts["test"]["won"]],
        [&json!("mcnemar-mid-p"), &json!(30), &json!(0)]
    );
    assert_eq!(facts["direction_from"], "reported");

    let perplexity = row(&record, "wiki/word_perplexity");
    assert_eq!(
        [&perplexity["direction"], &perplexity["change"]],
        [&json!("lower"), &json!(7.0)],
        "neither times 100 nor upside down"
    );
    let gone = row(&record, "gone/acc");
    assert_eq!([&gone["current"], &gone["change"]], [&Value::Null, &Value::Null], "missing, not zero");
    let nan = row(&record, "wiki/bits_per_byte");
    assert_eq!(
        [&nan["current"], &nan["nonfinite"]["current"], &nan["reason"]],
        [&Value::Null, &json!("nan"), &json!("0.7500 became nan")]
    );
    assert_eq!(
        record["summary"],
        json!({"regressed": 3, "missing": 1, "improved": 0, "ok": 1, "new": 0, "failed": true})
    );
}

#[test]
fn the_other_way_round_everything_is_better_or_new_and_passes() {
    let ran = regress(&["lm-eval/edited", "lm-eval/base", "--format", "json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let record = json_of(&ran);
    let improved = statuses(&record).into_iter().filter(|(_, status)| status == "improved").count();
    assert_eq!((improved, row(&record, "gone/acc")["status"].as_str()), (3, Some("new")));
}

#[test]
fn a_tolerance_decides_before_a_test_and_missing_passes_where_it_may() {
    let generous =
        ["--tolerance", "wiki/word_perplexity=30%", "--tolerance", "facts/*=0.3", "--allow-missing"];
    let args = [&["lm-eval/base", "lm-eval/edited", "--format", "json"], &generous[..]].concat();
    let ran = regress(&args);
    assert_eq!(ran.code, Some(1), "nan is a regression whatever is allowed: {}", ran.stderr);
    assert_eq!(ran.stderr, "check failed: wiki/bits_per_byte: 0.7500 became nan\n");
    let only = [&args[..], &["--only", "facts/*", "--only", "gone/*", "--only", "*word*"]].concat();
    let ran = regress(&only);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let record = json_of(&ran);
    assert_eq!(row(&record, "facts/acc")["tolerance_from"], "absolute");
    assert_eq!(row(&record, "gone/acc")["status"], "missing");
}

#[test]
fn a_change_of_just_the_tolerance_passes_though_f64_makes_it_a_little_more() {
    let table = |value: &str| format!("metric,value\nacc,{value}\n");
    let code = |current: &str| tables(&table("0.8"), &table(current), &["--tolerance", "acc=0.01"]).0.code;
    assert_eq!([code("0.79"), code("0.7899")], [Some(0), Some(1)]);
}

#[test]
fn without_samples_errors_or_tolerance_any_worsening_counts_and_a_standard_error_is_evidence() {
    let (ran, _) = tables("metric,value\nacc,0.5\n", "metric,value\nacc,0.4999\n", &[]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("nothing says how much it varies: give --tolerance"), "{}", ran.stderr);
    let errors = |value: &str| format!("metric,value,stderr,n\nacc,{value},0.02,600\n");
    let (ran, _) = tables(&errors("0.5"), &errors("0.4999"), &["--format", "json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(row(&json_of(&ran), "acc")["test"]["kind"], "standard-errors");
    let (ran, _) = tables(&errors("0.5"), &errors("0.4"), &[]);
    assert_eq!(ran.code, Some(1));
}

#[test]
fn where_nobody_says_which_way_is_better_a_change_is_told_as_such() {
    let (baseline, current) = ("metric,value\nspeed,5\n", "metric,value\nspeed,6\n");
    let (ran, _) = tables(baseline, current, &[]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("nothing says which way is better"), "{}", ran.stderr);
    assert_eq!(tables(baseline, current, &["--higher-is-better", "sp*"]).0.code, Some(0));
    assert_eq!(tables(baseline, current, &["--lower-is-better", "speed"]).0.code, Some(1));
    // What is told counts more than what is known.
    assert_eq!(
        tables("metric,value\nacc,5\n", "metric,value\nacc,6\n", &["--lower-is-better", "acc"]).0.code,
        Some(1)
    );
}

#[test]
fn repeated_runs_say_how_much_a_metric_may_move() {
    let bench = Bench::new();
    fs::write(bench.at("a.csv"), "metric,value\nacc,0.50\nf1,0.5\n").unwrap();
    fs::write(bench.at("b.csv"), "metric,value\nacc,0.47\nf1,0.5\n").unwrap();
    fs::write(bench.at("runs.csv"), "acc,f1\n0.50,0.5\n0.51,0.5\n0.49,0.5\n").unwrap();
    let run =
        |args: &[&str]| bench.diagnose(&[&["regress", "a.csv", "b.csv", "--format", "json"], args].concat());
    let ran = run(&["--noise", "runs.csv", "--correction", "none"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let record = json_of(&ran);
    let acc = row(&record, "acc");
    // t(0.975; 2) · √2 · 0.01 by hand.
    assert!((acc["tolerance"].as_f64().unwrap() - 0.060_848_698).abs() < 1e-8, "{acc}");
    assert_eq!([&acc["tolerance_from"], &acc["noise"]["runs"]], [&json!("noise"), &json!(3)]);
    assert_eq!(row(&record, "f1")["tolerance"], json!(0.0), "runs that agree allow nothing");
    let both = json_of(&run(&["--noise", "runs.csv"]));
    assert!(row(&both, "acc")["tolerance"].as_f64().unwrap() > 0.08, "two metrics share one false alarm");
    fs::write(bench.at("once.csv"), "acc\n0.5\n").unwrap();
    let ran = run(&["--noise", "once.csv"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("one run has no spread"), "{}", ran.stderr);
}

#[test]
fn a_file_of_rules_is_read_from_the_current_folder_and_flags_count_more() {
    let bench = Bench::new();
    fs::write(bench.at("a.csv"), "metric,value\nspeed,100\nacc,0.5\n").unwrap();
    fs::write(bench.at("b.csv"), "metric,value\nspeed,98\nacc,0.5\n").unwrap();
    let rules =
        "higher-is-better = [\"speed\"]\nalpha = 0.01\ncorrection = 'bh'\n\n[tolerance]\n\"spe*\" = \"3%\"\n";
    fs::write(bench.at("regress.toml"), rules).unwrap();
    let run =
        |args: &[&str]| bench.diagnose(&[&["regress", "a.csv", "b.csv", "--format", "json"], args].concat());
    let ran = run(&[]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let record = json_of(&ran);
    assert_eq!(
        [&record["rules"]["alpha"], &record["rules"]["correction"]],
        [&json!(0.01), &json!("benjamini-hochberg")]
    );
    assert_eq!(
        run(&["--tolerance", "*=1"]).code,
        Some(1),
        "a flag counts more than a longer pattern of the file"
    );
    fs::write(bench.at("other.toml"), "alpha = 0.01\n\ntolerances = 3\n").unwrap();
    let ran = run(&["--rules", "other.toml"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("other.toml, line 3: there is no setting 'tolerances'"), "{}", ran.stderr);
    for (bad, said) in [
        ("alpha = 2\n", "line 1: alpha is not a number between 0 and 1"),
        ("[tolerance]\na = \"x\"\n", "line 2: 'x' is no tolerance"),
        ("[rules]\na = 1\n", "line 2: there is no table [rules]"),
        ("noise = true\n", "line 1: noise is no text"),
        ("alpha = \n", "line 1: "),
    ] {
        fs::write(bench.at("other.toml"), bad).unwrap();
        let ran = run(&["--rules", "other.toml"]);
        assert_eq!(ran.code, Some(2), "{bad}");
        assert!(ran.stderr.replace("\\n", " ").contains(said), "{bad}: {}", ran.stderr);
    }
}

#[test]
fn two_protocols_of_perplexity_are_never_compared() {
    let bench = Bench::new();
    let record = |window: u64| {
        json!({"schema": "diagnose.perplexity/1", "models": [{"path": "m", "texts": 2, "scored_texts": 2, "tokens": 9,
            "mean_nll": 2.0, "protocol": {"tokenizer_hash": "ab", "bos": null, "window": window, "stride": null}}]})
    };
    fs::write(bench.at("a.json"), record(512).to_string()).unwrap();
    fs::write(bench.at("b.json"), record(1024).to_string()).unwrap();
    let ran = bench.diagnose(&["regress", "a.json", "b.json", "--tolerance", "*=100"]);
    assert_eq!(ran.code, Some(1));
    let said = "measured in another way: tokenizer ab, bos none, window 512, stride none, 2 texts, 9 tokens; now tokenizer ab, bos none, window 1024";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    assert_eq!(bench.diagnose(&["regress", "a.json", "a.json"]).code, Some(0));
}

#[test]
fn texts_of_two_perplexities_are_compared_text_by_text_with_the_weight_of_their_tokens() {
    let bench = Bench::new();
    let record = |nll: [f64; 6]| {
        let tokens = [4_u32, 9, 2, 7, 5, 3];
        let detail: Vec<Value> = (0..6)
            .map(|i| json!({"index": i, "tokens": tokens[i], "mean_nll": nll[i], "perplexity": nll[i].exp(), "status": "scored"}))
            .collect();
        let total: f64 = tokens.iter().zip(nll).map(|(t, nll)| f64::from(*t) * nll).sum();
        let mean = nll.iter().map(|nll| nll.exp()).sum::<f64>() / 6.0;
        json!({"schema": "diagnose.perplexity/1", "models": [{"path": "m", "texts": 6, "scored_texts": 6, "tokens": 30,
            "mean_nll": total / 30.0, "mean_of_text_perplexities": mean, "nonfinite_texts": 0,
            "protocol": {"tokenizer_hash": "ab"}, "texts_detail": detail}]})
    };
    fs::write(bench.at("a.json"), record([1.0, 2.0, 1.5, 0.5, 1.1, 0.7]).to_string()).unwrap();
    fs::write(bench.at("b.json"), record([1.1, 2.2, 1.8, 0.6, 1.3, 0.9]).to_string()).unwrap();
    let ran = bench.diagnose(&["regress", "a.json", "b.json", "--format", "json", "--correction", "none"]);
    let found = json_of(&ran);
    let nll = row(&found, "perplexity/mean_nll");
    assert_eq!([&nll["test"]["kind"], &nll["test"]["n"]], [&json!("wilcoxon-signed-rank"), &json!(6)]);
    // Every text is worse: two of 64 choices of signs are as extreme.
    assert_eq!(nll["test"]["p_value"], json!(0.03125));
    assert_eq!((ran.code, nll["status"].as_str()), (Some(1), Some("regressed")));
    let change = nll["change"].as_f64().unwrap();
    let [low, high] = ["ci_low", "ci_high"].map(|end| nll["test"][end].as_f64().unwrap());
    assert!(low < change && change < high, "{low} {change} {high}");
}

#[test]
fn two_evaluations_are_compared_case_by_case() {
    let bench = Bench::new();
    let record = |success: [f64; 8]| {
        let cases: Vec<Value> = success
            .iter()
            .enumerate()
            .map(|(i, s)| json!({"index": i, "case_id": format!("c{i}"), "efficacy_success": s}))
            .collect();
        let mean = success.iter().sum::<f64>() / 8.0;
        let deviation = (mean * (1.0 - mean)).sqrt();
        json!({"schema": "diagnose.evaluate/1", "tokenizer_hash": "ab", "summary": null, "perplexity": null, "cases": cases,
            "metrics": {"efficacy_success": {"protocol": "counterfact-nll", "cases": 8, "mean": mean, "standard_deviation": deviation}},
            "tasks": [{"source": "t/facts.jsonl", "protocol": "cloze-greedy", "items": 50, "correct": 40, "invalid": 0, "accuracy": 0.8, "f1": null, "mcc": null}]})
    };
    fs::write(bench.at("a.json"), record([1.0; 8]).to_string()).unwrap();
    fs::write(bench.at("b.json"), record([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0]).to_string()).unwrap();
    let found = json_of(&bench.diagnose(&["regress", "a.json", "b.json", "--format", "json"]));
    let efficacy = row(&found, "evaluate/efficacy_success");
    assert_eq!([&efficacy["test"]["lost"], &efficacy["test"]["won"]], [&json!(6), &json!(0)]);
    assert_eq!(efficacy["status"], "regressed");
    let accuracy = row(&found, "evaluate/facts.jsonl/accuracy");
    assert_eq!(accuracy["test"]["kind"], "pooled-proportions");
}

#[test]
fn what_cannot_be_compared_is_said_with_what_would_help() {
    let (ran, _) = tables("metric,value\na,1\n", "metric,value\nb,1\n", &[]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("no metric in common: a.csv has a, b.csv has b"), "{}", ran.stderr);
    let (ran, _) = tables("metric,value\na,1\na,2\n", "metric,value\na,1\n", &[]);
    assert!(ran.stderr.contains("a.csv: the metric `a` stands twice"), "{}", ran.stderr);
    let (ran, bench) = tables("x,y\n1,2\n3,4\n", "x,y\n1,2\n3,4\n", &[]);
    assert!(ran.stderr.contains("2 rows, and no columns `metric` and `value`"), "{}", ran.stderr);
    fs::write(bench.at("m.json"), r#"{"schema": "diagnose.moments/1"}"#).unwrap();
    let ran = bench.diagnose(&["regress", "m.json", "m.json"]);
    assert!(
        ran.stderr.contains("a record of 'diagnose moments' has no metrics that are compared"),
        "{}",
        ran.stderr
    );
    fs::write(bench.at("m.json"), r#"{"schema": "diagnose.keys/1"}"#).unwrap();
    let ran = bench.diagnose(&["regress", "m.json", "m.json"]);
    assert!(ran.stderr.contains("not a whole record diagnose.keys/1: no cases"), "{}", ran.stderr);
    let ran = bench.diagnose(&["regress", "nowhere.json", "a.csv"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("nowhere.json: no such file"), "{}", ran.stderr);
    let ran = bench.diagnose(&["regress", "a.csv", "b.csv", "--tolerance", "acc"]);
    assert!(ran.stderr.contains("there is no `=` in it"), "{}", ran.stderr);
    let ran = bench.diagnose(&["perplexity", "--model", "m", "--texts", "t", "--format", "junit"]);
    assert!(ran.stderr.contains("this report is not written as junit"), "{}", ran.stderr);
}

/// A metric's name that would disturb every format there is.
const HOSTILE: &str = "a|b`<img src=x>\u{1b}[31m]]>\n@all/acc";

fn hostile_tables() -> [String; 2] {
    let quoted = HOSTILE.replace('"', "\"\"");
    [0.9, 0.1].map(|value| format!("metric,value\n\"{quoted}\",{value}\nloss,1\n"))
}

#[test]
fn a_hostile_name_is_shown_and_acted_upon_nowhere() {
    let [before, after] = hostile_tables();
    for format in ["table", "markdown", "csv", "junit", "sarif", "jsonl"] {
        let (ran, _) = tables(&before, &after, &["--format", format, "-q"]);
        assert_eq!(ran.code, Some(1), "{format}: {}", ran.stderr);
        assert!(!ran.stdout.contains('\u{1b}'), "{format}");
        if format == "markdown" {
            assert!(!ran.stdout.contains("<img") && !ran.stdout.contains("@all"), "{}", ran.stdout);
            let table = ran.stdout.lines().filter(|line| line.starts_with("| regressed"));
            assert_eq!(
                table.map(|line| line.matches(" | ").count()).collect::<Vec<_>>(),
                [8],
                "one row of nine cells"
            );
        }
    }
}

#[test]
fn the_junit_report_reads_back_with_a_case_a_metric() {
    let [before, after] = hostile_tables();
    let (ran, _) = tables(&before, &after, &["--format", "junit", "-q"]);
    let report = quick_junit::Report::deserialize_from_str(&ran.stdout).unwrap();
    assert_eq!((report.tests, report.failures, report.errors), (2, 1, 0));
    let names: Vec<&str> = report.test_suites[0].test_cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names, ["a|b`<img src=x>\\x1b[31m]]>\\n@all/acc", "loss"]);
}

/// The rules of SARIF 2.1.0 that code scanning insists on.
fn essential_sarif() -> Value {
    let rules = r#"{
        "type": "object", "required": ["$schema", "version", "runs"],
        "properties": {"version": {"const": "2.1.0"}, "runs": {"type": "array", "minItems": 1, "items": {
            "type": "object", "required": ["tool", "results"], "properties": {
                "tool": {"type": "object", "required": ["driver"], "properties": {"driver": {
                    "type": "object", "required": ["name", "rules"], "properties": {"rules": {"type": "array", "uniqueItems": true, "items": {
                        "type": "object", "required": ["id", "shortDescription"],
                        "properties": {"shortDescription": {"type": "object", "required": ["text"]}}}}}}}},
                "results": {"type": "array", "maxItems": 5000, "items": {
                    "type": "object", "required": ["ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints"],
                    "properties": {
                        "level": {"enum": ["none", "note", "warning", "error"]},
                        "ruleIndex": {"type": "integer", "minimum": 0},
                        "message": {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}},
                        "locations": {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["physicalLocation"], "properties": {
                            "physicalLocation": {"type": "object", "required": ["artifactLocation", "region"], "properties": {
                                "artifactLocation": {"type": "object", "required": ["uri"], "properties": {"uri": {"type": "string", "pattern": "^[A-Za-z0-9._~/:%-]+$"}}},
                                "region": {"type": "object", "required": ["startLine"], "properties": {"startLine": {"type": "integer", "minimum": 1}}}}}}}},
                        "partialFingerprints": {"type": "object", "additionalProperties": {"type": "string"}}}}}}}}}
    }"#;
    serde_json::from_str(rules).unwrap()
}

fn checked_sarif(text: &str) -> Value {
    let log: Value = serde_json::from_str(text).unwrap();
    let validator = jsonschema::validator_for(&essential_sarif()).unwrap();
    let errors: Vec<String> = validator.iter_errors(&log).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}\n{text}");
    let run = &log["runs"][0];
    for result in run["results"].as_array().unwrap() {
        let rule =
            &run["tool"]["driver"]["rules"][usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
    }
    log
}

#[test]
fn sarif_has_what_code_scanning_insists_on_for_regress_and_deltas() {
    let log = checked_sarif(&regress(&["lm-eval/base", "lm-eval/edited", "--format", "sarif", "-q"]).stdout);
    let results = log["runs"][0]["results"].as_array().unwrap();
    let found: Vec<_> = results
        .iter()
        .map(|result| (result["ruleId"].as_str().unwrap(), result["level"].as_str().unwrap()))
        .collect();
    assert_eq!(
        found,
        [
            ("regress/regressed", "error"),
            ("regress/regressed", "error"),
            ("regress/regressed", "error"),
            ("regress/missing", "error")
        ]
    );
    let bench = Bench::new();
    let args = ["deltas", "before.safetensors", "after.safetensors", "--expect-identical", "-q", "--format"];
    let ran = bench.diagnose(&[&args[..], &["sarif"]].concat());
    let log = checked_sarif(&ran.stdout);
    let rules: Vec<_> =
        log["runs"][0]["results"].as_array().unwrap().iter().map(|result| result["ruleId"].clone()).collect();
    assert!(rules.contains(&json!("deltas/expectation")), "{rules:?}");
    let ran = bench.diagnose(&[&args[..], &["junit"]].concat());
    let report = quick_junit::Report::deserialize_from_str(&ran.stdout).unwrap();
    assert_eq!((report.tests, ran.code), (3, Some(1)));
}

#[test]
fn a_comment_stays_below_what_github_takes_and_says_what_was_left_out() {
    let table = |value: &str| {
        let rows: Vec<String> =
            (0..3000).map(|i| format!("\"<|@{}>_{i}/acc\",{value}", "|".repeat(70))).collect();
        format!("metric,value\n{}\n", rows.join("\n"))
    };
    let (ran, _) = tables(&table("0.9"), &table("0.1"), &["--format", "markdown", "-q"]);
    assert!(ran.stdout.len() < 1 << 16, "{} bytes", ran.stdout.len());
    assert!(
        ran.stdout.contains("3000 of 3,000 metrics regressed")
            || ran.stdout.contains("3,000 of 3,000 metrics regressed"),
        "{}",
        &ran.stdout[..300]
    );
    assert!(ran.stdout.contains("more in json, jsonl and csv"), "{}", &ran.stdout[..300]);
    assert_eq!(ran.code, Some(1));
    let (ran, _) = tables(&table("0.9"), &table("0.1"), &[]);
    assert_eq!(ran.stderr.lines().count(), 21, "twenty checks and how many more there are");
}

#[test]
fn charts_get_a_file_a_direction() {
    let (ran, bench) = tables(
        "metric,value,stderr,n\nacc,0.5,0.1,9\nloss,2,,\nspeed,1,,\nppl,inf,,\n",
        "metric,value,stderr,n\nacc,0.6,0.1,9\nloss,1,,\nspeed,1,,\nppl,inf,,\n",
        &["--benchmark-json", "charts"],
    );
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let read = |name: &str| -> Value {
        serde_json::from_slice(&fs::read(bench.at("charts").join(name)).unwrap()).unwrap()
    };
    let bigger = read("bigger-is-better.json");
    assert_eq!(
        [&bigger[0]["name"], &bigger[0]["unit"], &bigger[0]["value"]],
        [&json!("acc"), &json!("acc"), &json!(0.6)]
    );
    assert!(bigger[0]["range"].as_str().is_some_and(|range| range.starts_with("± ")));
    let smaller = read("smaller-is-better.json");
    assert_eq!(smaller.as_array().map(Vec::len), Some(1), "infinity has no place in a chart: {smaller}");
    assert_eq!(smaller[0]["extra"], "improved: better by 1.000");
}

#[test]
fn every_format_shows_the_whole_comparison() {
    for format in ["table", "markdown", "json", "jsonl", "csv", "junit", "sarif"] {
        let args = [
            "lm-eval/base",
            "lm-eval/edited",
            "--tolerance",
            "*/word_perplexity=2%",
            "-q",
            "--format",
            format,
        ];
        let ran = regress(&args);
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
        let text = ran.stdout.replace(concat!("\"", env!("CARGO_PKG_VERSION"), "\""), "\"VERSION\"");
        insta::assert_snapshot!(format!("regress_{format}"), text);
    }
}

#[test]
fn the_same_bytes_come_out_for_any_number_of_threads() {
    let run = |threads: &str| {
        regress(&["lm-eval/base", "lm-eval/edited", "--format", "json", "--threads", threads]).stdout
    };
    assert_eq!(run("1"), run("4"));
}
