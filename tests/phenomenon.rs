//! The findings that concern keys, on the world's model, where they hold, and on its control, where they do not.
//!
//! Bounds are those that five independently trained models left wide margins to; the control shows that each of them can
//! fail. The control differs from the model in one line of its initialisation (`fixtures/world/README.md`).

use std::path::{Path, PathBuf};

use collapse_diagnostics::compute::CPU;
use collapse_diagnostics::keys::first_token::{FirstTokenPlan, Measurement, measure};
use collapse_diagnostics::keys::{
    Adjustment, Level, MeanOver, Scan, ScanPlan, WeightedTemplates, published_clamp, scan,
};
use collapse_diagnostics::model::{Model, Site};
use collapse_diagnostics::reader::{IoMode, Limits, SecondMoment, read_cases, read_contexts};

fn world(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/world").join(file)
}

fn open(which: &str) -> Model {
    Model::open(&world(which), &Limits::default(), IoMode::Auto).unwrap()
}

/// Every case of the world at layer 0 of one of its two models.
fn scanned(which: &str) -> Scan {
    let moment = world(&format!("{which}/second_moment.safetensors"));
    let moment = SecondMoment::read(&moment, None, &Limits::default(), IoMode::Auto).unwrap();
    let templates = read_contexts(&world("contexts.json")).unwrap();
    let templates = WeightedTemplates::new(&templates, MeanOver::Every).unwrap();
    let model = open(which);
    let plan = ScanPlan {
        layer: 0,
        templates: &templates,
        clamp: published_clamp(model.config()),
        keep_keys: false,
    };
    let cases = read_cases(&world("cases.json")).unwrap();
    scan(&model, &cases, &plan, &Adjustment::new(moment, 0.0).unwrap(), &|_| ()).unwrap()
}

/// |unit denominator| of the cases of a group, ascending.
fn denominators(scan: &Scan, group: &str) -> Vec<f64> {
    let own = scan.cases.iter().filter(|case| case.case_id.starts_with(group));
    let mut found: Vec<f64> = own.map(|case| case.fraction.unit_denominator.abs()).collect();
    assert_eq!(found.len(), 24);
    found.sort_by(f64::total_cmp);
    found
}

fn median(ascending: &[f64]) -> f64 {
    f64::midpoint(ascending[11], ascending[12])
}

/// Median denominator of subjects that begin their prompt with several tokens, over that of subjects which are the first token.
fn ratio(scan: &Scan) -> f64 {
    median(&denominators(scan, "normal-first")) / median(&denominators(scan, "hard"))
}

fn first_token(which: &str, swap_positions: bool) -> Vec<Measurement> {
    let texts = std::fs::read_to_string(world("texts.txt")).unwrap();
    let texts: Vec<&str> = texts.lines().collect();
    let plan = FirstTokenPlan { layers: vec![0], swap_positions, ..FirstTokenPlan::default() };
    measure(&open(which), &texts, &plan, &CPU, |_, _| ()).unwrap().measurements
}

/// The keys of layer 0, as the model is.
fn keys_of(measurements: &[Measurement]) -> &Measurement {
    measurements.iter().find(|m| m.site == Some(Site::Key) && m.swap.is_none() && m.position == 0).unwrap()
}

#[test]
fn keys_of_first_tokens_lie_apart_from_all_others_and_on_one_another() {
    let found = first_token("model", false);
    let separation = keys_of(&found).found.as_ref().unwrap();
    assert!(separation.mahalanobis.auroc >= 0.99, "{}", separation.mahalanobis.auroc);
    assert!(separation.mutual_cosine >= 0.95, "{}", separation.mutual_cosine);
    let control = first_token("control", false);
    let control = keys_of(&control).found.as_ref().unwrap();
    assert!(control.mutual_cosine < 0.9, "{}", control.mutual_cosine);
}

#[test]
fn the_denominator_of_a_first_token_subject_is_a_fraction_of_any_other() {
    let scan = scanned("model");
    assert!(ratio(&scan) >= 20.0, "{}", ratio(&scan));
    assert!(denominators(&scan, "hard")[23] < 0.15);
    for group in ["normal-first", "normal-later"] {
        assert!(denominators(&scan, group)[0] > 0.25);
    }
    assert!(ratio(&scanned("control")) < 4.0);
}

#[test]
fn with_one_key_in_both_places_no_denominator_is_small() {
    for case in scanned("model").cases {
        assert!(case.fraction.consistent_unit_denominator > 0.25, "{}", case.case_id);
    }
}

#[test]
fn the_verdict_foresees_collapse_for_every_first_token_subject_and_for_no_other() {
    let levels = |which, group: &str, level| {
        let scan = scanned(which);
        let own = scan.cases.iter().filter(|case| case.case_id.starts_with(group));
        own.filter(|case| case.verdict.level == level).count()
    };
    assert_eq!(levels("model", "hard", Level::Collapse), 24);
    assert_eq!(levels("model", "normal", Level::Collapse), 0);
    assert_eq!(levels("control", "", Level::Collapse), 0);
}

/// Mahalanobis distance of first keys from later ones, over that of later ones among themselves.
fn distance(measurement: &Measurement) -> f64 {
    let mahalanobis = &measurement.found.as_ref().unwrap().mahalanobis;
    mahalanobis.first_mean / mahalanobis.later_mean
}

#[test]
fn the_position_makes_the_key_and_moves_with_its_embedding() {
    let found = first_token("model", true);
    let swapped = |position, by| {
        let matching = |m: &&Measurement| {
            m.site == Some(Site::Key)
                && m.swap.as_ref().is_some_and(|swap| (swap.position, swap.by) == (position, by))
        };
        found.iter().find(matching).unwrap()
    };
    let as_it_is = distance(keys_of(&found));
    assert!(distance(swapped(0, 1)) < as_it_is / 2.0, "{} {as_it_is}", distance(swapped(0, 1)));
    assert!(distance(swapped(1, 0)) > as_it_is / 2.0, "{} {as_it_is}", distance(swapped(1, 0)));
}
