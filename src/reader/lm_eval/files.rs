//! Where results lie: `results_<time>.json`, one file or a folder with a folder a model.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::document::{LmEval, parse_lm_eval};
use crate::reader::records::LONGEST_DATASET;
use crate::reader::{DatasetError, ReadError, read_whole};

/// Folders below the one that is named: `<out>/<task set>/<model>/`.
const DEEPEST: usize = 2;
/// Most files of results in one folder.
const MOST_FILES: usize = 10_000;

/// Reads a file of results, or all `results*.json` of a folder and the folders in it, by path.
///
/// In a folder a file that cannot be read is an error of its own and stops no other.
///
/// # Errors
/// [`ReadError`], where a file cannot be read or holds no results, or a folder has no such file.
pub fn read_lm_eval(path: &Path) -> Result<Vec<Result<LmEval, ReadError>>, ReadError> {
    if !path.is_dir() {
        return Ok(vec![Ok(read_file(path)?)]);
    }
    let mut files = Vec::new();
    find(path, 0, &mut files)?;
    files.sort();
    if files.is_empty() {
        let cause =
            DatasetError::Layout { found: "no results*.json", wanted: "results of lm-evaluation-harness" };
        return Err(ReadError::Dataset { path: path.to_owned(), cause });
    }
    Ok(files.iter().map(|file| read_file(file)).collect())
}

/// Of each model and task the newest scores, by the time in the file's name; files without a model are told apart by folder.
///
/// A model's tasks may be spread over files. What is older than another file's scores of the same task is left out, and so is a
/// file that nothing is left of; the newest file of each model comes first.
pub fn newest_of_each_task(mut all: Vec<LmEval>) -> Vec<LmEval> {
    let time = |results: &LmEval| stamp(&results.path).map(str::to_owned);
    // Stable: of two files of one time the one that stands first stays first.
    all.sort_by(|a, b| model(a).cmp(&model(b)).then_with(|| time(b).cmp(&time(a))));
    let mut seen: BTreeSet<(String, String)> = BTreeSet::new();
    for results in &mut all {
        let model = model(results);
        results.scores.retain(|score| !seen.contains(&(model.clone(), score.task.clone())));
        seen.extend(results.scores.iter().map(|score| (model.clone(), score.task.clone())));
    }
    all.retain(|results| !results.scores.is_empty());
    all
}

/// What a file's model is known by.
fn model(results: &LmEval) -> String {
    let folder = || results.path.parent().unwrap_or(Path::new("")).to_string_lossy().into_owned();
    results.model.clone().unwrap_or_else(folder)
}

/// The time in a file's name, such as `2024-05-01T10-20-30.123456`: what stands behind the last underscore.
pub(super) fn stamp(path: &Path) -> Option<&str> {
    let stem = path.file_name()?.to_str()?.strip_suffix(".json")?;
    stem.rsplit_once('_')
        .map(|(_, stamp)| stamp)
        .filter(|stamp| stamp.starts_with(|c: char| c.is_ascii_digit()))
}

fn read_file(path: &Path) -> Result<LmEval, ReadError> {
    let malformed = |cause| ReadError::Dataset { path: path.to_owned(), cause };
    parse_lm_eval(path, &read_whole(path, LONGEST_DATASET)?).map_err(malformed)
}

fn find(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), ReadError> {
    let failed = |cause| ReadError::Io { path: folder.to_owned(), action: "list the directory", cause };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            if depth < DEEPEST {
                find(&path, depth + 1, files)?;
            }
        } else if name.starts_with("results") && name.ends_with(".json") {
            files.push(path);
        }
        if files.len() > MOST_FILES {
            let cause = DatasetError::TooMany;
            return Err(ReadError::Dataset { path: folder.to_owned(), cause });
        }
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    fn results(model: &str, scores: &str) -> String {
        format!(r#"{{"results": {{{scores}}}, "model_name": "{model}"}}"#)
    }

    #[test]
    fn of_a_folder_the_newest_scores_of_each_task_are_taken_by_the_times_in_the_names() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let (old, both) =
            (r#""arc": {"acc,none": 0.3}"#, r#""arc": {"acc,none": 0.2}, "boolq": {"acc,none": 0.4}"#);
        put("x/org__b/results_2024-05-10T00-00-00.1.json", &results("org/b", old));
        put("y/org__b/results_2024-05-02T00-00-00.1.json", &results("org/b", both));
        put("y/org__b/results_2023-05-02T00-00-00.1.json", &results("org/b", both));
        put("org__a/results_2023-01-01T00-00-00.1.json", &results("org/a", old));
        put("org__a/samples_a_2023-01-01T00-00-00.1.jsonl", "");
        put("org__a/results_bad.json", "{");
        let read = read_lm_eval(folder.path()).unwrap();
        assert_eq!(read.iter().filter(|file| file.is_err()).count(), 1);
        let newest = newest_of_each_task(read.into_iter().flatten().collect());
        let found = newest
            .iter()
            .flat_map(|run| run.scores.iter().map(|score| (run.model.as_deref(), &score.task, score.value)));
        let found: Vec<_> =
            found.map(|(model, task, value)| (model.unwrap(), task.as_str(), value)).collect();
        assert_eq!(found, [("org/a", "arc", 0.3), ("org/b", "arc", 0.3), ("org/b", "boolq", 0.4)]);
    }

    #[test]
    fn a_folder_without_results_says_what_was_looked_for() {
        let folder = tempfile::tempdir().unwrap();
        let error = read_lm_eval(folder.path()).unwrap_err();
        assert!(
            error.to_string().ends_with("no results*.json where results of lm-evaluation-harness should be"),
            "{error}"
        );
    }
}
