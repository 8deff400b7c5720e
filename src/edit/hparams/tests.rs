//! Files as others write them, files that make no sense, and what is published.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use proptest::prelude::*;

use super::*;
use crate::edit::{KeyChoice, Method};
use crate::keys::{published_clamp, published_layer};
use crate::model::{Architecture, Config};

fn refusal(json: &str) -> String {
    Hparams::parse(json.as_bytes()).unwrap_err().to_string()
}

#[test]
fn a_file_of_memit_is_read_and_its_other_fields_passed_over() {
    let found = Hparams::parse(
        br#"{"layers": [3, 4, 5, 6, 7, 8], "clamp_norm_factor": 0.75, "layer_selection": "all", "fact_token": "subject_last",
             "v_num_grad_steps": 25, "v_lr": 5e-1, "v_loss_layer": 27, "v_weight_decay": 0.5, "kl_factor": 0.0625,
             "mom2_adjustment": true, "mom2_update_weight": 15000, "rewrite_module_tmp": "transformer.h.{}.mlp.fc_out",
             "mom2_dataset": "wikipedia", "mom2_n_samples": 100000, "context_template_length_params": [[5, 10]]}"#,
    );
    let expected = Hparams {
        layers: vec![3, 4, 5, 6, 7, 8],
        clamp_norm_factor: 0.75,
        v_num_grad_steps: 25,
        v_loss_layer: Some(27),
        ..Hparams::default()
    };
    assert_eq!(found.unwrap(), expected);
}

#[test]
fn numbers_that_a_yaml_reader_left_as_strings_are_numbers() {
    let found = Hparams::parse(
        br#"{"layers": ["5"], "v_lr": "5e-1", "v_weight_decay": "1e-3", "v_num_grad_steps": "25", "norm_constraint": "5e-5"}"#,
    );
    let found = found.unwrap();
    assert_eq!((found.layers, found.v_lr, found.v_weight_decay), (vec![5], 0.5, 1e-3));
    assert_eq!((found.v_num_grad_steps, found.norm_constraint), (25, Some(5e-5)));
}

#[test]
fn one_layer_may_stand_by_itself_and_none_be_constrained() {
    let found = Hparams::parse(
        br#"{"layer": 0, "early_stop_loss": 0.01, "norm_constraint": false, "v_loss_layer": null}"#,
    );
    let found = found.unwrap();
    assert_eq!((found.layers, found.early_stop_loss, found.norm_constraint), (vec![0], 0.01, None));
    assert_eq!(found.v_loss_layer, None);
}

