//! What the tests of experiments share: the world's model with all that a plan wants.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::edit::Hparams;
use crate::keys::Adjustment;
use crate::model::Model;
use crate::reader::{
    BadRecord, Case, ContextTemplates, IoMode, Limits, SecondMoment, Task, read_cases, read_contexts,
    read_tasks,
};
use crate::reproduce::{Plan, grouped};

/// All of it.
pub(super) struct Desk {
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

/// The world's model.
pub(super) fn model() -> Model {
    Model::open(&world("model"), &Limits::default(), IoMode::Auto).unwrap()
}

impl Desk {
    /// With so many of the texts, tasks of so many items, and so many steps of each optimisation.
    pub(super) fn new(texts: usize, items: usize, steps: usize) -> Self {
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
    pub(super) fn plan(&self, most: usize) -> Plan<'_> {
        let Self { rome, memit, fine_tune, cases, contexts, grouped, moments, texts, tasks } = self;
        Plan { rome, memit, fine_tune, cases, contexts, grouped, moments, texts, tasks, most, seed: 0 }
    }
}

/// Every bit of the matrix that is edited.
pub(super) fn bits(model: &Model) -> Vec<u32> {
    model.down_projection_weight(0).unwrap().0.iter().map(|w| w.to_bits()).collect()
}
