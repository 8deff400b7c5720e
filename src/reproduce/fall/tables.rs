//! Tables 1, 2, 4 and 5: what the single edits did.

use crate::edit::{KeyChoice, Method};
use crate::reproduce::ruling::{
    COLLAPSED, claim, count_collapsed, experiment, mean_measured, median, met, number, quantile, say, spread,
    table, text,
};
use crate::reproduce::{Cell, Experiment, Landed, Paper, Set, Singles};

pub(super) const ROME: Method = Method::Rome(KeyChoice::Rome);
pub(super) const C_ROME: Method = Method::Rome(KeyChoice::CRome);

/// |uᵀkᵘ| of the edits of a set by ROME.
fn denominators(singles: &Singles, set: Set) -> Vec<f64> {
    let of = |single: &super::super::Single| single.division.map_or(f64::NAN, |d| d.unit_denominator.abs());
    singles.numbers(set, ROME, of)
}

fn numerators(singles: &Singles, set: Set) -> Vec<f64> {
    singles.numbers(set, ROME, |single| single.division.map_or(f64::NAN, |d| d.numerator_norm))
}

/// T1.
pub(super) fn fraction(singles: &Singles) -> Experiment {
    let mut found = experiment(Paper::Fall, "T1", "numerator and denominator of ROME's update");
    let mut rows = Vec::new();
    for set in Set::ALL {
        let quantities = [
            ("|denominator|", denominators(singles, set)),
            ("numerator", numerators(singles, set)),
            ("‖Δ‖", singles.numbers(set, ROME, |single| single.update_norm)),
        ];
        for (name, values) in quantities {
            let head = [text(set.name()), text(name), Cell::Count(values.len())];
            rows.push(head.into_iter().chain(spread(&values)).collect());
        }
    }
    let columns = ["set", "quantity", "edits", "mean", "median", "least", "largest"];
    found.tables.push(table("", &columns, rows));
    let [collapse, normal] = Set::ALL.map(|set| median(&denominators(singles, set)));
    let ratio = normal / collapse;
    found.claims.push(claim(
        "the denominator of collapse cases is about two orders of magnitude smaller than that of normal ones",
        "about 100 times",
        format!("{} times in the median (agrees from 30 to 300, in kind from 10)", say(ratio)),
        met((30.0..=300.0).contains(&ratio), ratio >= 10.0),
        "the first token's keys are not far enough from all others here",
    ));
    let [collapse, normal] = Set::ALL.map(|set| median(&numerators(singles, set)));
    let ratio = collapse / normal;
    found.claims.push(claim(
        "the numerators of both are of one size",
        "",
        format!("{} times in the median (agrees from 0.5 to 2, in kind from 0.2 to 5)", say(ratio)),
        met((0.5..=2.0).contains(&ratio), (0.2..=5.0).contains(&ratio)),
        "the sizes of the values differ between the sets",
    ));
    found
}

/// The perplexities after the edits of a set by a method.
fn perplexities(singles: &Singles, set: Set, method: Method) -> Vec<f64> {
    singles.numbers(set, method, |single| single.health.perplexity)
}

/// Those of a set whose model ROME has collapsed, and all.
pub(super) fn fallen(singles: &Singles, set: Set, method: Method) -> (usize, usize) {
    let all = perplexities(singles, set, method);
    (count_collapsed(&all, singles.base.perplexity), all.len())
}

/// T2.
pub(super) fn perplexity(singles: &Singles) -> Experiment {
    let base = singles.base.perplexity;
    let mut found = experiment(Paper::Fall, "T2", "perplexity after a single edit, ROME and C-ROME");
    let mut rows = Vec::new();
    for (set, method) in Set::ALL.into_iter().flat_map(|set| [ROME, C_ROME].map(|method| (set, method))) {
        let after = perplexities(singles, set, method);
        let [median, largest] = [0.5, 1.0].map(|q| Cell::Number(quantile(&after, q)));
        let collapsed = Cell::Count(count_collapsed(&after, base));
        let head = [text(set.name()), text(method.name()), Cell::Count(after.len()), Cell::Number(base)];
        rows.push(head.into_iter().chain([median, largest, collapsed]).collect());
    }
    let columns = ["set", "method", "edits", "original", "median", "largest", "collapsed"];
    found.tables.push(table("", &columns, rows));
    let of = |set, method| fallen(singles, set, method);
    let (hard, hard_all) = of(Set::Collapse, ROME);
    let (normal, normal_all) = of(Set::Normal, ROME);
    found.claims.push(claim(
        "ROME destroys the model on every collapse case and on no normal one",
        "",
        format!(
            "{hard} of {hard_all} and {normal} of {normal_all} edits leave {COLLAPSED} times the perplexity or more (in kind: at \
             least half, and at most a tenth)"
        ),
        met(
            hard > 0 && hard == hard_all && normal == 0,
            hard > 0 && 2 * hard >= hard_all && 10 * normal <= normal_all,
        ),
        "the denominators of the collapse set are not small enough here",
    ));
    let cured: usize = Set::ALL.into_iter().map(|set| of(set, C_ROME).0).sum();
    let largest = Set::ALL.into_iter().flat_map(|set| perplexities(singles, set, C_ROME)).fold(0.0, f64::max);
    found.claims.push(claim(
        "C-ROME, with the prefixed key in both places, destroys no model where ROME does",
        "",
        format!(
            "{cured} edits by C-ROME leave {COLLAPSED} times the perplexity or more, where {hard} by ROME do; its largest is {} times",
            say(largest / base)
        ),
        met(hard > 0 && cured == 0, hard > 0 && 10 * cured <= hard),
        if hard == 0 { "ROME destroys nothing here that could be cured" } else { "the prefixed keys of some cases differ too" },
    ));
    found
}

