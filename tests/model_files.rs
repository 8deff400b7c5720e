//! Folders of models that cannot be run: each is refused with what was found, what is needed and where.

use std::path::{Path, PathBuf};

use collapse_diagnostics::model::{Architecture, Model, ModelError};
use collapse_diagnostics::reader::{IoMode, Limits};
use serde_json::{Value, json};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn open(folder: &Path) -> Result<Model, ModelError> {
    Model::open(folder, &Limits::default(), IoMode::Auto)
}

/// A copy of a fixture whose configuration was changed.
fn changed(name: &str, change: impl Fn(&mut Value)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(fixture(name).join("model.safetensors"), folder.path().join("model.safetensors")).unwrap();
    let text = std::fs::read_to_string(fixture(name).join("config.json")).unwrap();
    let mut config: Value = serde_json::from_str(&text).unwrap();
    change(&mut config);
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    folder
}

/// Kind and message of the error, the folder taken out.
fn refused(folder: &Path) -> (&'static str, String) {
    let Err(error) = open(folder) else { panic!("it was opened") };
    assert!(error.path().is_some());
    (
        error.kind(),
        error
            .to_string()
            .replace(&format!("{}/", folder.display()), "")
            .replace(&folder.display().to_string(), "FOLDER"),
    )
}

#[test]
fn a_model_tells_its_extents_and_the_names_of_its_down_projections() {
    let model = open(&fixture("oracle")).unwrap();
    let config = model.config();
    assert_eq!(config.architecture, Architecture::Gpt2);
    assert_eq!((config.layers, config.hidden_size, config.intermediate_size), (3, 64, 256));
    assert_eq!((config.vocabulary, config.context_length), (1536, Some(48)));
    assert_eq!(model.down_projection(1), "transformer.h.1.mlp.c_proj");
    let (weight, bias) = model.down_projection_weight(1).unwrap();
    assert_eq!((weight.dim(), bias.unwrap().len()), ((64, 256), 64));
    assert_eq!(
        model.down_projection_weight(3).unwrap_err().to_string(),
        "layer 3 is asked for, the model has 3"
    );
    let bare = open(&fixture("architectures/gpt2")).unwrap();
    assert_eq!(bare.down_projection(1), "h.1.mlp.c_proj");
    let llama = open(&fixture("architectures/llama-grouped")).unwrap();
    assert_eq!(llama.down_projection(0), "model.layers.0.mlp.down_proj");
    assert_eq!(llama.down_projection_weight(0).unwrap().0.dim(), (16, 24));
    assert!(llama.down_projection_weight(0).unwrap().1.is_none());
}

#[test]
fn the_down_projection_maps_keys_to_values() {
    use collapse_diagnostics::model::{At, Site, Tap};
    for name in ["oracle", "architectures/gptj", "architectures/llama-grouped", "architectures/t5-relu"] {
        let model = open(&fixture(name)).unwrap();
        let taps = [Site::Key, Site::Value].map(|site| Tap { layer: 1, site });
        let found = model.capture(&[vec![3, 1, 4, 1, 5]], At::EveryToken, &taps, &[]).unwrap();
        let (weight, bias) = model.down_projection_weight(1).unwrap();
        for (key, value) in found[0].outer_iter().zip(found[1].outer_iter()) {
            for (at, (row, value)) in weight.outer_iter().zip(value).enumerate() {
                let product = row.dot(&key) + bias.as_ref().map_or(0.0, |bias| bias[at]);
                assert!((product - value).abs() < 2e-4, "{name}: {product} for {value}");
            }
        }
    }
}

#[test]
fn an_unknown_architecture_is_named_with_those_that_run() {
    let folder = changed("oracle", |config| config["model_type"] = json!("mamba"));
    let known = "gpt2, gptj, gpt_neox, llama, mistral, qwen2, qwen3, t5, bert";
    let message = format!("config.json: the architecture `mamba` is not one of those that run here: {known}");
    assert_eq!(refused(folder.path()), ("unknown-architecture", message));
}

