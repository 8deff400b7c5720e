//! The names that records give to levels and architectures.

use crate::keys::Level;
use crate::model::Architecture;

/// A level as records and `--fail-on` name it.
pub const fn risk_name(level: Level) -> &'static str {
    match level {
        Level::Safe => "safe",
        Level::AtRisk => "at-risk",
        Level::Collapse => "collapse",
    }
}

/// An architecture as `config.json` names it.
pub(in crate::report) const fn architecture(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::Gpt2 => "gpt2",
        Architecture::GptJ => "gptj",
        Architecture::GptNeoX => "gpt_neox",
        Architecture::Llama => "llama",
        Architecture::Mistral => "mistral",
        Architecture::Qwen2 => "qwen2",
        Architecture::Qwen3 => "qwen3",
        Architecture::T5Encoder => "t5",
        Architecture::Bert => "bert",
    }
}
