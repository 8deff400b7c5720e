//! Where operations run: the processor, or a machine that runs kernels.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::trial::passes;
use crate::gpu::{self, GpuError, Machine};

/// Device memory that streaming takes unless told otherwise.
const MEMORY: usize = 1 << 30;

/// Bytes of work from which on a device is taken that was not asked for by name: below, opening it and compiling its
/// kernels (about a second) takes longer than the work.
const WORTH_OPENING: u64 = 32 << 30;

/// How a machine is found.
pub type Finder = fn() -> Result<Arc<dyn Machine>, GpuError>;

/// Where a person wants operations to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// A device where one answers and the work is large enough.
    Auto,
    /// The processor.
    #[default]
    Cpu,
    /// The CUDA device of that ordinal.
    Cuda(usize),
}

/// Where operations run; the default is the processor. Clones are the same device.
#[derive(Clone, Default)]
pub struct Device {
    place: Place,
    memory: Option<usize>,
}

/// The processor.
pub static CPU: Device = Device { place: Place::Cpu, memory: None };

#[derive(Clone, Default)]
enum Place {
    #[default]
    Cpu,
    /// Found when the first operation is large enough; `None` where there is none, or none that passes a trial.
    Auto(Finder, Arc<OnceLock<Option<Arc<dyn Machine>>>>),
    Machine(Arc<dyn Machine>),
}

impl Device {
    /// As a person chose. A device that is named is opened now, one that is not when there is enough to do.
    ///
    /// # Errors
    /// [`GpuError`] where a device is named that is not there, or cannot be opened.
    pub fn choose(choice: Choice) -> Result<Self, GpuError> {
        let place = match choice {
            Choice::Cpu => Place::Cpu,
            Choice::Auto => return Ok(Self::auto(|| gpu::open(0))),
            Choice::Cuda(ordinal) => Place::Machine(gpu::open(ordinal)?),
        };
        Ok(Self { place, memory: None })
    }

    /// As [`Choice::Auto`], with what `find` finds: it is tried on a small pair first, and left alone where it fails.
    pub fn auto(find: Finder) -> Self {
        Self { place: Place::Auto(find, Arc::default()), memory: None }
    }

    /// A machine that is there already.
    pub fn on(machine: Arc<dyn Machine>) -> Self {
        Self { place: Place::Machine(machine), memory: None }
    }

    /// The same with so many bytes of device memory for streaming, 1 GiB where nothing is said.
    #[must_use]
    pub fn with_memory(self, bytes: usize) -> Self {
        Self { memory: Some(bytes), ..self }
    }

    /// Bytes of device memory for streaming.
    pub(super) fn memory(&self) -> usize {
        self.memory.unwrap_or(MEMORY)
    }

    /// The machine for an operation that reads so many bytes; `None` where the processor is to do it.
    pub(super) fn machine(&self, bytes: u64) -> Option<&dyn Machine> {
        match &self.place {
            Place::Machine(machine) => Some(machine.as_ref()),
            Place::Auto(find, found) if bytes >= WORTH_OPENING || found.get().is_some() => {
                let passing = |machine: &Arc<dyn Machine>| passes(machine.as_ref()).unwrap_or(false);
                found.get_or_init(|| find().ok().filter(passing)).as_deref()
            }
            Place::Auto(..) | Place::Cpu => None,
        }
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.place {
            Place::Cpu => "cpu",
            Place::Auto(..) => "auto",
            Place::Machine(machine) => machine.name(),
        })
    }
}
