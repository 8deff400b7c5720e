//! What published configurations of ROME say about a model: where it is edited, and how far the value may move.
//!
//! Source: `hparams/ROME` of kmeng01/rome at 0874014 (GPT-2, GPT-J), of kmeng01/memit at 80426fd (GPT-NeoX-20B), of
//! WanliYoung/Collapse-in-Model-Editing at 678bedd (Llama 2) and of jianghoucheng/AlphaEdit at f5248d3 (Llama 3). None was
//! published for the smallest GPT-2.

use crate::model::{Architecture, Config};

/// Layer that ROME edits in this model, where a configuration is published for its architecture and extents.
pub fn published_layer(config: &Config) -> Option<usize> {
    match (config.architecture, config.layers, config.hidden_size) {
        (Architecture::Gpt2, 24, 1024) => Some(8),
        (Architecture::Gpt2, 36, 1280) => Some(12),
        (Architecture::Gpt2, 48, 1600) => Some(17),
        (Architecture::GptJ, 28, 4096) | (Architecture::Llama, 32, 4096) => Some(5),
        (Architecture::GptNeoX, 44, 6144) => Some(15),
        _ => None,
    }
}

/// Factor of ‖v‖ that ‖v* − v‖ is clamped to: 3 for GPT-2 medium, 4 for every other.
pub fn published_clamp(config: &Config) -> f64 {
    match (config.architecture, config.layers, config.hidden_size) {
        (Architecture::Gpt2, 24, 1024) => 3.0,
        _ => 4.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(architecture: Architecture, layers: usize, hidden_size: usize) -> Config {
        Config {
            architecture,
            layers,
            hidden_size,
            intermediate_size: 4 * hidden_size,
            heads: 16,
            context_length: Some(1024),
            vocabulary: 50_257,
            causal: true,
        }
    }

    #[test]
    fn a_model_is_known_by_its_architecture_and_extents() {
        let gpt2 = |layers, hidden| config(Architecture::Gpt2, layers, hidden);
        assert_eq!(published_layer(&gpt2(48, 1600)), Some(17));
        assert_eq!(published_layer(&config(Architecture::GptJ, 28, 4096)), Some(5));
        assert_eq!(published_layer(&gpt2(12, 768)), None);
        assert_eq!(published_layer(&config(Architecture::Qwen2, 48, 1600)), None);
        assert_eq!([gpt2(24, 1024), gpt2(48, 1600)].map(|config| published_clamp(&config)), [3.0, 4.0]);
    }
}
