//! The experiments that edit a case more than once, on a few cases of the world's model.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{
    Agreement, Cell, Claim, Experiment, Plan, ReproduceError, Selection, forgetting, grouped, harms,
    rebuilding, unified,
};
use crate::edit::Hparams;
use crate::keys::Adjustment;
use crate::model::Model;
use crate::reader::{
    BadRecord, Case, ContextTemplates, IoMode, Limits, SecondMoment, Task, read_cases, read_contexts,
    read_tasks,
};

/// The world's model with all that a plan wants.
struct Desk {
    rome: Hparams,
    memit: Hparams,
    fine_tune: Hparams,
    cases: Vec<Result<Case, BadRecord>>,
    contexts: ContextTemplates,
    grouped: ContextTemplates,
    moments: BTreeMap<usize, Adjustment>,
    texts: Vec<String>,
    tasks: Vec<(String, Vec<Result<Task, BadRecord>>)>,
}

fn world(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/world").join(file)
}

/// A model that no other test edits.
fn model() -> Model {
    Model::open(&world("model"), &Limits::default(), IoMode::Auto).unwrap()
}

impl Desk {
    /// With so many of the texts, tasks of so many items, and so many steps of each optimisation.
    fn new(texts: usize, items: usize, steps: usize) -> Self {
        let moment = world("model/second_moment.safetensors");
        let moment = SecondMoment::read(&moment, None, &Limits::default(), IoMode::Auto).unwrap();
        let rome = Hparams { layers: vec![0], v_lr: 0.3, v_num_grad_steps: steps, ..Hparams::default() };
        let contexts = read_contexts(&world("contexts.json")).unwrap();
        let tasks = ["facts", "choices"].map(|name| {
            let records = read_tasks(&world(&format!("tasks/{name}.jsonl"))).unwrap();
            (name.to_owned(), records.into_iter().take(items).collect())
        });
        let all = std::fs::read_to_string(world("texts.txt")).unwrap();
        Self {
            memit: Hparams { mom2_update_weight: 150.0, ..rome.clone() },
            fine_tune: Hparams { lr: 2e-3, norm_constraint: Some(5e-3), ..rome.clone() },
            rome,
            cases: read_cases(&world("cases.json")).unwrap(),
            grouped: grouped(&contexts).unwrap(),
            contexts,
            moments: BTreeMap::from([(0, Adjustment::new(moment, 0.0).unwrap())]),
            texts: all.lines().take(texts).map(str::to_owned).collect(),
            tasks: tasks.into_iter().collect(),
        }
    }

    /// A plan with at most so many cases of each set.
    fn plan(&self, most: usize) -> Plan<'_> {
        let Self { rome, memit, fine_tune, cases, contexts, grouped, moments, texts, tasks } = self;
        Plan { rome, memit, fine_tune, cases, contexts, grouped, moments, texts, tasks, most, seed: 0 }
    }
}

/// Every bit of the matrix that is edited.
fn bits(model: &Model) -> Vec<u32> {
    model.down_projection_weight(0).unwrap().0.iter().map(|w| w.to_bits()).collect()
}

type Experiments =
    fn(&mut Model, &Plan<'_>, &Selection, &mut dyn FnMut(&str)) -> Result<Vec<Experiment>, ReproduceError>;

/// Runs experiments on so many cases of each set, and sees to it that the model is as it was.
fn run(experiments: Experiments, most: usize) -> Vec<Experiment> {
    let desk = Desk::new(6, 6, 8);
    let (plan, mut model) = (desk.plan(most), model());
    let before = bits(&model);
    let selection = plan.select(&model).unwrap();
    let mut heard = 0;
    let found = experiments(&mut model, &plan, &selection, &mut |_| heard += 1).unwrap();
    assert!(heard > 0);
    assert_eq!(bits(&model), before);
    for table in found.iter().flat_map(|experiment| &experiment.tables) {
        assert!(!table.rows.is_empty() && table.rows.iter().all(|row| row.len() == table.columns.len()));
    }
    found
}

/// The claim whose statement has these words.
#[track_caller]
fn claim<'a>(found: &'a [Experiment], words: &str) -> &'a Claim {
    found
        .iter()
        .flat_map(|experiment| &experiment.claims)
        .find(|claim| claim.statement.contains(words))
        .unwrap()
}

