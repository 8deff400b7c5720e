//! The angles of rotary positions, in both spellings of `config.json` and with the scalings that stretch a context.
//!
//! Formulas as in transformers' `modeling_rope_utils.py`, in f32 where that is in f32: the angles are part of what a model
//! was trained with.

use crate::model::ModelError;
use crate::model::ops::Frequencies;
use crate::model::settings::Settings;

/// Reads the angles for heads of which `numbers` numbers are turned, in a model of that context.
///
/// The newer spelling is one object, `rope_parameters`; the older one is `rope_scaling` with `rope_theta` (or the key
/// `base`) beside it.
pub(super) fn frequencies(
    settings: &Settings,
    numbers: usize,
    context: usize,
    base: &'static str,
) -> Result<Frequencies, ModelError> {
    let newer = settings.maybe_object("rope_parameters")?;
    let older = settings.maybe_object("rope_scaling")?;
    let theta = match &newer {
        Some(newer) => newer.maybe_number("rope_theta")?,
        None => None,
    };
    let theta = match theta {
        Some(theta) => theta,
        None => settings.maybe_number("rope_theta")?.or(settings.maybe_number(base)?).unwrap_or(10_000.0),
    };
    let plain: Vec<f32> = (0..numbers / 2).map(|pair| plain_angle(theta, pair, numbers)).collect();
    let Some(scaling) = newer.or(older) else { return Ok(Frequencies { angles: plain, length: 1.0 }) };
    let kind =
        scaling.maybe_text("rope_type")?.or(scaling.maybe_text("type")?).unwrap_or("default").to_owned();
    match kind.as_str() {
        // The dynamic scaling stretches rows that are longer than the context, and none of those is run.
        "default" | "dynamic" => Ok(Frequencies { angles: plain, length: 1.0 }),
        "linear" => {
            let factor = narrow(scaling.number("factor")?);
            Ok(Frequencies { angles: plain.iter().map(|angle| angle / factor).collect(), length: 1.0 })
        }
        "llama3" => llama3(&scaling, &plain, context),
        "yarn" => yarn(&scaling, &plain, theta, context),
        other => Err(scaling.refused("rope_type", other, "one of default, linear, dynamic, llama3, yarn")),
    }
}

/// `θ^(−2i/n)`.
fn plain_angle(theta: f64, pair: usize, numbers: usize) -> f32 {
    1.0 / narrow(theta).powf(2.0 * pair as f32 / numbers as f32)
}

/// Slow pairs are slowed down by a factor, fast ones are left alone, and those between are blended.
fn llama3(scaling: &Settings, plain: &[f32], context: usize) -> Result<Frequencies, ModelError> {
    let factor = scaling.number("factor")?;
    let (low, high) = (scaling.number("low_freq_factor")?, scaling.number("high_freq_factor")?);
    let original = scaling.maybe_extent("original_max_position_embeddings")?.unwrap_or(context) as f64;
    let angles = plain.iter().map(|angle| {
        let angle = f64::from(*angle);
        let turns = original * angle / (2.0 * std::f64::consts::PI);
        let share = ((turns - low) / (high - low)).clamp(0.0, 1.0);
        narrow((1.0 - share) * angle / factor + share * angle)
    });
    Ok(Frequencies { angles: angles.collect(), length: 1.0 })
}

/// `YaRN` (Peng et al. 2023): a ramp over the pairs between the slow ones, which are slowed down, and the fast ones.
fn yarn(scaling: &Settings, plain: &[f32], theta: f64, context: usize) -> Result<Frequencies, ModelError> {
    let factor = scaling.number("factor")?;
    let original = scaling.maybe_extent("original_max_position_embeddings")?.unwrap_or(context) as f64;
    let numbers = 2.0 * plain.len() as f64;
    let pair_of =
        |turns: f64| numbers * (original / (turns * 2.0 * std::f64::consts::PI)).ln() / (2.0 * theta.ln());
    let fast = pair_of(scaling.maybe_number("beta_fast")?.unwrap_or(32.0));
    let slow = pair_of(scaling.maybe_number("beta_slow")?.unwrap_or(1.0));
    let (fast, slow) =
        if scaling.flag("truncate", true)? { (fast.floor(), slow.ceil()) } else { (fast, slow) };
    let (fast, slow) = (fast.max(0.0), slow.min(numbers - 1.0));
    let slow = if fast == slow { slow + 0.001 } else { slow };
    let angles = plain.iter().enumerate().map(|(pair, angle)| {
        let slowed = ((pair as f64 - fast) / (slow - fast)).clamp(0.0, 1.0);
        let angle = f64::from(*angle);
        narrow(angle / factor * slowed + angle * (1.0 - slowed))
    });
    let grown = |weight: f64| if factor <= 1.0 { 1.0 } else { 0.1 * weight * factor.ln() + 1.0 };
    let weights = (scaling.maybe_number("mscale")?, scaling.maybe_number("mscale_all_dim")?);
    let length = match (scaling.maybe_number("attention_factor")?, weights) {
        (Some(length), _) => length,
        (None, (Some(one), Some(all))) if one != 0.0 && all != 0.0 => grown(one) / grown(all),
        (None, _) => grown(1.0),
    };
    Ok(Frequencies { angles: angles.collect(), length })
}

#[expect(clippy::cast_possible_truncation, reason = "rounding to the nearest is meant")]
fn narrow(value: f64) -> f32 {
    value as f32
}
