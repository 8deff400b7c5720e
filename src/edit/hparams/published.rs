//! The hyper-parameters that were published with the methods, a file a method and model, in rome's field names.
//!
//! A model is known by its architecture and extents. Nobody has published any for the smallest GPT-2.

use super::{Hparams, HparamsError};
use crate::edit::Method;
use crate::model::{Architecture, Config};

/// The models that hyper-parameters are published for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Gpt2Medium,
    Gpt2Large,
    Gpt2Xl,
    GptJ,
    GptNeoX20B,
    Llama2,
    Llama3,
}

impl Known {
    fn of(config: &Config) -> Option<Self> {
        match (config.architecture, config.layers, config.hidden_size, config.intermediate_size) {
            (Architecture::Gpt2, 24, 1024, _) => Some(Self::Gpt2Medium),
            (Architecture::Gpt2, 36, 1280, _) => Some(Self::Gpt2Large),
            (Architecture::Gpt2, 48, 1600, _) => Some(Self::Gpt2Xl),
            (Architecture::GptJ, 28, 4096, _) => Some(Self::GptJ),
            (Architecture::GptNeoX, 44, 6144, _) => Some(Self::GptNeoX20B),
            (Architecture::Llama, 32, 4096, 11_008) => Some(Self::Llama2),
            (Architecture::Llama, 32, 4096, 14_336) => Some(Self::Llama3),
            _ => None,
        }
    }
}

impl Hparams {
    /// What was published of a method for a model of these extents. ROME's serve its variants.
    ///
    /// # Errors
    /// [`HparamsError::Unpublished`].
    pub fn published(method: Method, config: &Config) -> Result<Self, HparamsError> {
        let unpublished = HparamsError::Unpublished { method: method.name() };
        let file = Known::of(config).and_then(|model| file(method, model)).ok_or(unpublished)?;
        Self::parse(file.as_bytes())
    }
}

fn file(method: Method, model: Known) -> Option<&'static str> {
    Some(match (method, model) {
        (Method::Rome(_), Known::Gpt2Medium) => include_str!("rome/gpt2-medium.json"),
        (Method::Rome(_), Known::Gpt2Large) => include_str!("rome/gpt2-large.json"),
        (Method::Rome(_), Known::Gpt2Xl) => include_str!("rome/gpt2-xl.json"),
        (Method::Rome(_), Known::GptJ) => include_str!("rome/gpt-j-6b.json"),
        (Method::Rome(_), Known::GptNeoX20B) => include_str!("rome/gpt-neox-20b.json"),
        (Method::Rome(_), Known::Llama2) => include_str!("rome/llama2-7b.json"),
        (Method::Rome(_), Known::Llama3) => include_str!("rome/llama3-8b.json"),
        (Method::Memit, Known::Gpt2Xl) => include_str!("memit/gpt2-xl.json"),
        (Method::Memit, Known::GptJ) => include_str!("memit/gpt-j-6b.json"),
        (Method::Memit, Known::Llama2) => include_str!("memit/llama2-7b.json"),
        (Method::Memit, Known::Llama3) => include_str!("memit/llama3-8b.json"),
        (Method::Emmet, Known::Gpt2Xl) => include_str!("emmet/gpt2-xl.json"),
        (Method::Emmet, Known::GptJ) => include_str!("emmet/gpt-j-6b.json"),
        (Method::Emmet, Known::Llama2) => include_str!("emmet/llama2-7b.json"),
        (Method::FineTune, Known::Gpt2Xl) => include_str!("ft/gpt2-xl.json"),
        (Method::FineTune, Known::GptJ) => include_str!("ft/gpt-j-6b.json"),
        (Method::FineTune, Known::Llama2) => include_str!("ft/llama2-7b.json"),
        (Method::FineTune, Known::Llama3) => include_str!("ft/llama3-8b.json"),
        (Method::FineTuneConstrained, Known::Gpt2Medium) => include_str!("ft-l/gpt2-medium.json"),
        (Method::FineTuneConstrained, Known::Gpt2Large) => include_str!("ft-l/gpt2-large.json"),
        (Method::FineTuneConstrained, Known::Gpt2Xl) => include_str!("ft-l/gpt2-xl.json"),
        (Method::FineTuneConstrained, Known::GptJ) => include_str!("ft-l/gpt-j-6b.json"),
        _ => return None,
    })
}
