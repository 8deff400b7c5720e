//! `diagnose`: reads the arguments, does what they ask for, tells what could not be done.

use std::ffi::OsString;
use std::process::ExitCode;

use collapse_diagnostics::cli::{self, Teller};

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    let teller = Teller::of(&args);
    let code = cli::parse(args).and_then(cli::run).unwrap_or_else(|failure| teller.tell(&failure));
    ExitCode::from(code)
}
