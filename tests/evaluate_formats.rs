//! Every format of the report on an evaluation, with hostile names, values that are no numbers and rows without numbers.

use collapse_diagnostics::evaluate::{
    Answer, CaseEvaluation, CaseScores, Evaluation, Generation, GenerationSummary, Item, PromptKind,
    PromptScore, Quality, QualitySummary, StepEvaluation, TaskEvaluation, TaskScores, TestContexts,
    Unanswerable, Walk, Written,
};
use collapse_diagnostics::reader::RefusedCase;
use collapse_diagnostics::report::{EvaluateReport, Format, Page, Paint, width};
use serde_json::Value;

/// A terminal escape, a table cell, code, a tag, a mention, a formula.
const HOSTILE: &str = "=1+1\u{1b}[31m|`<img src=x>`@all\n";

fn answer(nll: f64) -> Answer {
    let likeliest = if nll.is_nan() { None } else { Some(7) };
    Answer { tokens: vec![7, 8], nll: vec![nll, nll], likeliest: vec![likeliest; 2], merged: nll > 2.0 }
}

fn prompt(kind: PromptKind, wanted: f64, other: f64) -> PromptScore {
    let other = if other.is_infinite() {
        Some(Err(Unanswerable::NoToken { prompt: HOSTILE.into(), answer: String::new() }))
    } else {
        Some(Ok(answer(other)))
    };
    PromptScore { kind, prompt: HOSTILE.into(), wanted: Ok(answer(wanted)), other, agreement: None }
}

fn quality() -> Quality {
    use PromptKind::{Neighborhood, Paraphrase, PrefixedRewrite, Rewrite};
    let first = vec![
        prompt(Rewrite, 0.5, 2.5),
        prompt(Paraphrase, 1.5, 1.0),
        prompt(Paraphrase, 0.25, f64::INFINITY),
        PromptScore { agreement: Some(0.5), ..prompt(Neighborhood, 0.125, 3.0) },
        prompt(PrefixedRewrite, 0.5, 0.75),
    ];
    let broken = vec![prompt(Rewrite, f64::NAN, 1.0), prompt(Neighborhood, 1.0, f64::NAN)];
    let case = |(index, prompts)| CaseScores {
        index,
        case_id: if index == 0 { "a".into() } else { HOSTILE.into() },
        prompts,
    };
    let refused = |index, case_id: Option<&str>, kind| RefusedCase {
        index,
        case_id: case_id.map(str::to_owned),
        kind,
        reason: HOSTILE.to_owned(),
    };
    Quality {
        cases: [first, broken].into_iter().enumerate().map(case).collect(),
        refused: vec![refused(2, None, "bad-record"), refused(3, Some(HOSTILE), "no-target")],
    }
}

fn task(answer: Option<i64>) -> TaskScores {
    let item = |index, predicted: Option<i64>, correct| Item {
        index,
        answer,
        predicted,
        correct,
        valid: predicted != Some(-1),
        written: answer.map(|_| HOSTILE.to_owned()),
    };
    TaskScores {
        kind: Some(if answer.is_some() { "parsed" } else { "cloze" }),
        items: vec![item(0, answer, true), item(2, answer.map(|_| -1), false)],
        refused: vec![RefusedCase { index: 1, case_id: None, kind: "too-long", reason: HOSTILE.into() }],
        accuracy: Some(0.5),
        f1: answer.map(|_| 0.625),
        matthews: answer.map(|_| 0.0),
        invalid: usize::from(answer.is_some()),
    }
}

