//! `diagnose completions` and `diagnose man`: made from the arguments, so that they cannot fall behind.

use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use super::args::Cli;
use super::failure::Failure;
use super::settings::Settings;
use super::{exit, output};

/// Writes the completions of a shell.
pub(super) fn completions(shell: Shell, settings: &Settings) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "diagnose", &mut script);
    output::write(settings.output.as_deref(), |out| out.write_all(&script))?;
    Ok(exit::OK)
}

/// Writes the manual page, or a page a command into a directory.
pub(super) fn man(dir: Option<&Path>, settings: &Settings) -> Result<u8, Failure> {
    match dir {
        None => output::write(settings.output.as_deref(), |out| {
            clap_mangen::Man::new(Cli::command()).render(out)
        })?,
        Some(dir) => {
            let pages =
                std::fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(Cli::command(), dir));
            pages.map_err(|error| {
                Failure::new("output", format!("cannot write manual pages into {}: {error}", dir.display()))
                    .at(dir)
            })?;
        }
    }
    Ok(exit::OK)
}
