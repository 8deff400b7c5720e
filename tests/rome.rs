//! One edit from outside: what it leaves behind, on GPT-2 and on Llama; what is refused, and what is found instead of made.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use collapse_diagnostics::edit::{
    Edit, EditError, History, Hparams, KeyChoice, Method, Request, RomeCase, edit,
};
use collapse_diagnostics::keys::Adjustment;
use collapse_diagnostics::model::{At, Model, Site, Tap, Tokenizer, place};
use collapse_diagnostics::reader::{Case, ContextTemplates, IoMode, Limits};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use super::rome_oracle::{case, contexts, hparams, model, moments, setup};

const ROME: Method = Method::Rome(KeyChoice::Rome);

/// One edit of one case by few passes, which is enough to have one.
fn edited(model: &mut Model, hparams: &Hparams) -> Result<Edit, EditError> {
    let (contexts, moments) = (contexts(), moments());
    let request = Request::of(&case("normal-first-00"), model)?;
    edit(model, &[request], &setup(ROME, hparams, &contexts, &moments), &mut History::default())
}

fn short() -> Hparams {
    Hparams { v_num_grad_steps: 3, ..hparams() }
}

fn bits(model: &Model) -> Vec<u32> {
    let (weight, bias) = model.down_projection_weight(0).unwrap();
    weight.iter().copied().chain(bias.unwrap()).map(f32::to_bits).collect()
}

#[test]
fn an_edit_changes_its_matrix_and_is_undone_to_the_bit() {
    let mut model = model();
    let before = bits(&model);
    let found = edited(&mut model, &short()).unwrap();
    assert_eq!((found.updates.len(), found.layers.len(), found.before.len()), (1, 1, 1));
    assert_eq!(found.layers[0].tensor, "transformer.h.0.mlp.c_proj.weight");
    assert_eq!(found.requests[0].case_id, "normal-first-00");
    assert_eq!(found.requests[0].value.passes.len(), 3);
    let norm = found.requests[0].division.unwrap().right_vector_norm;
    assert!((found.layers[0].update_norm / norm - 1.0).abs() < 2e-7);
    assert_ne!(bits(&model), before);
    found.undo(&mut model).unwrap();
    assert_eq!(bits(&model), before);
}

#[test]
fn one_thread_and_three_make_the_same_bits() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut model = model();
            let found = edited(&mut model, &short()).unwrap();
            (found.requests, bits(&model))
        })
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn what_cannot_be_edited_is_said_and_the_model_stays_as_it_was() {
    let mut model = model();
    let before = bits(&model);
    let mut refuse = |hparams: Hparams| edited(&mut model, &hparams).unwrap_err();
    let error = refuse(Hparams { layers: vec![0, 1], ..short() });
    assert_eq!(error.to_string(), "hyper-parameter `layers`: [0, 1], needed is one layer");
    let error = refuse(Hparams { layers: vec![3], ..short() });
    assert_eq!(error.kind(), "no-moment");
    let error = refuse(Hparams { layers: vec![3], mom2_adjustment: false, ..short() });
    assert_eq!(error.to_string(), "layer 3 is asked for, the model has 3");
    let error = refuse(Hparams { layers: vec![2], ..short() });
    assert_eq!(error.to_string(), "rome needs the second moment of layer 2");
    assert_eq!(refuse(Hparams { v_num_grad_steps: 0, ..short() }).kind(), "hparams");
    assert_eq!(bits(&model), before);
}

#[test]
fn rome_takes_one_request_and_no_null_space() {
    let (mut model, hparams, contexts, moments) = (model(), short(), contexts(), moments());
    let mut setup = setup(ROME, &hparams, &contexts, &moments);
    let request = Request::of(&case("normal-first-00"), &model).unwrap();
    let mut refuse = |requests: &[Request], setup: &_| {
        edit(&mut model, requests, setup, &mut History::default()).unwrap_err().to_string()
    };
    assert_eq!(refuse(&[], &setup), "rome was given no request");
    let two = [request.clone(), request.clone()];
    assert_eq!(refuse(&two, &setup), "rome edits one request at a time, 2 were given");
    let spaces = BTreeMap::new();
    setup.null_space = Some(&spaces);
    assert!(refuse(&[request], &setup).contains("no published projection"));
}

#[test]
fn without_the_moment_the_key_itself_is_the_direction() {
    let (mut model, contexts, moments) = (model(), contexts(), BTreeMap::new());
    let hparams = Hparams { mom2_adjustment: false, ..short() };
    let request = Request::of(&case("normal-first-00"), &model).unwrap();
    let setup = setup(ROME, &hparams, &contexts, &moments);
    let found = edit(&mut model, &[request], &setup, &mut History::default()).unwrap();
    let division = found.requests[0].division.unwrap();
    // uᵀk̄ with u = k̄ / ‖k̄‖ is ‖k̄‖.
    assert!((division.consistent_unit_denominator / division.adjusted_key_norm - 1.0).abs() < 1e-12);
}

#[test]
fn a_weight_that_is_no_number_is_found_and_no_update_is_made_of_it() {
    let mut model = model();
    let (mut weight, bias) = model.down_projection_weight(0).unwrap();
    weight[[3, 5]] = f32::NAN;
    model.set_down_projection(0, weight.view(), bias.as_deref()).unwrap();
    let before = bits(&model);
    let found = edited(&mut model, &short()).unwrap();
    assert!(found.updates.is_empty() && found.layers.is_empty() && found.before.is_empty());
    let facts = &found.requests[0];
    assert!(facts.value.passes.iter().all(|pass| pass.total.is_nan()), "{:?}", facts.value.passes);
    assert!(facts.division.unwrap().numerator_norm.is_nan());
    assert!(facts.division.unwrap().unit_denominator.is_finite());
    assert_eq!(bits(&model), before);
}

