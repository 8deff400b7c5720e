//! Picks the widest vector instructions of the machine at run time, once for each call of a kernel.
//!
//! A kernel is a plain loop. It is compiled three times, for AVX-512, for AVX2 with FMA and for the
//! baseline of the target, and the compiler vectorises each copy for its instructions.

#![expect(
    clippy::inline_always,
    reason = "a kernel is compiled for the instructions of its caller, see `Kernel`"
)]

/// A plain loop that is to be compiled for each set of vector instructions.
pub(super) trait Kernel {
    /// Does the work, on tiles of `ROWS` rows (as many as the registers hold; never part of the result).
    ///
    /// Implementations are `#[inline(always)]`, as is everything they call, or they would not be compiled for
    /// the instructions that were picked. Their inner loops count with an index: the adaptors of iterators
    /// are not marked so, and stay behind as calls.
    fn run<const ROWS: usize, A: Arithmetic>(self);
}

/// What the instruction sets do differently.
pub(super) trait Arithmetic {
    /// `a · b + c`.
    fn multiply_add(a: f64, b: f64, c: f64) -> f64;
}

/// Multiply and add, rounded once.
pub(super) struct Fused;

impl Arithmetic for Fused {
    #[inline(always)]
    fn multiply_add(a: f64, b: f64, c: f64) -> f64 {
        a.mul_add(b, c)
    }
}

/// A product and a sum, each rounded.
pub(super) struct Separate;

impl Arithmetic for Separate {
    #[inline(always)]
    fn multiply_add(a: f64, b: f64, c: f64) -> f64 {
        a * b + c
    }
}

/// Runs a kernel with the widest instructions of this machine.
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "the one place that calls code compiled for instructions found at run time")]
pub(super) fn run(kernel: impl Kernel) {
    use std::arch::is_x86_feature_detected as has;
    if has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl") && has!("fma") {
        // SAFETY: every feature that the function is compiled for was just found on this machine.
        unsafe { run_avx512(kernel) }
    } else if has!("avx2") && has!("fma") {
        // SAFETY: as above.
        unsafe { run_avx2(kernel) }
    } else {
        kernel.run::<4, Separate>();
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn run_avx512(kernel: impl Kernel) {
    kernel.run::<8, Fused>();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2(kernel: impl Kernel) {
    kernel.run::<4, Fused>();
}

/// Runs a kernel with the instructions that every machine of this architecture has; all of them fuse.
#[cfg(target_arch = "aarch64")]
pub(super) fn run(kernel: impl Kernel) {
    kernel.run::<4, Fused>();
}

/// Runs a kernel with the instructions that every machine of this architecture has.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) fn run(kernel: impl Kernel) {
    kernel.run::<4, Separate>();
}
