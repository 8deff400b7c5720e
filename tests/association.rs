//! Coefficients, p-values, tails, intervals and separations against `SciPy`, mpmath and enumeration (`fixtures/make/correlate.py`).

use std::fs;
use std::path::Path;

use collapse_diagnostics::stats::{
    Association, Measure, PKind, auroc, auroc_interval, best_threshold, monotone_trend, normal_ln_p,
    permutation_p, student_ln_p,
};
use serde_json::Value;

const MEASURES: [(Measure, &str); 3] =
    [(Measure::Spearman, "spearman"), (Measure::Kendall, "kendall"), (Measure::Pearson, "pearson")];

fn expected(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/correlate").join(name);
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn list<'a>(of: &'a Value, name: &str) -> &'a Vec<Value> {
    of[name].as_array().unwrap()
}

fn number(value: &Value) -> f64 {
    match value.as_str() {
        Some(text) => text.parse().unwrap(),
        None => value.as_f64().unwrap(),
    }
}

fn numbers(of: &Value, name: &str) -> Vec<f64> {
    list(of, name).iter().map(number).collect()
}

fn near(found: f64, wanted: f64, relative: f64, what: &str) {
    assert!((found - wanted).abs() <= relative * wanted.abs(), "{what}: {found} and not {wanted}");
}

#[test]
fn coefficients_and_their_p_are_those_of_scipy_from_2_to_30_pairs() {
    let document = expected("pairs.json");
    let mut seen = 0;
    for case in list(&document, "cases") {
        let (x, y) = (numbers(case, "x"), numbers(case, "y"));
        for (measure, name) in MEASURES {
            let found = Association::new(measure, &x, &y);
            let Some(wanted) = case.get(name) else {
                assert!(found.is_none(), "{name} of {case}");
                continue;
            };
            let found = found.unwrap();
            let what = format!("{name} of {} pairs", x.len());
            let coefficient = number(&wanted["coefficient"]);
            assert!(
                (found.coefficient() - coefficient).abs() < 2e-15,
                "{what}: {} {coefficient}",
                found.coefficient()
            );
            match (found.limit_p(), &wanted["p"]) {
                (None, Value::Null) => assert_eq!(x.len(), 2),
                // A coefficient of ±1 that SciPy rounds to just below has a p of its own there.
                (Some(p), wanted) if coefficient.abs() > 1.0 - 1e-12 => {
                    assert!(number(wanted) < 1e-6 || measure == Measure::Kendall, "{what}: {p:?}");
                }
                (Some(p), wanted) => {
                    near(p.p, number(wanted), 1e-9, &what);
                    assert_eq!(p.kind, if measure == Measure::Kendall { PKind::Normal } else { PKind::T });
                }
                (None, wanted) => panic!("{what}: no p where SciPy has {wanted}"),
            }
            seen += 1;
        }
    }
    assert!(seen > 180, "{seen}");
}

#[test]
fn exact_p_is_that_of_enumeration_and_of_another_way_of_counting() {
    let document = expected("pairs.json");
    let mut seen = 0;
    for case in list(&document, "cases").iter().filter(|case| case.get("exact").is_some()) {
        let (x, y) = (numbers(case, "x"), numbers(case, "y"));
        for (measure, name) in MEASURES {
            if let Some(wanted) = case["exact"].get(name) {
                let found = Association::new(measure, &x, &y).unwrap().exact_p().unwrap();
                assert_eq!(found.kind, PKind::Exact);
                near(found.p, number(wanted), 1e-12, &format!("{name} of {} pairs", x.len()));
                seen += 1;
            }
        }
    }
    assert!(seen > 50, "{seen}");
}

/// Every permutation of up to 8 places.
fn permutations(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    let shorter = permutations(n - 1);
    let with = |order: &Vec<usize>, at: usize| [&order[..at], &[n - 1], &order[at..]].concat();
    shorter.iter().flat_map(|order| (0..n).map(move |at| with(order, at))).collect()
}

