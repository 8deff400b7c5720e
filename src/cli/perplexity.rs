//! `diagnose perplexity`: scores texts under one or several models, and against a baseline.

use std::path::Path;

use super::failure::Failure;
use super::measure_args::PerplexityArgs;
use super::progress::Unit;
use super::settings::Settings;
use super::texts::Texts;
use super::{exit, output};
use crate::deltas::Progress as _;
use crate::evaluate::{self, Perplexity, Scoring};
use crate::model::Model;
use crate::report::{Format, PerplexityReport, ResampledBy};

/// Measures and reports; the exit code says whether every record of the texts could be used.
///
/// The baseline is measured first, and each model held against its protocol as soon as it is measured.
pub(super) fn run(args: &PerplexityArgs, settings: &Settings) -> Result<u8, Failure> {
    let format = settings.format(&Format::without_checks())?;
    settings.computes_on_cpu("perplexity")?;
    let texts = Texts::read(&args.texts)?;
    let baseline = args.baseline.as_deref().map(|path| measure(path, &texts, args, settings)).transpose()?;
    let mut models: Vec<(Perplexity, Option<evaluate::Paired>)> = Vec::new();
    for path in &args.model {
        let model = measure(path, &texts, args, settings)?;
        let paired =
            baseline.as_ref().map(|baseline| evaluate::compare(&model, baseline, args.resamples, args.seed));
        if let Some((first, _)) = models.first() {
            evaluate::same_protocol(&model, first)?;
        }
        models.push((model, paired.transpose()?));
    }
    let report = PerplexityReport {
        texts: &args.texts.to_string_lossy(),
        indices: &texts.indices,
        bad_records: texts.bad.len(),
        models: &models,
        baseline: baseline.as_ref(),
        resampled: ResampledBy { seed: args.seed, resamples: args.resamples },
        per_text: args.per_text,
    };
    let page = settings.page(0);
    output::write(settings.output.as_deref(), |out| report.write(format, &page, out))?;
    Ok(if texts.tell_bad(&args.texts, settings.quiet) { exit::CHECK_FAILED } else { exit::OK })
}

fn measure(
    path: &Path,
    texts: &Texts,
    args: &PerplexityArgs,
    settings: &Settings,
) -> Result<Perplexity, Failure> {
    let model = Model::open(path, &settings.limits, settings.io)?;
    let scoring = Scoring { bos: args.bos, window: args.window, stride: args.stride };
    let narrator = settings.counter(Unit::Things("texts"));
    narrator.begin(&format!("scoring {}", path.display()), texts.usable.len() as u64);
    let measured = evaluate::perplexity(&model, &texts.usable, scoring, |done| narrator.advance(done as u64));
    narrator.end();
    Ok(measured?)
}