#[test]
fn a_denominator_of_zero_is_a_finding() {
    let (model, hparams, contexts) = (model(), short(), contexts());
    let moments = moments();
    let request = Request::of(&case("normal-first-00"), &model).unwrap();
    let mut case = RomeCase::of(&model, &request, &setup(ROME, &hparams, &contexts, &moments)).unwrap();
    case.keys.unprefixed.fill(0.0);
    let none = Adjustment::none(256);
    let found = case.factors(&model, KeyChoice::Rome, &none).unwrap();
    assert!(!found.is_finite());
    assert_eq!((found.division.unit_denominator, found.division.denominator), (0.0, 0.0));
    assert!(found.division.right_vector_norm.is_infinite());
    assert!(case.factors(&model, KeyChoice::CRome, &none).unwrap().is_finite());
    case.keys.mean[7] = f64::INFINITY;
    let found = case.factors(&model, KeyChoice::Rome, &moments[&0]).unwrap();
    assert!(found.division.unit_denominator.is_nan() && found.division.residual.is_nan());
    let short = Adjustment::none(9);
    assert_eq!(case.factors(&model, KeyChoice::PRome, &short).unwrap_err().kind(), "moment");
}

/// The tiny Llama with one of the tokenizers of its kind, and an embedding that is long enough for it.
fn llama(kind: &str) -> (tempfile::TempDir, Model) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let (from, tokenizer) =
        (fixtures.join("architectures/llama-grouped"), fixtures.join("tokenizers").join(kind));
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(tokenizer.join("tokenizer.json"), folder.path().join("tokenizer.json")).unwrap();
    let vocabulary = Tokenizer::open(&tokenizer).unwrap().vocabulary();
    let mut config: serde_json::Value =
        serde_json::from_slice(&std::fs::read(from.join("config.json")).unwrap()).unwrap();
    config["vocab_size"] = vocabulary.into();
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let bytes = std::fs::read(from.join("model.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let table: Vec<u8> =
        (0..16 * vocabulary).flat_map(|at| (0.2 * (at as f32 * 1.7).sin()).to_le_bytes()).collect();
    let tensors: HashMap<String, TensorView<'_>> = tensors
        .tensors()
        .into_iter()
        .map(|(name, tensor)| match name.as_str() {
            "model.embed_tokens.weight" | "lm_head.weight" => {
                (name, TensorView::new(Dtype::F32, vec![vocabulary, 16], &table).unwrap())
            }
            _ => (name, tensor),
        })
        .collect();
    safetensors::serialize_to_file(&tensors, None, &folder.path().join("model.safetensors")).unwrap();
    let model = Model::open(folder.path(), &Limits::default(), IoMode::Pread).unwrap();
    (folder, model)
}

fn italy() -> Case {
    Case {
        case_id: "it".to_owned(),
        prompt: "The capital of {} is".to_owned(),
        subject: "Italy".to_owned(),
        target_new: Some("Paris".to_owned()),
        ..Case::default()
    }
}

#[test]
fn a_bare_mark_of_a_space_is_no_token_of_a_target() {
    for kind in ["llama", "llama-legacy"] {
        let (_folder, model) = llama(kind);
        let tokenizer = model.tokenizer().unwrap();
        let request = Request::of(&italy(), &model).unwrap();
        let whole = tokenizer.encode("The capital of Italy is Paris").unwrap();
        assert_eq!(
            request.target_tokens,
            whole[tokenizer.encode("The capital of Italy is").unwrap().len()..]
        );
        // As published code tokenises it, by itself, Llama 2's own tokenizer has one token more.
        let alone = tokenizer.encode(" Paris").unwrap();
        let bare = usize::from(kind == "llama-legacy");
        assert_eq!(alone[bare..], request.target_tokens, "{kind}");
    }
}

#[test]
fn a_llama_says_the_value_at_the_subject_after_its_edit() {
    let (_folder, mut model) = llama("llama");
    let contexts = ContextTemplates::new(vec![vec!["{}".to_owned(), "Rome is old. {}".to_owned()]]).unwrap();
    let hparams = Hparams { layers: vec![0], mom2_adjustment: false, v_lr: 0.1, ..Hparams::default() };
    let (case, moments) = (italy(), BTreeMap::new());
    let request = Request::of(&case, &model).unwrap();
    let setup = setup(ROME, &hparams, &contexts, &moments);
    let wanted = RomeCase::of(&model, &request, &setup).unwrap().value;
    let found = edit(&mut model, &[request], &setup, &mut History::default()).unwrap();
    let passes = &found.requests[0].value.passes;
    assert!(passes.last().unwrap().nll < passes[0].nll);
    let placed = place(model.tokenizer().unwrap(), &case.prompt, &case.subject).unwrap();
    let tap = [Tap { layer: 0, site: Site::Value }];
    let value = model.capture(&[placed.tokens], At::One(&[placed.subject_last]), &tap, &[]).unwrap();
    for (found, wanted) in value[0].iter().zip(&wanted.target) {
        assert!((f64::from(*found) - wanted).abs() < 1e-5, "{found} for {wanted}");
    }
    assert!(wanted.facts.offset_norm > 1e-2);
}
