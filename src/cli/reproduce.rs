//! `diagnose reproduce`: the papers' experiments on one model, and a folder with what came of them.
//!
//! Files that are not named are taken from beside the model, where they lie as in `fixtures/world`; each that is used stands in the
//! report. What one experiment cannot do on this model is a line of the report and stops no other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::args::ReproduceArgs;
use super::failure::Failure;
use super::progress::{Narrator, Unit, pace};
use super::settings::Settings;
use super::texts::Texts;
use super::{exit, inputs, output};
use crate::deltas::Progress as _;
use crate::edit::{Hparams, KeyChoice, Method};
use crate::keys::{Adjustment, ContextStyle};
use crate::model::Model;
use crate::reader::{BadRecord, Case, ContextTemplates, Task, read_cases, read_tasks, read_whole};
use crate::report::{ReproduceReport, check_destination, write_reproduction};
use crate::reproduce::{Plan, ReproduceError, Step, Wanted, grouped, reproduce};

/// Longest file of hyper-parameters; the published ones have a kilobyte.
const LONGEST_HPARAMS: u64 = 1 << 20;

const ROME: Method = Method::Rome(KeyChoice::Rome);

/// Everything that the experiments are made from.
struct Prepared {
    rome: Hparams,
    memit: Hparams,
    fine_tune: Hparams,
    cases: Vec<Result<Case, BadRecord>>,
    contexts: ContextTemplates,
    grouped: ContextTemplates,
    moments: BTreeMap<usize, Adjustment>,
    texts: Texts,
    texts_path: PathBuf,
    tasks: Vec<(String, Vec<Result<Task, BadRecord>>)>,
    /// Which file each came from.
    facts: Vec<(&'static str, String)>,
}

/// Runs the experiments, writes the folder and says how it went.
pub(super) fn run(args: &ReproduceArgs, settings: &Settings) -> Result<u8, Failure> {
    let format = settings.format_beside_output(&ReproduceReport::FORMATS)?;
    settings.computes_on_cpu("reproduce")?;
    let Some(folder) = &settings.output else {
        return Err(Failure::new("usage", "there is no folder to write the report to")
            .hint("name one that is not there yet with -o DIR"));
    };
    check_destination(folder, &args.model)?;
    let mut model = Model::open(&args.model, &settings.limits, settings.io)?;
    let prepared = prepare(&model, args, settings)?;
    let encoder = args.encoder.as_deref().map(|path| Model::open(path, &settings.limits, settings.io));
    let encoder = encoder.transpose()?;
    let wanted = Wanted { papers: &args.only, encoder: encoder.as_ref() };
    let plan = Plan {
        rome: &prepared.rome,
        memit: &prepared.memit,
        fine_tune: &prepared.fine_tune,
        cases: &prepared.cases,
        contexts: &prepared.contexts,
        grouped: &prepared.grouped,
        moments: &prepared.moments,
        texts: &prepared.texts.usable,
        tasks: &prepared.tasks,
        most: args.most as usize,
        seed: args.seed,
    };
    let mut teller = Told::new(settings.counter(Unit::Things("parts")));
    let outcome = reproduce(&mut model, &plan, &wanted, &mut |step| teller.hear(step));
    teller.narrator.end();
    let mut reproduction = outcome?;
    reproduction.facts.extend(prepared.facts);
    write_reproduction(&reproduction, folder)?;
    let report = ReproduceReport { reproduction: &reproduction, folder };
    output::write(None, |out| report.write(format, &settings.page(usize::MAX), out))?;
    let bad = prepared.texts.tell_bad(&prepared.texts_path, settings.quiet);
    Ok(if bad { exit::CHECK_FAILED } else { exit::OK })
}

/// Reads every file, those that are named and those that lie beside the model.
fn prepare(model: &Model, args: &ReproduceArgs, settings: &Settings) -> Result<Prepared, Failure> {
    let beside = Beside::of(&args.model);
    let mut facts = Vec::new();
    let shown = |path: &Path| path.to_string_lossy().into_owned();
    let cases_path = beside.file(args.cases.as_deref(), "cases.json", "--cases")?;
    facts.push(("cases file", shown(&cases_path)));
    let texts_path = beside.file(args.texts.as_deref(), "texts.txt", "--texts")?;
    facts.push(("texts file", shown(&texts_path)));
    let tasks_paths = if args.tasks.is_empty() { beside.tasks() } else { args.tasks.clone() };
    facts.push(("task files", list(&tasks_paths)));
    let contexts_path = args.contexts.clone().or_else(|| beside.found("contexts.json"));
    let (contexts, source) =
        inputs::contexts(model, contexts_path.as_deref(), ContextStyle::default(), args.seed)?;
    facts.push(("contexts", source));
    let hparams_path = args.hparams.clone().or_else(|| beside.found("hparams.json"));
    let source = hparams_path.as_deref().map_or_else(|| "published for this model".to_owned(), shown);
    facts.push(("parameters", source));
    let [rome, memit, fine_tune] = hparams(model, hparams_path.as_deref(), args.layer)?;
    let (moments, source) = moments(model, &rome, &memit, args, settings)?;
    facts.push(("moments of", source));
    Ok(Prepared {
        rome,
        memit,
        fine_tune,
        cases: read_cases(&cases_path)?,
        grouped: grouped(&contexts).map_err(ReproduceError::from)?,
        contexts,
        moments,
        texts: Texts::read(&texts_path)?,
        texts_path,
        tasks: tasks_paths
            .iter()
            .map(|path| Ok((stem(path), read_tasks(path)?)))
            .collect::<Result<_, Failure>>()?,
        facts,
    })
}

/// The hyper-parameters of ROME, MEMIT and fine-tuning: one file for all, or what is published for each.
fn hparams(model: &Model, file: Option<&Path>, layer: Option<usize>) -> Result<[Hparams; 3], Failure> {
    let methods = [ROME, Method::Memit, Method::FineTune];
    let mut found = if let Some(path) = file {
        let parsed = Hparams::parse(&read_whole(path, LONGEST_HPARAMS)?);
        let parsed = parsed.map_err(|error| Failure::from(error).at(path))?;
        [parsed.clone(), parsed.clone(), parsed]
    } else {
        let [rome, memit, fine_tune] = methods.map(|method| Hparams::published(method, model.config()));
        [rome?, memit?, fine_tune?]
    };
    let [rome, _, fine_tune] = &mut found;
    if let Some(layer) = layer {
        (rome.layers, fine_tune.layers) = (vec![layer], vec![layer]);
    }
    let &[layer] = rome.layers.as_slice() else {
        let message = format!("ROME edits one layer, and the hyper-parameters name {}", rome.layers.len());
        return Err(Failure::new("usage", message).hint("name it with --layer N"));
    };
    inputs::existing_layer(model, layer)?;
    Ok(found)
}

/// C of every layer that is edited, and where it comes from. That of ROME's layer has to be there; what others lack is told by
/// their experiments.
fn moments(
    model: &Model,
    rome: &Hparams,
    memit: &Hparams,
    args: &ReproduceArgs,
    settings: &Settings,
) -> Result<(BTreeMap<usize, Adjustment>, String), Failure> {
    let mut found = BTreeMap::new();
    let layers = rome.layers.iter().chain(&memit.layers);
    if args.no_moments || !rome.mom2_adjustment {
        let identity = || Adjustment::none(model.config().intermediate_size);
        found.extend(layers.map(|layer| (*layer, identity())));
        return Ok((found, "none: C = 1, the variant without it".to_owned()));
    }
    let files = if args.moments.is_empty() { in_model(&args.model) } else { args.moments.clone() };
    let (mut used, mut served) = (Vec::new(), Vec::new());
    for &layer in layers {
        if found.contains_key(&layer) {
            continue;
        }
        match inputs::moment_of(&files, &model.down_projection(layer), None, settings, &mut served) {
            Ok((path, adjustment)) => {
                found.insert(layer, adjustment);
                used.push(path.to_owned());
            }
            Err(failure) if rome.layers.contains(&layer) => return Err(failure),
            Err(_) => {}
        }
    }
    used.dedup();
    Ok((found, list(&used)))
}

/// Second moments in a model's folder.
fn in_model(model: &Path) -> Vec<PathBuf> {
    listed(model, "second_moment", &["safetensors", "npz"])
}

/// Files of a folder by how their names begin and end, sorted; none where the folder cannot be read.
fn listed(folder: &Path, begin: &str, extensions: &[&str]) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let named =
        entries.filter(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with(begin)));
    let ends = |path: &PathBuf| path.extension().is_some_and(|end| extensions.iter().any(|one| end == *one));
    let paths = named.map(|entry| entry.path());
    let mut files: Vec<PathBuf> = paths.filter(|path| ends(path) && path.is_file()).collect();
    files.sort();
    files
}

