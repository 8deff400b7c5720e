//! Continuations behind shared prompts against whole rows run one by one.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

use std::path::Path;

use crate::model::{Model, ModelError};
use crate::reader::{IoMode, Limits};

fn model(folder: &str) -> Model {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(folder);
    Model::open(&path, &Limits::default(), IoMode::Auto).unwrap()
}

/// Rows behind prompts that share their first 14 tokens, prompts with several continuations, long and short ones, and a stray.
fn rows(vocabulary: u32) -> (Vec<Vec<u32>>, Vec<usize>) {
    let text = |n: u32, salt: u32| (0..n).map(|x| (x * 7 + salt) % vocabulary).collect::<Vec<u32>>();
    let (mut rows, mut from) = (Vec::new(), Vec::new());
    for prompt in 0..4 {
        let before = [text(14, 3), text(2 + prompt, 40 + prompt)].concat();
        for behind in 1..4 {
            from.push(before.len());
            rows.push([before.clone(), text(behind, 11 + prompt)].concat());
        }
    }
    from.extend([1, 5, 5]);
    rows.extend([text(9, 90), text(5, 91), text(6, 92)]);
    (rows, from)
}

#[test]
fn sharing_changes_no_likelihood_and_no_answer_in_any_architecture() {
    for folder in
        ["oracle", "architectures/llama-grouped", "architectures/gpt-neox-parallel", "architectures/gptj"]
    {
        let model = model(folder);
        let (rows, from) = rows(u32::try_from(model.config().vocabulary).unwrap());
        let found = model.predictions(&rows, &from).unwrap();
        for ((row, from), found) in rows.iter().zip(&from).zip(&found) {
            let whole = model.token_nll(std::slice::from_ref(row), &[]).unwrap();
            let expected = &whole[0][from - 1..];
            assert_eq!(found.len(), expected.len());
            let said = model.generate(&[row[..*from].to_vec()], 1, 1, 0).unwrap();
            assert!(found.is_empty() || found[0].likeliest == Some(said[0][0]), "{folder}");
            for (found, expected) in found.iter().zip(expected) {
                assert!(
                    (found.nll - expected).abs() < 1e-4 * expected.max(1.0),
                    "{folder}: {} {expected}",
                    found.nll
                );
            }
        }
    }
}

#[test]
fn what_cannot_be_predicted_is_an_error() {
    let model = model("oracle");
    let of = |from| model.predictions(&[vec![1, 2, 3]], &[from]);
    assert_eq!(of(3).unwrap(), [vec![]]);
    assert!(matches!(of(0), Err(ModelError::Mismatch { .. })));
    assert!(matches!(of(4), Err(ModelError::Mismatch { .. })));
    assert!(matches!(model.predictions(&[vec![1]], &[]), Err(ModelError::Mismatch { .. })));
    let encoder = self::model("architectures/bert");
    assert!(matches!(encoder.predictions(&[vec![1, 2]], &[1]), Err(ModelError::NoHead { .. })));
}
