//! The kernels on a CUDA device: first whether they are right, then how fast they are.
//!
//! ```text
//! gpu [--device N] [--seed S] [--dir DIR] [--checks-only]     checks, then times; a line a figure, tab-separated: name, value, unit
//! ```
//!
//! Inputs are new each time, from the seed that is printed. Times are those of the device's own clock, the best of several, with
//! buffers far larger than its caches. Without a device it says so and exits with 2. `gpu.sh` runs it beside `PyTorch`.

#![expect(clippy::cast_possible_truncation, reason = "a script that times")]

mod checks;
mod inputs;
mod times;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use collapse_diagnostics::gpu::{CudaDevice, Machine};

pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Outcome<()> {
    let args: Vec<String> = std::env::args().collect();
    let after = |flag: &str| args.iter().position(|arg| arg == flag).and_then(|at| args.get(at + 1));
    let ordinal = after("--device").map_or(Ok(0), |text| text.parse())?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() as u64;
    let seed = after("--seed").map_or(Ok(now), |text| text.parse())?;
    let folder = after("--dir").map_or_else(std::env::temp_dir, PathBuf::from);
    let device = match CudaDevice::open(ordinal) {
        Ok(device) => Arc::new(device),
        // One bench among others, as `cargo bench` says with this flag: the others go on.
        Err(reason) if args.iter().any(|arg| arg == "--bench") => {
            println!("SKIPPED: the kernels on a GPU, because {reason}");
            return Ok(());
        }
        Err(reason) => return Err(reason.into()),
    };
    let info = device.info();
    let (major, minor) = info.compute_capability;
    println!("# {}, compute capability {major}.{minor}, {} GiB, seed {seed}", info.name, info.memory >> 30);
    let machine: Arc<dyn Machine> = device.clone();
    checks::all(&machine, seed)?;
    if args.iter().any(|arg| arg == "--checks-only") { Ok(()) } else { times::all(&device, seed, &folder) }
}