/// The mean of a score over the edits of a set.
fn mean_of(singles: &Singles, set: Set, method: Method, of: fn(&Landed) -> f64) -> f64 {
    mean_measured(&singles.numbers(set, method, |single| of(&single.landed)))
}

const EFFICACY: fn(&Landed) -> f64 = |landed| landed.efficacy;
const GENERALIZATION: fn(&Landed) -> f64 = |landed| landed.generalization;
const LOCALITY: fn(&Landed) -> f64 = |landed| landed.locality;
const PREFIXED: fn(&Landed) -> f64 = |landed| landed.prefixed_efficacy;
const PREFIXED_GENERALIZATION: fn(&Landed) -> f64 = |landed| landed.prefixed_generalization;

fn scores(singles: &Singles, methods: &[Method], measures: &[fn(&Landed) -> f64]) -> Vec<Vec<Cell>> {
    let mut rows = Vec::new();
    for (set, &method) in Set::ALL.into_iter().flat_map(|set| methods.iter().map(move |method| (set, method)))
    {
        let edits = Cell::Count(singles.of(set, method).count());
        let cells = measures.iter().map(|of| number(mean_of(singles, set, method, *of)));
        rows.push([text(set.name()), text(method.name()), edits].into_iter().chain(cells).collect());
    }
    rows
}

/// T4.
pub(super) fn bare(singles: &Singles) -> Experiment {
    let mut found = experiment(Paper::Fall, "T4", "what lands with C-ROME, tested on bare prompts");
    let columns = ["set", "method", "edits", "efficacy", "generalization", "locality"];
    let rows = scores(singles, &[ROME, C_ROME], &[EFFICACY, GENERALIZATION, LOCALITY]);
    found.tables.push(table("token accuracies, as EasyEdit has them", &columns, rows));
    let [hard, normal] = Set::ALL.map(|set| mean_of(singles, set, C_ROME, EFFICACY));
    found.claims.push(claim(
        "C-ROME's edits of collapse cases do not show where the prompt has no prefix",
        "",
        format!(
            "efficacy {} on collapse cases, {} on normal ones (agrees up to 0.3, in kind 0.2 below the normal ones)",
            say(hard),
            say(normal)
        ),
        met(hard <= 0.3 && normal > 0.5, hard <= normal - 0.2),
        "the unprefixed key of a collapse case is near enough to its prefixed one",
    ));
    let rome = mean_of(singles, Set::Normal, ROME, EFFICACY);
    found.claims.push(claim(
        "C-ROME edits normal cases as well as ROME",
        "",
        format!(
            "efficacy {} where ROME has {} (agrees within 0.05, in kind within 0.15)",
            say(normal),
            say(rome)
        ),
        met(normal >= rome - 0.05, normal >= rome - 0.15),
        "averaged keys miss the bare prompts of this model's normal cases",
    ));
    found
}

/// T5.
pub(super) fn prefixed(singles: &Singles) -> Experiment {
    let mut found = experiment(Paper::Fall, "T5", "C-ROME with an editing prefix before the test prompts");
    let columns = [
        "set",
        "method",
        "edits",
        "efficacy",
        "generalization",
        "prefixed efficacy",
        "prefixed generalization",
    ];
    let rows = scores(singles, &[C_ROME], &[EFFICACY, GENERALIZATION, PREFIXED, PREFIXED_GENERALIZATION]);
    found.tables.push(table("mean over the first five editing prefixes", &columns, rows));
    let [bare, prefixed] = [EFFICACY, PREFIXED].map(|of| mean_of(singles, Set::Collapse, C_ROME, of));
    found.claims.push(claim(
        "an editing prefix before the test prompt restores C-ROME's efficacy on collapse cases",
        "",
        format!(
            "{} behind a prefix, {} without (agrees from 0.5 and 0.4 above, in kind 0.15 above)",
            say(prefixed),
            say(bare)
        ),
        met(prefixed >= 0.5 && prefixed - bare >= 0.4, prefixed - bare >= 0.15),
        "there is little to restore, or prefixes do not help",
    ));
    found
}
