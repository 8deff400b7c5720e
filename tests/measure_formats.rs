//! Every format of the reports on perplexity, second moments and first tokens, with hostile names, values that are no
//! numbers and rows without numbers.

use collapse_diagnostics::evaluate::{
    Inference, Interval, Paired, Perplexity, Protocol, TextScore, Unscored, score,
};
use collapse_diagnostics::keys::first_token::{
    AttentionMass, FirstToken, Mahalanobis, Massive, Measurement, Principal, Profile, Separation, Standing,
    Swap, Unmeasured, Verdict,
};
use collapse_diagnostics::keys::{LayerMoment, MomentPlan, Moments};
use collapse_diagnostics::linalg::PositionSummary;
use collapse_diagnostics::model::Site;
use collapse_diagnostics::report::{
    FirstTokenReport, Format, MomentsReport, Page, Paint, PerplexityReport, ResampledBy, width,
    write_second_moments,
};
use collapse_diagnostics::tensor::Matrix;
use serde_json::Value;

use crate::schemas;

/// A terminal escape, a table cell, code, a tag, a mention, a formula.
const HOSTILE: &str = "=1+1\u{1b}[31m|`<img src=x>`@all\n";

fn page(width: usize) -> Page {
    Page { width, paint: Paint { colour: false }, top: 10 }
}

