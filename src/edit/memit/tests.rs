//! The equations of MEMIT, EMMET and `AlphaEdit` against `NumPy`, against each other, and against what they promise. In f64 throughout.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

use serde_json::Value;

use super::*;
use crate::edit::emmet::{self, Solved};
use crate::edit::tests::{assert_near, expected, matrix, moment};
use crate::edit::{Hparams, NullSpace};

/// A problem of the fixture: n keys of length 12, with n = 1, 3 and 15.
struct Problem {
    value: Value,
    moment: Adjustment,
    keys: Matrix,
    residual: Matrix,
}

fn problems() -> Vec<Problem> {
    let all = expected("small").as_array().unwrap().clone();
    let problem = |value: Value| Problem {
        moment: moment(matrix(&value["c"])),
        keys: matrix(&value["keys"]),
        residual: matrix(&value["residual"]),
        value,
    };
    all.into_iter().map(problem).collect()
}

impl Problem {
    fn number(&self, name: &str) -> f64 {
        self.value[name].as_f64().unwrap()
    }

    fn hparams(&self, alpha: f64, mu: f64) -> Hparams {
        Hparams {
            mom2_update_weight: self.number("lambda"),
            emmet_lambda: alpha,
            update_norm_lambda: mu,
            ..Hparams::default()
        }
    }

    fn emmet(&self, alpha: f64, mu: f64) -> Solved {
        emmet::adjusted_keys(&self.keys, &self.moment, &self.hparams(alpha, mu)).unwrap()
    }

    #[track_caller]
    fn assert_update(&self, name: &str, adjusted: &Matrix, bound: f64) {
        assert_near(&self.residual.dot(&adjusted.t()), &matrix(&self.value[name]), bound);
    }
}

#[test]
fn memit_solves_the_published_equation_by_either_system() {
    for problem in problems() {
        let Problem { keys, moment, .. } = &problem;
        let lambda = problem.number("lambda");
        for solved in [
            by_keys(keys, moment, lambda).unwrap(),
            by_components(keys, moment, lambda).unwrap(),
            adjusted_keys(keys, moment, lambda).unwrap(),
        ] {
            problem.assert_update("memit", &solved, 1e-11);
        }
    }
}

#[test]
fn without_a_moment_memit_weighs_with_the_identity() {
    for Problem { keys, .. } in problems() {
        let none = Adjustment::none(keys.nrows());
        let solved = by_keys(&keys, &none, 2.0).unwrap();
        assert_near(&solved, &by_components(&keys, &none, 2.0).unwrap(), 1e-12);
        let left = keys.dot(&keys.t()) + Matrix::eye(keys.nrows()) * 2.0;
        assert_near(&left.dot(&solved), &keys, 1e-12);
    }
}

/// One fact realises the share q / (λ + q) of its residual, q = kᵀC⁻¹k, and no denominator is below λ.
#[test]
fn one_fact_of_memit_comes_about_by_the_share_that_its_weight_leaves() {
    let problem = &problems()[0];
    let Problem { keys, moment, .. } = problem;
    let q = keys.t().dot(&moment.adjust(keys).unwrap().keys)[(0, 0)];
    for lambda in [1e-3, 1.0, 150.0, 15_000.0] {
        let share = adjusted_keys(keys, moment, lambda).unwrap().t().dot(keys)[(0, 0)];
        assert!((share / (q / (lambda + q)) - 1.0).abs() < 1e-12, "{share}");
    }
}

#[test]
fn emmet_solves_the_published_equation_with_and_without_its_ridges() {
    for problem in problems() {
        let alpha = problem.number("alpha");
        let solved = problem.emmet(alpha, 0.0);
        assert!(!solved.pseudo_inverse);
        problem.assert_update("emmet", &solved.keys, 1e-11);
        problem.assert_update("emmet_with_mu", &problem.emmet(alpha, problem.number("mu")).keys, 1e-11);
        // Fifteen keys of length twelve depend on each other.
        let exact = problem.emmet(0.0, 0.0);
        assert_eq!(exact.pseudo_inverse, problem.keys.ncols() > problem.keys.nrows());
        problem.assert_update("emmet_exact", &exact.keys, 1e-8);
    }
}

