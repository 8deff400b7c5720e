//! Every kernel of `kernels/`, run on the CPU through `kernels/cpu/` and compiled for GPUs by NVRTC.
//!
//! ```text
//! DIAGNOSE_REQUIRE_KERNELS=1   a missing C++ compiler fails the tests that run kernels
//! DIAGNOSE_REQUIRE_NVRTC=1     a missing NVRTC or ptxas fails the tests that compile them
//! DIAGNOSE_REQUIRE_GPU=1       a missing CUDA device fails the tests that only a GPU can run
//! ```
//!
//! Without those variables such tests say SKIPPED and why.

#![expect(
    unsafe_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests drive raw memory and may fail"
)]

#[cfg(feature = "cuda")]
mod compiled;
mod delta_matvec;
#[cfg(feature = "cuda")]
mod driver;
mod key_fraction;
mod on_gpu;
mod operations;
mod pair_stats;
mod position_stats;
mod rank_permute;
mod second_moment;
mod shim;
mod shim_itself;
