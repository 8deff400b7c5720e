//! How often permuted ranks agree as much as the data's: `kernels/rank_permute.cu`.

#![expect(unsafe_code, reason = "a launch takes addresses")]

use std::ops::Range;

use super::sources::RANK_PERMUTE;
use super::{GpuError, Launch, Machine, Memory, Queue};

/// Threads of a block, by default.
pub const BLOCK: u32 = 256;

/// As the kernels have them: places in shared memory, and permutations and tasks that a warp multiplies.
const CELLS: usize = 24576;
const ROWS: usize = 2;
const COLUMNS: usize = 8;
/// Values that a permutation may have, below.
const MOST: usize = 1 << 26;

/// Which of the file's versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RankVersion {
    /// A thread a permutation.
    One,
    /// A warp a permutation, then products of many with many.
    Two,
}

/// Ranks about zero, in whole numbers: 2 · rank − (n + 1).
#[derive(Clone, Copy, Debug)]
pub struct CentredRanks<'a> {
    /// x `(n)`, which is permuted.
    pub x: &'a [i32],
    /// y of each task `(tasks, n)`, row-major.
    pub ys: &'a [i32],
}

/// For each task, how many of the first `permutations` of the seed have a |Σ x y| at least that of the data.
///
/// Permutations are those of [`stats::permutation_p`](crate::stats::permutation_p), whose p is (1 + count) / (1 +
/// permutations). `limit` is the most bytes of the machine's memory that are in use at a time; counts do not depend on it,
/// nor on `block`, the threads of a block, rounded to whole warps.
///
/// Degenerate: no task has no count; lists of one value are as far from 0 as ever.
///
/// # Errors
/// [`GpuError::Shape`] where `ys` is not a number of lists as long as x, where a sum might pass 2⁶³, where n is 2²⁶ or more,
/// or where one permutation does not fit into `limit`; what the machine says.
pub fn rank_permute(
    machine: &dyn Machine,
    block: u32,
    ranks: CentredRanks<'_>,
    seed: u64,
    permutations: u64,
    limit: usize,
) -> Result<Vec<u64>, GpuError> {
    let tasks = ranks.tasks()?;
    if tasks == 0 || permutations == 0 {
        return Ok(vec![0; tasks]);
    }
    let batch = ranks.batch(tasks, limit)?.min(usize::try_from(permutations).unwrap_or(usize::MAX));
    let job = Job::new(machine, block, ranks, tasks, batch)?;
    let distances = Memory::of(machine, &ranks.distances())?;
    let counts = Memory::zeroed(machine, tasks * size_of::<u64>())?;
    let mut first = 0;
    while first < permutations {
        let count = (batch as u64).min(permutations - first);
        job.sums(RankVersion::Two, seed, first, count)?;
        let arguments = [job.sums.address(), distances.address(), counts.address(), count];
        job.launch("rank_permute_extremes", tasks as u64, &arguments)?;
        first += count;
    }
    counts.read(Queue::First)
}

/// The sums `Σⱼ x[π(j)] y[j]`, `(tasks, permutations)`, of the permutations of those numbers.
///
/// # Errors
/// As [`rank_permute`], but for the limit.
pub fn rank_sums(
    machine: &dyn Machine,
    block: u32,
    version: RankVersion,
    ranks: CentredRanks<'_>,
    seed: u64,
    numbers: Range<u64>,
) -> Result<Vec<i64>, GpuError> {
    let tasks = ranks.tasks()?;
    let count = numbers.end.saturating_sub(numbers.start);
    let batch = usize::try_from(count).unwrap_or(usize::MAX);
    let most = ranks.batch(tasks, usize::MAX)?;
    if batch > most {
        return Err(GpuError::Shape { what: "a grid of permutations", needs: batch, has: most });
    }
    if tasks == 0 || batch == 0 {
        return Ok(Vec::new());
    }
    let job = Job::new(machine, block, ranks, tasks, batch)?;
    job.sums(version, seed, numbers.start, count)?;
    job.sums.read(Queue::First)
}

