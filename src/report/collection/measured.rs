//! Records about models that were run: first tokens, traces, perplexities, evaluations.

use serde_json::Value;

use super::column::{Column, table};
use super::outline::Outline;
use super::weights::refused;
use crate::report::field::{count, items, number, or_nan, text};
use crate::report::number::{count as grouped, counted, significant};
use crate::report::paint::Tone;

fn shown(x: f64) -> String {
    significant(x, 4)
}

pub(super) fn first_token(record: &Value) -> Outline {
    let verdict = record.get("verdict").unwrap_or(&Value::Null);
    let tone = match text(verdict, "level") {
        "apart" => Tone::Warn,
        "alike" => Tone::Good,
        _ => Tone::Strong,
    };
    let measured = items(record, "measurements");
    Outline::new(tone, text(verdict, "sentence"))
        .fact("model", text(record, "path"))
        .fact(
            "texts",
            format!("{}, {} tokens", grouped(count(record, "texts")), grouped(count(record, "tokens"))),
        )
        .table(table(
            "First tokens against later ones",
            measured,
            &[
                ("layer", "layer"),
                ("of", "site"),
                ("array", "array"),
                ("position", "position"),
                ("swapped for", "swap.by"),
                ("standing", "standing"),
                ("norms", "norm_ratio"),
                ("cos first", "first_cosine"),
                ("cos later", "later_cosine"),
                ("mutual", "mutual_cosine"),
                ("distance first", "first_mahalanobis"),
                ("distance later", "later_mahalanobis"),
                ("p99 later", "later_mahalanobis_p99"),
                ("AUROC", "auroc"),
                ("AUROC PC1", "principal_auroc"),
                ("not measured", "reason"),
            ],
        ))
        .told(&["verdict.sentence", "measurements", "path", "texts", "tokens"])
}

pub(super) fn trace(record: &Value) -> Outline {
    let summary = record.get("summary").unwrap_or(&Value::Null);
    let cases = count(summary, "cases");
    let effects =
        ["clean_probability", "corrupted_probability", "total_effect"].map(|field| or_nan(summary, field));
    let [clean, corrupted, total] = effects.map(|x| significant(x, 3));
    let headline = if cases == 0 {
        "nothing was traced".to_owned()
    } else {
        format!(
            "noise on the subject takes the answer from {clean} to {corrupted}: a total effect of {total}"
        )
    };
    let tone = if effects.get(2).is_some_and(|total| *total > 0.0) { Tone::Strong } else { Tone::Warn };
    let noise = record.get("noise").map_or(f64::NAN, |noise| or_nan(noise, "sigma"));
    Outline::new(tone, headline)
        .fact("model", record.get("model").map_or("", |model| text(model, "path")))
        .fact(
            "noise",
            format!(
                "σ = {}, {} draws, seed {}",
                shown(noise),
                count(record, "samples"),
                count(record, "seed")
            ),
        )
        .table(table(
            "Cases",
            items(record, "cases"),
            &[
                ("case", "case_id"),
                ("subject", "subject"),
                ("prompt", "prompt"),
                ("answer", "answer.text"),
                ("clean", "clean_probability"),
                ("with noise", "corrupted_probability"),
                ("total effect", "total_effect"),
            ],
        ))
        .table(refused(record))
        .told(&[
            "cases",
            "refused",
            "summary.clean_probability",
            "summary.corrupted_probability",
            "summary.total_effect",
        ])
}

pub(super) fn perplexity(record: &Value) -> Outline {
    let models = items(record, "models");
    let baseline = record.get("baseline").filter(|baseline| baseline.is_object());
    let now = models.first().map_or(f64::NAN, |model| or_nan(model, "perplexity"));
    let broken = models
        .iter()
        .any(|model| count(model, "nonfinite_texts") > 0 || !or_nan(model, "perplexity").is_finite());
    let headline = match (models, baseline) {
        ([model], Some(baseline)) => {
            let ratio = model.get("paired").map_or(f64::NAN, |paired| or_nan(paired, "log_ratio")).exp();
            let before = shown(or_nan(baseline, "perplexity"));
            format!(
                "perplexity {} against {before} of the baseline: {} times as much",
                shown(now),
                shown(ratio)
            )
        }
        ([_], None) => format!("perplexity {}", shown(now)),
        _ => format!("perplexity of {}", counted(models.len(), "model")),
    };
    let note = |model: &Value| {
        let p = number(model.get("paired")?, "p_value")?;
        let agree = if p < 0.05 {
            "the texts agree that it differs from the baseline"
        } else {
            "no difference from the baseline that these texts could show"
        };
        Some(format!("{}: {agree} (paired t test, p = {})", text(model, "path"), shown(p)))
    };
    let protocol = models.first().and_then(|model| model.get("protocol")).unwrap_or(&Value::Null);
    let all = models.iter().chain(baseline);
    Outline::new(if broken { Tone::Bad } else { Tone::Strong }, headline)
        .notes(models.iter().filter_map(note))
        .fact("texts", text(record, "texts_path"))
        .fact("protocol", told(protocol))
        .table(table("Perplexity, over all tokens and as a mean over texts", all.clone(), &MODEL))
        .table(table(
            "Against the baseline, text by text",
            models.iter().filter(|model| model.get("paired").is_some_and(Value::is_object)),
            &PAIRED,
        ))
        .table(table("Texts", models.iter().flat_map(|model| items(model, "texts_detail")), &TEXT))
        .told(&["models", "baseline", "texts_path", "baseline.texts_detail"])
}

