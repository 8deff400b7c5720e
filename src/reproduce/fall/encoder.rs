//! Figure 5: in an encoder the first token sees all others, and its key should be like theirs.

use crate::compute::CPU;
use crate::keys::first_token::{FirstTokenPlan, Measurement, Separation, measure};
use crate::model::{Model, Site};
use crate::reproduce::ruling::{claim, experiment, met, not_run, say, table, text};
use crate::reproduce::{Cell, Experiment, Paper, Plan};

const ID: &str = "F5";
const TITLE: &str = "first tokens against later ones in an encoder";

/// F5.
fn measured(model: &Model, plan: &Plan<'_>, encoder: &Model) -> Result<Experiment, String> {
    if encoder.config().causal {
        return Err(format!("{} is no encoder: its tokens look back only", encoder.path().display()));
    }
    let layer = plan.layer().map_err(|error| error.to_string())?;
    let causal = keys_of(model, plan, vec![layer])?;
    let control = keys_of(encoder, plan, Vec::new())?;
    let mut found = experiment(Paper::Fall, ID, TITLE);
    let row = |name: &str, (layer, found): &(usize, Separation)| {
        let Separation { norm_ratio, mutual_cosine, mahalanobis, .. } = found;
        let numbers =
            [*norm_ratio, mahalanobis.first_mean, mahalanobis.later_mean, mahalanobis.auroc, *mutual_cosine];
        let head = [text(name), Cell::Count(*layer)];
        head.into_iter().chain(numbers.map(Cell::Number)).collect()
    };
    let rows = causal.iter().map(|found| row("the model", found));
    let rows = rows.chain(control.iter().map(|found| row("the encoder", found))).collect();
    let columns = [
        "of",
        "layer",
        "norm ratio",
        "distance of first keys",
        "of later keys",
        "AUROC",
        "mutual cosine of first keys",
    ];
    found.tables.push(table("distances are Mahalanobis ones in the later keys' covariance", &columns, rows));
    let farthest = |found: &[(usize, Separation)]| {
        let ratio = |of: &(usize, Separation)| of.1.mahalanobis.first_mean / of.1.mahalanobis.later_mean;
        found.iter().map(ratio).fold(f64::NAN, f64::max)
    };
    let (causal, control) = (farthest(&causal), farthest(&control));
    found.claims.push(claim(
        "in an encoder the key of the first token is like all others",
        "",
        format!(
            "first keys lie {} times as far out as later ones in the encoder, {} times in the edited layer (agrees up to 2 where \
             the model has twice that, in kind up to half of the model's)",
            say(control),
            say(causal)
        ),
        met(control <= 2.0 && causal >= 2.0 * control, control <= 0.5 * causal),
        "the encoder's first keys stand apart as well, or the model's do not",
    ));
    Ok(found)
}

/// The same, or why it was not run.
pub(super) fn experiment_on(model: &Model, plan: &Plan<'_>, encoder: Option<&Model>) -> Experiment {
    let outcome = encoder
        .ok_or_else(|| "it needs an encoder: --encoder DIR, such as the encoder of T5 or a BERT".to_owned())
        .and_then(|encoder| measured(model, plan, encoder));
    outcome.unwrap_or_else(|why| not_run(Paper::Fall, ID, TITLE, why))
}

/// The first text token's keys against later ones, layer by layer.
fn keys_of(model: &Model, plan: &Plan<'_>, layers: Vec<usize>) -> Result<Vec<(usize, Separation)>, String> {
    let asked = FirstTokenPlan { layers, ..FirstTokenPlan::default() };
    let outcome = measure(model, plan.texts, &asked, &CPU, |_, _| {}).map_err(|error| error.to_string())?;
    let first = |m: &Measurement| m.site == Some(Site::Key) && m.position == outcome.leading_special;
    let of_layer = |m: &Measurement| Some((m.layer?, m.found.as_ref().ok()?.clone()));
    let found: Vec<_> = outcome.measurements.iter().filter(|m| first(m)).filter_map(of_layer).collect();
    if found.is_empty() {
        return Err(format!(
            "the first tokens of {} could not be measured on these texts",
            model.path().display()
        ));
    }
    Ok(found)
}
