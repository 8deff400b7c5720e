//! The experiments that edit a case more than once, on a few cases of the world's model.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

mod desk;

use self::desk::{Desk, bits, model};
use super::{
    Agreement, Cell, Claim, Experiment, Plan, ReproduceError, Selection, forgetting, harms, rebuilding,
    unified,
};
use crate::model::Model;

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
}

#[test]
fn one_thread_and_three_find_the_same() {
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        format!("{:?}", pool.install(|| run(unified::experiments, 1)))
    };
    assert_eq!(with(1), with(3));
}
