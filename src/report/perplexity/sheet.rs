//! The report for people: what the number is, what it was measured on, how models compare.

use super::record::status;
use super::write::PerplexityReport;
use crate::evaluate::{Inference, Paired, Perplexity, TextScore};
use crate::report::number::{count, counted, significant};
use crate::report::paint::Tone;
use crate::report::sheet::{Grid, Sheet};

/// Texts that are shown at most.
const TEXTS: usize = 200;

pub(super) fn sheet(report: &PerplexityReport<'_>) -> Sheet {
    let (tone, headline) = headline(report);
    Sheet {
        command: "perplexity",
        tone,
        headline,
        notes: notes(report),
        facts: facts(report),
        grids: [models(report)].into_iter().chain(comparisons(report)).chain(texts(report)).collect(),
    }
}

fn shown(x: f64) -> String {
    significant(x, 4)
}

/// The worst that is to be said, in one line.
fn headline(report: &PerplexityReport<'_>) -> (Tone, String) {
    match report.models {
        [(model, Some(paired))] => compared(model, paired, report.baseline),
        [(model, None)] => (Tone::Strong, format!("perplexity {}", shown(model.summary.perplexity))),
        models => (Tone::Strong, format!("perplexity of {}", counted(models.len(), "model"))),
    }
}

fn compared(model: &Perplexity, paired: &Paired, baseline: Option<&Perplexity>) -> (Tone, String) {
    let before = baseline.map_or(f64::NAN, |baseline| baseline.summary.perplexity);
    let [now, before] = [model.summary.perplexity, before].map(shown);
    let ratio = paired.log_ratio.exp();
    let text = if ratio.is_nan() {
        format!("perplexity {now} against {before}: the model computes NaN")
    } else if (0.9995..1.0005).contains(&ratio) {
        format!("perplexity {now}, as the baseline's {before}")
    } else {
        format!("perplexity {now} against {before} of the baseline: {} times as much", shown(ratio))
    };
    (if ratio.is_finite() { Tone::Strong } else { Tone::Bad }, text)
}

fn notes(report: &PerplexityReport<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    for (model, paired) in report.models {
        let path = model.path.display();
        if model.summary.nonfinite_texts > 0 {
            let n = counted(model.summary.nonfinite_texts, "text");
            notes.push(format!("{path}: {n} without a finite likelihood, counted in every mean"));
        }
        if let Some(Inference { p_value, .. }) = paired.as_ref().and_then(|paired| paired.inference.as_ref())
        {
            let p = shown(*p_value);
            notes.push(if *p_value < 0.05 {
                format!("{path}: the texts agree that it differs from the baseline (paired t test, p = {p})")
            } else {
                format!("{path}: no difference from the baseline that these texts could show (p = {p})")
            });
        }
    }
    let Some((first, _)) = report.models.first() else { return notes };
    let summary = &first.summary;
    for (n, what) in [
        (report.bad_records, "that could not be used"),
        (summary.truncated_texts, "cut to the window"),
        (summary.empty_texts, "without a token, not scored"),
        (summary.one_token_texts, "of a single token, not scored"),
    ] {
        if n > 0 {
            notes.push(format!("{} {what}", counted(n, "text")));
        }
    }
    notes
}

fn facts(report: &PerplexityReport<'_>) -> Vec<(&'static str, String)> {
    let Some((first, _)) = report.models.first() else { return Vec::new() };
    let protocol = &first.protocol;
    let (texts, tokens) = (counted(first.texts.len(), "text"), count(first.summary.tokens as u64));
    let window = protocol.window.map_or("any length".to_owned(), |n| format!("at most {n} tokens"));
    let long = protocol.stride.map_or(", longer texts cut".to_owned(), |n| format!(" sliding by {n}"));
    let bos = protocol.bos.map_or("no token added, the first one unscored".to_owned(), |token| {
        format!("token {token} put before each text")
    });
    let tokenizer: String = protocol.tokenizer_sha256.chars().take(12).collect();
    vec![
        ("texts", format!("{}: {texts}, {tokens} scored tokens", report.texts)),
        ("protocol", format!("{window}{long}; {bos}; tokenizer {tokenizer}")),
    ]
}

fn models(report: &PerplexityReport<'_>) -> Grid {
    let row = |model: &Perplexity, role: &str| {
        let summary = &model.summary;
        let error = summary.standard_error.map_or("–".to_owned(), shown);
        let numbers = [
            summary.perplexity,
            summary.mean_nll,
            summary.mean_of_text_perplexities,
            summary.median,
            summary.max,
        ];
        let path = format!("{}{role}", model.path.display());
        [path].into_iter().chain(numbers.map(shown)).chain([error]).collect()
    };
    let models = report.models.iter().map(|(model, _)| row(model, ""));
    Grid {
        title: "Perplexity, over all tokens and as a mean over texts".to_owned(),
        headers: vec!["model", "perplexity", "nats/token", "mean over texts", "median", "max", "± (mean)"],
        text_columns: 1,
        rows: models.chain(report.baseline.map(|model| row(model, " (baseline)"))).collect(),
    }
}

fn comparisons(report: &PerplexityReport<'_>) -> Option<Grid> {
    report.baseline?;
    let row = |(model, paired): &(Perplexity, Option<Paired>)| {
        let paired = paired.as_ref()?;
        let interval = paired.inference.as_ref().map(|found| found.bootstrap);
        let interval = interval.map_or("–".to_owned(), |i| format!("{} … {}", shown(i.low), shown(i.high)));
        let p = paired.inference.as_ref().map_or("–".to_owned(), |found| shown(found.p_value));
        let [delta, ratio] = [paired.mean_delta_nll, paired.log_ratio.exp()].map(shown);
        Some(vec![model.path.display().to_string(), ratio, delta, interval, p])
    };
    Some(Grid {
        title: "Against the baseline, text by text".to_owned(),
        headers: vec!["model", "perplexity ratio", "Δ nats/token", "95 % interval", "p"],
        text_columns: 1,
        rows: report.models.iter().filter_map(row).collect(),
    })
}

fn texts(report: &PerplexityReport<'_>) -> Option<Grid> {
    let all = || {
        report
            .models
            .iter()
            .flat_map(|(model, _)| report.indices.iter().copied().zip(&model.texts).map(move |t| (model, t)))
    };
    let more = all().count().saturating_sub(TEXTS);
    let row = |(model, (index, text)): (&Perplexity, (usize, &TextScore))| {
        let [nll, perplexity] = [text.mean_nll, text.mean_nll.map(f64::exp)]
            .map(|value| value.map_or_else(|_| status(text).to_owned(), shown));
        vec![model.path.display().to_string(), index.to_string(), text.tokens.to_string(), nll, perplexity]
    };
    let rest = if more > 0 {
        format!(" ({} more in json, jsonl and csv)", count(more as u64))
    } else {
        String::new()
    };
    report.per_text.then(|| Grid {
        title: format!("Texts{rest}"),
        headers: vec!["model", "text", "tokens", "nats/token", "perplexity"],
        text_columns: 1,
        rows: all().take(TEXTS).map(row).collect(),
    })
}
