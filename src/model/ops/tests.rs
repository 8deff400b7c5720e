//! Every operation in f32 against its formula in f64, with the bound that its documentation states.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

use std::sync::Arc;

use candle_core::{CpuStorage, Device, Tensor};

use super::*;

fn tensor(numbers: &[f32], shape: (usize, usize)) -> Tensor {
    Tensor::from_vec(numbers.to_vec(), shape, &Device::Cpu).unwrap()
}

/// Numbers that look random and are the same each time.
fn noise(count: usize, scale: f32) -> Vec<f32> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        scale * ((state >> 8) as f32 / 8_388_608.0 - 1.0)
    };
    (0..count).map(|_| next()).collect()
}

fn normal_cdf(x: f64) -> f64 {
    Real::normal_cdf(x)
}

#[test]
fn exp_is_exact_to_two_units_in_the_seventh_digit() {
    let mut worst = 0.0_f64;
    for step in 0..1_750_000_i32 {
        let x = -86.9 + 1e-4 * step as f32;
        let exact = f64::from(x).exp();
        worst = worst.max((f64::from(Real::exp(x)) / exact - 1.0).abs());
    }
    assert!(worst < 2e-7, "{worst}");
    assert_eq!(Real::exp(-87.5_f32), 0.0);
    assert_eq!(Real::exp(f32::NEG_INFINITY), 0.0);
    assert_eq!(Real::exp(88.8_f32), f32::INFINITY);
    assert_eq!(Real::exp(f32::INFINITY), f32::INFINITY);
    assert!(Real::exp(f32::NAN).is_nan());
    assert_eq!(Real::exp(0.0_f32), 1.0);
}

#[test]
fn the_normal_distribution_function_is_exact_to_two_units_in_the_seventh_decimal() {
    for step in 0..200_000_i32 {
        let x = -10.0 + 1e-4 * step as f32;
        assert!((f64::from(Real::normal_cdf(x)) - normal_cdf(f64::from(x))).abs() < 2e-7, "{x}");
    }
    assert!(Real::normal_cdf(f32::NAN).is_nan());
}

#[test]
fn activations_are_their_formulas() {
    let xs: Vec<f32> = (0..4001_i16).map(|step| -20.0 + 0.01 * f32::from(step)).collect();
    let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
    let cases: [(Activation, &dyn Fn(f64) -> f64); 4] = [
        (Activation::GeluTanh, &|x| {
            x * logistic(2.0 * (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3)))
        }),
        (Activation::GeluErf, &|x| x * normal_cdf(x)),
        (Activation::Silu, &|x| x * logistic(x)),
        (Activation::Relu, &|x| x.max(0.0)),
    ];
    for (activation, formula) in cases {
        let bias = Tensor::new(&[0.25_f32], &Device::Cpu).unwrap();
        let found = activate(tensor(&xs, (xs.len(), 1)), Some(&bias), activation).unwrap();
        for (x, found) in xs.iter().zip(numbers::<f32>(&found).unwrap()) {
            let x = f64::from(x + 0.25);
            let error = (f64::from(found) - formula(x)).abs();
            assert!(error <= 5e-7 * x.abs().max(1e-3), "{activation:?} of {x}: {found} for {}", formula(x));
        }
        let nan = activate(tensor(&[f32::NAN], (1, 1)), None, activation).unwrap();
        assert!(numbers::<f32>(&nan).unwrap()[0].is_nan(), "{activation:?}");
    }
}

#[test]
fn a_gate_multiplies_the_second_half_by_the_activated_first() {
    let both = tensor(&[1.0, -2.0, 3.0, 5.0, 0.5, 4.0, 7.0, 11.0], (2, 4));
    let found = numbers::<f32>(&gate(&both, Activation::Relu).unwrap()).unwrap();
    assert_eq!(found, [3.0, 0.0, 3.5, 44.0]);
}

#[test]
fn norms_are_their_formulas_at_widths_that_fill_no_register() {
    for width in [1, 5, 16, 33, 768] {
        let x = noise(3 * width, 40.0);
        let weight = Tensor::from_vec(noise(width, 2.0), width, &Device::Cpu).unwrap();
        let bias = Tensor::from_vec(noise(width, 3.0), width, &Device::Cpu).unwrap();
        for kind in [NormKind::Layer, NormKind::RootMeanSquare] {
            let norm = Norm {
                kind,
                epsilon: 1e-5,
                weight: weight.clone(),
                bias: kind.has_bias().then(|| bias.clone()),
            };
            let found = numbers::<f32>(&norm.apply(&tensor(&x, (3, width))).unwrap()).unwrap();
            for (row, found) in x.chunks(width).zip(found.chunks(width)) {
                let row: Vec<f64> = row.iter().copied().map(f64::from).collect();
                let n = width as f64;
                let mean = if kind == NormKind::Layer { row.iter().sum::<f64>() / n } else { 0.0 };
                let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
                for ((at, x), found) in row.iter().enumerate().zip(found) {
                    let unit = (x - mean) / (variance + 1e-5).sqrt();
                    let shift = if kind.has_bias() { f64::from(noise(width, 3.0)[at]) } else { 0.0 };
                    let exact = unit * f64::from(noise(width, 2.0)[at]) + shift;
                    assert!(
                        (f64::from(*found) - exact).abs() < 5e-6,
                        "{kind:?} {width}: {found} for {exact}"
                    );
                }
            }
        }
    }
}

