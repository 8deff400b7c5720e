//! What commands on facts begin with: cases, context templates, second moments.

use std::path::{Path, PathBuf};

use super::failure::Failure;
use super::settings::Settings;
use crate::keys::{self, Adjustment, ContextStyle};
use crate::model::Model;
use crate::reader::{
    BadRecord, Case, ContextTemplates, MomentError, ReadError, SecondMoment, parse_cases, read_cases,
    read_contexts,
};

/// The cases of a file or of stdin, or one that was typed.
pub(super) fn cases(typed: &str) -> Result<Vec<Result<Case, BadRecord>>, Failure> {
    if is_json(typed) {
        let hint =
            "a case is {\"prompt\": \"{} is in\", \"subject\": \"Paris\"}, with {} where the subject stands";
        return parse_cases(typed.as_bytes())
            .map_err(|error| Failure::new(error.kind(), format!("cannot read --case: {error}")).hint(hint));
    }
    Ok(read_cases(Path::new(typed))?)
}

/// Where cases come from, for a report: the file as it was typed, or that they were typed themselves.
pub(super) fn source(typed: &str) -> String {
    if is_json(typed) { "typed on the command line".to_owned() } else { typed.to_owned() }
}

fn is_json(typed: &str) -> bool {
    typed.trim_start().starts_with(['{', '['])
}

/// A layer that the model has.
pub(super) fn existing_layer(model: &Model, layer: usize) -> Result<usize, Failure> {
    let layers = model.config().layers;
    if layer < layers {
        return Ok(layer);
    }
    Err(Failure::new("usage", format!("the model has no layer {layer}: it has {layers}"))
        .hint(format!("name one from 0 to {}", layers.saturating_sub(1))))
}

/// The second moment of a file, factored.
pub(super) fn moment(
    path: &Path,
    module: Option<&str>,
    ridge: Option<f64>,
    settings: &Settings,
) -> Result<Adjustment, Failure> {
    let moment = SecondMoment::read(path, module, &settings.limits, settings.io)?;
    Adjustment::new(moment, ridge.unwrap_or(0.0)).map_err(|error| Failure::from(error).at(path))
}

/// The second moment of a module, factored: from the file that names it, else from one that names none and has served no other module.
pub(super) fn moment_of<'a>(
    files: &'a [PathBuf],
    module: &str,
    ridge: Option<f64>,
    settings: &Settings,
    served: &mut Vec<&'a Path>,
) -> Result<(&'a Path, Adjustment), Failure> {
    let factored = |path, moment| {
        let adjustment = Adjustment::new(moment, ridge.unwrap_or(0.0));
        Ok((path, adjustment.map_err(|error| Failure::from(error).at(path))?))
    };
    let (mut unnamed, mut missing) = (None, None);
    for path in files {
        match SecondMoment::read(path, Some(module), &settings.limits, settings.io) {
            Ok(moment) if moment.module.is_some() => return factored(path, moment),
            Ok(moment) if !served.contains(&path.as_path()) => {
                unnamed.get_or_insert((path.as_path(), moment));
            }
            Ok(_) => {}
            Err(error @ ReadError::Moment { cause: MomentError::OtherModule { .. }, .. }) => {
                missing = Some(error.into());
            }
            Err(error) => return Err(error.into()),
        }
    }
    if let Some((path, moment)) = unnamed {
        served.push(path);
        return factored(path, moment);
    }
    Err(missing.unwrap_or_else(|| {
        let message = format!("the method weighs keys by their second moment, and that of {module} is not given");
        Failure::new("usage", message).hint(
            "give --moments FILE ('diagnose moments' collects it), or --no-moments for the variant without it",
        )
    }))
}

/// The templates of a file, or such as are drawn; and where they come from in words.
pub(super) fn contexts(
    model: &Model,
    file: Option<&Path>,
    style: ContextStyle,
    seed: u64,
) -> Result<(ContextTemplates, String), Failure> {
    if let Some(path) = file {
        return Ok((read_contexts(path)?, path.to_string_lossy().into_owned()));
    }
    let drawn = keys::draw_contexts(model, style, seed)?;
    let name = match style {
        ContextStyle::Rome => "rome",
        ContextStyle::Collapse => "collapse",
        ContextStyle::Memit => "memit",
    };
    Ok((drawn, format!("drawn from the model, style {name}, seed {seed}")))
}
