//! Distances from checkpoints in order: each held against the first.

use std::path::{Path, PathBuf};

use crate::deltas::{DeltasError, Plan, Progress, SpectrumPlan, Status, compare};
use crate::reader::{Checkpoint, IoMode, Limits, Measure, ReadError, Run, RunKind};

/// The run of a list of checkpoints: ‖Wₜ − W₀‖_F of all tensors, and of each that changes.
///
/// Edits are the numbers at the ends of the names, less that of the first, where they rise; else the places in the list, and the notes
/// say which. Comparisons run one after the other.
///
/// # Errors
/// [`DeltasError`], where a checkpoint cannot be read.
pub fn checkpoint_run(
    paths: &[PathBuf],
    limits: &Limits,
    io: IoMode,
    progress: &impl Progress,
) -> Result<Run, DeltasError<ReadError>> {
    let first = paths.first().map_or(Path::new(""), PathBuf::as_path);
    let mut run = Run::new(first, RunKind::Checkpoints);
    let before = Checkpoint::open(first, limits, io)?;
    let plan = Plan { spectrum: SpectrumPlan::Skip, ..Plan::default() };
    let (edits, told) = numbers(paths);
    run.notes.push(format!("{} checkpoints; edits are {told}", paths.len()));
    for (path, edit) in paths.iter().zip(edits).skip(1) {
        let after = Checkpoint::open(path, limits, io)?;
        let deltas = compare(&before, &after, &plan, progress)?;
        put(&mut run, "all tensors", edit, deltas.summary.delta_norm);
        let changed = deltas.tensors.iter().filter(|tensor| tensor.status == Status::Changed);
        for (tensor, change) in changed.filter_map(|tensor| Some((tensor, tensor.change.as_ref()?))) {
            put(&mut run, &tensor.name, edit, change.delta_norm);
        }
    }
    Ok(run)
}

fn put(run: &mut Run, layer: &str, edit: u64, norm: f64) {
    run.put(&format!("distance of {layer}"), Measure::Distance { layer: layer.to_owned() }, edit, norm);
}

/// How many edits each checkpoint has, and what says so.
fn numbers(paths: &[PathBuf]) -> (Vec<u64>, &'static str) {
    let named: Option<Vec<u64>> = paths.iter().map(|path| last_number(path)).collect();
    let rising = named.filter(|named| named.is_sorted_by(|a, b| a < b));
    match rising {
        Some(named) => {
            let first = named.first().copied().unwrap_or(0);
            (named.into_iter().map(|n| n - first).collect(), "the numbers at the ends of their names")
        }
        None => ((0..paths.len() as u64).collect(), "their places in the list"),
    }
}

/// The last run of digits in a name, its extension left out.
fn last_number(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    let name = name.strip_suffix(".safetensors").unwrap_or(name);
    let name = name.trim_end_matches(|c: char| !c.is_ascii_digit());
    let digits =
        name.rfind(|c: char| !c.is_ascii_digit()).map_or(name, |at| name.get(at + 1..).unwrap_or(name));
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_told_by_names_that_rise_and_else_by_places() {
        let of = |names: &[&str]| numbers(&names.iter().map(PathBuf::from).collect::<Vec<_>>()).0;
        assert_eq!(of(&["a/step-0", "a/step-50", "a/step-150"]), [0, 50, 150]);
        assert_eq!(of(&["m-100.safetensors", "m-101.safetensors"]), [0, 1]);
        assert_eq!(of(&["base", "edited-1", "edited-2"]), [0, 1, 2]);
        assert_eq!(of(&["m-2", "m-1"]), [0, 1]);
    }
}