/// Attention of one row by its formula in f64, without what the fast one does about blocks and past tokens.
fn plain_attention(attention: &Attention, row: &[f32]) -> Vec<f64> {
    let Heads { queries, keys, size } = attention.heads;
    let vector = |token: usize, slot: usize| -> Vec<f64> {
        let start = token * attention.heads.packed() + slot * size;
        row[start..start + size].iter().copied().map(f64::from).collect()
    };
    let tokens = row.len() / attention.heads.packed();
    let mut out = Vec::new();
    for query in 0..tokens {
        for head in 0..queries {
            let group = head / (queries / keys);
            let seen: Vec<usize> = (0..tokens)
                .filter(|key| !attention.causal || *key <= query)
                .filter(|key| attention.window.is_none_or(|window| query < key + window))
                .collect();
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let weights: Vec<f64> = seen
                .iter()
                .map(|key| {
                    (attention.scale * dot(&vector(query, head), &vector(*key, queries + group))).exp()
                })
                .collect();
            let sum: f64 = weights.iter().sum();
            for at in 0..size {
                let value = |key: usize| vector(key, queries + keys + group)[at];
                out.push(
                    seen.iter().zip(&weights).map(|(key, weight)| weight * value(*key)).sum::<f64>() / sum,
                );
            }
        }
    }
    out
}

fn attention(heads: Heads, starts: &[usize]) -> Attention {
    let scale = (heads.size as f64).sqrt().recip();
    let starts = starts.into();
    Attention { heads, scale, causal: true, window: None, bias: None, starts, past: Vec::new() }
}

#[test]
fn attention_is_its_formula_for_rows_longer_and_shorter_than_its_blocks() {
    for heads in [Heads { queries: 4, keys: 2, size: 6 }, Heads { queries: 1, keys: 1, size: 33 }] {
        let starts = [0, 1, 38, 41, 41, 110];
        let packed = noise(110 * heads.packed(), 2.0);
        let plain = attention(heads, &starts);
        let kinds = [
            plain.clone(),
            Attention { causal: false, ..plain.clone() },
            Attention { window: Some(5), ..plain },
        ];
        for kind in kinds {
            let found = kind.clone().apply(&tensor(&packed, (110, heads.packed()))).unwrap();
            let exact: Vec<f64> = kind.rows(&packed).flat_map(|row| plain_attention(&kind, row)).collect();
            let found = numbers::<f32>(&found).unwrap();
            assert_eq!(found.len(), exact.len());
            for (found, exact) in found.iter().zip(&exact) {
                assert!((f64::from(*found) - exact).abs() < 2e-6, "{found} for {exact}");
            }
        }
    }
}

#[test]
fn tokens_that_were_run_before_are_seen_as_if_they_stood_in_the_row() {
    let heads = Heads { queries: 4, keys: 2, size: 8 };
    let packed = noise(40 * heads.packed(), 2.0);
    let whole = attention(heads, &[0, 40]).apply(&tensor(&packed, (40, heads.packed()))).unwrap();
    let past: Vec<f32> = packed
        .chunks(heads.packed())
        .take(37)
        .flat_map(|token| &token[heads.queries * heads.size..])
        .copied()
        .collect();
    let mut behind = attention(heads, &[0, 3]);
    behind.past = vec![Arc::new(CpuStorage::F32(past))];
    let tail = &packed[37 * heads.packed()..];
    let tail = numbers::<f32>(&behind.apply(&tensor(tail, (3, heads.packed()))).unwrap()).unwrap();
    assert_eq!(tail, numbers::<f32>(&whole).unwrap()[37 * heads.queries * heads.size..]);
}

#[test]
fn a_sum_of_exponentials_is_its_formula_and_says_what_is_no_number() {
    for count in [1, 15, 16, 17, 5000] {
        let logits = noise(count, 30.0);
        let exact = logits.iter().map(|z| f64::from(*z).exp()).sum::<f64>().ln();
        assert!((log_sum_exp(&logits) - exact).abs() < 1e-6, "{count}");
    }
    assert_eq!(log_sum_exp(&[1e30, 0.0]), f64::from(1e30_f32));
    assert_eq!(log_sum_exp(&[]), f64::NEG_INFINITY);
    assert_eq!(log_sum_exp(&[f32::NEG_INFINITY; 20]), f64::NEG_INFINITY);
    assert!(log_sum_exp(&[f32::INFINITY, 0.0]).is_nan());
    for at in [0, 7, 16, 20] {
        let mut logits = [0.0; 21];
        logits[at] = f32::NAN;
        assert!(log_sum_exp(&logits).is_nan(), "{at}");
        let mut logits = [f32::NEG_INFINITY; 21];
        logits[at] = f32::NAN;
        assert!(log_sum_exp(&logits).is_nan(), "{at}");
    }
}
