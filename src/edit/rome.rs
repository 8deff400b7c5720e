//! ROME and its variants: one update of rank one, four choices of keys.
//!
//! ```text
//!          key of u   k        o           what W' satisfies
//! ROME       k̄        kᵘ       W kᵘ + b    W' kᵘ + b = v*
//! C-ROME     k̄        k̄        W k̄ + b     W' k̄ + b = v*
//! r-ROME     k̄        k̄        W k̄ + b     the same formula under its other name
//! p-ROME     kᵘ       kᵘ       W kᵘ + b    W' kᵘ + b = v*
//!
//! r = C⁻¹ (key of u)      u = r / ‖r‖      Δ = v* − o      D = uᵀk      ΔW = (Δ / D) uᵀ
//! ```
//!
//! D carries its sign: a negative one turns the update round. Published code reads o off the module, in f32; here it is worked out in
//! f64 from W and k, so that the new matrix gives v* to the last digits of f64 before its factors and it are rounded.
//!
//! Source: `rome/compute_u.py`, `rome/compute_v.py` of kmeng01/rome at 0874014; the same files of Collapse-in-Model-Editing at
//! 678bedd (C-ROME) and of rebuilding-rome at 4095d04 (r-ROME, p-ROME).

use ndarray::{Array1, ArrayView1, Axis};

use super::value::{norm, optimise_rows};
use super::{
    Change, Division, Edit, EditError, KeyChoice, Request, RequestFacts, Rows, Setup, Update, Value,
    ValueOptions, ValueSite,
};
use crate::keys::{Adjustment, KeyMeans, MeanOver, WeightedTemplates};
use crate::model::{At, Model, ModelError, Site, Tap};

/// What the variants have in common for one request. They differ in what they make of it, so one value serves them all.
#[derive(Clone, Debug, PartialEq)]
pub struct RomeCase {
    /// The case.
    pub case_id: String,
    /// The layer, from 0.
    pub layer: usize,
    /// kᵘ and k̄.
    pub keys: KeyMeans,
    /// v*.
    pub value: Value,
}

/// The factors of an update, ΔW = `left` · `right`ᵀ, and what they were divided by.
#[derive(Clone, Debug, PartialEq)]
pub struct RomeFactors {
    /// Δ / D, length d: the published "right vector".
    pub left: Vec<f64>,
    /// u, length f, of norm 1: the published "left vector".
    pub right: Vec<f64>,
    /// The fraction.
    pub division: Division,
}

impl RomeCase {
    /// Reads the keys of a request and optimises its value; the model stays as it is.
    ///
    /// # Errors
    /// [`EditError::Request`], where a row's tokens cannot be trusted; [`EditError::Hparam`], where there is not one layer, or another
    /// hyper-parameter makes no sense; [`EditError::Model`].
    pub fn of(model: &Model, request: &Request, setup: &Setup<'_>) -> Result<Self, EditError> {
        let &[layer] = setup.hparams.layers.as_slice() else {
            let found = format!("{:?}", setup.hparams.layers);
            return Err(EditError::Hparam { name: "layers", found, needed: "one layer".to_owned() });
        };
        let layers = model.config().layers;
        if layer >= layers {
            return Err(ModelError::NoLayer { layer, layers }.into());
        }
        let options = ValueOptions::of(setup.hparams, layer, ValueSite::Value, model)?;
        let templates = WeightedTemplates::new(setup.contexts, MeanOver::Every).map_err(|error| {
            EditError::Unsupported { method: setup.method.name(), why: format!("has no key: {error}") }
        })?;
        let rows = Rows::of(model, request, templates.templates())?;
        let tap = [Tap { layer, site: Site::Key }];
        let captured = model.capture(&rows.tokens, At::One(&rows.lookup), &tap, &[])?.pop();
        let keys = KeyMeans::of(captured.unwrap_or_default().view(), None, &templates);
        let value = optimise_rows(model, request, rows, &options)?;
        Ok(Self { case_id: request.case_id.clone(), layer, keys, value })
    }

