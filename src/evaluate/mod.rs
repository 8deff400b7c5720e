//! How well a model still does, and whether an edit of it landed: cases, texts, tasks.
//!
//! Invariant: never changes a weight.
//!
//! ```text
//! joint        a prompt and what follows it as one row of tokens
//! answers      how likely given answers are behind given prompts
//! prompts      what is asked about a case
//! quality      efficacy, generalization, specificity and locality of cases       summary: over all of them
//! generation   what it writes of itself: entropy and consistency of the words
//! tasks        cloze, multiple choice, and labels found in what it writes
//! perplexity   of texts, windows cut to the model                                paired: two models on the same texts
//! ```

mod answers;
mod consistency;
mod entropy;
mod error;
mod generation;
mod joint;
mod metrics;
mod outcome;
mod paired;
mod perplexity;
mod prompts;
mod quality;
mod summary;
mod tasks;
mod windows;
mod words;

pub use crate::stats::{Inference, Interval};
pub use answers::{Answer, Question, Unanswerable, answer};
pub use consistency::{IdfTable, consistency};
pub use entropy::{fluency, ngram_entropy, normalized_entropy};
pub use error::EvaluateError;
pub use generation::{TEXT_TOKENS, Written, write, writing_prompts};
pub use metrics::{CASE_METRICS, Metric};
pub use outcome::{
    CaseEvaluation, Evaluation, Generation, GenerationSummary, StepEvaluation, TaskEvaluation, TestContexts,
    TextEvaluation, Walk,
};
pub use paired::{Paired, compare, same_protocol};
pub use perplexity::{Perplexity, Protocol, Scoring, Summary, TextScore, Unscored, perplexity, score};
pub use prompts::{Measure, PromptKind, PromptScore};
pub use quality::{CaseScores, Quality, quality};
pub use summary::{QualitySummary, Spread};
pub use tasks::{INVALID, Item, TaskScores, test};
pub use words::{spaced_words, treebank_words, vector_words};
