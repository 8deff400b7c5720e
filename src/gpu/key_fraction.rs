//! The sums that the fractions of ROME updates rest on, for many cases at once: `kernels/key_fraction.cu`.

#![expect(unsafe_code, reason = "a launch takes addresses")]

use super::sources::KEY_FRACTION;
use super::{GpuError, Launch, Machine, Memory, Queue};

/// Threads of a block, by default: more find nothing to do.
pub const BLOCK: u32 = 256;

const SUMS: usize = 8;

/// The vectors of some cases, each `(cases, length)` f64, row-major, in memory of one machine.
#[derive(Clone, Copy, Debug)]
pub struct KeyBatch<'a, 'm> {
    /// Cases.
    pub cases: usize,
    /// f, the length of each vector.
    pub length: usize,
    /// kᵘ.
    pub unprefixed: &'a Memory<'m>,
    /// k̄.
    pub mean: &'a Memory<'m>,
    /// r = C⁻¹k̄.
    pub adjusted: &'a Memory<'m>,
    /// q = C⁻¹(kᵘ − k̄), where it is known.
    pub apart_adjusted: Option<&'a Memory<'m>>,
}

/// The sums of one case.
///
/// ```text
/// cos(kᵘ, k̄) = unprefixed_mean / √(unprefixed · mean)     ‖kᵘ − k̄‖ = √apart     Mahalanobis distance = √mahalanobis
/// unit denominator = denominator / √adjusted               denominator ratio = denominator / consistent_denominator
/// ```
///
/// Degenerate: vectors of length 0 have sums of 0. What is not finite goes into the sums as it is, and stays in its case.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FractionSums {
    /// ‖kᵘ‖².
    pub unprefixed: f64,
    /// ‖k̄‖².
    pub mean: f64,
    /// ‖r‖².
    pub adjusted: f64,
    /// rᵀkᵘ.
    pub denominator: f64,
    /// rᵀk̄.
    pub consistent_denominator: f64,
    /// kᵘᵀk̄.
    pub unprefixed_mean: f64,
    /// ‖kᵘ − k̄‖².
    pub apart: f64,
    /// (kᵘ − k̄)ᵀq, where q is known.
    pub mahalanobis: Option<f64>,
}

/// The sums of each case, with a block of that many threads, rounded to whole warps.
///
/// Bits depend on the case's vectors alone. Error: see the file.
///
/// # Errors
/// [`GpuError::Shape`] where a memory is shorter than its vectors or there are 2³¹ cases; [`GpuError::Driver`] where they
/// are not of one machine; what the machine says.
pub fn key_fraction(keys: &KeyBatch<'_, '_>, block: u32) -> Result<Vec<FractionSums>, GpuError> {
    let machine = keys.mean.machine();
    let needs = keys.cases.saturating_mul(keys.length).saturating_mul(size_of::<f64>());
    for memory in [keys.unprefixed, keys.mean, keys.adjusted].into_iter().chain(keys.apart_adjusted) {
        if memory.bytes() < needs {
            return Err(GpuError::Shape { what: "a vector of each case", needs, has: memory.bytes() });
        }
        if !memory.lies_on(machine) {
            let reason = format!("the vectors lie on {} and on {}", machine.name(), memory.machine().name());
            return Err(GpuError::Driver { doing: "key_fraction".to_owned(), reason });
        }
    }
    if keys.cases == 0 {
        return Ok(Vec::new());
    }
    let too_many = GpuError::Shape { what: "a block a case", needs: keys.cases, has: i32::MAX as usize };
    let blocks = i32::try_from(keys.cases).map_err(|_| too_many)?.unsigned_abs();
    let out = Memory::new(machine, keys.cases * SUMS * size_of::<f64>())?;
    launch(machine, keys, &out, [blocks, 1, 1], (block / 32).clamp(1, 32) * 32)?;
    let sums: Vec<f64> = out.read(Queue::First)?;
    let of_case = |case: &[f64; SUMS]| {
        let [unprefixed, mean, adjusted, denominator, consistent_denominator, unprefixed_mean, apart, last] =
            *case;
        FractionSums {
            unprefixed,
            mean,
            adjusted,
            denominator,
            consistent_denominator,
            unprefixed_mean,
            apart,
            mahalanobis: keys.apart_adjusted.map(|_| last),
        }
    };
    Ok(sums.as_chunks().0.iter().map(of_case).collect())
}

fn launch(
    machine: &dyn Machine,
    keys: &KeyBatch<'_, '_>,
    out: &Memory<'_>,
    grid: [u32; 3],
    block: u32,
) -> Result<(), GpuError> {
    let launch = Launch { source: &KEY_FRACTION, function: "key_fraction", grid, block };
    let arguments = [
        keys.unprefixed.address(),
        keys.mean.address(),
        keys.adjusted.address(),
        keys.apart_adjusted.map_or(0, Memory::address),
        out.address(),
        keys.length as u64,
    ];
    // SAFETY: every vector has a row a case, and `out` eight sums a case, on this machine; all are waited for with `out`.
    unsafe { machine.launch(Queue::First, launch, &arguments) }
}
