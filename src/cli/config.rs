//! Settings of a file and of the environment, beneath the arguments as typed.
//!
//! ```text
//! a flag                       is taken
//! DIAGNOSE_<OPTION>            where no flag says otherwise: global options alone, read by the argument parser
//! --config FILE, else          where neither does: global options at the top, a table a command
//! ./diagnose.toml, else
//! ~/.config/diagnose/diagnose.toml
//! ```
//!
//! What a file sets becomes arguments before they are parsed, so that a value means the same and is refused alike wherever it
//! stands. A file cannot say where to write: it may have come with a model.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory};

use super::args::Cli;
use super::failure::Failure;
use super::output::tell;
use crate::reader::{Config, ConfigEntry, ConfigValue, read_config};

/// Name of the file, in the current folder and in the user's.
const NAME: &str = "diagnose.toml";

/// Options that no file may set: where it is itself, and places that are written to.
const TYPED_ONLY: [&str; 6] = ["benchmark-json", "config", "contexts-out", "ledger", "output", "plot"];

/// What is to be parsed.
#[derive(Debug)]
pub struct Arguments {
    /// As typed, with those of the file; the program's name first.
    pub words: Vec<OsString>,
    /// The file that some of them come from.
    pub(super) file: Option<PathBuf>,
}

/// Puts what a file of settings says under the arguments as typed.
///
/// # Errors
/// A [`Failure`] with file and line, where the file cannot be read or sets what no option takes.
pub fn with_settings(mut words: Vec<OsString>) -> Result<Arguments, Failure> {
    // Wrong arguments are told when they are parsed in earnest; help and the version need no file.
    let Ok(typed) = Cli::command().ignore_errors(true).try_get_matches_from(&words) else {
        return Ok(Arguments { words, file: None });
    };
    let Some((name, given)) = typed.subcommand() else { return Ok(Arguments { words, file: None }) };
    let Some(path) = file_of(given.get_one::<PathBuf>("config")) else {
        return Ok(Arguments { words, file: None });
    };
    let config = read_config(&path)?;
    let added = arguments(&config, name, given)?;
    if given.get_count("verbose") > 0 || added.iter().any(|word| word == "--verbose") {
        tell(&format!("settings from {}", path.display()));
    }
    let file = (!added.is_empty()).then_some(path);
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    words.splice(end..end, added.into_iter().map(OsString::from));
    Ok(Arguments { words, file })
}

/// Where arguments come from that were not typed: the file, and variables of the environment.
pub(super) fn origins(file: Option<&Path>) -> Vec<String> {
    let file = file.map(|file| file.display().to_string());
    let root = Cli::command();
    let variables =
        root.get_arguments().filter_map(Arg::get_env).filter(|name| std::env::var_os(name).is_some());
    file.into_iter().chain(variables.map(|name| name.to_string_lossy().into_owned())).collect()
}

/// The file that counts: the one that was named (`none` is none), else the first that is there.
fn file_of(named: Option<&PathBuf>) -> Option<PathBuf> {
    if let Some(named) = named {
        return (named != Path::new("none")).then(|| named.clone());
    }
    let folder = |variable| std::env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
    let home = || folder("HOME").map(|home| home.join(".config"));
    let of_user = folder("XDG_CONFIG_HOME").or_else(home).map(|folder| folder.join("diagnose").join(NAME));
    [Some(PathBuf::from(NAME)), of_user].into_iter().flatten().find(|path| path.is_file())
}

/// What the file sets and nothing else does. Entries of other commands are checked as well.
fn arguments(config: &Config, name: &str, given: &ArgMatches) -> Result<Vec<String>, Failure> {
    let root = Cli::command();
    let mut added = Vec::new();
    for entry in &config.entries {
        let refused = |(reason, hint): (String, String)| {
            let message = format!("cannot take {}, line {}: {reason}", config.path.display(), entry.line);
            Failure::new("config", message).at(&config.path).hint(hint)
        };
        let (command, option) = option_of(&root, entry).map_err(refused)?;
        let words = words(option, entry).map_err(refused)?;
        let concerned = entry.table.as_deref().is_none_or(|table| table == name);
        if concerned && !decided(command, option, given) {
            added.extend(words);
        }
    }
    Ok(added)
}

