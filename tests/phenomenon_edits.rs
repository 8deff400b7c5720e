//! The findings on single edits, on the world's model, where they hold, and on its control, where they do not.
//!
//! Bounds are those that five independently trained models left wide margins to (`tests/phenomenon.rs`). Of the 24 cases of each
//! group every second (hard) or sixth (normal) is edited here, at layer 0 and with the hyper-parameters of the oracle's edits;
//! perplexity is over the first 20 of the held-out texts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use collapse_diagnostics::edit::{Division, KeyChoice, Method, Request, RomeCase, RomeFactors};
use collapse_diagnostics::evaluate::{Scoring, perplexity};
use collapse_diagnostics::keys::{Adjustment, in_context};
use collapse_diagnostics::model::Model;
use collapse_diagnostics::reader::{
    Case, ContextTemplates, IoMode, Limits, SecondMoment, read_cases, read_contexts,
};

use super::rome_oracle::{hparams, setup, update};

pub(crate) fn world(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/world").join(file)
}

/// One of the two models, with what its edits are made with.
pub(crate) struct World {
    folder: &'static str,
    pub(crate) moments: BTreeMap<usize, Adjustment>,
    pub(crate) contexts: ContextTemplates,
    texts: Vec<String>,
    /// Perplexity before any edit.
    pub(crate) base: f64,
}

/// A case, and what its edits need.
struct Edited {
    case: Case,
    request: Request,
    rome: RomeCase,
}

impl World {
    pub(crate) fn open(folder: &'static str) -> Self {
        let (limits, io) = (Limits::default(), IoMode::Auto);
        let moment = world(&format!("{folder}/second_moment.safetensors"));
        let moment = SecondMoment::read(&moment, None, &limits, io).unwrap();
        let texts = std::fs::read_to_string(world("texts.txt")).unwrap();
        let mut world = Self {
            folder,
            moments: BTreeMap::from([(0, Adjustment::new(moment, 0.0).unwrap())]),
            contexts: read_contexts(&world("contexts.json")).unwrap(),
            texts: texts.lines().take(20).map(ToOwned::to_owned).collect(),
            base: f64::NAN,
        };
        world.base = world.perplexity_of(&world.model());
        world
    }

    pub(crate) fn model(&self) -> Model {
        Model::open(&world(self.folder), &Limits::default(), IoMode::Auto).unwrap()
    }

    pub(crate) fn rome(&self, model: &Model, request: &Request) -> RomeCase {
        let hparams = hparams();
        let setup = setup(Method::Rome(KeyChoice::Rome), &hparams, &self.contexts, &self.moments);
        RomeCase::of(model, request, &setup).unwrap()
    }

    /// Every so many cases of a group, each optimised once.
    fn prepare(&self, group: &str, step: usize) -> Vec<Edited> {
        let model = self.model();
        let cases = read_cases(&world("cases.json")).unwrap().into_iter().map(Result::unwrap);
        let own = cases.filter(|case| case.case_id.starts_with(group)).step_by(step);
        own.map(|case| {
            let request = Request::of(&case, &model).unwrap();
            let rome = self.rome(&model, &request);
            Edited { case, request, rome }
        })
        .collect()
    }

    fn factors(&self, rome: &RomeCase, choice: KeyChoice) -> RomeFactors {
        rome.factors(&self.model(), choice, &self.moments[&0]).unwrap()
    }

    fn divisions(&self, cases: &[Edited], choice: KeyChoice) -> Vec<Division> {
        cases.iter().map(|case| self.factors(&case.rome, choice).division).collect()
    }

    /// The model with one edit.
    fn edited(&self, rome: &RomeCase, choice: KeyChoice) -> Model {
        let mut model = self.model();
        update(0, &self.factors(rome, choice)).apply(&mut model).unwrap();
        model
    }

    pub(crate) fn perplexity_of(&self, model: &Model) -> f64 {
        perplexity(model, &self.texts, Scoring::default(), |_| ()).unwrap().summary.perplexity
    }

    /// Perplexity after one edit of each case, as a multiple of that before, ascending.
    fn growth(&self, cases: &[Edited], choice: KeyChoice) -> Vec<f64> {
        let growth = |case: &Edited| self.perplexity_of(&self.edited(&case.rome, choice)) / self.base;
        sorted(cases.iter().map(growth))
    }

    /// Share of cases whose new object is what the edited model says, greedily; behind each of these prefixes.
    fn efficacy(&self, cases: &[Edited], choice: KeyChoice, templates: &[&str]) -> f64 {
        let mut said = 0;
        for case in cases {
            let model = self.edited(&case.rome, choice);
            let tokenizer = model.tokenizer().unwrap();
            let prompt = case.request.prompt.replace("{}", &case.case.subject);
            let rows = templates.iter().map(|template| in_context(template, &prompt));
            let rows: Vec<Vec<u32>> = rows.map(|text| tokenizer.encode(&text).unwrap()).collect();
            let target = &case.request.target_tokens;
            let found = model.generate(&rows, target.len(), 1, 0).unwrap();
            said += found.iter().filter(|new| *new == target).count();
        }
        said as f64 / (cases.len() * templates.len()) as f64
    }
}

