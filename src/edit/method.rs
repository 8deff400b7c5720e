//! Which method edits, with what, and the call that makes one edit.

use std::collections::BTreeMap;

use super::{Edit, EditError, Hparams, RectKind, Request};
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
    /// Project updates into the null space of C, as `AlphaEdit` does.
    pub null_space: bool,
}

/// What earlier edits of a sequence left behind.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Σ K Kᵀ of earlier batches, layer by layer, `(f, f)`: `AlphaEdit`'s cache.
    pub past_keys: BTreeMap<usize, Matrix>,
}

/// Makes one edit: one request for ROME and fine-tuning, a batch for the others. Afterwards the model runs with it.
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
    let method = setup.method.name();
    let only = || match requests {
        [request] => Ok(request),
        _ => {
            let why = format!("edits one request at a time, {} were given", requests.len());
            Err(EditError::Unsupported { method, why })
        }
    };
    let _ = history;
    match setup.method {
        Method::Rome(choice) => super::rome::edit(model, only()?, choice, setup),
        _ => Err(EditError::Unsupported { method, why: "is not there yet".to_owned() }),
    }
}
