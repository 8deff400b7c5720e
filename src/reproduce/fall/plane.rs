//! Figures 2 and 3: where the keys lie, in the plane and in numbers.

use ndarray::{Array2, ArrayView1};

use super::cosines::{Keys, cosine_between, cosine_within, directions, share_between};
use crate::keys;
use crate::reproduce::ruling::{claim, experiment, met, number, picture, say, series, table, text};
use crate::reproduce::{
    Cell, Claim, Experiment, Figure, Mark, Paper, Plan, ReproduceError, Selection, Set, Singles,
};

/// A group of keys with its name.
type Group = (String, Keys);

/// F2 and F3.
pub(super) fn experiments(
    plan: &Plan<'_>,
    selection: &Selection,
    singles: &Singles,
) -> Result<[Experiment; 2], ReproduceError> {
    let layer = plan.layer()?;
    let adjustment = plan.moments.get(&layer).ok_or(ReproduceError::NoMoment { layer })?;
    let of = |set: Set, key: fn(&keys::KeyMeans) -> &Vec<f64>| -> Keys {
        let cases = selection.chosen.iter().zip(&singles.rome).filter(|(chosen, _)| chosen.set == set);
        cases.filter_map(|(_, case)| Some(key(&case.as_ref()?.keys).clone())).collect()
    };
    let unprefixed = Set::ALL.map(|set| of(set, |keys| &keys.unprefixed));
    let means = Set::ALL.map(|set| of(set, |keys| &keys.mean));
    let mut adjusted = [Keys::new(), Keys::new()];
    for (slot, keys) in adjusted.iter_mut().zip(&means) {
        let finite: Keys = keys.iter().filter(|key| key.iter().all(|x| x.is_finite())).cloned().collect();
        let Some(length) = finite.first().map(Vec::len) else { continue };
        let mut columns = Array2::zeros((length, finite.len()));
        for (mut column, key) in columns.columns_mut().into_iter().zip(&finite) {
            column.assign(&ArrayView1::from(key));
        }
        let solved = adjustment.adjust(&columns).map_err(keys::ScanError::from)?;
        *slot = solved.keys.columns().into_iter().map(|column| column.to_vec()).collect();
    }
    Ok([elements(&adjusted, &unprefixed), cases(&means, &unprefixed)])
}

/// The four groups of two kinds of keys.
fn groups(first: (&str, &[Keys; 2]), second: (&str, &[Keys; 2])) -> Vec<Group> {
    let named = |(kind, keys): (&str, &[Keys; 2])| {
        let each = Set::ALL.into_iter().zip(keys.clone());
        each.map(|(set, keys)| (format!("{kind}, {}", set.name()), keys)).collect::<Vec<_>>()
    };
    [named(first), named(second)].concat()
}

/// F2.
fn elements(adjusted: &[Keys; 2], unprefixed: &[Keys; 2]) -> Experiment {
    let mut found = experiment(Paper::Fall, "F2", "the two elements of the denominator, C⁻¹k̄ and kᵘ");
    fill(&mut found, groups(("C⁻¹k̄", adjusted), ("kᵘ", unprefixed)), "elements of the denominator");
    let [left, right] = [adjusted, unprefixed].map(|[collapse, normal]| share_between(collapse, normal));
    found.claims.push(apart(
        "C⁻¹k̄ of collapse and normal cases lie together, kᵘ of collapse cases lies apart",
        [left, right],
        cosine_within(&unprefixed[0]),
        ["C⁻¹k̄", "kᵘ"],
    ));
    found
}

/// F3.
fn cases(means: &[Keys; 2], unprefixed: &[Keys; 2]) -> Experiment {
    let mut found = experiment(Paper::Fall, "F3", "prefixed and unprefixed keys of both sets");
    fill(&mut found, groups(("k̄", means), ("kᵘ", unprefixed)), "prefixed and unprefixed keys");
    let [left, right] = [means, unprefixed].map(|[collapse, normal]| share_between(collapse, normal));
    found.claims.push(apart(
        "prefixed keys of both sets lie together, the unprefixed ones of collapse cases lie apart and in one place",
        [left, right],
        cosine_within(&unprefixed[0]),
        ["k̄", "kᵘ"],
    ));
    found
}

/// Shares of the variance between the sets, of what lies together and of what lies apart, and mean cosine within what lies apart.
fn apart(
    statement: &'static str,
    [together, apart]: [f64; 2],
    within: f64,
    [first, second]: [&str; 2],
) -> Claim {
    claim(
        statement,
        "",
        format!(
            "the set explains {} of the variance of {first} and {} of that of {second}; mean cosine {} among kᵘ of collapse cases \
             (agrees where the second is 0.4 or more and three times the first, and the cosine at least 0.95; in kind from twice and 0.8)",
            say(together),
            say(apart),
            say(within)
        ),
        met(
            apart >= 0.4 && apart >= 3.0 * together && within >= 0.95,
            apart >= 2.0 * together && within >= 0.8,
        ),
        "keys of the collapse set are no group of their own here",
    )
}

/// The table of cosines and the picture.
fn fill(found: &mut Experiment, groups: Vec<Group>, caption: &str) {
    let names: Vec<&str> = groups.iter().map(|(name, _)| name.as_str()).collect();
    let columns: Vec<&str> = ["group", "keys"].into_iter().chain(names.iter().copied()).collect();
    let row = |(at, (name, keys)): (usize, &Group)| {
        let cosines = groups.iter().enumerate().map(|(other, (_, others))| {
            number(if at == other { cosine_within(keys) } else { cosine_between(keys, others) })
        });
        [text(name.as_str()), Cell::Count(keys.len())].into_iter().chain(cosines).collect()
    };
    let rows = groups.iter().enumerate().map(row).collect();
    found.tables.push(table("mean cosines of different keys", &columns, rows));
    found.figures.extend(drawn(groups, caption));
}

/// Directions along their first two principal components; nothing where there are too few.
fn drawn(groups: Vec<Group>, caption: &str) -> Option<Figure> {
    let groups: Vec<Group> = groups.into_iter().map(|(name, keys)| (name, directions(&keys))).collect();
    let all: Keys = groups.iter().flat_map(|(_, keys)| keys.clone()).collect();
    let keys::Plane { points, explained } = keys::plane(&all).ok()?;
    let mut points = points.into_iter();
    let series = groups
        .into_iter()
        .map(|(name, keys)| series(name, Mark::Points, points.by_ref().take(keys.len()).collect()));
    let [x, y] = explained.map(|share| format!("{:.0} % of the variance", 100.0 * share));
    let caption = format!("{caption}, each over its norm: principal components");
    let axes = [(format!("first, {x}"), false), (format!("second, {y}"), false)];
    let axes = [(axes[0].0.as_str(), false), (axes[1].0.as_str(), false)];
    Some(picture("", caption, axes, series.collect()))
}
