//! The global flags as they are meant: formats, terminal, threads, device.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use super::args::{Global, Io, When};
use super::failure::Failure;
use super::progress::{Narrator, Unit, Voice};
use crate::compute::{Choice, Device};
use crate::gpu;
use crate::reader::{IoMode, Limits};
use crate::report::{Format, Page, Paint};

/// What helps where a device is not there.
const DEVICE_HINT: &str = "use --device auto or --device cpu; 'diagnose doctor' shows what is there";
/// Columns of a page that no terminal shows.
const PAGE_WIDTH: usize = 100;

/// What every command works with.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// Where the report goes; stdout where there is none.
    pub(super) output: Option<PathBuf>,
    pub(super) io: IoMode,
    pub(super) limits: Limits,
    pub(super) quiet: bool,
    pub(super) verbose: bool,
    format: Option<Format>,
    color: When,
    progress: When,
    device: Choice,
    device_memory: usize,
}

impl Settings {
    /// Reads the flags and starts the threads.
    pub(super) fn of(global: Global) -> Result<Self, Failure> {
        let threads = usize::from(global.threads.unwrap_or(0));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
        pool.map_err(|error| Failure::new("threads", format!("cannot start {threads} threads: {error}")))?;
        Ok(Self {
            output: global.output,
            io: match global.io {
                Io::Auto => IoMode::Auto,
                Io::Mmap => IoMode::Mmap,
                Io::Pread => IoMode::Pread,
            },
            limits: Limits { header_bytes: global.max_header_bytes, tensors: global.max_tensors },
            quiet: global.quiet,
            verbose: global.verbose > 0,
            format: global.format,
            color: global.color,
            progress: global.progress,
            device: global.device,
            device_memory: usize::from(global.device_memory).saturating_mul(1 << 20),
        })
    }

    /// The format of a report that can be written in those: as asked, else by the output's extension, else the table.
    pub(super) fn format(&self, available: &[Format]) -> Result<Format, Failure> {
        self.format_else(available, Format::Table)
    }

    /// The same, with another format where nothing asks for one.
    pub(super) fn format_else(&self, available: &[Format], otherwise: Format) -> Result<Format, Failure> {
        let by_extension = || self.output.as_deref().map_or(Ok(None), Format::of_path);
        let format = match self.format {
            Some(format) => format,
            None => by_extension()
                .map_err(|error| {
                    Failure::new("usage", error).hint("give --format, or another extension to --output")
                })?
                .unwrap_or(otherwise),
        };
        if format == Format::Parquet && self.output.is_none() && io::stdout().is_terminal() {
            let message = "parquet is no text for a terminal";
            return Err(Failure::new("usage", message).hint("name a file with --output FILE.parquet"));
        }
        if available.contains(&format) {
            return Ok(format);
        }
        let list = Format::list(available);
        Err(Failure::new("usage", format!("this report is not written as {format}"))
            .hint(format!("it is written as {list}")))
    }

    /// The page for a format that people read.
    pub(super) fn page(&self, top: usize) -> Page {
        let terminal = self.output.is_none() && io::stdout().is_terminal();
        let colour = match self.color {
            When::Auto => terminal && colour_allowed(),
            When::Always => true,
            When::Never => false,
        };
        // A table knows the terminal that it would be printed on.
        let width = if terminal { comfy_table::Table::new().width() } else { None };
        Page { width: width.map_or(PAGE_WIDTH, usize::from), paint: Paint { colour }, top }
    }

    /// Who tells how many bytes are read.
    pub(super) fn narrator(&self) -> Narrator {
        self.counter(Unit::Bytes)
    }

    /// Who tells how far the work is.
    pub(super) fn counter(&self, unit: Unit) -> Narrator {
        let terminal = io::stderr().is_terminal();
        let voice = match self.progress {
            When::Auto | When::Always if terminal && !self.quiet => Voice::Bar,
            When::Always if !self.quiet => Voice::Lines,
            When::Auto | When::Always | When::Never => Voice::Silent,
        };
        Narrator::new(voice, unit)
    }

    /// The format of a report that goes to stdout because `--output` names another file.
    pub(super) fn format_beside_output(&self, available: &[Format]) -> Result<Format, Failure> {
        Self { output: None, ..self.clone() }.format(available)
    }

    /// Where this command computes what it has a kernel for.
    pub(super) fn device(&self) -> Result<Device, Failure> {
        let device = Device::choose(self.device).map_err(|error| {
            let named = if let Choice::Cuda(ordinal) = self.device { ordinal } else { 0 };
            Failure::new("device", format!("cannot compute on cuda:{named}: {error}")).hint(DEVICE_HINT)
        })?;
        Ok(device.with_memory(self.device_memory))
    }

    /// Refuses `--device cuda` for a command that has no kernel, with the reason that comes first: no device at all.
    pub(super) fn computes_on_cpu(&self, command: &str) -> Result<(), Failure> {
        let Choice::Cuda(ordinal) = self.device else { return Ok(()) };
        let refusal = match gpu::probe() {
            Err(reason) => format!("cannot compute on cuda:{ordinal}: {reason}"),
            Ok(devices) if !devices.iter().any(|device| device.ordinal == ordinal) => {
                format!("cannot compute on cuda:{ordinal}: the driver has {} devices", devices.len())
            }
            Ok(_) => {
                format!("cannot compute on cuda:{ordinal}: {command} has no CUDA kernel in this version")
            }
        };
        Err(Failure::new("device", refusal).hint(DEVICE_HINT))
    }
}

/// Whether the environment has nothing against colours.
pub(super) fn colour_allowed() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !refused && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}
