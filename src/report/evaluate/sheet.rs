//! The report for people: whether the edit landed, generalised and stayed local, and whether the model still works.

use super::steps;
use super::write::EvaluateReport;
use crate::evaluate::{
    CaseEvaluation, CaseScores, Evaluation, Measure, PromptKind, QualitySummary, Spread, TaskScores,
};
use crate::report::number::{count, counted, significant};
use crate::report::paint::Tone;
use crate::report::sheet::{Grid, Sheet};

/// Refused records that are shown at most.
const REFUSED: usize = 5;

/// What a kind of prompt asks.
const QUESTIONS: [(PromptKind, &str); 5] = [
    (PromptKind::Rewrite, "efficacy: the edited prompt"),
    (PromptKind::PrefixedRewrite, "  behind other texts"),
    (PromptKind::Paraphrase, "generalization: other wordings"),
    (PromptKind::PrefixedParaphrase, "  behind other texts"),
    (PromptKind::Neighborhood, "specificity: neighbours keep theirs"),
];

pub(super) fn sheet(report: &EvaluateReport<'_>, top: usize) -> Sheet {
    let evaluation = report.evaluation;
    let cases = evaluation.cases.as_ref();
    let steps = evaluation.walk.as_ref().map(|walk| steps::grid(walk, top));
    let grids = [
        cases.map(quality),
        steps,
        cases.and_then(written),
        tasks(evaluation),
        cases.map(|cases| worst(cases, top)),
    ];
    Sheet {
        command: "evaluate",
        tone: tone(evaluation),
        headline: headline(evaluation),
        notes: notes(evaluation),
        facts: facts(evaluation),
        grids: grids.into_iter().flatten().collect(),
    }
}

fn shown(x: f64) -> String {
    significant(x, 4)
}

/// A share as a person reads it; `–` where there is none.
fn percent(x: Option<f64>) -> String {
    x.map_or("–".to_owned(), |x| if x.is_finite() { format!("{:.1}%", x * 100.0) } else { shown(x) })
}

/// Bad where a number is none, else nothing is judged: how much of an edit must land is for its maker to say.
fn tone(evaluation: &Evaluation) -> Tone {
    let broken_prompts = evaluation.cases.as_ref().is_some_and(|cases| cases.summary.nonfinite_prompts > 0);
    let broken_texts = evaluation.texts.as_ref().is_some_and(|texts| {
        texts.perplexity.summary.nonfinite_texts > 0 || !texts.perplexity.summary.perplexity.is_finite()
    });
    if broken_prompts || broken_texts { Tone::Bad } else { Tone::Strong }
}

/// The four answers in one line, as far as they are there.
fn headline(evaluation: &Evaluation) -> String {
    let mut parts = Vec::new();
    if let Some(cases) = &evaluation.cases {
        let rate = |kind| {
            let of = |measure| cases.summary.metric(kind, measure).map(|spread| spread.mean);
            of(Measure::Success).or_else(|| of(Measure::Correct))
        };
        for (kind, what) in [
            (PromptKind::Rewrite, "efficacy"),
            (PromptKind::Paraphrase, "generalization"),
            (PromptKind::Neighborhood, "specificity"),
        ] {
            if let Some(rate) = rate(kind) {
                parts.push(format!("{what} {}", percent(Some(rate))));
            }
        }
    }
    if let Some(texts) = &evaluation.texts {
        let now = shown(texts.perplexity.summary.perplexity);
        parts.push(match &texts.before {
            Some((_, paired)) => {
                format!("perplexity {now} ({} times what it was)", shown(paired.log_ratio.exp()))
            }
            None => format!("perplexity {now}"),
        });
    }
    let largest = evaluation
        .walk
        .iter()
        .flat_map(|walk| &walk.steps)
        .filter_map(|step| step.texts.as_ref().map(|texts| (texts.mean_nll, texts.perplexity)));
    let largest = largest.max_by(|(a, _), (b, _)| a.abs().total_cmp(&b.abs()));
    parts.extend(largest.map(|(_, perplexity)| format!("largest perplexity {}", shown(perplexity))));
    if parts.is_empty() {
        for task in &evaluation.tasks {
            parts.push(format!("{} {}", task.source, percent(task.scores.accuracy)));
        }
    }
    parts.join(" · ")
}

