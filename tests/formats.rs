//! Every format of one report that has everything in it: hostile names, values that are no numbers, spectra that were
//! skipped, tensors that came, went and changed their shape, checks that failed.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use collapse_diagnostics::deltas::*;
use collapse_diagnostics::model::{MatrixKind, Orientation, Role};
use collapse_diagnostics::report::{DeltasReport, Format, Page, Paint, width};
use collapse_diagnostics::tensor::{Dtype, Shape};

/// A terminal escape, a table cell, code, a tag, a mention, a formula, a right-to-left override.
const HOSTILE: &str = "=1+1\u{1b}[31m|`<img src=x>`@all\n\u{202e}.weight";

fn side(path: &str, tensors: usize) -> Side {
    let sha256 = vec![("model.safetensors".into(), "9f".repeat(32))];
    Side { path: PathBuf::from(path), files: 2, tensors, parameters: 124_439_808, bytes: 497_759_232, sha256 }
}

fn tensor(name: &str, status: Status, shape: &[u64], dtypes: (Option<Dtype>, Option<Dtype>)) -> TensorDelta {
    TensorDelta {
        name: name.into(),
        shape: Shape(shape.to_vec()),
        shape_after: None,
        dtype_before: dtypes.0,
        dtype_after: dtypes.1,
        status,
        role: None,
        elements: shape.iter().product(),
        change: None,
        spectrum: SpectrumOutcome::NotApplicable,
    }
}

fn change(relative_delta: f64, changed_elements: u64) -> Change {
    let before_norm = 19.718_281_828_459_045;
    Change {
        changed_elements,
        before_norm,
        after_norm: 812.9,
        delta_norm: relative_delta * before_norm,
        relative_delta,
        normalized_delta: relative_delta * before_norm / 2_359_296.0,
        max_abs_delta: 8.3125,
        max_abs_index: vec![2047, 11],
        mean_abs_delta: 0.25,
        rms_delta: 1.0 / 3.0,
        cosine: 0.024_258,
        abs_delta_quantiles: Quantiles { p50: 0.125, p90: 0.75, p99: 2.0, p999: 5e-9 },
        nonfinite_before: NonFinite::default(),
        nonfinite_after: NonFinite::default(),
        new_nonfinite: 0,
    }
}

fn spectrum(numerical_rank: usize, numerical_rank_is_lower_bound: bool) -> SpectrumOutcome {
    SpectrumOutcome::Computed(Spectrum {
        singular_values: vec![812.25, 0.125],
        spectral_norm: 812.25,
        relative_spectral_norm: 112.5,
        stable_rank: 1.000_05,
        numerical_rank,
        numerical_rank_is_lower_bound,
        rounding_edge: 0.5,
        top_energy: 0.999_95,
        method: "lanczos".into(),
        residual: 1e-12,
    })
}

fn rank_one() -> TensorDelta {
    let both = (Some(Dtype::BF16), Some(Dtype::BF16));
    TensorDelta {
        role: Some(Role {
            layer: Some(17),
            module: "mlp.c_proj".into(),
            kind: MatrixKind::MlpDown,
            orientation: Some(Orientation::KeyMajor),
        }),
        change: Some(change(41.2, 2_359_296)),
        spectrum: spectrum(1, false),
        ..tensor("transformer.h.17.mlp.c_proj.weight", Status::Changed, &[3072, 768], both)
    }
}

fn not_a_number() -> TensorDelta {
    let both = (Some(Dtype::F32), Some(Dtype::F32));
    let lost = Change {
        after_norm: f64::NAN,
        delta_norm: f64::NAN,
        relative_delta: f64::NAN,
        normalized_delta: f64::NAN,
        max_abs_delta: f64::INFINITY,
        mean_abs_delta: f64::NAN,
        rms_delta: f64::NEG_INFINITY,
        cosine: f64::NAN,
        abs_delta_quantiles: Quantiles { p50: 0.0, p90: 0.0, p99: 0.0, p999: f64::INFINITY },
        nonfinite_before: NonFinite { nan: 1, pos_inf: 0, neg_inf: 0 },
        nonfinite_after: NonFinite { nan: 3, pos_inf: 2, neg_inf: 1 },
        new_nonfinite: 5,
        ..change(0.0, 12)
    };
    TensorDelta {
        change: Some(lost),
        spectrum: SpectrumOutcome::Skipped("the change holds values that are not finite".into()),
        ..tensor(HOSTILE, Status::Changed, &[50257, 1600], both)
    }
}

