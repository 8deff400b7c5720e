//! What the activations at each position of many texts are like, some texts at a time: `kernels/position_stats.cu`.

#![expect(unsafe_code, reason = "a launch takes addresses")]

use super::sources::POSITION_STATS;
use super::{GpuError, Launch, Machine, Memory, Queue};

/// Threads of a block, by default.
pub const BLOCK: u32 = 256;

/// Words of a vector and of a position, as the kernels have them.
const PARTIALS: usize = 7;
const STATES: usize = 10;
const WORD: usize = size_of::<u64>();

/// How an activation is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActivationDtype {
    /// IEEE single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// Brain float.
    BF16,
}

impl ActivationDtype {
    const fn bytes(self) -> usize {
        if matches!(self, Self::F32) { 4 } else { 2 }
    }

    const fn function(self) -> &'static str {
        match self {
            Self::F32 => "position_stats_f32",
            Self::F16 => "position_stats_f16",
            Self::BF16 => "position_stats_bf16",
        }
    }
}

/// What the v vectors of length f at one position are like, over the texts that reach it.
///
/// A NaN is the least, the largest and the largest in size of what it stands among. Degenerate: where v = 0, every f64 but
/// the counts is NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PositionSummary {
    /// v.
    pub vectors: u64,
    /// Σ x / (v f); NaN where a value is not finite, as the next one.
    pub mean: f64,
    /// Σ (x − mean)² / (v f).
    pub variance: f64,
    /// The least x.
    pub least: f64,
    /// The largest x.
    pub largest: f64,
    /// The largest |x|.
    pub largest_size: f64,
    /// Its component, the lowest of several; of a NaN likewise. `None` where v = 0.
    pub largest_component: Option<usize>,
    /// Mean of ‖x‖.
    pub mean_norm: f64,
    /// The largest ‖x‖.
    pub largest_norm: f64,
    /// Values that are NaN.
    pub nan: u64,
    /// Values that are +∞.
    pub infinite: u64,
    /// Values that are −∞.
    pub negative_infinite: u64,
}

/// The positions of texts, summed up as the texts come.
///
/// Bits depend on the texts and their order, not on how many come at a time.
#[derive(Debug)]
pub struct PositionStats<'m> {
    state: Memory<'m>,
    positions: usize,
    length: usize,
    dtype: ActivationDtype,
    warps: u32,
}

impl<'m> PositionStats<'m> {
    /// No text yet: so many positions, vectors of that length and dtype, and blocks of that many threads, rounded to whole
    /// warps.
    ///
    /// # Errors
    /// [`GpuError::Shape`] where the length is 0 or above 2³² − 1, or positions are above 2³¹ − 1; [`GpuError::Memory`].
    pub fn new(
        machine: &'m dyn Machine,
        positions: usize,
        length: usize,
        dtype: ActivationDtype,
        block: u32,
    ) -> Result<Self, GpuError> {
        if length == 0 {
            return Err(GpuError::Shape { what: "a vector", needs: dtype.bytes(), has: 0 });
        }
        if u32::try_from(length).is_err() {
            return Err(GpuError::Shape { what: "the number of a component", needs: 8, has: 4 });
        }
        if i32::try_from(positions).is_err() {
            return Err(GpuError::Shape { what: "the number of a position", needs: 8, has: 4 });
        }
        let state = Memory::zeroed(machine, positions * STATES * WORD)?;
        Ok(Self { state, positions, length, dtype, warps: (block / 32).clamp(1, 32) })
    }

