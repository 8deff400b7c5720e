//! How fast two checkpoints are compared, over how fast the same mapped bytes can be read at all.
//!
//! ```text
//! cargo bench --bench throughput                          dtypes × {changed, unchanged}, 2 GB a file
//! cargo bench --bench throughput -- --gigabytes 0.5
//! cargo bench --bench throughput -- --growth              1, 2, 4, 8 GB a file, bf16
//! ```
//!
//! The ceiling sums every 64-bit word of both files through the same maps with the same threads, in the
//! same run, just before and after. Files are written, evicted from the page cache and read once in
//! order, so that the cache holds them in large folios; how it was filled matters more than anything else.

#![expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a script that times")]

use std::error::Error;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use collapse_diagnostics::deltas::{Plan, SpectrumPlan, compare};
use collapse_diagnostics::linalg::SimdLevel;
use collapse_diagnostics::reader::{Checkpoint, IoMode, Limits};
use collapse_diagnostics::tensor::{Dtype, Source};
use rayon::prelude::*;

type Outcome<T> = Result<T, Box<dyn Error>>;

const ROWS: usize = 1600;
const COLS: usize = 6400;
const REPEATS: usize = 15;

fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().collect();
    let after = |flag: &str| args.iter().position(|arg| arg == flag).and_then(|at| args.get(at + 1));
    let gigabytes: f64 = after("--gigabytes").map_or(Ok(2.0), |text| text.parse())?;
    let folder = after("--dir").map_or_else(|| PathBuf::from("target/bench-data"), PathBuf::from);
    std::fs::create_dir_all(&folder)?;
    println!("{} threads, SIMD {}", rayon::current_num_threads(), SimdLevel::detect());
    println!(
        "| pair | GB a file | ceiling GB/s | ours GB/s | ratio | ours by pread GB/s | peak anonymous MiB |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|");
    if args.iter().any(|arg| arg == "--growth") {
        for gigabytes in [1.0, 2.0, 4.0, 8.0] {
            measure(&folder, Dtype::BF16, true, gigabytes)?;
        }
    } else {
        for dtype in [Dtype::BF16, Dtype::F16, Dtype::F32] {
            measure(&folder, dtype, true, gigabytes)?;
        }
        measure(&folder, Dtype::BF16, false, gigabytes)?;
    }
    Ok(())
}

/// One row: writes the pair, measures it, removes it.
fn measure(folder: &Path, dtype: Dtype, changed: bool, gigabytes: f64) -> Outcome<()> {
    let paths = ["before", "after"].map(|side| folder.join(format!("{side}.safetensors")));
    write_pair(&paths, dtype, changed, gigabytes)?;
    for path in &paths {
        evict_and_read(path)?;
    }
    let open = |io| -> Outcome<[Checkpoint; 2]> {
        let limits = Limits::default();
        Ok([Checkpoint::open(&paths[0], &limits, io)?, Checkpoint::open(&paths[1], &limits, io)?])
    };
    let mapped = open(IoMode::Mmap)?;
    let bytes: u64 = mapped.iter().flat_map(|side| side.entries().values()).map(|entry| entry.bytes).sum();
    let rate = |seconds: f64| bytes as f64 / seconds / 1e9;
    let ([mut ceiling, mut ours, mut pread], mut anonymous) = ([f64::MAX; 3], 0.0_f64);
    let plan = Plan { spectrum: SpectrumPlan::Skip, ..Plan::default() };
    for _ in 0..REPEATS {
        // Mapped anew each time, as a user's run maps them: page faults are part of both.
        ceiling = ceiling.min(seconds(|| {
            let sides = open(IoMode::Mmap)?;
            sum_words(&sides)?;
            close(sides);
            Ok(())
        })?);
        let watch = Watch::start();
        ours = ours.min(seconds(|| {
            let sides = open(IoMode::Mmap)?;
            compare(&sides[0], &sides[1], &plan, &())?;
            close(sides);
            Ok(())
        })?);
        anonymous = anonymous.max(watch.stop());
        pread = pread.min(seconds(|| {
            let sides = open(IoMode::Pread)?;
            compare(&sides[0], &sides[1], &plan, &())?;
            close(sides);
            Ok(())
        })?);
    }
    println!(
        "| {dtype} {} | {gigabytes} | {:.1} | {:.1} | {:.2} | {:.1} | {anonymous:.0} |",
        if changed { "changed" } else { "unchanged" },
        rate(ceiling),
        rate(ours),
        ceiling / ours,
        rate(pread),
    );
    paths.iter().try_for_each(std::fs::remove_file)?;
    Ok(())
}

/// Takes down both maps, a thread each.
fn close([before, after]: [Checkpoint; 2]) {
    rayon::join(|| drop(before), || drop(after));
}

