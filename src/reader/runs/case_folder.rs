//! Folders of `case_*.json`, as the evaluations of rome, memit, their heirs and gradual-catastrophic-forgetting leave them.
//!
//! ```text
//! case_{id}.json, {n}_edits-case_{id}.json, {n}_{r}_edits-case_{id}.json    a case after its own edit
//! history_eval_{t}/{i}_case_{id}.json                                       edit i (from 0) tested again after t edits
//! glue_eval/…_glue.json                                                     tasks after `edit_num` edits (from 0; −1 before any)
//! ```
//!
//! No case says when it was edited. The order is that of `{i}` where histories know every case, then that of `{r}`, then that of
//! the case numbers; which of them it was is in the notes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{EditTest, Run, RunError, RunKind, case_file};
use crate::reader::json::with_quoted_nonfinite;
use crate::reader::{ReadError, read_whole};

/// Longest file of a case: with everything a model wrote it is some 30 KB.
const LONGEST_CASE: u64 = 16 << 20;
/// Most files of one folder.
const MOST_FILES: usize = 200_000;

/// What the name of a file says: numbers before `case_`, and the case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    before: Vec<u64>,
    case: u64,
    file: String,
}

/// The run of a folder; `None` where no file in it is named like a case.
pub(super) fn read(folder: &Path) -> Result<Option<Run>, ReadError> {
    let mut cases = names(folder)?;
    if cases.is_empty() {
        return Ok(None);
    }
    let mut run = Run::new(folder, RunKind::CaseFolder);
    let histories = histories(folder)?;
    let order = order(&mut run, &mut cases, &histories);
    let mut edits: BTreeMap<u64, u64> = BTreeMap::new();
    for (index, name) in cases.iter().enumerate() {
        let edit = order.get(&name.case).copied().unwrap_or(index as u64 + 1);
        edits.insert(name.case, edit);
        run.names.insert(edit, name.case.to_string());
        let answers =
            document(&folder.join(&name.file)).and_then(|case| case_file::put(&mut run, edit, &case));
        match answers {
            Ok(Some(correct)) => run.tests.push(EditTest { edit, after: edit, correct }),
            Ok(None) => {}
            Err(reason) => run.refuse(index, format!("{}: {reason}", name.file)),
        }
    }
    for (after, path, files) in &histories {
        for name in files {
            let Some(edit) = edits.get(&name.case).copied() else { continue };
            let tested = document(&path.join(&name.file))
                .and_then(|case| case_file::answers(&case).ok_or("no answer to a rewrite prompt".to_owned()));
            match tested {
                Ok(correct) if edit < *after => run.tests.push(EditTest { edit, after: *after, correct }),
                Ok(_) => {}
                Err(reason) => run.refuse(0, format!("{}: {reason}", name.file)),
            }
        }
    }
    tasks(&mut run, &folder.join("glue_eval"))?;
    run.ordered().map(Some)
}

/// Which edit each case was, where something but the case numbers tells; sorts the cases by what does.
fn order(run: &mut Run, cases: &mut [Name], histories: &[(u64, PathBuf, Vec<Name>)]) -> BTreeMap<u64, u64> {
    let told = histories.iter().flat_map(|(_, _, files)| files);
    let told: BTreeMap<u64, u64> =
        told.filter_map(|name| Some((name.case, name.before.last()? + 1))).collect();
    if !told.is_empty() && cases.iter().all(|name| told.contains_key(&name.case)) {
        return told;
    }
    let batches = cases.iter().filter_map(|name| name.before.get(1)).collect::<BTreeSet<_>>().len();
    let by = if batches > 1 {
        cases.sort_by_key(|name| (name.before.get(1).copied(), name.case));
        "the numbers of batches in their names, then of cases"
    } else {
        cases.sort_by_key(|name| name.case);
        "the numbers of cases"
    };
    run.notes
        .push(format!("the files do not say in which order the edits were made; they are in that of {by}"));
    BTreeMap::new()
}

