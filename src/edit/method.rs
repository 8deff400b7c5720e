//! Which method edits, with what, and the call that makes one edit.

use std::collections::BTreeMap;

use super::{Edit, EditError, Hparams, NullSpace, RectKind, Request, batch, fine_tune, rome};
use crate::keys::Adjustment;
use crate::model::Model;
use crate::reader::ContextTemplates;
use crate::tensor::Matrix;

/// Which keys stand in the four places of ROME's update.
///
/// ```text
/// ΔW = (v* − o) uᵀ / (uᵀ k)        u = C⁻¹k̄ or C⁻¹kᵘ, o = W k + b
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyChoice {
    /// u from k̄, k = kᵘ: as published.
    Rome,
    /// u from k̄, k = k̄ (The Fall of ROME).
    CRome,
    /// The same formula as C-ROME under its other name (Rebuilding ROME).
    RRome,
    /// u from kᵘ, k = kᵘ.
    PRome,
}

/// A method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// ROME and its variants.
    Rome(KeyChoice),
    /// MEMIT, over the layers of its hyper-parameters.
    Memit,
    /// EMMET.
    Emmet,
    /// Fine-tuning of the down-projection.
    FineTune,
    /// The same with every weight kept within `norm_constraint` of where it was.
    FineTuneConstrained,
}

impl Method {
    /// Every method, in the order of the command line.
    pub const ALL: [Self; 8] = [
        Self::Rome(KeyChoice::Rome),
        Self::Rome(KeyChoice::CRome),
        Self::Rome(KeyChoice::RRome),
        Self::Rome(KeyChoice::PRome),
        Self::Memit,
        Self::Emmet,
        Self::FineTune,
        Self::FineTuneConstrained,
    ];

    /// Its name on the command line and in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rome(KeyChoice::Rome) => "rome",
            Self::Rome(KeyChoice::CRome) => "c-rome",
            Self::Rome(KeyChoice::RRome) => "r-rome",
            Self::Rome(KeyChoice::PRome) => "p-rome",
            Self::Memit => "memit",
            Self::Emmet => "emmet",
            Self::FineTune => "ft",
            Self::FineTuneConstrained => "ft-l",
        }
    }
}

/// What an edit is made with.
#[derive(Clone, Copy)]
pub struct Setup<'a> {
    /// The method.
    pub method: Method,
    /// Its numbers.
    pub hparams: &'a Hparams,
    /// The context templates.
    pub contexts: &'a ContextTemplates,
    /// C of each layer; [`Adjustment::none`] for a variant without it.
    pub moments: &'a BTreeMap<usize, Adjustment>,
    /// Keep only a share of each update.
    pub rect: Option<RectKind>,
    /// Project updates into the null space of C of each layer: with MEMIT that is `AlphaEdit`.
    pub null_space: Option<&'a BTreeMap<usize, NullSpace>>,
}

/// What earlier edits of a sequence left behind.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Keys of earlier batches, layer by layer, side by side `(f, m)`: `AlphaEdit`'s cache is their Σ k kᵀ. At most 2 f columns.
    pub past_keys: BTreeMap<usize, Matrix>,
}

/// Makes one edit: one request for ROME, a batch for the others. Afterwards the model runs with it.
///
/// An update that is not finite, as that of a denominator of 0, is found and not made: the [`Edit`] then holds the numbers and no
/// update, and the model is as it was.
///
/// # Errors
/// [`EditError`]; the model and the history are then as they were.
pub fn edit(
    model: &mut Model,
    requests: &[Request],
    setup: &Setup<'_>,
    history: &mut History,
) -> Result<Edit, EditError> {
    let refuse = |why: String| Err(EditError::Unsupported { method: setup.method.name(), why });
    if !model.config().causal {
        return refuse("cannot edit an encoder: it predicts no next token that a target could be".to_owned());
    }
    match (setup.method, requests) {
        (_, []) => refuse("was given no request".to_owned()),
        (Method::Rome(choice), [request]) => rome::edit(model, request, choice, setup),
        (Method::Rome(_), _) => refuse(format!("edits one request at a time, {} were given", requests.len())),
        (Method::Memit | Method::Emmet, _) => batch::edit(model, requests, setup, history),
        (Method::FineTune | Method::FineTuneConstrained, _) => fine_tune::edit(model, requests, setup),
    }
}
