//! The one integration binary: a line a room of checks.

#![recursion_limit = "256"]
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on should stop where it stands"
)]

mod architectures; // every architecture against transformers
mod association; // coefficients, p-values, tails, intervals and separations against SciPy and mpmath
mod cli; // the command line, from outside
mod config; // settings of a file and of the environment
mod corpus; // sound and hostile files, made byte by byte
mod correlate; // perplexity against tasks by the command: groups, gaps, rules, formats, refusals
mod deltas; // every number of a comparison against NumPy and SciPy
mod documentation; // what the pages show, against what the commands write; notebooks without outputs
mod edit_bad_input; // facts, models, places and flags that no edit can be made with
mod edit_checkpoint; // edited checkpoints: rewritten, linked, copied, or not there at all
mod edit_guard; // the guard, and what reports say of edits
mod edit_ledger; // ledgers: replayed, held against checkpoints, and broken in every way
mod edit_methods; // every method and modifier by the command, replayed and taken up
mod edit_resume; // runs that are killed and taken up again
mod edit_runs; // edits of the world model, for the tests of edits
mod edits; // MEMIT, EMMET, AlphaEdit, fine-tuning, RECT and PRUNE, against NumPy and transformers
mod evaluate; // cases, tasks and what a model writes, against transformers, scikit-learn and NLTK
mod evaluate_formats; // every format of the report on an evaluation that has everything in it
mod evaluate_ledger; // the model after each edit of a ledger, against the checkpoint of each
mod formats; // every format of one report that has everything in it
mod fuzz_seeds; // what the fuzz targets start from is the corpus
mod gate; // the gate of the composite action: a good edit passes, a bad one fails
mod keys; // the diagnosis of keys, from outside
mod keys_oracle; // keys and denominators of 72 facts, against transformers in f64
mod measure_formats; // every format of the reports on perplexity, second moments and first tokens
mod measures; // perplexity, second moments and first tokens against transformers, NumPy and SciPy
mod model_files; // folders of models that cannot be run, and what is said of them
mod model_runs; // attention, continuations, patches, shared prefixes; for any number of threads
mod oracle_forward; // the forward pass against transformers in f64, and what it says of rows it cannot run
mod pages; // reports as HTML, and records of many runs as one page
mod phenomenon; // the findings on keys: they hold on the world and fail on its control
mod phenomenon_edits; // the findings on single edits: they hold on the world and fail on its control
mod phenomenon_sequences; // the findings on what is left and on edits that add up: on the world and its control
mod rank_detection; // updates of known rank, planted in each dtype: where the count is right and where it ends
mod reader; // every input that a user can point at, and every way it can be broken
mod regress; // one measurement against an earlier one, from outside, and its statistics against SciPy and statsmodels
mod reproduce; // the papers' experiments, on the world and on its control
mod rome; // one edit from outside: what it leaves, what is refused, what is found instead of made
mod rome_oracle; // the value optimisation and the ROME family against PyTorch in f64
mod runner; // runs the program
mod schemas; // what is written, against the published schemas
mod screen; // where the subjects of a dataset stand, from the tokenizer alone
mod sequence; // runs of many edits: statistics against statsmodels and enumeration, files of others, and runs of the world
mod tidy; // the code keeps to ARCHITECTURE.md, its sizes, its words and its licences
mod tokenizers; // tokens and subject positions of six kinds of tokenizer
mod trace; // causal traces against transformers in f64, and the command from outside
mod world; // the committed world is what its maker wrote and what its README says
mod world_models; // the library on the two models of the world, against their maker and their control
