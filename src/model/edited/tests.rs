//! A replaced down-projection: read back as it was set, used by everything that runs, and refused where it does not fit.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::path::Path;

use ndarray::Array2;

use crate::model::{At, Model, Site, Tap};
use crate::reader::{IoMode, Limits};

fn model(name: &str) -> Model {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/architectures").join(name);
    Model::open(&folder, &Limits::default(), IoMode::Auto).unwrap()
}

#[test]
fn what_is_set_is_read_back_and_what_runs_uses_it() {
    for name in ["gpt2", "llama-grouped", "gptj"] {
        let mut model = model(name);
        let rows = [vec![3, 14, 15, 9]];
        let taps = [Site::Key, Site::Value].map(|site| Tap { layer: 1, site });
        let (before, bias) = model.down_projection_weight(1).unwrap();
        model.capture(&rows, At::EveryToken, &taps, &[]).unwrap();
        assert_eq!(model.down_projection_weight(1).unwrap(), (before.clone(), bias.clone()), "{name}");
        let after = before.mapv(|w| 2.0 * w + 0.125);
        model.set_down_projection(1, after.view(), bias.as_deref()).unwrap();
        assert_eq!(model.down_projection_weight(1).unwrap(), (after.clone(), bias.clone()), "{name}");
        let found = model.capture(&rows, At::EveryToken, &taps, &[]).unwrap();
        let (key, value) = (found.first().unwrap().row(3), found.get(1).unwrap().row(3));
        for (at, (row, value)) in after.rows().into_iter().zip(value).enumerate() {
            let product: f64 = row.iter().zip(key).map(|(w, k)| f64::from(*w) * f64::from(*k)).sum();
            let exact = product + bias.as_ref().map_or(0.0, |bias| f64::from(*bias.get(at).unwrap()));
            assert!((f64::from(*value) - exact).abs() < 1e-5, "{name}: {value} for {exact}");
        }
    }
}

#[test]
fn other_extents_another_layer_and_a_bias_where_there_is_none_are_refused() {
    let mut gpt2 = model("gpt2");
    let (weight, bias) = gpt2.down_projection_weight(0).unwrap();
    assert!(gpt2.set_down_projection(0, weight.t(), None).is_err());
    assert!(gpt2.set_down_projection(99, weight.view(), None).is_err());
    assert!(gpt2.set_down_projection(0, weight.view(), Some(&[0.0])).is_err());
    gpt2.set_down_projection(0, weight.view(), None).unwrap();
    assert_eq!(gpt2.down_projection_weight(0).unwrap(), (weight, bias));
    let mut llama = model("llama-grouped");
    let d = llama.config().hidden_size;
    let weight = Array2::zeros((d, llama.config().intermediate_size));
    assert!(llama.set_down_projection(0, weight.view(), Some(&vec![0.0; d])).is_err());
}
