//! Causal tracing: which states of a model bring a fact back, once noise on its subject has taken it away.
//!
//! Meng et al. 2022, "Locating and Editing Factual Associations in GPT", section 2. Invariant: no file is opened or
//! written, no weight is changed, and noise comes in as vectors or as a seed.
//!
//! ```text
//! step                                                        file
//! σ from the embeddings of subjects, draws from a seed        noise
//! one prompt: clean, noised, and with states put back         prompt
//! what comes out, each with its formula                       outcome
//! many cases, and those that cannot be traced                 scan
//! averages by where a token stands to the subject             regions
//! ```

mod noise;
mod outcome;
mod prompt;
mod regions;
mod scan;

pub use noise::{NoiseFacts, NoiseScale, draw_noise};
pub use outcome::{Best, CaseTrace, Kind, KindTrace, TokenAt, Traces};
pub use prompt::{PromptTrace, TracePrompt, trace_prompt, window_of};
pub use regions::{Region, RegionMean, Summary};
pub use scan::{AnswerChoice, TracePlan, trace_cases};
