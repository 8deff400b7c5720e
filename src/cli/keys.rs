//! `diagnose keys`: whether ROME would break a model on a fact, before anything is edited.
//!
//! ```text
//! --screen         where subjects stand, from the tokenizer alone                     screen
//! --model          contexts, second moment, keys and values of every case             this file
//! --activations    keys that an editor has dumped; the second moment where it is given
//! ```
//!
//! A case that cannot be done is reported and stops no other. The exit code is 1 where a level of `--fail-on` is reached
//! or a record is no case at all, and 2 where nothing could be diagnosed.

use std::path::Path;

use super::args::{KeysArgs, KeysLevel, Projection};
use super::failure::Failure;
use super::progress::Unit;
use super::settings::Settings;
use super::{inputs, output, screen};
use crate::compute::Device;
use crate::deltas::Progress as _;
use crate::keys::{
    self, Adjustment, ContextFacts, ContextStyle, Diagnosis, Level, MeanOver, Origin, ProjectionMethod,
    ScanPlan, WeightedTemplates, published_clamp, published_layer,
};
use crate::model::Model;
use crate::reader::{BAD_RECORD, read_dumped_keys};
use crate::report::{Format, KeysPlot, KeysReport, PlotFormat, risk_name};

/// Published configurations clamp ‖v* − v‖ to so many times ‖v‖ where the model is not known.
const CLAMP: f64 = 4.0;

/// Diagnoses and reports.
pub(super) fn run(args: &KeysArgs, settings: &Settings) -> Result<u8, Failure> {
    if let (Some(cases), Some(model)) = (&args.screen, &args.model) {
        return screen::run(cases, model, args, settings);
    }
    let format = settings.format(&Format::ALL)?;
    let device = settings.device()?;
    let plot = args.plot.as_deref().map(|path| plot_format(path).map(|format| (path, format))).transpose()?;
    output::check(args.plot.as_deref())?;
    output::check(args.contexts_out.as_deref())?;
    let plane = args.plot.is_some() || args.projection.is_some() || format == Format::Html;
    let diagnosis = match (&args.model, &args.activations) {
        (Some(model), _) => of_model(model, args, plane, (settings, &device))?,
        (None, Some(dump)) => of_dump(dump, args, (settings, &device))?,
        (None, None) => return Err(Failure::new("usage", "neither --model nor --activations is given")),
    };
    let projection = plane.then(|| project(&diagnosis, args.projection));
    let shown = projection.as_ref().and_then(|projection| projection.as_ref().ok());
    let report = KeysReport { diagnosis: &diagnosis, projection: shown };
    output::write(settings.output.as_deref(), |out| report.write(format, &settings.page(args.top), out))?;
    if diagnosis.scan.cases.is_empty() {
        let refused = diagnosis.scan.refused.len();
        let hint =
            diagnosis.scan.refused.first().map_or("the file holds no record", |refused| &refused.reason);
        return Err(
            Failure::new("nothing-diagnosed", format!("cannot diagnose any of {refused} records")).hint(hint)
        );
    }
    if let (Some((path, format)), Some(projection)) = (plot, projection) {
        draw(&diagnosis, &projection?, path, format)?;
    }
    Ok(output::judged(&failed_checks(args.fail_on, &diagnosis), settings.quiet))
}

pub(super) fn plot_format(path: &Path) -> Result<PlotFormat, Failure> {
    PlotFormat::of_path(path).ok_or_else(|| {
        Failure::new("usage", format!("a plot is written as .svg or .png, not as {}", path.display()))
    })
}

fn of_model(
    path: &Path,
    args: &KeysArgs,
    keep_keys: bool,
    (settings, device): (&Settings, &Device),
) -> Result<Diagnosis, Failure> {
    let cases = inputs::cases(args.case.as_deref().unwrap_or_default())?;
    let model = Model::open(path, &settings.limits, settings.io)?;
    let layer = layer(&model, args.layer)?;
    let module = model.down_projection(layer);
    let adjustment = adjustment(&model, &module, args, settings)?.on(device.clone());
    let style = args.context_style.map_or_else(ContextStyle::default, ContextStyle::from);
    let (contexts, source) = inputs::contexts(&model, args.contexts.as_deref(), style, args.seed)?;
    if let Some(path) = &args.contexts_out {
        output::write(Some(path), |out| out.write_all(contexts.to_json().as_bytes()))?;
    }
    let over = if args.prefixed_only { MeanOver::Prefixed } else { MeanOver::Every };
    let templates = WeightedTemplates::new(&contexts, over).map_err(|error| {
        Failure::new("usage", error).hint("give templates with a prefix, or leave --prefixed-only out")
    })?;
    let clamp = published_clamp(model.config());
    let plan = ScanPlan { layer, templates: &templates, clamp, keep_keys };
    let narrator = settings.counter(Unit::Things("cases"));
    narrator.begin("reading keys", cases.len() as u64);
    let scan = keys::scan(&model, &cases, &plan, &adjustment, &|done| narrator.advance(done as u64));
    narrator.end();
    let contexts = ContextFacts {
        count: contexts.templates().count(),
        prefixed: templates.prefixed(),
        hash: contexts.sha256(),
        source,
        over,
    };
    Ok(Diagnosis {
        origin: Origin::Model {
            path: path.to_owned(),
            architecture: model.config().architecture,
            layer,
            module,
        },
        contexts: Some(contexts),
        moment: Some(adjustment.facts().clone()),
        clamp,
        scan: scan?,
    })
}

