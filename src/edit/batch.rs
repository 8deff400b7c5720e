//! A batch of facts on its way through one or several layers: the passes that MEMIT, EMMET and `AlphaEdit` have in common.
//!
//! ```text
//! Z = [z₁ … zₙ]            block outputs at the last layer that make the model say each target, before any change
//! for layer i = 0 … m − 1, on the model with what lower layers have got already:
//!     K = mean keys (f, n)     H = block outputs at the last layer, bare prompts (d, n)     R = Z − H
//!     A = the method's equation (f, n)     ΔW = R / (m − i) · Aᵀ
//! ```
//!
//! Source: `memit_main.py` of kmeng01/memit at 80426fd, which restores the weights afterwards and applies the same factors once more;
//! here they are applied once.

use ndarray::{ArrayView1, s};

use super::emmet::{self, Solved};
use super::null_space::remember;
use super::value::optimise_rows;
use super::{
    Change, Edit, EditError, History, Hparams, Method, NullSpace, Request, RequestFacts, Rows, Setup, Update,
    ValueOptions, ValueSite, memit,
};
use crate::keys::{Adjustment, KeyMeans, MeanOver, WeightedTemplates};
use crate::model::{At, Model, Site, Tap};
use crate::tensor::Matrix;

/// Requests whose keys are captured together.
const CHUNK: usize = 64;

/// Edits a batch of facts. With `null_space`, MEMIT becomes `AlphaEdit`, and the keys of the edited model are added to the history;
/// updates of EMMET are projected. Where an update would not be finite, none is made.
pub(super) fn edit(
    model: &mut Model,
    requests: &[Request],
    setup: &Setup<'_>,
    history: &mut History,
) -> Result<Edit, EditError> {
    let batch = Batch::of(model, requests, setup)?;
    // Before minutes are spent on values.
    batch.layers.iter().try_for_each(|layer| Equation::of(*layer, setup).map(|_| ()))?;
    let options = ValueOptions::of(setup.hparams, batch.last, ValueSite::Block, model)?;
    let mut targets = Matrix::zeros((model.config().hidden_size, requests.len()));
    let mut done = Edit { updates: Vec::new(), layers: Vec::new(), requests: Vec::new(), before: Vec::new() };
    for ((request, rows), mut target) in requests.iter().zip(&batch.rows).zip(targets.columns_mut()) {
        let value = optimise_rows(model, request, rows.clone(), &options)?;
        target.assign(&ArrayView1::from(value.target.as_slice()));
        let case_id = request.case_id.clone();
        done.requests.push(RequestFacts { case_id, value: value.facts, division: None });
    }
    let spread = batch.spread(model, &targets, setup, history, &mut done);
    let result = spread.and_then(|is_finite| {
        if is_finite && leaves_keys(setup) {
            batch.remember(model, history)?;
        }
        Ok(is_finite)
    });
    if !matches!(result, Ok(true)) {
        done.undo(model)?;
        (done.updates, done.layers, done.before) = (Vec::new(), Vec::new(), Vec::new());
    }
    result.map(|_| done)
}

/// Whether the method is `AlphaEdit`.
fn leaves_keys(setup: &Setup<'_>) -> bool {
    setup.method == Method::Memit && setup.null_space.is_some()
}

/// The layers to edit: at least one, each once, ascending, and in the model.
fn layers(model: &Model, setup: &Setup<'_>) -> Result<Vec<usize>, EditError> {
    let layers = &setup.hparams.layers;
    let count = model.config().layers;
    let is_sound =
        !layers.is_empty() && layers.is_sorted_by(|a, b| a < b) && layers.iter().all(|layer| *layer < count);
    if is_sound {
        return Ok(layers.clone());
    }
    let needed = format!("one or more layers from 0 to {}, each once and ascending", count - 1);
    Err(EditError::Hparam { name: "layers", found: format!("{layers:?}"), needed })
}

/// A batch on its way through the layers.
struct Batch {
    /// Rows of each request, one a template, the bare one first.
    rows: Vec<Rows>,
    templates: WeightedTemplates,
    layers: Vec<usize>,
    last: usize,
}

impl Batch {
    fn of(model: &Model, requests: &[Request], setup: &Setup<'_>) -> Result<Self, EditError> {
        let layers = layers(model, setup)?;
        let last = layers.last().copied().unwrap_or(0);
        let templates = WeightedTemplates::new(setup.contexts, MeanOver::Every).map_err(|error| {
            EditError::Unsupported { method: setup.method.name(), why: format!("has no key: {error}") }
        })?;
        let rows = requests.iter().map(|request| Rows::of(model, request, templates.templates()));
        Ok(Self { rows: rows.collect::<Result<_, _>>()?, templates, layers, last })
    }

