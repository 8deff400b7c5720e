//! The report for people: a single case explained, of many the summary and the worst.

use super::words::risk_name;
use crate::keys::{CaseOutcome, Diagnosis, Fact, Level, MeanOver, MomentFacts, Origin, Summary};
use crate::report::number::{count, counted, significant};
use crate::report::paint::Tone;
use crate::report::sheet::{Grid, Sheet};

/// Refused records that are shown at most.
const REFUSED: usize = 5;

pub(super) fn sheet(diagnosis: &Diagnosis, top: usize) -> Sheet {
    match (diagnosis.scan.cases.as_slice(), diagnosis.scan.refused.as_slice()) {
        ([case], []) => single(diagnosis, case),
        _ => several(diagnosis, top),
    }
}

fn shown(x: f64) -> String {
    significant(x, 4)
}

fn tone(level: Option<Level>) -> Tone {
    match level {
        Some(Level::Safe) => Tone::Good,
        Some(Level::AtRisk) | None => Tone::Warn,
        Some(Level::Collapse) => Tone::Bad,
    }
}

fn single(diagnosis: &Diagnosis, case: &CaseOutcome) -> Sheet {
    let level = case.verdict.level;
    let meaning = match level {
        Level::Safe => "ROME can make this edit without breaking the model",
        Level::AtRisk => "ROME may harm the model with this edit",
        Level::Collapse => "ROME would break the model with this edit",
    };
    let mut facts = explanation(diagnosis, case);
    facts.extend(basis(diagnosis));
    facts.push(("thresholds", thresholds(case)));
    Sheet {
        command: "keys",
        tone: tone(Some(level)),
        headline: format!("{}: {meaning}", risk_name(level)),
        notes: case.verdict.reasons.clone(),
        facts,
        grids: Vec::new(),
    }
}

/// The numbers in the order in which they follow from one another, each with what it is.
fn explanation(diagnosis: &Diagnosis, case: &CaseOutcome) -> Vec<(&'static str, String)> {
    let (fraction, mut facts) = (&case.fraction, Vec::new());
    if let Some(fact) = &case.fact {
        let place = match (fact.subject_tokens, fact.first_token) {
            (1, true) => "one token, the first of the text".to_owned(),
            (tokens, _) => {
                format!("{}, the last at position {}", counted(tokens, "token"), fact.subject_last_index)
            }
        };
        facts.push(("fact", format!("{} in \"{}\" ({place})", fact.subject, fact.prompt)));
    }
    facts.push((
        "kᵘ",
        format!(
            "the key: what the edited matrix sees at the subject in the bare prompt; norm {}",
            shown(fraction.unprefixed_key_norm)
        ),
    ));
    let behind = diagnosis.contexts.as_ref().map_or_else(String::new, |contexts| match contexts.over {
        MeanOver::Every => {
            format!(", over {}, the bare one included", counted(contexts.count, "template"))
        }
        MeanOver::Prefixed => {
            format!(", over {} with a prefix", counted(contexts.prefixed, "template"))
        }
    });
    facts.push((
        "k̄",
        format!(
            "its mean key behind other texts{behind}: norm {}, cosine to kᵘ {}",
            shown(fraction.mean_prefixed_key_norm),
            shown(fraction.key_cosine)
        ),
    ));
    facts.push((
        "divides by",
        format!(
            "(C⁻¹k̄)ᵀkᵘ = {}; with k̄ in both places it would be {} (ratio {}). ROME aims its update at k̄ and divides \
             it by this number: the smaller, the larger the update. Over ‖C⁻¹k̄‖, as published code prints it: {}",
            shown(fraction.denominator),
            shown(fraction.consistent_denominator),
            shown(fraction.denominator_ratio),
            shown(fraction.unit_denominator)
        ),
    ));
    facts.push(("instead", advice(case).to_owned()));
    facts
}

fn advice(case: &CaseOutcome) -> &'static str {
    match case.verdict.level {
        Level::Safe => "nothing: the keys agree; measure the perplexity after the edit all the same",
        Level::AtRisk | Level::Collapse => {
            "C-ROME (r-ROME is the same formula) uses k̄ in both places and keeps the model; the new fact then shows behind \
             a prefix only, so put one before the prompt when it is used. Several edits at once: MEMIT"
        }
    }
}

/// What the numbers rest on.
fn basis(diagnosis: &Diagnosis) -> Vec<(&'static str, String)> {
    let mut facts = vec![match &diagnosis.origin {
        Origin::Model { path, architecture: family, layer, module } => {
            ("model", format!("{} ({}), layer {layer}: {module}", path.display(), family.name()))
        }
        Origin::Dump { path } => ("keys", format!("{}, dumped by another program", path.display())),
    }];
    if let Some(contexts) = &diagnosis.contexts {
        let short: String = contexts.hash.chars().take(12).collect();
        facts.push(("contexts", format!("{} (SHA-256 {short})", contexts.source)));
    }
    facts.push((
        "C",
        diagnosis.moment.as_ref().map_or_else(
            || "C⁻¹k̄ as it was dumped".to_owned(),
            |facts| moment(facts, diagnosis.scan.residual()),
        ),
    ));
    facts
}

