//! Many cases through a model; one that cannot be traced becomes a row and stops no other.

use super::{CaseTrace, Kind, NoiseFacts, NoiseScale, TokenAt, TracePrompt, Traces};
use super::{draw_noise, trace_prompt};
use crate::model::{Model, ModelError, PlacedPrompt, place, slot};
use crate::reader::{BAD_RECORD, BadRecord, Case, RefusedCase};

/// Which token's probability is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerChoice {
    /// The most probable one of the clean run, as published.
    Predicted,
    /// The first one of the case's `target_true`, as it goes on from the prompt behind a space.
    TargetTrue,
}

/// How cases are traced.
#[derive(Clone, Debug, PartialEq)]
pub struct TracePlan {
    /// What is put back.
    pub kinds: Vec<Kind>,
    /// Layers of a window of MLP or attention outputs; 10 as published.
    pub window: usize,
    /// Draws of noise for each case; 10 as published.
    pub samples: usize,
    /// Their seed. Every case draws from the beginning of its stream, as published.
    pub seed: u64,
    /// How large the noise is.
    pub scale: NoiseScale,
    /// Which token's probability is read.
    pub answer: AnswerChoice,
}

/// Why a case is refused: a stable word, and what is wrong with it.
type Why = (&'static str, String);

/// A case that can be traced.
struct Prepared<'a> {
    case: &'a Case,
    placed: PlacedPrompt,
    target: Result<u32, Why>,
}

/// Traces cases on a model; `done` hears of every case.
///
/// # Errors
/// Where the model cannot be run, or is an encoder. A case that cannot be traced is refused and the others go on.
pub fn trace_cases(
    model: &Model,
    cases: &[Result<Case, BadRecord>],
    plan: &TracePlan,
    done: &dyn Fn(usize),
) -> Result<Traces, ModelError> {
    if !model.config().causal {
        return Err(ModelError::NoHead { path: model.path().to_owned() });
    }
    model.tokenizer()?;
    let (mut prepared, mut refused) = (Vec::new(), Vec::new());
    for (index, case) in cases.iter().enumerate() {
        match prepare(model, case, plan.answer) {
            Ok(case) => prepared.push(case),
            Err((kind, reason)) => {
                let case_id = case.as_ref().ok().map(|case| case.case_id.clone());
                refused.push(RefusedCase { index, case_id, kind, reason });
                done(1);
            }
        }
    }
    let subjects: Vec<&str> = prepared.iter().map(|case| case.case.subject.as_str()).collect();
    let noise = NoiseFacts::of(plan.scale, model, &subjects)?;
    let mut traced = Vec::with_capacity(prepared.len());
    for case in &prepared {
        traced.push(trace(model, case, plan, noise.sigma)?);
        done(1);
    }
    Ok(Traces { plan: plan.clone(), layers: model.config().layers, noise, cases: traced, refused })
}

fn prepare<'a>(
    model: &Model,
    case: &'a Result<Case, BadRecord>,
    answer: AnswerChoice,
) -> Result<Prepared<'a>, Why> {
    let case = case.as_ref().map_err(|bad| (BAD_RECORD, bad.reason.clone()))?;
    let tokenizer = model.tokenizer().map_err(|error| (error.kind(), error.to_string()))?;
    let template =
        slot(&case.prompt, &case.subject).map_err(|refused| (refused.kind(), refused.to_string()))?;
    let placed = place(tokenizer, &template, &case.subject)
        .map_err(|refused| (refused.kind(), refused.to_string()))?;
    if let Some(context) = model.config().context_length.filter(|context| placed.tokens.len() > *context) {
        let tokens = placed.tokens.len();
        return Err((
            "too-long",
            format!("the prompt has {tokens} tokens, the context of the model holds {context}"),
        ));
    }
    let target = target(model, case, &template.replacen("{}", &case.subject, 1), &placed.tokens);
    if let (AnswerChoice::TargetTrue, Err(why)) = (answer, &target) {
        return Err(why.clone());
    }
    Ok(Prepared { case, placed, target })
}

/// The first token of `target_true` where it goes on from the prompt.
fn target(model: &Model, case: &Case, prompt: &str, tokens: &[u32]) -> Result<u32, Why> {
    let no_target = || ("no-target", "the case has no `target_true`".to_owned());
    let target =
        case.target_true.as_deref().filter(|target| !target.trim().is_empty()).ok_or_else(no_target)?;
    let is_spaced = prompt.ends_with(char::is_whitespace) || target.starts_with(char::is_whitespace);
    let text = [prompt, if is_spaced { "" } else { " " }, target].concat();
    let encoded = model.tokenizer().and_then(|tokenizer| tokenizer.encode_with_special(&text));
    let encoded = encoded.map_err(|error| (error.kind(), error.to_string()))?;
    let first = encoded.strip_prefix(tokens).and_then(<[u32]>::first);
    first.copied().ok_or_else(|| {
        ("target-joins", format!("the tokens of the prompt change where `{target}` goes on from it"))
    })
}

fn trace(
    model: &Model,
    prepared: &Prepared<'_>,
    plan: &TracePlan,
    sigma: f64,
) -> Result<CaseTrace, ModelError> {
    let Prepared { case, placed, target } = prepared;
    let subject_range = placed.subject_first..placed.subject_last + 1;
    let target = target.as_ref().ok().copied();
    let answer = match (plan.answer, target) {
        (AnswerChoice::TargetTrue, Some(target)) => target,
        _ => predicted(model, &placed.tokens)?,
    };
    let noise = draw_noise(plan.samples, subject_range.len(), model.config().hidden_size, sigma, plan.seed);
    let prompt = TracePrompt {
        tokens: &placed.tokens,
        subject: &subject_range,
        answer,
        kinds: &plan.kinds,
        window: plan.window,
    };
    let found = trace_prompt(model, &prompt, &noise)?;
    let tokenizer = model.tokenizer()?;
    // A special token, and a number that the model has and the tokenizer has not, stand for no text.
    let text = |id: u32| tokenizer.decode(&[id]).ok().filter(|text| !text.is_empty());
    let token = |id: u32| TokenAt { id, text: text(id).unwrap_or_else(|| format!("<{id}>")) };
    Ok(CaseTrace {
        case_id: case.case_id.clone(),
        prompt: case.prompt.clone(),
        subject: case.subject.clone(),
        tokens: placed.tokens.iter().map(|id| token(*id)).collect(),
        subject_range,
        answer: token(answer),
        answer_is_true: target.map(|target| target == answer),
        clean: found.clean,
        corrupted: found.corrupted,
        kinds: found.kinds,
    })
}

/// The most probable next token.
fn predicted(model: &Model, tokens: &[u32]) -> Result<u32, ModelError> {
    let continued = model.generate(&[tokens.to_vec()], 1, 1, 0)?;
    Ok(continued.first().and_then(|row| row.first()).copied().unwrap_or(0))
}
