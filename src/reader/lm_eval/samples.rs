//! What each document scored: `samples_<task>_<time>.jsonl` beside the results of the same time.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::document::{LmEval, number};
use super::files::stamp;
use crate::reader::json::{UniqueMap, with_quoted_nonfinite};
use crate::reader::records::{LONGEST_DATASET, without_mark};
use crate::reader::{BadRecord, ReadError, read_whole};

/// The samples of one task.
#[derive(Clone, Debug, PartialEq)]
pub struct LmEvalSamples {
    /// The file.
    pub path: PathBuf,
    /// The task.
    pub task: String,
    /// Scores by metric and filter.
    pub scores: SampleScores,
    /// Lines that could not be read.
    pub bad: Vec<BadRecord>,
}

/// Of each metric and filter a number a document. The document's name is its `doc_id`, with the hash of its text where there
/// is one: two runs over different texts share no name.
pub type SampleScores = BTreeMap<(String, String), BTreeMap<String, f64>>;

/// The samples beside a file of results; none where there are none.
///
/// # Errors
/// [`ReadError`], where the folder or one of the files cannot be read.
pub fn read_lm_eval_samples(results: &LmEval) -> Result<Vec<LmEvalSamples>, ReadError> {
    let Some(stamp) = stamp(&results.path) else { return Ok(Vec::new()) };
    let folder = match results.path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let failed = |cause| ReadError::Io { path: folder.to_owned(), action: "list the directory", cause };
    let ending = format!("_{stamp}.jsonl");
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(task) = name.strip_prefix("samples_").and_then(|name| name.strip_suffix(&ending)) else {
            continue;
        };
        let (scores, bad) = parse_lm_eval_samples(&read_whole(&path, LONGEST_DATASET)?);
        all.push(LmEvalSamples { task: task.to_owned(), path, scores, bad });
    }
    all.sort_by(|a, b| a.task.cmp(&b.task));
    Ok(all)
}

/// Scores of the lines of a file; a line that is no sample, or a document that stands twice under one filter, is a row of its
/// own and stops no other. No bytes make it panic.
///
/// A metric whose samples are no numbers (a log-likelihood with its number of words) has none here.
pub fn parse_lm_eval_samples(bytes: &[u8]) -> (SampleScores, Vec<BadRecord>) {
    let json = with_quoted_nonfinite(without_mark(bytes));
    let (mut scores, mut bad) = (SampleScores::new(), Vec::new());
    let lines = json.split(|&byte| byte == b'\n').enumerate();
    let lines = lines.filter(|(_, line)| !line.iter().all(u8::is_ascii_whitespace));
    for (index, (number, line)) in lines.enumerate() {
        if let Err(reason) = sample(line, &mut scores) {
            bad.push(BadRecord { index, line: Some(number + 1), reason });
        }
    }
    (scores, bad)
}

fn sample(line: &[u8], scores: &mut SampleScores) -> Result<(), String> {
    let UniqueMap(fields): UniqueMap<Value> = serde_json::from_slice(line)
        .map_err(|error| format!("not JSON: {}", error.to_string().replace("line 1 column", "column")))?;
    let text = |field: &str| fields.get(field).and_then(Value::as_str);
    let id = match fields.get("doc_id") {
        Some(Value::Number(id)) => id.to_string(),
        Some(Value::String(id)) => id.clone(),
        _ => return Err("no `doc_id`".to_owned()),
    };
    let document = text("doc_hash").map_or(id.clone(), |hash| format!("{id}#{hash}"));
    let listed = fields.get("metrics").and_then(Value::as_array);
    let is_metric = |name: &str| match listed {
        Some(metrics) => metrics.iter().any(|metric| metric == name),
        None => name != "doc_id",
    };
    for (metric, value) in fields.iter().filter(|(name, _)| is_metric(name)) {
        let Some(value) = number(value) else { continue };
        let filter = text("filter").unwrap_or("none").to_owned();
        match scores.entry((metric.clone(), filter)).or_default().entry(document.clone()) {
            Entry::Vacant(place) => {
                place.insert(value);
            }
            Entry::Occupied(_) => return Err(format!("document {id} stands twice")),
        }
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]
mod tests {
    use super::*;
    use crate::reader::parse_lm_eval;

    #[test]
    fn each_document_has_its_scores_by_metric_and_filter() {
        let (scores, bad) = parse_lm_eval_samples(
            b"{\"doc_id\": 0, \"doc_hash\": \"aa\", \"filter\": \"none\", \"metrics\": [\"acc\", \"wp\"], \"acc\": 1.0, \"wp\": [-3.0, 2], \"x\": 5}\n\
              {\"doc_id\": 1, \"doc_hash\": \"bb\", \"filter\": \"none\", \"metrics\": [\"acc\"], \"acc\": NaN}\n\n{\"acc\": 1}\n{\n\
              {\"doc_id\": 1, \"doc_hash\": \"bb\", \"filter\": \"none\", \"metrics\": [\"acc\"], \"acc\": 0}\n\
              {\"doc_id\": 2, \"exact_match\": true}\n",
        );
        let acc = &scores[&("acc".to_owned(), "none".to_owned())];
        assert_eq!(acc["0#aa"], 1.0);
        assert!(acc["1#bb"].is_nan() && acc.len() == 2);
        assert_eq!(scores[&("exact_match".to_owned(), "none".to_owned())]["2"], 1.0);
        assert_eq!(scores.len(), 2);
        let reasons: Vec<String> = bad.iter().map(ToString::to_string).collect();
        assert_eq!(reasons[0], "record 2 (line 4): no `doc_id`");
        assert!(reasons[1].starts_with("record 3 (line 5): not JSON: "), "{}", reasons[1]);
        assert_eq!(reasons[2], "record 4 (line 6): document 1 stands twice");
    }

    #[test]
    fn only_samples_of_the_time_of_the_results_belong_to_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results_2024-05-01T10-20-30.5.json");
        for name in
            ["samples_arc_easy_2024-05-01T10-20-30.5.jsonl", "samples_arc_easy_2024-05-02T10-20-30.5.jsonl"]
        {
            fs::write(folder.path().join(name), "{\"doc_id\": 0, \"acc\": 1}\n").unwrap();
        }
        let results = parse_lm_eval(&path, br#"{"results": {"arc_easy": {"acc,none": 1}}}"#).unwrap();
        let samples = read_lm_eval_samples(&results).unwrap();
        assert_eq!(samples.iter().map(|of| of.task.as_str()).collect::<Vec<_>>(), ["arc_easy"]);
    }
}
