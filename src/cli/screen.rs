//! `diagnose keys --screen`: where the subjects of a dataset stand, from the tokenizer alone.

use std::path::Path;

use super::args::{KeysArgs, KeysLevel};
use super::failure::Failure;
use super::settings::Settings;
use super::{deltas, exit, output};
use crate::keys;
use crate::model::{ModelError, Tokenizer};
use crate::reader;
use crate::report::{Format, ScreenReport};

/// Screens and reports; the exit code says whether a subject is at risk, where that was asked.
///
/// A file of which not one case can be screened is reported and is a failure.
pub(super) fn run(
    cases_path: &Path,
    model: &Path,
    args: &KeysArgs,
    settings: &Settings,
) -> Result<u8, Failure> {
    let format = settings.format(&Format::ALL)?;
    if args.fail_on == Some(KeysLevel::Collapse) {
        return Err(Failure::new("usage", "--screen sees no key, so no case of it is a collapse")
            .hint("use --fail-on at-risk, or --case to measure the keys"));
    }
    let tokenizer = Tokenizer::open(model).map_err(unusable)?;
    let cases = reader::read_cases(cases_path).map_err(deltas::unreadable)?;
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
        let message = format!("cannot screen any of the {} records of {}", summary.cases, cases_path.display());
        return Err(Failure::new("nothing-screened", message).at(cases_path));
    }
    let failed = args.fail_on == Some(KeysLevel::AtRisk) && summary.at_risk > 0;
    if failed && !settings.quiet {
        let cases = summary.at_risk;
        output::tell(&format!("check failed: --fail-on at-risk: {cases} subjects are read at the first position"));
    }
    Ok(if failed { exit::CHECK_FAILED } else { exit::OK })
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn unusable(error: ModelError) -> Failure {
    let mut failure = Failure::new(error.kind(), format!("cannot read {error}"));
    if let Some(path) = error.path() {
        failure = failure.at(path);
    }
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
