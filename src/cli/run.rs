//! From arguments to an exit code.

use clap::Parser;
use clap::error::ErrorKind;

use super::args::{Cli, Command};
use super::config::Arguments;
use super::failure::Failure;
use super::settings::Settings;
use super::{
    completions, config, correlate, deltas, doctor, edit, evaluate, exit, first_token, keys, moments, output,
    perplexity, regress, report, reproduce, sequence, trace,
};

/// What was asked for.
#[derive(Debug)]
pub struct Invocation(Asked);

#[derive(Debug)]
enum Asked {
    /// A command.
    Run(Box<Cli>),
    /// Help or the version; help without being asked where there is no command.
    Show(clap::Error),
}

/// Reads the arguments.
///
/// # Errors
/// A [`Failure`] where they make no sense.
pub fn parse(Arguments { words, file }: Arguments) -> Result<Invocation, Failure> {
    match Cli::try_parse_from(words) {
        Ok(cli) => Ok(Invocation(Asked::Run(Box::new(cli)))),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Ok(Invocation(Asked::Show(error))),
            _ => Err(Failure::usage(&error).with_settings_of(&config::origins(file.as_deref()))),
        },
    }
}

/// Does what was asked for and gives the exit code.
///
/// # Errors
/// A [`Failure`] where it could not be done.
pub fn run(Invocation(asked): Invocation) -> Result<u8, Failure> {
    let cli = match asked {
        Asked::Show(text) => return show(&text),
        Asked::Run(cli) => *cli,
    };
    let settings = Settings::of(cli.global)?;
    if !matches!(cli.command, Command::Edit(_) | Command::Reproduce(_)) {
        output::check(settings.output.as_deref())?;
    }
    match cli.command {
        Command::Deltas(args) => deltas::run(&args, &settings),
        Command::Keys(args) => keys::run(&args, &settings),
        Command::Edit(args) => edit::run(&args, &settings),
        Command::Evaluate(args) => evaluate::run(&args, &settings),
        Command::Reproduce(args) => reproduce::run(&args, &settings),
        Command::Perplexity(args) => perplexity::run(&args, &settings),
        Command::Regress(args) => regress::run(&args, &settings),
        Command::Moments(args) => moments::run(&args, &settings),
        Command::FirstToken(args) => first_token::run(&args, &settings),
        Command::Trace(args) => trace::run(&args, &settings),
        Command::Correlate(args) => correlate::run(&args, &settings),
        Command::Sequence(args) => sequence::run(&args, &settings),
        Command::Report(args) => report::run(&args, &settings),
        Command::Doctor => doctor::run(&settings),
        Command::Completions { shell } => completions::completions(shell, &settings),
        Command::Man { dir } => completions::man(dir.as_deref(), &settings),
    }
}

/// Help that nobody asked for goes to stderr and is a failure.
fn show(text: &clap::Error) -> Result<u8, Failure> {
    match text.print() {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new("output", format!("cannot write the help: {error}")))
        }
        _ if text.use_stderr() => Ok(exit::CANNOT),
        _ => Ok(exit::OK),
    }
}