impl CentredRanks<'_> {
    /// How many tasks there are.
    fn tasks(&self) -> Result<usize, GpuError> {
        let [x, ys] = [self.x, self.ys].map(size_of_val);
        let whole = if x == 0 { 0 } else { ys.div_ceil(x).saturating_mul(x) };
        if whole != ys {
            return Err(GpuError::Shape { what: "a list of y for each task", needs: whole, has: ys });
        }
        if self.x.len() >= MOST {
            return Err(GpuError::Shape { what: "a permutation", needs: x, has: MOST * size_of::<i32>() });
        }
        let furthest = |list: &[i32]| list.iter().map(|value| value.unsigned_abs()).max().unwrap_or(0);
        let [x, y] = [self.x, self.ys].map(|list| u128::from(furthest(list)));
        if x * y * self.x.len() as u128 > i64::MAX as u128 {
            return Err(GpuError::Shape { what: "a sum of products of ranks", needs: 16, has: 8 });
        }
        Ok(self.ys.len() / self.x.len().max(1))
    }

    /// How far each task's own sum is from 0.
    fn distances(&self) -> Vec<i64> {
        let product = |(&x, &y): (&i32, &i32)| i64::from(x) * i64::from(y);
        let of_task = |y: &[i32]| self.x.iter().zip(y).map(product).sum::<i64>().abs();
        self.ys.chunks(self.x.len().max(1)).map(of_task).collect()
    }

    /// How many permutations go together.
    fn batch(&self, tasks: usize, limit: usize) -> Result<usize, GpuError> {
        let n = size_of_val(self.x);
        let words = tasks * size_of::<u64>();
        let fixed = n + size_of_val(self.ys) + 2 * words;
        let each = n + words;
        let batch = limit.saturating_sub(fixed) / each.max(1);
        if batch == 0 {
            return Err(GpuError::Shape { what: "one permutation", needs: fixed + each, has: limit });
        }
        // A grid has at most 2³¹ − 1 blocks.
        Ok(batch.min(i32::MAX as usize / tasks.div_ceil(COLUMNS).max(1)))
    }
}

/// Lists and room for a batch of permutations.
struct Job<'m> {
    machine: &'m dyn Machine,
    warps: u32,
    n: usize,
    tasks: usize,
    fits_shared: bool,
    batch: usize,
    x: Memory<'m>,
    ys: Memory<'m>,
    rows: Memory<'m>,
    sums: Memory<'m>,
}

impl<'m> Job<'m> {
    fn new(
        machine: &'m dyn Machine,
        block: u32,
        ranks: CentredRanks<'_>,
        tasks: usize,
        batch: usize,
    ) -> Result<Self, GpuError> {
        let n = ranks.x.len();
        let bytes = |each: usize, size: usize| batch.saturating_mul(each).saturating_mul(size);
        Ok(Self {
            machine,
            warps: (block / 32).clamp(1, 32),
            n,
            tasks,
            fits_shared: n <= CELLS && ranks.x.iter().all(|&value| i16::try_from(value).is_ok()),
            batch,
            x: Memory::of(machine, ranks.x)?,
            ys: Memory::of(machine, ranks.ys)?,
            rows: Memory::new(machine, bytes(n, size_of::<i32>()))?,
            sums: Memory::new(machine, bytes(tasks, size_of::<i64>()))?,
        })
    }

    /// Permutes and multiplies; `count` is at most the batch.
    fn sums(&self, version: RankVersion, seed: u64, first: u64, count: u64) -> Result<(), GpuError> {
        debug_assert!(count <= self.batch as u64, "there is room for {} permutations", self.batch);
        let [x, ys, rows, sums] = [&self.x, &self.ys, &self.rows, &self.sums].map(Memory::address);
        let (n, tasks, warps) = (self.n as u64, self.tasks as u64, u64::from(self.warps));
        if version == RankVersion::One {
            let arguments = [x, ys, rows, sums, n, tasks, seed, first, count];
            return self.launch("rank_permute_1", count.div_ceil(warps * 32), &arguments);
        }
        let shuffled = [x, rows, n, seed, first, count];
        if self.fits_shared {
            let slots = warps.min((CELLS / self.n.max(1)) as u64);
            self.launch("rank_permute_2_shared", count.div_ceil(slots), &shuffled)?;
        } else {
            self.launch("rank_permute_2_global", count.div_ceil(warps), &shuffled)?;
        }
        let blocks = tasks.div_ceil(COLUMNS as u64) * count.div_ceil(ROWS as u64 * warps);
        self.launch("rank_permute_2_sums", blocks, &[rows, ys, sums, n, tasks, count])
    }

    fn launch(&self, function: &'static str, blocks: u64, arguments: &[u64]) -> Result<(), GpuError> {
        let too_many = || GpuError::Shape {
            what: "a grid of blocks",
            needs: usize::try_from(blocks).unwrap_or(usize::MAX),
            has: i32::MAX as usize,
        };
        let blocks = i32::try_from(blocks).map_err(|_| too_many())?.unsigned_abs();
        let launch = Launch { source: &RANK_PERMUTE, function, grid: [blocks, 1, 1], block: self.warps * 32 };
        // SAFETY: x, ys, rows and sums have room for n values, all tasks and at most a batch of permutations; distances and
        // counts have a word a task. All are given back after a wait for the queue.
        unsafe { self.machine.launch(Queue::First, launch, arguments) }
    }
}
