//! Runs `diagnose` as a user would: arguments in; exit code, stdout and stderr out.

use std::process::{Command, Stdio};

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The program, with nothing of this terminal's habits in its environment.
pub(crate) fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_diagnose"));
    command.args(args).env_remove("NO_COLOR").env_remove("COLUMNS").stdin(Stdio::null());
    command
}

/// Runs it to the end.
pub(crate) fn diagnose(args: &[&str]) -> Ran {
    let output = program(args).output().expect("the program was built with the tests");
    let text = |bytes| String::from_utf8(bytes).expect("what is written is UTF-8");
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}
