//! `diagnose edit`: what a run needs is read and checked, the edits are made one after the other, each is told to the ledger, and at
//! the end the checkpoint and the report are written.
//!
//! A case that cannot be edited is reported and stops no other. The exit code is 1 where there is one, the guard's refusals among them,
//! and 2 where no case could be edited.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use super::args::{EditArgs, RectArg};
use super::failure::Failure;
use super::progress::{Narrator, Unit};
use super::settings::Settings;
use super::{inputs, output, replay};
use crate::deltas::Progress as _;
use crate::edit::{Hparams, KeyChoice, Method, NullSpace, PruneForm, RectKind, Setup};
use crate::keys::{Adjustment, ContextFacts, ContextStyle, MeanOver, WeightedTemplates, published_clamp};
use crate::model::Model;
use crate::reader::{
    BadRecord, Case, ContextTemplates, Ledger, LineKind, MomentError, ReadError, ScheduleKind, read_whole,
    sha256_of_file,
};
use crate::report::{
    EditReport, Format, LedgerWriter, check_destination, settings as settings_of, write_checkpoint,
};
use crate::sequence::{
    Guard, GuardMode, MomentOf, Outcome, Plan, RunFacts, Sequence, SequenceError, base_tensors, cases_sha256,
    check_base, first_difference,
};

type Cases = Vec<Result<Case, BadRecord>>;

/// What the edits of a run are made with.
struct Prepared {
    method: Method,
    hparams: Hparams,
    contexts: ContextTemplates,
    templates: WeightedTemplates,
    moments: BTreeMap<usize, Adjustment>,
    null_spaces: Option<BTreeMap<usize, NullSpace>>,
    guard: Option<GuardMode>,
    facts: RunFacts,
}

/// Edits, writes and reports.
pub(super) fn run(args: &EditArgs, settings: &Settings) -> Result<u8, Failure> {
    let format = settings.format_beside_output(&Format::ALL)?;
    settings.computes_on_cpu("edit")?;
    if let Some(destination) = &settings.output {
        check_destination(destination)?;
    }
    if let Some(ledger) = &args.replay {
        return replay::run(ledger, args, settings);
    }
    // Not told by the parser, which forgets what a flag requires where something else excludes that.
    if args.upto.is_some() || args.only_step.is_some() {
        return Err(Failure::new("usage", "--upto and --only-step choose steps of a --replay")
            .hint("add --replay LEDGER"));
    }
    let (Some(typed), Some(method)) = (&args.case, args.method) else {
        return Err(Failure::new("usage", "neither --case nor --replay is given"));
    };
    let cases = inputs::cases(typed)?;
    check_schedule(args, method, cases.len(), settings)?;
    let mut model = Model::open(&args.model, &settings.limits, settings.io)?;
    let prepared = prepare(&model, method, &cases, args, settings)?;
    let outcome = edit(&mut model, &prepared, &cases, args, settings)?;
    let report = EditReport { outcome: &outcome };
    let page = settings.page(args.top);
    output::write(None, |out| report.write(format, &page, out))?;
    judged(&outcome, settings)
}

/// Refuses combinations that no run can satisfy, before anything is opened.
fn check_schedule(
    args: &EditArgs,
    method: Method,
    records: usize,
    settings: &Settings,
) -> Result<(), Failure> {
    let batch = args.batch as usize;
    let takes_several = !matches!(method, Method::Rome(_));
    if batch > 1 && !takes_several {
        return Err(Failure::new("usage", format!("{} edits one case at a time", method.name()))
            .hint("leave --batch out, or edit with memit, emmet or ft"));
    }
    if args.guard.is_some() && method != Method::Rome(KeyChoice::Rome) {
        return Err(Failure::new(
            "usage",
            format!("--guard is for rome, and the method is {}", method.name()),
        )
        .hint("the others do not divide by kᵘ · C⁻¹k̄, and need no guard"));
    }
    if args.prune.is_some() && !args.sequential {
        return Err(
            Failure::new("usage", "--prune restrains what a whole sequence changed").hint("add --sequential")
        );
    }
    let steps = records.div_ceil(batch);
    if settings.output.is_some() && !args.sequential && steps > 1 {
        return Err(Failure::new(
            "usage",
            format!("{steps} edits from the original model each are no one checkpoint"),
        )
        .hint("add --sequential for edits that add up, or --ledger FILE in the place of -o"));
    }
    Ok(())
}

