//! Whether edits landed: efficacy, generalization, specificity and locality of cases on a model.
//!
//! ```text
//! a, b        mean NLL a token of the wanted and of the other text behind a prompt
//! success     b > a                       efficacy ES, generalization PS, specificity NS of COUNTERFACT
//! magnitude   exp(−a) − exp(−b)           EM, PM, NM
//! correct     every token of the wanted text is the most probable one        MEMIT's *_prompts_correct
//! accuracy    share of its tokens that are                                   rewrite_acc, rephrase_acc of EasyEdit
//! agreement   share of its places at which the model before says the same    locality of EasyEdit
//! ```
//!
//! Each is averaged over the prompts of a case, then over cases. COUNTERFACT: Meng et al., `NeurIPS` 2022, as coded in
//! `experiments/py/eval_utils_counterfact.py`; token accuracy as coded in `EasyEdit`'s `evaluate_utils.py`.

use super::EvaluateError;
use super::answers::{Question, answer};
use super::prompts::{Asked, Measure, PromptKind, PromptScore, prompts};
use crate::model::Model;
use crate::reader::{BAD_RECORD, BadRecord, Case, RefusedCase};

/// Cases whose prompts are run together.
const CASES: usize = 64;

/// What a model says about one case.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseScores {
    /// Its place among the records, from 0.
    pub index: usize,
    /// As the record has it.
    pub case_id: String,
    /// Its prompts in the order of [`PromptKind::ALL`], the texts before prefixed ones in theirs.
    pub prompts: Vec<PromptScore>,
}

impl CaseScores {
    /// The mean of a measure over the prompts of a kind; none where no prompt has it. A NaN is carried.
    pub fn measure(&self, kind: PromptKind, measure: Measure) -> Option<f64> {
        let of_kind = self.prompts.iter().filter(|prompt| prompt.kind == kind);
        let values: Vec<f64> = of_kind.filter_map(|prompt| prompt.measure(measure)).collect();
        crate::stats::mean(&values)
    }
}

/// What a model says about cases.
#[derive(Clone, Debug, PartialEq)]
pub struct Quality {
    /// Cases with scores, in the order of their records.
    pub cases: Vec<CaseScores>,
    /// The others.
    pub refused: Vec<RefusedCase>,
}

/// Scores cases on a model; `contexts` are templates with one `{}`, tried before the edited prompt and its other wordings.
///
/// A case is refused where it names no new target or its edited prompt cannot be scored; other prompts that cannot be are
/// kept with their reason. `progress` hears of cases that are done. To follow a sequence of edits, call it after each.
///
/// # Errors
/// Where the model cannot be run, has no tokenizer, or is an encoder.
pub fn quality(
    model: &Model,
    records: &[Result<Case, BadRecord>],
    contexts: &[String],
    mut progress: impl FnMut(usize),
) -> Result<Quality, EvaluateError> {
    let mut found = Quality { cases: Vec::new(), refused: Vec::new() };
    let mut indexed = records.iter().enumerate();
    loop {
        let chunk: Vec<(usize, &Result<Case, BadRecord>)> = indexed.by_ref().take(CASES).collect();
        if chunk.is_empty() {
            return Ok(found);
        }
        let (mut waiting, mut questions) = (Vec::new(), Vec::new());
        for (index, record) in &chunk {
            match asked(*index, record, contexts) {
                Ok((case, asked)) => {
                    questions.extend(asked.iter().map(question));
                    waiting.push((*index, case.case_id.clone(), asked));
                }
                Err(refusal) => found.refused.push(refusal),
            }
        }
        let mut answers = answer(model, &questions)?.into_iter();
        for (index, case_id, asked) in waiting {
            let prompts = asked.into_iter().zip(answers.by_ref()).filter_map(|(asked, mut answers)| {
                let other = if answers.len() > 1 { answers.pop() } else { None };
                let Asked { kind, prompt, .. } = asked;
                Some(PromptScore { kind, prompt, wanted: answers.pop()?, other, agreement: None })
            });
            found.keep(CaseScores { index, case_id, prompts: prompts.collect() });
        }
        found.refused.sort_by_key(|refusal| refusal.index);
        progress(chunk.len());
    }
}

/// The case of a record and what is asked about it.
fn asked<'a>(
    index: usize,
    record: &'a Result<Case, BadRecord>,
    contexts: &[String],
) -> Result<(&'a Case, Vec<Asked>), RefusedCase> {
    let case = record.as_ref().map_err(|bad| RefusedCase {
        index,
        case_id: None,
        kind: BAD_RECORD,
        reason: bad.to_string(),
    })?;
    let wanted = case.target_new.as_deref().ok_or_else(|| RefusedCase {
        index,
        case_id: Some(case.case_id.clone()),
        kind: "no-target",
        reason: "the case names no new target (`target_new`), so there is nothing that should have landed"
            .to_owned(),
    })?;
    Ok((case, prompts(case, wanted, contexts)))
}

fn question(asked: &Asked) -> Question {
    let answers = [Some(&asked.wanted), asked.other.as_ref()].into_iter().flatten().cloned().collect();
    Question { prompt: asked.prompt.clone(), answers }
}

impl Quality {
    /// Keeps a case, or refuses it where its edited prompt has no score.
    fn keep(&mut self, case: CaseScores) {
        let rewrite = case.prompts.iter().find(|prompt| prompt.kind == PromptKind::Rewrite);
        match rewrite.and_then(|prompt| prompt.wanted.as_ref().err()) {
            Some(cause) => self.refused.push(RefusedCase {
                index: case.index,
                case_id: Some(case.case_id),
                kind: cause.kind(),
                reason: cause.to_string(),
            }),
            None => self.cases.push(case),
        }
    }

    /// Notes of each prompt how far `before`, the same cases on another model, agrees with it.
    ///
    /// Both must be of the same records and contexts; a case that `before` refused keeps no agreement.
    pub fn compare(&mut self, before: &Self) {
        let mut others = before.cases.iter().peekable();
        for case in &mut self.cases {
            while others.next_if(|other| other.index < case.index).is_some() {}
            let Some(other) = others.next_if(|other| other.index == case.index) else { continue };
            for (prompt, other) in case.prompts.iter_mut().zip(&other.prompts) {
                if let (Ok(after), Ok(before)) = (&prompt.wanted, &other.wanted) {
                    prompt.agreement = Some(after.agreement(before));
                }
            }
        }
    }
}
