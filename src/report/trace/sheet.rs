//! What stands above the heat map: the finding, how to read the map, and what it rests on.

use std::ops::Range;

use super::record::answer_name;
use super::write::TraceReport;
use crate::report::number::{count, counted, significant};
use crate::report::paint::Tone;
use crate::report::sheet::{Grid, Sheet};
use crate::trace::{Best, CaseTrace, Kind, KindTrace};

/// Refused records that are shown at most.
const REFUSED: usize = 5;

pub(super) fn sheet(report: &TraceReport<'_>, top: usize) -> Sheet {
    let cases = report.traces.cases.as_slice();
    let (headline, total) = match cases {
        [] => ("nothing was traced".to_owned(), f64::NAN),
        [case] => (finding(case), case.total_effect()),
        _ => (averaged(report), report.summary.total_effect),
    };
    let mut notes = reading(report, total);
    notes.extend(refusals(report));
    let mut facts = match cases {
        [case] => of_case(case),
        _ => Vec::new(),
    };
    facts.extend(basis(report));
    let grids = if cases.len() > 1 { vec![strongest(cases, top)] } else { Vec::new() };
    let tone = if total > 0.0 { Tone::Strong } else { Tone::Warn };
    Sheet { command: "trace", tone, headline, notes, facts, grids }
}

fn shown(x: f64) -> String {
    significant(x, 3)
}

/// A token as it is told in a sentence.
fn quoted(case: &CaseTrace, position: usize) -> String {
    format!("\"{}\"", case.tokens.get(position).map_or("", |token| token.text.trim()))
}

fn words(kind: Kind) -> &'static str {
    match kind {
        Kind::Hidden => "hidden state",
        Kind::Mlp => "MLPs",
        Kind::Attention => "attention",
    }
}

/// The strongest of each kind at some positions, in words; none where no effect is a number.
fn strongest_of(case: &CaseTrace, positions: &Range<usize>) -> Option<String> {
    let word = |kind: &KindTrace| {
        let Best { layer, position, effect } = kind.best(positions)?;
        let (at, token) = (if kind.kind == Kind::Hidden { "at" } else { "around" }, quoted(case, position));
        let sign = if effect > 0.0 { "+" } else { "" };
        Some(format!("{} of {token} {at} layer {layer} ({sign}{})", words(kind.kind), shown(effect)))
    };
    let found: Vec<String> = case.kinds.iter().filter_map(word).collect();
    (!found.is_empty()).then(|| found.join(", "))
}

fn finding(case: &CaseTrace) -> String {
    match strongest_of(case, &case.subject_range) {
        Some(found) => {
            format!("at the subject, \"{}\" is brought back most by: {found}", case.answer.text.trim())
        }
        None => "the model gives no probabilities that are numbers".to_owned(),
    }
}

fn averaged(report: &TraceReport<'_>) -> String {
    let summary = report.summary;
    format!(
        "{}: noise on the subject takes the answer from {} to {} on average, a total effect of {}",
        counted(summary.cases, "case"),
        shown(summary.clean),
        shown(summary.corrupted),
        shown(summary.total_effect)
    )
}

/// How to read the map, in three lines; and where it says nothing.
fn reading(report: &TraceReport<'_>, total: f64) -> Vec<String> {
    let mut notes = vec![
        "noise on the subject's embeddings takes the answer away; each cell puts the clean states of one token back, at \
         one layer or a window of layers, and lets the model go on"
            .to_owned(),
        "the number is the indirect effect: how much probability of the answer that gives back; 0 means that nothing of \
         the fact passes there"
            .to_owned(),
        "in the models of the paper MLPs at the subject's last token look the fact up in the middle layers, and attention \
         at the last token takes it from there in late ones; ROME edits the former"
            .to_owned(),
    ];
    let (window, layers) = (report.traces.plan.window, report.traces.layers);
    if window >= 2 * layers && report.traces.plan.kinds.iter().any(|kind| *kind != Kind::Hidden) {
        notes.push(format!(
            "a window of {window} layers is all of this model's {layers} wherever it stands, so columns are alike; \
             --window takes a smaller one"
        ));
    }
    if total <= 0.0 {
        notes.push(
            "the noise did not lower the probability of the answer: there is nothing to bring back, and the map says \
             little; the answer may not depend on the subject, or the noise is too small (--noise)"
                .to_owned(),
        );
    }
    let nonfinite = report.summary.nonfinite_cases;
    if nonfinite > 0 {
        notes.push(format!(
            "{} with probabilities that are no numbers, in no average",
            counted(nonfinite, "case")
        ));
    }
    notes
}