fn prepare(
    model: &Model,
    method: Method,
    cases: &Cases,
    args: &EditArgs,
    settings: &Settings,
) -> Result<Prepared, Failure> {
    let (hparams, hparams_source) = hparams(model, method, args)?;
    let moments = moments(model, method, &hparams, args, settings)?;
    let style = match (args.context_style, method) {
        (Some(style), _) => style.into(),
        (None, Method::Memit | Method::Emmet) => ContextStyle::Memit,
        (None, _) => ContextStyle::default(),
    };
    let (contexts, source) = inputs::contexts(model, args.contexts.as_deref(), style, args.seed)?;
    let templates =
        WeightedTemplates::new(&contexts, MeanOver::Every).map_err(|error| Failure::new("usage", error))?;
    let guard = args.guard.map(GuardMode::from);
    let null_spaces = args.null_space.then(|| null_spaces(&moments, &hparams)).transpose()?;
    let facts = RunFacts {
        model: args.model.clone(),
        architecture: model.config().architecture,
        base: base_tensors(model, &hparams.layers)?,
        method,
        hparams: hparams.clone(),
        hparams_source,
        rect: rect(args),
        null_space: args.null_space,
        null_spaces: null_spaces.iter().flatten().map(|(&layer, space)| (layer, *space.facts())).collect(),
        prune: args.prune.map(PruneForm::from),
        contexts: ContextFacts {
            count: contexts.templates().count(),
            prefixed: templates.prefixed(),
            hash: contexts.sha256(),
            source,
            over: MeanOver::Every,
        },
        moments: moments.iter().map(|(of, _)| of.clone()).collect(),
        schedule: if args.sequential { ScheduleKind::Sequential } else { ScheduleKind::Single },
        batch: args.batch as usize,
        guard,
        cases: args.case.clone().unwrap_or_default(),
        records: cases.len(),
        cases_sha256: cases_sha256(cases),
    };
    let moments = moments.into_iter().map(|(of, adjustment)| (of.layer, adjustment)).collect();
    Ok(Prepared { method, hparams, contexts, templates, moments, null_spaces, guard, facts })
}

/// The hyper-parameters of a file, or the published ones; with the layers that were asked for. And where they come from.
fn hparams(model: &Model, method: Method, args: &EditArgs) -> Result<(Hparams, String), Failure> {
    let (mut hparams, source) = match &args.hparams {
        Some(path) => {
            let bytes = read_whole(path, LONGEST_HPARAMS)?;
            let hparams = Hparams::parse(&bytes).map_err(|error| Failure::from(error).at(path))?;
            (hparams, path.to_string_lossy().into_owned())
        }
        None => (Hparams::published(method, model.config())?, "published for this model".to_owned()),
    };
    if !args.layer.is_empty() {
        hparams.layers.clone_from(&args.layer);
    }
    if hparams.layers.is_empty() {
        return Err(Failure::new("usage", "no layer to edit is named").hint("name it with --layer N"));
    }
    for &layer in &hparams.layers {
        inputs::existing_layer(model, layer)?;
    }
    Ok((hparams, source))
}

/// Longest file of hyper-parameters; the published ones have a kilobyte.
const LONGEST_HPARAMS: u64 = 1 << 20;

