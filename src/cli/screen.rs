//! `diagnose keys --screen`: where the subjects of a dataset stand, from the tokenizer alone.

use std::path::Path;

use super::args::{KeysArgs, KeysLevel};
use super::failure::Failure;
use super::output;
use super::settings::Settings;
use crate::keys::{self, ScreenSummary};
use crate::model::Tokenizer;
use crate::reader::{self, BAD_RECORD};
use crate::report::{Format, ScreenReport};

/// Screens and reports; the exit code says whether a subject is at risk, where that was asked.
///
/// A case whose position is refused is a finding; a record that is no case is a failed check. A file of which not one case
/// can be screened is reported and is a failure.
pub(super) fn run(
    cases_path: &Path,
    model: &Path,
    args: &KeysArgs,
    settings: &Settings,
) -> Result<u8, Failure> {
    let format = settings.format(&Format::without_checks())?;
    if args.fail_on == Some(KeysLevel::Collapse) {
        return Err(Failure::new("usage", "--screen sees no key, so no case of it is a collapse")
            .hint("use --fail-on at-risk, or --case to measure the keys"));
    }
    let tokenizer = Tokenizer::open(model)?;
    let cases = reader::read_cases(cases_path)?;
    let screened = keys::screen(&tokenizer, &cases);
    let report = ScreenReport {
        screened: &screened,
        cases: &cases_path.to_string_lossy(),
        model: &model.to_string_lossy(),
        tokenizer_sha256: tokenizer.sha256(),
    };
    output::write(settings.output.as_deref(), |out| report.write(format, &settings.page(args.top), out))?;
    let summary = &screened.summary;
    if summary.screened == 0 {
        let message =
            format!("cannot screen any of the {} records of {}", summary.cases, cases_path.display());
        return Err(Failure::new("nothing-screened", message).at(cases_path));
    }
    Ok(output::judged(&failed_checks(args.fail_on, summary), settings.quiet))
}

/// The checks that do not hold, each in a sentence; that every record is a case is one of them.
fn failed_checks(fail_on: Option<KeysLevel>, summary: &ScreenSummary) -> Vec<String> {
    let cases = summary.at_risk;
    let at_risk = (fail_on == Some(KeysLevel::AtRisk) && cases > 0).then(|| {
        format!("check failed: --fail-on at-risk: {cases} of the subjects are read at the first position")
    });
    let bad = summary.refused.get(BAD_RECORD).copied().unwrap_or(0);
    let unusable =
        (bad > 0).then(|| format!("check failed: {bad} of {} records are no cases", summary.cases));
    at_risk.into_iter().chain(unusable).collect()
}
