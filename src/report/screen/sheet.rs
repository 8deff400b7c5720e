//! The report for people: how many subjects are at risk, why that matters, which they are, and what was left out.

use super::write::ScreenReport;
use crate::keys::{ScreenRow, ScreenSummary, SubjectPosition};
use crate::report::number::{count, counted, share};
use crate::report::paint::Tone;
use crate::report::sheet::{Grid, Sheet};

/// Lengths of subjects that have a row of their own; longer ones share the last.
const LENGTHS: usize = 8;

pub(super) fn sheet(report: &ScreenReport<'_>, top: usize) -> Sheet {
    let summary = &report.screened.summary;
    let (tone, headline) = headline(summary);
    let tokenizer: String = report.tokenizer_sha256.chars().take(12).collect();
    Sheet {
        command: "keys --screen",
        tone,
        headline,
        notes: notes(summary),
        facts: vec![
            ("cases", format!("{}: {}", report.cases, counted(summary.cases, "record"))),
            ("tokenizer", format!("{}, SHA-256 {tokenizer}…", report.model)),
        ],
        grids: vec![at_risk(report, top), lengths(summary), refused(report)],
    }
}

fn headline(summary: &ScreenSummary) -> (Tone, String) {
    let of = format!("{} of {} screened", count(summary.at_risk as u64), counted(summary.screened, "case"));
    match (summary.screened, summary.at_risk) {
        (0, _) => (Tone::Bad, "no case could be screened".to_owned()),
        (_, 0) => {
            let screened = counted(summary.screened, "screened case");
            (Tone::Good, format!("none of {screened} at risk: no key is read at the first position"))
        }
        (_, 1) => (Tone::Warn, format!("{of} is at risk: its key is read at the first position")),
        _ => (Tone::Warn, format!("{of} are at risk: their keys are read at the first position")),
    }
}

fn notes(summary: &ScreenSummary) -> Vec<String> {
    let mut notes = Vec::new();
    if summary.at_risk > 0 {
        notes.push(
            "ROME reads its key at the subject's last token. GPT-2 and GPT-J give the first token of an input a key unlike \
             any other; the key averaged over prefixed prompts is an ordinary one, so the update divides by a number near \
             zero and one edit can destroy the model"
                .to_owned(),
        );
        notes.push(
            "only a run of the model tells for certain: diagnose keys --model DIR --case FILE".to_owned(),
        );
    }
    let behind = summary.first_token - summary.at_risk;
    if behind > 0 {
        notes.push(format!(
            "{} at the first word of the prompt, behind a special token that this tokenizer puts before every text and that \
             takes the first position itself",
            counted(behind, "key")
        ));
    }
    if summary.refused_cases() > 0 {
        let refused = counted(summary.refused_cases(), "record");
        notes.push(format!("{refused} left out, because the subject's position cannot be told"));
    }
    notes
}

fn at_risk(report: &ScreenReport<'_>, top: usize) -> Grid {
    let row = |row: &ScreenRow<'_>| {
        let at = row.found.as_ref().ok().filter(|position| position.at_risk())?;
        Some(case(row, at))
    };
    let rows: Vec<_> = report.screened.rows.iter().filter_map(row).take(top).collect();
    let all = report.screened.summary.at_risk;
    let shown = if rows.len() < all {
        format!(", the first {} of {}", rows.len(), count(all as u64))
    } else {
        String::new()
    };
    Grid {
        title: format!("At risk{shown}"),
        headers: vec!["case", "subject", "prompt", "tokens", "key at"],
        text_columns: 3,
        rows,
    }
}

fn case(row: &ScreenRow<'_>, at: &SubjectPosition) -> Vec<String> {
    let [id, subject, prompt] =
        [row.case_id, row.subject, row.prompt].map(|text| text.unwrap_or_default().to_owned());
    vec![id, subject, prompt, at.subject_tokens.to_string(), at.subject_last.to_string()]
}

fn lengths(summary: &ScreenSummary) -> Grid {
    let row = |label: String, cases: usize| {
        vec![label, count(cases as u64), share(cases as u64, summary.screened as u64)]
    };
    let short = summary.by_length.range(..LENGTHS).map(|(length, &cases)| row(length.to_string(), cases));
    let long: usize = summary.by_length.range(LENGTHS..).map(|(_, cases)| cases).sum();
    Grid {
        title: "Tokens of the subject".to_owned(),
        headers: vec!["tokens", "cases", "share"],
        text_columns: 0,
        rows: short.chain((long > 0).then(|| row(format!("{LENGTHS} or more"), long))).collect(),
    }
}

/// A row a cause, with the first record that it befell.
fn refused(report: &ScreenReport<'_>) -> Grid {
    let first = |kind: &str| {
        let rows = &mut report.screened.rows.iter();
        rows.find_map(|row| {
            row.found.as_ref().err().filter(|refusal| refusal.kind == kind).map(|refusal| (row, refusal))
        })
    };
    let row = |(&kind, &cases): (&&'static str, &usize)| {
        let (row, refusal) = first(kind)?;
        let id = row.case_id.map_or_else(|| format!("record {}", row.index), |id| format!("case {id}"));
        Some(vec![kind.to_owned(), id, refusal.reason.clone(), count(cases as u64)])
    };
    Grid {
        title: "Left out".to_owned(),
        headers: vec!["cause", "first", "what was found", "records"],
        text_columns: 3,
        rows: report.screened.summary.refused.iter().filter_map(row).collect(),
    }
}
