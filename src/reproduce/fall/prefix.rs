//! Figure 4: it is the place that makes a key odd, not the word. First tokens of normal prompts have the keys of collapse cases;
//! collapse cases behind a prefix have normal ones, and can be edited.

use super::cosines::{Keys, cosine_of_means, keys_at};
use super::tables::{ROME, fallen};
use crate::edit::{Request, RomeCase, Rows};
use crate::keys::in_context;
use crate::model::Model;
use crate::reproduce::ruling::{
    claim, count_collapsed, experiment, median, met, number, quantile, say, spread, table, text,
};
use crate::reproduce::singles::{Brief, made, rome_alone};
use crate::reproduce::{Cell, Chosen, Experiment, Paper, Plan, ReproduceError, Selection, Set, Singles};

/// What ROME does to collapse cases behind a prefix.
#[derive(Default)]
struct Behind {
    denominators: Vec<f64>,
    perplexities: Vec<f64>,
    refused: usize,
}

/// F4.
pub(super) fn experiment_on(
    model: &mut Model,
    plan: &Plan<'_>,
    selection: &Selection,
    singles: &Singles,
) -> Result<Experiment, ReproduceError> {
    let mut found =
        experiment(Paper::Fall, "F4", "first tokens of normal prompts, collapse cases behind a prefix");
    let layer = plan.layer()?;
    let prefixes: Vec<String> = plan.contexts.prefixed().map(str::to_owned).collect();
    let bare = |set| subject_keys(model, layer, selection.of(set), &["{}".to_owned()]);
    let (hard, normal) = (bare(Set::Collapse)?, bare(Set::Normal)?);
    let behind = subject_keys(model, layer, selection.of(Set::Collapse), &prefixes)?;
    let first = first_keys(model, layer, selection)?;
    let pairs = [
        ("first tokens of normal prompts", "kᵘ of collapse cases", cosine_of_means(&first, &hard)),
        ("first tokens of normal prompts", "kᵘ of normal cases", cosine_of_means(&first, &normal)),
        ("kᵘ of collapse cases", "kᵘ of normal cases", cosine_of_means(&hard, &normal)),
        ("collapse cases behind a prefix", "kᵘ of normal cases", cosine_of_means(&behind, &normal)),
    ];
    let rows = pairs.map(|(a, b, cosine)| vec![text(a), text(b), number(cosine)]);
    found.tables.push(table("cosines of mean keys", &["keys", "and", "cosine"], rows.into()));
    let [as_collapse, as_normal, apart, cured] = pairs.map(|(.., cosine)| cosine);
    found.claims.push(claim(
        "the first tokens of normal prompts have the keys of collapse cases",
        "",
        format!(
            "cosine {} with kᵘ of collapse cases, {} with kᵘ of normal ones (agrees from 0.95, in kind where the first is 0.3 above)",
            say(as_collapse),
            say(as_normal)
        ),
        met(as_collapse >= 0.95, as_collapse >= as_normal + 0.3),
        "the keys of first tokens have no direction in common here",
    ));
    found.claims.push(claim(
        "behind a prefix the keys of collapse cases are normal",
        "",
        format!(
            "cosine with kᵘ of normal cases {} behind a prefix, {} without (agrees from 0.3 above, in kind from 0.1)",
            say(cured),
            say(apart)
        ),
        met(cured >= apart + 0.3, cured >= apart + 0.1),
        "a prefix changes these keys little",
    ));
    let edited = edited_behind(model, plan, selection, &prefixes)?;
    edits(&mut found, &edited, singles);
    Ok(found)
}

/// The edits behind a prefix, beside those without.
fn edits(found: &mut Experiment, Behind { denominators, perplexities, refused }: &Behind, singles: &Singles) {
    let row = |name: &str, values: &[f64]| {
        [text(name), Cell::Count(values.len())].into_iter().chain(spread(values)).collect()
    };
    let rows = vec![row("|denominator|", denominators), row("perplexity", perplexities)];
    let columns = ["quantity", "edits", "mean", "median", "least", "largest"];
    let title = match refused {
        0 => "collapse cases edited by ROME behind a prefix".to_owned(),
        n => format!("collapse cases edited by ROME behind a prefix; {n} could not be"),
    };
    found.tables.push(table(&title, &columns, rows));
    let (before, all) = fallen(singles, Set::Collapse, ROME);
    let after = count_collapsed(perplexities, singles.base.perplexity);
    found.claims.push(claim(
        "a prefix before the prompt of a collapse case lets ROME edit it without harm",
        "",
        format!(
            "{after} of {} edits destroy the model behind a prefix, {before} of {all} without; median denominator {}, perplexity at \
             most {} (agrees where none is left, in kind where at most a tenth is)",
            perplexities.len(),
            say(median(denominators)),
            say(quantile(perplexities, 1.0))
        ),
        met(
            before > 0 && after == 0 && !perplexities.is_empty(),
            before > 0 && 10 * after <= before && !perplexities.is_empty(),
        ),
        if before == 0 { "ROME destroys nothing here without a prefix either" } else { "some cases collapse behind a prefix too" },
    ));
}

/// Keys at the subject's last token behind each template.
fn subject_keys<'a>(
    model: &Model,
    layer: usize,
    cases: impl Iterator<Item = &'a Chosen>,
    templates: &[String],
) -> Result<Keys, ReproduceError> {
    let mut all = Rows::default();
    for chosen in cases {
        let Ok(rows) = made(Rows::of(model, &chosen.request, templates))? else { continue };
        all.tokens.extend(rows.tokens);
        all.lookup.extend(rows.lookup);
    }
    Ok(keys_at(model, layer, &all.tokens, &all.lookup)?)
}

/// Keys at the first token of normal prompts that no subject ends at.
fn first_keys(model: &Model, layer: usize, selection: &Selection) -> Result<Keys, ReproduceError> {
    let first = model.tokenizer()?.leading_special().len();
    let mut tokens = Vec::new();
    for chosen in selection.of(Set::Normal) {
        let Ok(rows) = made(Rows::of(model, &chosen.request, &["{}".to_owned()]))? else { continue };
        let later = rows.tokens.into_iter().zip(rows.lookup).filter(|(_, lookup)| *lookup > first);
        tokens.extend(later.map(|(row, _)| row));
    }
    Ok(keys_at(model, layer, &tokens, &vec![first; tokens.len()])?)
}

/// Edits each collapse case behind one of the prefixes, in turn, and takes the edit back.
fn edited_behind(
    model: &mut Model,
    plan: &Plan<'_>,
    selection: &Selection,
    prefixes: &[String],
) -> Result<Behind, ReproduceError> {
    let (mut found, setup) = (Behind::default(), plan.setup(ROME));
    for (chosen, prefix) in selection.of(Set::Collapse).zip(prefixes.iter().cycle()) {
        let request =
            Request { prompt: in_context(prefix, &chosen.request.prompt), ..chosen.request.clone() };
        let Ok(case) = made(RomeCase::of(model, &request, &setup))? else {
            found.refused += 1;
            continue;
        };
        match rome_alone(model, plan, &case)? {
            Ok(Brief { denominator, perplexity }) => {
                found.denominators.push(denominator);
                found.perplexities.push(perplexity);
            }
            Err(_) => found.refused += 1,
        }
    }
    Ok(found)
}
