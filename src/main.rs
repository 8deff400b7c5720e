//! `diagnose`: reads the arguments, does what they ask for, tells what could not be done.

use std::ffi::OsString;
use std::process::ExitCode;

use collapse_diagnostics::cli::{self, Teller};

fn main() -> ExitCode {
    let typed: Vec<OsString> = std::env::args_os().collect();
    let mut teller = Teller::of(&typed);
    let done = cli::with_settings(typed).and_then(|args| {
        teller = Teller::of(&args.words);
        cli::run(cli::parse(args)?)
    });
    let code = done.unwrap_or_else(|failure| teller.tell(&failure));
    ExitCode::from(code)
}
