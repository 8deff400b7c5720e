//! Results of lm-evaluation-harness: the scores of a run, and what each sample scored.

mod document;
mod files;
mod samples;

pub use document::{LmEval, LmEvalScore, parse_lm_eval};
pub use files::{newest_of_each_task, read_lm_eval};
pub use samples::{LmEvalSamples, SampleScores, parse_lm_eval_samples, read_lm_eval_samples};
