//! `diagnose trace`: which states of a model bring a fact back, once noise on its subject has taken it away.
//!
//! A case that cannot be traced is reported and stops no other. The exit code is 1 where a record is no case at all, and 2
//! where nothing could be traced.

use super::args::{TraceAnswer, TraceArgs, TraceKind};
use super::failure::Failure;
use super::inputs::cases;
use super::keys::plot_format;
use super::output;
use super::progress::Unit;
use super::settings::Settings;
use crate::deltas::Progress as _;
use crate::model::Model;
use crate::reader::BAD_RECORD;
use crate::report::{Format, TracePlot, TraceReport};
use crate::trace::{AnswerChoice, Kind, NoiseScale, TracePlan, Traces, trace_cases};

/// Noise as published: so many standard deviations of the embeddings.
const PUBLISHED_FACTOR: f64 = 3.0;

/// Traces and reports.
pub(super) fn run(args: &TraceArgs, settings: &Settings) -> Result<u8, Failure> {
    let format = settings.format(&Format::without_checks())?;
    settings.computes_on_cpu("trace")?;
    let plot = args.plot.as_deref().map(|path| plot_format(path).map(|format| (path, format))).transpose()?;
    output::check(args.plot.as_deref())?;
    let cases = cases(&args.case)?;
    let model = Model::open(&args.model, &settings.limits, settings.io)?;
    let narrator = settings.counter(Unit::Things("cases"));
    narrator.begin("tracing", cases.len() as u64);
    let traces = trace_cases(&model, &cases, &plan(args), &|done| narrator.advance(done as u64));
    narrator.end();
    let traces = traces?;
    let summary = traces.summary();
    let architecture = model.config().architecture;
    let report = TraceReport { model: &args.model, architecture, traces: &traces, summary: &summary };
    output::write(settings.output.as_deref(), |out| report.write(format, &settings.page(args.top), out))?;
    if traces.cases.is_empty() {
        let refused = traces.refused.len();
        let hint = traces.refused.first().map_or("the file holds no record", |refused| &refused.reason);
        return Err(
            Failure::new("nothing-traced", format!("cannot trace any of {refused} records")).hint(hint)
        );
    }
    if let Some((path, format)) = plot {
        let caption = caption(&traces);
        let plot = TracePlot { traces: &traces, summary: &summary, caption: &caption };
        output::write(Some(path), |out| plot.write(format, out))?;
    }
    Ok(output::judged(&failed_checks(&traces), settings.quiet))
}

fn plan(args: &TraceArgs) -> TracePlan {
    TracePlan {
        kinds: match args.kind {
            TraceKind::Hidden => vec![Kind::Hidden],
            TraceKind::Mlp => vec![Kind::Mlp],
            TraceKind::Attention => vec![Kind::Attention],
            TraceKind::All => Kind::ALL.to_vec(),
        },
        window: usize::from(args.window),
        samples: usize::from(args.samples),
        seed: args.seed,
        scale: args.noise.map_or(NoiseScale::Multiple(PUBLISHED_FACTOR), NoiseScale::Absolute),
        answer: match args.answer {
            TraceAnswer::Predicted => AnswerChoice::Predicted,
            TraceAnswer::TargetTrue => AnswerChoice::TargetTrue,
        },
    }
}

fn caption(traces: &Traces) -> String {
    match traces.cases.as_slice() {
        [case] => format!("{}: what brings back \"{}\"", case.subject, case.answer.text.trim()),
        cases => format!("{} cases: what brings their answers back", cases.len()),
    }
}

/// That every record is a case is a check.
fn failed_checks(traces: &Traces) -> Vec<String> {
    let bad = traces.refused.iter().filter(|refused| refused.kind == BAD_RECORD).count();
    let records = traces.cases.len() + traces.refused.len();
    let unusable = (bad > 0).then(|| format!("check failed: {bad} of {records} records are no cases"));
    unusable.into_iter().collect()
}
