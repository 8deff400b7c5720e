//! The Butterfly Effect, Figure 4: edits one after another, of cases whose keys foretell a collapse and of those that do not.

use super::ruling::{
    COLLAPSED, claim, collapsed, experiment, met, picture, quantile, say, series, table, text,
};
use super::streams::{Followed, Stream, find};
use super::{Cell, Claim, Experiment, Mark, Paper, Set, Table};
use crate::edit::{KeyChoice, Method};

/// The factor of perplexity up to which a model counts as unharmed.
const UNHARMED: f64 = 2.0;

/// The methods whose streams are compared.
pub(super) const METHODS: [Method; 3] =
    [Method::Rome(KeyChoice::Rome), Method::Rome(KeyChoice::CRome), Method::Memit];
/// Those among them that the paper has.
const PUBLISHED: [Method; 2] = [Method::Rome(KeyChoice::Rome), Method::Memit];

const COLLAPSE: Stream = Stream::Of(Set::Collapse);
const NORMAL: Stream = Stream::Of(Set::Normal);

/// The figure from what was followed.
pub(super) fn figure_4(followed: &[Followed]) -> Experiment {
    let own: Vec<&Followed> = followed.iter().filter(|followed| METHODS.contains(&followed.method)).collect();
    let mut found = experiment(Paper::Butterfly, "F4", "perplexity along sequences of edits");
    found.tables.push(numbers(&own));
    let drawn = |name, caption: &str, streams: &[Stream]| {
        let own = own.iter().filter(|followed| streams.contains(&followed.stream));
        let lines = own.map(|followed| {
            let points = followed.points.iter().map(|point| (point.edits as f64, point.perplexity));
            series(followed.name(), Mark::Line, points.collect())
        });
        picture(name, caption.to_owned(), [("edits", false), ("perplexity", true)], lines.collect())
    };
    found.figures = vec![
        drawn("", "perplexity along sequences of collapse and of normal cases", &[COLLAPSE, NORMAL]),
        drawn("mixed", "perplexity with one collapse case among normal ones", &[Stream::Mixed]),
    ];
    found.claims = [collapse_breaks(followed), normal_does_not(followed), one_is_enough(followed)]
        .into_iter()
        .flatten()
        .collect();
    found
}

fn numbers(own: &[&Followed]) -> Table {
    let rows = own.iter().flat_map(|followed| {
        followed.points.iter().map(|point| {
            vec![
                text(followed.stream.name()),
                text(followed.method.name()),
                Cell::Count(point.edits),
                text(point.set.name()),
                text(if point.made { "" } else { "not made" }),
                Cell::Number(point.perplexity),
                Cell::Number(point.perplexity / followed.base),
                Cell::Number(point.distance),
            ]
        })
    });
    let columns =
        ["stream", "method", "edits", "case of", "edit", "perplexity", "over the base", "|Δ| normalised"];
    table("", &columns, rows.collect())
}

/// What streams came to, in words and as factors; nothing where a method has no such stream.
fn ends(followed: &[Followed], stream: Stream, methods: &[Method]) -> Option<(String, Vec<f64>)> {
    let own: Vec<&Followed> =
        methods.iter().map(|method| find(followed, stream, *method)).collect::<Option<_>>()?;
    let words = own
        .iter()
        .map(|followed| format!("{} times with {}", say(followed.growth()), followed.method.name()));
    let words = words.collect::<Vec<_>>().join(", ");
    let edits = own.first().map_or(0, |followed| followed.points.len());
    Some((
        format!("after {edits} {} cases the perplexity is {words}", stream.name()),
        own.iter().map(|followed| followed.growth()).collect(),
    ))
}

fn collapse_breaks(followed: &[Followed]) -> Option<Claim> {
    let (found, _) = ends(followed, COLLAPSE, &METHODS)?;
    let (_, published) = ends(followed, COLLAPSE, &PUBLISHED)?;
    let broken = published.iter().filter(|growth| collapsed(**growth, 1.0)).count();
    let of = PUBLISHED.len();
    Some(claim(
        "collapse cases, edited one after another, break a model with nearly every method",
        "107 edits of each stream; shown in a figure",
        format!("{found} (agrees where ROME and MEMIT both reach {COLLAPSED} times, in kind where one does)"),
        met(broken == of, broken > 0),
        "neither does over so few edits",
    ))
}

fn normal_does_not(followed: &[Followed]) -> Option<Claim> {
    let (found, growth) = ends(followed, NORMAL, &PUBLISHED)?;
    let why = format!(
        "it grows with every edit and not in one, the largest factor of a single edit being {}",
        say(largest_factor(followed))
    );
    Some(claim(
        "as many normal cases break it neither with ROME nor with MEMIT",
        "107 edits of each stream; shown in a figure",
        format!("{found} (agrees below {UNHARMED} times, in kind below {COLLAPSED})"),
        met(
            growth.iter().all(|growth| *growth < UNHARMED),
            !growth.iter().any(|growth| collapsed(*growth, 1.0)),
        ),
        why,
    ))
}

/// The largest factor of perplexity in one edit of the normal streams.
fn largest_factor(followed: &[Followed]) -> f64 {
    let own = PUBLISHED.iter().filter_map(|method| find(followed, NORMAL, *method));
    quantile(&own.flat_map(Followed::factors).collect::<Vec<_>>(), 1.0)
}

fn one_is_enough(followed: &[Followed]) -> Option<Claim> {
    let rome = find(followed, Stream::Mixed, METHODS[0])?;
    let cured = find(followed, Stream::Mixed, METHODS[1])?;
    let at = rome.points.iter().position(|point| point.set == Set::Collapse)?;
    let (jump, end) = (*rome.factors().get(at)?, rome.growth());
    let behind = rome.points.len() - at - 1;
    let (edit, of_cured) = (at + 1, cured.factors().get(at).copied().unwrap_or(f64::NAN));
    Some(claim(
        "one collapse case among normal ones is enough with ROME, and later edits do not mend it",
        "",
        format!(
            "edit {edit} multiplies the perplexity by {}, and {behind} more normal edits leave it at {} times the base; with C-ROME \
             the same edit multiplies it by {} (agrees where both of the first reach {COLLAPSED}, in kind where both pass {UNHARMED})",
            say(jump),
            say(end),
            say(of_cured)
        ),
        met(collapsed(jump, 1.0) && collapsed(end, 1.0), jump > UNHARMED && end > UNHARMED),
        "the case does not break this model",
    ))
}