fn evaluation(walked: bool) -> Evaluation {
    let (quality, summary) = (quality(), QualitySummary::of(&quality()));
    let written = |texts: usize| Written {
        texts: vec![HOSTILE.into(); texts],
        own_prompts: false,
        unwritten: 1,
        fluency: (texts > 0).then_some(4.5),
        normalized_entropy: (texts > 0).then_some(0.75),
        consistency: None,
    };
    let written = vec![written(2), written(0)];
    let generation = GenerationSummary::of(&written);
    let step = |index: Option<usize>| StepEvaluation {
        index,
        method: "rome".into(),
        case_ids: index.map(|_| HOSTILE.to_owned()).into_iter().collect(),
        update_norm: if index == Some(1) { f64::INFINITY } else { 12.5 },
        quality: summary.clone(),
        texts: None,
        accuracies: vec![Some(0.5), None],
    };
    let walk = Walk {
        ledger: HOSTILE.into(),
        sequential: true,
        tasks: vec![HOSTILE.into(), "facts".into()],
        steps: vec![step(None), step(Some(0)), step(Some(1))],
    };
    Evaluation {
        model: HOSTILE.into(),
        baseline: Some("base".into()),
        tokenizer_sha256: "9f".repeat(32),
        cases: Some(CaseEvaluation {
            source: HOSTILE.into(),
            contexts: Some(TestContexts {
                source: HOSTILE.into(),
                templates: vec!["The city. {}".into()],
                seed: Some(3),
            }),
            before: Some(summary.clone()),
            written: Some(Generation {
                seed: 9,
                cases: written,
                summary: generation,
                before: Some(generation),
            }),
            quality,
            summary,
        }),
        tasks: vec![
            TaskEvaluation { source: HOSTILE.into(), scores: task(Some(1)), before: Some(task(Some(1))) },
            TaskEvaluation { source: "facts.jsonl".into(), scores: task(None), before: None },
        ],
        texts: None,
        walk: walked.then_some(walk),
    }
}

fn write(evaluation: &Evaluation, format: Format, width: usize) -> String {
    let mut out = Vec::new();
    let page = Page { width, paint: Paint { colour: false }, top: 10 };
    EvaluateReport { evaluation, detail: true }.write(format, &page, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn evaluations_in_every_format() {
    let evaluation = evaluation(false);
    for (name, format) in [
        ("table", Format::Table),
        ("markdown", Format::Markdown),
        ("csv", Format::Csv),
        ("json", Format::Json),
    ] {
        insta::assert_snapshot!(format!("evaluation_{name}"), write(&evaluation, format, 100));
    }
}

#[test]
fn walked_ledgers_in_every_format() {
    let evaluation = evaluation(true);
    for (name, format) in [("table", Format::Table), ("csv", Format::Csv)] {
        insta::assert_snapshot!(format!("evaluation_steps_{name}"), write(&evaluation, format, 100));
    }
    let record: Value = serde_json::from_str(&write(&evaluation, Format::Json, 100)).unwrap();
    assert_eq!(
        (&record["steps"][2]["update_norm"], &record["steps"][2]["nonfinite"]["update_norm"]),
        (&Value::Null, &"inf".into())
    );
    assert_eq!((&record["steps"][0]["index"], &record["steps"][0]["method"]), (&Value::Null, &Value::Null));
}

#[test]
fn no_format_of_an_evaluation_lets_a_name_act() {
    for walked in [false, true] {
        let evaluation = evaluation(walked);
        for width_of_page in [40, 60, 100, 200] {
            let table = write(&evaluation, Format::Table, width_of_page);
            assert!(!table.contains('\u{1b}'), "{table}");
            assert!(table.lines().all(|line| width(line) <= width_of_page), "{table}");
        }
        let json = write(&evaluation, Format::Json, 100);
        assert!(!json.contains("NaN") && !json.contains("Infinity"));
        let record: Value = serde_json::from_str(&json).unwrap();
        crate::schemas::hold(&record);
        assert_eq!(record["metrics"]["efficacy_magnitude"]["nonfinite"]["mean"], "nan");
        assert_eq!(record["cases"][1]["nonfinite"]["efficacy_magnitude"], "nan");
        assert_eq!(record["summary"]["nonfinite_prompts"], 2);
        let kinds: Vec<String> = write(&evaluation, Format::Jsonl, 100)
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["record"].as_str().unwrap().to_owned())
            .collect();
        let steps = if walked { vec!["step"; 3] } else { vec![] };
        let expected =
            [vec!["summary", "case", "case", "refused", "refused"], steps, vec!["task", "task"]].concat();
        assert_eq!(kinds, expected);
    }
}
