//! Rebuilding ROME: single edits by ROME, r-ROME and p-ROME in the plane of distance and entropy, and how good they are.

use super::disabling::{CHOICES, Scan, Scanned, counts, name, numbers, of, reference, scan};
use super::measure::{Rates, perplexity};
use super::original::Original;
use super::ruling::{
    claim, experiment, median, met, not_run, number, picture, quantile, say, series, table, text,
};
use super::singles::not_made;
use super::{Cell, Claim, Experiment, Figure, Mark, Paper, Plan, ReproduceError, Selection, Set, Table};
use crate::edit::KeyChoice;
use crate::evaluate::Quality;
use crate::model::Model;

const DISTANCES: &str = "distance against entropy of single edits";

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
    if let Some(why) = selection.one_sided() {
        return Ok(vec![not_run(Paper::Rebuilding, "F2", DISTANCES, why)]);
    }
    let original = Original::of(model, &plan.rome.layers)?;
    let Scan { edits, unmade } = original.behind(model, |model| {
        let mut all = Scan::default();
        for chosen in selection.chosen.iter().enumerate() {
            progress(&format!("{} by ROME, r-ROME and p-ROME", chosen.1.case.case_id));
            scan(model, plan, chosen, &original, &mut all)?;
        }
        Ok::<_, ReproduceError>(all)
    })?;
    let mut found = vec![figure_2(&edits), table_1(&edits, perplexity(model, plan)?)];
    if let Some(last) = found.last_mut() {
        last.tables.extend(not_made(selection, &unmade));
    }
    Ok(found)
}

/// |Δ| against entropy.
fn figure_2(scanned: &[Scanned]) -> Experiment {
    let mut found = experiment(Paper::Rebuilding, "F2", DISTANCES);
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