fn notes(evaluation: &Evaluation) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(cases) = &evaluation.cases {
        let summary = &cases.summary;
        notes.extend(landed(cases));
        for (n, what) in [
            (
                summary.nonfinite_prompts,
                "behind which the model computes NaN or infinity: they fail, and are in every mean",
            ),
            (
                summary.merged_prompts,
                "whose tokens change where the target follows: it begins where the tokens part",
            ),
            (summary.unscored_prompts, "with an answer that could not be scored: it is in no mean"),
        ] {
            if n > 0 {
                notes.push(format!("{} {what}", counted(n, "prompt")));
            }
        }
        let refused = &cases.quality.refused;
        notes.extend(refused.iter().take(REFUSED).map(|refused| {
            let name = refused.case_id.clone().unwrap_or_else(|| format!("record {}", refused.index));
            format!("not scored: {name}: {}", refused.reason)
        }));
        if refused.len() > REFUSED {
            notes.push(format!("{} more are not scored", counted(refused.len() - REFUSED, "record")));
        }
    }
    if let Some(texts) = &evaluation.texts {
        let summary = &texts.perplexity.summary;
        for (n, what) in [
            (summary.nonfinite_texts, "without a finite likelihood, counted in every mean"),
            (summary.truncated_texts, "cut to the model's context"),
            (texts.bad_records, "that could not be used"),
        ] {
            if n > 0 {
                notes.push(format!("{} {what}", counted(n, "text")));
            }
        }
    }
    for task in evaluation.tasks.iter().filter(|task| !task.scores.refused.is_empty()) {
        let first = task.scores.refused.first().map_or("", |refused| &refused.reason);
        notes.push(format!(
            "{}: {} could not be tested, the first because {first}",
            task.source,
            counted(task.scores.refused.len(), "item")
        ));
    }
    notes
}

/// In how many cases the new target is the likelier one.
fn landed(cases: &CaseEvaluation) -> Option<String> {
    let all: Vec<f64> = cases
        .quality
        .cases
        .iter()
        .filter_map(|case| case.measure(PromptKind::Rewrite, Measure::Success))
        .collect();
    let landed = all.iter().filter(|success| **success > 0.5).count();
    match (landed, all.len()) {
        (_, 0) => None,
        (0, 1) => Some("the old target is still the likelier one, or neither is".to_owned()),
        (_, 1) => Some("the new target is likelier than the old one".to_owned()),
        (_, n) => {
            let of = format!("{} of {}", count(landed as u64), counted(n, "case"));
            Some(format!("the new target is likelier than the old one in {of}"))
        }
    }
}

fn facts(evaluation: &Evaluation) -> Vec<(&'static str, String)> {
    let mut facts = vec![("model", evaluation.model.display().to_string())];
    if let Some(baseline) = &evaluation.baseline {
        facts.push(("before", baseline.display().to_string()));
    }
    if let Some(walk) = &evaluation.walk {
        facts.push(("ledger", format!("{}: every case right after its own edit", walk.ledger.display())));
    }
    if let Some(cases) = &evaluation.cases {
        let prompts: usize = cases.quality.cases.iter().map(|case| case.prompts.len()).sum();
        let scored = counted(cases.quality.cases.len(), "case");
        facts.push(("cases", format!("{}: {scored}, {}", cases.source, counted(prompts, "prompt"))));
        if let Some(contexts) = &cases.contexts {
            let seed = contexts.seed.map_or_else(String::new, |seed| format!(", chosen by seed {seed}"));
            let texts = counted(contexts.templates.len(), "text");
            facts.push(("other texts", format!("{texts} of {}{seed}", contexts.source)));
        }
        if let Some(score) = cases.summary.score {
            let prefixed = cases.summary.prefixed_score;
            let prefixed = prefixed
                .map_or_else(String::new, |score| format!(", {} behind other texts", percent(Some(score))));
            facts.push((
                "score",
                format!("{}{prefixed} (harmonic mean of the three rates of success)", percent(Some(score))),
            ));
        }
        facts.push((
            "protocol",
            "success and magnitude: mean NLL a token of two targets, as COUNTERFACT; tokens: under \
            teacher forcing, as EasyEdit"
                .to_owned(),
        ));
    }
    if let Some(texts) = &evaluation.texts {
        let summary = &texts.perplexity.summary;
        let mean = shown(summary.mean_of_text_perplexities);
        let size =
            format!("{}, {} tokens", counted(summary.scored_texts, "text"), count(summary.tokens as u64));
        facts.push(("texts", format!("{}: {size}; mean over texts {mean}", texts.source)));
    }
    facts
}

