//! `diagnose edit --replay`: the edits of a ledger made again, and the checkpoint written.

use std::path::Path;

use super::args::EditArgs;
use super::failure::Failure;
use super::progress::Unit;
use super::settings::Settings;
use super::{exit, output};
use crate::deltas::Progress as _;
use crate::model::Model;
use crate::reader::Ledger;
use crate::report::{ReplayReport, write_checkpoint};
use crate::sequence::{Extent, replay};

/// Replays, writes and reports.
pub(super) fn run(path: &Path, args: &EditArgs, settings: &Settings) -> Result<u8, Failure> {
    let format = settings.format_beside_output(&ReplayReport::FORMATS)?;
    let Some(destination) = settings.output.as_deref() else {
        return Err(
            Failure::new("usage", "a replay writes a checkpoint, and no place is named").hint("add -o DIR")
        );
    };
    let ledger = Ledger::read(path)?;
    let mut model = Model::open(&args.model, &settings.limits, settings.io)?;
    let extent = match (args.upto, args.only_step) {
        (Some(n), _) => Extent::Upto(n),
        (None, Some(step)) => Extent::Only(step),
        (None, None) => Extent::All,
    };
    let narrator = settings.counter(Unit::Things("steps"));
    let asked = match extent {
        Extent::All => ledger.lines.len(),
        Extent::Upto(n) => n,
        Extent::Only(_) => 1,
    };
    narrator.begin("replaying", asked as u64);
    let mut steps = 0;
    let replayed = replay(&mut model, &ledger, extent, &settings.limits, &mut || {
        steps += 1;
        narrator.advance(1);
    });
    narrator.end();
    let tensors = replayed.map_err(|error| Failure::from(error).at(path))?.tensors(&model)?;
    write_checkpoint(model.checkpoint(), &tensors, destination)?;
    let report =
        ReplayReport { ledger: &ledger, model: &args.model, steps, tensors: &tensors, written: destination };
    let page = settings.page(0);
    output::write(None, |out| report.write(format, &page, out))?;
    Ok(exit::OK)
}