fn tensors() -> Vec<TensorDelta> {
    let f32s = (Some(Dtype::F32), Some(Dtype::F32));
    let wide = "模型.层.".repeat(30) + "权重";
    let long = format!("base_model.model.{}.lora_A.weight", "encoder.block.".repeat(14));
    vec![
        not_a_number(),
        rank_one(),
        TensorDelta {
            change: Some(change(0.012_345, 240_000)),
            spectrum: spectrum(64, true),
            ..tensor(&wide, Status::Changed, &[1600, 6400], (Some(Dtype::F32), Some(Dtype::BF16)))
        },
        TensorDelta {
            change: Some(change(1.234_5e-9, 1)),
            spectrum: SpectrumOutcome::NotApplicable,
            ..tensor(&long, Status::Changed, &[768], f32s)
        },
        TensorDelta {
            shape_after: Some(Shape(vec![50304, 768])),
            ..tensor("wte.weight", Status::Reshaped, &[50257, 768], f32s)
        },
        tensor("h.0.attn.bias", Status::Removed, &[1, 1, 1024, 1024], (Some(Dtype::BOOL), None)),
        tensor("lm_head.weight", Status::Added, &[50304, 768], (None, Some(Dtype::F32))),
        tensor("h.0.ln_1.weight", Status::Identical, &[768], f32s),
        tensor("step", Status::Identical, &[], f32s),
    ]
}

/// The report that has everything in it.
fn everything() -> Deltas {
    Deltas {
        before: side("/models/gpt2\u{1b}[2J", 148),
        after: side("/models/gpt2-edited", 149),
        summary: Summary {
            tensors_compared: 147,
            tensors_changed: 4,
            tensors_identical: 143,
            added: (0..7).map(|i| format!("lm_head.{i}.weight")).collect(),
            removed: vec!["h.0.attn.bias".into()],
            reshaped: vec!["wte.weight".into()],
            retyped: vec!["模型.层".into()],
            delta_norm: f64::INFINITY,
            before_norm: 1234.5,
            relative_delta: f64::INFINITY,
            new_nonfinite: 5,
            renamed_prefix: Some(RenamedPrefix { prefix: "transformer.".into(), on_before: true }),
        },
        verdict: Verdict {
            level: Level::Invalid,
            reasons: vec![
                format!("5 elements of {HOSTILE} were finite before and are not after"),
                "the update of transformer.h.17.mlp.c_proj.weight is 41.2 times the norm of the matrix; healthy single \
                 edits stay below 5"
                    .into(),
            ],
            calibration: Calibration { calibrated: true, basis: "12 labelled edits of GPT-2: healthy ones end at 2, others begin at 6; a margin of 3".into() },
        },
        expectations: vec![
            Expectation { expect: "--expect '*.17.mlp.c_proj.weight'".into(), held: true, found: "changed".into() },
            Expectation { expect: "--expect-rank 1".into(), held: false, found: "rank ≥ 64 in 模型.层".into() },
        ],
        signature: Signature {
            kind: SignatureKind::LowRank,
            layers: vec![3, 4, 5, 6, 17],
            estimated_edits: Some(64),
            reasons: vec!["a merged adapter cannot be told from a batch of edits".into()],
        },
        tensors: tensors(),
    }
}

fn identical() -> Deltas {
    Deltas {
        summary: Summary { tensors_compared: 2, tensors_identical: 2, ..Summary::default() },
        verdict: Verdict {
            level: Level::Identical,
            reasons: vec![],
            calibration: Calibration { calibrated: false, basis: String::new() },
        },
        expectations: vec![Expectation {
            expect: "--expect-changed".into(),
            held: false,
            found: "nothing changed".into(),
        }],
        signature: Signature {
            kind: SignatureKind::None,
            layers: vec![],
            estimated_edits: None,
            reasons: vec![],
        },
        tensors: tensors().into_iter().filter(|tensor| tensor.status == Status::Identical).collect(),
        ..everything()
    }
}

