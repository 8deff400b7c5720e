//! What the edits of a run are made with, from the arguments: hyper-parameters, contexts, second moments and what follows from them.

use std::collections::BTreeMap;

use super::Cases;
use crate::cli::args::{EditArgs, RectArg};
use crate::cli::failure::Failure;
use crate::cli::inputs;
use crate::cli::settings::Settings;
use crate::edit::{Hparams, Method, NullSpace, PruneForm, RectKind};
use crate::keys::{Adjustment, ContextFacts, ContextStyle, MeanOver, WeightedTemplates};
use crate::model::Model;
use crate::reader::{ContextTemplates, ScheduleKind, read_whole, sha256_of_file};
use crate::sequence::{GuardMode, MomentOf, RunFacts, base_tensors, cases_sha256};

/// What the edits of a run are made with.
pub(super) struct Prepared {
    pub(super) method: Method,
    pub(super) hparams: Hparams,
    pub(super) contexts: ContextTemplates,
    pub(super) templates: WeightedTemplates,
    pub(super) moments: BTreeMap<usize, Adjustment>,
    pub(super) null_spaces: Option<BTreeMap<usize, NullSpace>>,
    pub(super) guard: Option<GuardMode>,
    pub(super) facts: RunFacts,
}

/// Reads and checks all that the edits need.
pub(super) fn prepare(
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
    let (mut found, mut served) = (Vec::new(), Vec::new());
    for &layer in &hparams.layers {
        // Of the published methods the ROME family alone asks for `mom2_adjustment`.
        let without = args.no_moments || !hparams.mom2_adjustment && matches!(method, Method::Rome(_));
        let (sha256, adjustment) = if without {
            (None, Adjustment::none(model.config().intermediate_size))
        } else {
            let module = model.down_projection(layer);
            let (path, adjustment) =
                inputs::moment_of(&args.moments, &module, args.ridge, settings, &mut served)?;
            (Some(sha256_of_file(path)?), adjustment)
        };
        let facts = adjustment.facts().clone();
        found.push((MomentOf { layer, sha256, facts }, adjustment));
    }
    Ok(found)
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
