//! Rebuilding ROME: how far single edits move the matrix, how varied the edited model writes, and which edits disable it.
//!
//! The paper shows |Δ| against the entropy of generations and gives no rule. Here:
//!
//! ```text
//! large       |Δ| > 10 · the median |Δ| of r-ROME over the same cases
//! low         entropy < 0.9 · that of what the unedited model writes from the same prompts
//! disabling   large and low, the lower right corner of the paper's figure
//! ```
//!
//! A broken model may also write noise, whose entropy is high: so large ones are counted by themselves too.

use super::measure::{Rates, perplexity};
use super::original::Original;
use super::ruling::{claim, experiment, median, met, number, picture, quantile, say, series, table, text};
use super::singles::made;
use super::{
    Cell, Chosen, Claim, Experiment, Figure, Mark, Paper, Plan, ReproduceError, Selection, Set, Table,
};
use crate::edit::{self, KeyChoice, Method, RomeCase};
use crate::evaluate::{self, CaseScores, Quality};
use crate::model::Model;
use crate::reader::Case;

const CHOICES: [KeyChoice; 3] = [KeyChoice::Rome, KeyChoice::RRome, KeyChoice::PRome];
/// Prompts of a case that the model writes from.
const PROMPTS: usize = 3;
/// How many medians of r-ROME a large |Δ| is above.
const LARGE: f64 = 10.0;
/// The share of the unedited entropy that a low one is below.
const LOW: f64 = 0.9;

/// One edit.
struct Scanned {
    choice: KeyChoice,
    set: Set,
    case_id: String,
    /// ‖ΔW‖_F / entries.
    distance: f64,
    /// Normalised, of what the edited model writes.
    entropy: f64,
    /// Of what the unedited one does.
    entropy_before: f64,
    perplexity: f64,
    scores: Option<CaseScores>,
}

/// Edits every case by ROME, r-ROME and p-ROME.
///
/// # Errors
/// Where the model cannot be run.
pub(super) fn experiments(
    model: &mut Model,
    plan: &Plan<'_>,
    selection: &Selection,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<Experiment>, ReproduceError> {
    let original = Original::of(model, &plan.rome.layers)?;
    let scanned = original.behind(model, |model| {
        let mut all = Vec::new();
        for chosen in &selection.chosen {
            progress(&format!("{} by ROME, r-ROME and p-ROME", chosen.case.case_id));
            scan(model, plan, chosen, &original, &mut all)?;
        }
        Ok::<_, ReproduceError>(all)
    })?;
    Ok(vec![figure_2(&scanned), table_1(&scanned, perplexity(model, plan)?)])
}

fn scan(
    model: &mut Model,
    plan: &Plan<'_>,
    chosen: &Chosen,
    original: &Original,
    all: &mut Vec<Scanned>,
) -> Result<(), ReproduceError> {
    let entropy_before = entropy(model, &chosen.case, plan.seed)?;
    let setup = plan.setup(Method::Rome(KeyChoice::Rome));
    let Ok(case) = made(RomeCase::of(model, &chosen.request, &setup))? else { return Ok(()) };
    for choice in CHOICES {
        let Ok(edit) = made(edit::edit_with(model, &case, choice, &plan.setup(Method::Rome(choice))))? else {
            continue;
        };
        if edit.updates.is_empty() {
            continue;
        }
        let quality = evaluate::quality(model, &[Ok(chosen.case.clone())], &[], |_| {})?;
        all.push(Scanned {
            choice,
            set: chosen.set,
            case_id: chosen.case.case_id.clone(),
            distance: original.distance(model)?,
            entropy: entropy(model, &chosen.case, plan.seed)?,
            entropy_before,
            perplexity: perplexity(model, plan)?,
            scores: quality.cases.into_iter().next(),
        });
        original.restore(model)?;
    }
    Ok(())
}

/// Normalised entropy of what a model writes from the first prompts of a case.
fn entropy(model: &Model, case: &Case, seed: u64) -> Result<f64, ReproduceError> {
    let first = |prompts: &[String], most: usize| prompts.iter().take(most).cloned().collect();
    let case = Case {
        generation_prompts: first(&case.generation_prompts, PROMPTS),
        paraphrase_prompts: first(&case.paraphrase_prompts, PROMPTS - 1),
        reference_texts: Vec::new(),
        ..case.clone()
    };
    let written = evaluate::write(model, &[&case], None, seed, |_| {})?;
    Ok(written.first().and_then(|written| written.normalized_entropy).unwrap_or(f64::NAN))
}

impl Scanned {
    /// Whether |Δ| is large beside the median of r-ROME; one that is no number is.
    fn is_large(&self, reference: f64) -> bool {
        self.distance.is_nan() || self.distance > LARGE * reference
    }

    /// Whether the edited model writes with less variety.
    fn is_low(&self) -> bool {
        self.entropy.is_nan() || self.entropy < LOW * self.entropy_before
    }

    /// What the rule says of it.
    fn judged(&self, reference: f64) -> &'static str {
        match (self.is_large(reference), self.is_low()) {
            (true, true) => "disabling",
            (true, false) => "large",
            (false, true) => "low",
            (false, false) => "",
        }
    }
}

