//! Opens every input: safetensors in one file, sharded by an index, in a directory or in a hub cache.
//!
//! Invariant: no bytes make anything here panic, and no other room opens an input file. Sizes are capped
//! before they are believed, arithmetic on them is checked, and pickles are refused, because reading one
//! can run code. A further format is one more file here and its line below.
//!
//! ```text
//! the path that was typed  file, directory, index or hub cache entry               location, hub
//! the file                 a regular one, without the name of a pickle             source
//! its first bytes          length, header, tiling                                  header, json, limits
//! a refused header         another format's first bytes, named as such             sniff
//! an index                 tensor → shard; the index says which shard is read      index
//! the bytes                mapped on local disks, read elsewhere                   mapping
//! frequencies of words     what consistency of texts is weighed with                 idf
//! records                  cases, texts, tasks, templates; a bad one is a row       records, cases, texts, tasks, contexts
//! a file read whole        a cap before anything is allocated; `-` is stdin        whole
//! arrays of numbers        one, or an archive of them, capped before it is opened  npy, arrays
//! what arrays hold         second moments in two layouts, keys and texts dumped   second_moment, dumped_keys, dumped_texts
//! what edits left behind   a header, a line an edit, factors beside it; hashed          ledger
//! settings                  keys and values of a TOML file, each with its line           config
//! tables of results         named columns; records that this program wrote          table, record_file
//! results of lm-eval        scores of a run and of each sample of it                lm_eval, results_kind
//! runs of edits             what others recorded of many edits in order                runs
//! a map cut short          zeros and a flag in the place of a crash                fault_guard
//! after the last read      inode, length and times are what they were at first     source
//! ```

mod arrays;
mod cases;
mod checkpoint;
mod config;
mod contexts;
mod dumped_keys;
mod dumped_texts;
mod error;
mod fault_guard;
mod hash;
mod header;
mod header_error;
mod hub;
mod idf;
mod index;
mod json;
mod ledger;
mod limits;
mod lm_eval;
mod location;
mod mapping;
mod npy;
mod record_file;
mod records;
mod results_kind;
mod runs;
mod second_moment;
mod sniff;
mod source;
mod table;
mod tasks;
mod texts;
mod whole;

pub use arrays::{ArrayError, ArrayFile};
pub use cases::{Case, Neighbor, parse_cases, read_cases};
pub use checkpoint::Checkpoint;
pub use config::{Config, ConfigEntry, ConfigValue, read_config};
pub use contexts::{BARE, ContextTemplates, parse_contexts, read_contexts};
pub use dumped_keys::{DumpError, DumpedKeys, UnusableKeys, read_dumped_keys};
pub use dumped_texts::{DumpedTexts, read_dumped_texts};
pub use error::ReadError;
pub use hash::{sha256, sha256_of, sha256_of_file, sha256_of_tensor};
pub use header::{Header, parse_header};
pub use header_error::HeaderError;
pub use idf::read_idf;
pub use index::{Index, IndexError, parse_index};
pub use ledger::{
    BaseTensor, DivisionLine, GuardLine, LayerLine, Ledger, LedgerChange, LedgerError, LedgerFactors,
    LedgerHeader, LedgerLine, LedgerUpdate, LineKind, PassLine, RectLine, RefusedLine, RememberedKeys,
    RequestLine, ScheduleKind, ValueLine, factors_folder, factors_name,
};
pub use limits::{IoMode, Limits};
pub use lm_eval::{
    LmEval, LmEvalSamples, LmEvalScore, SampleScores, newest_of_each_task, parse_lm_eval,
    parse_lm_eval_samples, read_lm_eval, read_lm_eval_samples,
};
pub use location::model_folder;
pub use mapping::is_remote;
pub use npy::{NpyError, parse_npy};
pub use record_file::{RecordFile, list_records, read_record, recorded_number};
pub use records::{BAD_RECORD, BadRecord, DatasetError, RefusedCase};
pub use results_kind::{ResultsKind, results_kind};
pub use runs::{EditTest, Measure, Run, RunError, RunKind, RunSeries, RunSource, read_run};
pub use second_moment::{MomentError, SecondMoment};
pub use source::SourceFile;
pub use table::{Cell, Column, Table, TableError, read_table, read_tables};
pub use tasks::{Task, TaskKind, parse_tasks, read_tasks};
pub use texts::{Text, parse_texts, read_texts};
pub use whole::{read_input, read_whole};
