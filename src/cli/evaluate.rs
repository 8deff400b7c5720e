//! `diagnose evaluate`: whether an edit landed, generalised and stayed local, and whether the model still works.
//!
//! ```text
//! --case      efficacy, generalization, specificity, locality; with --prefix-at-test behind other texts too,
//!             with --generate what the model writes
//! --texts     perplexity
//! --tasks     cloze, multiple choice, labels found in what the model writes
//! --baseline  the same on the model before
//! --ledger    after each edit of a ledger                            evaluate_ledger
//! ```
//!
//! A record that cannot be used is reported and stops no other; the exit code is then 1. It is 2 where not one record of a
//! file could be used.

use std::path::Path;

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore as _, SeedableRng as _};

use super::args::EvaluateArgs;
use super::failure::Failure;
use super::progress::Unit;
use super::settings::Settings;
use super::texts::Texts;
use super::{evaluate_ledger, inputs, output};
use crate::deltas::Progress as _;
use crate::evaluate::{
    self, CaseEvaluation, Evaluation, Generation, GenerationSummary, IdfTable, Quality, QualitySummary,
    TaskEvaluation, TaskScores, TestContexts, TextEvaluation, Written,
};
use crate::model::Model;
use crate::reader::{BAD_RECORD, BadRecord, Case, RefusedCase, Task, read_contexts, read_idf, read_tasks};
use crate::report::{EvaluateReport, Format};

/// Evaluates and reports.
pub(super) fn run(args: &EvaluateArgs, settings: &Settings) -> Result<u8, Failure> {
    let format = settings.format(&Format::without_checks())?;
    settings.computes_on_cpu("evaluate")?;
    let inputs = Inputs::read(args)?;
    let model = Model::open(&args.model, &settings.limits, settings.io)?;
    if let Some(ledger) = &args.ledger {
        let evaluation = evaluate_ledger::follow(ledger, model, &inputs, args, settings)?;
        return tell(&evaluation, format, args, settings);
    }
    let baseline = args.baseline.as_deref().map(|path| Model::open(path, &settings.limits, settings.io));
    let baseline = baseline.transpose()?;
    let on = Bench { model: &model, baseline: baseline.as_ref(), args, settings };
    let evaluation = Evaluation {
        model: args.model.clone(),
        baseline: args.baseline.clone(),
        tokenizer_sha256: model.tokenizer()?.sha256().to_owned(),
        cases: inputs.cases.as_ref().map(|cases| on.cases(cases, &inputs)).transpose()?,
        tasks: inputs.tasks.iter().map(|(path, tasks)| on.tasks(path, tasks)).collect::<Result<_, _>>()?,
        texts: inputs.texts.as_ref().map(|(path, texts)| on.texts(path, texts)).transpose()?,
        walk: None,
    };
    tell(&evaluation, format, args, settings)
}

/// Reports and judges.
fn tell(
    evaluation: &Evaluation,
    format: Format,
    args: &EvaluateArgs,
    settings: &Settings,
) -> Result<u8, Failure> {
    let report = EvaluateReport { evaluation, detail: args.detail };
    output::write(settings.output.as_deref(), |out| report.write(format, &settings.page(args.top), out))?;
    nothing_found(evaluation)?;
    Ok(output::judged(&failed_checks(evaluation), settings.quiet))
}

/// What was given to evaluate on, read before any model is opened.
pub(super) struct Inputs {
    pub(super) cases: Option<Vec<Result<Case, BadRecord>>>,
    pub(super) contexts: Option<TestContexts>,
    idf: Option<IdfTable>,
    pub(super) tasks: Vec<(String, Vec<Result<Task, BadRecord>>)>,
    pub(super) texts: Option<(String, Texts)>,
}

