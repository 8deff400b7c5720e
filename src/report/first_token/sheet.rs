//! The report for people: the verdict, then keys, values and block outputs layer by layer.

use super::{FirstTokenReport, site_name};
use crate::keys::first_token::{AttentionMass, FirstToken, Massive, Measurement, Profile, Standing, Swap};
use crate::report::number::{count, counted, significant};
use crate::report::paint::Tone;
use crate::report::sheet::{Grid, Sheet};

/// Later tokens for each dimension below which a covariance fits its own tokens too well.
const STEADY: usize = 4;

pub(super) fn sheet(report: &FirstTokenReport<'_>) -> Sheet {
    let found = report.found;
    Sheet {
        command: "first-token",
        tone: match found.verdict.standing {
            Standing::Apart => Tone::Warn,
            Standing::Separable | Standing::Unknown => Tone::Strong,
            Standing::Alike => Tone::Good,
        },
        headline: found.verdict.sentence.clone(),
        notes: notes(report),
        facts: facts(found),
        grids: vec![
            separations(found),
            swaps(found),
            extremes(&found.massive),
            profiles(&found.profiles),
            attention(&found.attention),
        ],
    }
}

fn notes(report: &FirstTokenReport<'_>) -> Vec<String> {
    let found = report.found;
    let mut notes = Vec::new();
    for (n, what) in [
        (report.bad_records, "that could not be used"),
        (found.short_texts, "too short to have a first and a later token, left out"),
        (found.truncated_texts, "cut to the model's context"),
    ] {
        if n > 0 {
            notes.push(format!("{} {what}", counted(n, "text")));
        }
    }
    let few =
        |m: &Measurement| m.found.as_ref().is_ok_and(|found| found.later_tokens < STEADY * found.dimension);
    if found.measurements.iter().any(few) {
        notes.push(format!(
            "fewer than {STEADY} later tokens a dimension: their covariance fits them too well and distances of first \
             tokens come out too large; give more texts"
        ));
    }
    for m in &found.measurements {
        if let Err(reason) = &m.found {
            let place = m.layer.map_or_else(|| place(m), |layer| format!("layer {layer}"));
            notes.push(format!("{place}, {}: not measured, {reason}", site(m)));
        }
    }
    notes
}

fn facts(found: &FirstToken) -> Vec<(&'static str, String)> {
    let special = match found.leading_special {
        0 => "none before the text".to_owned(),
        n => format!("{n} before the text, measured apart"),
    };
    let texts = format!("{}, {} tokens", counted(found.texts, "text"), count(found.tokens as u64));
    let mut facts = vec![("measured", format!("{} on {texts}", found.path.display()))];
    if found.tokenizer_sha256.is_some() {
        facts.push(("special", special));
    }
    facts
}

fn shown(x: f64) -> String {
    significant(x, 3)
}

fn place(m: &Measurement) -> String {
    m.layer.map_or_else(|| m.array.clone().unwrap_or_default(), |layer| layer.to_string())
}

fn site(m: &Measurement) -> String {
    let name = m.site.map_or("vector", site_name);
    if m.special { format!("{name} of the special token") } else { name.to_owned() }
}

fn row(m: &Measurement, labels: Vec<String>) -> Option<Vec<String>> {
    let found = m.found.as_ref().ok()?;
    let distances = [found.mahalanobis.first_mean, found.mahalanobis.later_mean, found.mahalanobis.later_p99];
    let numbers = [found.norm_ratio, found.first_cosine, found.later_cosine, found.mutual_cosine];
    let ends = [found.mahalanobis.auroc, found.principal.auroc];
    Some(labels.into_iter().chain(numbers.into_iter().chain(distances).chain(ends).map(shown)).collect())
}

const NUMBERS: [&str; 9] =
    ["norms", "cos 1st", "later", "mutual", "dist 1st", "later", "p99", "AUROC", "PC1"];

fn separations(found: &FirstToken) -> Grid {
    // The second position is there to be compared with what a swap does to it.
    let plain = |m: &&Measurement| m.swap.is_none() && m.position <= found.leading_special;
    let rows = found.measurements.iter().filter(plain);
    Grid {
        title: "First token over later ones: norms, cosines to means, Mahalanobis distances, AUROC of distance and of PC1".to_owned(),
        headers: ["layer", "of"].into_iter().chain(NUMBERS).collect(),
        text_columns: 2,
        rows: rows.filter_map(|m| row(m, vec![place(m), site(m)])).collect(),
    }
}

fn swaps(found: &FirstToken) -> Grid {
    let swapped: Vec<Swap> = found.measurements.iter().filter_map(|m| m.swap).collect();
    let concerned = |m: &&Measurement| {
        !swapped.is_empty() && !m.special && m.site.is_some_and(|site| site_name(site) == "key")
    };
    let label = |m: &Measurement| {
        let swap = m.swap.map_or("its own".to_owned(), |swap| format!("that of {}", swap.by));
        vec![place(m), m.position.to_string(), swap]
    };
    let mut rows: Vec<&Measurement> = found.measurements.iter().filter(concerned).collect();
    rows.sort_by_key(|m| (m.layer, m.position, m.swap.is_some()));
    Grid {
        title: "Keys with position embeddings swapped".to_owned(),
        headers: ["layer", "position", "embedding"].into_iter().chain(NUMBERS).collect(),
        text_columns: 3,
        rows: rows.into_iter().filter_map(|m| row(m, label(m))).collect(),
    }
}

fn extremes(massive: &[Massive]) -> Grid {
    let row = |m: &Massive| {
        let dimensions: Vec<String> = m.dimensions.iter().map(ToString::to_string).collect();
        let says = if m.massive { "massive" } else { "" };
        let numbers = [m.median, m.first_max, m.later_max, m.first_ratio, m.later_ratio].map(shown);
        [m.layer.to_string(), dimensions.join(" "), says.to_owned()].into_iter().chain(numbers).collect()
    };
    Grid {
        title: "Largest entries of block outputs".to_owned(),
        headers: vec!["layer", "dimensions", "", "median", "first", "later", "first/median", "later/median"],
        text_columns: 3,
        rows: massive.iter().map(row).collect(),
    }
}

fn profiles(profiles: &[Profile]) -> Grid {
    const POSITIONS: [&str; 8] = ["0", "1", "2", "3", "4", "5", "6", "7"];
    let shown_positions = profiles.iter().map(|profile| profile.positions.len()).max().unwrap_or(0);
    let row = |profile: &Profile| {
        let norms = profile.positions.iter().map(|found| shown(found.mean_norm));
        std::iter::once(profile.layer.to_string()).chain(norms).collect()
    };
    Grid {
        title: "Mean norm of block outputs by position".to_owned(),
        headers: std::iter::once("layer").chain(POSITIONS).take(1 + shown_positions).collect(),
        text_columns: 1,
        rows: profiles.iter().map(row).collect(),
    }
}

fn attention(attention: &[AttentionMass]) -> Grid {
    let row = |a: &AttentionMass| {
        vec![a.layer.to_string(), shown(a.mean), a.head.to_string(), shown(a.head_mean), shown(a.uniform)]
    };
    Grid {
        title: "Attention of later tokens to position 0".to_owned(),
        headers: vec!["layer", "mean", "strongest head", "it pays", "evenly spread"],
        text_columns: 1,
        rows: attention.iter().map(row).collect(),
    }
}
