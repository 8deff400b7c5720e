//! One field of a file of hyper-parameters, read as what it has to be.

use serde_json::Value;

use super::{FineTuneLoss, HparamsError};

pub(super) const PROMPT_LAST: &str = "prompt_last";
pub(super) const TARGET_NEW: &str = "target_new";

/// Characters of a value that a message shows.
const SHOWN: usize = 60;
/// Largest count: more passes or layers than that are a slip.
const MOST: f64 = 1e6;

/// A field and what it holds.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) name: &'static str,
    pub(super) value: &'a Value,
}

impl Field<'_> {
    fn refused(&self, needed: &'static str) -> HparamsError {
        let whole = self.value.to_string();
        let mut found: String = whole.chars().take(SHOWN).collect();
        if found.len() < whole.len() {
            found.push('…');
        }
        HparamsError::Value { name: self.name, found, needed }
    }

    fn number_where(&self, holds: impl Fn(f64) -> bool, needed: &'static str) -> Result<f64, HparamsError> {
        number(self.value).filter(|number| holds(*number)).ok_or_else(|| self.refused(needed))
    }

    pub(super) fn above_zero(&self) -> Result<f64, HparamsError> {
        self.number_where(|number| number > 0.0, "a number above 0")
    }

    pub(super) fn zero_or_more(&self) -> Result<f64, HparamsError> {
        self.number_where(|number| number >= 0.0, "a number, 0 or more")
    }

    pub(super) fn count(&self, least: usize) -> Result<usize, HparamsError> {
        let needed = if least == 0 { "a whole number, 0 or more" } else { "a whole number, 1 or more" };
        whole(self.value).filter(|count| *count >= least).ok_or_else(|| self.refused(needed))
    }

    pub(super) fn layer_or_none(&self) -> Result<Option<usize>, HparamsError> {
        if self.value.is_null() { Ok(None) } else { self.count(0).map(Some) }
    }

    /// Layers in the order of the file, each once.
    pub(super) fn layers(&self) -> Result<Vec<usize>, HparamsError> {
        let needed = "a list of layers, each once and ascending";
        let layers: Option<Vec<usize>> = match self.value {
            Value::Array(list) => list.iter().map(whole).collect(),
            _ => None,
        };
        layers
            .filter(|layers| !layers.is_empty() && layers.is_sorted_by(|a, b| a < b))
            .ok_or_else(|| self.refused(needed))
    }

    pub(super) fn switch(&self) -> Result<bool, HparamsError> {
        self.value.as_bool().ok_or_else(|| self.refused("true or false"))
    }

    /// `false` and `null` say that there is none.
    pub(super) fn number_or_false(&self) -> Result<Option<f64>, HparamsError> {
        match self.value {
            Value::Null | Value::Bool(false) => Ok(None),
            _ => self.number_where(|number| number > 0.0, "a number above 0, or false").map(Some),
        }
    }

    pub(super) fn objective(&self) -> Result<FineTuneLoss, HparamsError> {
        match self.value.as_str() {
            Some(PROMPT_LAST) => Ok(FineTuneLoss::PromptLast),
            Some(TARGET_NEW) => Ok(FineTuneLoss::TargetNew),
            _ => Err(self.refused("prompt_last or target_new")),
        }
    }

    pub(super) fn subject_last(&self) -> Result<(), HparamsError> {
        match self.value.as_str() {
            Some("subject_last") => Ok(()),
            _ => Err(self.refused("subject_last: keys are read at the subject's last token")),
        }
    }
}

/// A finite number, also where it stands as a string.
fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| number.is_finite())
}

fn whole(value: &Value) -> Option<usize> {
    let number = number(value).filter(|number| (0.0..=MOST).contains(number) && number.fract() == 0.0)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole, and between 0 and 10⁶"
    )]
    let whole = number as usize;
    Some(whole)
}