fn moment(facts: &MomentFacts, residual: f64) -> String {
    if !facts.adjusted {
        return "left out (C = I), as published configurations with mom2_adjustment false do".to_owned();
    }
    let source = facts.source.as_deref().unwrap_or("–");
    let tokens = facts.tokens.map_or_else(String::new, |tokens| format!(", {} tokens", count(tokens)));
    let ridge = if facts.ridge > 0.0 {
        format!(", ridge {} of the mean diagonal", shown(facts.ridge))
    } else {
        String::new()
    };
    format!(
        "second moment of the layer's keys: {source}{tokens}, condition number {}{ridge}; the solves miss by {}",
        significant(facts.condition_number, 3),
        significant(residual, 1)
    )
}

/// What the verdict's thresholds rest on, in its first clause.
fn thresholds(case: &CaseOutcome) -> String {
    let calibration = &case.verdict.calibration;
    let status = if calibration.calibrated { "calibrated: " } else { "" };
    format!("{status}{}", calibration.basis)
}

fn several(diagnosis: &Diagnosis, top: usize) -> Sheet {
    let summary = diagnosis.scan.summary();
    let mut facts = basis(diagnosis);
    if let Some(case) = diagnosis.scan.cases.first() {
        facts.push(("thresholds", thresholds(case)));
    }
    Sheet {
        command: "keys",
        tone: tone(diagnosis.scan.worst()),
        headline: headline(&summary),
        notes: notes(diagnosis, &summary),
        facts,
        grids: vec![worst(diagnosis, top)],
    }
}

fn headline(summary: &Summary) -> String {
    let cases = counted(summary.cases, "case");
    let n = |n: usize| count(n as u64);
    match summary {
        Summary { cases: 0, .. } => "no case could be diagnosed".to_owned(),
        Summary { collapse: 0, at_risk: 0, .. } => {
            format!("safe: ROME can make the edits of all {cases}, one by one")
        }
        Summary { collapse: 0, at_risk, .. } => {
            format!("at-risk: ROME may harm the model with {} of {cases}", n(*at_risk))
        }
        Summary { collapse, .. } => {
            format!("collapse: ROME would break the model with {} of {cases}", n(*collapse))
        }
    }
}

fn notes(diagnosis: &Diagnosis, summary: &Summary) -> Vec<String> {
    let n = |n: usize| count(n as u64);
    let mut notes = Vec::new();
    if summary.cases > 0 {
        notes.push(format!(
            "{} collapse, {} at risk, {} safe",
            n(summary.collapse),
            n(summary.at_risk),
            n(summary.safe)
        ));
    }
    let collapsing = diagnosis.scan.cases.iter().filter(|case| case.verdict.level == Level::Collapse);
    let first = collapsing.filter(|case| case.fact.as_ref().is_some_and(Fact::at_first_position)).count();
    if first > 0 {
        let share = if first == summary.collapse { "all".to_owned() } else { n(first) };
        notes.push(format!(
            "{share} of those that collapse read their key at the first token of the text, where it is unlike the key \
             of the same word behind a prefix; ROME divides by the product of the two, which then is nearly zero"
        ));
    }
    if summary.collapse + summary.at_risk > 0 {
        notes.push(
            "C-ROME and r-ROME use one key in both places and keep the model; use their edits behind a prefix".to_owned(),
        );
    }
    if summary.refused > 0 {
        notes.push(format!("not diagnosed, and in no count above: {}", counted(summary.refused, "record")));
    }
    notes.extend(diagnosis.scan.refused.iter().take(REFUSED).map(|refused| {
        let case = refused.case_id.as_deref().map_or_else(String::new, |case| format!(" (case {case})"));
        format!("record {}{case}: {}", refused.index, refused.reason)
    }));
    if summary.refused > REFUSED {
        notes.push(format!("and {} more, with --format json", n(summary.refused - REFUSED)));
    }
    notes
}

/// The cases with the smallest |ratio|, a ratio that is no number first.
fn worst(diagnosis: &Diagnosis, top: usize) -> Grid {
    let mut cases: Vec<&CaseOutcome> = diagnosis.scan.cases.iter().collect();
    let size = |case: &CaseOutcome| {
        let ratio = case.fraction.denominator_ratio;
        if ratio.is_finite() { ratio.abs() } else { -1.0 }
    };
    cases.sort_by(|a, b| size(a).total_cmp(&size(b)));
    let row = |case: &&CaseOutcome| {
        let fraction = &case.fraction;
        let subject = case.fact.as_ref().map_or("–", |fact| &fact.subject);
        vec![
            case.case_id.clone(),
            subject.to_owned(),
            risk_name(case.verdict.level).to_owned(),
            shown(fraction.denominator_ratio),
            shown(fraction.unit_denominator),
            shown(fraction.consistent_unit_denominator),
            shown(fraction.key_cosine),
            fraction.value_norm_ratio.map_or("–".to_owned(), shown),
        ]
    };
    let total = cases.len();
    let title = if total > top {
        format!("The {top} worst of {} cases", count(total as u64))
    } else {
        "Cases".to_owned()
    };
    Grid {
        title,
        headers: vec!["case", "subject", "level", "ratio", "D", "D with k̄", "cos(kᵘ, k̄)", "‖v‖ ratio"],
        text_columns: 3,
        rows: cases.iter().take(top).map(row).collect(),
    }
}