#[test]
fn a_key_that_is_missing_or_makes_no_sense_is_named() {
    let with = |key: &str, value: Value| {
        let folder = changed("oracle", |config| config[key] = value.clone());
        refused(folder.path())
    };
    assert_eq!(
        with("n_layer", Value::Null),
        ("missing-key", "config.json: the key `n_layer` is missing".into())
    );
    assert_eq!(with("model_type", Value::Null).0, "missing-key");
    assert_eq!(
        with("n_head", json!(0)),
        ("bad-key", "config.json: `n_head` is 0, needed is a whole number above 0".into())
    );
    assert_eq!(
        with("n_head", json!(7)),
        ("bad-key", "config.json: `n_head` is 7, needed is a divisor of the hidden size".into())
    );
    assert_eq!(with("n_embd", json!("64")).0, "bad-key");
    assert_eq!(with("n_layer", json!(1e300)).0, "bad-key");
    assert_eq!(with("activation_function", json!("sine")).0, "bad-key");
    assert_eq!(with("scale_attn_by_inverse_layer_idx", json!(true)).0, "bad-key");
    let llama = |key: &str, value: Value| {
        refused(changed("architectures/llama-grouped", |config| config[key] = value.clone()).path())
    };
    assert_eq!(llama("rope_scaling", json!({"rope_type": "longrope"})).0, "bad-key");
    assert_eq!(llama("rope_scaling", json!({"rope_type": "linear"})).0, "missing-key");
    assert_eq!(llama("rope_scaling", json!(3)).0, "bad-key");
    assert_eq!(llama("num_key_value_heads", json!(3)).0, "bad-key");
    let window = |config: &mut Value| config["use_sliding_window"] = json!(true);
    assert_eq!(refused(changed("architectures/qwen2", window).path()).0, "bad-key");
}

#[test]
fn weights_of_another_shape_are_refused_with_both_shapes() {
    let folder = changed("oracle", |config| config["n_inner"] = json!(128));
    let (kind, message) = refused(folder.path());
    assert_eq!(kind, "shape");
    assert_eq!(
        message,
        "FOLDER: transformer.h.0.mlp.c_proj.weight has the shape [256, 64], config.json asks for [128, 64]"
    );
    let folder = changed("oracle", |config| config["vocab_size"] = json!(u64::MAX / 2));
    assert_eq!(refused(folder.path()).0, "shape");
}

#[test]
fn a_tensor_that_is_missing_is_named() {
    let folder = changed("oracle", |config| config["n_layer"] = json!(4));
    assert_eq!(
        refused(folder.path()),
        ("missing-tensor", "FOLDER: the tensor h.3.attn.c_proj.weight is missing".into())
    );
    let folder = changed("oracle", |config| config["tie_word_embeddings"] = json!(false));
    assert_eq!(
        refused(folder.path()),
        ("missing-tensor", "FOLDER: the tensor lm_head.weight is missing".into())
    );
}

#[test]
fn truncated_weights_an_absent_configuration_and_no_json_are_refused() {
    let folder = changed("oracle", |_| {});
    let path = folder.path().join("model.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert!(open(folder.path()).is_err());
    std::fs::write(folder.path().join("config.json"), "[1]").unwrap();
    assert_eq!(refused(folder.path()), ("malformed-json", "config.json: not a JSON object".into()));
    std::fs::write(folder.path().join("config.json"), "{").unwrap();
    assert_eq!(refused(folder.path()).0, "malformed-json");
    std::fs::remove_file(folder.path().join("config.json")).unwrap();
    assert_eq!(refused(folder.path()).0, "not-found");
}

#[test]
fn a_tokenizer_that_is_larger_than_the_embedding_is_refused() {
    let folder = changed("architectures/gpt2", |_| {});
    let tokenizer = fixture("oracle").join("tokenizer.json");
    std::fs::copy(tokenizer, folder.path().join("tokenizer.json")).unwrap();
    let model = open(folder.path()).unwrap();
    let Err(error) = model.tokenizer() else { panic!("it was taken") };
    assert_eq!(error.kind(), "vocabulary");
    assert!(error.to_string().ends_with("the tokenizer has 1536 tokens, the model embeds 56"), "{error}");
}