impl Inputs {
    fn read(args: &EvaluateArgs) -> Result<Self, Failure> {
        let name = |path: &Path| path.to_string_lossy().into_owned();
        let task = |path: &std::path::PathBuf| Ok::<_, Failure>((name(path), read_tasks(path)?));
        let text = |path: &std::path::PathBuf| Ok::<_, Failure>((name(path), Texts::read(path)?));
        Ok(Self {
            cases: args.case.as_deref().map(inputs::cases).transpose()?,
            contexts: if args.prefix_at_test { Some(contexts(args)?) } else { None },
            idf: args.idf.as_deref().map(read_idf).transpose()?,
            tasks: args.tasks.iter().map(task).collect::<Result<_, _>>()?,
            texts: args.texts.as_ref().map(text).transpose()?,
        })
    }
}

/// The templates with a prefix: all of them in their order, or so many that a seed chooses, in their order.
fn contexts(args: &EvaluateArgs) -> Result<TestContexts, Failure> {
    let path = args.contexts.as_deref().ok_or_else(|| {
        Failure::new("usage", "--prefix-at-test needs the texts that the edit was made with")
            .hint("give them with --contexts FILE; 'diagnose keys --contexts-out' writes such a file")
    })?;
    let all = read_contexts(path)?;
    let mut templates: Vec<String> = all.prefixed().map(str::to_owned).collect();
    if templates.is_empty() {
        return Err(Failure::new("usage", "no template with a text before the prompt").at(path));
    }
    let seed = args.prefixes.filter(|wanted| *wanted < templates.len()).map(|wanted| {
        keep_some(&mut templates, wanted, args.seed);
        args.seed
    });
    Ok(TestContexts { source: path.to_string_lossy().into_owned(), templates, seed })
}

/// Keeps some elements of a list that are drawn without replacement, in their order.
fn keep_some(list: &mut Vec<String>, wanted: usize, seed: u64) {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    while list.len() > wanted {
        // The upper half of a 64 × 64 bit product: uniform but for n parts in 2⁶⁴.
        let at = (u128::from(random.next_u64()) * list.len() as u128) >> 64;
        list.remove(usize::try_from(at).unwrap_or(0));
    }
}

/// The model, the model before it, and how to measure.
struct Bench<'a> {
    model: &'a Model,
    baseline: Option<&'a Model>,
    args: &'a EvaluateArgs,
    settings: &'a Settings,
}