/// A rank-one edit that went well, as most reports are.
fn ordinary() -> Deltas {
    let f32s = (Some(Dtype::F32), Some(Dtype::F32));
    let everything = everything();
    let edited = |layer: u32, size: f64| TensorDelta {
        change: Some(change(size, 10_240_000)),
        spectrum: spectrum(1, false),
        ..tensor(&format!("model.layers.{layer}.mlp.down_proj.weight"), Status::Changed, &[1600, 6400], f32s)
    };
    let plain = |path: &str| Side { sha256: vec![], ..side(path, 128) };
    Deltas {
        before: plain("base.safetensors"),
        after: plain("edited.safetensors"),
        summary: Summary {
            tensors_compared: 128,
            tensors_changed: 3,
            tensors_identical: 125,
            delta_norm: 1.5,
            before_norm: 120.0,
            relative_delta: 0.0125,
            ..Summary::default()
        },
        verdict: Verdict {
            level: Level::Healthy,
            reasons: vec![
                "the largest update is 0.0213 of its matrix; healthy single edits stay below 5".into(),
            ],
            ..everything.verdict
        },
        expectations: vec![],
        signature: Signature {
            kind: SignatureKind::LowRank,
            layers: vec![4, 5, 6],
            estimated_edits: Some(1),
            reasons: vec![],
        },
        tensors: vec![edited(5, 0.0213), edited(6, 0.0101), edited(4, 9.77e-5)],
    }
}

fn histogram() -> Histogram {
    let bell =
        [3, 41, 350, 2_104, 9_001, 30_219, 68_400, 103_344, 104_857, 71_003, 28_888, 8_123, 1_444, 96, 0, 1];
    let bucket = |(i, count)| Bucket { lower: 2_f64.powi(i), upper: 2_f64.powi(i + 1), count };
    Histogram {
        name: HOSTILE.into(),
        buckets: (-18..).zip(bell).map(bucket).collect(),
        zeros: 12_345,
        nonfinite: 3,
    }
}

fn render(deltas: &Deltas, format: Format, page: Page, histogram: Option<&Histogram>) -> String {
    let report = DeltasReport { deltas, histogram };
    let mut out = Vec::new();
    report.write(format, &page, &mut out).expect("a vector takes everything");
    String::from_utf8(out).expect("every format is UTF-8")
}

fn page(width: usize) -> Page {
    Page { width, paint: Paint::default(), top: 10 }
}

#[test]
fn the_table_fits_every_width() {
    for columns in [60, 80, 120, 200] {
        let table = render(&everything(), Format::Table, page(columns), Some(&histogram()));
        for line in table.lines() {
            assert!(width(line) <= columns, "{line:?} is wider than {columns}");
        }
        insta::assert_snapshot!(format!("table_{columns}"), table);
    }
}

#[test]
fn an_ordinary_report_is_a_pleasure_at_80_columns() {
    insta::assert_snapshot!("table_ordinary", render(&ordinary(), Format::Table, page(80), None));
}

#[test]
fn a_narrow_top_says_what_it_leaves_out() {
    let table = render(&ordinary(), Format::Table, Page { top: 1, ..page(80) }, None);
    assert!(table.ends_with("2 more changed, 125 identical: use --top or --format json\n"), "{table}");
    let none = render(&ordinary(), Format::Table, Page { top: 0, ..page(80) }, None);
    assert!(none.ends_with("3 more changed, 125 identical: use --top or --format json\n"), "{none}");
}

#[test]
fn identical_checkpoints_are_called_so() {
    let table = render(&identical(), Format::Table, page(80), None);
    assert!(table.starts_with("identical: all 2 tensors compared hold the same values\n"), "{table}");
    insta::assert_snapshot!("table_identical", table);
    insta::assert_snapshot!("markdown_identical", render(&identical(), Format::Markdown, page(80), None));
}

#[test]
fn colours_appear_only_where_they_are_wanted() {
    let colourful = Page { paint: Paint { colour: true }, ..page(80) };
    let painted = render(&everything(), Format::Table, colourful, None);
    assert!(painted.contains("\u{1b}[1;31minvalid"), "{painted}");
    assert!(
        !painted.contains("\u{1b}[31m") && !painted.contains("\u{1b}[2J"),
        "a name's own escapes are not sent"
    );
    let plain = render(&everything(), Format::Table, page(80), None);
    assert!(!plain.contains('\u{1b}'));
}

#[test]
fn no_format_for_people_lets_a_name_act() {
    for format in [Format::Table, Format::Csv, Format::Markdown] {
        let text =
            render(&everything(), format, page(120), Some(&histogram()).filter(|_| format != Format::Csv));
        let acting = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202e}');
        assert!(!text.contains(acting), "{format}: {:?}", text.chars().find(|&c| acting(c)));
    }
    let markdown = render(&everything(), Format::Markdown, page(120), None);
    assert!(!markdown.contains("@all") || markdown.contains("`@all") || markdown.contains("x60@all"));
}