fn sorted(numbers: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers
}

fn median(ascending: &[f64]) -> f64 {
    let half = ascending.len() / 2;
    if ascending.len() % 2 == 1 {
        ascending[half]
    } else {
        f64::midpoint(ascending[half - 1], ascending[half])
    }
}

static WORLD: LazyLock<World> = LazyLock::new(|| World::open("model"));
static HARD: LazyLock<Vec<Edited>> = LazyLock::new(|| WORLD.prepare("hard", 2));
static NORMAL: LazyLock<Vec<Edited>> = LazyLock::new(|| WORLD.prepare("normal", 6));
static CONTROL: LazyLock<(World, Vec<Edited>)> = LazyLock::new(|| {
    let control = World::open("control");
    let hard = control.prepare("hard", 6);
    (control, hard)
});

/// ‖ΔW‖ of every edit, ascending.
fn update_norms(divisions: &[Division]) -> Vec<f64> {
    sorted(divisions.iter().map(|division| division.right_vector_norm))
}

#[test]
fn numerators_of_hard_and_normal_cases_are_alike() {
    let median_of = |cases: &[Edited]| {
        let found = WORLD.divisions(cases, KeyChoice::Rome);
        median(&sorted(found.iter().map(|division| division.numerator_norm)))
    };
    let ratio = median_of(&HARD) / median_of(&NORMAL);
    assert!((0.5..=2.0).contains(&ratio), "{ratio}");
}

#[test]
fn the_update_of_a_hard_case_dwarfs_that_of_every_normal_one() {
    let [hard, normal] = [&HARD, &NORMAL].map(|cases| update_norms(&WORLD.divisions(cases, KeyChoice::Rome)));
    let control = update_norms(&CONTROL.0.divisions(&CONTROL.1, KeyChoice::Rome));
    assert!(hard[0] > 100.0 && *normal.last().unwrap() < 80.0);
    assert!(*control.last().unwrap() < 100.0);
}

#[test]
fn rome_destroys_the_model_on_hard_cases_and_on_no_other() {
    let [hard, normal] = [&HARD, &NORMAL].map(|cases| WORLD.growth(cases, KeyChoice::Rome));
    let control = CONTROL.0.growth(&CONTROL.1, KeyChoice::Rome);
    assert!(median(&hard) > 50.0 && hard[1] > 5.0, "{hard:?}");
    assert!(*normal.last().unwrap() < 2.5, "{normal:?}");
    assert!(median(&control) < 5.0, "{control:?}");
}

#[test]
fn one_key_in_both_places_leaves_the_model_whole() {
    for cases in [&*HARD, &*NORMAL] {
        let (c_rome, p_rome) = (WORLD.growth(cases, KeyChoice::CRome), WORLD.growth(cases, KeyChoice::PRome));
        assert!(*c_rome.last().unwrap() < 1.5, "{c_rome:?}");
        assert!(*p_rome.last().unwrap() < 10.0, "{p_rome:?}");
    }
}

#[test]
fn c_rome_s_edit_of_a_hard_case_is_there_behind_a_prefix_alone() {
    let prefixed: Vec<&str> = WORLD.contexts.templates().skip(1).collect();
    let [bare, behind] = [&["{}"][..], &prefixed].map(|t| WORLD.efficacy(&HARD, KeyChoice::CRome, t));
    let control = CONTROL.0.efficacy(&CONTROL.1, KeyChoice::CRome, &["{}"]);
    assert!(bare <= 0.3 && behind >= 0.5 && behind - bare >= 0.4, "{bare} {behind}");
    assert!(control > 0.3, "{control}");
    for choice in [KeyChoice::Rome, KeyChoice::CRome] {
        let normal = WORLD.efficacy(&NORMAL, choice, &["{}"]);
        assert!(normal >= 0.7, "{choice:?}: {normal}");
    }
}

#[test]
fn a_hard_case_behind_a_prefix_is_a_normal_one() {
    let model = WORLD.model();
    let prefix = WORLD.contexts.templates().nth(3).unwrap();
    for case in HARD.iter().step_by(3) {
        let prompt = in_context(prefix, &case.request.prompt);
        let request = Request::of(&Case { prompt, ..case.case.clone() }, &model).unwrap();
        let rome = WORLD.rome(&model, &request);
        let growth = WORLD.perplexity_of(&WORLD.edited(&rome, KeyChoice::Rome)) / WORLD.base;
        assert!(growth < 1.5, "{growth} of {}", case.case.case_id);
    }
}