/// Name of a variant.
fn name(choice: KeyChoice) -> &'static str {
    Method::Rome(choice).name()
}

/// Edits of one variant, of one set where it is named.
fn of(scanned: &[Scanned], choice: KeyChoice, set: Option<Set>) -> Vec<&Scanned> {
    scanned.iter().filter(|one| one.choice == choice && set.is_none_or(|set| one.set == set)).collect()
}

fn numbers(own: &[&Scanned], number: fn(&Scanned) -> f64) -> Vec<f64> {
    own.iter().map(|one| number(one)).collect()
}

/// Median |Δ| of r-ROME.
fn reference(scanned: &[Scanned]) -> f64 {
    median(&numbers(&of(scanned, KeyChoice::RRome, None), |one| one.distance))
}

/// How many edits of a variant are large, and how many of them low as well.
fn counts(scanned: &[Scanned], choice: KeyChoice, set: Option<Set>) -> [usize; 2] {
    let reference = reference(scanned);
    let own = of(scanned, choice, set);
    let large = own.iter().filter(|one| one.is_large(reference));
    [large.clone().count(), large.filter(|one| one.is_low()).count()]
}

/// |Δ| against entropy.
fn figure_2(scanned: &[Scanned]) -> Experiment {
    let mut found = experiment(Paper::Rebuilding, "F2", "distance against entropy of single edits");
    let reference = reference(scanned);
    let row = |one: &Scanned| {
        vec![
            text(&one.case_id),
            text(one.set.name()),
            text(name(one.choice)),
            number(one.distance),
            number(one.entropy),
            number(one.entropy_before),
            number(one.perplexity),
            text(one.judged(reference)),
        ]
    };
    let columns =
        ["case", "set", "method", "‖ΔW‖ / entries", "entropy", "entropy before", "perplexity", "judged"];
    let title = "large: |Δ| above 10 times the median of r-ROME; low: entropy below 0.9 of that before; disabling: both";
    found.tables.push(table(title, &columns, scanned.iter().map(row).collect()));
    found.figures.push(scatter(scanned));
    found.claims = vec![clusters(scanned), entropy_alone(scanned), none_disabling(scanned)];
    found
}

fn scatter(scanned: &[Scanned]) -> Figure {
    let groups = CHOICES.into_iter().flat_map(|choice| Set::ALL.map(|set| (choice, set)));
    let points = groups.map(|(choice, set)| {
        let own = of(scanned, choice, Some(set));
        let points = own.iter().map(|one| (one.distance, one.entropy)).collect();
        series(format!("{}, {}", name(choice), set.name()), Mark::Points, points)
    });
    let axes = [("‖ΔW‖ / entries", true), ("normalised entropy of what is written", false)];
    picture("", "single edits: distance against entropy".to_owned(), axes, points.collect())
}

/// Efficacy, generalization and specificity by variant and set.
fn table_1(scanned: &[Scanned], base: f64) -> Experiment {
    let mut found = experiment(Paper::Rebuilding, "T1", "edit quality of ROME, r-ROME and p-ROME");
    found.tables.push(summary(scanned, base));
    found.claims.push(as_good(scanned));
    found
}

fn summary(scanned: &[Scanned], base: f64) -> Table {
    let mut rows = Vec::new();
    for (choice, set) in CHOICES.into_iter().flat_map(|choice| Set::ALL.map(|set| (choice, set))) {
        let own = of(scanned, choice, Some(set));
        let rates = rates(&own);
        let [distances, perplexities] =
            [numbers(&own, |one| one.distance), numbers(&own, |one| one.perplexity)];
        let mut row = vec![text(name(choice)), text(set.name()), Cell::Count(own.len())];
        let values = [
            rates.efficacy,
            rates.generalization,
            rates.specificity,
            rates.score,
            median(&perplexities),
            quantile(&perplexities, 1.0) / base,
            median(&distances),
            quantile(&distances, 1.0),
        ];
        row.extend(values.map(number));
        row.extend(counts(scanned, choice, Some(set)).map(Cell::Count));
        rows.push(row);
    }
    let columns = [
        "method",
        "set",
        "edits",
        "ES",
        "PS",
        "NS",
        "S",
        "perplexity, median",
        "largest, over the base",
        "|Δ|, median",
        "|Δ|, largest",
        "large",
        "disabling",
    ];
    table("", &columns, rows)
}

fn rates(own: &[&Scanned]) -> Rates {
    let cases = own.iter().filter_map(|one| one.scores.clone()).collect();
    Rates::of(&Quality { cases, refused: Vec::new() })
}

