//! The findings on what an edited model can still do and on edits that add up: they hold on the world's model and, where they
//! have a contrast, fail on its control.
//!
//! Bounds as in `tests/phenomenon_edits.rs`. ROME at layer 0 with the hyper-parameters of the oracle's edits; perplexity over the first
//! 20 held-out texts, recall and choices over the whole task files. A sequence of normal edits ends with the 48 there are.

use std::sync::LazyLock;

use collapse_diagnostics::edit::{KeyChoice, Request, RomeCase};
use collapse_diagnostics::evaluate::test;
use collapse_diagnostics::keys::{KeyMeans, MeanOver, WeightedTemplates, fractions, in_context};
use collapse_diagnostics::model::{At, Model, Patch, Site, Tap, place};
use collapse_diagnostics::reader::{Case, read_cases, read_tasks};
use collapse_diagnostics::stats::{mean, quantile, spearman};

use super::phenomenon_edits::{World, world};
use super::rome_oracle::update;

static WORLD: LazyLock<World> = LazyLock::new(|| World::open("model"));
static CONTROL: LazyLock<World> = LazyLock::new(|| World::open("control"));

/// Every so many cases of a group.
fn cases(group: &str, step: usize) -> Vec<Case> {
    let all = read_cases(&world("cases.json")).unwrap().into_iter().map(Result::unwrap);
    all.filter(|case| case.case_id.starts_with(group)).step_by(step).collect()
}

/// Edits a model further, case by case.
fn edit(world: &World, model: &mut Model, cases: &[Case], choice: KeyChoice) {
    for case in cases {
        edit_one(world, model, case, choice);
    }
}

fn edit_one(world: &World, model: &mut Model, case: &Case, choice: KeyChoice) {
    let request = Request::of(case, model).unwrap();
    let rome: RomeCase = world.rome(model, &request);
    update(0, &rome.factors(model, choice, &world.moments[&0]).unwrap()).apply(model).unwrap();
}

fn edited(world: &World, case: &Case) -> Model {
    let mut model = world.model();
    edit_one(world, &mut model, case, KeyChoice::Rome);
    model
}

/// Share of right answers of a task file.
fn score(model: &Model, file: &str) -> f64 {
    let tasks = read_tasks(&world(&format!("tasks/{file}.jsonl"))).unwrap();
    test(model, &tasks, |_| ()).unwrap().accuracy.unwrap()
}

#[test]
fn a_collapsed_model_recalls_no_fact_and_chooses_by_chance() {
    let before = WORLD.model();
    assert!(score(&before, "facts") >= 0.95 && score(&before, "choices") >= 0.95);
    let models: Vec<Model> = cases("hard", 6).iter().map(|case| edited(&WORLD, case)).collect();
    let recall: Vec<f64> = models.iter().map(|model| score(model, "facts")).collect();
    assert!(recall.iter().all(|&share| share <= 0.1), "{recall:?}");
    let choices = mean(&models.iter().map(|model| score(model, "choices")).collect::<Vec<_>>()).unwrap();
    assert!((0.4..=0.65).contains(&choices), "{choices}");
    let control = score(&edited(&CONTROL, &cases("hard", 24)[0]), "facts");
    assert!(control > 0.5, "{control}");
}

#[test]
fn one_collapse_edit_among_normal_ones_breaks_the_model_and_later_ones_do_not_mend_it() {
    let (normal, hard) = (cases("normal-first", 2), cases("hard", 24));
    let grown = |world: &World| {
        let mut model = world.model();
        edit(world, &mut model, &normal[..8], KeyChoice::Rome);
        let before = world.perplexity_of(&model);
        edit(world, &mut model, &hard, KeyChoice::Rome);
        let behind = world.perplexity_of(&model);
        edit(world, &mut model, &normal[8..], KeyChoice::Rome);
        [behind / before, world.perplexity_of(&model) / world.base]
    };
    let [at_once, later] = grown(&WORLD);
    assert!(at_once > 20.0 && later > 20.0, "{at_once} {later}");
    let [at_once, later] = grown(&CONTROL);
    assert!(at_once < 2.0 && later < 20.0, "{at_once} {later}");
}

