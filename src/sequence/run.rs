//! Step after step: the records of a step become requests, the requests an edit, and what cannot be edited a row.

use std::collections::BTreeMap;

use ndarray::Array2;

use super::guard::Judged;
use super::memory::{added, columns, remember};
use super::refusal::{concerns_a_case, reason, refusal};
use super::replay::apply;
use super::{Changed, Plan, SequenceError, line};
use crate::edit::{Before, Edit, EditError, History, Method, Request, Setup, Update, edit, prune};
use crate::model::Model;
use crate::reader::{
    BAD_RECORD, BadRecord, Case, GuardLine, Ledger, LedgerLine, Limits, LineKind, RefusedLine,
    RememberedKeys, ScheduleKind,
};

/// A run of edits that is done step by step; between two steps the model has what the last one left.
///
/// With [`ScheduleKind::Single`] each step first takes back what the one before did.
pub struct Sequence<'a> {
    plan: Plan<'a>,
    cases: &'a [Result<Case, BadRecord>],
    done: usize,
    history: History,
    /// What the last step took the place of.
    before: Vec<Before>,
    /// W₀ of each layer that changed, for PRUNE.
    original: BTreeMap<usize, Array2<f32>>,
    changed: Changed,
    pruned: bool,
}

/// What a step did.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its line of a ledger, without the hash of the factors.
    pub line: LedgerLine,
    /// What was done to the model, in this order.
    pub updates: Vec<Update>,
    /// Keys that later steps have to know of.
    pub remembered: Vec<RememberedKeys>,
}

/// A case that can be edited, with its place among the records and what the guard said.
struct Ready {
    record: usize,
    request: Request,
    guard: Option<GuardLine>,
}

impl<'a> Sequence<'a> {
    /// A run of all these cases.
    pub fn new(plan: Plan<'a>, cases: &'a [Result<Case, BadRecord>]) -> Self {
        Self {
            plan,
            cases,
            done: 0,
            history: History::default(),
            before: Vec::new(),
            original: BTreeMap::new(),
            changed: Changed::default(),
            pruned: false,
        }
    }

    /// How many steps it has.
    pub fn steps(&self) -> usize {
        self.cases.len().div_ceil(self.plan.batch.max(1))
    }

    /// How many are done.
    pub fn done(&self) -> usize {
        self.done
    }

    /// What differs from the base now.
    pub fn changed(&self) -> &Changed {
        &self.changed
    }

    /// Takes up a run: its steps are applied again as the ledger has them, and none is computed. Of edits that were each made from the
    /// original only the last is, as the others have been taken back.
    ///
    /// That the ledger is of this base and of these settings is the caller's to check ([`super::check_base`],
    /// [`super::first_difference`]).
    ///
    /// # Errors
    /// [`SequenceError::OtherResult`]; where factors cannot be read.
    pub fn resume(
        &mut self,
        model: &mut Model,
        ledger: &Ledger,
        limits: &Limits,
        done: &mut dyn FnMut(),
    ) -> Result<(), SequenceError> {
        for (at, line) in ledger.lines.iter().enumerate() {
            self.begin_step(model)?;
            if self.plan.schedule == ScheduleKind::Sequential || at + 1 == ledger.lines.len() {
                let (before, remembered) = apply(model, ledger, line, limits)?;
                self.keep(before);
                remember(&mut self.history, remembered);
            }
            self.end_step(line);
            done();
        }
        Ok(())
    }

    /// Does the next step, the last of which is PRUNE where it is asked for; none where all are done.
    ///
    /// # Errors
    /// [`SequenceError`], where no case could be edited in this way; a case that alone cannot is a row of the step.
    pub fn step(&mut self, model: &mut Model) -> Result<Option<Step>, SequenceError> {
        let batch = self.plan.batch.max(1);
        let Some(records) = self.cases.chunks(batch).nth(self.done) else { return self.prune(model) };
        self.begin_step(model)?;
        let (mut refused, mut ready, mut method) = (Vec::new(), Vec::new(), self.plan.setup.method);
        for (at, case) in records.iter().enumerate() {
            match self.prepare(model, case, self.done * batch + at)? {
                Ok((case, by)) => {
                    ready.push(case);
                    method = by;
                }
                Err(row) => refused.push(row),
            }
        }
        let columns = columns(&self.history);
        let edited = self.edit(model, &mut ready, method, &mut refused)?;
        let mut step = self.empty_step(LineKind::Edit, method.name());
        step.line.refused = refused;
        if let Some(edited) = edited {
            step.line.layers = line::layers(&edited, model)?;
            step.remembered = added(&self.history, &columns, ready.len());
            let facts = edited.requests.iter().zip(ready);
            step.line.requests =
                facts.map(|(facts, ready)| line::request(facts, ready.record, method, ready.guard)).collect();
            step.updates = edited.updates;
            self.keep(edited.before);
        }
        self.end_step(&step.line);
        Ok(Some(step))
    }

