//! The Butterfly Effect: one edit can destroy a model, perplexity tells, and the matrix has moved far.
//!
//! Figure 4, edits one after the other, is made with the sequences of the other papers.

use super::ruling::{
    COLLAPSED, claim, collapsed, count_collapsed, experiment, mean_measured, median, met, not_run, number,
    picture, quantile, say, series, table, text,
};
use super::{Cell, Experiment, Figure, Mark, Paper, Plan, ReproduceError, Selection, Set, Single, Singles};
use crate::edit::{KeyChoice, Method};
use crate::model::Model;
use crate::stats::spearman;

/// Methods that are held against ROME.
pub(super) const OTHERS: [Method; 3] = [Method::Memit, Method::FineTune, Method::FineTuneConstrained];

const ROME: Method = Method::Rome(KeyChoice::Rome);

/// Shares of the entries of ΔW.
const SHARES: [f64; 7] = [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99];

/// Every experiment but the sequential one.
///
/// # Errors
/// Where the model's matrix cannot be read.
pub(super) fn experiments(
    model: &Model,
    plan: &Plan<'_>,
    selection: &Selection,
    singles: &Singles,
) -> Result<Vec<Experiment>, ReproduceError> {
    let mut found = vec![perplexities(selection, singles), correlations(plan, singles)];
    found.push(distribution(model, plan, selection, singles)?);
    found.extend([editors(singles), mend()]);
    Ok(found)
}

/// F1.
fn perplexities(selection: &Selection, singles: &Singles) -> Experiment {
    let base = singles.base.perplexity;
    let mut found = experiment(Paper::Butterfly, "F1", "perplexity after every single edit by ROME");
    let mut sorted: Vec<&Single> = singles.all.iter().filter(|single| single.method == ROME).collect();
    sorted.sort_by(|a, b| a.health.perplexity.total_cmp(&b.health.perplexity));
    let row = |single: &&Single| {
        let case = selection.chosen.get(single.case).map_or("", |chosen| chosen.case.case_id.as_str());
        let norms = [single.update_norm, single.relative_norm].map(Cell::Number);
        let head = [text(case), text(single.set.name()), Cell::Number(single.health.perplexity)];
        head.into_iter().chain(norms).collect()
    };
    let columns = ["case", "set", "perplexity", "‖Δ‖", "‖Δ‖/‖W‖"];
    found.tables.push(table("edits by perplexity", &columns, sorted.iter().rev().map(row).collect()));
    let points = |set: Set| {
        let places = sorted.iter().enumerate().filter(|(_, single)| single.set == set);
        places.map(|(at, single)| (at as f64 + 1.0, single.health.perplexity)).collect()
    };
    let drawn = Set::ALL.map(|set| series(set.name(), Mark::Points, points(set)));
    let unedited = series("unedited", Mark::Line, vec![(1.0, base), (sorted.len().max(2) as f64, base)]);
    let axes = [("edits, by perplexity", false), ("perplexity", true)];
    let caption = "perplexity after each single edit by ROME".to_owned();
    found.figures.push(picture("", caption, axes, drawn.into_iter().chain([unedited]).collect()));
    let after: Vec<f64> = sorted.iter().map(|single| single.health.perplexity).collect();
    let (fallen, largest) = (count_collapsed(&after, base), quantile(&after, 1.0));
    found.claims.push(claim(
        "one edit can destroy a model",
        "77 of the 21,919 facts of CounterFact do it to GPT-2 XL",
        format!(
            "{fallen} of {} edits leave {COLLAPSED} times the perplexity or more, the worst {} times (agrees from 50 times, in kind from \
             {COLLAPSED})",
            after.len(),
            say(largest / base)
        ),
        met(fallen > 0 && (largest.is_nan() || largest >= 50.0 * base), fallen > 0),
        "no edit of these cases does",
    ));
    found
}

