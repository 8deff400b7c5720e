//! Checks as `JUnit` XML: what CI systems show as tests. A warning passes, with its sentence as output.

use std::io::{self, Write};

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::checks::{Check, Outcome};
use crate::tensor::Printable;

/// One suite, named after the command.
pub(super) fn write(command: &str, checks: &[Check], out: &mut dyn Write) -> io::Result<()> {
    let mut suite = TestSuite::new(format!("diagnose {command}"));
    suite.add_test_cases(checks.iter().map(|check| case(command, check)));
    let mut report = Report::new("diagnose");
    report.add_test_suite(suite);
    // Made whole first: a pipe that was closed has to stay known as one.
    out.write_all(report.to_string().map_err(io::Error::other)?.as_bytes())
}

fn case(command: &str, check: &Check) -> TestCase {
    let message = Printable(&check.message).to_string();
    let mut status = match check.outcome {
        Outcome::Failed => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Outcome::Skipped => TestCaseStatus::skipped(),
        Outcome::Warned | Outcome::Passed => TestCaseStatus::success(),
    };
    if matches!(check.outcome, Outcome::Failed | Outcome::Skipped) {
        status.set_message(message.clone()).set_type(check.rule.id);
    }
    let mut case = TestCase::new(Printable(&check.name).to_string(), status);
    case.set_classname(format!("diagnose.{command}"));
    if check.outcome == Outcome::Warned {
        case.set_system_out(message);
    }
    case
}