#[test]
fn exact_p_is_the_share_of_all_permutations_gone_through_one_by_one() {
    let lists: [(&[f64], &[f64]); 4] = [
        (&[3.0, 1.0, 2.0, f64::INFINITY, 5.0], &[1.0, 2.0, 2.0, 0.0, 7.0]),
        (&[1.0, 1.0, 2.0, 3.0, 3.0, 3.0], &[0.5, 0.25, 0.25, 0.0, 0.1, 0.0]),
        (&[7.0, 1.0, 3.0, 2.0, 6.0, 5.0, 4.0], &[1.0, 5.0, 4.0, 7.0, 2.0, 3.0, 6.0]),
        (&[1.0, 2.0, 2.0, 4.0, 5.0, 9.0, 9.0, 9.0], &[8.0, 7.0, 7.0, 3.0, 5.0, 4.0, 1.0, 1.0]),
    ];
    for (x, y) in lists {
        for measure in [Measure::Spearman, Measure::Kendall] {
            let own = Association::new(measure, x, y).unwrap();
            let all = permutations(x.len());
            let coefficient = |order: &Vec<usize>| {
                let permuted: Vec<f64> = order.iter().map(|&at| y[at]).collect();
                Association::new(measure, x, &permuted).unwrap().coefficient()
            };
            let far = |order: &&Vec<usize>| coefficient(order).abs() > own.coefficient().abs() - 1e-9;
            let share = all.iter().filter(far).count() as f64 / all.len() as f64;
            near(own.exact_p().unwrap().p, share, 1e-12, &format!("{measure:?} of {} pairs", x.len()));
        }
    }
}

#[test]
fn the_table_of_spearman_agrees_with_two_hundred_thousand_permutations_of_22() {
    let x: Vec<f64> = (0..22).map(f64::from).collect();
    for step in [3.0, 5.0, 7.0] {
        // Steps through 0 … 22 in a prime field: far from sorted, then pulled towards it.
        let y: Vec<f64> = x.iter().map(|x| (x * step) % 23.0 + x * 0.37).collect();
        let exact = Association::new(Measure::Spearman, &x, &y).unwrap().exact_p().unwrap().p;
        let found = permutation_p(Measure::Spearman, &x, &[&y], 200_000, 1)[0].unwrap().p;
        let error = 4.5 * (exact * (1.0 - exact) / 200_000.0).sqrt();
        assert!((found - exact).abs() < error, "{found} and not {exact}");
    }
}

#[test]
fn seventy_thousand_pairs_have_the_coefficients_and_tails_of_scipy_and_mpmath() {
    let document = expected("long.json");
    for case in list(&document, "cases") {
        let [n, coupling, levels] = ["n", "coupling", "levels"].map(|name| case[name].as_u64().unwrap());
        let (x, y) = long_pairs(usize::try_from(n).unwrap(), coupling, levels);
        assert_eq!(x.iter().filter(|x| x.is_infinite()).count() as u64, case["infinite"].as_u64().unwrap());
        let [spearman, kendall] =
            [Measure::Spearman, Measure::Kendall].map(|measure| Association::new(measure, &x, &y).unwrap());
        near(spearman.coefficient(), number(&case["spearman"]), 1e-12, "ρ");
        near(kendall.coefficient(), number(&case["kendall"]), 1e-12, "τ");
        let (ln_p, wanted) = (spearman.limit_p().unwrap().ln_p, number(&case["spearman_ln_p"]));
        assert!((ln_p - wanted).abs() < 1e-11 * wanted.abs().max(1.0), "{ln_p} and not {wanted}");
        near(kendall.limit_p().unwrap().p, number(&case["kendall_p"]), 1e-8, "p of τ");
        let (x, y): (Vec<f64>, Vec<f64>) = x.into_iter().zip(y).filter(|(x, _)| x.is_finite()).unzip();
        let pearson = Association::new(Measure::Pearson, &x, &y).unwrap().coefficient();
        assert!((pearson - number(&case["pearson_of_finite"])).abs() < 1e-12, "{pearson}");
    }
}