fn text(write: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[track_caller]
fn check_strict(json: &str) -> Value {
    assert!(!json.contains("NaN") && !json.contains("Infinity"), "{json}");
    let record: Value = serde_json::from_str(json).unwrap();
    // A line of many is a part of the document.
    if record.get("record").is_none() {
        schemas::hold(&record);
    }
    record
}

#[track_caller]
fn check_harmless(shown: &str, at_most: Option<usize>) {
    assert!(!shown.contains('\u{1b}'), "{shown}");
    for line in shown.lines() {
        assert!(at_most.is_none_or(|most| width(line) <= most), "{} columns: {line}", width(line));
    }
}

fn scored(path: &str, nll: &[f64]) -> Perplexity {
    let one = |&nll: &f64| TextScore { tokens: 10, mean_nll: Ok(nll), truncated: nll > 2.0 };
    let mut texts: Vec<TextScore> = nll.iter().map(one).collect();
    texts.push(TextScore { tokens: 0, mean_nll: Err(Unscored::Empty), truncated: false });
    texts.push(TextScore { tokens: 0, mean_nll: Err(Unscored::OneToken), truncated: false });
    let protocol =
        Protocol { tokenizer_sha256: "9f".repeat(32), bos: Some(1), window: Some(1024), stride: None };
    Perplexity { path: path.into(), protocol, summary: score(&texts).unwrap(), texts }
}

fn paired(log_ratio: f64, inference: Option<Inference>) -> Paired {
    Paired { texts: 2, mean_delta_nll: log_ratio, inference, log_ratio }
}

fn inference() -> Inference {
    let interval = |low, high| Interval { low, high };
    Inference {
        standard_error: 0.25,
        student: interval(-0.5, 1.5),
        bootstrap: interval(-0.25, 1.25),
        p_value: 0.125,
    }
}

fn perplexities(format: Format, width: usize) -> String {
    let models = [
        (scored("edited", &[1.0, 2.5]), Some(paired(0.5, Some(inference())))),
        (scored(HOSTILE, &[f64::NAN, 900.0]), Some(paired(f64::NAN, None))),
    ];
    let report = PerplexityReport {
        texts: HOSTILE,
        indices: &[0, 2, 3, 4],
        bad_records: 1,
        models: &models,
        baseline: Some(&scored("base", &[0.5, 2.0])),
        resampled: ResampledBy { seed: 7, resamples: 10_000 },
        per_text: true,
    };
    text(|out| report.write(format, &page(width), out))
}

#[test]
fn perplexities_in_every_format() {
    for (name, format) in [
        ("table", Format::Table),
        ("markdown", Format::Markdown),
        ("csv", Format::Csv),
        ("json", Format::Json),
    ] {
        insta::assert_snapshot!(format!("perplexity_{name}"), perplexities(format, 100));
    }
    for width in [40, 60, 80, 100, 200] {
        check_harmless(&perplexities(Format::Table, width), Some(width));
    }
    let record = check_strict(&perplexities(Format::Json, 100));
    assert_eq!(
        (&record["models"][1]["path"], &record["models"][1]["mean_nll"]),
        (&HOSTILE.into(), &Value::Null)
    );
    assert_eq!(record["models"][1]["nonfinite"]["max"], "nan");
    assert_eq!(record["models"][0]["texts_detail"][2]["status"], "empty");
    let lines = perplexities(Format::Jsonl, 100);
    let kinds: Vec<String> = lines.lines().map(|line| check_strict(line)["record"].to_string()).collect();
    assert_eq!(kinds, ["\"summary\"", "\"model\"", "\"model\"", "\"baseline\""]);
}

fn moments() -> Moments {
    let layer = |layer: usize, count| LayerMoment {
        layer,
        module: format!("h.{layer}.mlp.c_proj{}", if layer == 0 { "" } else { HOSTILE }),
        sum: Matrix::from_elem((3, 3), 0.5),
        count,
    };
    Moments {
        model: HOSTILE.into(),
        tokenizer_sha256: "9f".repeat(32),
        identity: "ab".repeat(32),
        plan: MomentPlan { layers: vec![0, 1], skip_first: true },
        texts: 1200,
        tokens: 45_000,
        empty_texts: 1,
        truncated_texts: 17,
        layers: vec![layer(0, 44_000), layer(1, 2)],
    }
}

#[test]
fn second_moments_in_every_format() {
    let moments = moments();
    let write = |format, width| {
        let report = MomentsReport { moments: &moments, written: "moments.safetensors" };
        text(|out| report.write(format, &page(width), out))
    };
    insta::assert_snapshot!("moments_table", write(Format::Table, 100));
    insta::assert_snapshot!("moments_markdown", write(Format::Markdown, 100));
    insta::assert_snapshot!("moments_json", write(Format::Json, 100));
    check_strict(&write(Format::Json, 100));
    for width in [40, 60, 80, 100, 200] {
        check_harmless(&write(Format::Table, width), Some(width));
    }
}

#[test]
fn the_file_of_second_moments_is_what_the_safetensors_library_reads() {
    let mut bytes = Vec::new();
    write_second_moments(&moments(), &mut bytes).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let sum = file.tensor("h.0.mlp.c_proj.second_moment.sum").unwrap();
    assert_eq!((sum.dtype(), sum.shape()), (safetensors::Dtype::F64, &[3, 3][..]));
    assert_eq!(sum.data(), 0.5_f64.to_le_bytes().repeat(9));
    let count = file.tensor(&format!("h.1.mlp.c_proj{HOSTILE}.second_moment.count")).unwrap();
    assert_eq!(
        (count.dtype(), count.shape(), count.data()),
        (safetensors::Dtype::I64, &[][..], &2_i64.to_le_bytes()[..])
    );
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let said = metadata.metadata().as_ref().unwrap();
    assert_eq!((said["layers"].as_str(), said["tokens"].as_str()), ("0,1", "45000"));
    assert_eq!(said["skip_first"], "true");
}

fn separation(auroc: f64, mutual_cosine: f64) -> Separation {
    Separation {
        dimension: 256,
        first_tokens: 60,
        later_tokens: 900,
        first_norm: 9.389,
        later_norm: 5.369,
        norm_ratio: 9.389 / 5.369,
        first_cosine: -0.25,
        later_cosine: 0.245,
        mutual_cosine,
        mahalanobis: Mahalanobis {
            first_mean: 84.211,
            first_min: 82.191,
            later_mean: 15.186,
            later_p99: 27.232,
            auroc,
        },
        principal: Principal { auroc: 0.75, explained_variance: 0.566 },
    }
}

fn first_tokens() -> FirstToken {
    let at = |layer, site, position, swap, found| Measurement {
        layer: Some(layer),
        site: Some(site),
        array: None,
        position,
        special: position == 0,
        swap,
        found,
    };
    let swap = Some(Swap { position: 2, by: 1 });
    let infinite = Separation { norm_ratio: f64::INFINITY, ..separation(0.995, f64::NAN) };
    FirstToken {
        path: HOSTILE.into(),
        tokenizer_sha256: Some("9f".repeat(32)),
        leading_special: 1,
        texts: 60,
        short_texts: 2,
        truncated_texts: 3,
        tokens: 2160,
        measurements: vec![
            at(0, Site::Key, 1, None, Ok(separation(1.0, 0.999))),
            at(0, Site::Key, 0, None, Ok(separation(1.0, 1.0))),
            at(0, Site::Key, 2, None, Ok(separation(0.6, 0.3))),
            at(0, Site::Key, 2, swap, Ok(separation(1.0, 0.98))),
            at(0, Site::Block, 1, None, Ok(infinite)),
            at(1, Site::Value, 1, None, Err(Unmeasured::NonFinite { first: 0, later: 12 })),
            Measurement {
                array: Some(HOSTILE.into()),
                layer: None,
                site: None,
                ..at(0, Site::Key, 1, None, Err(Unmeasured::Constant))
            },
        ],
        massive: vec![Massive {
            layer: 0,
            median: 0.5,
            first_max: 2600.0,
            later_max: f64::INFINITY,
            first_ratio: 5200.0,
            later_ratio: f64::INFINITY,
            dimensions: vec![138, 447, 378],
            massive: true,
        }],
        profiles: vec![Profile {
            layer: 3,
            positions: vec![
                PositionSummary {
                    vectors: 12,
                    mean: 0.25,
                    variance: 40.5,
                    least: -3.0,
                    largest: 2400.0,
                    largest_size: 2400.0,
                    largest_component: Some(138),
                    mean_norm: 2401.5,
                    largest_norm: 2410.0,
                    nonfinite: [0; 3],
                },
                PositionSummary {
                    vectors: 11,
                    mean: f64::NAN,
                    variance: f64::NAN,
                    least: -2.5,
                    largest: f64::INFINITY,
                    largest_size: f64::INFINITY,
                    largest_component: Some(7),
                    mean_norm: f64::INFINITY,
                    largest_norm: f64::INFINITY,
                    nonfinite: [0, 1, 0],
                },
            ],
        }],
        attention: vec![AttentionMass { layer: 0, mean: 0.5, head: 3, head_mean: 0.95, uniform: 0.0625 }],
        verdict: Verdict {
            standing: Standing::Apart,
            layers: vec![0],
            sentence: "the keys of first tokens stand apart".into(),
            basis: "heuristic: six small GPT-2 models",
        },
    }
}

#[test]
fn first_tokens_in_every_format() {
    let found = first_tokens();
    let write = |format, width| {
        let report = FirstTokenReport { found: &found, bad_records: 4 };
        text(|out| report.write(format, &page(width), out))
    };
    for (name, format) in [
        ("table", Format::Table),
        ("markdown", Format::Markdown),
        ("csv", Format::Csv),
        ("json", Format::Json),
    ] {
        insta::assert_snapshot!(format!("first_token_{name}"), write(format, 100));
    }
    for width in [40, 60, 80, 100, 200] {
        check_harmless(&write(Format::Table, width), Some(width));
    }
    let record = check_strict(&write(Format::Json, 100));
    let block = &record["measurements"][4];
    assert_eq!((&block["norm_ratio"], &block["nonfinite"]["norm_ratio"]), (&Value::Null, &"inf".into()));
    assert_eq!(block["nonfinite"]["mutual_cosine"], "nan");
    assert_eq!(record["measurements"][5]["status"], "unmeasured");
    let profile = &record["profiles"][1];
    assert_eq!((&profile["position"], &profile["nonfinite"]["mean"]), (&1.into(), &"nan".into()));
    assert_eq!(record["profiles"][0]["mean_norm"], 2401.5);
    assert_eq!(write(Format::Jsonl, 100).lines().count(), 12);
}