impl Bench<'_> {
    fn cases(&self, records: &[Result<Case, BadRecord>], inputs: &Inputs) -> Result<CaseEvaluation, Failure> {
        let templates = inputs.contexts.as_ref().map_or(&[][..], |contexts| &contexts.templates);
        let scored = |model: &Model| {
            self.counted("scoring cases", model, records.len(), |progress| {
                evaluate::quality(model, records, templates, progress)
            })
        };
        let mut quality = scored(self.model)?;
        let before = self.baseline.map(scored).transpose()?;
        if let Some(before) = &before {
            quality.compare(before);
        }
        let written = self.args.generate.then(|| self.written(records, &quality, inputs.idf.as_ref()));
        Ok(CaseEvaluation {
            source: self.args.case.as_deref().map(inputs::source).unwrap_or_default(),
            contexts: inputs.contexts.clone(),
            summary: QualitySummary::of(&quality),
            before: before.as_ref().map(QualitySummary::of),
            written: written.transpose()?,
            quality,
        })
    }

    fn written(
        &self,
        records: &[Result<Case, BadRecord>],
        quality: &Quality,
        idf: Option<&IdfTable>,
    ) -> Result<Generation, Failure> {
        let scored = quality.cases.iter().filter_map(|case| records.get(case.index)?.as_ref().ok());
        let cases: Vec<&Case> = scored.collect();
        let seed = self.args.seed;
        let prompts = cases.iter().map(|case| evaluate::writing_prompts(case).1.len()).sum();
        let write = |model: &Model| -> Result<Vec<Written>, Failure> {
            self.counted("writing about cases", model, prompts, |progress| {
                evaluate::write(model, &cases, idf, seed, progress)
            })
        };
        let written = write(self.model)?;
        let before = self.baseline.map(write).transpose()?;
        Ok(Generation {
            seed,
            summary: GenerationSummary::of(&written),
            before: before.map(|before| GenerationSummary::of(&before)),
            cases: written,
        })
    }

    fn tasks(&self, source: &str, tasks: &[Result<Task, BadRecord>]) -> Result<TaskEvaluation, Failure> {
        let test = |model: &Model| -> Result<TaskScores, Failure> {
            self.counted("testing", model, tasks.len(), |progress| evaluate::test(model, tasks, progress))
        };
        Ok(TaskEvaluation {
            source: source.to_owned(),
            scores: test(self.model)?,
            before: self.baseline.map(test).transpose()?,
        })
    }

    fn texts(&self, source: &str, texts: &Texts) -> Result<TextEvaluation, Failure> {
        let measure = |model: &Model| {
            self.counted("scoring texts", model, texts.usable.len(), |progress| {
                evaluate::perplexity(model, &texts.usable, evaluate::Scoring::default(), progress)
            })
        };
        let perplexity = measure(self.model)?;
        let before = self.baseline.map(|baseline| {
            let before = measure(baseline)?;
            let paired = evaluate::compare(&perplexity, &before, crate::stats::RESAMPLES, self.args.seed)?;
            Ok::<_, Failure>((before, paired))
        });
        let before = before.transpose()?;
        Ok(TextEvaluation { source: source.to_owned(), bad_records: texts.bad.len(), perplexity, before })
    }

    /// Measures, and tells how far it is.
    fn counted<T>(
        &self,
        what: &str,
        model: &Model,
        total: usize,
        measure: impl FnOnce(&mut dyn FnMut(usize)) -> Result<T, evaluate::EvaluateError>,
    ) -> Result<T, Failure> {
        let narrator = self.settings.counter(Unit::Things("records"));
        narrator.begin(&format!("{what} on {}", model.path().display()), total as u64);
        let found = measure(&mut |done| narrator.advance(done as u64));
        narrator.end();
        Ok(found?)
    }
}

/// Fails where a file was given of which not one record could be used.
fn nothing_found(evaluation: &Evaluation) -> Result<(), Failure> {
    let nothing = |source: &str, refused: &[RefusedCase]| {
        let reason = refused.first().map_or("the file holds no record", |refused| &refused.reason);
        let message = format!("cannot evaluate any of the {} records of {source}", refused.len());
        Err(Failure::new("nothing-evaluated", message).hint(reason))
    };
    if let Some(cases) = evaluation.cases.as_ref().filter(|cases| cases.quality.cases.is_empty()) {
        return nothing(&cases.source, &cases.quality.refused);
    }
    match evaluation.tasks.iter().find(|task| task.scores.items.is_empty()) {
        Some(task) => nothing(&task.source, &task.scores.refused),
        None => Ok(()),
    }
}

/// Sentences on records that are none at all.
fn failed_checks(evaluation: &Evaluation) -> Vec<String> {
    let bad = |refused: &[RefusedCase]| refused.iter().filter(|refused| refused.kind == BAD_RECORD).count();
    let cases = evaluation.cases.iter().map(|cases| {
        let refused = &cases.quality.refused;
        (&cases.source, bad(refused), cases.quality.cases.len() + refused.len())
    });
    let tasks = evaluation.tasks.iter().map(|task| {
        let refused = &task.scores.refused;
        (&task.source, bad(refused), task.scores.items.len() + refused.len())
    });
    let texts = evaluation
        .texts
        .iter()
        .map(|texts| (&texts.source, texts.bad_records, texts.perplexity.texts.len() + texts.bad_records));
    let counts = cases.chain(tasks).chain(texts).filter(|(_, bad, _)| *bad > 0);
    counts
        .map(|(source, bad, all)| format!("check failed: {source}: {bad} of {all} records could not be used"))
        .collect()
}
