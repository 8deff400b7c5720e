//! `diagnose moments`: sums second moments, saves them on the way, and writes them at the end.
//!
//! ```text
//! FILE         the sums, whole or not at all
//! FILE.part    what is summed so far, in the same format; removed when FILE is written
//! ```

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::failure::Failure;
use super::measure_args::MomentsArgs;
use super::progress::{Narrator, Unit};
use super::settings::Settings;
use super::texts::Texts;
use super::{exit, output};
use crate::compute::Device;
use crate::deltas::Progress as _;
use crate::keys::{LayerMoment, MomentError, MomentPlan, Moments};
use crate::model::Model;
use crate::reader::{Checkpoint, ReadError, SecondMoment};
use crate::report::{MomentsReport, count, write_second_moments};

/// Sums, writes and reports; the exit code says whether every record of the texts could be used.
pub(super) fn run(args: &MomentsArgs, settings: &Settings) -> Result<u8, Failure> {
    let format = settings.format_beside_output(&MomentsReport::FORMATS)?;
    let Some(destination) = settings.output.as_deref() else {
        return Err(Failure::new("usage", "moments are written to a file, and none is named")
            .hint("add -o FILE.safetensors"));
    };
    let device = settings.device()?;
    let mut texts = Texts::read(&args.texts)?;
    texts.usable.truncate(args.samples.unwrap_or(usize::MAX));
    let model = Model::open(&args.model, &settings.limits, settings.io)?;
    let plan = MomentPlan { layers: args.layer.clone(), skip_first: args.skip_first };
    let part = part_of(destination);
    let mut moments = Moments::begin(&model, &texts.usable, &plan)?;
    if args.resume && part.exists() {
        let saved = saved(&part, &moments, settings)?;
        moments = moments.resume(saved).map_err(|error| Failure::from(error).at(&part))?;
    }
    let narrator = settings.counter(Unit::Things("texts"));
    narrator.begin("summing keys", texts.usable.len() as u64);
    let summed = sum(&mut moments, &model, &texts.usable, (&part, args.save_every), (&device, &narrator));
    narrator.end();
    summed?;
    save(&mut moments, destination)?;
    // Gone where it never was.
    let _ = std::fs::remove_file(&part);
    let written = destination.to_string_lossy();
    let report = MomentsReport { moments: &moments, written: &written };
    let page = settings.page(0);
    output::write(None, |out| report.write(format, &page, out))?;
    Ok(if texts.tell_bad(&args.texts, settings.quiet) { exit::CHECK_FAILED } else { exit::OK })
}

/// Sums to the end, and saves every so many batches.
fn sum(
    moments: &mut Moments,
    model: &Model,
    texts: &[String],
    (part, save_every): (&Path, u32),
    (device, narrator): (&Device, &Narrator),
) -> Result<(), Failure> {
    let (started, tokens_before) = (Instant::now(), moments.tokens);
    narrator.advance(moments.texts as u64);
    let mut unsaved = 0;
    loop {
        let texts_before = moments.texts;
        if !moments.advance(model, texts, device)? {
            return Ok(());
        }
        narrator.note(|| speed(moments.tokens - tokens_before, started));
        narrator.advance((moments.texts - texts_before) as u64);
        unsaved += 1;
        if unsaved >= save_every && moments.texts < texts.len() && moments.tokens > 0 {
            save(moments, part)?;
            unsaved = 0;
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a speed, rounded for people")]
fn speed(tokens: u64, started: Instant) -> String {
    let seconds = started.elapsed().as_secs_f64().max(1e-9);
    format!("{} tokens/s", count((tokens as f64 / seconds) as u64))
}

fn save(moments: &mut Moments, path: &Path) -> Result<(), Failure> {
    moments.mirror()?;
    output::write(Some(path), |out| write_second_moments(moments, out))
}

/// The place beside a file for what is not finished.
fn part_of(destination: &Path) -> PathBuf {
    let mut name = destination.file_name().map(OsString::from).unwrap_or_default();
    name.push(".part");
    destination.with_file_name(name)
}

/// What an interrupted run saved.
fn saved(path: &Path, fresh: &Moments, settings: &Settings) -> Result<Moments, Failure> {
    let file = Checkpoint::open(path, &settings.limits, settings.io)?;
    let other_run = || Failure::from(MomentError::OtherRun).at(path);
    let text = |name: &str| file.metadata().get(name).ok_or_else(other_run);
    let number = |name: &str| text(name)?.parse::<u64>().map_err(|_| other_run());
    let size = |name: &str| number(name).and_then(|n| usize::try_from(n).map_err(|_| other_run()));
    let mut layers = Vec::new();
    for LayerMoment { layer, module, sum, .. } in &fresh.layers {
        let stored = SecondMoment::read(path, Some(module), &settings.limits, settings.io);
        let stored = stored.map_err(|error| match error {
            ReadError::Moment { .. } => other_run(),
            error => error.into(),
        })?;
        if stored.sum.dim() != sum.dim() {
            return Err(other_run());
        }
        layers.push(LayerMoment {
            layer: *layer,
            module: module.clone(),
            sum: stored.sum,
            count: stored.count,
        });
    }
    Ok(Moments {
        identity: text("identity")?.clone(),
        texts: size("texts")?,
        tokens: number("tokens")?,
        empty_texts: size("empty_texts")?,
        truncated_texts: size("truncated_texts")?,
        layers,
        ..fresh.clone()
    })
}