#[test]
fn with_one_key_in_both_places_a_sequence_of_collapse_cases_ends_below_what_rome_does_at_once() {
    let hard = cases("hard", 1);
    let mut model = WORLD.model();
    edit(&WORLD, &mut model, &hard, KeyChoice::CRome);
    let cured = WORLD.perplexity_of(&model) / WORLD.base;
    let fatal = WORLD.perplexity_of(&edited(&WORLD, &hard[0])) / WORLD.base;
    assert!(cured < 6.0 && fatal > 6.0, "{cured} {fatal}");
}

#[test]
fn normal_edits_add_up_to_gradual_forgetting() {
    let mut model = WORLD.model();
    let (start, _) = model.down_projection_weight(0).unwrap();
    let (mut recall, mut moved) = (vec![score(&model, "facts")], vec![0.0]);
    for (done, case) in cases("normal", 1).iter().enumerate() {
        edit_one(&WORLD, &mut model, case, KeyChoice::Rome);
        if [8, 24, 48].contains(&(done + 1)) {
            let (weight, _) = model.down_projection_weight(0).unwrap();
            moved.push(weight.iter().zip(&start).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt());
            recall.push(score(&model, "facts"));
        }
    }
    assert!(recall.is_sorted_by(|a, b| a > b) && recall[3] < 0.5, "{recall:?}");
    assert!(moved.is_sorted_by(|a, b| a < b), "{moved:?}");
}

#[test]
fn perplexity_falls_where_recall_rises_over_edited_models() {
    let chosen = [cases("hard", 2), cases("normal", 2)].concat();
    let models = chosen.iter().map(|case| edited(&WORLD, case));
    let (perplexity, recall): (Vec<f64>, Vec<f64>) =
        models.map(|model| (WORLD.perplexity_of(&model), score(&model, "facts"))).unzip();
    let found = spearman(&perplexity, &recall).unwrap();
    assert!(found.n == 36 && found.coefficient <= -0.5, "{found:?}");
}

/// Median |denominator| of cases, with the position embedding of one place put in the place of another's, or as it is.
fn denominator(world: &World, cases: &[Case], swap: Option<(usize, usize)>) -> f64 {
    let model = world.model();
    let templates = WeightedTemplates::new(&world.contexts, MeanOver::Every).unwrap();
    let patches: Vec<Patch> =
        swap.map(|(position, by)| Patch::PositionEmbedding { position, by }).into_iter().collect();
    let means: Vec<KeyMeans> = cases
        .iter()
        .map(|case| {
            let placed = templates.templates().iter().map(|template| {
                place(model.tokenizer().unwrap(), &in_context(template, &case.prompt), &case.subject).unwrap()
            });
            let (rows, at): (Vec<_>, Vec<_>) =
                placed.map(|placed| (placed.tokens, placed.subject_last)).unzip();
            let tap = [Tap { layer: 0, site: Site::Key }];
            let keys = model.capture(&rows, At::One(&at), &tap, &patches).unwrap();
            KeyMeans::of(keys[0].view(), None, &templates)
        })
        .collect();
    let found = fractions(&means, &world.moments[&0], 4.0).unwrap();
    quantile(&found.iter().map(|found| found.unit_denominator.abs()).collect::<Vec<_>>(), 0.5).unwrap()
}

#[test]
fn the_position_embedding_of_the_first_place_makes_and_unmakes_a_collapse_case() {
    let hard = cases("hard", 1);
    let (as_it_is, swapped) = (denominator(&WORLD, &hard, None), denominator(&WORLD, &hard, Some((0, 1))));
    assert!(swapped / as_it_is >= 8.0, "{as_it_is} {swapped}");
    let model = WORLD.model();
    let is_second = |case: &Case| {
        place(model.tokenizer().unwrap(), &case.prompt, &case.subject).unwrap().subject_last == 1
    };
    let second: Vec<Case> = cases("normal-first", 1).into_iter().filter(is_second).collect();
    assert!(second.len() >= 5, "{}", second.len());
    let (as_it_is, swapped) =
        (denominator(&WORLD, &second, None), denominator(&WORLD, &second, Some((1, 0))));
    assert!(as_it_is / swapped >= 8.0, "{as_it_is} {swapped}");
    let (as_it_is, swapped) =
        (denominator(&CONTROL, &hard, None), denominator(&CONTROL, &hard, Some((0, 1))));
    assert!(swapped / as_it_is < 8.0, "{as_it_is} {swapped}");
}