fn quality(cases: &CaseEvaluation) -> Grid {
    let measures = [Measure::Success, Measure::Magnitude, Measure::Correct, Measure::TokenAccuracy];
    let row = |name: &str, summary: &QualitySummary, kind: PromptKind, agreement: bool| {
        let value = |measure| summary.metric(kind, measure).map(|spread| spread.mean);
        let cells = measures.map(|measure| match measure {
            Measure::Magnitude => value(measure).map_or("–".to_owned(), shown),
            _ => percent(value(measure)),
        });
        let same =
            (agreement && kind == PromptKind::Neighborhood).then(|| percent(value(Measure::Agreement)));
        [name.to_owned()].into_iter().chain(cells).chain([same.unwrap_or_default()]).collect::<Vec<_>>()
    };
    let mut rows = Vec::new();
    for (kind, name) in QUESTIONS {
        if cases.summary.metric(kind, Measure::TokenAccuracy).is_some() {
            rows.push(row(name, &cases.summary, kind, true));
            rows.extend(cases.before.as_ref().map(|before| row("    before", before, kind, false)));
        }
    }
    let mut headers = vec!["", "success", "magnitude", "all tokens", "tokens"];
    headers.extend(cases.before.is_some().then_some("same as before"));
    Grid { title: "Means over prompts, then over cases".to_owned(), headers, text_columns: 1, rows }
}

fn written(cases: &CaseEvaluation) -> Option<Grid> {
    let written = cases.written.as_ref()?;
    let cell = |value: Option<Spread>| value.map_or("–".to_owned(), |spread| shown(spread.mean));
    let before = written.before.as_ref();
    let row = |name: &str, now: Option<Spread>, before: Option<Spread>| {
        let before = before.map_or_else(String::new, |before| cell(Some(before)));
        now.map(|now| vec![name.to_owned(), cell(Some(now)), before])
    };
    let rows = [
        row("fluency: n-gram entropy, bits", written.summary.fluency, before.and_then(|b| b.fluency)),
        row(
            "normalised word entropy, 0 to 1",
            written.summary.normalized_entropy,
            before.and_then(|b| b.normalized_entropy),
        ),
        row("consistency: TF-IDF cosine", written.summary.consistency, before.and_then(|b| b.consistency)),
    ];
    let texts: usize = written.cases.iter().map(|case| case.texts.len()).sum();
    Some(Grid {
        title: format!("What it writes: {}, seed {}", counted(texts, "text"), written.seed),
        headers: vec!["", "model", "before"],
        text_columns: 1,
        rows: rows.into_iter().flatten().collect(),
    })
}

fn tasks(evaluation: &Evaluation) -> Option<Grid> {
    let row = |name: String, scores: &TaskScores| {
        let optional = |value: Option<f64>| value.map_or("–".to_owned(), shown);
        vec![
            name,
            scores.kind.unwrap_or("–").to_owned(),
            count(scores.items.len() as u64),
            percent(scores.accuracy),
            optional(scores.f1),
            optional(scores.matthews),
            count(scores.invalid as u64),
        ]
    };
    let rows: Vec<_> = evaluation
        .tasks
        .iter()
        .flat_map(|task| {
            let before = task.before.as_ref().map(|before| row("    before".to_owned(), before));
            [Some(row(task.source.clone(), &task.scores)), before].into_iter().flatten()
        })
        .collect();
    (!rows.is_empty()).then(|| Grid {
        title: "Tasks".to_owned(),
        headers: vec!["", "kind", "items", "right", "weighted F1", "MCC", "invalid"],
        text_columns: 2,
        rows,
    })
}

/// The cases in which the least landed, where there are several.
fn worst(cases: &CaseEvaluation, top: usize) -> Grid {
    let all = &cases.quality.cases;
    let mut order: Vec<&CaseScores> = all.iter().collect();
    let value = |case: &CaseScores, kind, measure| case.measure(kind, measure);
    let key = |case: &CaseScores| {
        let of = |measure| value(case, PromptKind::Rewrite, measure).unwrap_or(0.0);
        [of(Measure::Success), of(Measure::TokenAccuracy), of(Measure::Magnitude)]
    };
    order.sort_by(|a, b| {
        key(a)
            .iter()
            .zip(key(b))
            .map(|(a, b)| a.total_cmp(&b))
            .find(|order| order.is_ne())
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    let row = |case: &&CaseScores| {
        let success = |kind| {
            percent(value(case, kind, Measure::Success).or_else(|| value(case, kind, Measure::Correct)))
        };
        let magnitude = value(case, PromptKind::Rewrite, Measure::Magnitude).map_or("–".to_owned(), shown);
        vec![
            case.case_id.clone(),
            success(PromptKind::Rewrite),
            magnitude,
            success(PromptKind::Paraphrase),
            success(PromptKind::Neighborhood),
        ]
    };
    let shown_rows = order.iter().take(top).map(row).collect();
    let more = all.len().saturating_sub(top);
    let more = if more > 0 {
        format!(" ({} more in json, jsonl and csv)", count(more as u64))
    } else {
        String::new()
    };
    Grid {
        title: format!("Cases, those first in which least landed{more}"),
        headers: vec!["case", "efficacy", "magnitude", "generalization", "specificity"],
        text_columns: 1,
        rows: if all.len() > 1 { shown_rows } else { Vec::new() },
    }
}
