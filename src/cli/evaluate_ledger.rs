//! `diagnose evaluate --ledger`: the model after each edit of a ledger, without a checkpoint of any.

use std::collections::BTreeMap;
use std::path::Path;

use super::args::EvaluateArgs;
use super::evaluate::Inputs;
use super::failure::Failure;
use super::progress::Unit;
use super::settings::Settings;
use crate::deltas::Progress as _;
use crate::evaluate::{
    self, CaseEvaluation, CaseScores, Evaluation, Quality, QualitySummary, Scoring, StepEvaluation, Walk,
};
use crate::model::Model;
use crate::reader::{BadRecord, Case, Ledger, LedgerLine, RequestLine, ScheduleKind};
use crate::sequence;

/// Walks the ledger: the base is measured first, then the model after each step.
pub(super) fn follow(
    path: &Path,
    mut model: Model,
    inputs: &Inputs,
    args: &EvaluateArgs,
    settings: &Settings,
) -> Result<Evaluation, Failure> {
    let ledger = Ledger::read(path)?;
    let records = inputs.cases.as_deref().unwrap_or_default();
    let edited: Vec<(usize, Result<Case, BadRecord>)> = ledger
        .lines
        .iter()
        .flat_map(|line| &line.requests)
        .map(|request| of_record(request, records, path))
        .collect::<Result<_, _>>()?;
    let look = Look { inputs };
    let before = look.cases(&model, &edited)?;
    let mut steps = vec![look.step(&model, None, &before)?];
    let known: BTreeMap<usize, &CaseScores> = before.cases.iter().map(|case| (case.index, case)).collect();
    let by_record: BTreeMap<usize, &Result<Case, BadRecord>> =
        edited.iter().map(|(record, case)| (*record, case)).collect();
    let mut all = Quality { cases: Vec::new(), refused: before.refused.clone() };
    let narrator = settings.counter(Unit::Things("steps"));
    narrator.begin("evaluating", ledger.lines.len() as u64);
    sequence::walk(&mut model, &ledger, &settings.limits, |model, line| -> Result<(), Failure> {
        let own: Vec<(usize, Result<Case, BadRecord>)> = line
            .requests
            .iter()
            .filter_map(|request| Some((request.record, (*by_record.get(&request.record)?).clone())))
            .collect();
        let mut found = look.cases(model, &own)?;
        let cases = own.iter().filter_map(|(record, _)| known.get(record).map(|case| (*case).clone()));
        found.compare(&Quality { cases: cases.collect(), refused: Vec::new() });
        steps.push(look.step(model, Some(line), &found)?);
        all.cases.extend(found.cases);
        narrator.advance(1);
        Ok(())
    })?;
    narrator.end();
    Ok(Evaluation {
        model: args.model.clone(),
        baseline: None,
        tokenizer_sha256: model.tokenizer()?.sha256().to_owned(),
        cases: Some(CaseEvaluation {
            source: args.case.clone().unwrap_or_default(),
            contexts: inputs.contexts.clone(),
            summary: QualitySummary::of(&all),
            before: Some(QualitySummary::of(&before)),
            written: None,
            quality: all,
        }),
        tasks: Vec::new(),
        texts: None,
        walk: Some(Walk {
            ledger: path.to_owned(),
            sequential: ledger.header.schedule == ScheduleKind::Sequential,
            tasks: inputs.tasks.iter().map(|(name, _)| name.clone()).collect(),
            steps,
        }),
    })
}

/// The record that a request of the ledger was made from.
fn of_record(
    request: &RequestLine,
    records: &[Result<Case, BadRecord>],
    ledger: &Path,
) -> Result<(usize, Result<Case, BadRecord>), Failure> {
    match records.get(request.record) {
        Some(Ok(case)) if case.case_id == request.case_id => Ok((request.record, Ok(case.clone()))),
        _ => Err(Failure::new(
            "other-cases",
            format!(
                "the ledger edited case {} as record {}, which these cases have not",
                request.case_id, request.record
            ),
        )
        .at(ledger)
        .hint("give the file of cases that the ledger was made from")),
    }
}

/// What is looked at after each step.
struct Look<'a> {
    inputs: &'a Inputs,
}

impl Look<'_> {
    /// Scores of some records, under their places in the file.
    fn cases(&self, model: &Model, of: &[(usize, Result<Case, BadRecord>)]) -> Result<Quality, Failure> {
        let records: Vec<Result<Case, BadRecord>> = of.iter().map(|(_, case)| case.clone()).collect();
        let contexts = self.inputs.contexts.as_ref().map_or(&[][..], |contexts| &contexts.templates);
        let mut found = evaluate::quality(model, &records, contexts, |_| ())?;
        let place = |at: usize| of.get(at).map_or(at, |(record, _)| *record);
        found.cases.iter_mut().for_each(|case| case.index = place(case.index));
        found.refused.iter_mut().for_each(|refused| refused.index = place(refused.index));
        Ok(found)
    }

    fn step(
        &self,
        model: &Model,
        line: Option<&LedgerLine>,
        quality: &Quality,
    ) -> Result<StepEvaluation, Failure> {
        let texts = self.inputs.texts.as_ref().map(|(_, texts)| {
            let measured = evaluate::perplexity(model, &texts.usable, Scoring::default(), |_| ())?;
            Ok::<_, Failure>(measured.summary)
        });
        let test = |tasks: &_| Ok::<_, Failure>(evaluate::test(model, tasks, |_| ())?.accuracy);
        Ok(StepEvaluation {
            index: line.map(|line| line.index),
            method: line.map_or_else(String::new, |line| line.method.clone()),
            case_ids: line.map_or(&[][..], |line| &line.requests).iter().map(|r| r.case_id.clone()).collect(),
            update_norm: line.map_or(0.0, LedgerLine::update_norm),
            quality: QualitySummary::of(quality),
            texts: texts.transpose()?,
            accuracies: self.inputs.tasks.iter().map(|(_, tasks)| test(tasks)).collect::<Result<_, _>>()?,
        })
    }
}