#[test]
fn json_is_strict_and_keeps_names_to_the_letter() {
    let text = render(&everything(), Format::Json, page(80), Some(&histogram()));
    let document: serde_json::Value = serde_json::from_str(&text).expect("strict JSON");
    crate::schemas::hold(&document);
    assert!(text.starts_with("{\n  \"schema\": \"diagnose.deltas/1\",\n  \"tool\": {"), "{}", &text[..80]);
    let worst = &document["tensors"][0];
    assert_eq!(worst["name"], HOSTILE);
    assert_eq!(worst["relative_delta"], serde_json::Value::Null);
    assert_eq!(worst["nonfinite"]["relative_delta"], "nan");
    assert_eq!(worst["nonfinite"]["max_abs_delta"], "inf");
    assert_eq!(worst["nonfinite"]["rms_delta"], "-inf");
    assert_eq!(worst["nonfinite_after"]["pos_inf"], 2);
    assert_eq!(worst["spectrum"], serde_json::Value::Null);
    assert_eq!(worst["spectrum_status"], "skipped");
    assert_eq!(document["tensors"][1]["nonfinite"], serde_json::Value::Null);
    assert_eq!(document["tensors"][1]["rms_delta"], 1.0 / 3.0);
    let version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    let whole =
        render(&everything(), Format::Json, page(80), None).replace(&version, "\"version\": \"x.y.z\"");
    insta::assert_snapshot!("json", whole);
}

#[test]
fn every_number_that_is_not_finite_is_null_and_named_beside_it() {
    fn look(path: &str, value: &serde_json::Value, nulls: &mut Vec<String>, named: &mut Vec<String>) {
        for (key, inner) in value.as_object().into_iter().flatten() {
            match inner {
                serde_json::Value::Object(fields) if key == "nonfinite" => {
                    named.extend(fields.keys().map(|field| format!("{path}.{field}")));
                }
                serde_json::Value::Null => nulls.push(format!("{path}.{key}")),
                _ => look(&format!("{path}.{key}"), inner, nulls, named),
            }
        }
    }
    let document: serde_json::Value =
        serde_json::from_str(&render(&everything(), Format::Json, page(80), None)).expect("strict JSON");
    let (mut nulls, mut named) = (Vec::new(), Vec::new());
    look("", &document["tensors"][0], &mut nulls, &mut named);
    nulls.retain(|path| !["role", "spectrum"].contains(&path.trim_start_matches('.')));
    assert_eq!(nulls.iter().collect::<BTreeSet<_>>(), named.iter().collect::<BTreeSet<_>>());
    assert_eq!(named.len(), 9, "{named:?}");
}

/// A pipe whose reader has gone.
struct Closed;

impl io::Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn every_format_passes_on_why_it_could_not_be_written() {
    let deltas = Deltas { tensors: vec![rank_one(); 1000], ..everything() };
    let report = DeltasReport { deltas: &deltas, histogram: None };
    for format in Format::ALL {
        let error = report.write(format, &page(80), &mut Closed).expect_err("nobody reads");
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe, "{format}");
    }
}

#[test]
fn jsonl_is_a_summary_then_a_line_a_tensor_then_the_histogram() {
    let text = render(&everything(), Format::Jsonl, page(80), Some(&histogram()));
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("strict JSON")).collect();
    let records: Vec<&str> = lines.iter().map(|line| line["record"].as_str().expect("a string")).collect();
    assert_eq!(records.first(), Some(&"summary"));
    assert_eq!(records.last(), Some(&"histogram"));
    assert_eq!(records.iter().filter(|&&record| record == "tensor").count(), everything().tensors.len());
    assert!(text.starts_with("{\"schema\":\"diagnose.deltas/1\",\"tool\":{\"name\":\"diagnose\","));
    let tensors: Vec<&str> = text.lines().filter(|line| line.starts_with("{\"record\":\"tensor\"")).collect();
    insta::assert_snapshot!("jsonl_tensors", tensors.join("\n"));
}

#[test]
fn csv_has_a_row_a_tensor_and_as_many_cells_in_each() {
    let text = render(&everything(), Format::Csv, page(80), None);
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    let rows: Vec<csv::StringRecord> = rows.records().map(|row| row.expect("rows of one length")).collect();
    assert_eq!(rows.len(), everything().tensors.len());
    assert!(rows[0][0].starts_with("'=1+1\\x1b[31m"), "{}", &rows[0][0]);
    insta::assert_snapshot!("csv", text);
}

#[test]
fn markdown_holds_the_verdict_the_checks_and_the_table() {
    insta::assert_snapshot!(
        "markdown",
        render(&everything(), Format::Markdown, page(80), Some(&histogram()))
    );
}