/// C of each layer, where the method solves with it.
fn moments(
    model: &Model,
    method: Method,
    hparams: &Hparams,
    args: &EditArgs,
    settings: &Settings,
) -> Result<Vec<(MomentOf, Adjustment)>, Failure> {
    if matches!(method, Method::FineTune | Method::FineTuneConstrained) {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for &layer in &hparams.layers {
        // Of the published methods the ROME family alone asks for `mom2_adjustment`.
        let without = args.no_moments || !hparams.mom2_adjustment && matches!(method, Method::Rome(_));
        let (sha256, adjustment) = if without {
            (None, Adjustment::none(model.config().intermediate_size))
        } else {
            let (path, adjustment) = moment(&model.down_projection(layer), args, settings)?;
            (Some(sha256_of_file(path)?), adjustment)
        };
        let facts = adjustment.facts().clone();
        found.push((MomentOf { layer, sha256, facts }, adjustment));
    }
    Ok(found)
}

/// The second moment of a module, from the first file that holds it.
fn moment<'a>(
    module: &str,
    args: &'a EditArgs,
    settings: &Settings,
) -> Result<(&'a Path, Adjustment), Failure> {
    let mut missing = None;
    for path in &args.moments {
        match crate::reader::SecondMoment::read(path, Some(module), &settings.limits, settings.io) {
            Ok(moment) => {
                let adjustment = Adjustment::new(moment, args.ridge.unwrap_or(0.0));
                return Ok((path, adjustment.map_err(|error| Failure::from(error).at(path))?));
            }
            Err(error @ ReadError::Moment { cause: MomentError::OtherModule { .. }, .. }) => {
                missing = Some(error.into());
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(missing.unwrap_or_else(|| {
        Failure::new("usage", format!("the method weighs keys by their second moment, and that of {module} is not given"))
            .hint("give --moments FILE ('diagnose moments' collects it), or --no-moments for the variant without it")
    }))
}

/// The projector of each layer.
fn null_spaces(
    moments: &[(MomentOf, Adjustment)],
    hparams: &Hparams,
) -> Result<BTreeMap<usize, NullSpace>, Failure> {
    let space = |(of, moment): &(MomentOf, Adjustment)| {
        Ok((of.layer, NullSpace::of(moment, hparams.nullspace_threshold)?))
    };
    moments.iter().map(space).collect()
}

fn rect(args: &EditArgs) -> Option<RectKind> {
    let share = args.rect?;
    Some(match args.rect_kind {
        None | Some(RectArg::Relative) => RectKind::Relative(share),
        Some(RectArg::Shifted) => RectKind::Shifted(share),
    })
}

/// The edits, from the first or from where an earlier run was.
fn edit(
    model: &mut Model,
    prepared: &Prepared,
    cases: &Cases,
    args: &EditArgs,
    settings: &Settings,
) -> Result<Outcome, Failure> {
    let Prepared { method, hparams, contexts, templates, moments, null_spaces, guard, facts } = prepared;
    let clamp = published_clamp(model.config());
    let plan = Plan {
        setup: Setup {
            method: *method,
            hparams,
            contexts,
            moments,
            rect: facts.rect,
            null_space: null_spaces.as_ref(),
        },
        schedule: facts.schedule,
        batch: facts.batch,
        prune: facts.prune,
        guard: guard.map(|mode| Guard { mode, templates, clamp }),
    };
    let mut sequence = Sequence::new(plan, cases);
    let mut outcome = Outcome {
        run: facts.clone(),
        lines: Vec::new(),
        resumed: 0,
        ledger: args.ledger.clone(),
        written: None,
    };
    let narrator = settings.counter(Unit::Things("edits"));
    narrator.begin("editing", sequence.steps() as u64);
    let mut ledger = match &args.ledger {
        Some(path) if args.resume && path.exists() => {
            let found = Ledger::read(path)?;
            Some(take_up(&found, model, &mut sequence, &mut outcome, settings, &narrator)?)
        }
        Some(path) => Some(LedgerWriter::begin(path, facts)?),
        None => None,
    };
    let started = Instant::now();
    while let Some(mut step) = sequence.step(model)? {
        if let Some(ledger) = &mut ledger {
            ledger.append(&mut step)?;
        }
        if step.line.kind == LineKind::Edit {
            let (done, left) = (sequence.done() - outcome.resumed, sequence.steps() - sequence.done());
            narrator.note(|| pace(done, left, started));
            narrator.advance(1);
        }
        outcome.lines.push(step.line);
    }
    narrator.end();
    if let Some(destination) = settings.output.as_deref().filter(|_| outcome.edited() > 0) {
        let tensors = sequence.changed().tensors(model)?;
        write_checkpoint(model.checkpoint(), &tensors, destination)?;
        outcome.written = Some(destination.to_owned());
    }
    Ok(outcome)
}

/// Takes up an interrupted run: the same base, the same settings, the steps that were done.
fn take_up(
    found: &Ledger,
    model: &mut Model,
    sequence: &mut Sequence<'_>,
    outcome: &mut Outcome,
    settings: &Settings,
    narrator: &Narrator,
) -> Result<LedgerWriter, Failure> {
    let at = |error: SequenceError| Failure::from(error).at(&found.path);
    check_base(&found.header.base, model.checkpoint()).map_err(at)?;
    if let Some((field, ledger, this)) = first_difference(&found.header.settings, &settings_of(&outcome.run))
    {
        return Err(at(SequenceError::OtherSettings { field, ledger, this }));
    }
    let writer = LedgerWriter::go_on(found, &outcome.run)?;
    sequence.resume(model, found, &settings.limits, &mut || narrator.advance(1)).map_err(at)?;
    outcome.lines.clone_from(&found.lines);
    outcome.resumed = sequence.done();
    Ok(writer)
}

/// How fast it goes and how long it will take.
fn pace(done: usize, left: usize, started: Instant) -> String {
    let seconds = started.elapsed().as_secs_f64() / done.max(1) as f64;
    let left = seconds * left as f64;
    let left = if left < 90.0 {
        format!("{left:.0} s")
    } else if left < 5400.0 {
        format!("{:.0} min", left / 60.0)
    } else {
        format!("{:.1} h", left / 3600.0)
    };
    format!("{:.2} edits/s, {left} left", 1.0 / seconds.max(1e-9))
}

/// The exit code; that no case at all could be edited is an error.
fn judged(outcome: &Outcome, settings: &Settings) -> Result<u8, Failure> {
    let (edited, refused, guarded) = (outcome.edited(), outcome.refused(), outcome.guarded());
    let unmade = outcome.unmade();
    if outcome.lines.is_empty() {
        return Err(
            Failure::new("nothing-edited", "there is no case to edit").hint("the file holds no record")
        );
    }
    if edited + unmade == 0 && guarded < refused {
        let first = outcome.lines.iter().flat_map(|line| &line.refused).next();
        let why = first.map_or("", |refused| &refused.reason);
        return Err(Failure::new("nothing-edited", format!("cannot edit any of {refused} cases")).hint(why));
    }
    let all = edited + unmade + refused;
    let mut failed = Vec::new();
    if guarded > 0 {
        failed.push(format!("check failed: --guard refused {guarded} of {all} cases"));
    }
    if refused > guarded {
        failed.push(format!(
            "check failed: {} of {} cases could not be edited",
            refused - guarded,
            edited + refused
        ));
    }
    if unmade > 0 {
        failed.push(format!(
            "check failed: the updates of {unmade} of {all} cases are not finite, and were not made"
        ));
    }
    Ok(output::judged(&failed, settings.quiet))
}