    /// The factors for one choice of keys.
    ///
    /// Degenerate: a denominator of 0 makes `left` infinite or NaN, and keys or a value that are not finite make everything NaN
    /// that rests on them; see [`RomeFactors::is_finite`].
    ///
    /// # Errors
    /// [`EditError::Adjustment`], where the second moment is of another length; [`EditError::Model`].
    pub fn factors(
        &self,
        model: &Model,
        choice: KeyChoice,
        adjustment: &Adjustment,
    ) -> Result<RomeFactors, EditError> {
        let KeyMeans { unprefixed, mean, .. } = &self.keys;
        let (adjusted_key, key) = match choice {
            KeyChoice::Rome => (mean, unprefixed),
            KeyChoice::CRome | KeyChoice::RRome => (mean, mean),
            KeyChoice::PRome => (unprefixed, unprefixed),
        };
        let (adjusted, residual) = adjusted(adjusted_key, adjustment)?;
        let adjusted_key_norm = norm(&adjusted);
        let right: Vec<f64> = adjusted.iter().map(|x| x / adjusted_key_norm).collect();
        let output = output(model, self.layer, key)?;
        let apart: Vec<f64> = self.value.target.iter().zip(&output).map(|(v, o)| v - o).collect();
        let (numerator_norm, unit_denominator) = (norm(&apart), dot(&right, key));
        let left: Vec<f64> = apart.iter().map(|x| x / unit_denominator).collect();
        let division = Division {
            numerator_norm,
            unit_denominator,
            denominator: dot(&adjusted, key),
            consistent_unit_denominator: dot(&right, mean),
            adjusted_key_norm,
            right_vector_norm: norm(&left),
            residual,
        };
        Ok(RomeFactors { left, right, division })
    }
}

impl RomeFactors {
    /// Whether every component is a finite number.
    pub fn is_finite(&self) -> bool {
        self.left.iter().chain(&self.right).all(|x| x.is_finite())
    }
}

/// One edit of a request.
pub(super) fn edit(
    model: &mut Model,
    request: &Request,
    choice: KeyChoice,
    setup: &Setup<'_>,
) -> Result<Edit, EditError> {
    if setup.null_space.is_some() {
        let why = "makes one update of rank one, which has no published projection: take memit".to_owned();
        return Err(EditError::Unsupported { method: setup.method.name(), why });
    }
    // Before anything is optimised.
    setup.hparams.layers.first().map(|layer| moment(setup, *layer)).transpose()?;
    let case = RomeCase::of(model, request, setup)?;
    edit_with(model, &case, choice, setup)
}

/// One edit by a variant, of a case whose keys are read and whose value is optimised. An update that is not finite is found and not
/// made: the edit then has its facts and no update.
///
/// # Errors
/// [`EditError::NoMoment`]; as [`RomeCase::factors`] and [`Update::apply`].
pub fn edit_with(
    model: &mut Model,
    case: &RomeCase,
    choice: KeyChoice,
    setup: &Setup<'_>,
) -> Result<Edit, EditError> {
    let layer = case.layer;
    let unadjusted = Adjustment::none(model.config().intermediate_size);
    let factors = case.factors(model, choice, moment(setup, layer)?.unwrap_or(&unadjusted))?;
    let facts = RequestFacts {
        case_id: case.case_id.clone(),
        value: case.value.facts.clone(),
        division: Some(factors.division),
    };
    let mut edit =
        Edit { updates: Vec::new(), layers: Vec::new(), requests: vec![facts], before: Vec::new() };
    if factors.is_finite() {
        let column = |x: Vec<f64>| Array1::from(x).insert_axis(Axis(1));
        let (left, right) = (column(factors.left), column(factors.right));
        let update = Update { layer, change: Change::Factors { left, right, kept: setup.rect } };
        let (layer, before) = update.apply(model)?;
        edit.updates.push(update);
        edit.layers.push(layer);
        edit.before.push(before);
    }
    Ok(edit)
}

/// C of a layer; none where the hyper-parameters leave it out.
fn moment<'a>(setup: &Setup<'a>, layer: usize) -> Result<Option<&'a Adjustment>, EditError> {
    if !setup.hparams.mom2_adjustment {
        return Ok(None);
    }
    let missing = EditError::NoMoment { method: setup.method.name(), layer };
    setup.moments.get(&layer).map(Some).ok_or(missing)
}

/// C⁻¹k with the residual of the solve; NaN where k is not finite.
fn adjusted(key: &[f64], adjustment: &Adjustment) -> Result<(Vec<f64>, f64), EditError> {
    if !key.iter().all(|x| x.is_finite()) {
        return Ok((vec![f64::NAN; key.len()], f64::NAN));
    }
    let found = adjustment.adjust(&ArrayView1::from(key).insert_axis(Axis(1)).to_owned())?;
    Ok((found.keys.iter().copied().collect(), found.residuals.first().copied().unwrap_or(f64::NAN)))
}

/// W k + b, in f64.
fn output(model: &Model, layer: usize, key: &[f64]) -> Result<Vec<f64>, ModelError> {
    let (weight, bias) = model.down_projection_weight(layer)?;
    let products =
        weight.outer_iter().map(|row| row.iter().zip(key).map(|(w, k)| f64::from(*w) * k).sum::<f64>());
    let bias = bias.into_iter().flatten().map(f64::from).chain(std::iter::repeat(0.0));
    Ok(products.zip(bias).map(|(product, b)| product + b).collect())
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}