/// Numbers of a column of the first table of an experiment, of the rows whose first cells are these.
fn column(found: &[Experiment], id: &str, name: &str, head: &[&str]) -> Vec<f64> {
    let table = &found.iter().find(|experiment| experiment.id == id).unwrap().tables[0];
    let at = table.columns.iter().position(|column| column == name).unwrap();
    let own = table
        .rows
        .iter()
        .filter(|row| head.iter().zip(*row).all(|(head, cell)| *cell == Cell::Text((*head).into())));
    own.map(|row| if let Cell::Number(x) = row[at] { x } else { f64::NAN }).collect()
}

#[test]
fn one_collapse_edit_breaks_a_sequence_of_rome_and_none_of_memit() {
    let found = run(forgetting::experiments, 3);
    assert_eq!(found.iter().map(|experiment| experiment.id).collect::<Vec<_>>(), ["F4", "F1-3"]);
    for words in ["one collapse case among normal ones", "one disabling edit", "earlier facts are gone"] {
        assert_eq!(claim(&found, words).agreement, Agreement::Agrees, "{words}");
    }
    // Two normal cases, the collapse case, and one more.
    let rome = column(&found, "F4", "over the base", &["mixed", "rome"]);
    assert!(rome.len() == 4 && rome[1] < 2.0 && rome[2] > 20.0 && rome[3] > 20.0, "{rome:?}");
    for method in ["c-rome", "memit"] {
        let growth = column(&found, "F4", "over the base", &["collapse", method]);
        assert!(growth.len() == 3 && growth.iter().all(|growth| *growth < 2.0), "{growth:?}");
    }
    let forgotten = column(&found, "F1-3", "forgotten [%]", &["mixed", "rome"]);
    assert!(forgotten[1] < 100.0 && forgotten[3] == 100.0, "{forgotten:?}");
}

#[test]
fn one_key_in_all_places_leaves_no_cluster_of_large_updates() {
    let found = run(rebuilding::experiments, 2);
    assert_eq!(claim(&found, "two clusters").agreement, Agreement::Agrees);
    assert_eq!(claim(&found, "no edit of r-ROME").agreement, Agreement::Agrees);
    let distance = |method, set| {
        column(&found, "F2", "‖ΔW‖ / entries", &[])
            .into_iter()
            .zip(&found[0].tables[0].rows)
            .filter(|(_, row)| {
                row[1] == Cell::Text(String::from(set)) && row[2] == Cell::Text(String::from(method))
            })
            .map(|(distance, _)| distance)
            .collect::<Vec<f64>>()
    };
    let (large, small) = (distance("rome", "collapse"), distance("r-rome", "collapse"));
    assert!(large.len() == 2 && large.iter().zip(&small).all(|(large, small)| *large > 10.0 * small));
}

#[test]
fn emmet_of_one_fact_is_c_romes_equation_and_meets_it_exactly() {
    let found = run(unified::experiments, 2);
    let apart = column(&found, "E1", "relative difference of ΔW", &[]);
    assert!(apart.len() == 2 && apart.iter().all(|apart| *apart < 1e-12), "{apart:?}");
    let [new, old] = ["new edit", "old edit"].map(|name| column(&found, "T1", name, &["emmet"])[0]);
    // What is left of an equality is the rounding of the matrix to f32.
    assert!(new < 1e-6 * old, "{new} of {old}");
    let memit = column(&found, "T1", "new edit", &["memit"])[0];
    assert!(memit > 0.01 * old && memit < old, "{memit} of {old}");
}

#[test]
fn rect_does_not_rescue_a_collapse_case() {
    let found = run(harms::experiments, 2);
    assert!(matches!(claim(&found, "collapse cases too").agreement, Agreement::Differs(_)));
    let growth = column(&found, "F5", "perplexity over the base, median", &["collapse"]);
    assert!(growth.len() == 6 && growth.iter().all(|growth| *growth > 20.0), "{growth:?}");
    let norms = column(&found, "F5", "‖ΔW‖, mean", &["normal", "relative"]);
    assert!(norms.is_sorted_by(|a, b| a < b), "{norms:?}");
    // Less of the update moves other keys further: what C⁻¹ had turned away from them is lost.
    let moved = column(&found, "F5", "‖ΔW k‖ of other texts, mean", &["normal", "relative"]);
    assert!(moved[0] > 2.0 * moved[4] && moved[1] > moved[4], "{moved:?}");
}

#[test]
fn one_thread_and_three_find_the_same() {
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        format!("{:?}", pool.install(|| run(unified::experiments, 1)))
    };
    assert_eq!(with(1), with(3));
}