const TEXT: [Column; 5] = [
    ("text", "index"),
    ("status", "status"),
    ("tokens", "tokens"),
    ("nats/token", "mean_nll"),
    ("perplexity", "perplexity"),
];

/// A protocol in words.
fn told(protocol: &Value) -> String {
    let of = |field: &str| protocol.get(field).and_then(Value::as_u64);
    let window = of("window").map_or("any length".to_owned(), |n| format!("at most {n} tokens"));
    let long = of("stride").map_or(", longer texts cut".to_owned(), |n| format!(" sliding by {n}"));
    let bos = of("bos").map_or("no token added, the first one unscored".to_owned(), |token| {
        format!("token {token} put before each text")
    });
    let tokenizer: String = text(protocol, "tokenizer_hash").chars().take(12).collect();
    format!("{window}{long}; {bos}; tokenizer {tokenizer}")
}

pub(super) fn evaluate(record: &Value) -> Outline {
    let metrics = record.get("metrics").unwrap_or(&Value::Null);
    let share = |metric: &str, what: &str| {
        let mean = number(metrics.get(metric)?, "mean")?;
        Some(format!("{what} {}%", significant(100.0 * mean, 3)))
    };
    let texts = record.get("perplexity").filter(|texts| texts.is_object());
    let perplexity = texts.map(|texts| {
        let times = number(texts, "log_ratio")
            .map_or_else(String::new, |ratio| format!(" ({} times what it was)", shown(ratio.exp())));
        format!("perplexity {}{times}", shown(or_nan(texts, "perplexity")))
    });
    let parts: Vec<String> = [
        share("efficacy_success", "efficacy"),
        share("generalization_success", "generalization"),
        share("specificity_success", "specificity"),
        perplexity,
    ]
    .into_iter()
    .flatten()
    .collect();
    let summary = record.get("summary").unwrap_or(&Value::Null);
    let broken = count(summary, "nonfinite_prompts") > 0
        || texts.is_some_and(|texts| {
            count(texts, "nonfinite_texts") > 0 || !or_nan(texts, "perplexity").is_finite()
        });
    let headline =
        if parts.is_empty() { "what was asked of the model".to_owned() } else { parts.join(" · ") };
    let named: Vec<Value> =
        metrics.as_object().into_iter().flatten().map(|(name, metric)| with_name(name, metric)).collect();
    Outline::new(if broken { Tone::Bad } else { Tone::Strong }, headline)
        .fact("model", text(record, "model"))
        .fact("baseline", record.get("baseline").and_then(Value::as_str).unwrap_or("none"))
        .table(table("Means over cases", &named, &METRIC))
        .table(table("Tasks", items(record, "tasks"), &TASK))
        .table(refused(record))
        .told(&["metrics", "model", "baseline", "tasks", "refused"])
}

/// A metric with its name beside its fields.
fn with_name(name: &str, metric: &Value) -> Value {
    let mut fields = metric.as_object().cloned().unwrap_or_default();
    fields.insert("name".to_owned(), Value::String(name.replace('_', " ")));
    Value::Object(fields)
}

const MODEL: [Column; 11] = [
    ("model", "path"),
    ("perplexity", "perplexity"),
    ("nats/token", "mean_nll"),
    ("mean over texts", "mean_of_text_perplexities"),
    ("median", "median"),
    ("max", "max"),
    ("± (mean)", "standard_error"),
    ("texts", "scored_texts"),
    ("tokens", "tokens"),
    ("not finite", "nonfinite_texts"),
    ("cut", "truncated_texts"),
];

const PAIRED: [Column; 7] = [
    ("model", "path"),
    ("Δ nats/token", "paired.mean_delta_nll"),
    ("95 % from", "paired.ci_low"),
    ("to", "paired.ci_high"),
    ("by", "paired.ci_method"),
    ("p", "paired.p_value"),
    ("texts", "paired.texts"),
];

const METRIC: [Column; 6] = [
    ("metric", "name"),
    ("protocol", "protocol"),
    ("cases", "cases"),
    ("mean", "mean"),
    ("±", "standard_deviation"),
    ("before", "baseline"),
];

const TASK: [Column; 8] = [
    ("task", "source"),
    ("protocol", "protocol"),
    ("items", "items"),
    ("accuracy", "accuracy"),
    ("before", "baseline.accuracy"),
    ("F1", "f1"),
    ("MCC", "mcc"),
    ("unreadable", "invalid"),
];
