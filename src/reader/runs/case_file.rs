//! One `case_{id}.json` of rome, memit or their heirs, and one file of task scores beside it.

use serde_json::Value;

use super::read::number;
use super::{Measure, Run};

/// Prompts of a case: their name in the files, what it is here, and whether the new target should be the likelier.
const KINDS: [(&str, &str, bool); 3] = [
    ("rewrite", "efficacy", true),
    ("paraphrase", "generalization", true),
    ("neighborhood", "specificity", false),
];

/// `EasyEdit`'s names of what it measures, and ours.
const EASY_EDIT: [(&str, &str); 2] =
    [("rewrite_acc", "efficacy_token_accuracy"), ("rephrase_acc", "generalization_token_accuracy")];

/// Scores of a case after its edit, whether it answers its first rewrite prompt, and how far the layers are.
pub(super) fn put(run: &mut Run, edit: u64, case: &Value) -> Result<Option<bool>, String> {
    let post = case.get("post").filter(|post| post.is_object()).ok_or("no object `post`")?;
    for (kind, name, wants_new) in KINDS {
        if let Some(success) = success(post, kind, wants_new) {
            run.put(&format!("{name}_success"), Measure::Score, edit, success);
        }
        if let Some(correct) = correct(post, kind) {
            run.put(&format!("{name}_correct"), Measure::Score, edit, mean(&correct));
        }
    }
    for (field, name) in EASY_EDIT {
        if let Some(value) = mean_of(post.get(field)) {
            run.put(name, Measure::Score, edit, value);
        }
    }
    if let Some(value) = number(post.get("ngram_entropy")) {
        run.put("fluency", Measure::Score, edit, value);
    }
    if let Some(value) = number(post.get("ppl")) {
        run.put("perplexity", Measure::Perplexity, edit, value);
    }
    distances(run, edit, case);
    Ok(answers(case))
}

/// Whether every token of the new target is the most probable one behind the first rewrite prompt.
pub(super) fn answers(case: &Value) -> Option<bool> {
    let post = case.get("post").unwrap_or(case);
    correct(post, "rewrite")?.first().map(|correct| *correct > 0.5)
}

/// Scores of tasks, by their names, and distances.
pub(super) fn put_tasks(run: &mut Run, edit: u64, file: &Value) -> bool {
    let mut found = false;
    for (task, scores) in file.as_object().into_iter().flatten() {
        let [correct, total] = ["correct", "total"].map(|name| number(scores.get(name)));
        if let Some((correct, total)) = correct.zip(total).filter(|(_, total)| *total > 0.0) {
            run.put(&format!("accuracy of {task}"), Measure::Score, edit, correct / total);
            found = true;
        }
    }
    distances(run, edit, file) || found
}

fn distances(run: &mut Run, edit: u64, file: &Value) -> bool {
    let Some(layers) = file.get("distance_from_original").and_then(Value::as_object) else { return false };
    for (layer, value) in layers {
        if let Some(value) = number(Some(value)) {
            run.put_distance(layer, edit, value);
        }
    }
    !layers.is_empty()
}

/// A field as it is after the edit: heirs that keep both states in `post` call it `post_…`.
fn after<'a>(post: &'a Value, field: &str) -> Option<&'a Value> {
    post.get(format!("post_{field}")).or_else(|| post.get(field))
}

/// Share of prompts behind which the wanted target has the smaller NLL; a NaN is a failure.
fn success(post: &Value, kind: &str, wants_new: bool) -> Option<f64> {
    let prompts = after(post, &format!("{kind}_prompts_probs"))?.as_array()?;
    let won = prompts.iter().map(|prompt| {
        let [new, other] = ["target_new", "target_true"].map(|name| number(prompt.get(name)));
        let (new, other) = new.zip(other)?;
        Some(f64::from(u8::from(if wants_new { new < other } else { other < new })))
    });
    let won: Option<Vec<f64>> = won.collect();
    won.filter(|won| !won.is_empty()).map(|won| mean(&won))
}

/// Of each prompt, whether the target is written out: from its own list, or beside the likelihoods.
fn correct(post: &Value, kind: &str) -> Option<Vec<f64>> {
    let own = after(post, &format!("{kind}_prompts_correct")).and_then(Value::as_array);
    let found: Option<Vec<f64>> = if let Some(list) = own {
        list.iter().map(|value| number(Some(value))).collect()
    } else {
        let prompts = after(post, &format!("{kind}_prompts_probs"))?.as_array()?;
        prompts.iter().map(|prompt| number(prompt.get("correct"))).collect()
    };
    found.filter(|found| !found.is_empty())
}

fn mean_of(value: Option<&Value>) -> Option<f64> {
    match value? {
        Value::Array(list) => {
            let numbers: Option<Vec<f64>> = list.iter().map(|value| number(Some(value))).collect();
            numbers.filter(|numbers| !numbers.is_empty()).map(|numbers| mean(&numbers))
        }
        value => number(Some(value)),
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