#[test]
fn emmet_is_memit_with_the_product_of_its_weights() {
    for problem in &problems()[1..] {
        let (lambda, alpha) = (problem.number("lambda"), problem.number("alpha"));
        let memit = adjusted_keys(&problem.keys, &problem.moment, lambda * alpha).unwrap();
        assert_near(&problem.emmet(alpha, 0.0).keys, &memit, 1e-8);
    }
}

/// λ falls out of the equality: one fact is (C⁻¹k) / (kᵀC⁻¹k), which is C-ROME's u / (uᵀk̄).
#[test]
fn emmet_of_one_fact_is_the_equation_of_c_rome() {
    let problem = &problems()[0];
    let adjusted = problem.moment.adjust(&problem.keys).unwrap().keys;
    let length = adjusted.iter().map(|x| x * x).sum::<f64>().sqrt();
    let u = &adjusted / length;
    let c_rome = &u / u.t().dot(&problem.keys)[(0, 0)];
    assert_near(&problem.emmet(0.1, 0.0).keys, &c_rome, 1e-12);
    let output = problem.residual.dot(&problem.emmet(0.1, 0.0).keys.t()).dot(&problem.keys);
    assert_near(&output, &problem.residual, 1e-12);
}

#[test]
fn several_facts_of_emmet_without_a_ridge_are_all_exact() {
    let problem = &problems()[1];
    let update = problem.residual.dot(&problem.emmet(0.0, 0.0).keys.t());
    assert_near(&update.dot(&problem.keys), &problem.residual, 1e-10);
}

/// MEMIT without a weight is EMMET without a ridge, off by some λ / q.
#[test]
fn memit_becomes_exact_as_its_weight_vanishes() {
    let problem = &problems()[1];
    let exact = problem.emmet(0.0, 0.0).keys;
    for lambda in [1e-4, 1e-6, 1e-8] {
        let memit = adjusted_keys(&problem.keys, &problem.moment, lambda).unwrap();
        assert_near(&memit, &exact, lambda);
    }
}

#[test]
fn a_fact_that_is_asked_for_twice_has_a_pseudo_inverse() {
    let mut problem = problems().remove(1);
    let first = problem.keys.column(0).to_owned();
    problem.keys.column_mut(1).assign(&first);
    let twice = problem.emmet(0.0, 0.0);
    assert!(twice.pseudo_inverse);
    // Both columns have the half of what one alone would have.
    let (a, b) = (twice.keys.column(0), twice.keys.column(1));
    assert!((&a - &b).iter().all(|x| x.abs() < 1e-9 * a.dot(&a).sqrt()));
}

#[test]
fn a_weight_that_is_not_above_zero_is_refused() {
    let problem = &problems()[0];
    let refused = adjusted_keys(&problem.keys, &problem.moment, 0.0).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "hyper-parameter `mom2_update_weight`: 0, needed is a finite number above 0"
    );
}

#[test]
fn keys_of_another_length_or_without_a_number_are_refused() {
    let problem = &problems()[0];
    assert!(matches!(
        adjusted_keys(&Matrix::ones((5, 1)), &problem.moment, 1.0),
        Err(EditError::Adjustment(_))
    ));
    let broken = Matrix::from_elem((12, 1), f64::NAN);
    assert!(adjusted_keys(&broken, &problem.moment, 1.0).is_err());
    assert!(by_components(&broken, &problem.moment, 1.0).is_err());
}

#[test]
fn alphaedit_solves_its_lopsided_equation_with_and_without_past_keys() {
    for problem in problems() {
        let space = NullSpace::of(&problem.moment, problem.number("threshold")).unwrap();
        assert_eq!(space.facts().rank as u64, problem.value["rank"].as_u64().unwrap());
        let (ridge, past) = (problem.number("ridge"), matrix(&problem.value["past"]));
        let fresh = space.adjusted_keys(&problem.keys, None, ridge).unwrap();
        problem.assert_update("alphaedit", &fresh, 1e-10);
        let later = space.adjusted_keys(&problem.keys, Some(&past), ridge).unwrap();
        problem.assert_update("alphaedit_with_past", &later, 1e-10);
    }
}