/// Folders of later tests: after how many edits, where, and which files.
fn histories(folder: &Path) -> Result<Vec<(u64, PathBuf, Vec<Name>)>, ReadError> {
    let mut found = Vec::new();
    for name in listing(folder)? {
        let Some(told) = name.strip_prefix("history_eval_").and_then(|t| t.parse::<u64>().ok()) else {
            continue;
        };
        let path = folder.join(&name);
        let files = names(&path)?;
        // Whether t counts edits or numbers the last of them from 0, its files tell.
        let last = files.iter().filter_map(|name| name.before.last()).max().map_or(0, |last| last + 1);
        found.push((told.max(last), path, files));
    }
    found.sort();
    Ok(found)
}

fn tasks(run: &mut Run, folder: &Path) -> Result<(), ReadError> {
    if !folder.is_dir() {
        return Ok(());
    }
    for (index, name) in listing(folder)?.iter().filter(|name| name.ends_with("_glue.json")).enumerate() {
        let file = match document(&folder.join(name)) {
            Ok(file) => file,
            Err(reason) => {
                run.refuse(index, format!("{name}: {reason}"));
                continue;
            }
        };
        let edit = match file
            .get("edit_num")
            .and_then(Value::as_i64)
            .and_then(|n| u64::try_from(n.checked_add(1)?).ok())
        {
            Some(edit) => edit,
            None if name.starts_with("base") => 0,
            None => {
                run.refuse(index, format!("{name}: `edit_num` is no number from -1"));
                continue;
            }
        };
        if !case_file::put_tasks(run, edit, &file) {
            run.refuse(index, format!("{name}: no task has `correct` and `total`, and there is no distance"));
        }
    }
    Ok(())
}

fn document(path: &Path) -> Result<Value, String> {
    let bytes = read_whole(path, LONGEST_CASE).map_err(|error| error.to_string())?;
    serde_json::from_slice(&with_quoted_nonfinite(&bytes)).map_err(|error| format!("not JSON: {error}"))
}

/// Files that are named like a case, sorted.
fn names(folder: &Path) -> Result<Vec<Name>, ReadError> {
    let mut found: Vec<Name> = listing(folder)?.into_iter().filter_map(|file| parsed(&file)).collect();
    found.sort();
    Ok(found)
}

/// `{n}_{r}_edits-case_{id}.json` and its shorter forms.
fn parsed(file: &str) -> Option<Name> {
    let (before, case) = file.strip_suffix(".json")?.rsplit_once("case_")?;
    let before = before.trim_end_matches("edits-").split('_').filter(|part| !part.is_empty());
    let before: Option<Vec<u64>> = before.map(|part| part.parse().ok()).collect();
    Some(Name { before: before?, case: case.parse().ok()?, file: file.to_owned() })
}

fn listing(folder: &Path) -> Result<Vec<String>, ReadError> {
    let refused = |cause| ReadError::Io { path: folder.to_owned(), action: "list", cause };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(refused)? {
        if names.len() == MOST_FILES {
            return Err(ReadError::Run {
                path: folder.to_owned(),
                cause: RunError::TooMany { most: MOST_FILES },
            });
        }
        names.extend(entry.map_err(refused)?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_cases_are_taken_apart_and_others_are_none() {
        let of = |file: &str| parsed(file).map(|name| (name.before, name.case));
        assert_eq!(of("case_17.json"), Some((vec![], 17)));
        assert_eq!(of("100_edits-case_3.json"), Some((vec![100], 3)));
        assert_eq!(of("1_20_edits-case_3.json"), Some((vec![1, 20], 3)));
        assert_eq!(of("4_case_3.json"), Some((vec![4], 3)));
        assert_eq!(
            ["case_x.json", "params.json", "case_3_glue.json", "x_case_3.json"].map(of),
            [const { None }; 4]
        );
    }
}
