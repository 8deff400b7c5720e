//! `diagnose keys`: whether ROME would break a model on a fact.

use super::args::KeysArgs;
use super::failure::Failure;
use super::screen;
use super::settings::Settings;

/// Screens a dataset where that was asked for.
pub(super) fn run(args: &KeysArgs, settings: &Settings) -> Result<u8, Failure> {
    if let (Some(cases), Some(model)) = (&args.screen, &args.model) {
        return screen::run(cases, model, args, settings);
    }
    Err(Failure::new("usage", "the keys themselves are not measured yet").hint("use --screen FILE"))
}
