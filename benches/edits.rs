//! ROME edits, one after the other, each on the model as the one before it left it: seconds of each, a JSON line in all.
//!
//! ```text
//! cargo bench --bench edits -- MODEL CASES CONTEXTS LAYER EDITS [MOMENT]
//! ```
//!
//! CASES are gone through again and again until there were so many edits. With MOMENT the key is adjusted by it. The hyper-parameters are the published ones of
//! GPT-2 (20 passes, learning rate 0.5), with no early stop, so that every edit takes all of its passes. `benches/peers/edits.sh` puts the published algorithm beside it.

#![expect(clippy::indexing_slicing, reason = "a script that times")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::time::Instant;

use collapse_diagnostics::edit::{History, Hparams, KeyChoice, Method, Request, Setup, edit};
use collapse_diagnostics::keys::Adjustment;
use collapse_diagnostics::model::Model;
use collapse_diagnostics::reader::{IoMode, Limits, SecondMoment, read_cases, read_contexts};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [model, cases, contexts, layer, edits, moment @ ..] = arguments.as_slice() else {
        return Err("needed are MODEL CASES CONTEXTS LAYER EDITS [MOMENT]".into());
    };
    let (limits, io, layer) = (Limits::default(), IoMode::Auto, layer.parse()?);
    let mut model = Model::open(Path::new(model), &limits, io)?;
    let cases = read_cases(Path::new(cases))?.into_iter().collect::<Result<Vec<_>, _>>();
    let cases = cases.map_err(|bad| bad.reason)?;
    let contexts = read_contexts(Path::new(contexts))?;
    let mut moments = BTreeMap::new();
    if let Some(moment) = moment.first() {
        let moment = SecondMoment::read(Path::new(moment), None, &limits, io)?;
        moments.insert(layer, Adjustment::new(moment, 0.0)?);
    }
    let adjusted = !moments.is_empty();
    let hparams = Hparams {
        layers: vec![layer],
        early_stop_loss: 0.0,
        mom2_adjustment: adjusted,
        ..Hparams::default()
    };
    let method = Method::Rome(KeyChoice::CRome);
    let setup = Setup {
        method,
        hparams: &hparams,
        contexts: &contexts,
        moments: &moments,
        rect: None,
        null_space: None,
    };
    let (mut seconds, mut losses) = (Vec::new(), Vec::new());
    for case in cases.iter().cycle().take(edits.parse()?) {
        let begin = Instant::now();
        let request = Request::of(case, &model)?;
        let found = edit(&mut model, &[request], &setup, &mut History::default())?;
        seconds.push(begin.elapsed().as_secs_f64());
        let passes = &found.requests[0].value.passes;
        assert_eq!(passes.len(), hparams.v_num_grad_steps);
        losses.push(passes[0].total);
    }
    let quarter = seconds.len().div_ceil(4);
    let [first, last] = [&seconds[..quarter], &seconds[seconds.len() - quarter..]].map(median);
    let (units, middle, check) = (seconds.len(), median(&seconds), losses[0]);
    println!(
        r#"{{"way": "diagnose", "seconds": {middle}, "units": 1, "check": {check}, "edits": {units}, "first_quarter": {first}, "last_quarter": {last}}}"#
    );
    Ok(())
}

/// Median, in seconds an edit.
fn median(seconds: &[f64]) -> f64 {
    let mut ascending = seconds.to_vec();
    ascending.sort_by(f64::total_cmp);
    ascending[ascending.len() / 2]
}