/// F2.
fn correlations(plan: &Plan<'_>, singles: &Singles) -> Experiment {
    const TITLE: &str = "perplexity against task scores";
    if plan.tasks.is_empty() {
        return not_run(Paper::Butterfly, "F2", TITLE, "it needs tasks: --tasks FILE...");
    }
    let mut found = experiment(Paper::Butterfly, "F2", TITLE);
    let mut rows = Vec::new();
    for (at, (name, _)) in plan.tasks.iter().enumerate() {
        let score = |single: &Single| single.health.tasks.get(at).copied().unwrap_or(f64::NAN);
        let of = |wanted: &dyn Fn(&Single) -> bool| {
            let edits = singles.all.iter().filter(|single| wanted(single) && !score(single).is_nan());
            let (x, y): (Vec<f64>, Vec<f64>) =
                edits.map(|single| (single.health.perplexity, score(single))).unzip();
            spearman(&x, &y)
        };
        let variant = |single: &Single| matches!(single.method, Method::Rome(_));
        let groups: [(&str, Option<_>); 2] =
            [("ROME, C-ROME and p-ROME", of(&variant)), ("ROME", of(&|single| single.method == ROME))];
        for (group, outcome) in &groups {
            let numbers = outcome.map_or([Cell::Missing, Cell::Missing, Cell::Missing], |found| {
                [
                    Cell::Count(found.n),
                    Cell::Number(found.coefficient),
                    number(found.p_value.unwrap_or(f64::NAN)),
                ]
            });
            rows.push([text(name.as_str()), text(*group)].into_iter().chain(numbers).collect());
        }
        let all = groups[0].1;
        let (rho, p) = all.map_or((f64::NAN, f64::NAN), |a| (a.coefficient, a.p_value.unwrap_or(f64::NAN)));
        found.claims.push(claim(
            "the higher the perplexity of an edited model, the lower its score on a task",
            "negative for every task, p < 0.01",
            format!(
                "{name}: Spearman's ρ {} with p {} (agrees below 0 with p < 0.01, in kind below 0)",
                say(rho),
                say(p)
            ),
            met(rho < 0.0 && p < 0.01, rho < 0.0),
            "the scores of these edited models hardly differ",
        ));
    }
    let columns = ["task", "edits", "n", "Spearman's ρ", "p"];
    found.tables.push(table("", &columns, rows));
    found.figures.push(scatter(plan, singles));
    found
}

fn scatter(plan: &Plan<'_>, singles: &Singles) -> Figure {
    let points = |at: usize| {
        let edits = singles.all.iter().filter(|single| matches!(single.method, Method::Rome(_)));
        edits
            .map(|single| {
                (single.health.perplexity, single.health.tasks.get(at).copied().unwrap_or(f64::NAN))
            })
            .collect()
    };
    let drawn = plan.tasks.iter().enumerate().map(|(at, (name, _))| series(name, Mark::Points, points(at)));
    let axes = [("perplexity", true), ("share of right answers", false)];
    picture("", "perplexity and task scores of edited models".to_owned(), axes, drawn.collect())
}

/// F3.
fn distribution(
    model: &Model,
    plan: &Plan<'_>,
    selection: &Selection,
    singles: &Singles,
) -> Result<Experiment, ReproduceError> {
    const TITLE: &str = "how far the entries of the edited matrix move";
    let mut found = experiment(Paper::Butterfly, "F3", TITLE);
    let by_perplexity = |set| {
        let mut edits: Vec<&Single> = singles.of(set, ROME).collect();
        edits.sort_by(|a, b| a.health.perplexity.total_cmp(&b.health.perplexity));
        edits
    };
    let (worst, normal) = (by_perplexity(Set::Collapse), by_perplexity(Set::Normal));
    let chosen = [
        ("worst of the collapse set", worst.last()),
        ("median of the normal set", normal.get(normal.len() / 2)),
    ];
    let (mut rows, mut drawn, mut medians) = (Vec::new(), Vec::new(), Vec::new());
    for (name, single) in chosen {
        let Some(moved) = single.map(|single| entries(model, plan, singles, single)).transpose()?.flatten()
        else {
            let why = format!("there is no edit that is the {name}");
            return Ok(not_run(Paper::Butterfly, "F3", TITLE, why));
        };
        let case = single.and_then(|single| selection.chosen.get(single.case));
        let case = case.map_or("", |chosen| chosen.case.case_id.as_str());
        let quantiles = SHARES.map(|share| Cell::Number(quantile(&moved, share)));
        rows.push([text(name), text(case)].into_iter().chain(quantiles).collect());
        medians.push(median(&moved));
        drawn.push(series(name, Mark::Line, (1..100).map(|n| percent(&moved, n)).collect()));
    }
    let columns: Vec<String> = SHARES.iter().map(|share| format!("{} %", 100.0 * share)).collect();
    let columns: Vec<&str> = ["edit", "case"].into_iter().chain(columns.iter().map(String::as_str)).collect();
    found.tables.push(table("quantiles of |ΔW|", &columns, rows));
    let axes = [("percentile of the entries", false), ("|ΔW|", true)];
    found.figures.push(picture("", "how far the entries of the edited matrix move".to_owned(), axes, drawn));
    let ratio = medians.first().copied().unwrap_or(f64::NAN) / medians.last().copied().unwrap_or(f64::NAN);
    found.claims.push(claim(
        "the matrix of a collapsed model has moved far more than that of a stable edit",
        "",
        format!("the median entry {} times as far (agrees from 10, in kind from 5)", say(ratio)),
        met(ratio >= 10.0, ratio >= 5.0),
        "no edit of these cases moves the matrix that far",
    ));
    Ok(found)
}