fn seconds(job: impl FnOnce() -> Outcome<()>) -> Outcome<f64> {
    let start = Instant::now();
    job()?;
    Ok(start.elapsed().as_secs_f64())
}

/// Every byte of both sides as 64-bit words, added up.
fn sum_words(sides: &[Checkpoint; 2]) -> Outcome<()> {
    const PIECE: u64 = 256 << 10;
    let pieces: Vec<_> = sides
        .iter()
        .flat_map(|side| side.entries().values().map(move |entry| (side, entry)))
        .flat_map(|(side, entry)| {
            (0..entry.bytes.div_ceil(PIECE)).map(move |piece| (side, entry, piece * PIECE))
        })
        .collect();
    let total = pieces
        .par_iter()
        .map(|(side, entry, offset)| {
            let len = PIECE.min(entry.bytes - offset) as usize;
            let mut scratch = Vec::new();
            let words = side.read(entry, *offset, len, &mut scratch)?.as_chunks::<8>().0;
            Ok(words.iter().fold(0_u64, |sum, word| sum.wrapping_add(u64::from_le_bytes(*word))))
        })
        .try_reduce(|| 0, |a, b| Ok::<u64, collapse_diagnostics::reader::ReadError>(a.wrapping_add(b)))?;
    std::hint::black_box(total);
    Ok(())
}

/// Samples the anonymous resident memory of this process until stopped.
struct Watch {
    stop: std::sync::Arc<AtomicBool>,
    thread: std::thread::JoinHandle<f64>,
}

impl Watch {
    fn start() -> Self {
        let stop = std::sync::Arc::new(AtomicBool::new(false));
        let seen = std::sync::Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut peak = 0.0_f64;
            while !seen.load(Ordering::Relaxed) {
                peak = peak.max(anonymous_mib());
                std::thread::sleep(Duration::from_millis(2));
            }
            peak.max(anonymous_mib())
        });
        Self { stop, thread }
    }

    fn stop(self) -> f64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or(f64::NAN)
    }
}

fn anonymous_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib: Option<f64> = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kib.map_or(f64::NAN, |kib| kib / 1024.0)
}

/// W ~ N(0, 0.02²) and, where `changed`, a dense difference of 1 %; each tensor is the block, rotated.
fn write_pair(paths: &[PathBuf; 2], dtype: Dtype, changed: bool, gigabytes: f64) -> Outcome<()> {
    let mut state = 1_u64;
    let mut uniform = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    };
    // Twelve uniforms have variance 1.
    let mut normal = move || (0..12).map(|_| uniform()).sum::<f64>();
    let mut blocks = [Vec::new(), Vec::new()];
    for _ in 0..ROWS * COLS {
        let before = store(dtype, 0.02 * normal(), &mut blocks[0]);
        store(dtype, before + if changed { 2e-4 * normal() } else { 0.0 }, &mut blocks[1]);
    }
    let tensors = ((gigabytes * 1e9) as usize / blocks[0].len()).max(1);
    for (path, block) in paths.iter().zip(&mut blocks) {
        let mut header = String::from("{");
        for tensor in 0..tensors {
            let (from, to) = (tensor * block.len(), (tensor + 1) * block.len());
            write!(
                header,
                "{}\"h.{tensor}.mlp.c_fc.weight\":{{\"dtype\":\"{dtype}\",\"shape\":[{ROWS},{COLS}],\"data_offsets\":[{from},{to}]}}",
                if tensor == 0 { "" } else { "," }
            )?;
        }
        header.push('}');
        header += &" ".repeat(header.len().next_multiple_of(8) - header.len());
        let mut file = File::create(path)?;
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(header.as_bytes())?;
        for _ in 0..tensors {
            file.write_all(block)?;
            block.rotate_left(8 * 1237);
        }
        file.sync_all()?;
    }
    Ok(())
}

fn store(dtype: Dtype, value: f64, out: &mut Vec<u8>) -> f64 {
    match dtype {
        Dtype::F16 => {
            out.extend(half::f16::from_f64(value).to_le_bytes());
            half::f16::from_f64(value).to_f64()
        }
        Dtype::BF16 => {
            out.extend(half::bf16::from_f64(value).to_le_bytes());
            half::bf16::from_f64(value).to_f64()
        }
        _ => {
            out.extend((value as f32).to_le_bytes());
            f64::from(value as f32)
        }
    }
}

/// Drops the file from the page cache and reads it once, in order.
#[expect(unsafe_code, reason = "posix_fadvise has no safe face in std")]
fn evict_and_read(path: &Path) -> Outcome<()> {
    let mut file = File::open(path)?;
    // SAFETY: the descriptor is open; the call only advises the kernel.
    unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
    let mut buffer = vec![0; 8 << 20];
    while file.read(&mut buffer)? > 0 {}
    Ok(())
}