    /// Adds texts: activations `(texts, positions, length)` and how many positions each text has.
    ///
    /// Activations at or beyond a text's length do not count; a length above the number of positions is all of them.
    ///
    /// # Errors
    /// [`GpuError::Shape`] where there are fewer activations or more than 2³¹ − 1 blocks; [`GpuError::Driver`] where they
    /// lie on another machine; what the machine says. After one from the machine the sums are void.
    pub fn add(&mut self, activations: &Memory<'_>, lengths: &[u32]) -> Result<(), GpuError> {
        let machine = self.state.machine();
        let texts = lengths.len();
        let vectors = texts.saturating_mul(self.positions);
        let needs = vectors.saturating_mul(self.length).saturating_mul(self.dtype.bytes());
        if activations.bytes() < needs {
            return Err(GpuError::Shape { what: "the activations", needs, has: activations.bytes() });
        }
        if !activations.lies_on(machine) {
            let reason = format!("the activations lie on {}", activations.machine().name());
            return Err(GpuError::Driver { doing: format!("position_stats on {}", machine.name()), reason });
        }
        if vectors == 0 {
            return Ok(());
        }
        let lengths = Memory::of(machine, lengths)?;
        let partials = Memory::new(machine, vectors.saturating_mul(PARTIALS * WORD))?;
        let shape = [texts as u64, self.positions as u64, self.length as u64];
        let [texts, positions, length] = shape;
        let arguments =
            [activations.address(), lengths.address(), partials.address(), texts, positions, length];
        // SAFETY: there are as many activations, lengths and partials as the shape says; `activations` is borrowed until
        // the wait below, and the others live as long.
        unsafe { machine.launch(Queue::First, self.launch(self.dtype.function(), vectors, 1)?, &arguments) }?;
        let arguments =
            [partials.address(), lengths.address(), self.state.address(), texts, positions, length];
        // SAFETY: as above, and the state has its words a position.
        unsafe {
            machine.launch(Queue::First, self.launch("position_stats_merge", self.positions, 32)?, &arguments)
        }?;
        machine.wait(Queue::First)
    }

    /// As many blocks as there are things, so many a warp.
    fn launch(&self, function: &'static str, things: usize, a_warp: usize) -> Result<Launch, GpuError> {
        let blocks = things.div_ceil(self.warps as usize * a_warp);
        let too_many = GpuError::Shape { what: "a grid of blocks", needs: blocks, has: i32::MAX as usize };
        let blocks = i32::try_from(blocks).map_err(|_| too_many)?.unsigned_abs();
        Ok(Launch { source: &POSITION_STATS, function, grid: [blocks, 1, 1], block: self.warps * 32 })
    }

    /// Every position's summary, of the texts so far.
    ///
    /// # Errors
    /// What the machine says.
    pub fn summaries(&self) -> Result<Vec<PositionSummary>, GpuError> {
        let state: Vec<u64> = self.state.read(Queue::First)?;
        Ok((0..self.positions).map(|position| self.summary(&state, position)).collect())
    }

    fn summary(&self, state: &[u64], position: usize) -> PositionSummary {
        let word = |field: usize| state.get(field * self.positions + position).copied().unwrap_or(0);
        let [vectors, nan, infinite, negative_infinite] = [0, 7, 8, 9].map(word);
        let known = |value: f64| if vectors == 0 { f64::NAN } else { value };
        let number = |field: usize| known(f64::from_bits(word(field)));
        let finite = nan == 0 && infinite == 0 && negative_infinite == 0;
        let moment = |value: f64| if finite { value } else { f64::NAN };
        let single = |bits: u64| known(f64::from(f32::from_bits(u32::try_from(bits).unwrap_or(0))));
        let component = usize::try_from(u64::from(u32::MAX) - (word(5) & u64::from(u32::MAX))).ok();
        PositionSummary {
            vectors,
            mean: moment(number(1)),
            variance: moment(number(2) / (vectors as f64 * self.length as f64)),
            least: single(word(6) & u64::from(u32::MAX)),
            largest: single(word(6) >> 32),
            largest_size: single(word(5) >> 32),
            largest_component: component.filter(|_| vectors > 0),
            mean_norm: number(3) / vectors as f64,
            largest_norm: number(4),
            nan,
            infinite,
            negative_infinite,
        }
    }
}