fn percent(moved: &[f64], n: u32) -> (f64, f64) {
    (f64::from(n), quantile(moved, f64::from(n) / 100.0))
}

/// |ΔW| of an edit by ROME, entry by entry and sorted; none where it has no finite update.
fn entries(
    model: &Model,
    plan: &Plan<'_>,
    singles: &Singles,
    single: &Single,
) -> Result<Option<Vec<f64>>, ReproduceError> {
    let Some(Some(case)) = singles.rome.get(single.case) else { return Ok(None) };
    let layer = case.layer;
    let moment = plan.moments.get(&layer).ok_or(ReproduceError::NoMoment { layer })?;
    let factors = case.factors(model, KeyChoice::Rome, moment)?;
    let mut moved: Vec<f64> =
        factors.left.iter().flat_map(|l| factors.right.iter().map(move |r| (l * r).abs())).collect();
    moved.sort_by(f64::total_cmp);
    Ok(factors.is_finite().then_some(moved))
}

/// F5.
fn editors(singles: &Singles) -> Experiment {
    let base = singles.base.perplexity;
    let mut found = experiment(Paper::Butterfly, "F5", "editors on collapse cases, one edit each");
    let after = |method| singles.numbers(Set::Collapse, method, |single| single.health.perplexity);
    let row = |method: Method| {
        let after = after(method);
        let efficacy =
            mean_measured(&singles.numbers(Set::Collapse, method, |single| single.landed.efficacy));
        let [median, largest] = [0.5, 1.0].map(|q| Cell::Number(quantile(&after, q)));
        let fallen = Cell::Count(count_collapsed(&after, base));
        vec![text(method.name()), Cell::Count(after.len()), median, largest, fallen, number(efficacy)]
    };
    let methods: Vec<Method> = [ROME].into_iter().chain(OTHERS).collect();
    let columns = ["method", "edits", "median perplexity", "largest", "collapsed", "efficacy"];
    let title = format!("perplexity before any edit {}", say(base));
    found.tables.push(table(&title, &columns, methods.iter().map(|method| row(*method)).collect()));
    for method in OTHERS {
        let reasons = singles.unmade.iter().filter(|unmade| unmade.method == method);
        if let (Some(first), n) = (reasons.clone().next(), reasons.count()) {
            let refused = vec![text(method.name()), Cell::Count(n), text(first.reason.as_str())];
            found.tables.push(table(
                "edits that could not be made",
                &["method", "edits", "first reason"],
                vec![refused],
            ));
        }
    }
    let rome = median(&after(ROME));
    let others = OTHERS.map(|method| median(&after(method)));
    let highest = others.iter().copied().fold(f64::NAN, f64::max);
    found.claims.push(claim(
        "collapse by a single edit is ROME's: the other editors' edits of the same cases leave the model in use",
        "",
        format!(
            "median perplexity {} by ROME, at most {} by MEMIT, FT and FT-L (agrees where ROME's is collapsed and no other's)",
            say(rome),
            say(highest)
        ),
        met(collapsed(rome, base) && !collapsed(highest, base), rome > 10.0 * highest),
        if collapsed(rome, base) { "others collapse on these cases too" } else { "ROME does not collapse here either" },
    ));
    found
}

/// MEND of the same figure.
fn mend() -> Experiment {
    let why = "it edits with a network that has to be trained for each model first, and none is given";
    not_run(Paper::Butterfly, "F5 MEND", "MEND on collapse cases", why)
}