    /// Restrains what all steps changed, once.
    fn prune(&mut self, model: &mut Model) -> Result<Option<Step>, SequenceError> {
        let Some(form) = self.plan.prune.filter(|_| !self.pruned && !self.original.is_empty()) else {
            return Ok(None);
        };
        let mut step = self.empty_step(LineKind::Prune, "prune");
        for (&layer, original) in &self.original {
            let (now, _) = model.down_projection_weight(layer)?;
            let update = prune(original.view(), now.view(), form)?.update(model, layer)?;
            let (facts, _) = update.apply(model)?;
            step.line.layers.push(line::layer(&update, &facts, model)?);
            step.updates.push(update);
        }
        self.end_step(&step.line);
        Ok(Some(step))
    }

    fn empty_step(&self, kind: LineKind, method: &str) -> Step {
        let line = LedgerLine {
            kind,
            index: self.done,
            method: method.to_owned(),
            requests: Vec::new(),
            refused: Vec::new(),
            layers: Vec::new(),
            factors_sha256: None,
        };
        Step { line, updates: Vec::new(), remembered: Vec::new() }
    }

    /// Keeps what a step took the place of.
    fn keep(&mut self, before: Vec<Before>) {
        if self.plan.prune.is_some() {
            for Before { layer, weight, .. } in &before {
                self.original.entry(*layer).or_insert_with(|| weight.clone());
            }
        }
        self.before = before;
    }

    /// Takes back what the last step did, where edits do not add up.
    fn begin_step(&mut self, model: &mut Model) -> Result<(), SequenceError> {
        let before = std::mem::take(&mut self.before);
        if self.plan.schedule == ScheduleKind::Single {
            for Before { layer, weight, bias } in before.iter().rev() {
                model.set_down_projection(*layer, weight.view(), bias.as_deref())?;
            }
            self.history = History::default();
            self.changed = Changed::default();
        }
        Ok(())
    }

    fn end_step(&mut self, line: &LedgerLine) {
        self.changed.note(line);
        match line.kind {
            LineKind::Edit => self.done += 1,
            LineKind::Prune => self.pruned = true,
        }
    }

    /// A record as a request, with the method that the guard lets it have; or why not.
    fn prepare(
        &self,
        model: &Model,
        case: &Result<Case, BadRecord>,
        record: usize,
    ) -> Result<Result<(Ready, Method), RefusedLine>, SequenceError> {
        let case = match case {
            Ok(case) => case,
            Err(bad) => return Ok(Err(refusal(record, None, BAD_RECORD, bad.reason.clone()))),
        };
        let row = |kind: &str, reason| Ok(Err(refusal(record, Some(&case.case_id), kind, reason)));
        let request = match Request::of(case, model) {
            Ok(request) => request,
            Err(error) if concerns_a_case(&error) => return row(error.kind(), reason(&error)),
            Err(error) => return Err(error.into()),
        };
        let setup = &self.plan.setup;
        let Some(guard) = self.plan.guard else {
            return Ok(Ok((Ready { record, request, guard: None }, setup.method)));
        };
        match guard.judge(model, case, setup)? {
            Judged::Pass(method, line) => Ok(Ok((Ready { record, request, guard: Some(line) }, method))),
            Judged::Refused(kind, reason) => row(&kind, reason),
        }
    }

    /// Edits what is ready. A case that turns out to be none is refused, and the others go on without it.
    fn edit(
        &mut self,
        model: &mut Model,
        ready: &mut Vec<Ready>,
        method: Method,
        refused: &mut Vec<RefusedLine>,
    ) -> Result<Option<Edit>, SequenceError> {
        let setup = Setup { method, ..self.plan.setup };
        while !ready.is_empty() {
            let requests: Vec<Request> = ready.iter().map(|ready| ready.request.clone()).collect();
            let error = match edit(model, &requests, &setup, &mut self.history) {
                Ok(edited) => return Ok(Some(edited)),
                Err(error) if concerns_a_case(&error) => error,
                Err(error) => return Err(error.into()),
            };
            let named = match &error {
                EditError::Request { case_id, .. } => {
                    ready.iter().position(|ready| ready.request.case_id == *case_id)
                }
                _ => None,
            };
            // An error that names no case of the batch is that of all.
            let out: Vec<Ready> = match named {
                Some(at) => vec![ready.remove(at)],
                None => std::mem::take(ready),
            };
            let row =
                |out: Ready| refusal(out.record, Some(&out.request.case_id), error.kind(), reason(&error));
            refused.extend(out.into_iter().map(row));
            refused.sort_by_key(|row| row.record);
        }
        Ok(None)
    }
}
