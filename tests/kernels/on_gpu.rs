//! The checks that `benches/gpu.sh` makes on a GPU: here on the CPU always, and on a GPU where there is one.

use std::error::Error;
use std::sync::Arc;

use collapse_diagnostics::gpu::{self, Machine};

use super::shim::{Shim, need_compiler};

#[path = "../../benches/gpu/checks.rs"]
mod checks;
#[path = "../../benches/gpu/inputs.rs"]
#[expect(dead_code, reason = "the bench times with the rest")]
mod inputs;

type Outcome<T> = Result<T, Box<dyn Error>>;

const SEED: u64 = 20_261_121;

#[test]
fn what_the_bench_checks_on_a_gpu_holds_on_the_cpu() {
    need_compiler!();
    let shim: Arc<dyn Machine> = Arc::new(Shim::new(0));
    checks::all(&shim, SEED).unwrap();
}

#[test]
fn every_kernel_is_right_on_a_gpu() {
    match gpu::open(0) {
        Ok(device) => checks::all(&device, SEED).unwrap(),
        Err(reason) => {
            let required = std::env::var("DIAGNOSE_REQUIRE_GPU").as_deref() == Ok("1");
            assert!(!required, "DIAGNOSE_REQUIRE_GPU=1, and {reason}");
            eprintln!("SKIPPED: 14 checks of kernels on a GPU, because {reason}");
        }
    }
}
