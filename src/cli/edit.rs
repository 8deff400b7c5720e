//! `diagnose edit`: what a run needs is read and checked, the edits are made one after the other, each is told to the ledger, and at
//! the end the checkpoint and the report are written.
//!
//! A case that cannot be edited is reported and stops no other. The exit code is 1 where there is one, the guard's refusals among them,
//! and 2 where no case could be edited.

mod prepare;

use std::time::Instant;

use self::prepare::{Prepared, prepare};
use super::args::EditArgs;
use super::failure::Failure;
use super::progress::{Narrator, Unit, pace};
use super::settings::Settings;
use super::{inputs, output, replay};
use crate::deltas::Progress as _;
use crate::edit::{KeyChoice, Method, Setup};
use crate::keys::published_clamp;
use crate::model::Model;
use crate::reader::{BadRecord, Case, Ledger, LineKind};
use crate::report::{
    EditReport, Format, LedgerWriter, check_destination, settings as settings_of, write_checkpoint,
};
use crate::sequence::{Guard, Outcome, Plan, Sequence, SequenceError, check_base, first_difference};

type Cases = Vec<Result<Case, BadRecord>>;

/// Edits, writes and reports.
pub(super) fn run(args: &EditArgs, settings: &Settings) -> Result<u8, Failure> {
    let format = settings.format_beside_output(&Format::without_checks())?;
    settings.computes_on_cpu("edit")?;
    if let Some(destination) = &settings.output {
        check_destination(destination, &args.model)?;
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
    let done = make(model, &mut sequence, &mut outcome, ledger.as_mut(), &narrator);
    narrator.end();
    if done.is_err() && outcome.lines.is_empty() {
        ledger.into_iter().for_each(LedgerWriter::abandon);
    }
    done?;
    if let Some(destination) = settings.output.as_deref().filter(|_| outcome.edited() > 0) {
        let tensors = sequence.changed().tensors(model)?;
        write_checkpoint(model.checkpoint(), &tensors, destination)?;
        outcome.written = Some(destination.to_owned());
    }
    Ok(outcome)
}

/// Makes the edits that are left, and tells each to the ledger.
fn make(
    model: &mut Model,
    sequence: &mut Sequence<'_>,
    outcome: &mut Outcome,
    mut ledger: Option<&mut LedgerWriter>,
    narrator: &Narrator,
) -> Result<(), Failure> {
    let started = Instant::now();
    while let Some(mut step) = sequence.step(model)? {
        if let Some(ledger) = &mut ledger {
            ledger.append(&mut step)?;
        }
        if step.line.kind == LineKind::Edit {
            let (done, left) = (sequence.done() - outcome.resumed, sequence.steps() - sequence.done());
            narrator.note(|| pace("edits", done, left, started));
            narrator.advance(1);
        }
        outcome.lines.push(step.line);
    }
    Ok(())
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

/// The exit code; that no case at all could be edited is an error, where it was not the guard that refused them.
fn judged(outcome: &Outcome, settings: &Settings) -> Result<u8, Failure> {
    let (guarded, unmade) = (outcome.guarded(), outcome.unmade());
    let refused = outcome.refused() - guarded;
    let all = outcome.edited() + unmade + guarded + refused;
    let nothing = |message: String, why: &str| Err(Failure::new("nothing-edited", message).hint(why));
    if all == 0 {
        return nothing("there is no case to edit".to_owned(), "the file holds no record");
    }
    if outcome.edited() == 0 && guarded < all {
        let first = outcome.lines.iter().flat_map(|line| &line.refused).next();
        let why = first.map_or("the update is not finite, and was not made", |refused| &refused.reason);
        return nothing(format!("cannot edit any of {all} cases"), why);
    }
    let checks = [
        (guarded, format!("--guard refused {guarded} of {all} cases")),
        (refused, format!("{refused} of {all} cases could not be edited")),
        (unmade, format!("the updates of {unmade} of {all} cases are not finite, and were not made")),
    ];
    let failed = checks.into_iter().filter(|(cases, _)| *cases > 0);
    let failed: Vec<String> = failed.map(|(_, what)| format!("check failed: {what}")).collect();
    Ok(output::judged(&failed, settings.quiet))
}