/// Why an entry is refused, and what would help.
type Refusal = (String, String);

/// The command and its option that an entry means.
fn option_of<'c>(root: &'c Command, entry: &ConfigEntry) -> Result<(&'c Command, &'c Arg), Refusal> {
    let key = &entry.key;
    let (command, owner) = match &entry.table {
        None => (root, "every command has".to_owned()),
        Some(table) => {
            let command = root.find_subcommand(table).ok_or_else(|| {
                (format!("no command is called {table}"), "'diagnose --help' lists the commands".to_owned())
            })?;
            (command, format!("{table} has"))
        }
    };
    let mut options = command.get_arguments();
    let option = options.find(|option| option.get_long() == Some(key)).ok_or_else(|| {
        let hint = match &entry.table {
            None => "options of one command stand in a table, such as [deltas]".to_owned(),
            Some(table) => {
                format!("keys are long options as 'diagnose {table} --help' lists them, such as fail-on")
            }
        };
        (format!("no option that {owner} is called {key}"), hint)
    })?;
    if TYPED_ONLY.contains(&key.as_str()) {
        let reason = format!("{key} cannot be set in a file");
        return Err((
            reason,
            format!("type --{key} where it is meant; a file decides over no place to write to"),
        ));
    }
    Ok((command, option))
}

/// The entry as it would be typed.
fn words(option: &Arg, entry: &ConfigEntry) -> Result<Vec<String>, Refusal> {
    let flag = format!("--{}", entry.key);
    let is_flag = matches!(option.get_action(), ArgAction::SetTrue | ArgAction::Count);
    let several = matches!(option.get_action(), ArgAction::Append);
    let may_stand_alone = is_flag || option.get_num_args().is_some_and(|values| values.min_values() == 0);
    let values = match &entry.value {
        ConfigValue::Switch(on) if may_stand_alone => return Ok(on.then_some(flag).into_iter().collect()),
        ConfigValue::Text(text) if !is_flag => std::slice::from_ref(text),
        ConfigValue::Texts(texts) if several => texts,
        _ => {
            let takes = match (is_flag, several) {
                (true, _) => "true or false",
                (false, true) => "texts or numbers",
                (false, false) => "one text or number",
            };
            return Err((format!("{} takes {takes}", entry.key), "only a text stands in quotes".to_owned()));
        }
    };
    check(option, values)?;
    Ok(values.iter().map(|value| format!("{flag}={value}")).collect())
}

/// Parses each value as this option would, and nothing but it.
fn check(option: &Arg, values: &[String]) -> Result<(), Refusal> {
    let name = option.get_long().unwrap_or_default();
    let alone = Arg::new(option.get_id().clone())
        .value_names(option.get_value_names().unwrap_or_default().to_vec())
        .value_parser(option.get_value_parser().clone())
        .allow_hyphen_values(true);
    let command = Command::new("diagnose").no_binary_name(true).arg(alone);
    values.iter().try_for_each(|value| match command.clone().try_get_matches_from([value]) {
        Ok(_) => Ok(()),
        Err(error) => {
            let (reason, _) = Failure::usage(&error).into_parts();
            Err((format!("{name}: {reason}"), format!("the value is that of --{name}")))
        }
    })
}

/// Whether flag or environment set this option, or a flag what excludes it.
fn decided(command: &Command, option: &Arg, given: &ArgMatches) -> bool {
    let source = |option: &Arg| given.value_source(option.get_id().as_str());
    let excludes = |other: &&Arg| {
        let named = |one, other: &Arg| {
            command.get_arg_conflicts_with(one).iter().any(|found| found.get_id() == other.get_id())
        };
        let grouped = command.get_groups().any(|group| {
            let holds = |option: &Arg| group.get_args().any(|id| id == option.get_id());
            !group.clone().is_multiple() && holds(option) && holds(other)
        });
        other.get_id() != option.get_id() && (grouped || named(option, other) || named(other, option))
    };
    let typed = |option: &Arg| source(option) == Some(ValueSource::CommandLine);
    typed(option)
        || source(option) == Some(ValueSource::EnvVariable)
        || command.get_arguments().filter(excludes).any(typed)
}