/// Where files lie that are not named.
struct Beside {
    folder: PathBuf,
}

impl Beside {
    fn of(model: &Path) -> Self {
        let folder = match model.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        Self { folder }
    }

    /// A file that is there.
    fn found(&self, name: &str) -> Option<PathBuf> {
        Some(self.folder.join(name)).filter(|path| path.is_file())
    }

    /// A file that is named, or the one beside the model.
    fn file(&self, named: Option<&Path>, name: &str, flag: &str) -> Result<PathBuf, Failure> {
        named.map(Path::to_owned).or_else(|| self.found(name)).ok_or_else(|| {
            let folder = self.folder.display();
            Failure::new("usage", format!("{flag} is not given, and there is no {name} in {folder}"))
                .hint(format!("give {flag} FILE"))
        })
    }

    fn tasks(&self) -> Vec<PathBuf> {
        listed(&self.folder.join("tasks"), "", &["jsonl"])
    }
}

/// Paths in words.
fn list(paths: &[PathBuf]) -> String {
    let names: Vec<_> = paths.iter().map(|path| path.to_string_lossy()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// The name of a task: that of its file without the ending.
fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// Tells what a run is doing.
struct Told {
    narrator: Narrator,
    started: Instant,
    total: usize,
    done: usize,
}

impl Told {
    fn new(narrator: Narrator) -> Self {
        Self { narrator, started: Instant::now(), total: 0, done: 0 }
    }

    fn hear(&mut self, step: Step<'_>) {
        match step {
            Step::Begin(stage, total) => {
                (self.started, self.total, self.done) = (Instant::now(), total, 0);
                self.narrator.begin(stage, total as u64);
            }
            Step::Done => {
                self.done += 1;
                let left = self.total.saturating_sub(self.done);
                if self.total > 1 {
                    self.narrator.note(|| pace("cases", self.done, left, self.started));
                }
                self.narrator.advance(1);
            }
            Step::At(what) => self.narrator.at(what),
        }
    }
}
