//! Runs from the middle against whole forward passes with patches, on every decoder.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

use std::ops::Range;
use std::path::Path;

use ndarray::Array2;

use super::PutBack;
use crate::model::{At, Model, ModelError, Patch, Site, Tap};
use crate::reader::{IoMode, Limits};

const DECODERS: [&str; 9] = [
    "gpt2",
    "gptj",
    "gpt-neox-parallel",
    "gpt-neox-sequential",
    "llama-grouped",
    "qwen2",
    "qwen3",
    "mistral",
    "mistral-window",
];
const SITES: [Site; 3] = [Site::Block, Site::Value, Site::Attention];
const PROMPT: [u32; 6] = [3, 14, 15, 9, 2, 6];
const TARGET: u32 = 5;

fn model(name: &str) -> Model {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/architectures").join(name);
    Model::open(&folder, &Limits::default(), IoMode::Auto).unwrap()
}

/// Two draws of noise on positions 1 and 2.
fn noise(model: &Model) -> Vec<Vec<(usize, Vec<f32>)>> {
    let vector = |seed: f32| (0..model.config().hidden_size).map(|at| (at as f32 * seed).sin()).collect();
    vec![vec![(1, vector(0.7)), (2, vector(1.3))], vec![(1, vector(2.1)), (2, vector(0.4))]]
}

fn clean(model: &Model, site: Site) -> Vec<Array2<f32>> {
    let taps: Vec<Tap> = (0..model.config().layers).map(|layer| Tap { layer, site }).collect();
    model.capture(&[PROMPT.to_vec()], At::EveryToken, &taps, &[]).unwrap()
}

/// The same by one whole pass: noise on the embeddings, states put back as patches.
fn whole(
    model: &Model,
    noise: &[(usize, Vec<f32>)],
    back: PutBack<'_>,
    layers: Range<usize>,
    position: usize,
) -> f64 {
    let noise = noise.iter().map(|(at, vector)| (0, *at, vector.clone())).collect();
    let mut patches = vec![Patch::Embedding { noise }];
    patches.extend(layers.map(|layer| Patch::Restore {
        tap: Tap { layer, site: back.site },
        states: vec![(0, position, back.states[layer].row(position).to_vec())],
    }));
    let row = [&PROMPT[..], &[TARGET]].concat();
    *model.token_nll(&[row], &patches).unwrap()[0].last().unwrap()
}

#[test]
fn states_put_back_in_the_middle_give_what_whole_passes_give() {
    for name in DECODERS {
        let model = model(name);
        let (noise, layers) = (noise(&model), model.config().layers);
        let noised = model.noised(&PROMPT, &noise).unwrap();
        for site in SITES {
            let states = clean(&model, site);
            let back = PutBack { site, states: &states };
            for range in (0..layers).flat_map(|start| [start..start + 1, start..layers]) {
                let found = noised.nll_with(back, range.clone(), &[0, 2, 5], TARGET).unwrap();
                for ((row, sample), found) in found.indexed_iter() {
                    let expected = whole(&model, &noise[sample], back, range.clone(), [0, 2, 5][row]);
                    assert!(
                        (found - expected).abs() < 2e-5,
                        "{name} {site:?} {range:?}: {found}, {expected}"
                    );
                }
            }
        }
    }
}

#[test]
fn without_anything_put_back_it_is_the_noised_run() {
    let model = model("gpt2");
    let (noise, states) = (noise(&model), clean(&model, Site::Block));
    let back = PutBack { site: Site::Block, states: &states };
    let found = model.noised(&PROMPT, &noise).unwrap().nll(TARGET).unwrap();
    for (found, noise) in found.iter().zip(&noise) {
        assert!((found - whole(&model, noise, back, 0..0, 0)).abs() < 1e-5);
    }
}

#[test]
fn what_does_not_fit_is_an_error_with_the_numbers() {
    let model = model("gpt2");
    let (noised, states) = (model.noised(&PROMPT, &noise(&model)).unwrap(), clean(&model, Site::Value));
    let refused = |site, layers, position, states: &[Array2<f32>]| {
        noised.nll_with(PutBack { site, states }, layers, &[position], TARGET).unwrap_err().to_string()
    };
    let layers = model.config().layers;
    assert!(refused(Site::Value, layers..layers + 1, 0, &states).contains("layer"));
    assert_eq!(refused(Site::Value, 0..1, 6, &states), "a position: 6 given, 5 needed");
    assert!(refused(Site::Value, 0..1, 0, &[]).contains("0 given"));
    assert!(refused(Site::Key, 0..1, 0, &states).contains("length d"));
    assert!(refused(Site::Value, 1..1, 0, &states).contains("put back"));
    let far = vec![vec![(6, vec![0.0; model.config().hidden_size])]];
    assert!(matches!(model.noised(&PROMPT, &far), Err(ModelError::Mismatch { .. })));
    let encoder = super::tests::model("bert");
    assert!(matches!(encoder.noised(&PROMPT, &[]), Err(ModelError::NoHead { .. })));
}