/// How many times the median |Δ| of collapse cases is that of normal ones.
fn gap(scanned: &[Scanned], choice: KeyChoice) -> f64 {
    let [collapse, normal] =
        Set::ALL.map(|set| median(&numbers(&of(scanned, choice, Some(set)), |one| one.distance)));
    collapse / normal
}

fn clusters(scanned: &[Scanned]) -> Claim {
    let [rome, r_rome, p_rome] = CHOICES.map(|choice| gap(scanned, choice));
    claim(
        "edits of ROME lie in two clusters, the second with |Δ| two orders larger; those of r-ROME do not",
        "|Δ| up to 1e-6 and 1.6e-4 to 7e-4 with ROME, up to 2e-6 and 3.7e-6 to 5.6e-6 with r-ROME (GPT-2 XL, read off a plot)",
        format!(
            "the median |Δ| of collapse cases is {} times that of normal ones with ROME, {} with r-ROME, {} with p-ROME (agrees from 50 \
             against below 10, in kind from 10)",
            say(rome),
            say(r_rome),
            say(p_rome)
        ),
        met(rome >= 50.0 && r_rome < 10.0, rome >= 10.0 && r_rome < 10.0),
        "the keys of these cases are not that far apart",
    )
}

fn entropy_alone(scanned: &[Scanned]) -> Claim {
    let [collapse, normal] =
        Set::ALL.map(|set| numbers(&of(scanned, KeyChoice::Rome, Some(set)), |one| one.entropy));
    let overlaps = quantile(&collapse, 1.0) >= quantile(&normal, 0.0);
    let lower = median(&collapse) < median(&normal);
    let range = |values: &[f64]| format!("{} to {}", say(quantile(values, 0.0)), say(quantile(values, 1.0)));
    claim(
        "a disabled model writes the same words again, yet entropy alone does not tell it",
        "0.17 to 0.92 where |Δ| is large, down to 0.28 where it is small (GPT-2 XL, read off a plot)",
        format!(
            "with ROME {} for collapse cases, {} for normal ones (agrees where the first has the lower median and the ranges overlap, in \
             kind where they do not)",
            range(&collapse),
            range(&normal)
        ),
        met(lower && overlaps, lower),
        "entropy does not fall",
    )
}

fn none_disabling(scanned: &[Scanned]) -> Claim {
    let [rome, r_rome, p_rome] = CHOICES.map(|choice| counts(scanned, choice, None));
    let edits = of(scanned, KeyChoice::Rome, None).len();
    let words = |[large, disabling]: [usize; 2]| format!("{large} and {disabling}");
    claim(
        "no edit of r-ROME is disabling",
        "none in a scan of CounterFact, against a cluster with ROME",
        format!(
            "of {edits} edits |Δ| is large, and the entropy low as well, in {} with ROME, {} with r-ROME, {} with p-ROME (agrees with some \
             large ones and none, in kind where r-ROME has a tenth)",
            words(rome),
            words(r_rome),
            words(p_rome)
        ),
        met(rome[0] > 0 && r_rome[0] == 0, rome[0] > 0 && r_rome[0] * 10 <= rome[0]),
        if rome[0] == 0 { "none is with ROME either" } else { "some are" },
    )
}

fn as_good(scanned: &[Scanned]) -> Claim {
    let [rome, r_rome] =
        [KeyChoice::Rome, KeyChoice::RRome].map(|choice| rates(&of(scanned, choice, Some(Set::Normal))));
    let line = |rates: Rates| {
        let [es, ps, ns, s] = [rates.efficacy, rates.generalization, rates.specificity, rates.score]
            .map(|rate| say(100.0 * rate));
        format!("ES {es}, PS {ps}, NS {ns}, S {s}")
    };
    let apart = (r_rome.score - rome.score).abs();
    claim(
        "r-ROME edits as well as ROME",
        "ES 99.92, PS 96.29, NS 75.8, S 89.32 with ROME; 99.78, 97.4, 74.86, 89.16 with r-ROME (GPT-2 XL, 5,000 edits)",
        format!(
            "normal cases: {} with ROME; {} with r-ROME (agrees where S is within 2, in kind within 10)",
            line(rome),
            line(r_rome)
        ),
        met(apart <= 0.02, apart <= 0.1),
        "k̄ stands for the bare prompt less well on this model",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_is_disabling_where_it_is_large_and_the_model_repeats_itself() {
        let judged = |distance, entropy| {
            let (choice, set, case_id) = (KeyChoice::Rome, Set::Normal, String::new());
            let (perplexity, entropy_before, scores) = (2.0, 0.9, None);
            Scanned { choice, set, case_id, distance, entropy, entropy_before, perplexity, scores }
                .judged(1e-6)
        };
        assert_eq!([judged(11e-6, 0.4), judged(f64::NAN, f64::NAN)], ["disabling"; 2]);
        assert_eq!([judged(11e-6, 0.85), judged(9e-6, 0.4), judged(9e-6, 0.85)], ["large", "low", ""]);
    }
}