/// As `long_pairs` of the maker.
fn long_pairs(n: usize, coupling: u64, levels: u64) -> (Vec<f64>, Vec<f64>) {
    let mut state = 42_u64;
    let mut draw = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) >> 32
    };
    (0..n)
        .map(|at| {
            let (u, v) = (draw(), draw());
            let x = if at % 1000 == 0 { f64::INFINITY } else { u as f64 * u as f64 };
            (x, ((((u * coupling + v * (64 - coupling)) >> 6) * levels) >> 32) as f64)
        })
        .unzip()
}

#[test]
fn tails_are_those_of_mpmath_far_below_what_f64_holds_and_those_of_scipy_where_it_has_any() {
    let document = expected("tails.json");
    let mut worst = 0.0_f64;
    for case in list(&document, "student") {
        let [t, degrees, wanted] = ["t", "degrees", "ln_p"].map(|name| number(&case[name]));
        let found = student_ln_p(t, degrees);
        worst = worst.max((found - wanted).abs());
        let bound = if degrees > 1e5 { 1e-10 } else { 1e-11 };
        assert!((found - wanted).abs() < bound, "{found} and not {wanted}: {case}");
        if let Some(scipy) = case["scipy"].as_f64() {
            near(found.exp(), scipy, 1e-10, "p of t");
        }
    }
    for case in list(&document, "normal") {
        let (found, wanted) = (normal_ln_p(number(&case["z"])), number(&case["ln_p"]));
        assert!((found - wanted).abs() < 1e-11, "{found} and not {wanted}: {case}");
    }
    assert!(worst > 0.0, "the two are computed apart");
}

#[test]
fn bootstrap_intervals_are_those_of_scipy_within_their_own_noise() {
    let document = expected("intervals.json");
    for case in list(&document, "bca") {
        let (measure, name) = MEASURES.into_iter().find(|(_, name)| case["measure"] == *name).unwrap();
        let pairs = Association::new(measure, &numbers(case, "x"), &numbers(case, "y")).unwrap();
        let found = pairs.bootstrap_interval(20_000, 5).unwrap();
        let [low, high] = ["low", "high"].map(|end| number(&case[end]));
        for (found, wanted) in [(found.low, low), (found.high, high)] {
            assert!((found - wanted).abs() < 0.03 * (high - low), "{name}: {found} and not {wanted}");
        }
    }
}

#[test]
fn separations_have_the_area_of_scipy_newcombes_interval_and_the_best_line() {
    let document = expected("intervals.json");
    for case in list(&document, "auroc") {
        let (first, second) = (numbers(case, "first"), numbers(case, "second"));
        let area = auroc(&first, &second).unwrap();
        near(area, number(&case["auroc"]), 1e-14, "AUROC");
        let interval = auroc_interval(area, first.len(), second.len()).unwrap();
        for (found, wanted) in [interval.low, interval.high].into_iter().zip(numbers(case, "interval")) {
            assert!((found - wanted).abs() < 1e-10, "{found} and not {wanted}: {case}");
        }
        let line = best_threshold(&first, &second, 0, 0).unwrap();
        near(line.sensitivity + line.specificity - 1.0, number(&case["youden"]), 1e-12, "Youden's J");
        let right = |score: &&f64| if line.above { **score >= line.value } else { **score <= line.value };
        let share = first.iter().filter(right).count() as f64 / first.len() as f64;
        near(line.sensitivity, share, 1e-12, "sensitivity");
    }
}

#[test]
fn monotone_trends_are_the_isotonic_regressions_of_scipy() {
    let document = expected("intervals.json");
    for case in list(&document, "isotonic") {
        let rising = case["rising"].as_bool().unwrap();
        let found = monotone_trend(&numbers(case, "x"), &numbers(case, "y"), rising);
        let (at, fitted): (Vec<f64>, Vec<f64>) = found.into_iter().unzip();
        assert_eq!(at, numbers(case, "at"));
        for (found, wanted) in fitted.into_iter().zip(numbers(case, "fitted")) {
            assert!((found - wanted).abs() < 1e-12, "{found} and not {wanted}");
        }
    }
}
