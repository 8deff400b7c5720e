//! Tables as runs: a column that counts edits, and what the others are by their names.
//!
//! ```text
//! edit, edits, edit_num, n_edits, step          the number of edits done: required
//! after, tested_after, edits_done + correct     a row tells whether `edit` was still right after so many
//! layer + distance, drift, update_norm          of that layer; also as distance.17, distance/17, distance_17
//! … perplexity, … ppl                           a perplexity
//! … nll, … loss                                 nats a token
//! invalid, incorrect, … error, forgotten        shares of failures: less is better
//! any other column of numbers                   more is better
//! ```

use std::collections::BTreeMap;

use super::{EditTest, Measure, Run, RunError, RunKind};
use crate::reader::{Cell, Column, ReadError, Table};

const EDITS: [&str; 5] = ["edit", "edits", "edit_num", "n_edits", "step"];
const AFTER: [&str; 3] = ["after", "tested_after", "edits_done"];
const DISTANCES: [&str; 3] = ["distance", "distance_from_original", "drift"];
const UPDATES: [&str; 2] = ["update_norm", "delta_norm"];
const CORRECT: [&str; 3] = ["correct", "efficacy_correct", "rewrite_correct"];
/// Columns that say which row it is, and measure nothing.
const LABELS: [&str; 7] = ["layer", "case_id", "case_ids", "index", "seed", "time", "sample_num"];
const NLLS: [&str; 2] = ["nll", "loss"];
const COSTS: [&str; 4] = ["error", "invalid", "incorrect", "forgotten"];

/// The run of a table.
pub(super) fn run(table: &Table) -> Result<Run, ReadError> {
    let find = |names: &[&str]| table.columns.iter().find(|column| names.contains(&lower(column).as_str()));
    let edits = find(&EDITS).ok_or_else(|| ReadError::Run {
        path: table.path.clone(),
        cause: RunError::NoEdits { found: table.columns.iter().map(|column| column.name.clone()).collect() },
    })?;
    let mut run = Run::new(&table.path, RunKind::Table);
    let layers = find(&["layer"]);
    let names = find(&["case_id"]);
    let tests = find(&AFTER).zip(find(&CORRECT));
    let others: Vec<(&Column, Role)> =
        table.columns.iter().filter(|column| column.name != edits.name).filter_map(role).collect();
    let mut skipped: BTreeMap<&str, usize> = BTreeMap::new();
    for (row, cell) in edits.cells.iter().enumerate() {
        let Some(edit) = edit_of(cell) else {
            run.refuse(row, format!("`{}` is no whole number from 0", edits.name));
            continue;
        };
        if let Some((after, correct)) = tests {
            match (after.cells.get(row).and_then(edit_of), correct.cells.get(row).and_then(truth)) {
                (Some(after), Some(correct)) => run.tests.push(EditTest { edit, after, correct }),
                _ => run.refuse(row, format!("`{}` or `{}` is missing", after.name, correct.name)),
            }
            continue;
        }
        if let Some(name) = names.and_then(|column| column.cells.get(row)).and_then(text) {
            run.names.entry(edit).or_insert(name);
        }
        let layer = layers.and_then(|column| column.cells.get(row)).and_then(text);
        for (column, role) in &others {
            match column.cells.get(row) {
                Some(Cell::Number(value)) => put(&mut run, column, role, layer.as_deref(), edit, *value),
                Some(Cell::Text(_)) => *skipped.entry(&column.name).or_default() += 1,
                Some(Cell::Missing) | None => {}
            }
        }
    }
    for (name, cells) in skipped {
        run.notes.push(format!("{name}: {cells} cells of text were passed over"));
    }
    run.ordered()
}

/// What a column holds.
enum Role {
    Distance(Option<String>),
    Update(Option<String>),
    Of(Measure),
}

fn role(column: &Column) -> Option<(&Column, Role)> {
    let name = lower(column);
    let of = |names: &[&str]| {
        names.iter().find_map(|prefix| match name.strip_prefix(prefix)? {
            "" => Some(None),
            rest => rest.strip_prefix(['.', '/', '_', ' ']).map(|layer| Some(layer.to_owned())),
        })
    };
    // The longer name first: `distance` is the beginning of `distance_from_original`.
    let role = match (of(&["distance_from_original"]).or_else(|| of(&DISTANCES)), of(&UPDATES)) {
        (Some(layer), _) => Role::Distance(layer),
        (None, Some(layer)) => Role::Update(layer),
        _ if LABELS.contains(&name.as_str()) || AFTER.contains(&name.as_str()) => return None,
        _ if name.contains("perplexity") || name.ends_with("ppl") => Role::Of(Measure::Perplexity),
        _ if NLLS.iter().any(|nll| name.ends_with(nll)) => Role::Of(Measure::Nll),
        _ if COSTS.iter().any(|cost| name.ends_with(cost)) => Role::Of(Measure::Cost),
        _ => Role::Of(Measure::Score),
    };
    Some((column, role))
}

fn put(run: &mut Run, column: &Column, role: &Role, layer: Option<&str>, edit: u64, value: f64) {
    let all = "all layers";
    match role {
        Role::Distance(own) => run.put_distance(own.as_deref().or(layer).unwrap_or(all), edit, value),
        Role::Update(own) => {
            let layer = own.as_deref().or(layer).unwrap_or(all).to_owned();
            run.put(&format!("update norm of {layer}"), Measure::UpdateNorm { layer }, edit, value);
        }
        Role::Of(measure) => run.put(&column.name, measure.clone(), edit, value),
    }
}

fn lower(column: &Column) -> String {
    column.name.to_ascii_lowercase()
}

/// A whole number from 0 to 2⁵³, beyond which f64 has no neighbours.
fn edit_of(cell: &Cell) -> Option<u64> {
    let number = cell.number().filter(|x| x.fract() == 0.0 && (0.0..9.0e15).contains(x))?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and from 0, as was asked"
    )]
    Some(number as u64)
}

fn truth(cell: &Cell) -> Option<bool> {
    match cell {
        Cell::Number(x) => Some(*x > 0.5),
        Cell::Text(word) => match word.to_ascii_lowercase().as_str() {
            "true" | "yes" => Some(true),
            "false" | "no" => Some(false),
            _ => None,
        },
        Cell::Missing => None,
    }
}

/// A name, whether it is written as a word or as a number.
fn text(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Missing => None,
        Cell::Number(x) => Some(x.to_string()),
        Cell::Text(text) => Some(text.clone()),
    }
}
