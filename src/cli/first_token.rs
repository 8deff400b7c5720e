//! `diagnose first-token`: the first token against later ones, on a model or on arrays that were dumped.

use std::path::Path;

use super::failure::Failure;
use super::measure_args::FirstTokenArgs;
use super::progress::Unit;
use super::settings::Settings;
use super::texts::Texts;
use super::{exit, output};
use crate::compute::Device;
use crate::deltas::Progress as _;
use crate::keys::first_token::{self, FirstToken, FirstTokenPlan};
use crate::model::Model;
use crate::reader::read_dumped_texts;
use crate::report::{FirstTokenReport, Format};

/// Measures and reports; the exit code says whether every record of the texts could be used.
pub(super) fn run(args: &FirstTokenArgs, settings: &Settings) -> Result<u8, Failure> {
    let format = settings.format(&Format::without_checks())?;
    let device = settings.device()?;
    let texts = args.texts.as_deref().map(Texts::read).transpose()?;
    let found = match (&args.model, &texts, &args.activations) {
        (Some(model), Some(texts), _) => on_model(model, texts, args, (settings, &device))?,
        (_, _, Some(path)) => {
            let dumps = read_dumped_texts(path, &settings.limits, settings.io)?;
            first_token::measure_dump(path, &dumps)?
        }
        _ => return Err(Failure::new("usage", "neither a model with texts nor --activations is given")),
    };
    let bad_records = texts.as_ref().map_or(0, |texts| texts.bad.len());
    let report = FirstTokenReport { found: &found, bad_records };
    let page = settings.page(0);
    output::write(settings.output.as_deref(), |out| report.write(format, &page, out))?;
    let bad = match (&texts, &args.texts) {
        (Some(texts), Some(path)) => texts.tell_bad(path, settings.quiet),
        _ => false,
    };
    Ok(if bad { exit::CHECK_FAILED } else { exit::OK })
}

fn on_model(
    path: &Path,
    texts: &Texts,
    args: &FirstTokenArgs,
    (settings, device): (&Settings, &Device),
) -> Result<FirstToken, Failure> {
    let model = Model::open(path, &settings.limits, settings.io)?;
    let plan = FirstTokenPlan {
        layers: args.layer.clone(),
        swap_positions: args.swap_positions,
        without_special: args.without_special,
    };
    let narrator = settings.counter(Unit::Things("layers"));
    let mut before = 0;
    let layers = if plan.layers.is_empty() { model.config().layers } else { plan.layers.len() };
    narrator.begin("measuring", layers as u64);
    let found = first_token::measure(&model, &texts.usable, &plan, device, |done, _| {
        narrator.advance((done - before) as u64);
        before = done;
    });
    narrator.end();
    Ok(found?)
}