#[test]
fn values_that_make_no_sense_are_refused_by_name() {
    for (json, said) in [
        (
            r#"{"layers": 5}"#,
            "hyper-parameter `layers` is 5, needed is a list of layers, each once and ascending",
        ),
        (r#"{"layers": [5, 4]}"#, "`layers` is [5,4]"),
        (r#"{"layers": []}"#, "`layers` is []"),
        (r#"{"layers": [1.5]}"#, "`layers` is [1.5]"),
        (r#"{"layer": -1}"#, "`layer` is -1, needed is a whole number, 0 or more"),
        (r#"{"v_num_grad_steps": 0}"#, "`v_num_grad_steps` is 0, needed is a whole number, 1 or more"),
        (r#"{"v_num_grad_steps": 1e9}"#, "`v_num_grad_steps` is 1000000000.0"),
        (r#"{"v_lr": "fast"}"#, "`v_lr` is \"fast\", needed is a number above 0"),
        (r#"{"v_lr": 0}"#, "`v_lr` is 0, needed is a number above 0"),
        (r#"{"v_lr": "inf"}"#, "`v_lr` is \"inf\""),
        (r#"{"kl_factor": -0.1}"#, "`kl_factor` is -0.1, needed is a number, 0 or more"),
        (r#"{"mom2_adjustment": 1}"#, "`mom2_adjustment` is 1, needed is true or false"),
        (r#"{"L2": null}"#, "`L2` is null"),
        (r#"{"norm_constraint": true}"#, "`norm_constraint` is true, needed is a number above 0, or false"),
        (
            r#"{"objective_optimization": "all"}"#,
            "`objective_optimization` is \"all\", needed is prompt_last or target_new",
        ),
        (r#"{"fact_token": "last"}"#, "`fact_token` is \"last\", needed is subject_last"),
    ] {
        let message = refusal(json);
        assert!(message.contains(said), "{message} for {json}");
    }
}

#[test]
fn what_is_no_object_of_hyper_parameters_is_refused() {
    for json in [
        "",
        "[1]",
        "{",
        "\"layers\"",
        "{}",
        r#"{"layer_selection": "all"}"#,
        r#"{"layer": 1, "layers": [1]}"#,
    ] {
        assert!(refusal(json).starts_with("not a file of hyper-parameters: "), "{json}: {}", refusal(json));
    }
    let long = format!("{{\"layers\": \"{}\"}}", "x".repeat(1000));
    assert!(refusal(&long).len() < 200, "{}", refusal(&long));
}

#[test]
fn every_value_is_told_under_the_name_it_has_in_files() {
    let told = Hparams::default().values();
    for (name, value) in &told {
        let json = match value {
            HparamValue::Number(number) => Value::from(*number),
            HparamValue::Count(count) => Value::from(*count),
            HparamValue::Layers(_) => Value::from(vec![0]),
            HparamValue::Switch(switch) => Value::from(*switch),
            HparamValue::Word(word) => Value::from(*word),
            HparamValue::Absent => Value::Null,
        };
        assert!(Hparams::default().set(name, &json).unwrap(), "{name}");
    }
    assert!(told.contains(&("L2", HparamValue::Number(10.0))));
}

/// Architecture, layers, hidden and intermediate size.
const MODELS: [(Architecture, usize, usize, usize); 7] = [
    (Architecture::Gpt2, 24, 1024, 4096),
    (Architecture::Gpt2, 36, 1280, 5120),
    (Architecture::Gpt2, 48, 1600, 6400),
    (Architecture::GptJ, 28, 4096, 16_384),
    (Architecture::GptNeoX, 44, 6144, 24_576),
    (Architecture::Llama, 32, 4096, 11_008),
    (Architecture::Llama, 32, 4096, 14_336),
];

fn config(
    (architecture, layers, hidden_size, intermediate_size): (Architecture, usize, usize, usize),
) -> Config {
    Config {
        architecture,
        layers,
        hidden_size,
        intermediate_size,
        heads: 16,
        context_length: Some(1024),
        vocabulary: 50_257,
        causal: true,
    }
}

#[test]
fn every_published_file_can_be_read_and_fits_its_model() {
    let count = |method| {
        let found = MODELS.map(config).into_iter().filter_map(|config| {
            let found = match Hparams::published(method, &config) {
                Err(HparamsError::Unpublished { .. }) => return None,
                found => found.unwrap(),
            };
            assert!(found.layers.iter().all(|layer| *layer < config.layers));
            assert!(found.v_loss_layer.is_none_or(|layer| layer == config.layers - 1));
            Some(found)
        });
        found.count()
    };
    assert_eq!(Method::ALL.map(count), [7, 7, 7, 7, 4, 3, 4, 4]);
    let small = config((Architecture::Gpt2, 12, 768, 3072));
    let refused = Hparams::published(Method::Memit, &small).unwrap_err();
    assert_eq!(refused, HparamsError::Unpublished { method: "memit" });
    assert!(refused.hint().unwrap().contains("--hparams"));
}

#[test]
fn layer_and_clamp_of_rome_are_those_that_the_diagnosis_of_keys_goes_by() {
    for config in MODELS.map(config) {
        let found = Hparams::published(Method::Rome(KeyChoice::CRome), &config).unwrap();
        assert_eq!(Some(found.layers), published_layer(&config).map(|layer| vec![layer]));
        assert_eq!(found.clamp_norm_factor, published_clamp(&config));
    }
}

#[test]
fn the_published_numbers_are_those_of_the_papers() {
    let of = |method, model: usize| Hparams::published(method, &config(*MODELS.get(model).unwrap())).unwrap();
    let memit = of(Method::Memit, 2);
    assert_eq!((memit.layers, memit.mom2_update_weight), ((13..=17).collect(), 20_000.0));
    assert_eq!((of(Method::Memit, 6).v_lr, of(Method::Memit, 5).clamp_norm_factor), (0.1, 4.0));
    assert_eq!(
        [0, 1, 2, 3].map(|model| of(Method::FineTuneConstrained, model).norm_constraint.unwrap()),
        [2e-3, 1e-3, 5e-4, 5e-5]
    );
    assert_eq!((of(Method::FineTune, 2).layers, of(Method::FineTune, 2).norm_constraint), (vec![1], None));
    assert_eq!((of(Method::Emmet, 2).mom2_update_weight, of(Method::Emmet, 3).emmet_lambda), (1000.0, 0.1));
    assert!(!of(Method::Rome(KeyChoice::Rome), 5).mom2_adjustment);
}

proptest! {
    /// Whatever stands in a field, it is taken over in its range or refused by its name.
    #[test]
    fn no_value_of_any_field_makes_it_panic(name in 0_usize..21, json in "[-0-9.eE\\[\\]{}\":,a-z ]{0,12}") {
        let names: Vec<&str> = Hparams::default().values().iter().map(|(name, _)| *name).collect();
        let name = names.get(name).copied().unwrap_or("layer");
        let file = format!("{{\"{name}\": {json}}}");
        match Hparams::parse(file.as_bytes()) {
            Ok(found) => prop_assert!(found.v_lr > 0.0 && found.l2 > 0.0 && found.layers.is_sorted()),
            Err(HparamsError::Value { name: refused, .. }) => prop_assert_eq!(refused, name),
            Err(HparamsError::Malformed { .. }) => {}
            Err(other) => prop_assert!(false, "{other}"),
        }
    }
}