fn refusals(report: &TraceReport<'_>) -> Vec<String> {
    let refused = &report.traces.refused;
    let mut notes = Vec::new();
    if !refused.is_empty() {
        notes.push(format!("not traced, and in no average: {}", counted(refused.len(), "record")));
    }
    notes.extend(refused.iter().take(REFUSED).map(|refused| {
        let case = refused.case_id.as_deref().map_or_else(String::new, |case| format!(" (case {case})"));
        format!("record {}{case}: {}", refused.index, refused.reason)
    }));
    if refused.len() > REFUSED {
        notes.push(format!("and {} more, with --format json", count((refused.len() - REFUSED) as u64)));
    }
    notes
}

fn of_case(case: &CaseTrace) -> Vec<(&'static str, String)> {
    let judged = match case.answer_is_true {
        Some(true) => ", the case's target_true",
        Some(false) => ", not the case's target_true",
        None => "",
    };
    let tokens = counted(case.subject_range.len(), "token");
    let place = format!("{tokens} from position {}", case.subject_range.start);
    let probabilities = format!(
        "{}; with noise {}, so the total effect is {}",
        shown(case.clean),
        shown(case.corrupted),
        shown(case.total_effect())
    );
    let mut facts = vec![
        ("fact", format!("{} in \"{}\" ({place})", case.subject, case.prompt)),
        ("answer", format!("\"{}\"{judged}: probability {probabilities}", case.answer.text.trim())),
    ];
    if let Some(found) = strongest_of(case, &(0..case.tokens.len())) {
        let last = "the last token's hidden state in the last layer is what the answer is read from";
        facts.push(("of all", format!("{found}; {last}")));
    }
    facts
}

fn basis(report: &TraceReport<'_>) -> Vec<(&'static str, String)> {
    let (traces, summary) = (report.traces, report.summary);
    let noise = match (traces.noise.factor, traces.noise.standard_deviation) {
        (Some(factor), Some(deviation)) => format!(
            "σ = {} = {factor} × {}, the standard deviation of the embeddings of {}",
            shown(traces.noise.sigma),
            shown(deviation),
            counted(traces.noise.subject_tokens, "subject token")
        ),
        _ => format!("σ = {}, as given", shown(traces.noise.sigma)),
    };
    let draws = format!("{noise}; {}, seed {}", counted(traces.plan.samples, "draw"), traces.plan.seed);
    let mut facts = vec![
        (
            "model",
            format!(
                "{} ({}), {}",
                report.model.display(),
                report.architecture.name(),
                counted(traces.layers, "layer")
            ),
        ),
        ("noise", draws),
    ];
    if traces.cases.len() > 1 {
        let (known, all) = summary.answered;
        let known = if all == 0 { String::new() } else { format!("; it is target_true in {known} of {all}") };
        facts.push(("answer", format!("{}{known}", answer_name(traces.plan.answer))));
    }
    facts
}

/// The cases with the largest total effect, one that is no number first.
fn strongest(cases: &[CaseTrace], top: usize) -> Grid {
    let mut cases: Vec<&CaseTrace> = cases.iter().collect();
    let size = |case: &CaseTrace| {
        let effect = case.total_effect();
        if effect.is_nan() { f64::INFINITY } else { effect }
    };
    cases.sort_by(|a, b| size(b).total_cmp(&size(a)));
    let row = |case: &&CaseTrace| {
        let of = |kind: &KindTrace| kind.best(&case.subject_range).map(|best| (kind.kind, best));
        let best = case.kinds.iter().find_map(of);
        vec![
            case.case_id.clone(),
            case.subject.clone(),
            case.answer.text.trim().to_owned(),
            best.map_or("–".to_owned(), |(kind, best)| {
                format!("{} of {}", words(kind), quoted(case, best.position))
            }),
            shown(case.clean),
            shown(case.corrupted),
            best.map_or("–".to_owned(), |(_, best)| best.layer.to_string()),
            best.map_or("–".to_owned(), |(_, best)| shown(best.effect)),
        ]
    };
    let total = cases.len();
    let title = if total > top {
        format!("The {top} of {} cases that depend most on their subject", count(total as u64))
    } else {
        "Cases".to_owned()
    };
    Grid {
        title,
        headers: vec![
            "case",
            "subject",
            "answer",
            "at the subject",
            "p clean",
            "p noised",
            "layer",
            "effect",
        ],
        text_columns: 4,
        rows: cases.iter().take(top).map(row).collect(),
    }
}