    /// Changes one layer after the other; `targets` is Z, `(d, n)`. Ends with `false` at numbers that are not finite.
    fn spread(
        &self,
        model: &mut Model,
        targets: &Matrix,
        setup: &Setup<'_>,
        history: &History,
        done: &mut Edit,
    ) -> Result<bool, EditError> {
        for (number, layer) in self.layers.iter().copied().enumerate() {
            let keys = self.keys(model, layer)?;
            let residual = targets - &self.outputs(model)?;
            if !keys.iter().chain(&residual).all(|x| x.is_finite()) {
                return Ok(false);
            }
            let past = history.past_keys.get(&layer);
            let Solved { keys: right, pseudo_inverse } =
                Equation::of(layer, setup)?.solve(&keys, past, setup.hparams)?;
            let left = row_major(&residual / (self.layers.len() - number) as f64);
            let right = row_major(right);
            let update = Update { layer, change: Change::Factors { left, right, kept: setup.rect } };
            let (mut facts, before) = update.apply(model)?;
            facts.residual_norm = Some(mean_norm(&residual));
            facts.pseudo_inverse = pseudo_inverse;
            done.updates.push(update);
            done.layers.push(facts);
            done.before.push(before);
        }
        Ok(true)
    }

    /// K of a layer, `(f, n)`.
    fn keys(&self, model: &Model, layer: usize) -> Result<Matrix, EditError> {
        let mut keys = Matrix::zeros((model.config().intermediate_size, self.rows.len()));
        let count = self.templates.templates().len();
        for (number, chunk) in self.rows.chunks(CHUNK).enumerate() {
            let tokens: Vec<Vec<u32>> = chunk.iter().flat_map(|rows| rows.tokens.iter().cloned()).collect();
            let lookup: Vec<usize> = chunk.iter().flat_map(|rows| rows.lookup.iter().copied()).collect();
            let captured =
                model.capture(&tokens, At::One(&lookup), &[Tap { layer, site: Site::Key }], &[])?;
            let columns = keys.columns_mut().into_iter().skip(number * CHUNK);
            for (at, mut column) in columns.take(chunk.len()).enumerate() {
                let Some(captured) = captured.first() else { break };
                let own = captured.slice(s![at * count..(at + 1) * count, ..]);
                column.assign(&ArrayView1::from(KeyMeans::of(own, None, &self.templates).mean.as_slice()));
            }
        }
        Ok(keys)
    }

    /// H: block outputs at the last layer behind the bare prompts, `(d, n)`.
    fn outputs(&self, model: &Model) -> Result<Matrix, EditError> {
        let bare = self
            .rows
            .iter()
            .filter_map(|rows| rows.tokens.first().cloned().zip(rows.lookup.first().copied()));
        let (tokens, lookup): (Vec<Vec<u32>>, Vec<usize>) = bare.unzip();
        let tap = Tap { layer: self.last, site: Site::Block };
        let captured = model.capture(&tokens, At::One(&lookup), &[tap], &[])?.pop().unwrap_or_default();
        Ok(captured.t().mapv(f64::from))
    }

    /// Adds the keys of this batch, read on the edited model, to the cache of `AlphaEdit`.
    fn remember(&self, model: &Model, history: &mut History) -> Result<(), EditError> {
        let layer = |layer: &usize| {
            let mut past = history.past_keys.get(layer).cloned().unwrap_or_default();
            remember(&mut past, &self.keys(model, *layer)?)?;
            Ok((*layer, past))
        };
        let remembered: Vec<_> = self.layers.iter().map(layer).collect::<Result<_, EditError>>()?;
        history.past_keys.extend(remembered);
        Ok(())
    }
}

/// The equation of a layer, with what it is solved with.
enum Equation<'a> {
    Memit(&'a Adjustment),
    /// EMMET, and where its update is projected.
    Emmet(&'a Adjustment, Option<&'a NullSpace>),
    AlphaEdit(&'a NullSpace),
}

impl<'a> Equation<'a> {
    fn of(layer: usize, setup: &Setup<'a>) -> Result<Self, EditError> {
        let no_moment = || EditError::NoMoment { method: setup.method.name(), layer };
        let space = setup.null_space.map(|spaces| spaces.get(&layer).ok_or_else(no_moment)).transpose()?;
        if let (Some(space), Method::Memit) = (space, setup.method) {
            return Ok(Self::AlphaEdit(space));
        }
        let moment = setup.moments.get(&layer).ok_or_else(no_moment)?;
        Ok(if setup.method == Method::Emmet { Self::Emmet(moment, space) } else { Self::Memit(moment) })
    }

    /// A of keys `(f, n)`; `past` are those of earlier batches.
    fn solve(&self, keys: &Matrix, past: Option<&Matrix>, hparams: &Hparams) -> Result<Solved, EditError> {
        let keys = match self {
            Self::Memit(moment) => memit::adjusted_keys(keys, moment, hparams.mom2_update_weight)?,
            Self::AlphaEdit(space) => space.adjusted_keys(keys, past, hparams.l2)?,
            Self::Emmet(moment, space) => {
                let mut solved = emmet::adjusted_keys(keys, moment, hparams)?;
                if let Some(space) = space {
                    solved.keys = space.project(&solved.keys);
                }
                return Ok(solved);
            }
        };
        Ok(Solved { keys, pseudo_inverse: false })
    }
}

/// Factors as a ledger writes them.
fn row_major(factor: Matrix) -> Matrix {
    if factor.is_standard_layout() { factor } else { factor.as_standard_layout().into_owned() }
}

/// Mean length of the columns.
fn mean_norm(columns: &Matrix) -> f64 {
    columns.columns().into_iter().map(|column| column.dot(&column).sqrt()).sum::<f64>()
        / columns.ncols() as f64
}
