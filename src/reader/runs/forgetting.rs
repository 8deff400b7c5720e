//! Result files of gradual-catastrophic-forgetting: a task's score and the distance of each layer after so many edits.
//!
//! ```text
//! {"original_model": {"correct", "incorrect", "invalid", "total"},
//!  "sample_3": [{"element_num"?, "request", "correct", "invalid", "total", "distance_from_original": {"13": …}}, …]}
//! ```
//!
//! `element_num` counts edits from 0; where it is missing there is a row an edit. Distances there are norms over the number
//! of elements: another unit, the same throughout.

use std::path::Path;

use serde_json::Value;

use super::read::{number, whole};
use super::{Measure, Run, RunKind, python};
use crate::reader::ReadError;

/// The runs of a document, one a sample; `None` where it is another document.
pub(super) fn runs(path: &Path, document: &Value) -> Result<Option<Vec<Run>>, ReadError> {
    let Some((original, fields)) = document.get("original_model").zip(document.as_object()) else {
        return Ok(None);
    };
    let samples = fields.iter().filter(|(name, _)| name.starts_with("sample_"));
    let samples: Vec<_> = samples.filter_map(|(name, rows)| Some((name, rows.as_array()?))).collect();
    let several = samples.len() > 1;
    let runs = samples.into_iter().map(|(name, rows)| {
        let mut run = Run::new(path, RunKind::Forgetting);
        if several {
            run.notes.push(format!("this is {name}"));
        }
        run.notes.push("distances are norms over the number of elements".to_owned());
        if scores(&mut run, original, 0).is_none() {
            run.notes.push(
                "`original_model` has no counts: the run begins without the model before it".to_owned(),
            );
        }
        for (index, row) in rows.iter().enumerate() {
            if let Err(reason) = point(&mut run, index, row) {
                run.refuse(index, reason);
            }
        }
        run.ordered()
    });
    let runs = runs.collect::<Result<Vec<_>, _>>()?;
    Ok((!runs.is_empty()).then_some(runs))
}

fn point(run: &mut Run, index: usize, row: &Value) -> Result<(), String> {
    let edit = match row.get("element_num") {
        None => index as u64 + 1,
        Some(number) => {
            number.as_u64().and_then(|n| n.checked_add(1)).ok_or("`element_num` is no number from 0")?
        }
    };
    scores(run, row, edit)
        .ok_or("no counts `correct`, `invalid` and `total`, of which the last is above 0")?;
    if let Some(distances) = row.get("distance_from_original") {
        let distances = distances.as_object().ok_or("`distance_from_original` is no object")?;
        for (layer, value) in distances {
            let value =
                number(Some(value)).ok_or_else(|| format!("the distance of layer {layer} is no number"))?;
            run.put_distance(layer, edit, value);
        }
    }
    if let Some(request) = row.get("request").and_then(Value::as_str) {
        match python::parse(request) {
            Ok(literal) => run.names.extend(python::subject(&literal).map(|name| (edit, name.to_owned()))),
            Err(reason) => run.refuse(
                index,
                format!("`request` is no literal of Python: {reason} (its numbers are taken)"),
            ),
        }
    }
    Ok(())
}

/// Shares of right answers and of answers that could be read.
fn scores(run: &mut Run, counts: &Value, edit: u64) -> Option<()> {
    let [correct, invalid, total] = ["correct", "invalid", "total"].map(|name| whole(counts.get(name)));
    let total = total.filter(|total| *total > 0)?;
    let share = |count: u64| count as f64 / total as f64;
    let (correct, invalid) = (correct?, invalid?);
    run.put("accuracy", Measure::Score, edit, share(correct));
    run.put("valid answers", Measure::Score, edit, 1.0 - share(invalid));
    Some(())
}