fn layer(model: &Model, asked: Option<usize>) -> Result<usize, Failure> {
    match asked.or_else(|| published_layer(model.config())) {
        Some(layer) => inputs::existing_layer(model, layer),
        None => Err(Failure::new("usage", "no layer is published for editing a model of this kind")
            .hint("name it with --layer N; ROME edits a third of the way up (17 of 48 in GPT-2 XL)")),
    }
}

fn adjustment(
    model: &Model,
    module: &str,
    args: &KeysArgs,
    settings: &Settings,
) -> Result<Adjustment, Failure> {
    match &args.moments {
        Some(path) => inputs::moment(path, Some(module), args.ridge, settings),
        None if args.no_moments => Ok(Adjustment::none(model.config().intermediate_size)),
        None => Err(Failure::new("usage", "ROME weighs keys by their second moment, and none is given").hint(
            "give --moments FILE ('diagnose moments' collects it), or --no-moments for the variant without it",
        )),
    }
}

fn of_dump(
    path: &Path,
    args: &KeysArgs,
    (settings, device): (&Settings, &Device),
) -> Result<Diagnosis, Failure> {
    let rows = read_dumped_keys(path, &settings.limits, settings.io)?;
    let length = rows.iter().flatten().map(|keys| keys.mean.len()).next();
    let unadjusted = rows.iter().flatten().any(|keys| keys.adjusted.is_none());
    if unadjusted && args.moments.is_none() && !args.no_moments {
        return Err(Failure::new("usage", "the dump has no C_keys_with_prefix, so C⁻¹k̄ is not known")
            .at(path)
            .hint("give --moments FILE to solve for it, or --no-moments for the variant without C"));
    }
    let adjustment = match (&args.moments, length) {
        (Some(path), _) => Some(inputs::moment(path, None, args.ridge, settings)?),
        (None, Some(length)) if args.no_moments => Some(Adjustment::none(length)),
        (None, _) => None,
    };
    let adjustment = adjustment.map(|adjustment| adjustment.on(device.clone()));
    Ok(Diagnosis {
        origin: Origin::Dump { path: path.to_owned() },
        contexts: None,
        moment: adjustment.as_ref().map(|adjustment| adjustment.facts().clone()),
        clamp: CLAMP,
        scan: keys::scan_dump(rows, adjustment.as_ref(), CLAMP)?,
    })
}

fn project(diagnosis: &Diagnosis, method: Option<Projection>) -> Result<keys::Projection, Failure> {
    let method = match method {
        None | Some(Projection::Pca) => ProjectionMethod::Pca,
        Some(Projection::Tsne) => ProjectionMethod::Tsne,
    };
    keys::project(&diagnosis.scan.cases, method).map_err(|error| {
        Failure::new("plot", format!("cannot plot the keys: {error}")).hint("leave --plot out")
    })
}

fn draw(
    diagnosis: &Diagnosis,
    projected: &keys::Projection,
    path: &Path,
    format: PlotFormat,
) -> Result<(), Failure> {
    if projected.nonfinite > 0 {
        output::tell(&format!("{} keys are not finite and not in the plot", projected.nonfinite));
    }
    let layer = match &diagnosis.origin {
        Origin::Model { layer, .. } => format!("keys at layer {layer}"),
        Origin::Dump { .. } => "dumped keys".to_owned(),
    };
    let caption = match diagnosis.scan.cases.as_slice() {
        [case] => {
            let name = case.fact.as_ref().map_or(&case.case_id, |fact| &fact.subject);
            format!("{name}: {layer}")
        }
        cases => format!("{} cases: {layer}", cases.len()),
    };
    let plot = KeysPlot { projection: projected, caption: &caption };
    output::write(Some(path), |out| plot.write(format, out))
}

/// The checks that do not hold, each in a sentence; that every record is a case is one of them.
fn failed_checks(fail_on: Option<KeysLevel>, diagnosis: &Diagnosis) -> Vec<String> {
    let scan = &diagnosis.scan;
    let threshold = fail_on.map(|level| match level {
        KeysLevel::AtRisk => Level::AtRisk,
        KeysLevel::Collapse => Level::Collapse,
    });
    let reached = threshold.and_then(|threshold| {
        let cases = scan.cases.iter().filter(|case| case.verdict.level >= threshold).count();
        let all = scan.cases.len();
        (cases > 0).then(|| {
            format!("check failed: --fail-on {}: {cases} of {all} cases reach it", risk_name(threshold))
        })
    });
    let bad = scan.refused.iter().filter(|refused| refused.kind == BAD_RECORD).count();
    let records = scan.cases.len() + scan.refused.len();
    let unusable = (bad > 0).then(|| format!("check failed: {bad} of {records} records are no cases"));
    reached.into_iter().chain(unusable).collect()
}
